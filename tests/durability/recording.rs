//! What strace wrote down, read as steps in the order in which they happened.
//!
//! strace holds a thread at the entry of a call until that is written down, and again at its exit: if the end of a sync
//! stands before the beginning of a send, the sync was over before a byte was sent. The line numbers are therefore a clock.

use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

/// What strace must be told so that this file can read what it writes: all texts in hexadecimal and none of them cut, and
/// the path beside every descriptor.
pub(crate) fn tracer(recording: &Path) -> Vec<String> {
    let calls = "openat,pwrite64,pwritev,write,writev,sendto,sendmsg,fsync,fdatasync,sync_file_range,ftruncate,rename,\
                 renameat,renameat2,unlink,unlinkat";
    let options = ["strace", "-f", "--seccomp-bpf", "-y", "-xx", "-s", "16777216", "-e", "signal=none", "-e"];
    let mut words: Vec<String> = options.map(str::to_owned).to_vec();
    words.push(format!("trace={calls}"));
    words.extend(["-o".to_owned(), recording.display().to_string()]);
    words
}

/// A point of time: the number of a line, counted over all recordings of one run.
pub(crate) type Moment = usize;

/// A call that succeeded.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) began: Moment,
    pub(crate) ended: Moment,
    pub(crate) action: Action,
}

/// What a call did. Files are named by their full paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// The name leads to a file from now on; `emptied` if that file has lost what it held.
    Open {
        path: String,
        emptied: bool,
    },
    Write {
        path: String,
        at: usize,
        bytes: Rc<[u8]>,
    },
    Truncate {
        path: String,
        length: usize,
    },
    /// `fsync` and `fdatasync`. `sync_file_range` promises nothing and is not among them.
    Sync {
        path: String,
    },
    Rename {
        from: String,
        to: String,
    },
    Remove {
        path: String,
    },
    Send {
        socket: String,
        bytes: Rc<[u8]>,
    },
}

/// Reads a recording whose first line is at the moment `from`.
pub(crate) fn read(text: &str, from: Moment) -> Vec<Step> {
    let mut reader = Reader::default();
    let mut steps = Vec::new();
    for (number, line) in text.lines().enumerate() {
        steps.extend(reader.line(from + number, line));
    }
    // By their ends: what a step did is certain only then.
    steps.sort_by_key(|step| step.ended);
    steps
}

#[derive(Default)]
struct Reader<'t> {
    /// Calls whose end is in another line, by thread.
    unfinished: HashMap<&'t str, (Moment, &'t str)>,
    /// Where plain writes go on, by descriptor.
    offsets: HashMap<usize, usize>,
}

impl<'t> Reader<'t> {
    fn line(&mut self, now: Moment, line: &'t str) -> Option<Step> {
        let (thread, rest) = line.split_once(' ')?;
        let rest = rest.trim_start();
        if let Some(call) = rest.strip_suffix("<unfinished ...>") {
            self.unfinished.insert(thread, (now, call));
            return None;
        }
        let (began, head, tail) = match rest.strip_prefix("<... ") {
            Some(resumed) => {
                let (began, head) = self.unfinished.remove(thread)?;
                (began, head, resumed.split_once("resumed>")?.1)
            }
            None => (now, rest, ""),
        };
        let whole = [head, tail].concat();
        let (call, result) = whole.rsplit_once(" = ")?;
        let result = result.split(['<', ' ']).next()?.parse::<usize>().ok()?; // "-1 ENOENT …" did nothing
        let (name, arguments) = call.split_once('(')?;
        let arguments = arguments.trim_end().strip_suffix(')')?;
        let action = self.action(name, arguments, result)?;
        Some(Step { began, ended: now, action })
    }

    fn action(&mut self, name: &str, arguments: &str, result: usize) -> Option<Action> {
        let parts: Vec<&str> = arguments.split(", ").map(str::trim).collect();
        let path = |part: usize| parts.get(part).and_then(|part| descriptor(part)).map(|(_, path)| path);
        match name {
            "openat" => {
                let (path, flags) = (text(parts.get(1)?)?, parts.get(2)?);
                self.offsets.insert(result, 0);
                let emptied = flags.contains("O_TRUNC");
                (emptied || flags.contains("O_CREAT")).then_some(Action::Open { path, emptied })
            }
            "write" | "writev" | "sendto" | "sendmsg" => {
                let (number, path) = descriptor(parts.first()?)?;
                let bytes: Rc<[u8]> = texts(arguments).concat().get(..result)?.into();
                if path.starts_with("socket:") || path.starts_with("TCP") {
                    return Some(Action::Send { socket: path, bytes });
                }
                let offset = self.offsets.entry(number).or_default();
                let at = *offset;
                *offset += result;
                Some(Action::Write { path, at, bytes })
            }
            "pwrite64" | "pwritev" => {
                let bytes = texts(arguments).concat().get(..result)?.into();
                Some(Action::Write { path: path(0)?, at: parts.last()?.parse().ok()?, bytes })
            }
            "ftruncate" => Some(Action::Truncate { path: path(0)?, length: parts.get(1)?.parse().ok()? }),
            "fsync" | "fdatasync" => Some(Action::Sync { path: path(0)? }),
            "rename" => Some(Action::Rename { from: text(parts.first()?)?, to: text(parts.get(1)?)? }),
            "renameat" | "renameat2" => Some(Action::Rename { from: text(parts.get(1)?)?, to: text(parts.get(3)?)? }),
            "unlink" => Some(Action::Remove { path: text(parts.first()?)? }),
            "unlinkat" => Some(Action::Remove { path: text(parts.get(1)?)? }),
            _ => None,
        }
    }
}

/// `9<\x2f\x64\x62>`
fn descriptor(part: &str) -> Option<(usize, String)> {
    let (number, path) = part.strip_suffix('>')?.split_once('<')?;
    Some((number.parse().ok()?, String::from_utf8(bytes(path)).ok()?))
}

/// `"\x2f\x64\x62"`
fn text(part: &str) -> Option<String> {
    let quoted = part.strip_prefix('"')?.strip_suffix('"')?;
    String::from_utf8(bytes(quoted)).ok()
}

/// All texts among the arguments: one of `write`, several of `writev`.
fn texts(arguments: &str) -> Vec<Vec<u8>> {
    arguments.split('"').skip(1).step_by(2).map(bytes).collect()
}

/// `\x2f\x64\x62`
fn bytes(escaped: &str) -> Vec<u8> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => byte - b'0',
        b'a'..=b'f' => byte - b'a' + 10,
        _ => panic!("strace was told to write texts in hexadecimal: {escaped:.40}"),
    };
    escaped.as_bytes().chunks_exact(4).map(|escape| digit(escape[2]) << 4 | digit(escape[3])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actions(text: &str) -> Vec<(Moment, Moment, Action)> {
        read(text, 0).into_iter().map(|step| (step.began, step.ended, step.action)).collect()
    }

    #[test]
    fn interleaved_calls_keep_their_beginnings_and_their_ends() {
        let text = "7 pwrite64(3<\\x2f\\x64>, \"\\x68\\x69\", 2, 40 <unfinished ...>\n\
                    8 fdatasync(4<\\x2f\\x64> <unfinished ...>\n\
                    7 <... pwrite64 resumed>) = 2\n\
                    8 <... fdatasync resumed>) = 0\n";
        let write = Action::Write { path: "/d".to_owned(), at: 40, bytes: Rc::from(*b"hi") };
        assert_eq!(actions(text), [(0, 2, write), (1, 3, Action::Sync { path: "/d".to_owned() })]);
    }

    #[test]
    fn what_failed_or_never_ended_did_nothing() {
        assert_eq!(actions("7 fsync(3<\\x2f>) = -1 EIO (Input/output error)\n7 fsync(3<\\x2f> <unfinished ...>\n"), []);
        assert_eq!(actions("7 +++ exited with 0 +++\n7 sync_file_range(3<\\x2f>, 0, 9, 7) = 0\n"), []);
    }

    #[test]
    fn plain_writes_go_on_where_the_last_one_ended() {
        let text = "7 openat(AT_FDCWD<\\x2f>, \"\\x61\", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 3<\\x2f\\x61>\n\
                    7 write(3<\\x2f\\x61>, \"\\x62\", 1) = 1\n7 write(3<\\x2f\\x61>, \"\\x63\", 1) = 1\n\
                    7 writev(5<\\x73\\x6f\\x63\\x6b\\x65\\x74\\x3a>, [{iov_base=\"\\x64\", iov_len=1}, {iov_base=\"\\x65\", iov_len=1}], 2) = 2\n";
        let written = |at, byte: u8| Action::Write { path: "/a".to_owned(), at, bytes: Rc::from([byte]) };
        let found: Vec<Action> = actions(text).into_iter().map(|(_, _, action)| action).collect();
        let opened = Action::Open { path: "a".to_owned(), emptied: true };
        let sent = Action::Send { socket: "socket:".to_owned(), bytes: Rc::from(*b"de") };
        assert_eq!(found, [opened, written(0, b'b'), written(1, b'c'), sent]);
    }
}
