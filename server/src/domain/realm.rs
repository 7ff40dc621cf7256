//! A realm: one issuer with its own keys, clients, users, devices and policy.

use protocol::messages::{Attestation, Confirm, PushMode, VerifiedKind};
use serde::{Deserialize, Serialize};

use super::algorithm::Algorithm;
use super::delivery::DeliveryMode;
use super::names::RealmId;
use super::profile::Profile;

impl RealmId {
    /// A realm id is 1 to 32 characters of `a-z`, `0-9` and `-`, so that it can stand in keys and in paths.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=32).contains(&text.len());
        let clean = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        (fits && clean).then(|| Self::new(text))
    }
}

/// What is stored of a realm. Its signing keys are kept by the `Keys` port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Realm {
    /// Its name inside this deployment.
    pub id: RealmId,
    /// `iss`: an absolute URL without trailing slash, query or fragment.
    pub issuer: String,
    /// What it allows and how long things live.
    pub policy: Policy,
}

/// A realm's rules. Durations are seconds. Defaults: REQUIREMENTS §3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools, reason = "each is a setting of its own, by its documented name")]
pub struct Policy {
    /// Life of a request whose client did not ask for one.
    pub request_lifetime: u32,
    /// The longest life granted; `requested_expiry` is capped to it.
    pub request_lifetime_max: u32,
    /// The shortest life granted.
    pub request_lifetime_min: u32,
    /// Seconds between polls.
    pub interval: u32,
    /// How long an expired request still answers `expired_token`.
    pub tombstone: u32,
    /// Life of an access token.
    pub access_token_lifetime: u32,
    /// Life of an ID token.
    pub id_token_lifetime: u32,
    /// Life of an enrolment ticket, at most 300.
    pub ticket_lifetime: u32,
    /// Who confirms an enrolment.
    pub confirm: Confirm,
    /// Attestation of new devices.
    pub attestation: Attestation,
    /// Protection of the `verified` key.
    pub verified_kind: VerifiedKind,
    /// How pushes carry prompts.
    pub push: PushMode,
    /// Whether a `verified` key whose hardware nobody proved counts as user verification.
    pub trust_claimed_uv: bool,
    /// Whether the limits on prompts per client and user hold; off only in demonstrations.
    pub prompt_limits: bool,
    /// Days for which the audit trail is kept.
    pub audit_days: u32,
    /// Which rules hold for every client; a client's own may only be stricter.
    pub profile: Profile,
    /// `backchannel_token_delivery_modes_supported`. Empty: this realm has no CIBA (REQUIREMENTS Q20).
    pub delivery_modes: Vec<DeliveryMode>,
    /// Algorithms in which clients may sign assertions and requests.
    pub client_algorithms: Vec<Algorithm>,
    /// Algorithms in which ID tokens and JWT access tokens are signed; the first is the default.
    pub signing_algorithms: Vec<Algorithm>,
    /// Every so many days signing keys are replaced; 0: only by hand.
    pub key_rotation_days: u32,
    /// `backchannel_user_code_parameter_supported`
    pub user_code: bool,
    /// What a user may be named by in a `login_hint`, in this order.
    pub login_hint: Vec<LoginHint>,
    /// What a binding message must look like beside the rules for text: a regular expression, matched whole.
    pub binding_message_pattern: Option<String>,
    /// A `requested_expiry` above the maximum: capped, or refused (REQUIREMENTS Q12).
    pub requested_expiry_above_max: AboveMax,
    /// Whether a ping client is pinged when a request expires (REQUIREMENTS Q2).
    pub ping_on_expiry: bool,
    /// Whether an unknown user is answered as one who cannot be asked (REQUIREMENTS Q17).
    pub mask_unknown_user: bool,
    /// What a request for a user without a phone is answered (REQUIREMENTS Q19).
    pub no_device: NoDevice,
    /// Whether `authReqId` is taken for `auth_req_id` at the token endpoint (REQUIREMENTS Q1).
    pub accept_auth_req_id_alias: bool,
    /// Whether ID tokens of poll and ping carry the `auth_req_id` claim, which those of push always do.
    pub id_token_auth_req_id: bool,
    /// The longest that a client may have its polls held, in seconds.
    pub long_poll_max: u32,
    /// Life of a refresh token family.
    pub refresh_lifetime: u32,
    /// Whether every refresh brings a new refresh token; never under the FAPI profile.
    pub refresh_rotation: bool,
    /// For how long the refresh token before is still taken.
    pub refresh_grace: u32,
    /// `aud` of access tokens; absent, the issuer.
    pub default_audience: Option<String>,
    /// Life of an ID token after its end as an `id_token_hint`.
    pub id_token_hint_age: u32,
    /// Who may sign a `login_hint_token`, beside the client itself.
    pub hint_issuers: Vec<HintIssuer>,
    /// `acr_values` that count as requested where neither request nor client names any.
    pub default_acr_values: Vec<String>,
    /// For how long after its request's life a notification is still tried.
    pub notification_grace: u32,
}

/// What a `login_hint` may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoginHint {
    /// The subject.
    Sub,
    /// The user name.
    Username,
    /// The e-mail address.
    Email,
    /// The telephone number.
    Phone,
}

/// What happens to a `requested_expiry` above the maximum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AboveMax {
    /// It becomes the maximum.
    Cap,
    /// `invalid_request`
    Refuse,
}

/// What a request for a user without a phone is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoDevice {
    /// 403 `access_denied`
    AccessDenied,
    /// 400 `unknown_user_id`
    UnknownUserId,
    /// It is accepted: a phone may enrol in time.
    Accept,
}

/// Somebody whose `login_hint_token`s are believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HintIssuer {
    /// `iss`
    pub issuer: String,
    /// Where its keys are fetched.
    pub jwks_uri: String,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            request_lifetime: 120,
            request_lifetime_max: 3600,
            request_lifetime_min: 10,
            interval: 5,
            tombstone: 180,
            access_token_lifetime: 3600,
            id_token_lifetime: 3600,
            ticket_lifetime: 300,
            confirm: Confirm::Page,
            attestation: Attestation::None,
            verified_kind: VerifiedKind::Biometric,
            push: PushMode::Sealed,
            trust_claimed_uv: false,
            prompt_limits: true,
            audit_days: 400,
            profile: Profile::Core,
            delivery_modes: DeliveryMode::ALL.to_vec(),
            client_algorithms: vec![
                Algorithm::Ps256,
                Algorithm::Es256,
                Algorithm::EdDsa,
                Algorithm::Es384,
                Algorithm::Ps384,
                Algorithm::Ps512,
                Algorithm::Hs256,
            ],
            signing_algorithms: vec![Algorithm::Es256],
            key_rotation_days: 90,
            user_code: true,
            login_hint: vec![LoginHint::Sub, LoginHint::Username, LoginHint::Email, LoginHint::Phone],
            binding_message_pattern: None,
            requested_expiry_above_max: AboveMax::Cap,
            ping_on_expiry: true,
            mask_unknown_user: false,
            no_device: NoDevice::AccessDenied,
            accept_auth_req_id_alias: false,
            id_token_auth_req_id: true,
            long_poll_max: 25,
            refresh_lifetime: 30 * 86_400,
            refresh_rotation: true,
            refresh_grace: 60,
            default_audience: None,
            id_token_hint_age: 90 * 86_400,
            hint_issuers: Vec::new(),
            default_acr_values: Vec::new(),
            notification_grace: 180,
        }
    }
}

impl Policy {
    /// The life of a request: what was asked, within the bounds, or the default.
    #[must_use]
    pub fn lifetime(&self, requested: Option<u32>) -> u32 {
        requested.unwrap_or(self.request_lifetime).clamp(self.request_lifetime_min, self.request_lifetime_max)
    }
}
