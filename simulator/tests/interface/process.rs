//! The simulator as a process.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// A simulator of our own, ended when it is dropped.
pub(crate) struct Simulator {
    child: Child,
    /// The line of `--describe`.
    pub(crate) description: Value,
}

/// The command, on a free port unless it says where to listen.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_simulator"));
    command.args(arguments);
    if !arguments.contains(&"--listen") {
        command.args(["--listen", "127.0.0.1:0"]);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

impl Simulator {
    /// Starts one and waits until it says that it is ready.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut command = command(arguments);
        command.arg("--describe");
        Self::of(command)
    }

    /// By a command of the caller's own.
    pub(crate) fn of(mut command: Command) -> Self {
        let mut child = command.spawn().expect("the simulator starts");
        let mut line = String::new();
        let out = child.stdout.as_mut().expect("a pipe");
        BufReader::new(out).read_line(&mut line).expect("a line");
        if line.is_empty() {
            let mut why = String::new();
            child.stderr.as_mut().expect("a pipe").read_to_string(&mut why).expect("its last words");
            panic!("the simulator ended: {why}");
        }
        Self { description: serde_json::from_str(&line).expect("one line of JSON"), child }
    }

    /// One of the description's texts.
    pub(crate) fn text(&self, pointer: &str) -> String {
        self.description.pointer(pointer).and_then(Value::as_str).expect(pointer).to_owned()
    }

    /// Ends it as an operator would.
    pub(crate) fn terminate(mut self) -> std::process::ExitStatus {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs").success());
        self.child.wait().expect("it ends")
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
