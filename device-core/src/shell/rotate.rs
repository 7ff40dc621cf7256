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

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl DeviceCore {
    /// Replaces keys of an account. The `verified` key before agrees to a new one where it still can, and the platform then
    /// verifies the user; where it cannot, such as after a change of biometrics, another phone must agree, or a new
    /// sign-in.
    ///
    /// One that was begun before, and whose end this phone has not learnt, is ended first, and nothing else is done:
    /// whether the app was killed, or the server's answer got lost, calling again is right.
    pub async fn rotate_keys(&self, account: String, which: KeysToRotate) -> Result<RotationState, DeviceError> {
        let _one_at_a_time = self.enrolling.lock().await;
        let account = self.active(&account).await?;
        let account = match &account.rotation {
            Some(_) => account,
            None => self.prepare_rotation(account, which).await?,
        };
        self.carry_rotation(&account).await
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
            account.rotation = Some(PendingRotation { slot, keys, message, protection: Some(protection) });
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

    /// Ends a rotation whose end this phone has not learnt. One that awaits somebody's word goes on waiting.
    pub(super) async fn end_rotation(&self, account: AccountState) -> Result<AccountState, DeviceError> {
        if account.rotation.is_none() {
            return Ok(account);
        }
        let _one_at_a_time = self.enrolling.lock().await;
        let id = account.enr.to_string();
        self.carry_rotation(&self.account(&id).await?).await?;
        self.account(&id).await
    }

    /// Sends what is stored, and does what the server's signed word says.
    pub(super) async fn carry_rotation(&self, account: &AccountState) -> Result<RotationState, DeviceError> {
        let Some(PendingRotation { message, .. }) = &account.rotation else { return Ok(RotationState::Done) };
        let call = Call::to(account.trust.issuer(), endpoints::KEYS).with(message);
        let answered = match self.proven(account, &call).await {
            // The server has forgotten the key before: it took the new ones longer ago than that may still read.
            Err(DeviceError::Refused { refusal }) if refusal == "unproven" => {
                self.proven(&account.rotated(), &call).await
            }
            answered => answered,
        };
        let body = match answered {
            Err(error @ DeviceError::Refused { .. }) => {
                self.drop_rotation(account).await?;
                return Err(error);
            }
            answered => answered?,
        };
        let reply: SignedReply = exchange::parse(200, &body)?;
        let state =
            self.believe(account, |account, now| rotation::check(account, message, &reply.message, now)).await?;
        if state == RotationState::Done {
            self.adopt(account).await?;
        }
        Ok(state)
    }

    /// The new keys are stored as the account's before those before are destroyed, which are noted down in the same save:
    /// an app that ends here destroys them when it runs next.
    async fn adopt(&self, account: &AccountState) -> Result<(), DeviceError> {
        self.change(|state| {
            let account = state.account_mut(&account.enr)?;
            let rotated = account.rotated();
            let before = std::mem::replace(account, rotated.clone());
            let aliases = KeySlot::PURPOSES.map(|purpose| (before.alias(purpose), rotated.alias(purpose)));
            state.replaced.extend(aliases.into_iter().filter(|(old, new)| old != new).map(|(old, _)| old));
            Ok(())
        })
        .await?;
        // The rotation is done; what cannot be destroyed now is at the next sync.
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

    async fn drop_rotation(&self, account: &AccountState) -> Result<(), DeviceError> {
        if let Some(PendingRotation { slot, .. }) = &account.rotation {
            self.change(|state| {
                state.account_mut(&account.enr)?.rotation = None;
                state.unfinished.push(slot.clone());
                Ok(())
            })
            .await?;
            self.clear_unfinished().await?;
        }
        Ok(())
    }
}
