//! `assent keys`: the keys that sign for phones, and the root that vouches for them, here or elsewhere.

use std::io;
use std::path::Path;

use protocol::Digest;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::AppError;
use super::keys::{Which, date, of_which, open};
use super::system::SystemClock;
use crate::config::Environment;
use crate::domain::names::RealmId;
use crate::domain::time::{Clock as _, Timestamp};
use crate::keys::{
    DeviceKeys, DeviceRotation, KeyFile, KeysError, ListAnswer, ListRequest, OfflineRoot, Terms, secret_file,
};

/// A new device signing key, which signs at once, where the root is in the key file. One line for each key then.
pub fn rotate_device_keys(
    config: &Path,
    environment: &Environment,
    realm: Option<String>,
    rotation: DeviceRotation,
) -> Result<Vec<String>, AppError> {
    let mut file = open(config, environment)?;
    let mut lines = Vec::new();
    for realm in of_which(&file, &Which { realm, algorithm: None }) {
        file.rotate_device(&realm, rotation, &SystemClock).map_err(AppError::Keys)?;
        lines.extend(describe(&file, &realm)?);
    }
    Ok(lines)
}

/// Writes what a device root that is kept elsewhere is to sign.
pub fn request_device_list(
    config: &Path,
    environment: &Environment,
    realm: &str,
    leaked: bool,
    output: &Path,
) -> Result<Vec<String>, AppError> {
    let (mut file, realm) = (open(config, environment)?, RealmId::new(realm));
    let request = file.list_request(&realm, leaked).map_err(AppError::Keys)?;
    write_new(output, &request)?;
    Ok(said_of(&request))
}

/// What is signed, by what, and where to.
pub struct Signing<'a> {
    /// The file of the root that signs; made if it is not there.
    pub root: &'a Path,
    /// The file of the root before, where that is another one and is kept elsewhere too.
    pub old_root: Option<&'a Path>,
    /// The request.
    pub request: &'a Path,
    /// Where the signed list goes: nothing is there yet.
    pub output: &'a Path,
    /// What the root's keeper decides.
    pub terms: Terms,
}

/// Signs what was requested, on the machine where the root is: needs no settings, no store and no network.
pub fn sign_device_list(signing: &Signing<'_>) -> Result<Vec<String>, AppError> {
    let Signing { root, old_root, request, output, ref terms } = *signing;
    let request: ListRequest = read_json(request)?;
    let before = old_root.map(OfflineRoot::read).transpose().map_err(AppError::Keys)?;
    // A new root can only take over from one that vouches for it.
    let hands_over = request.held || before.is_some();
    let root = if hands_over && !root.exists() { OfflineRoot::create(root) } else { OfflineRoot::read(root) };
    let root = root.map_err(AppError::Keys)?;
    let answer = root.answer(&request, before.as_ref(), terms, SystemClock.now()).map_err(AppError::Keys)?;
    write_new(output, &answer)?;
    let mut lines = said_of(&request);
    let list = answer.read().map_err(AppError::Keys)?;
    lines.push(format!("signed by root {}: list {}", root.thumbprint(), list.sequence));
    let until = |at: i64| date(Timestamp::from_unix_seconds(at));
    lines.extend(list.keys.iter().map(|key| format!("key {} until {}", key.jwk.thumbprint(), until(key.not_after))));
    lines.extend(list.revoked.iter().map(|kid| format!("revoked {kid}")));
    Ok(lines)
}

/// Takes in what a root signed. Servers that run notice by themselves. One line for each key then.
pub fn install_device_list(
    config: &Path,
    environment: &Environment,
    realm: &str,
    list: &Path,
) -> Result<Vec<String>, AppError> {
    let (mut file, realm) = (open(config, environment)?, RealmId::new(realm));
    let answer: ListAnswer = read_json(list)?;
    file.install_list(&realm, &answer, &SystemClock).map_err(AppError::Keys)?;
    describe(&file, &realm)
}

/// One line for the list and one for each key of it.
pub(super) fn describe(file: &KeyFile, realm: &RealmId) -> Result<Vec<String>, AppError> {
    let keys = file.device_keys(realm, SystemClock.now()).map_err(AppError::Keys)?;
    let DeviceKeys { root, held, sequence, listed, waiting, revoked } = keys;
    let place = if held { "here" } else { "kept elsewhere" };
    let mut lines = vec![format!("{realm} device root {root} {place}: list {sequence}")];
    for key in listed {
        let does = match (key.signs, key.held) {
            (true, _) => "signs",
            (false, true) => "signed",
            (false, false) => "not here",
        };
        lines.push(format!("{realm} device {} {does}, until {}", key.kid, date(key.not_after)));
    }
    lines.extend(waiting.iter().map(|kid| format!("{realm} device {kid} waits for its root")));
    lines.extend(revoked.iter().map(|kid| format!("{realm} device {kid} revoked")));
    Ok(lines)
}

/// For the eyes of two people, who compare it at both ends.
fn said_of(request: &ListRequest) -> Vec<String> {
    let thumbprints = |what: &str, kids: Vec<Digest>| -> Vec<String> {
        kids.into_iter().map(|kid| format!("{what} {kid}")).collect()
    };
    let mut lines = vec![format!("realm {} of {}, root {}", request.realm, request.issuer, request.root.thumbprint())];
    lines.extend(thumbprints("add", request.add.iter().map(protocol::Jwk::thumbprint).collect()));
    lines.extend(thumbprints("revoke", request.revoke.clone()));
    lines
}

fn write_new(path: &Path, what: &impl Serialize) -> Result<(), AppError> {
    let text = serde_json::to_string_pretty(what).expect("strings and numbers are JSON") + "\n";
    secret_file::create(path, &text).map_err(AppError::Keys)
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, AppError> {
    let failed = |source: io::Error| AppError::Keys(KeysError::Io { path: path.to_owned(), source });
    let text = std::fs::read_to_string(path).map_err(failed)?;
    serde_json::from_str(&text)
        .map_err(|_| AppError::Keys(KeysError::BadList("is not in the form that is wanted here")))
}
