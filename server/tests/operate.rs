//! `assent export`, `import`, `recover` and `explain` on real processes: with a server that holds the store, and without.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test, as it should")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

struct Deployment(PathBuf);

impl Deployment {
    fn init(path: PathBuf) -> Self {
        let dir = path.to_str().unwrap().to_owned();
        let arguments = ["init", "--dir", &dir, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
        let made = assent(&arguments).args(["--issuer", "http://127.0.0.1:8080"]).output().unwrap();
        assert!(made.status.success());
        Self(path)
    }

    fn settings(&self) -> String {
        self.0.join("assent.toml").to_str().unwrap().to_owned()
    }

    fn run(&self, command: &str, rest: &[&str]) -> Output {
        assent(&[command, "--config", &self.settings()]).args(rest).output().unwrap()
    }

    /// While this server runs, as an operator whose settings name the real port.
    fn run_beside(&self, server: &Server, command: &str, rest: &[&str]) -> Output {
        let mut asked = assent(&[command, "--config", &self.settings()]);
        asked.args(rest).env("ASSENT__ADMIN__LISTEN", server.admin.to_string()).output().unwrap()
    }

    fn serve(&self) -> Server {
        let mut command = assent(&["serve", "--config", &self.settings(), "--print-addresses"]);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let addresses: Value = serde_json::from_str(&line).unwrap();
        let token = fs::read_to_string(self.0.join("admin.token")).unwrap().trim().to_owned();
        Server { admin: addresses["admin"].as_str().unwrap().parse().unwrap(), token, process }
    }
}

struct Server {
    admin: SocketAddr,
    token: String,
    process: Child,
}

impl Server {
    /// Status and body.
    fn call(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.admin).unwrap();
        let head = format!(
            "{method} /admin/v1{path} HTTP/1.1\r\nhost: admin\r\nauthorization: Bearer {}\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            self.token,
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        let status = reply.split(' ').nth(1).unwrap().parse().unwrap();
        (status, reply.split_once("\r\n\r\n").unwrap().1.to_owned())
    }

    fn stop(mut self) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.process.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn assent(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_assent"));
    command.args(arguments).env_remove("ASSENT_WRAPPING_KEY").stdin(Stdio::null());
    command
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_deployment_is_exported_while_it_serves_and_moves_to_another_place() {
    let dir = tempfile::tempdir().unwrap();
    let first = Deployment::init(dir.path().join("first"));
    let server = first.serve();
    assert_eq!(server.call("POST", "/users", r#"{"subject":"1001","username":"alice"}"#).0, 201);
    let back_up = dir.path().join("back-up");
    let exported = first.run_beside(&server, "export", &["--output", text(&back_up)]);
    assert!(exported.status.success(), "{}", said(&exported));
    let again = first.run_beside(&server, "export", &["--output", text(&back_up)]);
    assert_eq!(again.status.code(), Some(1), "never over a file that exists");
    server.stop();

    let second = Deployment::init(dir.path().join("second"));
    for file in ["keys.json", "wrapping.key"] {
        fs::copy(first.0.join(file), second.0.join(file)).unwrap();
    }
    let imported = second.run("import", &[text(&back_up)]);
    assert!(imported.status.success(), "{}", said(&imported));
    assert!(said(&imported).contains("recovered: 0 requests cancelled"), "made while serving: {}", said(&imported));
    let twice = second.run("import", &[text(&back_up)]);
    assert!(said(&twice).contains("the store is not empty"), "{}", said(&twice));
    let server = second.serve();
    assert_eq!(server.call("POST", "/users", r#"{"subject":"1001"}"#).0, 409, "alice came along");
    server.stop();

    let whole = second.run("export", &[]);
    let lines = String::from_utf8(whole.stdout).unwrap();
    assert!(lines.lines().next().unwrap().contains("\"serving\":false"), "nobody serves");
    assert!(lines.contains("\"alice\"") && lines.lines().last().unwrap().contains("sha256"));
}

#[test]
fn an_import_that_was_cut_off_is_not_served() {
    let dir = tempfile::tempdir().unwrap();
    let first = Deployment::init(dir.path().join("first"));
    let server = first.serve();
    assert_eq!(server.call("POST", "/users", r#"{"subject":"1001"}"#).0, 201);
    server.stop();
    let whole = first.run("export", &[]);
    // As if the process had ended before the realms were written.
    let torn = Deployment::init(dir.path().join("torn"));
    let text_of = String::from_utf8(whole.stdout).unwrap();
    let line = text_of.lines().find(|line| line.contains("\"user\"")).unwrap();
    tear(&torn, line);
    let refused = torn.run("serve", &[]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("an import was cut off"), "{}", said(&refused));
}

/// Writes one line of an export into a deployment's store, and no realm.
fn tear(deployment: &Deployment, line: &str) {
    use server::flow::export::{Item, Line};
    use server::store::embedded::{EmbeddedStore, Options};
    use server::store::{Change, Store as _};
    let line: Line = serde_json::from_str(line).unwrap();
    let Item::Record(record) = line.item else { panic!("a record") };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let store = EmbeddedStore::open(&deployment.0.join("store"), Options::default()).unwrap();
        store.commit(Change::in_realm(&line.realm).create(record)).await.unwrap();
        store.close().await;
    });
}

#[test]
fn recovery_revokes_what_was_revoked_after_the_copy() {
    let dir = tempfile::tempdir().unwrap();
    let first = Deployment::init(dir.path().join("first"));
    first.serve().stop();
    let recovered = first.run("recover", &[]);
    assert!(recovered.status.success(), "{}", said(&recovered));
    assert!(said(&recovered).contains("0 phones and users revoked again"), "{}", said(&recovered));
    assert!(first.0.join("revocations.journal").exists(), "the journal is kept beside the settings");
}

#[test]
fn explain_asks_the_server_or_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let first = Deployment::init(dir.path().join("first"));
    let server = first.serve();
    let unknown = first.run_beside(&server, "explain", &["no-such-request"]);
    assert_eq!((unknown.status.code(), said(&unknown).contains("nobody knows such a request")), (Some(1), true));
    server.stop();
    let unknown = first.run("explain", &["no-such-request"]);
    assert!(said(&unknown).contains("nobody knows such a request"), "{}", said(&unknown));
    let elsewhere = first.run("explain", &["--realm", "other", "no-such-request"]);
    assert!(said(&elsewhere).contains("there is no realm other"), "{}", said(&elsewhere));
}
