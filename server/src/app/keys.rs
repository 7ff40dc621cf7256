//! `assent keys`: what signs, and what will.

use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use super::system::SystemClock;
use super::{AppError, device_keys, open_store, realms};
use crate::config::{Config, Environment};
use crate::domain::algorithm::Algorithm;
use crate::domain::names::RealmId;
use crate::domain::time::{Clock as _, Timestamp};
use crate::keys::{KeyFile, Listed, Phase, Rotation};

/// Which keys, of all realms and algorithms unless one is named.
#[derive(Debug, Clone, Default)]
pub struct Which {
    /// Of one realm.
    pub realm: Option<String>,
    /// Of one algorithm.
    pub algorithm: Option<Algorithm>,
}

/// One line for each key.
pub fn list_keys(config: &Path, environment: &Environment, which: &Which) -> Result<Vec<String>, AppError> {
    let file = open(config, environment)?;
    let mut lines = Vec::new();
    for realm in of_which(&file, which) {
        lines.extend(describe(&file, &realm, which.algorithm)?);
        if which.algorithm.is_none() {
            lines.extend(device_keys::describe(&file, &realm)?);
        }
    }
    Ok(lines)
}

/// Brings the next keys on their way. Servers that run notice by themselves. One line for each key of what was rotated.
pub fn rotate_keys(
    config: &Path,
    environment: &Environment,
    which: &Which,
    rotation: Rotation,
) -> Result<Vec<String>, AppError> {
    let mut file = open(config, environment)?;
    let mut lines = Vec::new();
    for realm in of_which(&file, which) {
        let rotated = file.rotate(&realm, which.algorithm, rotation, &SystemClock).map_err(AppError::Keys)?;
        if rotated.is_empty() {
            lines.push(format!("{realm}: the next keys are on their way already; --now lets them sign at once"));
        }
        lines.extend(describe(&file, &realm, which.algorithm)?);
    }
    Ok(lines)
}

/// Makes the key file the one of its store, after the one before was lost. One line for each realm.
pub async fn adopt_keys(config: &Path, environment: &Environment) -> Result<Vec<String>, AppError> {
    let Config { key_file, wrapping_key, store, .. } = Config::load(config, environment)?;
    let keys = KeyFile::open(&key_file, wrapping_key).map_err(AppError::Keys)?;
    let store = open_store(&store).await?;
    let adopted = realms::adopt(&*store, &keys).await;
    store.close().await;
    Ok(adopted?
        .iter()
        .map(|realm| format!("{realm}: these are its keys from now on; its phones must enrol again"))
        .collect())
}

pub(super) fn open(config: &Path, environment: &Environment) -> Result<KeyFile, AppError> {
    let Config { key_file, wrapping_key, .. } = Config::load(config, environment)?;
    KeyFile::open(&key_file, wrapping_key).map_err(AppError::Keys)
}

/// A realm that the file does not hold is refused when it is looked for.
pub(super) fn of_which(file: &KeyFile, which: &Which) -> Vec<RealmId> {
    which.realm.as_ref().map_or_else(|| file.realms().cloned().collect(), |realm| vec![RealmId::new(realm)])
}

fn describe(file: &KeyFile, realm: &RealmId, algorithm: Option<Algorithm>) -> Result<Vec<String>, AppError> {
    let listed = file.list(realm, SystemClock.now()).map_err(AppError::Keys)?;
    let wanted = listed.iter().filter(|key| algorithm.is_none_or(|algorithm| key.algorithm == algorithm));
    Ok(wanted.map(|key| format!("{realm} {}", line(key))).collect())
}

fn line(Listed { algorithm, kid, created, phase }: &Listed) -> String {
    let phase = match phase {
        Phase::Next(from) => format!("next, signs from {}", date(*from)),
        Phase::Signing(since) => format!("signing since {}", date(*since)),
        Phase::Published(until) => format!("published until {}", date(*until)),
        Phase::Known(until) => format!("known until {}", date(*until)),
    };
    format!("{algorithm} {kid} made {}: {phase}", date(*created))
}

pub(super) fn date(at: Timestamp) -> String {
    let seconds = u64::try_from(at.unix_seconds()).unwrap_or_default();
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds))
}
