//! A disk that forgets: what of a directory is left when the power fails.
//!
//! A file keeps what was written before the beginning of a sync that has ended. A name (created, changed or removed) is
//! kept once its directory was synced. Of everything else any part may have reached the platter: none of it, or page by
//! page whatever chance picks.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::rc::Rc;

use super::recording::{Action, Moment, Step};

/// Writes reach the platter in pages of this size.
const PAGE: usize = 4096;

/// A directory on such a disk, without the directories in it.
#[derive(Default)]
pub(crate) struct Disk {
    dir: String,
    files: Vec<File>,
    /// Where each name leads; what the running system sees.
    names: BTreeMap<String, usize>,
    /// Where it leads after a power failure.
    kept_names: BTreeMap<String, usize>,
    /// What each sync under way will keep: file and number of changes.
    begun: HashMap<(Moment, String), (usize, usize)>,
}

#[derive(Default)]
struct File {
    kept: Vec<u8>,
    /// Changes that no sync has reached, in order.
    loose: Vec<Change>,
    /// How many changes were kept so far, so that counts stay comparable.
    settled: usize,
}

enum Change {
    Write(usize, Rc<[u8]>),
    Truncate(usize),
}

impl Disk {
    /// An empty directory of this path.
    pub(crate) fn of(dir: &Path) -> Self {
        Self { dir: dir.display().to_string(), ..Self::default() }
    }

    /// The beginning of a step: a sync reaches what was written before it.
    pub(crate) fn begin(&mut self, step: &Step) {
        if let Action::Sync { path } = &step.action
            && let Some(&file) = self.names.get(path)
        {
            let reached = self.files[file].settled + self.files[file].loose.len();
            self.begun.insert((step.began, path.clone()), (file, reached));
        }
    }

    /// The end of a step.
    pub(crate) fn end(&mut self, step: &Step) {
        match &step.action {
            Action::Open { path, emptied } if self.is_inside(path) => self.open(path, *emptied),
            Action::Write { path, at, bytes } => self.change(path, Change::Write(*at, bytes.clone())),
            Action::Truncate { path, length } => self.change(path, Change::Truncate(*length)),
            Action::Sync { path } if *path == self.dir => self.kept_names = self.names.clone(),
            Action::Sync { path } => {
                if let Some((file, reached)) = self.begun.remove(&(step.began, path.clone())) {
                    self.files[file].settle(reached);
                }
            }
            Action::Rename { from, to } => {
                if let Some(file) = self.names.remove(from) {
                    self.names.insert(to.clone(), file);
                }
            }
            Action::Remove { path } => drop(self.names.remove(path)),
            Action::Open { .. } | Action::Send { .. } => {}
        }
    }

    fn is_inside(&self, path: &str) -> bool {
        let name = path.strip_prefix(&self.dir).and_then(|rest| rest.strip_prefix('/'));
        name.is_some_and(|name| !name.contains('/'))
    }

    fn open(&mut self, path: &str, emptied: bool) {
        if !self.names.contains_key(path) {
            self.names.insert(path.to_owned(), self.files.len());
            self.files.push(File::default());
        } else if emptied {
            self.change(path, Change::Truncate(0));
        }
    }

    fn change(&mut self, path: &str, change: Change) {
        if let Some(&file) = self.names.get(path) {
            self.files[file].loose.push(change);
        }
    }

    /// Writes into a directory what is left if nothing but what was synced is.
    pub(crate) fn after_power_failure(&self, into: &Path) {
        for (name, &file) in &self.kept_names {
            self.restore(into, name, &self.files[file].kept);
        }
    }

    /// Writes into a directory what is left if chance decides about each page that was not synced, and every change of
    /// names has arrived.
    pub(crate) fn after_unlucky_power_failure(&self, into: &Path, chance: &mut impl FnMut() -> bool) {
        for (name, &file) in &self.names {
            let file = &self.files[file];
            let mut left = file.kept.clone();
            for change in &file.loose {
                change.apply_by_chance(&mut left, chance);
            }
            self.restore(into, name, &left);
        }
    }

    fn restore(&self, into: &Path, name: &str, content: &[u8]) {
        let name = name.strip_prefix(&self.dir).unwrap_or(name).trim_start_matches('/');
        fs::write(into.join(name), content).expect("the copy can be written");
    }
}

impl File {
    fn settle(&mut self, reached: usize) {
        let count = reached.saturating_sub(self.settled);
        for change in self.loose.drain(..count) {
            change.apply(&mut self.kept);
        }
        self.settled += count;
    }
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write(at, bytes) => put(content, *at, bytes),
            Self::Truncate(length) => content.resize(*length, 0),
        }
    }

    fn apply_by_chance(&self, content: &mut Vec<u8>, chance: &mut impl FnMut() -> bool) {
        match self {
            Self::Write(at, bytes) => {
                let mut from = 0;
                while from < bytes.len() {
                    let to = ((at + from) / PAGE * PAGE + PAGE - at).min(bytes.len());
                    if chance() {
                        put(content, at + from, &bytes[from..to]);
                    }
                    from = to;
                }
            }
            Self::Truncate(length) if chance() => content.resize(*length, 0),
            Self::Truncate(_) => {}
        }
    }
}

fn put(content: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = at + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[at..end].copy_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps, each given by its beginning and its end, and what a disk keeps of the file `/s/db`.
    fn kept(steps: &[(Moment, Moment, Action)]) -> Option<Vec<u8>> {
        let mut disk = Disk::of(Path::new("/s"));
        let steps = steps.iter().cloned().map(|(began, ended, action)| Step { began, ended, action });
        let steps: Vec<Step> = steps.collect();
        for moment in 0..20 {
            steps.iter().filter(|step| step.began == moment).for_each(|step| disk.begin(step));
            steps.iter().filter(|step| step.ended == moment).for_each(|step| disk.end(step));
        }
        disk.kept_names.get("/s/db").map(|&file| disk.files[file].kept.clone())
    }

    fn open() -> (Moment, Moment, Action) {
        (0, 0, Action::Open { path: "/s/db".to_owned(), emptied: false })
    }

    fn write(began: Moment, ended: Moment, byte: u8) -> (Moment, Moment, Action) {
        (began, ended, Action::Write { path: "/s/db".to_owned(), at: usize::from(byte), bytes: Rc::from([byte]) })
    }

    fn sync(began: Moment, ended: Moment, path: &str) -> (Moment, Moment, Action) {
        (began, ended, Action::Sync { path: path.to_owned() })
    }

    #[test]
    fn a_sync_keeps_what_was_written_before_it_began() {
        let steps = [open(), sync(1, 1, "/s"), write(2, 3, 0), sync(4, 6, "/s/db"), write(5, 5, 1), write(7, 7, 2)];
        assert_eq!(kept(&steps), Some(vec![0]));
    }

    #[test]
    fn a_write_that_had_not_ended_when_the_sync_began_may_be_lost() {
        assert_eq!(kept(&[open(), sync(1, 1, "/s"), write(2, 4, 0), sync(3, 5, "/s/db")]), Some(vec![]));
    }

    #[test]
    fn a_file_whose_directory_was_not_synced_may_be_gone() {
        assert_eq!(kept(&[open(), write(1, 1, 0), sync(2, 2, "/s/db")]), None);
    }

    #[test]
    fn what_was_renamed_or_removed_comes_back_until_the_directory_is_synced() {
        let away = Action::Rename { from: "/s/db".to_owned(), to: "/s/old".to_owned() };
        let steps = [open(), write(1, 1, 0), sync(2, 2, "/s/db"), sync(3, 3, "/s"), (4, 4, away)];
        assert_eq!(kept(&steps), Some(vec![0]));
        assert_eq!(kept(&[&steps[..], &[sync(5, 5, "/s")]].concat()), None);
    }
}
