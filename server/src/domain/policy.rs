//! A realm's rules: one table of names, types, defaults, bounds and meanings. The settings file, its checks and
//! `docs/configuration.md` are all made from it.

use protocol::action;
use protocol::messages::{Attestation, Confirm, PushMode, VerifiedKind};
use serde::{Deserialize, Serialize};

use super::algorithm::Algorithm;
use super::delivery::DeliveryMode;
use super::details::DetailsType;
use super::names::ClientId;
use super::profile::Profile;

/// What the table says of one rule.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Its name, in the settings file under `[policy]`.
    pub name: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// The least and the most, of a number.
    pub bounds: Option<(u32, u32)>,
    /// What to write, of one whose default has nothing to show.
    pub example: Option<&'static str>,
}

macro_rules! policy {
    ($(
        $(#[doc = $meaning:literal])+
        $name:ident: $type:ty = $default:expr $(, from $least:literal to $most:literal)? $(, example $example:literal)?;
    )+) => {
        /// A realm's rules. Durations are seconds.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        #[allow(clippy::struct_excessive_bools, reason = "each is a setting of its own, by its documented name")]
        pub struct Policy {
            $($(#[doc = $meaning])+ pub $name: $type,)+
        }

        impl Default for Policy {
            fn default() -> Self {
                Self { $($name: $default,)+ }
            }
        }

        /// The table.
        pub const RULES: &[Rule] = &[$(Rule {
            name: stringify!($name),
            meaning: concat!($($meaning),+),
            bounds: policy!(@optional $(($least, $most))?),
            example: policy!(@optional $($example)?),
        },)+];
    };
    (@optional) => { None };
    (@optional $value:expr) => { Some($value) };
}

policy! {
    /// Life of an authentication request whose client asks for none.
    request_lifetime: u32 = 120, from 10 to 3600;

    /// The longest life that `requested_expiry` is granted.
    request_lifetime_max: u32 = 3600, from 10 to 3600;

    /// The shortest life that `requested_expiry` is granted.
    request_lifetime_min: u32 = 10, from 10 to 3600;

    /// Seconds between two polls of a client, before any `slow_down`; at most 5 under the FAPI profile.
    interval: u32 = 5, from 1 to 60;

    /// Whether a first poll sooner than the interval after the request is too early, too: `slow_down`.
    strict_first_poll: bool = false;

    /// For how long an expired request answers `expired_token` rather than `invalid_grant`.
    tombstone: u32 = 180, from 0 to 86_400;

    /// Life of an access token.
    access_token_lifetime: u32 = 3600, from 10 to 86_400;

    /// Life of an ID token.
    id_token_lifetime: u32 = 3600, from 10 to 86_400;

    /// Life of an enrolment ticket.
    ticket_lifetime: u32 = 300, from 10 to 300;

    /// Who confirms an enrolment: `page`, whoever showed the ticket types the digits that the phone shows; `none`, nobody, except that a further phone of a user, or one after others, is confirmed unless attestation is required.
    confirm: Confirm = Confirm::Page;

    /// Who confirms a further phone while another one is active: `digits`, typed as for a first one; `phone`, another phone of the user approves by its `verified` key; `either`; `both`.
    add_device: AddDevice = AddDevice::Digits;

    /// Attestation of new phones by `[attestation.…]`: `none`, it is not looked at; `record`, it is verified and kept, and failure does not refuse; `require`, it does.
    attestation: Attestation = Attestation::Record;

    /// What approves with user verification: `biometric`, or `credential` (biometric or the phone's own credential).
    verified_kind: VerifiedKind = VerifiedKind::Biometric;

    /// How pushes carry prompts: `sealed`, encrypted to the phone; `wake`, not at all.
    push: PushMode = PushMode::Sealed;

    /// Clients that may replace the push token of a user's only phone at `/bc-deviceRegistration`, as it is done at Gluu. Empty: there is no such endpoint.
    device_registration_clients: Vec<ClientId> = Vec::new(), example "[\"app-backend\"]";

    /// Whether a `verified` key whose hardware nobody proved counts as user verification.
    trust_claimed_uv: bool = false;

    /// Whether the limits below, on prompts and refusals, hold; off only in demonstrations. What a user blocked stays blocked.
    prompt_limits: bool = true;

    /// New prompts that one client may put before one user in a minute.
    client_prompts_per_minute: u32 = 5, from 1 to 60;

    /// The same in an hour.
    client_prompts_per_hour: u32 = 30, from 1 to 60;

    /// Prompts of one client that may await one user's answer at the same time.
    client_prompts_pending: u32 = 3, from 1 to 5;

    /// New prompts of all clients in a minute beyond which a user's phones are no longer woken: the prompts are there when the app is opened.
    user_prompts_per_minute: u32 = 10, from 1 to 200;

    /// The same in an hour.
    user_prompts_per_hour: u32 = 60, from 1 to 200;

    /// So many answers "not me", "wrong details" or wrong match codes within `refusal_window`, and the client must leave that user alone for the `cool_down`.
    refusals_before_cool_down: u32 = 3, from 1 to 10;

    /// Seconds within which those are counted.
    refusal_window: u32 = 600, from 60 to 3600;

    /// For how many seconds such a client must not ask that user.
    cool_down: u32 = 900, from 60 to 86_400;

    /// Whether clients may register themselves at `/register`: `closed`, they may not; `token`, with a token that an operator made; `open`, anybody.
    registration: Registration = Registration::Closed;

    /// Scopes that a client which registers itself may ask for.
    registration_scopes: Vec<String> = ["openid", "profile", "email", "phone"].map(str::to_owned).to_vec();

    /// Types of `authorization_details` that such a client may send: some of the realm's own, or `agent_action`.
    registration_details_types: Vec<String> = Vec::new(), example "[\"payment\"]";

    /// Whose software may register itself: `any`, or with `statement` only what brings a software statement (RFC 7591) of one of the `software_issuers`.
    registration_software: RegistrationSoftware = RegistrationSoftware::Any;

    /// Who may sign software statements: tables of `issuer` and `jwks_uri`.
    software_issuers: Vec<HintIssuer> = Vec::new(), example r#"[{ issuer = "https://directory.example.com", jwks_uri = "https://directory.example.com/jwks" }]"#;

    /// How many clients that registered themselves there may be at the same time, with those that were removed and are not forgotten yet.
    registered_clients_max: u32 = 1000, from 1 to 10_000;

    /// So many clients may register themselves in a minute without a token, at each server.
    registrations_per_minute: u32 = 10, from 1 to 1000;

    /// Whether a registration is answered by 200, as at Gluu, and not by 201.
    registration_status_200: bool = false;

    /// Whether pairwise clients may have an `approval_receipt`, although what it proves names the phone to every client alike.
    pairwise_receipts: bool = false;

    /// Days for which the audit trail is kept.
    audit_days: u32 = 400, from 1 to 3650;

    /// Which rules hold for every client: `core` or `fapi-ciba`. A client's own may only be stricter.
    profile: Profile = Profile::Core;

    /// How clients may learn the outcome: `poll`, `ping`, `push`. Empty: this realm has no CIBA.
    delivery_modes: Vec<DeliveryMode> = DeliveryMode::ALL.to_vec();

    /// Algorithms in which clients may sign assertions and requests.
    client_algorithms: Vec<Algorithm> = vec![
                Algorithm::Ps256,
                Algorithm::Es256,
                Algorithm::EdDsa,
                Algorithm::Es384,
                Algorithm::Ps384,
                Algorithm::Ps512,
                Algorithm::Hs256,
            ];

    /// Whether DPoP proofs must hold a nonce of this server's, which it sends with `use_dpop_nonce` and every answer to a proof.
    dpop_nonce: bool = false;

    /// Algorithms in which ID tokens and JWT access tokens are signed: `ES256`, `PS256`, `RS256`, `EdDSA`, `ES384`. The first is the default.
    signing_algorithms: Vec<Algorithm> = vec![Algorithm::Es256];

    /// Every so many days signing keys are replaced; 0: only by hand.
    key_rotation_days: u32 = 90, from 0 to 3650;

    /// Whether user codes are taken: `backchannel_user_code_parameter_supported`.
    user_code: bool = true;

    /// What a user may be named by in a `login_hint`: `sub`, `username`, `email`, `phone`.
    login_hint: Vec<LoginHint> = vec![LoginHint::Sub, LoginHint::Username, LoginHint::Email, LoginHint::Phone];

    /// What a binding message must look like beside the rules for text: a regular expression, matched whole.
    binding_message_pattern: Option<String> = None, example "\"[A-Za-z0-9]{4,8}\"";

    /// A `requested_expiry` above the maximum: `cap` or `refuse`.
    requested_expiry_above_max: AboveMax = AboveMax::Cap;

    /// Whether a ping client is pinged when a request expires.
    ping_on_expiry: bool = true;

    /// Whether an unknown user is answered as one who cannot be asked.
    mask_unknown_user: bool = false;

    /// What a request for a user without a phone is answered: `access_denied`, `unknown_user_id`, or `accept`: a phone that enrols in time is asked.
    no_device: NoDevice = NoDevice::AccessDenied;

    /// Whether every request must name the scope `openid`. Without it poll and ping clients of the core profile may ask for other scopes alone, and get no ID token then.
    require_openid: bool = true;

    /// Whether `authReqId` is taken for `auth_req_id` at the token endpoint.
    accept_auth_req_id_alias: bool = false;

    /// Whether ID tokens of poll and ping carry the `auth_req_id` claim, which those of push always do.
    id_token_auth_req_id: bool = true;

    /// The longest that a client may have its polls held; 0: no client may.
    long_poll_max: u32 = 25, from 0 to 25;

    /// Life of all refresh tokens that come out of one approval.
    refresh_lifetime: u32 = 2_592_000, from 60 to 31_536_000;

    /// Whether every refresh brings a new refresh token; never under the FAPI profile.
    refresh_rotation: bool = true;

    /// For how long the refresh token before is still taken.
    refresh_grace: u32 = 60, from 0 to 600;

    /// `aud` of access tokens; the issuer where it is absent.
    default_audience: Option<String> = None, example "\"https://api.example.com\"";

    /// Types of `authorization_details` (RFC 9396) that clients may send: tables of `type`, `title`, `language`, `once`, `schema` and `display`. docs/operators.md explains them.
    authorization_details_types: Vec<DetailsType> = Vec::new(), example r#"[{ type = "payment", title = { label = "What", value = "Payment" }, schema = { type = "object", required = ["to"], properties = { to = { type = "string" } } }, display = [{ label = "To", path = "/to" }] }]"#;

    /// Whether clients may ask for one action of a software agent, to be approved with all its parameters: the built-in type `agent_action` of `authorization_details` (docs/agents.md).
    agent_actions: bool = false;

    /// For how long after its end an ID token is taken as `id_token_hint`.
    id_token_hint_age: u32 = 7_776_000, from 0 to 31_536_000;

    /// Who may sign a `login_hint_token` beside the client itself: tables of `issuer` and `jwks_uri`.
    hint_issuers: Vec<HintIssuer> = Vec::new(), example r#"[{ issuer = "https://idp.example.com", jwks_uri = "https://idp.example.com/jwks" }]"#;

    /// Whose access tokens let a user's own app or web page enrol phones (docs/operators.md): tables of `issuer`, `jwks_uri`, `clients`, which are the first-party ones, and perhaps `recovery_acr`, one of which a user must have signed in by who has no phone left.
    enrolment_issuers: Vec<EnrolmentIssuer> = Vec::new(), example r#"[{ issuer = "https://login.example.com", jwks_uri = "https://login.example.com/jwks", clients = ["our-app"], recovery_acr = ["urn:example:passport"] }]"#;

    /// `acr_values` that count as requested where neither request nor client names any.
    default_acr_values: Vec<String> = Vec::new(), example "[\"urn:assent:acr:uv\"]";

    /// For how long after its request's life a notification is still tried.
    notification_grace: u32 = 180, from 0 to 3600;
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

impl LoginHint {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Sub, Self::Username, Self::Email, Self::Phone];
}

/// Who confirms a further phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AddDevice {
    /// Whoever showed the ticket types the digits.
    Digits,
    /// Another phone approves.
    Phone,
    /// One of them.
    Either,
    /// Both of them.
    Both,
}

impl AddDevice {
    /// Whether other phones are asked.
    #[must_use]
    pub const fn asks_phones(self) -> bool {
        matches!(self, Self::Phone | Self::Either | Self::Both)
    }
}

/// Whether clients may register themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Registration {
    /// Nobody.
    Closed,
    /// Who brings an initial access token.
    Token,
    /// Anybody.
    Open,
}

/// Whose software may register itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegistrationSoftware {
    /// Anybody's.
    Any,
    /// What brings a statement of an issuer that the realm believes.
    Statement,
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
    /// It is accepted: a phone that enrols in time is asked.
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

/// The scope of an access token by which a user's own phones are enrolled. It never comes out of a CIBA request: whoever could
/// have one phone approve that could add another.
pub const ENROLMENT_SCOPE: &str = "urn:assent:scope:enrol";

/// Somebody at whom users sign in, and whose word on it lets their apps enrol phones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolmentIssuer {
    /// `iss`
    pub issuer: String,
    /// Where its keys are fetched.
    pub jwks_uri: String,
    /// `client_id` of those whose tokens count.
    pub clients: Vec<String>,
    /// `acr` of a sign-in by which a user without phones recovers; if empty, any does.
    #[serde(default)]
    pub recovery_acr: Vec<String>,
}

impl Policy {
    /// The types of `authorization_details` that requests may hold, the built-in one last.
    pub fn details_types(&self) -> impl Iterator<Item = &str> {
        let built_in = self.agent_actions.then_some(action::TYPE);
        self.authorization_details_types.iter().map(|kind| kind.name.as_str()).chain(built_in)
    }

    /// Whether a detail of this type goes into the first access token alone, and into none of a refresh.
    #[must_use]
    pub fn grants_once(&self, kind: &str) -> bool {
        let known = self.authorization_details_types.iter().find(|known| known.name == kind);
        kind == action::TYPE || known.is_some_and(|known| known.once)
    }

    /// The life of a request: what was asked, within the bounds, or the default.
    #[must_use]
    pub fn lifetime(&self, requested: Option<u32>) -> u32 {
        requested.unwrap_or(self.request_lifetime).clamp(self.request_lifetime_min, self.request_lifetime_max)
    }
}
