//! The blocks of docs/operators.md that are marked as `sh` are played as they stand, one after the other: init, check-config,
//! serve, keys, users and clients, export; then the import. Only places differ: the directory, and the ports.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test, as it should")]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// A serving process; killed if the test fails before it stops it.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Commands of the guide, block by block.
fn blocks() -> Vec<Vec<String>> {
    let guide = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operators.md")).unwrap();
    let blocks = guide.split("\n```sh\n").skip(1).map(|rest| rest.split("\n```").next().unwrap());
    blocks.map(|block| block.lines().map(str::to_owned).collect()).collect()
}

struct Place {
    dir: tempfile::TempDir,
    admin: String,
}

impl Place {
    fn here(&self, line: &str) -> String {
        let state = self.dir.path().join("state");
        line.replace("/var/lib/assent", state.to_str().unwrap()).replace("127.0.0.1:8081", &self.admin)
    }

    /// A shell in which `assent` is ours, and every failure ends it.
    fn run(&self, script: &str) -> Output {
        let path = Path::new(env!("CARGO_BIN_EXE_assent")).parent().unwrap().to_str().unwrap();
        let script = format!(
            "set -e\nPATH={path}:$PATH\ncurl() {{ command curl --silent --show-error --fail \"$@\"; echo; }}\n{script}"
        );
        let mut command = Command::new("bash");
        command.args(["-c", &script]).current_dir(self.dir.path()).stdin(Stdio::null());
        // Commands beside a server find it by its settings.
        let admin = if self.admin.is_empty() { "127.0.0.1:0" } else { &self.admin };
        command.env("ASSENT__PUBLIC__LISTEN", "127.0.0.1:0").env("ASSENT__ADMIN__LISTEN", admin);
        command.output().unwrap()
    }

    fn runs(&self, script: &str) -> String {
        let output = self.run(&self.here(script));
        assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The guide's own command, told to say where it listens.
    fn serve(&mut self, line: &str) -> Server {
        let line = self.here(line);
        let words: Vec<_> = line.split(' ').collect();
        assert_eq!(words[..2], ["assent", "serve"]);
        let mut command = Command::new(env!("CARGO_BIN_EXE_assent"));
        command.args(&words[1..]).arg("--print-addresses").stdin(Stdio::null());
        command.env("ASSENT__PUBLIC__LISTEN", "127.0.0.1:0").env("ASSENT__ADMIN__LISTEN", "127.0.0.1:0");
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let addresses: Value = serde_json::from_str(&line).expect("one line with the addresses");
        addresses["admin"].as_str().unwrap().clone_into(&mut self.admin);
        Server(process)
    }
}

#[test]
fn the_guide_is_played_as_it_stands() {
    let mut place = Place { dir: tempfile::tempdir().unwrap(), admin: String::new() };
    let mut server = None;
    let mut said = String::new();
    let blocks = blocks();
    assert!(blocks.len() >= 4, "the guide has lost its blocks");
    for block in blocks {
        // One shell a block, because later lines use what earlier ones set; a server begins between two of them.
        let mut script = String::new();
        for line in block {
            if line.starts_with("assent serve ") {
                said += &place.runs(&std::mem::take(&mut script));
                server = Some(place.serve(&line));
            } else {
                script += &(line + "\n");
            }
        }
        said += &place.runs(&script);
    }
    for expected in [
        "interval = 2",
        "project_id = \"example-project\"",
        "assent.toml is good",
        "signs from",
        " kept elsewhere: list 3",
        "\"client_secret\"",
        "\"event\":\"client_created\"",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    drop(server);

    // The export that the guide made, in a deployment of its own.
    let told = place.runs(
        "assent init --dir other --issuer https://id.example.com >/dev/null\n\
         cp /var/lib/assent/keys.json /var/lib/assent/wrapping.key other/\n\
         assent import --config other/assent.toml back-up.jsonl",
    );
    assert!(told.contains("imported ") && told.contains("recovered: "), "{told}");
}
