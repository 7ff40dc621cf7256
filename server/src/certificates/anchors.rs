//! The authorities that a realm believes, and the path from one of them to a client (RFC 5280 §6).

use std::fmt;
use std::time::Duration;

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, Error, KeyUsage, anchor_from_trusted_cert};

use super::{Leaf, Refused};
use crate::domain::certificate::ClientCertificate;
use crate::domain::time::Timestamp;

/// Certificates of authorities; never none.
pub struct TrustAnchors {
    anchors: Vec<Anchor>,
}

struct Anchor {
    anchor: TrustAnchor<'static>,
    /// For its validity, which the path's rules leave out.
    own: Leaf,
}

/// Why a file holds no trust anchors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadAnchors {
    /// Nothing between `BEGIN CERTIFICATE` and `END CERTIFICATE`.
    #[error("holds no certificate in PEM")]
    None,
    /// This one of them, counted from 1, is damaged.
    #[error("its certificate number {0} cannot be read")]
    Unreadable(usize),
}

impl TrustAnchors {
    /// Reads all certificates of a PEM text. What else stands in it does not count.
    pub fn from_pem(pem: &[u8]) -> Result<Self, BadAnchors> {
        let certificates = CertificateDer::pem_slice_iter(pem).zip(1..);
        let anchors = certificates.map(|(certificate, number)| {
            certificate.ok().as_ref().and_then(anchor).ok_or(BadAnchors::Unreadable(number))
        });
        let anchors: Vec<_> = anchors.collect::<Result<_, _>>()?;
        if anchors.is_empty() { Err(BadAnchors::None) } else { Ok(Self { anchors }) }
    }

    /// Validates the path: every signature, validity at `now` (the authority's own too), path lengths, name
    /// constraints, and that the certificate is a client's, not an authority's. A certificate without extended key usage
    /// may be used for anything (RFC 5280 §4.2.1.12), so also for this.
    pub fn judge(&self, certificate: &ClientCertificate, now: Timestamp) -> Result<Leaf, Refused> {
        let leaf = Leaf::read(certificate.leaf())?;
        let der = CertificateDer::from(certificate.leaf());
        let intermediates: Vec<_> =
            certificate.intermediates().iter().map(|der| CertificateDer::from(&**der)).collect();
        let anchors = self.valid_at(now);
        EndEntityCert::try_from(&der)
            .map_err(|_| Refused::Unreadable)?
            .verify_for_usage(
                ALL_VERIFICATION_ALGS,
                &anchors,
                &intermediates,
                unix_time(now),
                KeyUsage::client_auth(),
                None,
                None,
            )
            .map_err(|error| refusal(&error))?;
        Ok(leaf)
    }

    /// Those whose own validity holds.
    pub(super) fn valid_at(&self, now: Timestamp) -> Vec<TrustAnchor<'static>> {
        let valid = self.anchors.iter().filter(|anchor| anchor.own.is_valid_at(now));
        valid.map(|anchor| anchor.anchor.clone()).collect()
    }

    /// The last second in which each of them is valid.
    pub fn ends(&self) -> impl Iterator<Item = Timestamp> {
        self.anchors.iter().map(|anchor| anchor.own.not_after())
    }
}

impl fmt::Debug for TrustAnchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrustAnchors({})", self.anchors.len())
    }
}

pub(super) fn unix_time(now: Timestamp) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now.unix_seconds()).unwrap_or_default()))
}

fn anchor(der: &CertificateDer<'_>) -> Option<Anchor> {
    let anchor = anchor_from_trusted_cert(der).ok()?.to_owned();
    Some(Anchor { anchor, own: Leaf::read(der).ok()? })
}

fn refusal(error: &Error) -> Refused {
    match error {
        Error::CertExpired { .. } | Error::CertNotValidYet { .. } | Error::InvalidCertValidity => Refused::OutOfTime,
        Error::UnknownIssuer => Refused::UnknownIssuer,
        Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => Refused::NotForClients,
        Error::CaUsedAsEndEntity => Refused::Authority,
        Error::BadDer
        | Error::MalformedExtensions
        | Error::TrailingData(_)
        | Error::UnsupportedCertVersion
        | Error::UnsupportedCriticalExtension => Refused::Unreadable,
        // The library may learn to see more.
        _ => Refused::BrokenPath,
    }
}
