//! A certificate authority on this machine, for `--tls`: it certifies the provider, and the demo's relying parties that
//! show certificates. Its files stay in the demo's directory, so that a browser or a client library can be told to trust
//! it once.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_RSA_SHA256, RsaKeySize,
};
use server::keys::secret_file;

/// The files, all PEM.
#[derive(Debug, Clone)]
pub struct Authority {
    /// The authority's own certificate: what others trust.
    pub certificate: PathBuf,
    /// The provider's certificate.
    pub server_certificate: PathBuf,
    /// Its key.
    pub server_key: PathBuf,
    /// The authority's key, with which it certifies whoever comes later.
    key: PathBuf,
    /// A certificate for relying parties.
    pub client_certificate: PathBuf,
    /// Its key.
    pub client_key: PathBuf,
}

const DAY: Duration = Duration::from_hours(24);

/// Within the 825 days that iOS takes a server's certificate for, whoever signed it.
const SERVER_LASTS: Duration = Duration::from_hours(24 * 800);

/// Subject of the relying parties' certificate, RFC 4514.
pub const CLIENT_SUBJECT: &str = "CN=demo-client";

/// Why there is no authority.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A name cannot stand in a certificate, or a key could not be made.
    #[error("a certificate could not be made: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The file system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A key could not be kept.
    #[error(transparent)]
    Keys(#[from] server::keys::KeysError),
}

impl Authority {
    /// Takes up what is in a directory, or makes it. The provider's certificate is for these names and addresses, and new at
    /// every start.
    pub fn in_directory(directory: &Path, names: &[String], now: SystemTime) -> Result<Self, Failure> {
        let file = |name: &str| directory.join(name);
        let authority = Self {
            certificate: file("ca.pem"),
            server_certificate: file("server.pem"),
            server_key: file("server.key"),
            key: file("ca.key"),
            client_certificate: file("client.pem"),
            client_key: file("client.key"),
        };
        // Written last: with it, everything else is there.
        if !authority.certificate.exists() {
            fs::create_dir_all(directory)?;
            authority.make()?;
        }
        authority.certify_provider(names, now)?;
        Ok(authority)
    }

    fn make(&self) -> Result<(), Failure> {
        let root = CertifiedIssuer::self_signed(root(), KeyPair::generate()?)?;
        let client_key = KeyPair::generate()?;
        fs::write(&self.client_certificate, client("demo-client").signed_by(&client_key, &root)?.pem())?;
        keep_key(&self.client_key, &client_key)?;
        keep_key(&self.key, root.key())?;
        Ok(fs::write(&self.certificate, root.pem())?)
    }

    fn certify_provider(&self, names: &[String], now: SystemTime) -> Result<(), Failure> {
        // RSA, because TLS 1.2 is spoken with no other.
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
        let mut parameters = server(names)?;
        parameters.not_before = (now - DAY).into();
        parameters.not_after = (now + SERVER_LASTS).into();
        keep_key(&self.server_key, &key)?;
        Ok(fs::write(&self.server_certificate, parameters.signed_by(&key, &self.issuer()?)?.pem())?)
    }

    /// Certifies one more relying party; PEM.
    pub fn certify_client(&self, name: &str, key: &KeyPair) -> Result<String, Failure> {
        Ok(client(name).signed_by(key, &self.issuer()?)?.pem())
    }

    /// Certifies a server of others, by one DNS name or address: certificate and a key for it, PEM.
    pub fn certify_server(&self, name: &str) -> Result<(String, String), Failure> {
        let key = KeyPair::generate()?;
        let certificate = server(&[name.to_owned()])?.signed_by(&key, &self.issuer()?)?;
        Ok((certificate.pem(), key.serialize_pem()))
    }

    fn issuer(&self) -> Result<Issuer<'static, KeyPair>, Failure> {
        Ok(Issuer::new(root(), KeyPair::from_pem(&fs::read_to_string(&self.key)?)?))
    }
}

/// A certificate that nobody but its holder vouches for; PEM.
pub fn self_signed(name: &str, key: &KeyPair) -> Result<String, Failure> {
    Ok(client(name).self_signed(key)?.pem())
}

/// What an interrupted start left behind is of no use.
fn keep_key(file: &Path, key: &KeyPair) -> Result<(), Failure> {
    if file.exists() {
        fs::remove_file(file)?;
    }
    Ok(secret_file::create(file, &key.serialize_pem())?)
}

fn root() -> CertificateParams {
    let mut parameters = named("Assent demo authority");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters
}

fn server(names: &[String]) -> Result<CertificateParams, rcgen::Error> {
    let mut parameters = CertificateParams::new(names)?;
    parameters.distinguished_name.push(DnType::CommonName, "Assent demo");
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(parameters)
}

fn client(name: &str) -> CertificateParams {
    let mut parameters = named(name);
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    parameters
}

fn named(name: &str) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    let mut subject = rcgen::DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    parameters.distinguished_name = subject;
    parameters
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;
    use x509_cert::Certificate;
    use x509_cert::der::Decode as _;

    use super::*;

    fn certificate(file: &Path) -> Certificate {
        Certificate::from_der(&CertificateDer::from_pem_file(file).expect("a file")).expect("a certificate")
    }

    #[test]
    fn a_providers_certificate_is_one_that_phones_take_and_is_new_at_every_start() {
        let directory = tempfile::tempdir().expect("a directory");
        let now = SystemTime::UNIX_EPOCH + 20_000 * DAY;
        let names = |host: &str| ["localhost".to_owned(), host.to_owned()];
        let authority = Authority::in_directory(directory.path(), &names("laptop.local"), now).expect("an authority");
        let (root, first) = (certificate(&authority.certificate), certificate(&authority.server_certificate));
        let validity = first.tbs_certificate().validity();
        let [begins, ends] =
            [validity.not_before, validity.not_after].map(|at| SystemTime::UNIX_EPOCH + at.to_unix_duration());
        assert!(begins < now && now < ends && ends <= begins + 825 * DAY, "{begins:?} to {ends:?}");

        let again = Authority::in_directory(directory.path(), &names("desk.local"), now).expect("the same authority");
        let second = certificate(&again.server_certificate);
        assert_eq!(certificate(&again.certificate), root);
        assert_ne!(second.tbs_certificate().serial_number(), first.tbs_certificate().serial_number());
        assert_eq!(second.tbs_certificate().issuer(), root.tbs_certificate().subject());
    }
}
