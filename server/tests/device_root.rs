//! `assent keys` for the keys that sign for phones, as two operators use it: one at the server, one at a machine that no
//! network reaches.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test, as it should")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

/// No step of these takes longer; a test that hangs fails instead.
const PATIENCE: Duration = Duration::from_mins(1);

/// The server's directory `op`, and the other machine's beside it.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.says("init --dir op --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --issuer http://127.0.0.1:8080");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn assent(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_assent"));
        command.args(arguments.split(' ')).current_dir(self.0.path());
        command.env_remove("ASSENT_WRAPPING_KEY").stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &str) -> Output {
        self.assent(arguments).output().unwrap()
    }

    fn says(&self, arguments: &str) -> Vec<String> {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    }

    /// Why it fails.
    fn fails(&self, arguments: &str) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn request(&self, name: &str) -> Vec<String> {
        self.says(&format!("keys request-device --config op/assent.toml --output {name}"))
    }

    fn install(&self, name: &str) -> Vec<String> {
        self.says(&format!("keys install-device --config op/assent.toml --list {name}"))
    }

    fn serve(&self) -> Server {
        let mut command = self.assent("serve --config op/assent.toml --print-addresses");
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let addresses: Value = serde_json::from_str(&line).expect("one line with the addresses");
        Server { public: addresses["public"].as_str().unwrap().to_owned(), process }
    }
}

/// A serving process; killed if a test fails before it stops it.
struct Server {
    public: String,
    process: Child,
}

impl Server {
    fn get(&self, path: &str) -> Value {
        let mut stream = TcpStream::connect(&self.public).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: op\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    /// What phones are given, once it is another than before. It looks every second; so many requests take longer.
    fn configuration_but(&self, before: &Value) -> Value {
        let asked = (0..100_000).map(|_| self.get("/device/v1/configuration"));
        asked.into_iter().find(|said| said["keys"] != before["keys"]).expect("it is noticed in time")
    }

    fn stop(mut self) -> String {
        Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().unwrap();
        let mut log = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        assert!(self.process.wait().unwrap().success(), "{log}");
        log
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_root_made_on_another_machine_takes_over_and_signs_every_list_from_then_on() {
    let place = Place::new();
    let server = place.serve();
    let first = server.get("/device/v1/configuration");
    let listed = place.says("keys list --config op/assent.toml");
    assert!(listed[1].starts_with("main device root ") && listed[1].ends_with(" here: list 1"), "{listed:?}");
    assert!(listed[2].contains(" signs, until "), "{listed:?}");

    let asked = place.request("request.json");
    assert!(
        asked[0].contains("realm main of http://127.0.0.1:8080, root ") && asked[1].starts_with("add "),
        "{asked:?}"
    );
    let signed = place.says("keys sign-device --root root.json --request request.json --output list.json");
    assert_eq!(signed[..asked.len()], asked, "the same at both ends");
    assert!(signed.iter().any(|line| line.starts_with("signed by root ") && line.ends_with(": list 2")), "{signed:?}");
    let mode = |name: &str| fs::metadata(place.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("root.json"), 0o600);
    assert!(!fs::read_to_string(place.path("list.json")).unwrap().contains("pkcs8"));
    let installed = place.install("list.json");
    assert!(installed[0].contains(" kept elsewhere: list 2"), "{installed:?}");
    assert!(installed[1].contains(" signed, until ") && installed[2].contains(" signs, until "), "{installed:?}");
    let second = server.configuration_but(&first);
    assert!(second["root"] != first["root"] && second["successions"].as_array().unwrap().len() == 1);

    // The next list, a shorter one, without the first key.
    let first_key = installed[1].split(' ').nth(2).unwrap();
    place.request("request-2.json");
    let sign = "keys sign-device --root root.json --request request-2.json --output list-2.json --days 20 --revoke";
    place.says(&format!("{sign} {first_key}"));
    let installed = place.install("list-2.json");
    assert!(installed.contains(&format!("main device {first_key} revoked")), "{installed:?}");
    let third = server.configuration_but(&second);
    assert_eq!(third["root"], second["root"]);
    let ready = server.get("/readyz");
    assert!(
        ready["reminders"][0]
            .as_str()
            .unwrap()
            .starts_with("realm main: the list of device signing keys ends in 19 days")
    );
    let log = server.stop();
    assert!(log.contains("keys have changed") && log.contains("ends in 19 days"), "{log}");
    place.serve().stop();

    // One root kept elsewhere follows another.
    place.request("request-3.json");
    place.says("keys sign-device --root next.json --old-root root.json --request request-3.json --output list-3.json");
    place.install("list-3.json");
    let server = place.serve();
    assert_eq!(server.get("/device/v1/configuration")["successions"].as_array().unwrap().len(), 2);
    server.stop();
}

#[test]
fn what_would_lose_phones_is_refused_and_says_what_to_do() {
    let place = Place::new();
    place.request("request.json");
    place.says("keys sign-device --root root.json --request request.json --output list.json");
    assert!(
        place
            .fails("keys sign-device --root root.json --request request.json --output list.json")
            .contains("exists already")
    );
    place.install("list.json");
    let install = |name: &str| place.fails(&format!("keys install-device --config op/assent.toml --list {name}"));
    assert!(install("list.json").contains("not newer"), "a replay");
    assert!(install("root.json").contains("not in the form"));
    place.request("request-2.json");
    let sign = |rest: &str| place.fails(&format!("keys sign-device --request request-2.json --output x.json {rest}"));
    assert!(sign("--root nobody.json").contains("nobody.json"), "no root can take over that nobody vouches for");
    assert!(!place.path("nobody.json").exists());
    assert!(sign("--root root.json --days 401").contains("1 to 400 days"));
    let rotated = place.fails("keys rotate-device --config op/assent.toml");
    assert!(rotated.contains("kept elsewhere") && rotated.contains("request-device"), "{rotated}");
    assert!(
        place
            .fails("keys request-device --config op/assent.toml --realm other --output y.json")
            .contains("realm other")
    );
    fs::set_permissions(place.path("root.json"), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(sign("--root root.json").contains("chmod 600"));
}

#[test]
fn a_key_file_from_a_back_up_is_refused_whose_list_phones_would_refuse() {
    let place = Place::new();
    let (file, kept) = (place.path("op/keys.json"), place.path("keys.json.kept"));
    place.serve().stop();
    fs::copy(&file, &kept).unwrap();
    place.says("keys rotate-device --config op/assent.toml");
    place.serve().stop();
    fs::copy(&kept, &file).unwrap();
    let refused = place.fails("serve --config op/assent.toml");
    assert!(
        refused.contains("number 1") && refused.contains("with 2") && refused.contains("--sequence 3"),
        "{refused}"
    );
    // The same number is no better: the list is another one.
    place.says("keys rotate-device --config op/assent.toml");
    assert!(place.fails("serve --config op/assent.toml").contains("--sequence 3"));
    place.says("keys rotate-device --config op/assent.toml --sequence 3");
    place.serve().stop();
}
