//! What a client's certificate is worth (RFC 8705 §2). The TLS layer has proven that the peer holds its key; here is
//! judged whose it is:
//!
//! - `tls_client_auth`: [`TrustAnchors::judge`] validates its path to an authority of the realm, and only then is a name
//!   compared, by [`Leaf::is_named`];
//! - `self_signed_tls_client_auth`: [`Leaf::unchained`] reads it, and its [`Leaf::spki`] is compared with the client's
//!   keys.
//!
//! What a phone's platform vouches for comes with a [`chain::Chain`], which is read by `attestation`.
//!
//! No list of revoked certificates is asked: an operator who takes a certificate back changes the client's registration.

pub mod anchors;
pub mod chain;
pub mod leaf;
mod subject;

pub use anchors::{BadAnchors, TrustAnchors};
pub use leaf::Leaf;

/// Why a certificate authenticates nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It, or one sent with it, is no X.509 v3 certificate, or has a critical extension that is unknown here.
    #[error("a certificate cannot be read")]
    Unreadable,
    /// It, or one that signed it, is not valid yet, or no longer.
    #[error("a certificate is outside its validity")]
    OutOfTime,
    /// No path leads from it to an authority of this realm; maybe an intermediate one was not sent.
    #[error("no trusted authority has issued the certificate")]
    UnknownIssuer,
    /// Its extended key usage does not name client authentication.
    #[error("the certificate is not for client authentication")]
    NotForClients,
    /// It is an authority's own.
    #[error("the certificate is an authority's")]
    Authority,
    /// A signature, a path length or a name constraint does not hold.
    #[error("the certificate's path does not hold")]
    BrokenPath,
}
