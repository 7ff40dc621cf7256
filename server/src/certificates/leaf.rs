//! A client's own certificate, read: its names, its key and its time.

use std::net::IpAddr;

use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::time::Time;

use super::{Refused, subject};
use crate::domain::certificate::ClientCertificate;
use crate::domain::certificate::distinguished_name::Attribute;
use crate::domain::certificate::name::CertificateName;
use crate::domain::time::Timestamp;

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    subject: Vec<Vec<Attribute>>,
    dns: Vec<String>,
    uris: Vec<String>,
    addresses: Vec<IpAddr>,
    emails: Vec<String>,
    spki: Vec<u8>,
    not_before: Timestamp,
    not_after: Timestamp,
}

impl Leaf {
    /// Reads a certificate and judges nothing.
    pub fn read(der: &[u8]) -> Result<Self, Refused> {
        Self::parse(der).ok_or(Refused::Unreadable)
    }

    /// For `self_signed_tls_client_auth` (RFC 8705 §2.2), where only the key counts: neither signature nor issuer nor
    /// names are looked at. Its validity is: who set an end to a certificate wanted it to be refused afterwards.
    pub fn unchained(certificate: &ClientCertificate, now: Timestamp) -> Result<Self, Refused> {
        let leaf = Self::read(certificate.leaf())?;
        if leaf.is_valid_at(now) { Ok(leaf) } else { Err(Refused::OutOfTime) }
    }

    /// Whether it carries this name. Asked only of what [`super::TrustAnchors::judge`] let pass: before that, anybody
    /// can have written it.
    #[must_use]
    pub fn is_named(&self, name: &CertificateName) -> bool {
        match name {
            CertificateName::SubjectDn(name) => subject::is(&self.subject, name),
            CertificateName::SanDns(name) => self.dns.iter().any(|own| own.eq_ignore_ascii_case(name)),
            CertificateName::SanUri(uri) => self.uris.contains(uri),
            CertificateName::SanIp(address) => self.addresses.contains(address),
            CertificateName::SanEmail(email) => self.emails.iter().any(|own| is_same_mailbox(own, email)),
        }
    }

    /// Its public key: the DER of a `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// Whether its validity began and has not ended. Both ends belong to it (RFC 5280 §4.1.2.5).
    #[must_use]
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        (self.not_before.unix_seconds()..=self.not_after.unix_seconds()).contains(&now.unix_seconds())
    }

    /// The last second of its validity.
    #[must_use]
    pub const fn not_after(&self) -> Timestamp {
        self.not_after
    }

    fn parse(der: &[u8]) -> Option<Self> {
        let certificate = Certificate::from_der(der).ok()?;
        let certificate = certificate.tbs_certificate();
        let mut leaf = Self {
            subject: subject::read(certificate.subject())?,
            dns: Vec::new(),
            uris: Vec::new(),
            addresses: Vec::new(),
            emails: Vec::new(),
            spki: certificate.subject_public_key_info().to_der().ok()?,
            not_before: timestamp(certificate.validity().not_before),
            not_after: timestamp(certificate.validity().not_after),
        };
        if let Some((_, SubjectAltName(names))) = certificate.get_extension().ok()? {
            names.into_iter().try_for_each(|name| leaf.take(name))?;
        }
        Some(leaf)
    }

    fn take(&mut self, name: GeneralName) -> Option<()> {
        match name {
            GeneralName::DnsName(name) => self.dns.push(name.to_string()),
            GeneralName::UniformResourceIdentifier(uri) => self.uris.push(uri.to_string()),
            GeneralName::IpAddress(address) => self.addresses.push(ip_address(address.as_bytes())?),
            GeneralName::Rfc822Name(email) => self.emails.push(email.to_string()),
            GeneralName::OtherName(_)
            | GeneralName::DirectoryName(_)
            | GeneralName::EdiPartyName(_)
            | GeneralName::RegisteredId(_) => {}
        }
        Some(())
    }
}

fn timestamp(time: Time) -> Timestamp {
    Timestamp::from_unix_seconds(i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX))
}

fn ip_address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

/// RFC 5280 §7.5: the part before the `@` as it is, the host in any case.
fn is_same_mailbox(one: &str, other: &str) -> bool {
    match (one.rsplit_once('@'), other.rsplit_once('@')) {
        (Some((mailbox, host)), Some((its_mailbox, its_host))) => {
            mailbox == its_mailbox && host.eq_ignore_ascii_case(its_host)
        }
        _ => one == other,
    }
}
