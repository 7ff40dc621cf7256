//! When a phone first fetched a prompt: told by `explain`, and written down with the decision. In this process only,
//! because a prompt that is merely read costs no write.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use protocol::PromptId;

use crate::domain::time::Timestamp;

/// Prompts beyond this many are not remembered.
const MOST: usize = 200_000;

/// Prompt, when it was first fetched, and until when that matters.
#[derive(Default)]
pub(super) struct Opened(Mutex<HashMap<PromptId, (Timestamp, Timestamp)>>);

impl Opened {
    pub(super) fn note(&self, prompt: PromptId, now: Timestamp, until: Timestamp) {
        let mut opened = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if opened.len() < MOST {
            opened.entry(prompt).or_insert((now, until));
        }
    }

    pub(super) fn at(&self, prompt: &PromptId) -> Option<Timestamp> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(prompt).map(|(at, _)| *at)
    }

    /// Drops those whose time is over.
    pub(super) fn sweep(&self, now: Timestamp) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, (_, until)| *until > now);
    }
}
