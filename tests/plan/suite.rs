//! The relying party of the conformance plan: two clients, their keys and certificates, and requests exactly as the
//! plan sends them, with every member open to change.

use std::sync::LazyLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
};
use axum::http::Request;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use protocol::base64url;
use serde_json::{Map, Value, json};
use server::domain::certificate::ClientCertificate;
use simulator::wire::Answer;
use tests::{ISSUER, World};
use url::form_urlencoded;

/// `client_assertion_type` (RFC 7523 §2.2).
pub(crate) const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// `grant_type` of CIBA §10.1.
pub(crate) const CIBA: &str = "urn:openid:params:grant-type:ciba";

static KEYS: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("keys.json")).expect("keys.json is JSON"));

/// How the plan's clients authenticate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Authentication {
    /// `private_key_jwt`
    PrivateKeyJwt,
    /// Mutual TLS: `self_signed_tls_client_auth`.
    MutualTls,
}

/// What the plan's clients are told by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Nothing.
    Poll,
    /// A ping.
    Ping,
}

/// The algorithm of the clients' keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// RSASSA-PSS.
    Ps256,
    /// ECDSA on P-256.
    Es256,
}

/// One cell of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    /// How the clients authenticate.
    pub(crate) authentication: Authentication,
    /// How they are told.
    pub(crate) mode: Mode,
    /// How they sign.
    pub(crate) algorithm: Algorithm,
}

impl Cell {
    /// All eight.
    pub(crate) fn all() -> Vec<Self> {
        let mut cells = Vec::new();
        for authentication in [Authentication::PrivateKeyJwt, Authentication::MutualTls] {
            for mode in [Mode::Poll, Mode::Ping] {
                for algorithm in [Algorithm::Ps256, Algorithm::Es256] {
                    cells.push(Self { authentication, mode, algorithm });
                }
            }
        }
        cells
    }

    /// Whether its clients send assertions.
    pub(crate) fn has_assertions(self) -> bool {
        self.authentication == Authentication::PrivateKeyJwt
    }
}

/// One of the plan's two clients.
#[derive(Debug, Clone)]
pub(crate) struct Party {
    /// `client_id`
    pub(crate) id: String,
    /// Which entry of `keys.json` is its key.
    key: String,
    /// What it sends as `typ` of a request object.
    typ: Option<&'static str>,
    notification_token: String,
    cell: Cell,
}

/// How a JWT is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signature {
    /// By the client's own algorithm.
    Own,
    /// `alg: none`, and nothing after the second dot.
    None,
    /// With a flipped byte.
    Corrupt,
    /// RS256, by the same RSA key.
    Rs256,
}

impl Party {
    /// The first or the second client of a cell.
    pub(crate) fn new(cell: Cell, number: u8) -> Self {
        let family = match cell.algorithm {
            Algorithm::Ps256 => "rsa",
            Algorithm::Es256 => "ec",
        };
        let typ = (number == 2).then_some("OAuth-Authz-Req+JWT");
        let notification_token = format!("8d67dc78-7faa-4d41-aabd-{number:04}");
        Self { id: format!("client{number}"), key: format!("{family}{number}"), typ, notification_token, cell }
    }

    /// What it sends as `typ` of a request object.
    pub(crate) fn typ(&self) -> Option<&'static str> {
        self.typ
    }

    /// Its `client_notification_token`.
    pub(crate) fn notification_token(&self) -> &str {
        &self.notification_token
    }

    /// The same client with the notification token of module 2: 1,024 characters of the whole alphabet.
    pub(crate) fn with_long_token(&self) -> Self {
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/";
        let notification_token = alphabet.chars().cycle().take(1023).chain(['=']).collect();
        Self { notification_token, ..self.clone() }
    }

    /// What an operator registers.
    pub(crate) fn metadata(&self, notification_endpoint: &str) -> Value {
        let (algorithm, cell) = (self.algorithm(), self.cell);
        let mut metadata = json!({
            "client_id": self.id,
            "client_name": format!("Conformance {}", self.id),
            "token_endpoint_auth_method": match cell.authentication {
                Authentication::PrivateKeyJwt => "private_key_jwt",
                Authentication::MutualTls => "self_signed_tls_client_auth",
            },
            "jwks": { "keys": [KEYS[&self.key]["jwk"].clone()] },
            "grant_types": [CIBA, "refresh_token"],
            "response_types": [],
            "scope": "openid profile email",
            "backchannel_token_delivery_mode": match cell.mode {
                Mode::Poll => "poll",
                Mode::Ping => "ping",
            },
            "backchannel_authentication_request_signing_alg": algorithm,
            "backchannel_user_code_parameter": false,
            "id_token_signed_response_alg": algorithm,
            "tls_client_certificate_bound_access_tokens": true,
            "profile": "fapi-ciba",
        });
        if cell.has_assertions() {
            metadata["token_endpoint_auth_signing_alg"] = algorithm.into();
        }
        if cell.mode == Mode::Ping {
            metadata["backchannel_client_notification_endpoint"] = notification_endpoint.into();
        }
        metadata
    }

    /// The name of its algorithm.
    pub(crate) fn algorithm(&self) -> &'static str {
        match self.cell.algorithm {
            Algorithm::Ps256 => "PS256",
            Algorithm::Es256 => "ES256",
        }
    }

    /// The certificate of its connections.
    pub(crate) fn certificate(&self) -> ClientCertificate {
        let der = KEYS[&self.key]["certificate"].as_str().expect("a certificate");
        ClientCertificate::new(base64url::decode(der).expect("is base64url"), Vec::new())
    }

    /// A signed JWT.
    pub(crate) fn sign(&self, typ: Option<&str>, claims: &Value, how: Signature) -> String {
        let alg = match how {
            Signature::Own | Signature::Corrupt => self.algorithm(),
            Signature::None => "none",
            Signature::Rs256 => "RS256",
        };
        let mut header = json!({ "alg": alg, "kid": self.key });
        if let Some(typ) = typ {
            header["typ"] = typ.into();
        }
        let encode = |value: &Value| base64url::encode(value.to_string().as_bytes());
        let input = format!("{}.{}", encode(&header), encode(claims));
        let mut signature = match how {
            Signature::None => Vec::new(),
            Signature::Rs256 => self.rsa(&RSA_PKCS1_SHA256, input.as_bytes()),
            Signature::Own | Signature::Corrupt => match self.cell.algorithm {
                Algorithm::Ps256 => self.rsa(&RSA_PSS_SHA256, input.as_bytes()),
                Algorithm::Es256 => self.ec(input.as_bytes()),
            },
        };
        if how == Signature::Corrupt {
            signature[10] ^= 1;
        }
        format!("{input}.{}", base64url::encode(&signature))
    }

    fn pkcs8(&self) -> Vec<u8> {
        base64url::decode(KEYS[&self.key]["pkcs8"].as_str().expect("a key")).expect("is base64url")
    }

    fn rsa(&self, encoding: &'static dyn RsaEncoding, input: &[u8]) -> Vec<u8> {
        let pair = RsaKeyPair::from_pkcs8(&self.pkcs8()).expect("an RSA key");
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(encoding, &SystemRandom::new(), input, &mut signature).expect("signs");
        signature
    }

    fn ec(&self, input: &[u8]) -> Vec<u8> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &self.pkcs8()).expect("an EC key");
        pair.sign(&SystemRandom::new(), input).expect("signs").as_ref().to_vec()
    }

    /// The claims of a client assertion for this audience (`OP_ACCEPTANCE` §2.3).
    pub(crate) fn assertion_claims(&self, world: &World, audience: &str) -> Value {
        let now = world.now().unix_seconds();
        json!({
            "iss": self.id, "sub": self.id, "aud": audience, "jti": unique(),
            "iat": now, "nbf": now, "exp": now + 60,
        })
    }

    /// The claims of a request object with these parameters.
    pub(crate) fn request_claims(&self, world: &World, parameters: &Value) -> Value {
        let now = world.now().unix_seconds();
        let mut claims = json!({
            "iss": self.id, "aud": ISSUER, "jti": unique(), "iat": now, "nbf": now, "exp": now + 300,
        });
        let members = parameters.as_object().expect("parameters");
        claims.as_object_mut().expect("claims").extend(members.clone());
        claims
    }

    /// What a request of this client asks at least.
    pub(crate) fn parameters(&self) -> Value {
        let mut parameters = json!({
            "scope": "openid profile", "login_hint": "alice", "binding_message": "1234",
        });
        if self.cell.mode == Mode::Ping {
            parameters["client_notification_token"] = self.notification_token.as_str().into();
        }
        parameters
    }
}

/// 22 characters, once.
pub(crate) fn unique() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut bytes = [9; 16];
    bytes[..8].copy_from_slice(&next.to_be_bytes());
    base64url::encode(&bytes)
}

/// A form as the plan posts it.
pub(crate) struct Form<'a> {
    /// Path at the issuer.
    pub(crate) path: &'a str,
    /// What is in it.
    pub(crate) fields: Vec<(&'a str, String)>,
    /// The certificate of the connection.
    pub(crate) certificate: Option<ClientCertificate>,
}

impl Form<'_> {
    /// Posts it.
    pub(crate) async fn post(self, world: &World) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.fields).finish();
        let mut request = Request::post(format!("{ISSUER}{}", self.path))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json")
            .body(body.into_bytes())
            .expect("a request");
        if let Some(certificate) = self.certificate {
            request.extensions_mut().insert(certificate);
        }
        world.public().send(request).await.expect("an answer")
    }
}

/// Members of an object, without these.
pub(crate) fn without(mut claims: Value, members: &[&str]) -> Value {
    let object: &mut Map<String, Value> = claims.as_object_mut().expect("claims");
    object.retain(|name, _| !members.contains(&name.as_str()));
    claims
}

/// Members of an object, with this one.
pub(crate) fn with(mut claims: Value, member: &str, value: impl Into<Value>) -> Value {
    claims[member] = value.into();
    claims
}
