//! `[attestation.android]` and `[attestation.apple]`: what is believed of phones' platforms. The roots and the list of revoked
//! certificates are the operator's files, read at each start.

use std::path::Path;

use protocol::Digest;

use super::read::Section;
use crate::attestation::Trust;
use crate::attestation::android::{self, App, Boot};
use crate::attestation::apple::{self, Environment};
use crate::attestation::revoked::Revoked;
use crate::certificates::TrustAnchors;

const ROOTS: &str = "roots";
const APPS: &str = "apps";
const REVOKED: &str = "revoked";

/// What is believed; what is wrong is noted.
pub(super) fn attestation(mut section: Section, base: &Path) -> Trust {
    Trust { android: android(section.section("android"), base), apple: apple(section.section("apple"), base) }
}

fn android(mut section: Section, base: &Path) -> Option<android::Trust> {
    if section.is_empty() {
        return None;
    }
    let roots = roots(&mut section, base);
    let apps = apps(&mut section, |apps, text| {
        let (package, digest) = android_app(text)?;
        match apps.iter_mut().find(|app: &&mut App| app.package == package) {
            Some(app) => app.digests.push(digest),
            None => apps.push(App { package: package.to_owned(), digests: vec![digest] }),
        }
        Some(())
    });
    let revoked = revoked(&mut section, base);
    let boot = if section.word("boot") == Some("any") { Boot::Any } else { Boot::Verified };
    Some(android::Trust { roots: roots?, apps: apps?, revoked: revoked?, boot })
}

fn apple(mut section: Section, base: &Path) -> Option<apple::Trust> {
    if section.is_empty() {
        return None;
    }
    let roots = roots(&mut section, base);
    let apps = apps(&mut section, |apps, text| {
        apps.push(apple_app(text)?.to_owned());
        Some(())
    });
    let development = section.word("environment") == Some("development");
    let environment = if development { Environment::Development } else { Environment::Production };
    Some(apple::Trust { roots: roots?, apps: apps?, environment })
}

fn roots(section: &mut Section, base: &Path) -> Option<TrustAnchors> {
    if !section.has(ROOTS) {
        section.complain(ROOTS, "is missing: without roots nothing is believed");
        return None;
    }
    let mut all = Vec::new();
    for file in section.texts(ROOTS) {
        let path = base.join(file);
        let read = std::fs::read(&path).map_err(|error| error.to_string());
        // Each by itself first, so that the complaint names the file that is wrong.
        match read.and_then(|pem| TrustAnchors::from_pem(&pem).map(|_| pem).map_err(|why| why.to_string())) {
            Ok(pem) => all.extend([&pem[..], b"\n"].concat()),
            Err(why) => {
                section.complain(ROOTS, format_args!("{}: {why}", path.display()));
                return None;
            }
        }
    }
    TrustAnchors::from_pem(&all).map_err(|_| section.complain(ROOTS, "names no file")).ok()
}

fn apps<T>(section: &mut Section, mut add: impl FnMut(&mut Vec<T>, &str) -> Option<()>) -> Option<Vec<T>> {
    if !section.has(APPS) {
        section.complain(APPS, "is missing: without them anybody's app would do");
        return None;
    }
    let mut apps = Vec::new();
    for text in section.texts(APPS) {
        if add(&mut apps, &text).is_none() {
            section.complain(APPS, format_args!("{text:?} is no app; see the form in docs/configuration.md"));
            return None;
        }
    }
    if apps.is_empty() {
        section.complain(APPS, "names no app");
        return None;
    }
    Some(apps)
}

/// A package name and SHA-256 of the signer's certificate, in hexadecimal, with or without colons as the tools print it.
fn android_app(text: &str) -> Option<(&str, Digest)> {
    let (package, digest) = text.split_once(' ')?;
    let is_package =
        package.contains('.') && package.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._".contains(&byte));
    let digits: Vec<u8> = digest.trim().bytes().filter(|byte| *byte != b':').collect();
    let bytes = digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    let bytes: [u8; 32] = bytes.collect::<Option<Vec<_>>>()?.try_into().ok()?;
    (is_package && digits.len() == 64 && digits.iter().all(u8::is_ascii_hexdigit))
        .then(|| (package, Digest::from_bytes(bytes)))
}

/// Ten characters of team id, a dot, the bundle id.
fn apple_app(text: &str) -> Option<&str> {
    let (team, bundle) = text.split_once('.')?;
    let is_team = team.len() == 10 && team.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let is_bundle =
        !bundle.is_empty() && bundle.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    (is_team && is_bundle).then_some(text)
}

/// `None` only where a problem was noted.
fn revoked(section: &mut Section, base: &Path) -> Option<Revoked> {
    if !section.has(REVOKED) {
        return Some(Revoked::default());
    }
    let path = base.join(section.text(REVOKED)?);
    let list = std::fs::read(&path).map_err(|error| error.to_string());
    let list = list.and_then(|text| Revoked::parse(&text).map_err(|why| why.to_string()));
    list.map_err(|why| section.complain(REVOKED, format_args!("{}: {why}", path.display()))).ok()
}
