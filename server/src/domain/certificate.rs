//! The certificate that a client showed, with its key proven in the TLS handshake. What it is worth is judged later:
//! RFC 8705 §2 for authenticating the client, §3 for binding tokens to it.

use std::fmt;

use protocol::Digest;
use serde::{Deserialize, Serialize};

pub mod distinguished_name;
pub mod name;

/// A client that sends more authorities' certificates than this, or more than [`MOST_BYTES`] in all, is turned away.
pub const MOST_INTERMEDIATES: usize = 8;
/// No client's certificates, its own and the others', have more bytes of DER than this.
pub const MOST_BYTES: usize = 16 * 1024;

/// A client's certificate and what it sent beside it. Nothing of it has been checked except that the peer holds its key.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    leaf: Vec<u8>,
    intermediates: Vec<Vec<u8>>,
}

impl ClientCertificate {
    /// Takes the DER of the client's own certificate, and of the others in the order in which they came.
    #[must_use]
    pub const fn new(leaf: Vec<u8>, intermediates: Vec<Vec<u8>>) -> Self {
        Self { leaf, intermediates }
    }

    /// The client's own certificate, in DER.
    #[must_use]
    pub fn leaf(&self) -> &[u8] {
        &self.leaf
    }

    /// The others, in DER: the next one is supposed to have signed the one before.
    #[must_use]
    pub fn intermediates(&self) -> &[Vec<u8>] {
        &self.intermediates
    }

    /// What tokens are bound to.
    #[must_use]
    pub fn thumbprint(&self) -> Thumbprint {
        Thumbprint(Digest::of(&self.leaf))
    }
}

/// A certificate names a person or an organisation: logs need its thumbprint at most.
impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientCertificate({} and {} more)", self.thumbprint(), self.intermediates.len())
    }
}

/// SHA-256 of a certificate's DER, written in base64url: `cnf` → `x5t#S256` (RFC 8705 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Thumbprint(Digest);

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbprint_is_the_hash_of_the_leaf_alone_in_base64url() {
        let alone = ClientCertificate::new(b"abc".to_vec(), Vec::new());
        let in_company = ClientCertificate::new(b"abc".to_vec(), vec![b"ca".to_vec()]);
        let text = "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0"; // FIPS 180-2 appendix B.1
        assert_eq!(alone.thumbprint().to_string(), text);
        assert_eq!(serde_json::to_value(alone.thumbprint()).unwrap(), text);
        assert_eq!(serde_json::from_value::<Thumbprint>(text.into()).unwrap(), alone.thumbprint());
        assert_eq!(alone.thumbprint(), in_company.thumbprint());
        assert_ne!(alone.thumbprint(), ClientCertificate::new(b"abd".to_vec(), Vec::new()).thumbprint());
    }

    #[test]
    fn a_printed_certificate_shows_nothing_of_its_content() {
        let printed = format!("{:?}", ClientCertificate::new(b"CN=Erika".to_vec(), vec![vec![1]]));
        assert!(printed.starts_with("ClientCertificate(") && printed.ends_with(" and 1 more)"), "{printed}");
        assert!(!printed.contains("Erika"), "{printed}");
    }
}
