//! A chain of certificates as a phone's platform makes it, leaf first, and the one path that it must be (RFC 5280 §6).

use std::collections::BTreeSet;

use rustls_pki_types::{CertificateDer, TrustAnchor};
use webpki::{
    ALL_VERIFICATION_ALGS, EndEntityCert, Error, ExtendedKeyUsageValidator, KeyPurposeIdIter, anchor_from_trusted_cert,
};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::KeyUsage;

use super::TrustAnchors;
use super::anchors::unix_time;
use crate::domain::time::Timestamp;

/// A chain whose path to a trusted authority holds: the leaf and those between it and that authority, in this order.
pub struct Chain {
    certificates: Vec<Certificate>,
}

/// Why a chain is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BrokenChain {
    /// One of them is no X.509 v3 certificate, has an extension twice, or a critical one that is unknown here.
    #[error("a certificate cannot be read")]
    Unreadable,
    /// It leads to no trusted authority, or to one whose own validity is over.
    #[error("the chain leads to no trusted authority")]
    UnknownRoot,
    /// One of them is not valid yet, or no longer.
    #[error("a certificate is outside its validity")]
    OutOfTime,
    /// An issuer is no authority, or its key usage does not name signing certificates.
    #[error("an issuer may not issue certificates")]
    NotAnIssuer,
    /// More authorities stand below one than it allows.
    #[error("the chain is longer than an issuer allows")]
    PathLength,
    /// A signature does not verify, or what was sent is not one path in its order.
    #[error("the chain does not hold")]
    Broken,
}

impl TrustAnchors {
    /// Validates what was sent, as DER and leaf first, at `now`: every signature, the validity of each and of the
    /// authority, that every issuer is an authority whose key may sign certificates, and path lengths. All of it must be
    /// the path, in its order; the authority's own certificate may stand at its end.
    pub fn follow(&self, sent: &[Vec<u8>], now: Timestamp) -> Result<Chain, BrokenChain> {
        let ders: Vec<_> = sent.iter().map(|der| CertificateDer::from(&**der)).collect();
        let (leaf, others) = ders.split_first().ok_or(BrokenChain::Unreadable)?;
        let mut certificates = sent.iter().map(|der| read(der)).collect::<Result<Vec<_>, _>>()?;
        let leaf = EndEntityCert::try_from(leaf).map_err(|_| BrokenChain::Unreadable)?;
        let anchors = self.valid_at(now);
        let time = unix_time(now);
        let path = leaf
            .verify_for_usage(ALL_VERIFICATION_ALGS, &anchors, others, time, AnyUsage, None, None)
            .map_err(|error| broken(&error))?;
        let used = path.intermediate_certificates().count();
        let in_order = path.intermediate_certificates().zip(others).all(|(used, sent)| used.der() == *sent);
        let behind = others.get(used..).unwrap_or_default();
        if !in_order || !behind.iter().all(|last| behind.len() == 1 && is_of(path.anchor(), last)) {
            return Err(BrokenChain::Broken);
        }
        certificates.truncate(1 + used);
        if certificates[1..].iter().all(may_sign_certificates) {
            Ok(Chain { certificates })
        } else {
            Err(BrokenChain::NotAnIssuer)
        }
    }
}

impl Chain {
    /// The leaf's public key: the bits of its `SubjectPublicKeyInfo`, of an elliptic curve an uncompressed point.
    #[must_use]
    pub fn leaf_key(&self) -> &[u8] {
        self.certificates[0].tbs_certificate().subject_public_key_info().subject_public_key.raw_bytes()
    }

    /// An extension of the leaf.
    #[must_use]
    pub fn leaf_extension(&self, oid: &str) -> Option<&[u8]> {
        extension(&self.certificates[0], oid)
    }

    /// Whether one that is above the leaf has this extension.
    #[must_use]
    pub fn is_above_leaf(&self, oid: &str) -> bool {
        self.certificates[1..].iter().any(|certificate| extension(certificate, oid).is_some())
    }

    /// The serial numbers of all of them, as unsigned big-endian numbers without leading zeros.
    pub fn serials(&self) -> impl Iterator<Item = &[u8]> {
        self.certificates.iter().map(|certificate| {
            let serial = certificate.tbs_certificate().serial_number().as_bytes();
            &serial[serial.iter().take_while(|byte| **byte == 0).count()..]
        })
    }
}

/// Attestation names no usage: the chain serves nothing else.
struct AnyUsage;

impl ExtendedKeyUsageValidator for AnyUsage {
    fn validate(&self, _: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        Ok(())
    }
}

fn read(der: &[u8]) -> Result<Certificate, BrokenChain> {
    let certificate = Certificate::from_der(der).map_err(|_| BrokenChain::Unreadable)?;
    let extensions = extensions(&certificate);
    // RFC 5280 §4.2; who takes the first and who takes the last would read two different certificates.
    let distinct: BTreeSet<_> = extensions.iter().map(|extension| extension.extn_id).collect();
    if distinct.len() == extensions.len() { Ok(certificate) } else { Err(BrokenChain::Unreadable) }
}

fn extensions(certificate: &Certificate) -> &[Extension] {
    certificate.tbs_certificate().extensions().map(Vec::as_slice).unwrap_or_default()
}

fn extension<'c>(certificate: &'c Certificate, oid: &str) -> Option<&'c [u8]> {
    let found = extensions(certificate).iter().find(|extension| extension.extn_id.to_string() == oid)?;
    Some(found.extn_value.as_bytes())
}

/// RFC 5280 §4.2.1.3; that it is an authority at all was judged with the path.
fn may_sign_certificates(certificate: &Certificate) -> bool {
    let usage = certificate.tbs_certificate().get_extension::<KeyUsage>();
    matches!(usage, Ok(Some((_, usage))) if usage.key_cert_sign())
}

fn is_of(anchor: &TrustAnchor<'_>, certificate: &CertificateDer<'_>) -> bool {
    anchor_from_trusted_cert(certificate)
        .is_ok_and(|it| it.subject == anchor.subject && it.subject_public_key_info == anchor.subject_public_key_info)
}

fn broken(error: &Error) -> BrokenChain {
    match error {
        Error::CertExpired { .. } | Error::CertNotValidYet { .. } | Error::InvalidCertValidity => {
            BrokenChain::OutOfTime
        }
        Error::UnknownIssuer => BrokenChain::UnknownRoot,
        Error::EndEntityUsedAsCa => BrokenChain::NotAnIssuer,
        Error::PathLenConstraintViolated => BrokenChain::PathLength,
        Error::BadDer
        | Error::MalformedExtensions
        | Error::TrailingData(_)
        | Error::UnsupportedCertVersion
        | Error::UnsupportedCriticalExtension => BrokenChain::Unreadable,
        // The library may learn to see more.
        _ => BrokenChain::Broken,
    }
}
