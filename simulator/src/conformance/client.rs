//! One of a cell's two clients: what the suite is given of it, and what the operator registers.

use protocol::base64url;
use rcgen::{KeyPair, PKCS_RSA_SHA256};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use server::domain::algorithm::Algorithm;
use x509_cert::Certificate;
use x509_cert::der::asn1::UintRef;
use x509_cert::der::{Decode as _, Reader as _, SliceReader};

use super::cell::{Authentication, Cell};
use crate::authority::{self, Authority};
use crate::client_key::ClientKey;

/// What a JWK holds that is nobody else's business (RFC 7518 §6).
const PRIVATE: [&str; 6] = ["d", "p", "q", "dp", "dq", "qi"];

/// A client with new keys.
pub(super) struct Party {
    signing: ClientKey,
    tls: KeyPair,
    certificate: String,
}

impl Party {
    pub(super) fn generate(cell: Cell, number: u8, authority: &Authority) -> Result<Self, authority::Failure> {
        let signing = ClientKey::generate(cell.algorithm);
        // The suite takes none but RSA for certificates.
        let tls = ClientKey::generate(Algorithm::Ps256).pkcs8();
        let tls = KeyPair::from_pkcs8_der_and_sign_algo(&PrivatePkcs8KeyDer::from(tls), &PKCS_RSA_SHA256)?;
        let name = cell.client_id(number);
        let certificate = match cell.authentication {
            Authentication::Authority => authority.certify_client(&name, &tls)?,
            Authentication::PrivateKeyJwt | Authentication::SelfSigned => authority::self_signed(&name, &tls)?,
        };
        Ok(Self { signing, tls, certificate })
    }

    pub(super) fn private_jwks(&self) -> Value {
        json!({ "keys": [self.signing.private_jwk()] })
    }

    pub(super) fn certificate(&self) -> &str {
        &self.certificate
    }

    pub(super) fn tls_key(&self) -> String {
        self.tls.serialize_pem()
    }
}

/// Where a client stands in a configuration, and where its certificate.
pub(super) const fn members(number: u8) -> (&'static str, &'static str) {
    if number == 2 { ("client2", "mtls2") } else { ("client", "mtls") }
}

/// Whether everything is there that a client is registered by.
pub(super) fn complete(configuration: &Value) -> Result<(), &'static str> {
    for number in [1, 2] {
        let (client, mtls) = members(number);
        let keys = configuration[client]["jwks"]["keys"].as_array();
        if keys.is_none_or(Vec::is_empty) {
            return Err("a client has no key");
        }
        if configuration[mtls]["cert"].as_str().and_then(certified_key).is_none() {
            return Err("a client has no certificate with an RSA key");
        }
    }
    Ok(())
}

/// The metadata that belongs to a configuration.
pub(super) fn metadata(cell: Cell, number: u8, configuration: &Value, notification_endpoint: &str) -> Value {
    let (client, mtls) = members(number);
    let algorithm = cell.algorithm.name();
    let mut keys = configuration[client]["jwks"]["keys"].as_array().cloned().unwrap_or_default();
    for key in &mut keys {
        if let Some(members) = key.as_object_mut() {
            members.retain(|name, _| !PRIVATE.contains(&name.as_str()));
        }
    }
    let id = cell.client_id(number);
    let mut metadata = json!({
        "client_id": id,
        "client_name": format!("Conformance {id}"),
        "token_endpoint_auth_method": cell.method(),
        "grant_types": ["urn:openid:params:grant-type:ciba", "refresh_token"],
        "response_types": [],
        "scope": "openid profile email",
        "backchannel_token_delivery_mode": cell.mode(),
        "backchannel_authentication_request_signing_alg": algorithm,
        "backchannel_user_code_parameter": false,
        "id_token_signed_response_alg": algorithm,
        "tls_client_certificate_bound_access_tokens": true,
    });
    match cell.authentication {
        Authentication::PrivateKeyJwt => metadata["token_endpoint_auth_signing_alg"] = algorithm.into(),
        // RFC 8705 §2.2.2: the certificate is believed because its key is registered.
        Authentication::SelfSigned => keys.extend(configuration[mtls]["cert"].as_str().and_then(certified_key)),
        Authentication::Authority => metadata["tls_client_auth_subject_dn"] = format!("CN={id}").into(),
    }
    metadata["jwks"] = json!({ "keys": keys });
    if cell.ping {
        metadata["backchannel_client_notification_endpoint"] = notification_endpoint.into();
    }
    metadata
}

/// The RSA key of a certificate, as a JWK.
fn certified_key(pem: &str) -> Option<Value> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    let certificate = Certificate::from_der(&der).ok()?;
    let key = certificate.tbs_certificate().subject_public_key_info().subject_public_key.as_bytes()?;
    // RFC 8017 appendix A.1.1.
    let numbers = SliceReader::new(key)
        .ok()?
        .sequence(|reader| Ok::<_, x509_cert::der::Error>([UintRef::decode(reader)?, UintRef::decode(reader)?]));
    let [n, e] = numbers.ok()?.map(|number| base64url::encode(number.as_bytes()));
    Some(json!({ "kty": "RSA", "kid": "certificate", "n": n, "e": e }))
}
