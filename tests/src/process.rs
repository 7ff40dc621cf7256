//! The real binary as a real process, and the world around it over real sockets: for what cannot be shown otherwise
//! (signals, disks, sockets, speed).
//!
//! [`Site`] is a directory with settings, keys and store; [`Server`] is `assent serve` running on it. [`party`] is the
//! relying party and the operator, [`phone`] the phone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

use serde::Deserialize;
use tempfile::TempDir;

use self::http::{Call, Connection, Lost};
use self::party::Operator;
use crate::postgres::Database;

pub mod http;
pub mod load;
pub mod party;
pub mod phone;

/// What a server needs to say before this is over; a debug build reading a long log is slow.
const READY_WITHIN: Duration = Duration::from_mins(1);

static ASSENT: OnceLock<PathBuf> = OnceLock::new();

/// Runs this binary from now on, such as one to be compared with; no effect once one was run.
pub fn run_binary(path: PathBuf) {
    let _ = ASSENT.set(path);
}

/// Where `assent` is, built if need be with the profile this program was built with.
///
/// # Panics
/// If it cannot be built.
#[must_use]
pub fn assent() -> &'static Path {
    ASSENT.get_or_init(|| {
        let program = std::env::current_exe().expect("a program knows its path");
        let profile = program
            .ancestors()
            .find(|dir| dir.ends_with("debug") || dir.ends_with("release"))
            .expect("cargo puts its programs below the folder of their profile");
        // The selection of packages that this profile is built with elsewhere, so that cargo builds nothing twice.
        let selection: &[&str] = if profile.ends_with("release") {
            &["--release", "--package", "server", "--package", "benches"]
        } else {
            &["--workspace"]
        };
        let built = Command::new(option_env!("CARGO").unwrap_or("cargo"))
            .args(["build", "--quiet", "--bin", "assent"])
            .args(selection)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status();
        assert!(built.is_ok_and(|status| status.success()), "`assent` does not build");
        profile.join("assent")
    })
}

/// The issuer of a [`Site`] that names none. Nobody here follows it: the port is free anew at each start.
pub const ISSUER: &str = "http://localhost:8080";

/// A directory in which a server is at home. Removed when dropped.
pub struct Site {
    dir: TempDir,
    settings: Vec<(String, String)>,
    switches: Vec<&'static str>,
    wrapper: Vec<String>,
}

impl Site {
    /// Prepares a directory by `assent init`; no prompt budgets, free ports on loopback.
    ///
    /// # Panics
    /// If the directory cannot be made.
    #[must_use]
    pub fn new() -> Self {
        Self::of(ISSUER)
    }

    /// The same of another issuer.
    ///
    /// # Panics
    /// If the directory cannot be made.
    #[must_use]
    pub fn of(issuer: &str) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let site = Self { settings: Vec::new(), switches: Vec::new(), wrapper: Vec::new(), dir };
        let options = ["--issuer", issuer, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
        let made = Command::new(assent()).arg("init").arg("--dir").arg(site.home()).args(options).output();
        let made = made.expect("it starts");
        assert!(made.status.success(), "assent init: {}", String::from_utf8_lossy(&made.stderr));
        site.with("POLICY__PROMPT_LIMITS", "false")
    }

    /// Sets a setting, through the environment: `STORE__CACHE_MIB`.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.push((format!("ASSENT__{name}"), value.to_owned()));
        self
    }

    /// With its store in this database instead of its directory.
    ///
    /// # Panics
    /// If the settings are not as `assent init` makes them.
    #[must_use]
    pub fn in_database(self, database: &Database) -> Self {
        let file = self.home().join("assent.toml");
        let text = fs::read_to_string(&file).expect("init made it");
        let embedded = "kind = \"embedded\"\n";
        assert!(text.contains(embedded) && text.contains("\ndirectory = "), "{text}");
        let text = text.replace(embedded, "kind = \"postgres\"\n").replace("\ndirectory = ", "\n#directory = ");
        fs::write(&file, text).expect("it can be written");
        self.with("STORE__URL", database.url().reveal())
    }

    /// With the keys of another, and what wraps them: another node of the same deployment.
    ///
    /// # Panics
    /// If they cannot be copied.
    #[must_use]
    pub fn with_keys_of(self, other: &Self) -> Self {
        for name in ["keys.json", "wrapping.key"] {
            fs::copy(other.home().join(name), self.home().join(name)).expect("init made both");
        }
        self.with("KEYS__FILE", &other.home().join("keys.json").display().to_string())
    }

    /// Writes a file that a setting names, and sets it.
    ///
    /// # Panics
    /// If it cannot be written.
    #[must_use]
    pub fn with_file(self, setting: &str, name: &str, text: &str) -> Self {
        let path = self.path(name);
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
        file.and_then(|mut file| file.write_all(text.as_bytes())).expect("it can be written");
        self.with(setting, &path.display().to_string())
    }

    /// Adds a switch to `assent serve`.
    #[must_use]
    pub fn switched(mut self, switch: &'static str) -> Self {
        self.switches.push(switch);
        self
    }

    /// Runs the server under another program, such as a tracer; give none to run it plainly.
    pub fn run_under(&mut self, wrapper: Vec<String>) {
        self.wrapper = wrapper;
    }

    /// What `assent init` made.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.dir.path().join("op")
    }

    /// Room for other files.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The directory of the store.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.home().join("store")
    }

    /// The command that serves.
    fn command(&self) -> Command {
        let mut words = self.wrapper.iter().map(String::as_str).map(Path::new).chain([assent()]);
        let mut command = Command::new(words.next().expect("assent is among them"));
        command.args(words.map(Path::as_os_str));
        command.arg("serve").arg("--config").arg(self.home().join("assent.toml")).arg("--print-addresses");
        command.args(&self.switches).envs(self.settings.iter().cloned());
        command
    }

    /// Where revocations are noted beside the store.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.home().join("revocations.journal")
    }

    /// Runs another command than `serve` to its end: its status and all that it said.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn run(&self, command: &str, rest: &[&str]) -> (ExitStatus, String) {
        let settings = self.home().join("assent.toml");
        let mut command = Self::assent(command);
        command.arg("--config").arg(settings);
        said(command.args(rest).envs(self.settings.iter().cloned()))
    }

    /// The same by an operator of this server, whose settings name its real port.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn run_beside(&self, server: &Server, command: &str, rest: &[&str]) -> (ExitStatus, String) {
        let settings = self.home().join("assent.toml");
        let mut command = Self::assent(command);
        command.arg("--config").arg(settings);
        command.args(rest).envs(self.settings.iter().cloned()).env("ASSENT__ADMIN__LISTEN", server.admin.to_string());
        said(&mut command)
    }

    fn assent(words: &str) -> Command {
        let mut command = Command::new(assent());
        command.args(words.split(' ')).env_remove("ASSENT_WRAPPING_KEY").stdin(Stdio::null());
        command
    }

    /// Starts a server and waits until it is ready.
    ///
    /// # Panics
    /// If it does not get ready; its last words are shown.
    pub async fn serve(&self) -> Server {
        self.try_serve().await.unwrap_or_else(|said| panic!("the server ended before it was ready: {said}"))
    }

    /// The same of one that may refuse to: then its last words.
    ///
    /// # Panics
    /// If it cannot be started, or does not get ready.
    pub async fn try_serve(&self) -> Result<Server, String> {
        let log = self.path("server.log");
        let written = File::options().create(true).append(true).open(&log).expect("a log file");
        let mut command = self.command();
        let mut process = command.stdout(Stdio::piped()).stderr(written).spawn().expect("the server starts");
        let output = process.stdout.take().expect("it is piped");
        let Some(Addresses { public, admin, mtls }) = addresses(BufReader::new(output)) else {
            let status = process.wait();
            return Err(format!("{status:?}\n{}", last_words(&log)));
        };
        let server =
            Server { pid: self.server_pid(process.id()), process, log, public, admin, mtls, token: self.token() };
        server.ready().await;
        Ok(server)
    }

    /// Starts a server and kills it after a while, ready or not.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn serve_briefly(&self, life: Duration) {
        let mut command = self.command();
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the server starts");
        std::thread::sleep(life);
        // It may have ended by itself, or not: either way it is gone then.
        let _ = process.kill();
        let _ = process.wait();
    }

    /// Runs a server that is expected to end by itself; its status and what it said.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn serve_in_vain(&self) -> (ExitStatus, String) {
        let output = self.command().output().expect("the server starts");
        (output.status, String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Under a wrapper the server is the wrapper's child.
    fn server_pid(&self, child: u32) -> u32 {
        if self.wrapper.is_empty() {
            return child;
        }
        let children = fs::read_to_string(format!("/proc/{child}/task/{child}/children")).expect("Linux lists them");
        children.split_whitespace().next().and_then(|pid| pid.parse().ok()).expect("the wrapper runs the server")
    }

    fn token(&self) -> String {
        fs::read_to_string(self.home().join("admin.token")).expect("init made it").trim().to_owned()
    }
}

impl Default for Site {
    fn default() -> Self {
        Self::new()
    }
}

/// The line of `--print-addresses`.
#[derive(Deserialize)]
struct Addresses {
    public: SocketAddr,
    admin: SocketAddr,
    mtls: Option<SocketAddr>,
}

/// `None` if the process ends without that line.
fn addresses(output: impl BufRead) -> Option<Addresses> {
    output.lines().map_while(Result::ok).find_map(|line| serde_json::from_str(&line).ok())
}

/// Runs it to its end: its status and all that it said.
fn said(command: &mut Command) -> (ExitStatus, String) {
    let output = command.output().expect("it starts");
    let said = [output.stdout, output.stderr].concat();
    (output.status, String::from_utf8_lossy(&said).into_owned())
}

fn last_words(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

/// `assent serve` as a process. Killed when dropped.
pub struct Server {
    process: Child,
    pid: u32,
    log: PathBuf,
    /// Where relying parties and phones reach it.
    pub public: SocketAddr,
    /// Where operators do.
    pub admin: SocketAddr,
    /// Where relying parties show certificates, if anywhere.
    pub mtls: Option<SocketAddr>,
    token: String,
}

/// What a server used up so far.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// User and system time, in seconds.
    pub cpu_seconds: f64,
    /// Resident memory, in bytes.
    pub resident_bytes: u64,
}

impl Usage {
    /// What a process used up so far, as Linux counts it.
    ///
    /// # Panics
    /// If there is no such process.
    #[must_use]
    pub fn of(pid: u32) -> Self {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process runs");
        // The second field, the name, may hold anything but ends with the last parenthesis.
        let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
        let ticks: f64 = fields.skip(11).take(2).map(|field| field.parse::<f64>().unwrap_or_default()).sum();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        let kib: u64 = resident.trim().trim_end_matches(" kB").parse().unwrap_or_default();
        // Linux counts in hundredths of a second wherever this runs.
        Self { cpu_seconds: ticks / 100.0, resident_bytes: kib * 1024 }
    }
}

impl Server {
    /// The process id, for looking at it.
    #[must_use]
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// The operators' bearer token.
    #[must_use]
    pub fn admin_token(&self) -> &str {
        &self.token
    }

    /// A new connection for a relying party or a phone.
    pub async fn connect(&self) -> Result<Connection, Lost> {
        Connection::open(self.public).await
    }

    /// A new connection for the operator.
    pub async fn operator(&self) -> Result<Operator, Lost> {
        Ok(Operator::new(Connection::open(self.admin).await?, &self.token))
    }

    /// `kill -9`, and waits until the process is gone.
    pub fn kill(&mut self) {
        if self.pid == self.process.id() {
            // It may have ended before; `wait` tells.
            let _ = self.process.kill();
        } else {
            signal(self.pid, "KILL");
        }
        let _ = self.process.wait();
    }

    /// SIGTERM, and waits until the process is gone.
    ///
    /// # Panics
    /// If the operating system has lost the process.
    pub fn terminate(&mut self) -> ExitStatus {
        signal(self.pid, "TERM");
        self.process.wait().expect("a child can be waited for")
    }

    /// SIGTERM, without waiting.
    pub fn ask_to_end(&self) {
        signal(self.pid, "TERM");
    }

    /// Waits until the process is gone.
    ///
    /// # Panics
    /// If the operating system has lost the process.
    pub fn ended(&mut self) -> ExitStatus {
        self.process.wait().expect("a child can be waited for")
    }

    /// What it and those before it in the same place logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// What it used up so far.
    ///
    /// # Panics
    /// If the process is gone.
    #[must_use]
    pub fn usage(&self) -> Usage {
        Usage::of(self.pid)
    }

    async fn ready(&self) {
        let deadline = now() + READY_WITHIN;
        while !self.is_ready().await {
            assert!(now() < deadline, "the server does not get ready\n{}", last_words(&self.log));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn is_ready(&self) -> bool {
        // Operators have no TLS here, whatever the others speak.
        let Ok(mut connection) = Connection::open(self.admin).await else { return false };
        connection.send(Call::get("/readyz")).await.is_ok_and(|reply| reply.status == 200)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            self.kill();
        }
    }
}

/// Sends a signal to a process we started.
fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).stderr(Stdio::null()).status();
    assert!(sent.is_ok(), "there is a `kill` command");
}

/// Says something that is to be read even if the test passes: counts, seeds. `println!` is kept back then.
pub fn say(what: &str) {
    // A terminal that is gone is no reason to fail.
    let _ = writeln!(io::stderr(), "{what}");
}

/// The clock by which real processes are measured.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "real processes live in real time")]
pub fn now() -> Instant {
    Instant::now()
}

/// The time that virtual phones stamp their messages with.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "a real server compares it with the real clock")]
pub fn unix_seconds() -> i64 {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_secs()).unwrap_or(i64::MAX)
}
