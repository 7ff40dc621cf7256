//! `[enrolment.sign_in]`: where users sign in to enrol phones by themselves.

use std::path::Path;

use url::Url;

use super::read::Section;
use crate::domain::sign_in::SignIn;
use crate::outbound::endpoint::Endpoint;

const SECRET: [&str; 2] = ["client_secret", "client_secret_file"];

/// The login of the realm whose table this is; what is wrong with it is noted.
pub(super) fn sign_in(realm: &mut Section, base: &Path) -> Option<SignIn> {
    let mut section = realm.section("enrolment").section("sign_in");
    if section.is_empty() {
        return None;
    }
    let issuer = section.text("issuer");
    if let Some(why) = issuer.as_deref().and_then(|issuer| check(issuer).err()) {
        section.complain("issuer", why);
    }
    let client_id = section.text("client_id");
    let [as_text, in_file] = SECRET;
    let has_secret = section.has(as_text) || section.has(in_file);
    let secret = has_secret.then(|| super::secret(&mut section, base, as_text, in_file)).flatten();
    let subject_claim = section.text("subject_claim").unwrap_or_else(|| "sub".to_owned());
    let recovery_acr = section.texts("recovery_acr");
    if recovery_acr.iter().any(|acr| acr.is_empty() || !acr.bytes().all(|byte| byte.is_ascii_graphic())) {
        section.complain("recovery_acr", "must be printable ASCII, without blanks");
    }
    Some(SignIn {
        issuer: issuer?,
        client_id: client_id?,
        client_secret: secret.map(|(_, secret)| secret),
        subject_claim,
        recovery_acr,
    })
}

fn check(issuer: &str) -> Result<(), String> {
    let url = Url::parse(issuer).map_err(|_| "is not a URL".to_owned())?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must have no query and no fragment".to_owned());
    }
    Endpoint::operator(url).map(|_| ()).map_err(|why| why.to_string())
}
