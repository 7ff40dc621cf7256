//! A user enrols a phone by themselves: they sign in at the realm's own OpenID provider (authorization code flow, OIDC Core
//! §3.1, with PKCE, RFC 7636), and their browser then shows one ticket and types the digits.
//!
//! Nothing is stored for it. What must outlive a call is in two cookies of the browser, each good for some minutes and
//! signed by the realm's MAC key, so that any process goes on where another began: the *attempt* while the user is at the
//! login, the *session* from then on.

use protocol::{Digest, base64url};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use subtle::ConstantTimeEq as _;
use tracing::{info, warn};
use url::Url;
use url::form_urlencoded::byte_serialize;

use super::Unavailable;
use super::administer::{self, Shown};
use super::confirm::Confirmed;
use super::first_party::{self, Caller, FRESH_SIGN_IN};
use super::provider::Provider;
use super::public_keys::{Source, Unbelieved};
use crate::domain::algorithm::Algorithm;
use crate::domain::names::{ClientId, Subject, TicketKey};
use crate::domain::sign_in::SignIn;
use crate::domain::time::Timestamp;
use crate::jose::{Audience, Claims, ClaimsError, Rules, SKEW, Unverified};
use crate::outbound::client::{Body, Payload, Reply};
use crate::outbound::endpoint::Endpoint;

/// Where the login sends the browser back to, below the issuer.
pub const CALLBACK: &str = "/enrol/callback";

/// A user may be at the login for so many seconds.
pub const ATTEMPT_LIFETIME: i64 = 600;

/// A session lives so many seconds: the ticket's life and the enrolment's.
pub const SESSION_LIFETIME: i64 = 900;

/// An ID token lives at most so many seconds.
const LONGEST_TOKEN: i64 = 86_400;

/// Why nobody is signed in.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// This realm has no login.
    #[error("no login is set")]
    NotOffered,
    /// No attempt or session of this browser's, or its time is over.
    #[error("nothing was begun here")]
    Stranger,
    /// The login said no: its error code.
    #[error("the login refused: {0}")]
    Refused(String),
    /// The login cannot be reached, or speaks something else.
    #[error("the login does not answer: {0}")]
    Unreachable(&'static str),
    /// What the login said is not to be believed.
    #[error("the ID token: {0}")]
    Unbelieved(#[from] Unbelieved),
    /// There is no ticket for this user.
    #[error(transparent)]
    NoTicket(#[from] first_party::Reason),
    /// Nothing was decided.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<ClaimsError> for Reason {
    fn from(why: ClaimsError) -> Self {
        Self::Unbelieved(why.into())
    }
}

/// What a login publishes of itself (OIDC Discovery §3), as far as we need it.
#[derive(Deserialize)]
pub(super) struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
}

impl Metadata {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}

/// A browser on its way to the login.
pub struct Begun {
    /// Where to send it.
    pub url: String,
    /// What it must bring back.
    pub attempt: String,
}

/// With what it came back (RFC 6749 §4.1.2, RFC 9207).
#[derive(Default)]
pub struct Returned<'a> {
    /// The `state` that it was sent with.
    pub state: Option<&'a str>,
    /// The code, if the user signed in.
    pub code: Option<&'a str>,
    /// The error, if not.
    pub error: Option<&'a str>,
    /// Who sends it, if they say so.
    pub iss: Option<&'a str>,
}

/// One user's sign-in, and the ticket that came of it. Holds the ticket's secret, so it is never printed.
#[derive(Serialize, Deserialize)]
pub struct Session {
    subject: Subject,
    /// The ticket's link, which holds its secret.
    pub ticket: String,
    key: TicketKey,
    until: i64,
}

/// Sends a browser to the login; `recovering`, to sign in as the realm wants it of who has no phone left.
pub async fn begin(provider: &Provider, recovering: bool) -> Result<Begun, Reason> {
    let login = login(provider)?;
    let metadata = metadata(provider, login).await?;
    let (state, at) = (base64url::encode(&provider.random().array::<16>()), provider.now().unix_seconds());
    let challenge = base64url::encode(Digest::of(verifier(provider, &state).as_bytes()).as_bytes());
    // Checked as an address that we would call: browsers go nowhere in the clear.
    let mut url = operators(&metadata.authorization_endpoint)
        .and_then(|_| Url::parse(&metadata.authorization_endpoint).ok())
        .ok_or(Reason::Unreachable("its address is none"))?;
    let mut query = url.query_pairs_mut();
    query
        .append_pair("response_type", "code")
        .append_pair("client_id", &login.client_id)
        .append_pair("redirect_uri", &callback(provider))
        .append_pair("scope", "openid")
        .append_pair("state", &state)
        .append_pair("nonce", &nonce(provider, &state))
        .append_pair("code_challenge", &challenge)
        .append_pair("code_challenge_method", "S256")
        .append_pair("max_age", &FRESH_SIGN_IN.to_string());
    if recovering && !login.recovery_acr.is_empty() {
        query.append_pair("acr_values", &login.recovery_acr.join(" "));
    }
    drop(query);
    let attempt = format!("{state}.{at}");
    Ok(Begun { url: url.into(), attempt: sealed(provider, ATTEMPT, &attempt) })
}

/// Ends what [`begin`] began, with a session that has a ticket.
pub async fn complete(provider: &Provider, attempt: Option<&str>, returned: &Returned<'_>) -> Result<String, Reason> {
    let completed = completed(provider, attempt, returned).await;
    completed.inspect_err(|reason| info!(%reason, "nobody signed in to enrol a phone"))
}

async fn completed(provider: &Provider, attempt: Option<&str>, returned: &Returned<'_>) -> Result<String, Reason> {
    let login = login(provider)?;
    let now = provider.now();
    let state = begun(provider, attempt, now).ok_or(Reason::Stranger)?;
    if !equal(returned.state.unwrap_or_default(), &state) {
        return Err(Reason::Stranger);
    }
    if returned.iss.is_some_and(|iss| iss != login.issuer) {
        return Err(Reason::Unbelieved(Unbelieved::Issuer));
    }
    let code = match (returned.code, returned.error) {
        (Some(code), None) => code,
        (_, error) => return Err(Reason::Refused(fit(error.unwrap_or_default()))),
    };
    let metadata = metadata(provider, login).await?;
    let token = redeem(provider, login, &metadata, code, &verifier(provider, &state)).await?;
    let claims = believed(provider, login, &metadata, &token, &nonce(provider, &state)).await?;
    let subject = claims.members().get(&login.subject_claim).and_then(Value::as_str);
    let subject = subject.filter(|subject| !subject.is_empty()).ok_or(ClaimsError::Missing("the subject's"))?;
    let caller = Caller::signed_in(
        Subject::new(subject),
        ClientId::new(&login.client_id),
        claims.text("acr")?.map(str::to_owned),
        login.recovery_acr.clone(),
    );
    let ticket = first_party::create_ticket(provider, caller).await?;
    let session = Session {
        subject: Subject::new(subject),
        key: TicketKey::of(&ticket.code.to_string()),
        ticket: ticket.to_string(),
        until: now.plus_seconds(SESSION_LIFETIME).unix_seconds(),
    };
    let text = serde_json::to_vec(&session).map_err(|_| Unavailable::Contended)?;
    Ok(sealed(provider, SESSION, &base64url::encode(&text)))
}

/// The session that a browser brings, with what has become of its ticket.
pub async fn session(provider: &Provider, cookie: Option<&str>) -> Result<(Session, Option<Shown>), Reason> {
    login(provider)?;
    let text = cookie.and_then(|cookie| opened(provider, SESSION, cookie)).ok_or(Reason::Stranger)?;
    let session = base64url::decode(text).ok().and_then(|text| serde_json::from_slice::<Session>(&text).ok());
    let session = session.filter(|session| provider.now().unix_seconds() < session.until).ok_or(Reason::Stranger)?;
    let shown = administer::ticket(provider, &session.key).await?;
    let shown = shown.filter(|shown| shown.ticket.subject == session.subject);
    Ok((session, shown))
}

/// Types the digits that the phone shows.
pub async fn type_digits(provider: &Provider, session: &Session, digits: &str) -> Result<Confirmed, Reason> {
    let login = login(provider)?;
    let (subject, client) = (session.subject.clone(), ClientId::new(&login.client_id));
    let caller = Caller::signed_in(subject, client, None, Vec::new());
    Ok(first_party::type_digits(provider, &caller, &session.key, digits).await?)
}

fn login(provider: &Provider) -> Result<&SignIn, Reason> {
    provider.sign_in().ok_or(Reason::NotOffered)
}

async fn metadata(provider: &Provider, login: &SignIn) -> Result<std::sync::Arc<Metadata>, Reason> {
    // OIDC Discovery §4: a slash at the end of an issuer goes before the path is added.
    let url = format!("{}/.well-known/openid-configuration", login.issuer.trim_end_matches('/'));
    let endpoint = operators(&url).ok_or(Reason::Unreachable("its address is none"))?;
    let metadata = provider.logins().keys(&endpoint).await.map_err(|why| {
        warn!(%why, "the login's metadata cannot be had");
        Reason::Unreachable("its metadata cannot be had")
    })?;
    if metadata.issuer == login.issuer { Ok(metadata) } else { Err(Reason::Unreachable("it is another issuer")) }
}

fn operators(url: &str) -> Option<Endpoint> {
    Url::parse(url).ok().and_then(|url| Endpoint::operator(url).ok())
}

/// The ID token for a code. OIDC Core §3.1.3; RFC 6749 §2.3.1 encodes name and secret before they are joined.
async fn redeem(
    provider: &Provider,
    login: &SignIn,
    metadata: &Metadata,
    code: &str,
    verifier: &str,
) -> Result<String, Reason> {
    let endpoint = operators(&metadata.token_endpoint).ok_or(Reason::Unreachable("its address is none"))?;
    let (headers, form) = code_request(login, code, &callback(provider), verifier);
    let reply = provider.client().post_with(&endpoint, &headers, Payload::Form(form)).await;
    let Reply { status, body, .. } = reply.map_err(|why| {
        warn!(%why, "the login did not answer");
        Reason::Unreachable("no answer")
    })?;
    let body = match body {
        Body::Whole(body) => serde_json::from_slice::<Value>(&body).unwrap_or_default(),
        Body::Cut => Value::Null,
    };
    match (status, body["id_token"].as_str(), body["error"].as_str()) {
        (200, Some(token), _) => Ok(token.to_owned()),
        (400..500, _, Some(error)) => {
            warn!(error = fit(error), "the login refused a code");
            Err(Reason::Refused(fit(error)))
        }
        _ => Err(Reason::Unreachable("it speaks something else")),
    }
}

fn code_request(
    login: &SignIn,
    code: &str,
    redirect_uri: &str,
    verifier: &str,
) -> (Vec<(&'static str, String)>, String) {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "authorization_code")
        .append_pair("code", code)
        .append_pair("redirect_uri", redirect_uri)
        .append_pair("code_verifier", verifier);
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let headers = if let Some(secret) = &login.client_secret {
        let pair = format!("{}:{}", encoded(&login.client_id), encoded(secret.reveal()));
        vec![("authorization", format!("Basic {}", base64(&pair)))]
    } else {
        form.append_pair("client_id", &login.client_id);
        Vec::new()
    };
    (headers, form.finish())
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// OIDC Core §3.1.3.7, for a token of the user who signed in a moment ago, in this browser.
async fn believed(
    provider: &Provider,
    login: &SignIn,
    metadata: &Metadata,
    token: &str,
    nonce: &str,
) -> Result<Claims, Reason> {
    let unverified = Unverified::parse(token).map_err(Unbelieved::from)?;
    if unverified.header().is_typ("at+jwt") {
        return Err(Unbelieved::Type.into());
    }
    // RS256 among them, which is what most sign in (OIDC Core §15.1), whatever the realm takes from clients.
    let allowed: Vec<_> = Algorithm::ALL.into_iter().filter(|algorithm| algorithm.is_asymmetric()).collect();
    let token = Source::of_operator(&metadata.jwks_uri)?.verify(provider, token, &allowed).await?;
    let (claims, now) = (token.claims, provider.now());
    let rules = Rules {
        issuer: &login.issuer,
        subject: None,
        audience: Audience::Includes(&login.client_id),
        required: &["sub", "iat", "nonce", "auth_time"],
        longest: LONGEST_TOKEN,
    };
    claims.check(&rules, now)?;
    let several = claims.aud()?.is_some_and(|aud| aud.len() > 1);
    let azp = claims.text("azp")?;
    if azp.map_or(several, |azp| azp != login.client_id) || !equal(claims.text("nonce")?.unwrap_or_default(), nonce) {
        return Err(Unbelieved::Issuer.into());
    }
    let signed_in = claims.date("auth_time")?;
    let is_fresh = signed_in.is_some_and(|at| at <= now.plus_seconds(SKEW) && now < at.plus_seconds(FRESH_SIGN_IN));
    if is_fresh { Ok(claims) } else { Err(first_party::Reason::SignInAgain { acr: Vec::new() }.into()) }
}

fn callback(provider: &Provider) -> String {
    format!("{}{CALLBACK}", provider.issuer())
}

/// Both are the realm's secrets until they are said, and follow from the state: no cookie need hold them.
fn verifier(provider: &Provider, state: &str) -> String {
    base64url::encode(&provider.keys.mac("assent-sign-in-verifier", &[state.as_bytes()]))
}

fn nonce(provider: &Provider, state: &str) -> String {
    base64url::encode(&provider.keys.mac("assent-sign-in-nonce", &[state.as_bytes()]))
}

const ATTEMPT: &str = "assent-sign-in-attempt";
const SESSION: &str = "assent-sign-in-session";

fn sealed(provider: &Provider, label: &str, text: &str) -> String {
    format!("{text}.{}", base64url::encode(&provider.keys.mac(label, &[text.as_bytes()])))
}

fn opened<'a>(provider: &Provider, label: &str, cookie: &'a str) -> Option<&'a str> {
    let (text, mac) = cookie.rsplit_once('.')?;
    let expected = base64url::encode(&provider.keys.mac(label, &[text.as_bytes()]));
    equal(mac, &expected).then_some(text)
}

/// The state of an attempt whose time is not over.
fn begun(provider: &Provider, attempt: Option<&str>, now: Timestamp) -> Option<String> {
    let (state, at) = opened(provider, ATTEMPT, attempt?)?.split_once('.')?;
    let age = now.unix_seconds().checked_sub(at.parse().ok()?)?;
    (-SKEW..ATTEMPT_LIFETIME).contains(&age).then(|| state.to_owned())
}

fn equal(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

/// An error code as RFC 6749 §5.2 has them, fit for a log and a page.
fn fit(error: &str) -> String {
    error.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_' || *c == '-').take(60).collect()
}
