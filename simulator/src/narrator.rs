//! Tells the play: one numbered, aligned line per step.

use std::fmt;
use std::io::Write;

/// The play ended because something did not hold.
#[derive(Debug, thiserror::Error)]
#[error("did not hold: {0}")]
pub struct Failed(String);

impl Failed {
    /// What did not hold.
    #[must_use]
    pub fn new(what: &str) -> Self {
        Self(what.to_owned())
    }
}

/// Says what was being done when something failed.
pub trait WithWhat<T> {
    /// Turns an error into the end of the play.
    fn with_what(self, what: &str) -> Result<T, Failed>;
}

impl<T, E: fmt::Debug> WithWhat<T> for Result<T, E> {
    fn with_what(self, what: &str) -> Result<T, Failed> {
        self.map_err(|error| Failed(format!("{what}: {error:?}")))
    }
}

/// Writes the lines. A reader that went away does not stop the play.
pub struct Narrator {
    out: Box<dyn Write + Send>,
    steps: u32,
}

impl Narrator {
    /// Tells it there.
    #[must_use]
    pub fn new(out: Box<dyn Write + Send>) -> Self {
        Self { out, steps: 0 }
    }

    /// How many steps there were.
    #[must_use]
    pub const fn steps(&self) -> u32 {
        self.steps
    }

    /// A line that is no step.
    pub fn line(&mut self, text: &str) {
        let _ = writeln!(self.out, "{text}");
        let _ = self.out.flush();
    }

    /// A heading.
    pub fn scene(&mut self, title: &str) {
        self.line(&format!("\n{title}"));
    }

    /// A step that held.
    pub fn step(&mut self, who: &str, what: &str) {
        self.steps += 1;
        self.line(&format!("{:3}. {who:<14} {what}", self.steps));
    }

    /// A step that must hold.
    pub fn must(&mut self, holds: bool, who: &str, what: &str) -> Result<(), Failed> {
        if !holds {
            return Err(Failed(format!("{who} {what}")));
        }
        self.step(who, what);
        Ok(())
    }

    /// A step that must find something.
    pub fn found<T>(&mut self, found: Option<T>, who: &str, what: &str) -> Result<T, Failed> {
        let found = found.ok_or_else(|| Failed(format!("{who} {what}")))?;
        self.step(who, what);
        Ok(found)
    }
}
