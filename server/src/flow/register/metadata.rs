//! Client metadata by its registered names (RFC 7591 §2, OIDC Registration §2, CIBA §4, RFC 8705 §2.1.2 and §3.4), and
//! ours: `verified`, `user_verification`, `profile`, `long_poll`, `require_acr`, `match_code`, `approval_receipt`, `assertion_aud`, `access_token_format`,
//! `audiences`, `resources`, `dpop_bound_refresh_tokens`. Members that this server has no use for are taken and ignored, as RFC 7591 §2 wants it.

use protocol::messages::UserVerification;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::members::{BadMember, Members};
use crate::domain::algorithm::Algorithm;
use crate::domain::certificate::name::{self, CertificateName};
use crate::domain::client::{
    AccessTokenFormat, AssertionAudience, AuthenticationMethod, CIBA_GRANT, Client, ClientKeys, REFRESH_GRANT,
    SubjectType,
};
use crate::domain::delivery::DeliveryMode;
use crate::domain::encryption::{ContentEncryption, Encryption, KeyManagement};
use crate::domain::profile::Profile;
use crate::domain::secret::Secret;

/// The names of an encryption's two members.
pub(super) type EncryptionNames = [&'static str; 2];
pub(super) const ID_TOKEN_ENCRYPTION: EncryptionNames =
    ["id_token_encrypted_response_alg", "id_token_encrypted_response_enc"];
pub(super) const USERINFO_ENCRYPTION: EncryptionNames =
    ["userinfo_encrypted_response_alg", "userinfo_encrypted_response_enc"];

/// The two members of an encryption.
#[derive(Debug, Clone, Copy)]
pub(super) struct Encrypted {
    pub(super) alg: Option<KeyManagement>,
    pub(super) enc: Option<ContentEncryption>,
}

impl Encrypted {
    fn read(members: &mut Members, [alg, enc]: EncryptionNames) -> Result<Self, BadMember> {
        Ok(Self { alg: members.word(alg)?, enc: members.word(enc)? })
    }
}

/// What was sent: each member of its type, none judged yet.
#[allow(clippy::struct_excessive_bools, reason = "each is a member by its registered name")]
#[derive(Debug)]
pub struct Metadata {
    pub(super) client_id: Option<String>,
    pub(super) client_secret: Option<Secret>,
    pub(super) client_name: Option<String>,
    pub(super) token_endpoint_auth_method: Option<AuthenticationMethod>,
    pub(super) token_endpoint_auth_signing_alg: Option<Algorithm>,
    pub(super) keys: ClientKeys,
    pub(super) certificate_name: Option<CertificateName>,
    pub(super) backchannel_token_delivery_mode: Option<DeliveryMode>,
    pub(super) backchannel_client_notification_endpoint: Option<String>,
    pub(super) backchannel_authentication_request_signing_alg: Option<Algorithm>,
    pub(super) backchannel_user_code_parameter: bool,
    pub(super) id_token_signed_response_alg: Option<Algorithm>,
    pub(super) id_token_encryption: Encrypted,
    pub(super) userinfo_signed_response_alg: Option<Algorithm>,
    pub(super) userinfo_encryption: Encrypted,
    pub(super) tls_client_certificate_bound_access_tokens: bool,
    pub(super) dpop_bound_access_tokens: bool,
    pub(super) dpop_bound_refresh_tokens: bool,
    pub(super) grant_types: Option<Vec<String>>,
    pub(super) scope: Option<String>,
    pub(super) default_acr_values: Vec<String>,
    pub(super) require_acr: bool,
    pub(super) match_code: bool,
    pub(super) approval_receipt: bool,
    pub(super) verified: bool,
    pub(super) user_verification: UserVerification,
    pub(super) profile: Option<Profile>,
    pub(super) long_poll: u32,
    pub(super) assertion_aud: AssertionAudience,
    pub(super) access_token_format: AccessTokenFormat,
    pub(super) resources: Vec<String>,
    pub(super) authorization_details_types: Option<Vec<String>>,
    pub(super) audiences: Vec<String>,
    pub(super) subject_type: SubjectType,
    pub(super) sector_identifier_uri: Option<String>,
    pub(super) logo_uri: Option<String>,
    pub(super) software_id: Option<String>,
    pub(super) software_version: Option<String>,
}

impl Metadata {
    /// Reads what was sent.
    pub fn read(members: Map<String, Value>) -> Result<Self, BadMember> {
        let mut members = Members(members);
        fixed(&mut members)?;
        let it = &mut members;
        Ok(Self {
            client_id: it.text("client_id")?,
            client_secret: it.text("client_secret")?.map(Secret::new),
            client_name: it.text("client_name")?,
            token_endpoint_auth_method: method(it)?,
            token_endpoint_auth_signing_alg: it.word("token_endpoint_auth_signing_alg")?,
            keys: keys(it)?,
            certificate_name: certificate_name(it)?,
            backchannel_token_delivery_mode: it.word("backchannel_token_delivery_mode")?,
            backchannel_client_notification_endpoint: it.text("backchannel_client_notification_endpoint")?,
            backchannel_authentication_request_signing_alg: it
                .word("backchannel_authentication_request_signing_alg")?,
            backchannel_user_code_parameter: it.flag("backchannel_user_code_parameter")?,
            id_token_signed_response_alg: it.word("id_token_signed_response_alg")?,
            id_token_encryption: Encrypted::read(it, ID_TOKEN_ENCRYPTION)?,
            userinfo_signed_response_alg: it.word("userinfo_signed_response_alg")?,
            userinfo_encryption: Encrypted::read(it, USERINFO_ENCRYPTION)?,
            tls_client_certificate_bound_access_tokens: it.flag("tls_client_certificate_bound_access_tokens")?,
            dpop_bound_access_tokens: it.flag("dpop_bound_access_tokens")?,
            dpop_bound_refresh_tokens: it.flag("dpop_bound_refresh_tokens")?,
            grant_types: it.texts("grant_types")?,
            scope: it.text("scope")?,
            default_acr_values: it.texts("default_acr_values")?.unwrap_or_default(),
            require_acr: it.flag("require_acr")?,
            match_code: it.flag("match_code")?,
            approval_receipt: it.flag("approval_receipt")?,
            verified: it.flag("verified")?,
            user_verification: it.word("user_verification")?.unwrap_or(UserVerification::Required),
            profile: it.word("profile")?,
            long_poll: it.number("long_poll")?,
            assertion_aud: it.word("assertion_aud")?.unwrap_or_default(),
            access_token_format: it.word("access_token_format")?.unwrap_or_default(),
            resources: it.texts("resources")?.unwrap_or_default(),
            authorization_details_types: it.texts("authorization_details_types")?,
            audiences: it.texts("audiences")?.unwrap_or_default(),
            subject_type: it.word("subject_type")?.unwrap_or_default(),
            sector_identifier_uri: it.text("sector_identifier_uri")?,
            logo_uri: it.text("logo_uri")?,
            software_id: it.text("software_id")?,
            software_version: it.text("software_version")?,
        })
    }
}

/// What has one value only.
fn fixed(members: &mut Members) -> Result<(), BadMember> {
    if members.texts("response_types")?.is_some_and(|types| !types.is_empty()) {
        return Err(BadMember::new("response_types", "must be empty: there is no front channel"));
    }
    Ok(())
}

fn method(members: &mut Members) -> Result<Option<AuthenticationMethod>, BadMember> {
    const NAME: &str = "token_endpoint_auth_method";
    let Some(method) = members.text(NAME)? else { return Ok(None) };
    match AuthenticationMethod::parse(&method) {
        Some(method) => Ok(Some(method)),
        // REQUIREMENTS Q21; CIBA §4: "confidential clients".
        None if method == "none" => Err(BadMember::new(NAME, "must not be none: public clients are refused")),
        None => {
            let known = AuthenticationMethod::ALL.map(AuthenticationMethod::name).join(", ");
            Err(BadMember::new(NAME, format!("must be one of {known}")))
        }
    }
}

fn keys(members: &mut Members) -> Result<ClientKeys, BadMember> {
    match (members.object("jwks")?, members.text("jwks_uri")?) {
        (None, None) => Ok(ClientKeys::None),
        (Some(jwks), None) => Ok(ClientKeys::Jwks(Value::from(jwks).to_string())),
        (None, Some(uri)) => Ok(ClientKeys::JwksUri(uri)),
        // RFC 7591 §2
        (Some(_), Some(_)) => Err(BadMember::new("jwks_uri", "must not stand beside jwks")),
    }
}

fn certificate_name(members: &mut Members) -> Result<Option<CertificateName>, BadMember> {
    let mut found = None;
    for member in name::MEMBERS {
        let Some(value) = members.text(member)? else { continue };
        let name = CertificateName::parse(member, &value).map_err(|why| BadMember::new(member, why.to_string()))?;
        // RFC 8705 §2.1.2
        if found.replace(name).is_some() {
            return Err(BadMember::new(member, "must be the only name of a certificate"));
        }
    }
    Ok(found)
}

/// A client's metadata as it is read back: what [`Metadata::read`] takes, without the secret.
#[must_use]
pub fn written(client: &Client) -> Map<String, Value> {
    let mut members = Map::new();
    let mut put = |name: &str, value: Value| drop(members.insert(name.to_owned(), value));
    put("client_id", json!(client.id));
    put("client_name", json!(client.name));
    put("token_endpoint_auth_method", json!(client.authentication));
    put("backchannel_token_delivery_mode", json!(client.delivery));
    put("backchannel_user_code_parameter", json!(client.user_code));
    put("id_token_signed_response_alg", json!(client.id_token_algorithm));
    put("tls_client_certificate_bound_access_tokens", json!(client.certificate_bound));
    put("dpop_bound_access_tokens", json!(client.dpop_bound));
    put("dpop_bound_refresh_tokens", json!(client.dpop_bound_refresh));
    put("grant_types", json!(grants(client)));
    put("response_types", json!([]));
    put("scope", json!(client.scope.join(" ")));
    put("subject_type", json!(client.subject_type));
    put("require_acr", json!(client.require_acr));
    put("match_code", json!(client.match_code));
    put("approval_receipt", json!(client.approval_receipt));
    put("verified", json!(client.verified));
    put("user_verification", json!(client.user_verification));
    put("long_poll", json!(client.long_poll));
    put("assertion_aud", json!(client.assertion_audience));
    put("access_token_format", json!(client.access_token_format));
    members.extend(written_if_any(client));
    members.extend(written_encryption(client.id_token_encryption, ID_TOKEN_ENCRYPTION));
    members.extend(written_encryption(client.userinfo_encryption, USERINFO_ENCRYPTION));
    members
}

fn written_if_any(client: &Client) -> impl Iterator<Item = (String, Value)> {
    let keys = match &client.keys {
        ClientKeys::None => None,
        ClientKeys::Jwks(text) => Some(("jwks", serde_json::from_str(text).unwrap_or_default())),
        ClientKeys::JwksUri(uri) => Some(("jwks_uri", json!(uri))),
    };
    let name = client.certificate_name.as_ref().map(|name| (name.member(), json!(name.value())));
    let some = [
        keys,
        name,
        optional("token_endpoint_auth_signing_alg", client.assertion_algorithm),
        optional("backchannel_client_notification_endpoint", client.notification_endpoint.as_ref()),
        optional("backchannel_authentication_request_signing_alg", client.request_algorithm),
        optional("userinfo_signed_response_alg", client.userinfo_algorithm),
        optional("profile", client.profile),
        optional("default_acr_values", Some(&client.default_acr_values).filter(|values| !values.is_empty())),
        optional("resources", Some(&client.resources).filter(|resources| !resources.is_empty())),
        optional("authorization_details_types", client.details_types.as_ref()),
        optional("sector_identifier_uri", client.sector_identifier_uri.as_ref()),
        optional("logo_uri", client.logo_uri.as_ref()),
        optional("software_id", client.software_id.as_ref()),
        optional("software_version", client.software_version.as_ref()),
        optional("audiences", Some(&client.audiences).filter(|audiences| !audiences.is_empty())),
    ];
    some.into_iter().flatten().map(|(name, value)| (name.to_owned(), value))
}

fn written_encryption(
    encryption: Option<Encryption>,
    [alg, enc]: EncryptionNames,
) -> impl Iterator<Item = (String, Value)> {
    let members = encryption.map(|how| [(alg.to_owned(), json!(how.alg)), (enc.to_owned(), json!(how.enc))]);
    members.into_iter().flatten()
}

fn optional(name: &'static str, value: Option<impl Serialize>) -> Option<(&'static str, Value)> {
    value.map(|value| (name, json!(value)))
}

fn grants(client: &Client) -> Vec<&'static str> {
    let held = [(client.ciba, CIBA_GRANT), (client.refresh, REFRESH_GRANT)];
    held.into_iter().filter(|(held, _)| *held).map(|(_, grant)| grant).collect()
}
