//! Authorities and certificates made for a test.

#![allow(dead_code, reason = "each test file uses its part")]

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    PKCS_RSA_SHA256, RsaKeySize, SanType, date_time_ymd,
};
use server::domain::certificate::ClientCertificate;

/// An authority; what it signs it signs with ECDSA on P-256.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key.
#[derive(Clone)]
pub(crate) struct Certified {
    /// DER.
    pub(crate) certificate: Vec<u8>,
    /// DER of PKCS #8.
    pub(crate) key: Vec<u8>,
    /// DER of the public key.
    pub(crate) spki: Vec<u8>,
}

impl Authority {
    pub(crate) fn root(name: &str) -> Self {
        Self::root_with(name, |_| {})
    }

    /// A root that differs.
    pub(crate) fn root_with(name: &str, differ: impl FnOnce(&mut CertificateParams)) -> Self {
        let issuer = CertifiedIssuer::self_signed(authority(name, differ), key()).expect("parameters of a root");
        Self { issuer }
    }

    pub(crate) fn intermediate(&self, name: &str) -> Self {
        self.intermediate_with(name, |_| {})
    }

    /// An intermediate authority that differs.
    pub(crate) fn intermediate_with(&self, name: &str, differ: impl FnOnce(&mut CertificateParams)) -> Self {
        let issuer = CertifiedIssuer::signed_by(authority(name, differ), key(), &self.issuer);
        Self { issuer: issuer.expect("parameters of an authority") }
    }

    /// A client named `shop`.
    pub(crate) fn client(&self) -> Certified {
        self.client_with(|_| {})
    }

    /// A client that differs.
    pub(crate) fn client_with(&self, differ: impl FnOnce(&mut CertificateParams)) -> Certified {
        let mut parameters = client();
        differ(&mut parameters);
        self.issue(&parameters, &key())
    }

    /// A server of these names or addresses.
    pub(crate) fn server(&self, names: &[&str]) -> Certified {
        self.issue(&server(names), &key())
    }

    /// The same with an RSA key.
    pub(crate) fn rsa_server(&self, names: &[&str]) -> Certified {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).expect("an RSA key");
        self.issue(&server(names), &key)
    }

    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    pub(crate) fn der(&self) -> Vec<u8> {
        self.issuer.der().to_vec()
    }

    fn issue(&self, parameters: &CertificateParams, key: &KeyPair) -> Certified {
        let certificate = parameters.signed_by(key, &self.issuer).expect("parameters of a certificate");
        certified(certificate.der().to_vec(), key)
    }
}

impl Certified {
    /// One that is its own issuer.
    pub(crate) fn self_signed(differ: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut parameters = client();
        differ(&mut parameters);
        let key = key();
        let certificate = parameters.self_signed(&key).expect("parameters of a certificate");
        certified(certificate.der().to_vec(), &key)
    }

    /// As the client shows it, with these authorities beside it.
    pub(crate) fn shown(&self, authorities: &[&Authority]) -> ClientCertificate {
        ClientCertificate::new(self.certificate.clone(), authorities.iter().map(|authority| authority.der()).collect())
    }

    /// The certificate in PEM.
    pub(crate) fn pem(&self) -> String {
        pem("CERTIFICATE", &self.certificate)
    }

    /// The key in PEM.
    pub(crate) fn key_pem(&self) -> String {
        pem("PRIVATE KEY", &self.key)
    }
}

/// Any DER under a label.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

fn certified(certificate: Vec<u8>, key: &KeyPair) -> Certified {
    use rcgen::PublicKeyData as _;
    Certified { certificate, key: key.serialize_der(), spki: key.subject_public_key_info() }
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

fn authority(name: &str, differ: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut parameters = named(name);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    differ(&mut parameters);
    parameters
}

fn client() -> CertificateParams {
    let mut parameters = named("shop");
    parameters.distinguished_name.push(DnType::OrganizationName, "Corner");
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    parameters.subject_alt_names = vec![
        SanType::DnsName("shop.example".try_into().expect("ASCII")),
        SanType::DnsName("*.corner.example".try_into().expect("ASCII")),
        SanType::URI("https://shop.example/id".try_into().expect("ASCII")),
        SanType::Rfc822Name("IT@shop.example".try_into().expect("ASCII")),
        SanType::IpAddress([192, 0, 2, 7].into()),
        SanType::IpAddress([0x2001, 0xdb8, 0, 0, 0, 0, 0, 7].into()),
    ];
    parameters
}

fn server(names: &[&str]) -> CertificateParams {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut parameters = CertificateParams::new(names).expect("names of a server");
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    parameters.not_before = date_time_ymd(2020, 1, 1);
    parameters.not_after = date_time_ymd(2090, 1, 1);
    parameters
}

fn named(name: &str) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.not_before = date_time_ymd(2020, 1, 1);
    parameters.not_after = date_time_ymd(2090, 1, 1);
    parameters
}
