//! The request's parameters (CIBA §7.1): read from what was sent, in a form or inside a signed request, into types. What
//! they mean for this client and this user is judged afterwards.

use protocol::json;
use serde_json::{Map, Value};

use crate::domain::hint::Hint;
use crate::domain::names::ClientId;
use crate::domain::resource;
use crate::domain::secret::Secret;
use crate::domain::user::LONGEST_USER_CODE;

/// A scope parameter names at most this many scopes.
const MOST_SCOPES: usize = 32;

/// `acr_values` has at most this many bytes.
const LONGEST_ACR_VALUES: usize = 1024;

/// `client_notification_token` has at most this many characters (CIBA §7.1).
const LONGEST_NOTIFICATION_TOKEN: usize = 1024;

/// `request_context` has at most this many bytes, as JSON.
const LONGEST_CONTEXT: usize = 4096;

/// What is wrong with a parameter: its name, and the rule that it breaks. Plain texts without quotation marks; they hold
/// nothing of what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} {1}")]
pub struct Flaw(pub &'static str, pub &'static str);

/// Every parameter of an authentication request. With a signed request, none of them may stand outside it (CIBA §7.1.1).
pub(super) const KNOWN: [&str; 12] = [
    "scope",
    "client_notification_token",
    "acr_values",
    "login_hint_token",
    "id_token_hint",
    "login_hint",
    "binding_message",
    "user_code",
    "requested_expiry",
    "request_context",
    "resource",
    "authorization_details",
];

/// Claims of a request object that are no parameters (RFC 7519 §4.1).
const CLAIMS: [&str; 7] = ["iss", "aud", "exp", "iat", "nbf", "jti", "client_id"];

/// Parameters by name, as they were sent: texts out of a form, any JSON out of a signed request. An empty text counts as
/// absent (RFC 6749 §3.1).
#[derive(Clone, Default)]
pub struct Sent(Map<String, Value>);

impl Sent {
    /// Takes what a form holds beside the client's credentials; `resource` may stand in it more than once (RFC 8707 §2).
    pub fn in_form<'a>(parameters: impl Iterator<Item = (&'a str, &'a str)>, resources: &[String]) -> Self {
        let mut sent: Map<String, Value> = parameters.map(|(name, text)| (name.to_owned(), text.into())).collect();
        if !resources.is_empty() {
            sent.insert("resource".to_owned(), resources.into());
        }
        Self(sent)
    }

    /// Takes what a signed request holds beside what makes it one.
    pub(super) fn in_request_object(mut members: Map<String, Value>, client: &ClientId) -> Result<Self, Flaw> {
        // RFC 9101 §4.
        if ["request", "request_uri"].into_iter().any(|name| members.contains_key(name)) {
            return Err(Flaw("request", "holds another request"));
        }
        if members.get("client_id").is_some_and(|id| id.as_str() != Some(client.as_str())) {
            return Err(Flaw("request", "holds the client_id of another client"));
        }
        members.retain(|name, _| !CLAIMS.contains(&name.as_str()));
        Ok(Self(members))
    }

    /// The value, unless it is absent or empty.
    fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| value.as_str() != Some(""))
    }

    /// The text, unless it is absent or empty.
    pub(super) fn text(&self, name: &'static str) -> Result<Option<&str>, Flaw> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) if !text.contains('\0') => Ok(Some(text)),
            Some(_) => Err(Flaw(name, "must be a string")),
        }
    }

    /// Whether there is a value.
    pub(super) fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// Names that mean nothing here.
    pub(super) fn unknown(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str).filter(|name| !KNOWN.contains(name) && *name != "request")
    }
}

/// The parameters, each of the right type. They hold secrets and say who somebody is, so they are never printed.
pub(super) struct Parameters {
    pub(super) scope: Vec<String>,
    pub(super) hint: Hint,
    pub(super) binding_message: Option<String>,
    pub(super) user_code: Option<Secret>,
    /// Seconds.
    pub(super) requested_expiry: Option<u32>,
    /// In order of preference.
    pub(super) acr_values: Vec<String>,
    pub(super) notification_token: Option<Secret>,
    pub(super) context: Option<Map<String, Value>>,
    /// As it was sent.
    pub(super) details: Option<Value>,
    /// RFC 8707: none twice; `None` where what was sent is not that.
    pub(super) resources: Option<Vec<String>>,
}

impl Parameters {
    pub(super) fn read(sent: &Sent) -> Result<Self, Flaw> {
        let owned = |name| Ok(sent.text(name)?.map(str::to_owned));
        Ok(Self {
            scope: scope(sent)?,
            hint: hint(sent)?,
            binding_message: owned("binding_message")?,
            user_code: user_code(sent)?,
            requested_expiry: sent.value("requested_expiry").map(requested_expiry).transpose()?,
            acr_values: acr_values(sent)?,
            notification_token: owned("client_notification_token")?.map(Secret::new),
            context: sent.value("request_context").map(context).transpose()?,
            details: sent.value("authorization_details").cloned(),
            resources: resources(sent),
        })
    }
}

/// A scope named twice asks for no more (RFC 6749 §3.3).
fn scope(sent: &Sent) -> Result<Vec<String>, Flaw> {
    let scope = words(sent.text("scope")?.unwrap_or_default());
    match scope.len() {
        0 => Err(Flaw("scope", "is missing")),
        1..=MOST_SCOPES => Ok(scope.into_iter().fold(Vec::new(), |mut once, scope| {
            if !once.contains(&scope) {
                once.push(scope);
            }
            once
        })),
        _ => Err(Flaw("scope", "names too many scopes")),
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// CIBA §7.1: exactly one hint.
fn hint(sent: &Sent) -> Result<Hint, Flaw> {
    let texts = (sent.text("login_hint")?, sent.text("login_hint_token")?, sent.text("id_token_hint")?);
    match texts {
        (Some(hint), None, None) => Ok(Hint::Login(hint.to_owned())),
        (None, Some(token), None) => Ok(Hint::LoginToken(token.to_owned())),
        (None, None, Some(token)) => Ok(Hint::IdToken(token.to_owned())),
        (None, None, None) => Err(Flaw("login_hint", "or another hint is missing: exactly one is needed")),
        _ => Err(Flaw("login_hint", "stands beside another hint: exactly one is needed")),
    }
}

fn user_code(sent: &Sent) -> Result<Option<Secret>, Flaw> {
    let code = sent.text("user_code")?;
    if code.is_some_and(|code| code.len() > LONGEST_USER_CODE) {
        return Err(Flaw("user_code", "is longer than 64 bytes"));
    }
    Ok(code.map(|code| Secret::new(code.to_owned())))
}

/// CIBA §7.1: a positive integer; inside a signed request as a number or as a text. What is beyond 32 bits is as far above
/// every maximum as can be.
fn requested_expiry(value: &Value) -> Result<u32, Flaw> {
    let seconds = match value {
        // JSON spells 30 as 30.0, too (RFC 8259 §6).
        Value::Number(number) => number.as_f64().filter(|seconds| seconds.fract() == 0.0),
        Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    };
    // What is longer than any number of 64 bits was never meant.
    let seconds = seconds.filter(|seconds| *seconds <= 1e20);
    match seconds.filter(|seconds| *seconds >= 1.0) {
        None => Err(Flaw("requested_expiry", "must be a positive integer")),
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a whole number above 0; `as` saturates"
        )]
        Some(seconds) => Ok(seconds as u32),
    }
}

/// RFC 8707 §2: one or more; inside a signed request a text or a list.
fn resources(sent: &Sent) -> Option<Vec<String>> {
    match sent.value("resource") {
        None => Some(Vec::new()),
        Some(Value::String(uri)) => Some(vec![uri.clone()]),
        Some(Value::Array(list)) => {
            let texts = list.iter().map(|uri| uri.as_str().map(str::to_owned));
            texts.collect::<Option<_>>().map(resource::once)
        }
        Some(_) => None,
    }
}

fn acr_values(sent: &Sent) -> Result<Vec<String>, Flaw> {
    let text = sent.text("acr_values")?.unwrap_or_default();
    if text.len() > LONGEST_ACR_VALUES {
        return Err(Flaw("acr_values", "is longer than 1024 bytes"));
    }
    Ok(words(text))
}

/// CIBA §7.1: the syntax of bearer credentials (RFC 6750 §2.1) and a length.
pub(super) fn check_notification_token(token: &str) -> Result<(), Flaw> {
    const NAME: &str = "client_notification_token";
    if token.len() > LONGEST_NOTIFICATION_TOKEN {
        return Err(Flaw(NAME, "is longer than 1024 characters"));
    }
    let body = token.trim_end_matches('=');
    let is_b68 = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    if body.is_empty() || !body.bytes().all(is_b68) {
        return Err(Flaw(NAME, "is no bearer token"));
    }
    Ok(())
}

/// FAPI-CIBA `request_context`: an object of any members.
fn context(value: &Value) -> Result<Map<String, Value>, Flaw> {
    let flaw = Flaw("request_context", "must be a JSON object of at most 4096 bytes");
    match value {
        Value::Object(members) if value.to_string().len() <= LONGEST_CONTEXT => Ok(members.clone()),
        Value::String(text) => json::from_slice_within(text.as_bytes(), LONGEST_CONTEXT).map_err(|_| flaw),
        _ => Err(flaw),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sent(members: Value) -> Sent {
        let Value::Object(members) = members else { panic!("an object") };
        let mut all =
            Map::from_iter([("scope".to_owned(), json!("openid")), ("login_hint".to_owned(), json!("alice"))]);
        all.extend(members);
        Sent(all)
    }

    fn read(members: Value) -> Result<Parameters, Flaw> {
        Parameters::read(&sent(members))
    }

    fn flaw(members: Value) -> &'static str {
        read(members).err().expect("a flaw").0
    }

    #[test]
    fn what_is_not_sent_or_empty_is_absent() {
        let read = read(json!({ "binding_message": "", "user_code": "", "requested_expiry": "" })).expect("read");
        assert!(read.binding_message.is_none() && read.user_code.is_none() && read.requested_expiry.is_none());
        assert!(read.acr_values.is_empty() && read.notification_token.is_none() && read.context.is_none());
    }

    #[test]
    fn every_text_must_be_a_string() {
        let texts = KNOWN.into_iter().filter(|name| !["requested_expiry", "request_context"].contains(name));
        for name in texts.filter(|name| !["resource", "authorization_details"].contains(name)) {
            for wrong in [json!(1), json!(null), json!(true), json!(["a"]), json!({ "a": 1 }), json!("a\0")] {
                assert_eq!(flaw(json!({ name: wrong })), name);
            }
        }
    }

    #[test]
    fn exactly_one_hint_is_needed() {
        assert!(read(json!({ "login_hint_token": "a.b.c" })).is_err());
        assert!(read(json!({ "id_token_hint": "a.b.c" })).is_err());
        assert!(read(json!({ "login_hint": "" })).is_err());
        let token = read(json!({ "login_hint": "", "login_hint_token": "a.b.c" })).expect("read");
        assert!(token.hint == Hint::LoginToken("a.b.c".to_owned()));
        let id_token = read(json!({ "login_hint": "", "id_token_hint": "a.b.c" })).expect("read");
        assert!(id_token.hint == Hint::IdToken("a.b.c".to_owned()));
    }

    #[test]
    fn a_requested_expiry_is_a_positive_integer_as_number_or_as_text() {
        let table = [
            (json!(30), Some(30)),
            (json!("30"), Some(30)),
            (json!("030"), Some(30)),
            (json!(u64::MAX), Some(u32::MAX)),
            (json!("99999999999999999999"), Some(u32::MAX)),
            (json!(30.0), Some(30)),
            (json!(1e19), Some(u32::MAX)),
            (json!(0), None),
            (json!("0"), None),
            (json!(-30), None),
            (json!("-30"), None),
            (json!("+30"), None),
            (json!(30.5), None),
            (json!("30.5"), None),
            (json!("soon"), None),
            (json!(0.0), None),
            (json!(-1e30), None),
            (json!("3e1"), None),
            (json!(1e30), None),
            (json!("9".repeat(21)), None),
            (json!("9".repeat(400)), None),
            (json!(""), None),
            (json!("inf"), None),
            (json!(true), None),
            (json!(null), None),
            (json!([30]), None),
        ];
        for (value, expected) in table {
            let read = read(json!({ "requested_expiry": value }));
            assert_eq!(read.ok().and_then(|read| read.requested_expiry), expected, "{value}");
        }
    }

    #[test]
    fn a_notification_token_has_the_syntax_of_bearer_credentials() {
        let longest = format!("{}=", "a".repeat(1023));
        for token in ["8d67dc78-7faa-4d41-aabd-67707b374255", "a._~+/-9==", &longest] {
            assert_eq!(check_notification_token(token), Ok(()), "{token}");
        }
        for token in ["", "=", "a=b", "a b", "a\r\nb", "t\u{f6}ken", "a,b", "\"a\"", &format!("a{longest}")] {
            assert!(check_notification_token(token).is_err(), "{token}");
        }
    }

    #[test]
    fn a_request_context_is_an_object_as_json_or_as_text() {
        for context in [json!({ "risk": { "score": 3 } }), json!("{\"risk\":{\"score\":3}}")] {
            let read = read(json!({ "request_context": context })).expect("read");
            assert_eq!(json!(read.context), json!({ "risk": { "score": 3 } }));
        }
        let long = json!({ "a": "a".repeat(4096) });
        for wrong in [json!(1), json!([]), json!("x"), json!("[]"), json!("{\"a\":1,\"a\":2}"), long] {
            assert_eq!(flaw(json!({ "request_context": wrong })), "request_context");
        }
    }

    #[test]
    fn scopes_and_acr_values_are_split_at_spaces() {
        let read = read(json!({ "scope": " openid  email openid", "acr_values": "b a" })).expect("read");
        assert_eq!(
            (read.scope, read.acr_values),
            (vec!["openid".into(), "email".into()], vec!["b".into(), "a".into()])
        );
        assert_eq!(flaw(json!({ "scope": "  " })), "scope");
        assert_eq!(flaw(json!({ "scope": "a ".repeat(33) })), "scope");
        assert_eq!(flaw(json!({ "acr_values": "a".repeat(1025) })), "acr_values");
    }

    #[test]
    fn a_request_object_holds_parameters_beside_its_claims_and_no_other_request() {
        let shop = ClientId::new("shop");
        let taken = |members: Value| {
            let Value::Object(members) = members else { panic!("an object") };
            Sent::in_request_object(members, &shop).map(|sent| Value::from(sent.0))
        };
        let claims = json!({ "iss": "shop", "aud": "op", "exp": 1, "iat": 1, "nbf": 1, "jti": "1", "scope": "openid" });
        assert_eq!(taken(claims), Ok(json!({ "scope": "openid" })));
        assert_eq!(taken(json!({ "client_id": "shop", "x": 1 })), Ok(json!({ "x": 1 })));
        for refused in [
            json!({ "request": "a.b.c" }),
            json!({ "request_uri": "" }),
            json!({ "client_id": "bank" }),
            json!({ "client_id": 1 }),
        ] {
            assert!(taken(refused.clone()).is_err(), "{refused}");
        }
    }

    #[test]
    fn unknown_names_are_told_apart() {
        let sent = sent(json!({ "request_expiry": "30", "user_code": "1" }));
        assert_eq!(sent.unknown().collect::<Vec<_>>(), ["request_expiry"]);
    }
}
