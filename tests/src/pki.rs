//! Certificates of clients, made for a story.

use protocol::base64url;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    PublicKeyData as _, SanType, date_time_ymd,
};
use serde_json::{Value, json};
use server::domain::certificate::ClientCertificate;

/// An authority that a realm may believe.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// A root of its own.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut parameters = named(name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(parameters, key()).expect("a root"))
    }

    /// Its certificate in PEM: a file of trust anchors.
    #[must_use]
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// Certifies a server of these names and addresses.
    #[must_use]
    pub fn server(&self, names: &[&str]) -> Pair {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut parameters = CertificateParams::new(names).expect("names of a server");
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.issue(&parameters)
    }

    /// The same as [`Self::certify`] with the key, for connections over TLS.
    #[must_use]
    pub fn client(&self, name: &str) -> Pair {
        self.issue(&client(name))
    }

    fn issue(&self, parameters: &CertificateParams) -> Pair {
        let key = key();
        Pair::of(&parameters.signed_by(&key, &self.0).expect("a certificate"), &key)
    }

    /// Certifies a client: subject `CN=name`, DNS name `name.example`.
    #[must_use]
    pub fn certify(&self, name: &str) -> ClientCertificate {
        let certificate = client(name).signed_by(&key(), &self.0).expect("a certificate");
        ClientCertificate::new(certificate.der().to_vec(), Vec::new())
    }
}

/// A certificate and its key, both PEM.
pub struct Pair {
    /// The certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
    /// As whoever it was shown to sees it.
    pub shown: ClientCertificate,
}

impl Pair {
    fn of(certificate: &Certificate, key: &KeyPair) -> Self {
        let shown = ClientCertificate::new(certificate.der().to_vec(), Vec::new());
        Self { certificate: certificate.pem(), key: key.serialize_pem(), shown }
    }
}

/// A certificate that nobody vouches for, and its key as a JWK (RFC 8705 §2.2).
#[must_use]
pub fn self_signed(name: &str) -> (ClientCertificate, Value) {
    let (pair, jwk) = self_signed_pair(name);
    (pair.shown, jwk)
}

/// The same, for connections over TLS.
#[must_use]
pub fn self_signed_pair(name: &str) -> (Pair, Value) {
    let key = key();
    let certificate = client(name).self_signed(&key).expect("a certificate");
    let (x, y) = key.der_bytes()[1..].split_at(32);
    let jwk = json!({ "kty": "EC", "crv": "P-256", "x": base64url::encode(x), "y": base64url::encode(y), "kid": name });
    (Pair::of(&certificate, &key), jwk)
}

fn client(name: &str) -> CertificateParams {
    let mut parameters = named(name);
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let dns = format!("{name}.example");
    parameters.subject_alt_names = vec![SanType::DnsName(dns.try_into().expect("ASCII"))];
    parameters
}

fn named(name: &str) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.not_before = date_time_ymd(2020, 1, 1);
    parameters.not_after = date_time_ymd(2090, 1, 1);
    parameters
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}
