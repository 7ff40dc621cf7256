//! `assent serve` with TLS as an operator runs it: its listeners, and certificates that are renewed while it runs.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test, as it should")]

mod pki;

use std::fs::{self, OpenOptions, Permissions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use pki::{Authority, Certified};
use rcgen::date_time_ymd;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// No step of these takes longer; a test that hangs fails instead.
const PATIENCE: Duration = Duration::from_mins(1);

struct Deployment {
    _dir: tempfile::TempDir,
    path: PathBuf,
    root: Authority,
}

impl Deployment {
    /// Fresh from `assent init`, with these settings at the end of its file.
    fn new(settings: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("assent");
        let made = assent(&["init", "--dir", path.to_str().unwrap(), "--issuer", "https://localhost:8443"])
            .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let mut file = OpenOptions::new().append(true).open(path.join("assent.toml")).unwrap();
        file.write_all(settings.as_bytes()).unwrap();
        Self { _dir: dir, path, root: Authority::root("root") }
    }

    /// Puts a certificate and its key where the settings look for them.
    fn put(&self, name: &str, certified: &Certified) {
        self.write(&format!("{name}.pem"), &certified.pem());
        self.write(&format!("{name}.key"), &certified.key_pem());
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    }

    fn settings(&self) -> String {
        self.path.join("assent.toml").to_str().unwrap().to_owned()
    }

    fn check(&self) -> Output {
        assent(&["check-config", "--config", &self.settings()]).output().unwrap()
    }

    fn serve(&self) -> Server {
        let mut command = assent(&["serve", "--config", &self.settings(), "--print-addresses"]);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let addresses = serde_json::from_str(&line).expect("one line with the addresses");
        let (lines, log) = channel();
        let stderr = BufReader::new(process.stderr.take().unwrap());
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| lines.send(line)));
        Server { addresses, process, log }
    }

    async fn connect(&self, address: SocketAddr, showing: Option<&Certified>) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.der().into()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
        let configuration = match showing {
            Some(client) => {
                let key = PrivateKeyDer::try_from(client.key.clone()).unwrap();
                builder.with_client_auth_cert(vec![client.certificate.clone().into()], key).unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        let stream = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(configuration)).connect(name, stream).await.unwrap()
    }

    /// The certificate that a new connection is shown.
    async fn shown_at(&self, address: SocketAddr) -> Vec<u8> {
        let stream = self.connect(address, None).await;
        let shown: &CertificateDer = &stream.get_ref().1.peer_certificates().unwrap()[0];
        shown.to_vec()
    }
}

fn assent(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_assent"));
    command.args(arguments).env_remove("ASSENT_WRAPPING_KEY").stdin(Stdio::null());
    command
}

async fn get(stream: &mut TlsStream<TcpStream>, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0; 16 * 1024];
    let length = stream.read(&mut answer).await.unwrap();
    String::from_utf8(answer[..length].to_vec()).unwrap()
}

/// A serving process; killed if a test fails before it stops it.
struct Server {
    addresses: Value,
    process: Child,
    log: Receiver<String>,
}

impl Server {
    fn address(&self, name: &str) -> SocketAddr {
        self.addresses[name].as_str().unwrap().parse().unwrap()
    }

    fn send(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.process.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits until it logs a line with this in it.
    fn logs(&self, text: &str) -> String {
        loop {
            let line = self.log.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("never logged: {text}"));
            if line.contains(text) {
                return line;
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const PUBLIC: &str = "[public.tls]\ncertificate = \"op.pem\"\nkey = \"op.key\"\n";
const TAKEN: &str = "new connections are shown";
const KEPT: &str = "the old one stays";

#[tokio::test]
async fn every_listener_speaks_tls_with_its_certificate() {
    let deployment = Deployment::new(&format!(
        "{PUBLIC}[admin.tls]\ncertificate = \"admin.pem\"\nkey = \"admin.key\"\n\
         [mtls]\nlisten = \"127.0.0.1:0\"\nbase_url = \"https://localhost:8444\"\n"
    ));
    let (op, admin) = (deployment.root.server(&["localhost"]), deployment.root.server(&["localhost"]));
    deployment.put("op", &op);
    deployment.put("admin", &admin);
    let mut server = deployment.serve();
    assert_eq!(deployment.shown_at(server.address("public")).await, op.certificate);
    assert_eq!(deployment.shown_at(server.address("mtls")).await, op.certificate, "the public one's");
    assert_eq!(deployment.shown_at(server.address("admin")).await, admin.certificate);

    let client = Certified::self_signed(|_| {});
    for (listener, showing) in [("public", None), ("public", Some(&client)), ("mtls", None), ("mtls", Some(&client))] {
        let mut stream = deployment.connect(server.address(listener), showing).await;
        let answer = get(&mut stream, "/.well-known/openid-configuration").await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"https://localhost:8443\""), "{answer}");
    }
    let mut stream = deployment.connect(server.address("admin"), None).await;
    assert!(get(&mut stream, "/healthz").await.starts_with("HTTP/1.1 200"));
    server.send("-TERM");
    assert!(server.process.wait().unwrap().success(), "idle connections hold nothing up");
}

#[tokio::test]
async fn a_renewed_certificate_is_taken_when_told() {
    let deployment = Deployment::new(&format!("{PUBLIC}reload_interval = 86400\n"));
    let (old, new) = (deployment.root.server(&["localhost"]), deployment.root.server(&["localhost"]));
    deployment.put("op", &old);
    let server = deployment.serve();
    let public = server.address("public");
    let mut before = deployment.connect(public, None).await;
    assert!(get(&mut before, "/healthz").await.starts_with("HTTP/1.1 200"));

    for broken in ["", "nonsense", &new.key_pem()] {
        deployment.write("op.key", broken);
        server.send("-HUP");
        let line = server.logs(KEPT);
        assert!(line.contains("public.tls") && line.contains("op.key") && !line.contains("BEGIN"), "{line}");
        assert_eq!(deployment.shown_at(public).await, old.certificate);
    }
    deployment.put("op", &new);
    server.send("-HUP");
    server.logs(TAKEN);
    assert_eq!(deployment.shown_at(public).await, new.certificate);
    assert!(get(&mut before, "/healthz").await.starts_with("HTTP/1.1 200"), "older connections go on");
}

#[tokio::test]
async fn a_renewed_certificate_is_found_by_looking() {
    let deployment = Deployment::new(&format!("{PUBLIC}reload_interval = 1\n"));
    let (old, new) = (deployment.root.server(&["localhost"]), deployment.root.server(&["localhost"]));
    deployment.put("op", &old);
    let server = deployment.serve();
    let public = server.address("public");
    // Who renews it writes one file first: until the other follows, nothing changes.
    deployment.write("op.pem", &new.pem());
    server.logs(KEPT);
    assert_eq!(deployment.shown_at(public).await, old.certificate);
    deployment.write("op.key", &new.key_pem());
    server.logs(TAKEN);
    assert_eq!(deployment.shown_at(public).await, new.certificate);
}

#[tokio::test]
async fn a_link_that_leads_elsewhere_is_a_renewed_certificate() {
    let deployment = Deployment::new(&format!("{PUBLIC}reload_interval = 1\n"));
    let (old, new) = (deployment.root.server(&["localhost"]), deployment.root.server(&["localhost"]));
    let link = |name: &str| {
        for file in ["pem", "key"] {
            let (link, beside) = (deployment.path.join(format!("op.{file}")), deployment.path.join("beside"));
            std::os::unix::fs::symlink(format!("{name}.{file}"), &beside).unwrap();
            fs::rename(beside, link).unwrap();
        }
    };
    deployment.put("old", &old);
    deployment.put("new", &new);
    link("old");
    let server = deployment.serve();
    assert_eq!(deployment.shown_at(server.address("public")).await, old.certificate);
    link("new");
    server.logs(TAKEN);
    assert_eq!(deployment.shown_at(server.address("public")).await, new.certificate);
}

#[test]
fn checking_tells_of_certificates_that_end() {
    let deployment = Deployment::new(PUBLIC);
    let (ends, begins) = (date_time_ymd(2021, 1, 1), date_time_ymd(2089, 1, 1));
    let server = |differ: &dyn Fn(&mut rcgen::CertificateParams)| deployment.root.client_with(differ);
    for (certified, expected) in [
        (server(&|_| {}), ""),
        (server(&|it| it.not_after = ends), "warning: public.tls.certificate has expired\n"),
        (server(&|it| it.not_before = begins), "warning: public.tls.certificate is not valid yet\n"),
    ] {
        deployment.put("op", &certified);
        let checked = deployment.check();
        assert!(checked.status.success(), "{checked:?}");
        let said = String::from_utf8(checked.stdout).unwrap();
        assert_eq!(said, format!("{expected}{} is good\n", deployment.settings()));
    }
    deployment.write("op.key", "");
    let checked = deployment.check();
    assert_eq!(checked.status.code(), Some(1));
    assert!(String::from_utf8(checked.stderr).unwrap().contains("public.tls.key: "));
}
