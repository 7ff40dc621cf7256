//! The one name by which a client of `tls_client_auth` is known in its certificate (RFC 8705 §2.1.2).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::distinguished_name::{BadDistinguishedName, DistinguishedName};

/// Which name of the certificate, and its value. Stored and registered under the names of RFC 8705 §2.1.2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CertificateName {
    /// The whole subject.
    #[serde(rename = "tls_client_auth_subject_dn")]
    SubjectDn(DistinguishedName),
    /// A `dNSName`. A `*` is a character like any other: a name that was issued for many hosts names no client.
    #[serde(rename = "tls_client_auth_san_dns")]
    SanDns(String),
    /// A `uniformResourceIdentifier`.
    #[serde(rename = "tls_client_auth_san_uri")]
    SanUri(String),
    /// An `iPAddress`.
    #[serde(rename = "tls_client_auth_san_ip")]
    SanIp(IpAddr),
    /// An `rfc822Name`.
    #[serde(rename = "tls_client_auth_san_email")]
    SanEmail(String),
}

/// Why a name cannot be registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadCertificateName {
    /// RFC 8705 §2.1.2 knows no such member.
    #[error("is none of the names of a certificate")]
    UnknownKind,
    /// An empty name, or one longer than [`MOST_BYTES`].
    #[error("must have 1 to {MOST_BYTES} bytes")]
    Length,
    /// No IPv4 or IPv6 address.
    #[error("is no IP address")]
    Address,
    /// No distinguished name.
    #[error(transparent)]
    DistinguishedName(#[from] BadDistinguishedName),
}

/// No registered name is longer than this many bytes.
pub const MOST_BYTES: usize = 2048;

/// The members of client metadata that carry one.
pub const MEMBERS: [&str; 5] = [
    "tls_client_auth_subject_dn",
    "tls_client_auth_san_dns",
    "tls_client_auth_san_uri",
    "tls_client_auth_san_ip",
    "tls_client_auth_san_email",
];

impl CertificateName {
    /// Reads the value of one of the [`MEMBERS`]. That a client has exactly one of them is its registration's to see.
    pub fn parse(member: &str, value: &str) -> Result<Self, BadCertificateName> {
        if value.is_empty() || value.len() > MOST_BYTES {
            return Err(BadCertificateName::Length);
        }
        match member {
            "tls_client_auth_subject_dn" => Ok(Self::SubjectDn(DistinguishedName::parse(value)?)),
            "tls_client_auth_san_dns" => Ok(Self::SanDns(value.to_owned())),
            "tls_client_auth_san_uri" => Ok(Self::SanUri(value.to_owned())),
            "tls_client_auth_san_ip" => value.parse().map(Self::SanIp).map_err(|_| BadCertificateName::Address),
            "tls_client_auth_san_email" => Ok(Self::SanEmail(value.to_owned())),
            _ => Err(BadCertificateName::UnknownKind),
        }
    }

    /// The member that carries it.
    #[must_use]
    pub const fn member(&self) -> &'static str {
        match self {
            Self::SubjectDn(_) => MEMBERS[0],
            Self::SanDns(_) => MEMBERS[1],
            Self::SanUri(_) => MEMBERS[2],
            Self::SanIp(_) => MEMBERS[3],
            Self::SanEmail(_) => MEMBERS[4],
        }
    }

    /// Its value as text.
    #[must_use]
    pub fn value(&self) -> String {
        match self {
            Self::SubjectDn(name) => name.as_str().to_owned(),
            Self::SanDns(text) | Self::SanUri(text) | Self::SanEmail(text) => text.clone(),
            Self::SanIp(address) => address.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_member_is_read_and_written_under_its_own_name() {
        let values = ["CN=shop,O=Corner", "shop.example", "https://shop.example/", "2001:db8::1", "it@shop.example"];
        for (member, value) in MEMBERS.into_iter().zip(values) {
            let name = CertificateName::parse(member, value).unwrap();
            assert_eq!((name.member(), name.value().as_str()), (member, value));
            let stored = serde_json::to_value(&name).unwrap();
            assert_eq!(stored, json!({ member: value }));
            assert_eq!(serde_json::from_value::<CertificateName>(stored).unwrap(), name);
        }
    }

    #[test]
    fn what_cannot_be_a_name_is_refused() {
        let long = "x".repeat(MOST_BYTES + 1);
        for (member, value, why) in [
            ("tls_client_auth_san_dns", "", BadCertificateName::Length),
            ("tls_client_auth_san_uri", &long, BadCertificateName::Length),
            ("tls_client_auth_san_ip", "shop.example", BadCertificateName::Address),
            ("tls_client_auth_san_ip", "10.0.0.0/8", BadCertificateName::Address),
            ("tls_client_auth_subject_dn", "shop", BadDistinguishedName::NoValue.into()),
            ("client_name", "shop", BadCertificateName::UnknownKind),
        ] {
            assert_eq!(CertificateName::parse(member, value), Err(why), "{member} {value}");
        }
        assert!(serde_json::from_value::<CertificateName>(json!({ "tls_client_auth_subject_dn": "shop" })).is_err());
    }
}
