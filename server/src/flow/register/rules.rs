//! What a registration must be, member by member and among its members, in a realm that offers what it offers.

use std::borrow::Cow;
use std::collections::HashSet;

use protocol::text::{self, Kind};
use serde_json::Value;

use super::members::BadMember;
use super::metadata::{Encrypted, EncryptionNames, ID_TOKEN_ENCRYPTION, Metadata, USERINFO_ENCRYPTION};
use super::sector;
use crate::domain::algorithm::Algorithm;
use crate::domain::certificate::name::CertificateName;
use crate::domain::client::{AuthenticationMethod as Method, CIBA_GRANT, Client, ClientKeys, REFRESH_GRANT};
use crate::domain::delivery::DeliveryMode;
use crate::domain::encryption::{ContentEncryption, Encryption, KeyManagement};
use crate::domain::names::ClientId;
use crate::domain::offer::Offer;
use crate::domain::policy::ENROLMENT_SCOPE;
use crate::domain::profile::Profile;
use crate::domain::resource;
use crate::jose::JwkSet;
use crate::outbound::endpoint::Endpoint;

/// Scopes every client may ask for unless its registration names its own (OIDC Core §5.4).
pub const SCOPES: [&str; 4] = ["openid", "profile", "email", "phone"];

/// A client has at most so many scopes, each of at most so many characters: every one is shown on the phone.
const MOST_SCOPES: usize = 32;
const LONGEST_SCOPE: usize = 64;

/// Bytes of `jwks`: a client's record must stay small. Larger sets are published at `jwks_uri`.
const MOST_JWKS_BYTES: usize = 8 * 1024;

/// At most so many `default_acr_values` and `audiences`, each of at most so many characters.
const MOST_VALUES: usize = 16;
const LONGEST_VALUE: usize = 255;

pub(super) type Judged<T = ()> = Result<T, BadMember>;

/// The client, all but its secret.
pub(super) fn judge(id: String, metadata: Metadata, offer: &Offer<'_>) -> Judged<Client> {
    let name = name(&id, metadata.client_name.as_deref())?;
    let profile = profile(&metadata, offer)?;
    let authentication = method(&metadata, offer, profile)?;
    let delivery = delivery(&metadata, offer, profile)?;
    let (ciba, refresh) = grants(&metadata, delivery)?;
    if ciba {
        offered_mode(delivery, offer, profile)?;
    }
    let keys = Keys::read(&metadata.keys, offer)?;
    assertions(&metadata, authentication, offer, profile, &keys)?;
    certificates(&metadata, authentication, &keys)?;
    requests(&metadata, offer, profile, &keys)?;
    bound_tokens(&metadata, authentication, delivery, offer)?;
    proven_tokens(&metadata, delivery, offer, profile)?;
    user_code(&metadata, offer)?;
    long_poll(&metadata, offer, profile, delivery)?;
    values("default_acr_values", &metadata.default_acr_values)?;
    values("audiences", &metadata.audiences)?;
    resources(&metadata.resources)?;
    details_types(&metadata, offer)?;
    label("software_id", metadata.software_id.as_deref())?;
    label("software_version", metadata.software_version.as_deref())?;
    if let Some(uri) = &metadata.logo_uri {
        callable("logo_uri", uri, offer)?;
    }
    let sector = sector::judge(&metadata, (authentication, delivery), offer, profile)?;
    Ok(Client {
        id: ClientId::new(id),
        name,
        verified: metadata.verified,
        authentication,
        secret: None,
        delivery,
        ciba,
        scope: scope(metadata.scope.as_deref())?,
        user_verification: metadata.user_verification,
        notification_endpoint: notification_endpoint(
            metadata.backchannel_client_notification_endpoint,
            delivery,
            offer,
        )?,
        keys: metadata.keys,
        assertion_algorithm: metadata.token_endpoint_auth_signing_alg,
        assertion_audience: metadata.assertion_aud,
        certificate_name: metadata.certificate_name,
        request_algorithm: metadata.backchannel_authentication_request_signing_alg,
        user_code: metadata.backchannel_user_code_parameter,
        id_token_algorithm: id_token_algorithm(metadata.id_token_signed_response_alg, offer, profile)?,
        id_token_encryption: encryption(metadata.id_token_encryption, ID_TOKEN_ENCRYPTION, &keys)?,
        userinfo_algorithm: userinfo_algorithm(metadata.userinfo_signed_response_alg, offer, profile)?,
        userinfo_encryption: encryption(metadata.userinfo_encryption, USERINFO_ENCRYPTION, &keys)?,
        access_token_format: metadata.access_token_format,
        // FAPI 1.0 Advanced §5.2.2: whatever was said (RFC 7591 §3.2.1).
        certificate_bound: metadata.tls_client_certificate_bound_access_tokens || profile == Profile::FapiCiba,
        dpop_bound: metadata.dpop_bound_access_tokens,
        dpop_bound_refresh: metadata.dpop_bound_refresh_tokens,
        refresh,
        long_poll: metadata.long_poll,
        profile: metadata.profile,
        default_acr_values: metadata.default_acr_values,
        require_acr: metadata.require_acr,
        match_code: metadata.match_code,
        approval_receipt: metadata.approval_receipt,
        resources: metadata.resources,
        details_types: metadata.authorization_details_types,
        audiences: metadata.audiences,
        subject_type: metadata.subject_type,
        sector_identifier_uri: metadata.sector_identifier_uri,
        sector,
        logo_uri: metadata.logo_uri,
        logo: None,
        software_id: metadata.software_id,
        software_version: metadata.software_version,
        registration: None,
        settled: false,
        removed: false,
        forget_at: None,
    })
}

pub(super) fn must(holds: bool, member: &'static str, rule: impl Into<Cow<'static, str>>) -> Judged {
    if holds { Ok(()) } else { Err(BadMember::new(member, rule)) }
}

fn listed<T>(offered: &[T], name: impl Fn(&T) -> &'static str) -> String {
    if offered.is_empty() {
        return "none is offered here".to_owned();
    }
    format!("must be one of {}", offered.iter().map(name).collect::<Vec<_>>().join(", "))
}

/// Shown on phones: it keeps the rules for text there.
fn name(id: &str, name: Option<&str>) -> Judged<String> {
    let printable = (1..=LONGEST_VALUE).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    must(printable, "client_id", "must be 1 to 255 printable ASCII characters")?;
    let name = name.unwrap_or(id);
    text::check(Kind::ClientName, name)
        .map_err(|why| BadMember::new("client_name", format!("is not fit to show: {why}")))?;
    Ok(name.to_owned())
}

fn profile(metadata: &Metadata, offer: &Offer<'_>) -> Judged<Profile> {
    let own = metadata.profile.unwrap_or(offer.policy.profile);
    must(own >= offer.policy.profile, "profile", "must not be looser than that of the realm")?;
    Ok(own)
}

fn method(metadata: &Metadata, offer: &Offer<'_>, profile: Profile) -> Judged<Method> {
    // RFC 7591 §2: the default
    let method = metadata.token_endpoint_auth_method.unwrap_or(Method::ClientSecretBasic);
    let offered = offer.methods(profile);
    must(offered.contains(&method), "token_endpoint_auth_method", listed(&offered, |method| method.name()))?;
    Ok(method)
}

fn delivery(metadata: &Metadata, offer: &Offer<'_>, profile: Profile) -> Judged<DeliveryMode> {
    let delivery = metadata.backchannel_token_delivery_mode.unwrap_or(DeliveryMode::Poll);
    // FAPI-CIBA §5.2.2: push is not supported.
    let is_push = delivery == DeliveryMode::Push && profile == Profile::FapiCiba;
    must(!is_push, "backchannel_token_delivery_mode", listed(&offer.delivery_modes(profile), |mode| mode.name()))?;
    Ok(delivery)
}

fn offered_mode(delivery: DeliveryMode, offer: &Offer<'_>, profile: Profile) -> Judged {
    let offered = offer.delivery_modes(profile);
    must(offered.contains(&delivery), "backchannel_token_delivery_mode", listed(&offered, |mode| mode.name()))
}

/// Whether it holds the CIBA grant, and that of refresh tokens.
fn grants(metadata: &Metadata, delivery: DeliveryMode) -> Judged<(bool, bool)> {
    let Some(grants) = &metadata.grant_types else { return Ok((true, false)) };
    let known = grants.iter().all(|grant| grant == CIBA_GRANT || grant == REFRESH_GRANT);
    must(known, "grant_types", format!("must be {CIBA_GRANT} and perhaps {REFRESH_GRANT}"))?;
    // A push client never comes to the token endpoint with that grant (REQUIREMENTS Q38).
    let ciba = grants.iter().any(|grant| grant == CIBA_GRANT) || delivery == DeliveryMode::Push;
    // A resource server that only asks what tokens are worth needs no grant.
    let only_serves = grants.is_empty() && !metadata.audiences.is_empty();
    must(ciba || only_serves, "grant_types", format!("must hold {CIBA_GRANT}"))?;
    Ok((ciba, grants.iter().any(|grant| grant == REFRESH_GRANT)))
}

/// The client's keys, as far as they can be judged without asking anybody.
enum Keys {
    None,
    Known(JwkSet),
    Elsewhere,
}

impl Keys {
    fn read(keys: &ClientKeys, offer: &Offer<'_>) -> Judged<Self> {
        match keys {
            ClientKeys::None => Ok(Self::None),
            ClientKeys::Jwks(text) => {
                must(text.len() <= MOST_JWKS_BYTES, "jwks", "must be at most 8 KiB; publish larger ones at jwks_uri")?;
                let set = serde_json::from_str::<Value>(text).map_err(|_| BadMember::new("jwks", "must be JSON"))?;
                let set = JwkSet::of(&set).map_err(|why| BadMember::new("jwks", why.to_string().replace('`', "")))?;
                let usable = !set.is_empty() || KeyManagement::ALL.into_iter().any(|alg| set.recipient(alg).is_some());
                must(usable, "jwks", "must hold a key that can verify a signature or be encrypted to")?;
                Ok(Self::Known(set))
            }
            ClientKeys::JwksUri(uri) => {
                callable("jwks_uri", uri, offer)?;
                Ok(Self::Elsewhere)
            }
        }
    }

    /// Whether any may verify something.
    fn are_there(&self) -> bool {
        match self {
            Self::None => false,
            Self::Known(set) => !set.is_empty(),
            Self::Elsewhere => true,
        }
    }

    /// Whether one may be encrypted to; of those elsewhere it shows when they are needed.
    fn may_decrypt(&self, algorithm: KeyManagement) -> bool {
        match self {
            Self::None => false,
            Self::Known(set) => set.recipient(algorithm).is_some(),
            Self::Elsewhere => true,
        }
    }

    /// Keys elsewhere may fit; when they are needed they are judged.
    fn may_fit(&self, algorithm: Algorithm) -> bool {
        match self {
            Self::None => false,
            Self::Known(set) => set.fits(algorithm),
            Self::Elsewhere => true,
        }
    }
}

fn assertions(metadata: &Metadata, method: Method, offer: &Offer<'_>, profile: Profile, keys: &Keys) -> Judged {
    const NAME: &str = "token_endpoint_auth_signing_alg";
    let offered = offer.assertion_algorithms(method, profile);
    if let Some(algorithm) = metadata.token_endpoint_auth_signing_alg {
        must(offered.contains(&algorithm), NAME, listed(&offered, |algorithm| algorithm.name()))?;
        let fits = !algorithm.is_asymmetric() || keys.may_fit(algorithm);
        return must(fits, NAME, "must suit a key of jwks");
    }
    if method != Method::PrivateKeyJwt {
        return Ok(());
    }
    must(keys.are_there(), "jwks", "must be there, or jwks_uri: private_key_jwt needs keys")?;
    let fits = offered.iter().any(|algorithm| keys.may_fit(*algorithm));
    must(fits, "jwks", format!("must hold a key for one of {}", names(&offered)))
}

fn names(algorithms: &[Algorithm]) -> String {
    algorithms.iter().map(|algorithm| algorithm.name()).collect::<Vec<_>>().join(", ")
}

fn certificates(metadata: &Metadata, method: Method, keys: &Keys) -> Judged {
    let named = metadata.certificate_name.as_ref().map(CertificateName::member);
    match (method, named) {
        (Method::TlsClientAuth, None) => {
            must(false, "tls_client_auth_subject_dn", "must be there, or one of the tls_client_auth_san names")
        }
        (Method::TlsClientAuth, Some(_)) | (_, None) => Ok(()),
        (_, Some(member)) => must(false, member, "is for the method tls_client_auth only"),
    }?;
    // RFC 8705 §2.2.2
    let has_key = method != Method::SelfSignedTlsClientAuth || keys.are_there();
    must(has_key, "jwks", "must be there, or jwks_uri: it holds the key of the certificate")
}

fn requests(metadata: &Metadata, offer: &Offer<'_>, profile: Profile, keys: &Keys) -> Judged {
    const NAME: &str = "backchannel_authentication_request_signing_alg";
    if let Some(algorithm) = metadata.backchannel_authentication_request_signing_alg {
        // CIBA §4: asymmetric only; REQUIREMENTS Q16: what is not listed is refused.
        let offered = offer.client_algorithms(profile);
        must(offered.contains(&algorithm), NAME, listed(&offered, |algorithm| algorithm.name()))?;
        must(keys.are_there(), "jwks", "must be there, or jwks_uri: signed requests need keys")?;
        return must(keys.may_fit(algorithm), NAME, "must suit a key of jwks");
    }
    let signs = profile == Profile::FapiCiba && metadata.grant_types.as_ref().is_none_or(|grants| !grants.is_empty());
    must(!signs || keys.are_there(), "jwks", "must be there, or jwks_uri: under the FAPI profile requests are signed")
}

fn bound_tokens(metadata: &Metadata, method: Method, delivery: DeliveryMode, offer: &Offer<'_>) -> Judged {
    const NAME: &str = "tls_client_certificate_bound_access_tokens";
    if !metadata.tls_client_certificate_bound_access_tokens {
        return Ok(());
    }
    must(offer.mutual_tls, NAME, "must be false: this server has no mutual TLS")?;
    // They are bound to the certificate of the backchannel request, so every request must have one.
    let by_certificate = matches!(method, Method::TlsClientAuth | Method::SelfSignedTlsClientAuth);
    must(delivery != DeliveryMode::Push || by_certificate, NAME, "must be false for push without mutual TLS")
}

fn proven_tokens(metadata: &Metadata, delivery: DeliveryMode, offer: &Offer<'_>, profile: Profile) -> Judged {
    const NAME: &str = "dpop_bound_access_tokens";
    const REFRESH: &str = "dpop_bound_refresh_tokens";
    must(
        metadata.dpop_bound_access_tokens || !metadata.dpop_bound_refresh_tokens,
        REFRESH,
        "needs dpop_bound_access_tokens",
    )?;
    if !metadata.dpop_bound_access_tokens {
        return Ok(());
    }
    must(!offer.client_algorithms(profile).is_empty(), NAME, "must be false: no algorithm for proofs is offered here")?;
    // RFC 9449 §5: they are bound to the key of a token request, and push has none.
    must(delivery != DeliveryMode::Push, NAME, "must be false for push, where tokens are bound to a certificate alone")
}

fn notification_endpoint(url: Option<String>, delivery: DeliveryMode, offer: &Offer<'_>) -> Judged<Option<String>> {
    const NAME: &str = "backchannel_client_notification_endpoint";
    // CIBA §4
    must(url.is_some() || delivery == DeliveryMode::Poll, NAME, "must be there for ping and push")?;
    if let Some(url) = &url {
        callable(NAME, url, offer)?;
    }
    Ok(url)
}

fn user_code(metadata: &Metadata, offer: &Offer<'_>) -> Judged {
    let taken = !metadata.backchannel_user_code_parameter || offer.policy.user_code;
    must(taken, "backchannel_user_code_parameter", "must be false: this realm takes no user codes")
}

fn long_poll(metadata: &Metadata, offer: &Offer<'_>, profile: Profile, delivery: DeliveryMode) -> Judged {
    let held = metadata.long_poll > 0;
    must(!held || profile == Profile::Core, "long_poll", "must be 0 under the FAPI profile")?;
    must(!held || delivery != DeliveryMode::Push, "long_poll", "must be 0 for push: such a client does not poll")?;
    let most = offer.policy.long_poll_max;
    must(metadata.long_poll <= most, "long_poll", format!("must be at most {most} seconds"))
}

fn id_token_algorithm(wanted: Option<Algorithm>, offer: &Offer<'_>, profile: Profile) -> Judged<Algorithm> {
    let offered = offer.id_token_algorithms(profile);
    let algorithm = wanted.or(offered.first().copied()).filter(|algorithm| offered.contains(algorithm));
    let refused = || BadMember::new("id_token_signed_response_alg", listed(&offered, |algorithm| algorithm.name()));
    algorithm.ok_or_else(refused)
}

fn userinfo_algorithm(wanted: Option<Algorithm>, offer: &Offer<'_>, profile: Profile) -> Judged<Option<Algorithm>> {
    let offered = offer.id_token_algorithms(profile);
    let fits = wanted.is_none_or(|algorithm| offered.contains(&algorithm));
    must(fits, "userinfo_signed_response_alg", listed(&offered, |algorithm| algorithm.name()))?;
    Ok(wanted)
}

/// OIDC Registration §2. The default of `…_enc` there, A128CBC-HS256, is not offered: whoever relies on it is told so.
fn encryption(wanted: Encrypted, [alg, enc]: EncryptionNames, keys: &Keys) -> Judged<Option<Encryption>> {
    let Encrypted { alg: Some(management), enc: content } = wanted else {
        must(wanted.enc.is_none(), enc, format!("must not stand without {alg}"))?;
        return Ok(None);
    };
    let offered = listed(&ContentEncryption::ALL, |content| content.name());
    let content = content.ok_or_else(|| BadMember::new(enc, format!("{offered}: the default is not offered")))?;
    must(
        keys.may_decrypt(management),
        alg,
        "must suit a key of jwks, or of jwks_uri, that is for encryption and has a kid among others",
    )?;
    Ok(Some(Encryption { alg: management, enc: content }))
}

fn scope(scope: Option<&str>) -> Judged<Vec<String>> {
    // RFC 6749 §3.3: between two scopes is a space, and nothing else.
    let mut known = HashSet::new();
    let scope = scope.unwrap_or_default().split(' ').filter(|scope| !scope.is_empty() && known.insert(*scope));
    let mut scope: Vec<String> = scope.map(str::to_owned).collect();
    if scope.is_empty() {
        scope = SCOPES.map(str::to_owned).to_vec();
    } else if !scope.iter().any(|scope| scope == "openid") {
        scope.insert(0, "openid".to_owned());
    }
    check_scopes(&scope).map_err(|rule| BadMember::new("scope", rule))?;
    Ok(scope)
}

/// Whether a client may be registered with these scopes; which rule they break.
pub fn check_scopes(scopes: &[String]) -> Result<(), &'static str> {
    if scopes.len() > MOST_SCOPES || !scopes.iter().all(|scope| is_scope(scope)) {
        return Err(
            "at most 32 scopes of at most 64 printable ASCII characters, without quotation marks, backslashes or URLs",
        );
    }
    if scopes.iter().any(|scope| scope == ENROLMENT_SCOPE) {
        return Err("may not name the scope by which phones are enrolled: it never comes out of a CIBA request");
    }
    Ok(())
}

/// RFC 6749 §3.3, and what phones show: they refuse a prompt with a line that breaks the rules for text.
fn is_scope(text: &str) -> bool {
    let is_token =
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
    is_token && text.len() <= LONGEST_SCOPE && text::check(Kind::DetailValue, text).is_ok()
}

/// RFC 8707 §2
fn resources(resources: &[String]) -> Judged {
    let fit = resources.len() <= MOST_VALUES && resources.iter().all(|uri| resource::is_one(uri));
    must(fit, "resources", "must be at most 16 absolute URIs without fragment, of at most 255 characters")
}

/// RFC 9396 §10: what is not offered is refused.
fn details_types(metadata: &Metadata, offer: &Offer<'_>) -> Judged {
    let Some(types) = &metadata.authorization_details_types else { return Ok(()) };
    let is_known = |name: &String| offer.policy.details_types().any(|kind| kind == name);
    must(types.iter().all(is_known), "authorization_details_types", "must be types that this realm knows")
}

fn label(member: &'static str, text: Option<&str>) -> Judged {
    let fits = text.is_none_or(|text| text.len() <= LONGEST_VALUE && !text.chars().any(char::is_control));
    must(fits, member, "must be at most 255 bytes without control characters")
}

/// What this server calls, as far as its text can tell. Plain http is for those that the operator lets call their own machine.
fn callable(member: &'static str, url: &str, offer: &Offer<'_>) -> Judged {
    let endpoint = Endpoint::foreign(url).map_err(|why| BadMember::new(member, why.to_string()))?;
    must(offer.loopback || endpoint.url().scheme() == "https", member, "must be https")
}

fn values(member: &'static str, values: &[String]) -> Judged {
    let fits =
        |value: &String| (1..=LONGEST_VALUE).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_graphic());
    let rule = "must be at most 16 values of 1 to 255 printable ASCII characters";
    must(values.len() <= MOST_VALUES && values.iter().all(fits), member, rule)
}
