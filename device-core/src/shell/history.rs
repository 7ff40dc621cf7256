//! What the user was asked and answered, on whichever phone, and the word that it was not them.

use protocol::endpoints::{self, SignedReply};

use super::DeviceCore;
use crate::app::{DenyReason, History, Outcome};
use crate::error::DeviceError;
use crate::exchange::{self, Call};
use crate::history;

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl DeviceCore {
    /// What the user answered since this phone joined, newest first, some 20 at a time: `before` is [`History::older`] of
    /// the page before. What another phone approved is among it, with until when [`DeviceCore::object`] is heard.
    pub async fn history(&self, account: String, before: Option<u64>) -> Result<History, DeviceError> {
        let account = self.active(&account).await?;
        let mut call = Call::to(account.trust.issuer(), endpoints::HISTORY);
        if let Some(before) = before {
            call = call.before(before);
        }
        let reply: SignedReply = exchange::parse(200, &self.proven(&account, &call).await?)?;
        let history = self.believe(&account, |account, now| history::check(account, &reply.message, now)).await?;
        // A page that was asked for another time would have the app go round for ever.
        if before.is_some_and(|before| history.older.is_some_and(|older| older >= before)) {
            return Err(DeviceError::Untrusted { detail: "another page of the history".to_owned() });
        }
        Ok(history)
    }

    /// Says of an entry of the history that it was not the user; `prompt` is [`crate::HistoryEntry::prompt`]. It takes
    /// back what was approved, or, where tokens are out, disputes it: the server then ends them and suspends the phone
    /// that approved. It asks nothing of the user.
    pub async fn object(&self, account: String, prompt: String) -> Result<Outcome, DeviceError> {
        let request = self.fetch_prompt(account, prompt).await?;
        self.deny(request, DenyReason::NotMe).await
    }
}
