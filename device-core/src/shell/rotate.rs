//! Other keys in place of those that an account has.

use protocol::endpoints::{self, SignedReply};
use protocol::jws::General;
use protocol::{Jwk, KeyRole};

use super::DeviceCore;
use super::session::random;
use crate::error::DeviceError;
use crate::exchange::{self, Call};
use crate::ports::{KeyProtection, KeyPurpose, SigningReason};
use crate::rotation::{self, KeysToRotate, RotationState, Signer};
use crate::state::{AccountState, KeySlot, NewKeys, PendingRotation};

/// Refused rotations whose keys are kept. Only a network that makes refusals up brings a phone that far.
const MAX_DOUBTFUL: usize = 8;

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl DeviceCore {
    /// Replaces keys of an account. The `verified` key before agrees to a new one where it still can, and the platform then
    /// verifies the user; where it cannot, such as after a change of biometrics, another phone must agree, or a new
    /// sign-in.
    ///
    /// One that was begun before, and whose end this phone has not learnt, is ended first, and nothing else is done:
    /// whether the app was killed, or the server's answer got lost, calling again is right. After one that was refused,
    /// calling again begins another.
    pub async fn rotate_keys(&self, account: String, which: KeysToRotate) -> Result<RotationState, DeviceError> {
        let _one_at_a_time = self.enrolling.lock().await;
        let account = self.active(&account).await?;
        let Some(pending) = &account.rotation else {
            return self.carry_rotation(&self.prepare_rotation(account, which).await?).await;
        };
        let begins_another = pending.refused && account.doubtful.len() < MAX_DOUBTFUL;
        match self.carry_rotation(&account).await {
            Err(DeviceError::Refused { .. }) if begins_another => {
                let which = which.and(&pending.keys);
                self.carry_rotation(&self.prepare_rotation(account, which).await?).await
            }
            carried => carried,
        }
    }
}

impl DeviceCore {
    /// Makes the keys and the message, and stores them before anything is sent.
    async fn prepare_rotation(&self, account: AccountState, which: KeysToRotate) -> Result<AccountState, DeviceError> {
        self.clear_unfinished().await?;
        let slot = KeySlot::new(random()?);
        self.change(|state| {
            state.unfinished.push(slot.clone());
            Ok(())
        })
        .await?;
        let wanted = |wanted: bool, purpose, protection| wanted.then_some((purpose, protection));
        let device = wanted(which.device, KeyPurpose::Device, KeyProtection::Credential);
        let protection = account.next_protection();
        let verified = wanted(which.verified, KeyPurpose::Verified, protection);
        let sealing = wanted(which.sealing, KeyPurpose::Sealing, protection);
        let keys = NewKeys {
            device: self.new_key_if(&slot, device).await?,
            verified: self.new_key_if(&slot, verified).await?,
            sealing: self.new_key_if(&slot, sealing).await?,
        };
        let message = match self.sign_rotation(&account, &slot, &keys, true).await {
            Err(DeviceError::KeyInvalidated | DeviceError::KeysLost | DeviceError::KeyUnavailable { .. })
                if keys.verified.is_some() =>
            {
                self.sign_rotation(&account, &slot, &keys, false).await?
            }
            signed => signed?,
        };
        self.change(|state| {
            state.unfinished.retain(|other| *other != slot);
            let account = state.account_mut(&account.enr)?;
            let pending = PendingRotation { slot, keys, message, protection: Some(protection), refused: false };
            account.doubtful.extend(account.rotation.replace(pending));
            Ok(account.clone())
        })
        .await
    }

    async fn new_key_if(
        &self,
        slot: &KeySlot,
        wanted: Option<(KeyPurpose, KeyProtection)>,
    ) -> Result<Option<Jwk>, DeviceError> {
        match wanted {
            Some((purpose, protection)) => self.new_key(slot, purpose, protection).await.map(Some),
            None => Ok(None),
        }
    }

    async fn sign_rotation(
        &self,
        account: &AccountState,
        slot: &KeySlot,
        keys: &NewKeys,
        with_old_verified: bool,
    ) -> Result<General, DeviceError> {
        let signers = rotation::signers(keys, with_old_verified);
        let unsigned = rotation::build(account, keys, &signers, self.now(account.trust.issuer())?);
        let new = |role: KeyRole| match role {
            KeyRole::Device => keys.device.map(|public| slot.key(KeyPurpose::Device, public)),
            KeyRole::Verified => keys.verified.map(|public| slot.key(KeyPurpose::Verified, public)),
        };
        let mut signatures = Vec::new();
        for (input, signer) in unsigned.signing_inputs().zip(&signers) {
            let key = match *signer {
                Signer::New(role) => new(role),
                Signer::Old(role) => Some(account.key(role)),
            };
            let key = key.ok_or(DeviceError::KeysLost)?;
            signatures.push(self.sign(&key, input, SigningReason::Rotation).await?);
        }
        Ok(unsigned.attach(&signatures))
    }

    /// Ends a rotation whose end this phone has not learnt. One that awaits somebody's word goes on waiting, and so does
    /// one whose refusal was told before.
    pub(super) async fn end_rotation(&self, account: AccountState) -> Result<AccountState, DeviceError> {
        let Some(PendingRotation { refused, .. }) = account.rotation else { return Ok(account) };
        let _one_at_a_time = self.enrolling.lock().await;
        let id = account.enr.to_string();
        match self.carry_rotation(&self.account(&id).await?).await {
            Err(DeviceError::Refused { .. }) if refused => {}
            carried => {
                carried?;
            }
        }
        self.account(&id).await
    }

    /// Sends what is stored, and does what the server's signed word says. A refusal is not signed, and destroys nothing:
    /// the keys may be in force since a time whose answer got lost.
    pub(super) async fn carry_rotation(&self, account: &AccountState) -> Result<RotationState, DeviceError> {
        let Some(pending) = &account.rotation else { return Ok(RotationState::Done) };
        let answered = match self.send_rotation(account, account, pending).await {
            // The server has forgotten the key before: it took the new ones longer ago than that may still read.
            Err(DeviceError::Refused { refusal }) if refusal == "unproven" => {
                self.send_rotation(account, &account.rotated(), pending).await
            }
            answered => answered,
        };
        match answered {
            Ok(RotationState::Done) => self.adopt(account, pending).await.map(|()| RotationState::Done),
            Ok(RotationState::Awaiting) => {
                self.end_proposals_before(account).await?;
                Ok(RotationState::Awaiting)
            }
            Err(error @ DeviceError::Refused { .. }) => {
                self.note_refusal(account).await?;
                if self.adopt_doubtful(account).await? { Ok(RotationState::Done) } else { Err(error) }
            }
            Err(error) => Err(error),
        }
    }

    /// What the server signs in reply to a rotation of this account, sent by one or the other `device` key.
    async fn send_rotation(
        &self,
        account: &AccountState,
        sender: &AccountState,
        pending: &PendingRotation,
    ) -> Result<RotationState, DeviceError> {
        let call = Call::to(account.trust.issuer(), endpoints::KEYS).with(&pending.message);
        let reply: SignedReply = exchange::parse(200, &self.proven(sender, &call).await?)?;
        self.believe(account, |account, now| rotation::check(account, pending, &reply.message, now)).await
    }

    async fn note_refusal(&self, account: &AccountState) -> Result<(), DeviceError> {
        if account.rotation.as_ref().is_none_or(|pending| pending.refused) {
            return Ok(());
        }
        self.change(|state| {
            if let Some(pending) = &mut state.account_mut(&account.enr)?.rotation {
                pending.refused = true;
            }
            Ok(())
        })
        .await
    }

    /// Asks whether one that was refused before is in force all the same, the latest first, and takes its keys if so.
    async fn adopt_doubtful(&self, account: &AccountState) -> Result<bool, DeviceError> {
        for pending in account.doubtful.iter().rev() {
            let answered = match pending.keys.device {
                // By its own key: where that is not in force, the server does not look at the message, and asks nobody.
                Some(_) => self.send_rotation(account, &account.rotated_by(pending), pending).await,
                None if pending.asks_others() => continue,
                None => self.send_rotation(account, account, pending).await,
            };
            match answered {
                Ok(RotationState::Done) => return self.adopt(account, pending).await.map(|()| true),
                Ok(RotationState::Awaiting) | Err(DeviceError::Refused { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    /// The server has signed, for the `device` key before, that it asks others about the latest rotation: what it asked them
    /// before that is over. One that needed nobody's word stays in doubt.
    async fn end_proposals_before(&self, account: &AccountState) -> Result<(), DeviceError> {
        if !account.doubtful.iter().any(PendingRotation::asks_others) {
            return Ok(());
        }
        self.replace(account, |account| account.doubtful.retain(|pending| !pending.asks_others())).await
    }

    async fn adopt(&self, account: &AccountState, pending: &PendingRotation) -> Result<(), DeviceError> {
        self.replace(account, |account| *account = account.rotated_by(pending)).await
    }

    /// What takes the place of keys is stored before those are destroyed, which are noted down in the same save: an app
    /// that ends here destroys them when it runs next.
    async fn replace(
        &self,
        account: &AccountState,
        change: impl FnOnce(&mut AccountState) + Send,
    ) -> Result<(), DeviceError> {
        self.change(|state| {
            let account = state.account_mut(&account.enr)?;
            let mut gone = account.aliases();
            change(account);
            let kept = account.aliases();
            gone.retain(|alias| !kept.contains(alias));
            state.replaced.extend(gone);
            Ok(())
        })
        .await?;
        // What cannot be destroyed now is at the next sync.
        let _ = self.clear_replaced().await;
        Ok(())
    }

    /// Destroys keys that others have taken the place of.
    pub(super) async fn clear_replaced(&self) -> Result<(), DeviceError> {
        let replaced = {
            let mut state = self.state.lock().await;
            self.loaded(&mut state).await?.replaced.clone()
        };
        if replaced.is_empty() {
            return Ok(());
        }
        for alias in &replaced {
            self.ports.vault.delete(alias.clone()).await?;
        }
        self.change(|state| {
            state.replaced.retain(|alias| !replaced.contains(alias));
            Ok(())
        })
        .await
    }
}
