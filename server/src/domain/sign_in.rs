//! Where a realm's users sign in to enrol a phone by themselves.

use super::secret::Secret;

/// An OpenID provider, and our registration there.
#[derive(Debug, Clone)]
pub struct SignIn {
    /// Its issuer.
    pub issuer: String,
    /// Who we are there.
    pub client_id: String,
    /// How we prove it; without one, PKCE alone protects the code.
    pub client_secret: Option<Secret>,
    /// Which claim of its ID tokens is the subject here.
    pub subject_claim: String,
    /// One `acr` of which a user must have signed in by who had phones and has none left; any will do if there is none.
    pub recovery_acr: Vec<String>,
}
