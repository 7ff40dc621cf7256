//! The certificate that we show, with its key: read from PEM and checked to belong together.

use std::fmt;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, SignatureAlgorithm};

use super::provider;

/// The oldest version of TLS that is spoken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MinVersion {
    /// TLS 1.2 besides 1.3, which wins wherever the client has it.
    Tls12,
    /// TLS 1.3 alone.
    #[default]
    Tls13,
}

/// A chain of certificates, ours first, and the key of ours.
pub struct ServerCertificate {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    min_version: MinVersion,
}

/// Why a certificate cannot be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadServerCertificate {
    /// Nothing between `BEGIN CERTIFICATE` and `END CERTIFICATE`.
    #[error("holds no certificate in PEM")]
    NoCertificate,
    /// This one of them, counted from 1, is damaged.
    #[error("its certificate number {0} cannot be read")]
    UnreadableCertificate(usize),
    /// No private key in PEM, or none of RSA, ECDSA or Ed25519.
    #[error("holds no private key in PEM that can be used")]
    NoKey,
    /// The key is another certificate's.
    #[error("is not the key of the certificate")]
    OtherKey,
    /// TLS 1.2 is spoken with an RSA certificate only.
    #[error("1.2 needs a certificate with an RSA key")]
    NotRsa,
}

/// Which of the settings is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The file of certificates.
    Certificate,
    /// The file of the key.
    Key,
    /// The version.
    MinVersion,
}

impl BadServerCertificate {
    /// Where to look for what is wrong.
    #[must_use]
    pub const fn part(self) -> Part {
        match self {
            Self::NoCertificate | Self::UnreadableCertificate(_) => Part::Certificate,
            Self::NoKey | Self::OtherKey => Part::Key,
            Self::NotRsa => Part::MinVersion,
        }
    }
}

impl ServerCertificate {
    /// Reads both files' texts. Everything that can be wrong with them is found here.
    pub fn from_pem(chain: &[u8], key: &[u8], min_version: MinVersion) -> Result<Self, BadServerCertificate> {
        let certificates = CertificateDer::pem_slice_iter(chain).zip(1..);
        let chain = certificates
            .map(|(certificate, number)| certificate.map_err(|_| BadServerCertificate::UnreadableCertificate(number)));
        let chain: Vec<_> = chain.collect::<Result<_, _>>()?;
        if chain.is_empty() {
            return Err(BadServerCertificate::NoCertificate);
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| BadServerCertificate::NoKey)?;
        let this = Self { chain, key, min_version };
        let loaded = this.load(&provider())?;
        if min_version == MinVersion::Tls12 && loaded.key.algorithm() != SignatureAlgorithm::RSA {
            return Err(BadServerCertificate::NotRsa);
        }
        Ok(this)
    }

    /// Our own certificate, in DER.
    #[must_use]
    pub fn leaf(&self) -> &[u8] {
        &self.chain[0]
    }

    pub(super) const fn min_version(&self) -> MinVersion {
        self.min_version
    }

    pub(super) fn load(&self, provider: &CryptoProvider) -> Result<CertifiedKey, BadServerCertificate> {
        CertifiedKey::from_der(self.chain.clone(), self.key.clone_key(), provider).map_err(|error| match error {
            Error::InconsistentKeys(_) => BadServerCertificate::OtherKey,
            Error::InvalidCertificate(_) => BadServerCertificate::UnreadableCertificate(1),
            _ => BadServerCertificate::NoKey,
        })
    }
}

impl fmt::Debug for ServerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerCertificate({} in its chain, {:?})", self.chain.len(), self.min_version)
    }
}
