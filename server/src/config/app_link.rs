//! `[app]`: the app that the links of notifications open.

use url::Url;

use super::read::Section;
use crate::http::app_link::AppLink;

/// A SHA-256 fingerprint: 32 bytes in hex, a colon between two.
const FINGERPRINT: usize = 32 * 3 - 1;

/// What is set; what is wrong is noted.
pub(super) fn app_link(mut section: Section) -> AppLink {
    let name = section.text("name");
    let android_package = section.text("android_package");
    let android_certificates = section.texts("android_certificates");
    let apple_app_ids = section.texts("apple_app_ids");
    if !android_certificates.iter().all(|print| is_fingerprint(print)) {
        section.complain(
            "android_certificates",
            "must be SHA-256 fingerprints: 32 bytes in hex, with colons, such as AB:CD:…",
        );
    }
    if android_package.is_some() == android_certificates.is_empty() {
        section.complain("android_package", "and android_certificates go together");
    }
    if !apple_app_ids
        .iter()
        .all(|id| id.split_once('.').is_some_and(|(team, bundle)| team.len() == 10 && !bundle.is_empty()))
    {
        section.complain(
            "apple_app_ids",
            "must be the team's id, a dot and the bundle id, such as DEF123GHIJ.com.example.app",
        );
    }
    let stores = [("Get it on Google Play", "android_store"), ("Get it in the App Store", "apple_store")];
    let stores = stores.into_iter().filter_map(|(label, name)| Some((label, store(&mut section, name)?))).collect();
    AppLink { name, android_package, android_certificates, apple_app_ids, stores }
}

fn store(section: &mut Section, name: &str) -> Option<Url> {
    let text = section.text(name)?;
    let url = Url::parse(&text).ok().filter(|url| url.scheme() == "https");
    if url.is_none() {
        section.complain(name, "must be an https URL");
    }
    url
}

fn is_fingerprint(text: &str) -> bool {
    let is_right = |(place, byte): (usize, u8)| {
        if place % 3 == 2 { byte == b':' } else { byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte) }
    };
    text.len() == FINGERPRINT && text.bytes().enumerate().all(is_right)
}

#[cfg(test)]
mod tests {
    use super::is_fingerprint;

    #[test]
    fn a_fingerprint_is_32_bytes_in_upper_case_with_colons() {
        let print = ["AB"; 32].join(":");
        assert!(is_fingerprint(&print));
        for wrong in [&print[3..], &print.to_lowercase(), &print.replace(':', ""), &format!("{print}:AB"), ""] {
            assert!(!is_fingerprint(wrong), "{wrong}");
        }
    }
}
