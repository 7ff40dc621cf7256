//! Other keys in place of those that an account has, as values (`DEVICE_PROTOCOL` "Lifecycle").

use protocol::jws::{KeyHint, UnsignedGeneral};
use protocol::messages::{Enrolment, EnrolmentState, Rotation};
use protocol::{Jws, KeyRef, KeyRole, VERSION};

use crate::state::{AccountState, NewKeys, PendingRotation};
use crate::trust::Distrust;

/// Which keys are replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct KeysToRotate {
    /// The key of proofs and denials.
    pub device: bool,
    /// The key of approvals.
    pub verified: bool,
    /// The key that pushes are sealed to.
    pub sealing: bool,
}

impl KeysToRotate {
    /// These, and those that a rotation before replaces: whether they are in force is not known.
    #[must_use]
    pub const fn and(self, before: &NewKeys) -> Self {
        Self {
            device: self.device || before.device.is_some(),
            verified: self.verified || before.verified.is_some(),
            sealing: self.sealing || before.sealing.is_some(),
        }
    }
}

/// Where a rotation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum RotationState {
    /// The new keys are in use, and those before are destroyed.
    Done,
    /// Another phone of the user, or a new sign-in, must agree. Until then everything is as before; call again to learn.
    Awaiting,
}

/// Who signs a rotation, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signer {
    /// A new key of this role.
    New(KeyRole),
    /// The key of this role as it was before.
    Old(KeyRole),
}

/// The signers of a rotation: the new keys that can sign; the `verified` key before, where it still can; last the `device`
/// key before, which wraps them all.
#[must_use]
pub fn signers(keys: &NewKeys, with_old_verified: bool) -> Vec<Signer> {
    let new = [(keys.device, KeyRole::Device), (keys.verified, KeyRole::Verified)];
    let new = new.into_iter().filter_map(|(key, role)| key.map(|_| Signer::New(role)));
    let agreed = (keys.verified.is_some() && with_old_verified).then_some(Signer::Old(KeyRole::Verified));
    new.chain(agreed).chain([Signer::Old(KeyRole::Device)]).collect()
}

/// The message, for those signers.
#[must_use]
pub fn build(account: &AccountState, keys: &NewKeys, signers: &[Signer], now: i64) -> UnsignedGeneral {
    let message = Rotation {
        iss: account.device,
        aud: account.trust.issuer().to_owned(),
        device: keys.device,
        verified: keys.verified,
        sealing: keys.sealing,
        iat: now,
        v: VERSION,
    };
    let hint = |signer: &Signer| match signer {
        Signer::New(KeyRole::Device) => keys.device.map(KeyHint::Jwk),
        Signer::New(KeyRole::Verified) => keys.verified.map(KeyHint::Jwk),
        Signer::Old(role) => Some(KeyRef { device: account.device, role: *role }.into()),
    };
    UnsignedGeneral::new(signers.iter().filter_map(hint).collect(), &message)
}

/// Checks the server's word on a rotation that was sent. Only a signed *active* for the new `device` key lets the keys
/// before go: whoever could make it up could lock the phone out.
pub fn check(account: &AccountState, sent: &PendingRotation, reply: &Jws, now: i64) -> Result<RotationState, Distrust> {
    let said: Enrolment = account.trust.open(reply, now)?;
    if said.v != VERSION {
        return Err(Distrust::Version);
    }
    if said.iss != account.trust.issuer() {
        return Err(Distrust::Issuer);
    }
    if said.enr != account.enr || said.device != account.device {
        return Err(Distrust::Audience);
    }
    if said.fh != sent.message.digest() {
        return Err(Distrust::Finish);
    }
    let (state, key) = match said.state {
        EnrolmentState::Active => (RotationState::Done, sent.keys.device.unwrap_or(account.keys.device)),
        EnrolmentState::Unconfirmed | EnrolmentState::Cancelled | EnrolmentState::Revoked => {
            (RotationState::Awaiting, account.keys.device)
        }
    };
    if said.aud == key.thumbprint() { Ok(state) } else { Err(Distrust::Audience) }
}
