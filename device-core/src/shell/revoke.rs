//! The server says that this phone was revoked.

use protocol::Jws;
use protocol::messages::{EnrolmentState, RevocationReason};

use super::DeviceCore;
use crate::error::DeviceError;
use crate::ports::DeviceEvent;
use crate::revocation;
use crate::state::{AccountState, Ended};

impl DeviceCore {
    /// Ends an account whose end the server has signed. Anything else that calls itself a revocation changes nothing:
    /// whoever sits between phone and server could say so.
    pub(super) async fn heed(&self, account: &AccountState, message: &Jws) -> Result<RevocationReason, DeviceError> {
        let said = self.believe(account, |account, now| revocation::check(account, message, now)).await?;
        // A phone that leaves is told so too, and wipes by itself.
        match self.account(&account.enr.to_string()).await {
            Ok(kept) if kept.ended.is_none() => self.end(&kept, Ended { reason: said.reason, at: said.at }).await?,
            _ => {}
        }
        Ok(said.reason)
    }

    /// Ends an account by the server's word: its keys are destroyed, and what is left says why.
    async fn end(&self, account: &AccountState, ended: Ended) -> Result<(), DeviceError> {
        self.change(|state| {
            // The keys are noted down first, so that they are destroyed even if the app ends here.
            state.unfinished.extend(account.slots().cloned());
            let account = state.account_mut(&account.enr)?;
            account.standing = EnrolmentState::Revoked;
            account.ended = Some(ended);
            account.decisions.clear();
            account.digits = None;
            Ok(())
        })
        .await?;
        self.observe(DeviceEvent::Ended { account: account.enr.to_string(), reason: ended.reason.into() });
        for slot in account.slots() {
            self.destroy_keys(slot).await?;
        }
        self.change(|state| {
            state.unfinished.retain(|slot| account.slots().all(|gone| gone != slot));
            Ok(())
        })
        .await
    }
}
