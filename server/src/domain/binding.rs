//! What tokens are bound to, so that a copy is of no use: whoever presents one shows all of it (RFC 7800 §3.1).

use protocol::Digest;
use serde_json::{Map, Value, json};

use super::certificate::Thumbprint;

/// What a token is bound to. Nothing: whoever bears it may use it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Binding {
    /// `x5t#S256`: the certificate of the connection (RFC 8705 §3.1).
    pub certificate: Option<Thumbprint>,
    /// `jkt`: the key of DPoP proofs, by its thumbprint (RFC 9449 §6.1).
    pub key: Option<Digest>,
}

impl Binding {
    /// `cnf`
    #[must_use]
    pub fn confirmation(self) -> Option<Value> {
        let members = [
            self.certificate.map(|certificate| ("x5t#S256".to_owned(), json!(certificate))),
            self.key.map(|key| ("jkt".to_owned(), json!(key))),
        ];
        let members: Map<String, Value> = members.into_iter().flatten().collect();
        (!members.is_empty()).then(|| members.into())
    }

    /// `token_type` of an access token (RFC 6750 §4, RFC 9449 §5).
    #[must_use]
    pub const fn token_type(self) -> &'static str {
        if self.key.is_some() { "DPoP" } else { "Bearer" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_confirmation_names_all_that_must_be_shown_and_is_absent_without() {
        assert_eq!(Binding::default().confirmation(), None);
        let key = Digest::of(b"key");
        let bound = Binding { certificate: None, key: Some(key) };
        assert_eq!(bound.confirmation(), Some(json!({ "jkt": key })));
        assert_eq!((bound.token_type(), Binding::default().token_type()), ("DPoP", "Bearer"));
    }
}
