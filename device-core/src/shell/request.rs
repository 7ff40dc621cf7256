//! One request that awaits the user, as the object that is displayed and then answered.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use protocol::EnrolmentId;
use protocol::messages::Prompt;

use super::session::Around;
use crate::app::Receipt;
use crate::display::{self, Circumstances, Display};
use crate::error::DeviceError;
use crate::prompt::OpenPrompt;

/// A request that awaits the user. Show what [`ApprovalRequest::display`] says, then pass the same object to `approve` or
/// `deny`: what is signed is what was handed out here. An object is answered once.
#[cfg_attr(feature = "uniffi", derive(uniffi::Object))]
pub struct ApprovalRequest {
    prompt: OpenPrompt,
    /// The account as the server masks it.
    label: String,
    around: Around,
    progress: Mutex<Progress>,
}

/// How far the user has come.
#[derive(Default)]
struct Progress {
    /// Which lines were handed out.
    taken: Vec<bool>,
    match_code: Option<String>,
    receipt: Option<Receipt>,
}

impl ApprovalRequest {
    /// Wraps a prompt that may be shown.
    pub(super) fn new(prompt: OpenPrompt, label: String, around: Around) -> Arc<Self> {
        let progress = Progress { taken: vec![false; prompt.lines().len()], ..Progress::default() };
        Arc::new(Self { prompt, label, around, progress: Mutex::new(progress) })
    }

    /// The prompt as verified.
    #[must_use]
    pub const fn prompt(&self) -> &OpenPrompt {
        &self.prompt
    }

    /// Which enrolment is asked.
    pub(super) const fn enr(&self) -> &EnrolmentId {
        &self.asked().enr
    }

    pub(super) const fn asked(&self) -> &Prompt {
        self.prompt.content()
    }

    /// This object was not answered yet.
    pub(super) fn check_unanswered(&self) -> Result<(), DeviceError> {
        if self.progress().receipt.is_some() { Err(DeviceError::AlreadyAnswered) } else { Ok(()) }
    }

    /// What approving still lacks; the typed digits, where they are asked.
    pub(super) fn ready_to_approve(&self) -> Result<Option<String>, DeviceError> {
        self.check_unanswered()?;
        let progress = self.progress();
        let missing = progress.taken.iter().filter(|taken| !**taken).count();
        if missing > 0 && missing == progress.taken.len() {
            return Err(DeviceError::DisplayNotTaken);
        }
        if missing > 0 {
            return Err(DeviceError::DisplayIncomplete { missing: u32::try_from(missing).unwrap_or(u32::MAX) });
        }
        match display::match_code(self.asked()) {
            Some(_) if progress.match_code.is_none() => Err(DeviceError::MatchCodeNeeded),
            _ => Ok(progress.match_code.clone()),
        }
    }

    pub(super) fn conclude(&self, receipt: Receipt) {
        self.progress().receipt = Some(receipt);
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl ApprovalRequest {
    /// The prompt's id.
    #[must_use]
    pub fn id(&self) -> String {
        self.asked().jti.to_string()
    }

    /// The account that is asked, as in `accounts()`.
    #[must_use]
    pub fn account(&self) -> String {
        self.asked().enr.to_string()
    }

    /// The client that asks, as `block_client` wants it.
    #[must_use]
    pub fn client_id(&self) -> String {
        self.asked().client.id.clone()
    }

    /// Name of the client that asks.
    #[must_use]
    pub fn client_name(&self) -> String {
        self.asked().client.name.clone()
    }

    /// Whether an operator has confirmed that name; if not, [`Display::warnings`] says so.
    #[must_use]
    pub fn client_verified(&self) -> bool {
        self.asked().client.verified
    }

    /// Whether approving makes the platform verify the user.
    #[must_use]
    pub fn verifies_user(&self) -> bool {
        display::verifies_user(self.asked())
    }

    /// How many digits of the other screen the user must type; `None` where none are asked.
    #[must_use]
    pub fn match_code_length(&self) -> Option<u32> {
        display::match_code(self.asked()).map(|code| code.digits)
    }

    /// The text that the other screen shows as well.
    #[must_use]
    pub fn binding_message(&self) -> Option<String> {
        self.asked().binding_message.clone()
    }

    /// Until when an answer is accepted, in seconds since 1970 by the server's clock.
    #[must_use]
    pub fn expires_at(&self) -> i64 {
        self.asked().exp
    }

    /// The whole screen, as things stand now. Approving before all lines were taken is refused.
    #[must_use]
    pub fn display(&self) -> Display {
        self.display_part(0, u32::MAX)
    }

    /// The screen with some of the lines, for a display too small for all: `count` of them, from number `first` (0 is the
    /// top) on. The user must have been through all of them before approving.
    #[must_use]
    pub fn display_part(&self, first: u32, count: u32) -> Display {
        let all = self.prompt.lines().len();
        let first = usize::try_from(first).unwrap_or(usize::MAX).min(all);
        let end = first.saturating_add(usize::try_from(count).unwrap_or(usize::MAX)).min(all);
        self.progress().taken[first..end].fill(true);
        let circumstances = Circumstances {
            account: &self.label,
            others: self.around.others(self.asked()),
            now: self.around.now(&self.asked().iss).unwrap_or(self.asked().iat),
        };
        Display::of(self.asked(), &self.prompt.lines()[first..end], circumstances)
    }

    /// Takes what the user typed. The phone never knows the right code: a wrong one, once sent, denies the request.
    pub fn enter_match_code(&self, code: String) -> Result<(), DeviceError> {
        let is_code = |digits: u32| code.len() == digits as usize && code.bytes().all(|byte| byte.is_ascii_digit());
        if !display::match_code(self.asked()).is_some_and(|asked| is_code(asked.digits)) {
            return Err(DeviceError::MatchCodeNeeded);
        }
        self.progress().match_code = Some(code);
        Ok(())
    }

    /// What the server said of the answer that was given with this object.
    #[must_use]
    pub fn receipt(&self) -> Option<Receipt> {
        self.progress().receipt.clone()
    }
}

impl fmt::Debug for ApprovalRequest {
    /// Without what is asked: that is for the user alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApprovalRequest").field("id", &self.id()).finish_non_exhaustive()
    }
}
