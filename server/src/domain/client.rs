//! A relying party, in the terms of OpenID Connect Dynamic Client Registration, CIBA Core §4 and RFC 8705.

use serde::{Deserialize, Serialize};

use super::algorithm::Algorithm;
pub use super::certificate::name::CertificateName;
use super::delivery::DeliveryMode;
use super::encryption::Encryption;
use super::names::ClientId;
use super::profile::Profile;
use super::registration::{SelfRegistered, Software};
use super::secret::{Sealed, SecretHash};
use super::time::Timestamp;
use protocol::Digest;

/// `grant_type` of CIBA §10.1.
pub const CIBA_GRANT: &str = "urn:openid:params:grant-type:ciba";

/// `grant_type` of RFC 6749 §6.
pub const REFRESH_GRANT: &str = "refresh_token";

/// `token_endpoint_auth_method`: governs the backchannel endpoint too (CIBA §4), and must be the same at both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthenticationMethod {
    /// HTTP Basic with form-encoded parts (RFC 6749 §2.3.1).
    ClientSecretBasic,
    /// Credentials in the form.
    ClientSecretPost,
    /// An assertion under a MAC by the secret (OIDC Core §9).
    ClientSecretJwt,
    /// An assertion signed by a key of the client's JWK set (OIDC Core §9, RFC 7523).
    PrivateKeyJwt,
    /// A certificate of a trusted authority, with a registered name (RFC 8705 §2.1).
    TlsClientAuth,
    /// A certificate whose key stands in the client's JWK set (RFC 8705 §2.2).
    SelfSignedTlsClientAuth,
}

impl AuthenticationMethod {
    /// All of them, for tables.
    pub const ALL: [Self; 6] = [
        Self::ClientSecretBasic,
        Self::ClientSecretPost,
        Self::ClientSecretJwt,
        Self::PrivateKeyJwt,
        Self::TlsClientAuth,
        Self::SelfSignedTlsClientAuth,
    ];

    /// Its registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::ClientSecretJwt => "client_secret_jwt",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::TlsClientAuth => "tls_client_auth",
            Self::SelfSignedTlsClientAuth => "self_signed_tls_client_auth",
        }
    }

    /// By its registered name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }
}

/// A `client_secret` as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ClientSecret {
    /// Only ever compared.
    Hashed(SecretHash),
    /// Needed in clear to check a MAC: `client_secret_jwt`.
    Sealed {
        /// Sealed under the client's id.
        sealed: Sealed,
    },
}

/// Where a client's public keys are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientKeys {
    /// It has none.
    #[default]
    None,
    /// `jwks`, as JSON text: registered with the client.
    Jwks(String),
    /// `jwks_uri`: fetched when needed.
    JwksUri(String),
}

/// Which audience a client's assertions must name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssertionAudience {
    /// The issuer, the called endpoint or the token endpoint (CIBA §7.1).
    #[default]
    Any,
    /// The issuer only.
    Issuer,
}

/// What an access token looks like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessTokenFormat {
    /// Random, to be introspected.
    #[default]
    Opaque,
    /// A signed JWT (RFC 9068).
    Jwt,
}

/// `subject_type`: what the client knows users by (OIDC Core §8).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectType {
    /// By the same `sub` as every other client.
    #[default]
    Public,
    /// By one that nobody outside its sector knows.
    Pairwise,
}

const fn es256() -> Algorithm {
    Algorithm::Es256
}

/// A registered relying party.
#[allow(clippy::struct_excessive_bools, reason = "each is a member of the registration by its registered name")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// `client_id`.
    pub id: ClientId,
    /// `client_name`, shown on the phone; at most 60 code points.
    pub name: String,
    /// Whether an operator confirmed the name.
    pub verified: bool,
    /// How it authenticates.
    pub authentication: AuthenticationMethod,
    /// Its `client_secret`, where its method has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<ClientSecret>,
    /// `backchannel_token_delivery_mode`.
    pub delivery: DeliveryMode,
    /// `grant_types` holds the CIBA grant.
    pub ciba: bool,
    /// Scopes it may ask for; `openid` always among them.
    pub scope: Vec<String>,
    /// Whether its approvals must be signed by a `verified` key.
    pub user_verification: protocol::messages::UserVerification,
    /// `backchannel_client_notification_endpoint`, of ping and push clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notification_endpoint: Option<String>,
    /// `jwks` or `jwks_uri`.
    #[serde(default)]
    pub keys: ClientKeys,
    /// `token_endpoint_auth_signing_alg`; absent, any that the realm takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assertion_algorithm: Option<Algorithm>,
    /// Ours, `assertion_aud`.
    #[serde(default)]
    pub assertion_audience: AssertionAudience,
    /// `tls_client_auth_…`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_name: Option<CertificateName>,
    /// `backchannel_authentication_request_signing_alg`; once set, every request is signed with exactly it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_algorithm: Option<Algorithm>,
    /// `backchannel_user_code_parameter`: whether this client sends user codes.
    #[serde(default)]
    pub user_code: bool,
    /// `id_token_signed_response_alg`
    #[serde(default = "es256")]
    pub id_token_algorithm: Algorithm,
    /// `id_token_encrypted_response_alg` and `…_enc`; absent, its ID tokens are only signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_token_encryption: Option<Encryption>,
    /// `userinfo_signed_response_alg`; absent, claims are sent unsigned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub userinfo_algorithm: Option<Algorithm>,
    /// `userinfo_encrypted_response_alg` and `…_enc`; absent, claims are sent unencrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub userinfo_encryption: Option<Encryption>,
    /// What its access tokens look like.
    #[serde(default)]
    pub access_token_format: AccessTokenFormat,
    /// `tls_client_certificate_bound_access_tokens`
    #[serde(default)]
    pub certificate_bound: bool,
    /// `dpop_bound_access_tokens`
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dpop_bound: bool,
    /// Ours, `dpop_bound_refresh_tokens`: a refresh shows the key that the first token request showed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dpop_bound_refresh: bool,
    /// `grant_types` holds `refresh_token`.
    #[serde(default)]
    pub refresh: bool,
    /// Ours, `long_poll`: for how many seconds at most a poll of a pending request is held; 0 answers at once.
    #[serde(default)]
    pub long_poll: u32,
    /// Ours, `profile`: stricter than the realm's, or absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    /// `default_acr_values`: count as requested where a request names none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub default_acr_values: Vec<String>,
    /// Ours, `require_acr`: no tokens when none of the requested values is reached.
    #[serde(default)]
    pub require_acr: bool,
    /// Ours, `match_code`: the user types two digits that its screen shows.
    #[serde(default)]
    pub match_code: bool,
    /// Ours, `approval_receipt`: its tokens come with the user's signed approval.
    #[serde(default)]
    pub approval_receipt: bool,
    /// Ours, `resources`: which it may name by `resource` (RFC 8707).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// `authorization_details_types` (RFC 9396 §10): which it may send; absent, all of the realm's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details_types: Option<Vec<String>>,
    /// Ours, `audiences`: the resource servers that this client is; it may introspect tokens for them (RFC 7662).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audiences: Vec<String>,
    /// `subject_type`
    #[serde(default)]
    pub subject_type: SubjectType,
    /// `sector_identifier_uri`: a list of the URIs that share a sector (OIDC Core §8.1). It was fetched, and held this client's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sector_identifier_uri: Option<String>,
    /// Whose users a pairwise client shares with others (CIBA §4): a host, in one spelling. Absent where it is public.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sector: Option<String>,
    /// `logo_uri`, where its logo was fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo_uri: Option<String>,
    /// SHA-256 of the PNG that was fetched there and is served from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo: Option<Digest>,
    /// `software_id`: which software it is, the same wherever that runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub software_id: Option<String>,
    /// `software_version`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub software_version: Option<String>,
    /// Where it registered itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<SelfRegistered>,
    /// Whether an operator replaced it since: what that set, the client may not change.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub settled: bool,
    /// Whether it was removed. Its record stays, so that no other client gets its id and with it what it was issued.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub removed: bool,
    /// When even that is forgotten: only of one that registered itself, whose id was random.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forget_at: Option<Timestamp>,
}

impl Client {
    /// A poll client with a secret, in the plain profile; everything else by default.
    #[must_use]
    pub fn new(id: ClientId, name: String, secret: ClientSecret) -> Self {
        Self { secret: Some(secret), ..Self::bare(id, name) }
    }

    /// What is kept of it once it is removed: its id, so that no other client gets that, and its name, by which users may
    /// know it still; until `forget_at`, or for good.
    #[must_use]
    pub fn gone(self, forget_at: Option<Timestamp>) -> Self {
        let Self { id, name, verified, .. } = self;
        Self { verified, ciba: false, scope: Vec::new(), removed: true, forget_at, ..Self::bare(id, name) }
    }

    /// Whether it registered itself, there or removed. Only such a client is ever forgotten.
    #[must_use]
    pub const fn registered_itself(&self) -> bool {
        self.registration.is_some() || self.forget_at.is_some()
    }

    fn bare(id: ClientId, name: String) -> Self {
        Self {
            id,
            name,
            verified: true,
            authentication: AuthenticationMethod::ClientSecretBasic,
            secret: None,
            delivery: DeliveryMode::Poll,
            ciba: true,
            scope: vec!["openid".to_owned()],
            user_verification: protocol::messages::UserVerification::Required,
            notification_endpoint: None,
            keys: ClientKeys::None,
            assertion_algorithm: None,
            assertion_audience: AssertionAudience::Any,
            certificate_name: None,
            request_algorithm: None,
            user_code: false,
            id_token_algorithm: Algorithm::Es256,
            id_token_encryption: None,
            userinfo_algorithm: None,
            userinfo_encryption: None,
            access_token_format: AccessTokenFormat::Opaque,
            certificate_bound: false,
            dpop_bound: false,
            dpop_bound_refresh: false,
            refresh: false,
            long_poll: 0,
            profile: None,
            default_acr_values: Vec::new(),
            require_acr: false,
            match_code: false,
            approval_receipt: false,
            resources: Vec::new(),
            details_types: None,
            audiences: Vec::new(),
            subject_type: SubjectType::Public,
            sector_identifier_uri: None,
            sector: None,
            logo_uri: None,
            logo: None,
            software_id: None,
            software_version: None,
            registration: None,
            settled: false,
            removed: false,
            forget_at: None,
        }
    }

    /// Whether it may send `authorization_details` of this type.
    #[must_use]
    pub fn may_send(&self, kind: &str) -> bool {
        self.details_types.as_ref().is_none_or(|types| types.iter().any(|name| name == kind))
    }

    /// The software that its name was vouched for as.
    #[must_use]
    pub fn software(&self) -> Option<&Software> {
        self.registration.as_ref().and_then(|own| own.software.as_ref())
    }

    /// The rules it is held to in a realm of this profile.
    #[must_use]
    pub fn profile_in(&self, realm: Profile) -> Profile {
        self.profile.map_or(realm, |own| own.max(realm))
    }
}

#[cfg(test)]
mod tests;
