//! The `assent` command as an operator meets it: real processes, real files, real sockets.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test, as it should")]

use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use server::keys::{KeyFile, WrappingKey};

/// No step of these takes longer; a test that hangs fails instead.
const PATIENCE: Duration = Duration::from_mins(1);

fn assent(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_assent"));
    command.args(arguments).env_remove("ASSENT_WRAPPING_KEY").stdin(Stdio::null());
    command
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A deployment that listens on free ports.
struct Deployment {
    _dir: tempfile::TempDir,
    path: PathBuf,
}

impl Deployment {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("assent");
        let this = Self { _dir: dir, path };
        let made = this.init();
        assert!(made.status.success(), "{}", text(&made.stderr));
        this
    }

    fn init(&self) -> Output {
        let dir = self.path.to_str().unwrap();
        let arguments = ["init", "--dir", dir, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
        assent(&arguments).args(["--issuer", "http://127.0.0.1:8080"]).output().unwrap()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn settings(&self) -> String {
        self.file("assent.toml").to_str().unwrap().to_owned()
    }

    fn check(&self) -> Output {
        assent(&["check-config", "--config", &self.settings()]).output().unwrap()
    }

    fn keys(&self, arguments: &[&str]) -> Command {
        let mut command = assent(&["keys"]);
        command.args(arguments).args(["--config", &self.settings()]);
        command
    }

    /// What `assent keys` prints.
    fn keys_say(&self, arguments: &[&str]) -> Vec<String> {
        let said = self.keys(arguments).output().unwrap();
        assert!(said.status.success(), "{}", text(&said.stderr));
        text(&said.stdout).lines().map(str::to_owned).collect()
    }

    fn set(&self, from: &str, to: &str) {
        let settings = fs::read_to_string(self.settings()).unwrap();
        assert!(settings.contains(from));
        fs::write(self.settings(), settings.replacen(from, to, 1)).unwrap();
    }

    fn serve(&self) -> Server {
        let settings = self.settings();
        let mut command = assent(&["serve", "--config", &settings, "--print-addresses"]);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let addresses: Value = serde_json::from_str(&line).expect("one line with the addresses");
        let address = |name: &str| addresses[name].as_str().unwrap().parse().unwrap();
        Server { public: address("public"), admin: address("admin"), process }
    }

    /// What a server says that does not start.
    fn refusal(&self) -> String {
        let refused = assent(&["serve", "--config", &self.settings()]).output().unwrap();
        assert_eq!(refused.status.code(), Some(1));
        text(&refused.stderr).to_owned()
    }
}

/// A serving process; killed if a test fails before it stops it.
struct Server {
    public: SocketAddr,
    admin: SocketAddr,
    process: Child,
}

impl Server {
    fn send(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.process.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// How it ended, and what it logged.
    fn end(mut self) -> (ExitStatus, String) {
        let mut log = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (self.process.wait().unwrap(), log)
    }

    fn stop(self) -> (ExitStatus, String) {
        self.send("-TERM");
        self.end()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One request; status and body of the answer.
fn get(address: SocketAddr, path: &str, headers: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: op\r\nconnection: close\r\n{headers}\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap())
}

#[test]
fn from_nothing_to_serving_and_back() {
    let deployment = Deployment::new();
    let checked = deployment.check();
    assert!(checked.status.success(), "{}", text(&checked.stderr));

    let server = deployment.serve();
    for address in [server.public, server.admin] {
        assert_eq!(get(address, "/healthz", ""), (200, serde_json::json!({ "status": "alive" })));
        assert_eq!(get(address, "/readyz", ""), (200, serde_json::json!({ "status": "ready" })));
    }
    let (status, discovery) = get(server.public, "/.well-known/openid-configuration", "");
    assert_eq!((status, &discovery["issuer"]), (200, &"http://127.0.0.1:8080".into()));

    let (status, log) = server.stop();
    assert_eq!(status.code(), Some(0), "{log}");
    for said in ["listening", "serving", "stopping", "stopped"] {
        assert!(log.contains(said), "{said}: {log}");
    }
}

#[test]
fn an_interrupt_stops_it_too() {
    let server = Deployment::new().serve();
    server.send("-INT");
    assert_eq!(server.end().0.code(), Some(0));
}

#[test]
fn it_signs_with_the_same_keys_after_a_restart() {
    let deployment = Deployment::new();
    let jwks = || {
        let server = deployment.serve();
        let jwks = get(server.public, "/jwks", "").1;
        assert!(server.stop().0.success());
        jwks
    };
    let before = jwks();
    assert!(before["keys"][0]["kid"].is_string());
    assert_eq!(before, jwks());
}

/// The `kid` in a line of `assent keys`.
fn kid(line: &str) -> &str {
    line.split(' ').nth(2).unwrap()
}

fn kids(server: &Server) -> Vec<String> {
    let (_, jwks) = get(server.public, "/jwks", "");
    jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn keys_are_listed_and_rotated() {
    let deployment = Deployment::new();
    let first = deployment.keys_say(&["list"]);
    assert_eq!(first.len(), 3, "with the device root and its list");
    assert!(first[0].starts_with("main ES256 ") && first[0].contains(": signing since "), "{first:?}");

    let announced = deployment.keys_say(&["rotate"]);
    assert_eq!(announced.len(), 2);
    assert!(announced[0].contains(": next, signs from ") && announced[1] == first[0], "{announced:?}");
    let again = deployment.keys_say(&["rotate", "--realm", "main", "--alg", "ES256"]);
    assert!(again[0].contains("on their way already") && again[1..] == announced, "{again:?}");

    let now = deployment.keys_say(&["rotate", "--now"]);
    assert!(now[0].contains(": signing since ") && kid(&now[0]) == kid(&announced[0]), "{now:?}");
    assert!(now[1].contains(": published until ") && kid(&now[1]) == kid(&first[0]), "{now:?}");

    let leaked = deployment.keys_say(&["rotate", "--leaked"]);
    assert_eq!(leaked.len(), 1);
    assert!(!now.iter().any(|line| kid(line) == kid(&leaked[0])));
    assert_eq!(deployment.keys_say(&["list", "--alg", "PS256"]), [""; 0]);
}

#[test]
fn keys_that_are_not_there_are_named() {
    let deployment = Deployment::new();
    let refusals = [
        (&["list", "--realm", "other"][..], "no keys for realm other"),
        (&["rotate", "--realm", "other"], "no keys for realm other"),
        (&["rotate", "--alg", "PS256"], "realm main has no PS256 key"),
        (&["rotate", "--alg", "none"], "no such algorithm"),
        (&["rotate", "--now", "--leaked"], "cannot be used with"),
    ];
    for (arguments, reason) in refusals {
        let refused = deployment.keys(arguments).output().unwrap();
        assert!(!refused.status.success() && text(&refused.stderr).contains(reason), "{}", text(&refused.stderr));
    }
}

#[test]
fn a_running_server_takes_up_what_is_rotated() {
    let deployment = Deployment::new();
    let server = deployment.serve();
    let before = kids(&server);
    let announced = deployment.keys_say(&["rotate"]);
    let both = [before[0].clone(), kid(&announced[0]).to_owned()];
    // It looks every second; so many requests take longer.
    let noticed = (0..100_000).map(|_| kids(&server)).find(|kids| *kids != before);
    assert_eq!(noticed.as_deref(), Some(&both[..]));
    let (_, log) = server.stop();
    assert!(log.contains("keys have changed"), "{log}");
}

/// What the audit trail has of keys: event and `kid`.
fn key_events(deployment: &Deployment, server: &Server) -> Vec<(String, String)> {
    let token = fs::read_to_string(deployment.file("admin.token")).unwrap();
    let (_, audit) = get(server.admin, "/admin/v1/audit", &format!("authorization: Bearer {}\r\n", token.trim()));
    let of_keys = |event: &Value| {
        let name = event["event"].as_str()?.strip_prefix("signing_key_")?;
        Some((name.to_owned(), event["kid"].as_str()?.to_owned()))
    };
    audit["events"].as_array().unwrap().iter().filter_map(of_keys).collect()
}

#[test]
fn what_becomes_of_keys_is_in_the_audit_trail_once_whoever_rotated() {
    let deployment = Deployment::new();
    let first = kid(&deployment.keys_say(&["list"])[0]).to_owned();
    let told = |server: &Server, expected: &[(&str, &str)]| {
        let whole: Vec<_> = expected.iter().map(|(name, kid)| ((*name).to_owned(), (*kid).to_owned())).collect();
        // It looks every second; so many requests take longer.
        let found = (0..100_000).map(|_| key_events(&deployment, server)).find(|events| events.len() >= whole.len());
        let (mut found, mut whole) = (found.expect("it is told in time"), whole);
        found.sort();
        whole.sort();
        assert_eq!(found, whole);
    };
    let server = deployment.serve();
    let mut expected = vec![("created", &*first), ("signs", &*first)];
    told(&server, &expected);
    let next = kid(&deployment.keys_say(&["rotate"])[0]).to_owned();
    expected.push(("created", &*next));
    told(&server, &expected);
    deployment.keys_say(&["rotate", "--now"]);
    expected.push(("signs", &*next));
    told(&server, &expected);
    assert!(server.stop().0.success());

    // While nobody serves.
    let last = kid(&deployment.keys_say(&["rotate", "--leaked"])[0]).to_owned();
    let server = deployment.serve();
    expected.extend([("withdrawn", &*first), ("withdrawn", &*next), ("created", &*last), ("signs", &*last)]);
    told(&server, &expected);
    assert!(server.stop().0.success());
}

/// The server's user owns the directory, and may put links to root's files into it.
#[test]
fn a_link_in_place_of_the_lock_makes_root_give_nothing_away() {
    let deployment = Deployment::new();
    let (lock, another) = (deployment.file("keys.json.lock"), deployment.file("of-root"));
    // Empty, as a lock is.
    fs::write(&another, "").expect("it can be written");
    let owner = fs::metadata(&another).expect("it is there").uid();
    // Only root may give it away; as anybody else there is nobody to give anything to.
    let _ = std::os::unix::fs::chown(deployment.file("keys.json"), Some(65_534), Some(65_534));
    let soft = |from: &Path, to: &Path| std::os::unix::fs::symlink(from, to);
    let hard = |from: &Path, to: &Path| fs::hard_link(from, to);
    for link in [&soft as &dyn Fn(&Path, &Path) -> std::io::Result<()>, &hard] {
        let _ = fs::remove_file(&lock);
        link(&another, &lock).expect("it can be linked");
        deployment.keys_say(&["rotate", "--now"]);
        assert_eq!(fs::metadata(&another).expect("it is there").uid(), owner);
    }
    // Nor does it make a file where a link points at none.
    fs::remove_file(&lock).expect("it is there");
    let nowhere = deployment.file("nowhere");
    std::os::unix::fs::symlink(&nowhere, &lock).expect("it can be linked");
    let refused = deployment.keys(&["rotate", "--now"]).output().expect("it starts");
    assert!(!refused.status.success() && !nowhere.exists());
}

#[test]
fn root_leaves_the_key_file_to_its_owner() {
    let deployment = Deployment::new();
    let file = deployment.file("keys.json");
    // Only root may give it away; for anybody else it stays theirs, which is the same to ask.
    let _ = std::os::unix::fs::chown(&file, Some(65_534), Some(65_534));
    let owner = fs::metadata(&file).unwrap().uid();
    deployment.keys_say(&["rotate"]);
    assert_eq!(fs::metadata(&file).unwrap().uid(), owner);
    assert_eq!(fs::metadata(deployment.file("keys.json.lock")).unwrap().uid(), owner);
}

#[test]
fn a_rotation_that_is_killed_happened_or_did_not() {
    let deployment = Deployment::new();
    let listed = || deployment.keys_say(&["list", "--alg", "ES256"]).len();
    let mut known = listed();
    for moment in 0..25 {
        let mut rotating = deployment.keys(&["rotate", "--now"]).stdout(Stdio::null()).spawn().unwrap();
        // Let it come a little further each time.
        for _ in 0..moment * 20 {
            fs::read(deployment.file("keys.json")).unwrap();
        }
        let _ = rotating.kill();
        rotating.wait().unwrap();
        let now = listed();
        assert!((known..=known + 1).contains(&now), "{known} keys, then {now}");
        known = now;
    }
    assert_eq!(deployment.keys_say(&["rotate", "--now"]).len(), known + 1);
    assert!(deployment.serve().stop().0.success());
}

#[test]
fn rotations_by_several_processes_lose_none() {
    let deployment = Deployment::new();
    let rotate = || deployment.keys(&["rotate", "--now"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    for rotating in [(); 4].map(|()| rotate()) {
        let output = rotating.wait_with_output().unwrap();
        assert!(output.status.success(), "{}: {}", output.status, text(&output.stderr));
    }
    assert_eq!(deployment.keys_say(&["list", "--alg", "ES256"]).len(), 5);
}

/// A full disk, as a limit on the size of files makes one.
#[test]
fn a_rotation_that_finds_no_room_says_so_and_changes_nothing() {
    let deployment = Deployment::new();
    let before = fs::read(deployment.file("keys.json")).unwrap();
    let script = "ulimit -f 0; trap '' XFSZ; exec \"$0\" keys rotate --now --config \"$1\"";
    let mut limited = Command::new("sh");
    limited.args(["-c", script, env!("CARGO_BIN_EXE_assent"), &deployment.settings()]);
    let refused = limited.env_remove("ASSENT_WRAPPING_KEY").output().unwrap();
    let said = text(&refused.stderr);
    assert!(!refused.status.success() && said.contains("keys.json"), "{said}");
    assert_eq!(fs::read(deployment.file("keys.json")).unwrap(), before);
    assert_eq!(deployment.keys_say(&["rotate", "--now"]).len(), 2, "what it left behind is in nobody's way");
}

#[test]
fn operators_are_let_in_by_the_token_that_init_made() {
    let deployment = Deployment::new();
    let server = deployment.serve();
    let token = fs::read_to_string(deployment.file("admin.token")).unwrap();
    let bearer = |token: &str| format!("authorization: Bearer {token}\r\n");
    assert_eq!(get(server.admin, "/admin/v1/clients", &bearer(token.trim())).0, 200);
    assert_eq!(get(server.admin, "/admin/v1/clients", &bearer("another")).0, 401);
    assert_eq!(get(server.admin, "/admin/v1/clients", "").0, 401);
    assert_eq!(get(server.public, "/admin/v1/clients", &bearer(token.trim())).0, 404, "not where the world looks");
    let (_, log) = server.stop();
    assert!(!log.contains(token.trim()));
}

#[test]
fn log_lines_are_json_when_wanted() {
    let deployment = Deployment::new();
    deployment.set("format = \"text\"", "format = \"json\"");
    let server = deployment.serve();
    let (public, admin) = (server.public.to_string(), server.admin.to_string());
    let (_, log) = server.stop();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    let listening = lines.iter().find(|line| line["message"] == "listening").expect("it says where");
    assert_eq!((listening["public"].as_str(), listening["admin"].as_str()), (Some(&*public), Some(&*admin)));
}

#[test]
fn what_init_makes_is_its_owners_alone() {
    let deployment = Deployment::new();
    let mode = |path: &PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for name in ["assent.toml", "keys.json", "wrapping.key", "admin.token"] {
        assert_eq!(mode(&deployment.file(name)), 0o600, "{name}");
    }
    assert_eq!(mode(&deployment.path), 0o700);
}

#[test]
fn no_two_deployments_share_a_secret() {
    let (one, two) = (Deployment::new(), Deployment::new());
    for name in ["keys.json", "wrapping.key", "admin.token"] {
        assert_ne!(fs::read(one.file(name)).unwrap(), fs::read(two.file(name)).unwrap(), "{name}");
    }
}

#[test]
fn init_overwrites_nothing() {
    let deployment = Deployment::new();
    let content =
        || ["assent.toml", "keys.json", "wrapping.key", "admin.token"].map(|name| fs::read(deployment.file(name)));
    let before = content().map(Result::unwrap);
    for left in ["assent.toml", "keys.json", "wrapping.key", "admin.token"] {
        let refused = deployment.init();
        assert_eq!(refused.status.code(), Some(1), "{left}");
        assert!(text(&refused.stderr).contains("exists already"), "{}", text(&refused.stderr));
        assert_eq!(content().map(Result::unwrap), before);
    }
    for gone in ["assent.toml", "keys.json", "wrapping.key"] {
        fs::remove_file(deployment.file(gone)).unwrap();
        assert_eq!(deployment.init().status.code(), Some(1), "one file is enough to stay away");
        assert!(!deployment.file(gone).exists());
    }
}

#[test]
fn init_wants_an_issuer_where_the_world_can_look() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("assent");
    let init = |more: &[&str]| {
        let refused = assent(&["init", "--dir", path.to_str().unwrap()]).args(more).output().unwrap();
        assert_eq!(refused.status.code(), Some(1));
        assert!(text(&refused.stderr).contains("--issuer"), "{}", text(&refused.stderr));
        assert!(!path.exists());
    };
    init(&["--listen", "0.0.0.0:8080"]);
    init(&["--issuer", "http://op.example"]);
    init(&["--issuer", "https://op.example/"]);
}

#[test]
fn keys_that_others_can_read_are_not_used() {
    let deployment = Deployment::new();
    fs::set_permissions(deployment.file("keys.json"), Permissions::from_mode(0o644)).unwrap();
    let refusal = deployment.refusal();
    assert!(refusal.contains("keys.file: ") && refusal.contains("chmod 600"), "{refusal}");
    let checked = deployment.check();
    assert_eq!(checked.status.code(), Some(1));
    assert!(text(&checked.stderr).contains("chmod 600"));
}

#[test]
fn a_store_without_its_keys_is_not_given_new_ones() {
    let deployment = Deployment::new();
    assert!(deployment.serve().stop().0.success());
    fs::remove_file(deployment.file("keys.json")).unwrap();
    assert!(deployment.refusal().contains("keys.file: "));
    let wrapping_key = WrappingKey::read(&deployment.file("wrapping.key")).unwrap();
    KeyFile::create(&deployment.file("keys.json"), wrapping_key).unwrap();
    let refusal = deployment.refusal();
    assert!(refusal.contains("no keys for realm main: restore it from a back-up"), "{refusal}");
    assert!(text(&deployment.check().stderr).contains("no keys for realm main"));
}

#[test]
fn the_wrapping_key_may_come_from_the_environment() {
    let deployment = Deployment::new();
    let key = fs::read_to_string(deployment.file("wrapping.key")).unwrap();
    fs::remove_file(deployment.file("wrapping.key")).unwrap();
    assert_eq!(deployment.check().status.code(), Some(1));
    let check = |key: &str| {
        let settings = deployment.settings();
        assent(&["check-config", "--config", &settings]).env("ASSENT_WRAPPING_KEY", key).output().unwrap()
    };
    assert!(check(&key).status.success());
    let other = check("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
    assert_eq!(other.status.code(), Some(1));
    assert!(text(&other.stderr).contains("not the one that this key file was written with"));
}

#[test]
fn two_servers_do_not_share_a_store() {
    let deployment = Deployment::new();
    let server = deployment.serve();
    assert!(deployment.refusal().contains("store.directory: the store is in use"));
    assert!(text(&deployment.check().stdout).contains("in use by a running server"));
    assert!(server.stop().0.success());
}

#[test]
fn a_port_that_is_taken_is_named() {
    let deployment = Deployment::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    deployment.set("listen = \"127.0.0.1:0\"", &format!("listen = \"{address}\""));
    let refusal = deployment.refusal();
    assert!(refusal.contains(&format!("public.listen: {address}: ")), "{refusal}");
}

#[test]
fn check_config_names_what_is_wrong_and_fails() {
    let deployment = Deployment::new();
    deployment.set("#cache_mib = 64", "cache_mib = 0");
    deployment.set("#interval = 5", "interval = 90");
    let checked = deployment.check();
    assert_eq!(checked.status.code(), Some(1));
    for setting in ["store.cache_mib: ", "policy.interval: "] {
        assert!(text(&checked.stderr).contains(setting), "{}", text(&checked.stderr));
    }
    assert!(!deployment.file("store").exists(), "it makes nothing");
}

#[test]
fn check_config_reports_drift_and_succeeds() {
    let deployment = Deployment::new();
    deployment.set("#interval = 5", "interval = 6");
    assert!(deployment.serve().stop().0.success());
    deployment.set("interval = 6", "interval = 7");
    let checked = deployment.check();
    assert!(checked.status.success(), "{}", text(&checked.stderr));
    let warning = "warning: realm main: policy: interval is 7 in the file and 6 in the store, which holds";
    assert!(text(&checked.stdout).contains(warning), "{}", text(&checked.stdout));
}

#[test]
fn every_rule_in_the_written_file_is_the_default() {
    let deployment = Deployment::new();
    let settings = fs::read_to_string(deployment.settings()).unwrap();
    let (_, policy) = settings.split_once("\n[policy]\n").unwrap();
    let (policy, _) = policy.split_once("\n\n").unwrap();
    let rules: Vec<&str> =
        policy.lines().filter_map(|line| line.strip_prefix('#')).filter(|line| !line.starts_with(' ')).collect();
    assert!(rules.len() > 30);
    let written: server::domain::realm::Policy = toml::from_str(&rules.join("\n")).unwrap();
    assert_eq!(written, server::domain::realm::Policy::default());
}

#[test]
fn a_server_that_syncs_nothing_says_so_loudly() {
    let deployment = Deployment::new();
    let settings = deployment.settings();
    let mut command = assent(&["serve", "--config", &settings, "--print-addresses", "--dev-no-sync"]);
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let (_, log) = Server { public: anywhere, admin: anywhere, process }.stop();
    assert!(log.contains("NOTHING IS DURABLE"), "{log}");
}
