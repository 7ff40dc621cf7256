//! Google's token endpoint: the JWT bearer grant (RFC 7523 §2.1) for one service account.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
};

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey},
};
use axum::{http::StatusCode, response::Response};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};
use server::domain::time::{Clock, Timestamp};
use url::{Url, form_urlencoded};

use super::{PROJECT, lock, reply};

/// Life of an access token, in seconds; Google's is as long.
pub const TOKEN_LIFE_SECONDS: u32 = 3_600;

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const GOOGLES_TOKEN_URL: &str = "https://oauth2.googleapis.com/token";
const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
const KEY_ID: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c";

/// How the token endpoint answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantReply {
    /// 400 `invalid_grant`, as for a deleted key.
    InvalidGrant,
    /// 503 with an HTML page and `Retry-After` in seconds.
    Unavailable {
        /// The header's value.
        retry_after: u32,
    },
    /// 200 with something else than JSON.
    Garbled,
    /// 200 with a token of another life than [`TOKEN_LIFE_SECONDS`].
    Living {
        /// The `expires_in`, in seconds.
        seconds: u32,
    },
}

pub(super) struct Oauth {
    key: KeyPair,
    token_url: Url,
    clock: Arc<dyn Clock>,
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    script: VecDeque<GrantReply>,
    grants: usize,
    /// The `Authorization` header that a token makes, and when it ends.
    tokens: HashMap<String, Timestamp>,
}

impl Oauth {
    pub(super) fn new(token_url: Url, clock: Arc<dyn Clock>) -> Self {
        Self {
            key: KeyPair::generate(KeySize::Rsa2048).expect("the machine makes RSA keys"),
            token_url,
            clock,
            books: Mutex::default(),
        }
    }

    /// The members and their order are those of a file that Google makes.
    pub(super) fn key_file(&self) -> String {
        let email = client_email();
        let file = json!({
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": KEY_ID,
            "private_key": self.pem(),
            "client_email": email,
            "client_id": "100000000000000000001",
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": self.token_url.as_str(),
            "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
            "client_x509_cert_url": format!("https://www.googleapis.com/robot/v1/metadata/x509/{email}"),
            "universe_domain": "googleapis.com",
        });
        format!("{file:#}\n")
    }

    fn pem(&self) -> String {
        let der: Pkcs8V1Der<'_> = self.key.as_der().expect("a fresh key is written");
        let body = STANDARD.encode(der.as_ref());
        let lines: Vec<_> = body.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
    }

    pub(super) fn answer_next(&self, reply: GrantReply) {
        lock(&self.books).script.push_back(reply);
    }

    pub(super) fn grants(&self) -> usize {
        lock(&self.books).grants
    }

    /// Whether this `Authorization` header carries a token that lives.
    pub(super) fn knows(&self, authorization: &str) -> bool {
        let expires = lock(&self.books).tokens.get(authorization).copied();
        expires.is_some_and(|expires| self.clock.now() < expires)
    }

    pub(super) fn expire_all(&self) {
        lock(&self.books).tokens.clear();
    }

    pub(super) fn grant(&self, form: &str) -> Response {
        let mut books = lock(&self.books);
        books.grants += 1;
        let assertion = match assertion(form) {
            Ok(assertion) => assertion,
            Err(error) => return refusal(error, "Invalid request."),
        };
        if let Err(description) = self.verify(&assertion) {
            return refusal("invalid_grant", description);
        }
        match books.script.pop_front() {
            Some(GrantReply::InvalidGrant) => refusal("invalid_grant", "Invalid grant: account not found"),
            Some(GrantReply::Unavailable { retry_after }) => {
                reply::with_retry_after(reply::html(503), &retry_after.to_string())
            }
            Some(GrantReply::Garbled) => reply::html(200),
            Some(GrantReply::Living { seconds }) => self.issue(&mut books, seconds),
            None => self.issue(&mut books, TOKEN_LIFE_SECONDS),
        }
    }

    fn issue(&self, books: &mut Books, life: u32) -> Response {
        let token = format!("ya29.stand-in-access-token-{}", books.grants);
        let expires = self.clock.now().plus_seconds(i64::from(life));
        books.tokens.insert(format!("Bearer {token}"), expires);
        let granted = json!({ "access_token": token, "expires_in": life, "token_type": "Bearer" });
        reply::json(StatusCode::OK, &granted)
    }

    fn verify(&self, assertion: &str) -> Result<(), &'static str> {
        let malformed = "Malformed assertion.";
        let (signed, signature) = assertion.rsplit_once('.').ok_or(malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(malformed)?;
        let header = decode(header).ok_or(malformed)?;
        if header["alg"] != "RS256" || header["kid"] != KEY_ID {
            return Err("Invalid JWT: no key fits its header.");
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed)?;
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, self.key.public_key().as_ref())
            .verify(signed.as_bytes(), &signature)
            .map_err(|_| "Invalid JWT Signature.")?;
        self.verify_claims(&decode(claims).ok_or(malformed)?)
    }

    fn verify_claims(&self, claims: &Value) -> Result<(), &'static str> {
        let now = self.clock.now().unix_seconds();
        let (iat, exp) = (claims["iat"].as_i64(), claims["exp"].as_i64());
        let (Some(iat), Some(exp)) = (iat, exp) else {
            return Err("Invalid JWT: iat and exp must be integers.");
        };
        if claims["iss"] != client_email() {
            return Err("Invalid grant: account not found");
        }
        // A key file of Google's own names this one, wherever the operator's settings send the request.
        if claims["aud"] != self.token_url.as_str() && claims["aud"] != GOOGLES_TOKEN_URL {
            return Err("Invalid JWT: Failed audience check.");
        }
        if claims["scope"] != SCOPE {
            return Err("Invalid OAuth scope or ID token audience provided.");
        }
        if iat > now || exp <= now || exp - iat > 3_600 {
            return Err("Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.");
        }
        Ok(())
    }
}

fn client_email() -> String {
    format!("assent@{PROJECT}.iam.gserviceaccount.com")
}

fn assertion(form: &str) -> Result<String, &'static str> {
    let of = |name| form_urlencoded::parse(form.as_bytes()).find(move |(key, _)| key == name);
    if of("grant_type").is_none_or(|(_, value)| value != GRANT_TYPE) {
        return Err("unsupported_grant_type");
    }
    let (_, assertion) = of("assertion").ok_or("invalid_request")?;
    Ok(assertion.into_owned())
}

fn decode(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// RFC 6749 §5.2.
fn refusal(error: &str, description: &str) -> Response {
    let document = json!({ "error": error, "error_description": description });
    reply::json(StatusCode::BAD_REQUEST, &document)
}
