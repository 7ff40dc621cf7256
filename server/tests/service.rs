//! `packaging/assent.service`: what it starts starts, with what it hands over and nothing else, and tells it so.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test, as it should")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// No step takes longer; a test that hangs fails instead.
const PATIENCE: Duration = Duration::from_mins(1);

struct Unit(Vec<(String, String)>);

impl Unit {
    fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/assent.service");
        let text = fs::read_to_string(path).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
        Self(lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    fn all(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str()).collect()
    }

    fn one(&self, name: &str) -> &str {
        let [value] = self.all(name)[..] else { panic!("{name} stands there once") };
        value
    }
}

/// Killed if a test fails before it stops it.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The state directory, the credentials and the manager's socket.
struct Machine {
    dir: tempfile::TempDir,
}

impl Machine {
    /// As docs/operators.md says: `init`, then the two secrets move out of the state directory.
    fn new(unit: &Unit) -> Self {
        let machine = Self { dir: tempfile::tempdir().unwrap() };
        let state = machine.state();
        let arguments = ["init", "--dir", state.to_str().unwrap(), "--issuer", "https://id.example.com"];
        let listen = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
        let made = assent().args(arguments).args(listen).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        fs::create_dir(machine.credentials()).unwrap();
        for credential in unit.all("LoadCredential") {
            let (name, path) = credential.split_once(':').unwrap();
            let kept = Path::new(path).file_name().unwrap();
            let handed_over = machine.credentials().join(name);
            fs::rename(state.join(kept), &handed_over).unwrap();
            fs::set_permissions(handed_over, Permissions::from_mode(0o400)).unwrap();
        }
        machine
    }

    fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    fn credentials(&self) -> PathBuf {
        self.dir.path().join("credentials")
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("notify")
    }

    fn filled_in(&self, text: &str, unit: &Unit) -> String {
        let state = format!("/var/lib/{}", unit.one("StateDirectory"));
        text.replace("%d", self.credentials().to_str().unwrap()).replace(&state, self.state().to_str().unwrap())
    }

    fn start(&self, unit: &Unit) -> Process {
        let line = self.filled_in(unit.one("ExecStart"), unit);
        let mut words = line.split(' ');
        assert_eq!(Path::new(words.next().unwrap()).file_name().unwrap(), "assent");
        let environment = unit.all("Environment").into_iter().map(|set| self.filled_in(set, unit));
        let environment: Vec<_> =
            environment.map(|set| set.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned())).unwrap()).collect();
        let mut command = assent();
        command.args(words).env_clear().envs(environment).env("NOTIFY_SOCKET", self.socket());
        Process(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap())
    }
}

fn assent() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_assent"));
    command.stdin(Stdio::null());
    command
}

fn said(socket: &UnixDatagram) -> String {
    let mut text = [0; 256];
    let length = socket.recv(&mut text).expect("the manager is told in time");
    String::from_utf8_lossy(&text[..length]).trim().to_owned()
}

#[test]
fn the_service_starts_as_the_unit_says_and_tells_when_it_is_ready_and_when_it_stops() {
    let unit = Unit::read();
    assert_eq!(unit.one("Type"), "notify");
    let machine = Machine::new(&unit);
    let socket = UnixDatagram::bind(machine.socket()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut process = machine.start(&unit);
    assert_eq!(said(&socket), "READY=1");
    let send = |signal: &str| {
        let sent = Command::new("kill").args([signal, &process.0.id().to_string()]).status().unwrap();
        assert!(sent.success());
    };
    let reload = unit.one("ExecReload").split(' ').nth(1).unwrap();
    send(reload);
    send("-TERM");
    assert_eq!(said(&socket), "STOPPING=1");
    assert_eq!(process.0.wait().unwrap().code(), Some(0));
    assert!(machine.state().join("store").exists(), "what it keeps is in the state directory");
}

#[test]
fn the_service_does_not_start_without_what_root_hands_over() {
    let unit = Unit::read();
    for credential in unit.all("LoadCredential") {
        let machine = Machine::new(&unit);
        let (name, _) = credential.split_once(':').unwrap();
        fs::remove_file(machine.credentials().join(name)).unwrap();
        let mut process = machine.start(&unit);
        assert_eq!(process.0.wait().unwrap().code(), Some(1), "{name}");
    }
}

/// The server gives requests 25 seconds, and then a push under way 25 more.
#[test]
fn stopping_is_given_the_time_that_it_may_take() {
    let seconds: u64 = Unit::read().one("TimeoutStopSec").parse().unwrap();
    assert!(seconds > 50, "{seconds}");
}
