//! `assent check-config`: what is wrong with the settings, and where they differ from what is stored.

use std::path::Path;

use super::system::SystemClock;
use super::{AppError, doors, open_store};
use crate::config::{Config, Environment, drift};
use crate::domain::time::Clock as _;
use crate::keys::KeyFile;
use crate::store::embedded::OpenError;

/// Checks the settings and every file they name; one line for each remark. A store that does not exist yet is not made.
pub async fn check(path: &Path, environment: &Environment) -> Result<Vec<String>, AppError> {
    let config = Config::load(path, environment)?;
    let mut remarks = of_certificates(&config);
    let Config { store, key_file, wrapping_key, realms, .. } = config;
    let keys = KeyFile::open(&key_file, wrapping_key).map_err(AppError::Keys)?;
    if !store.directory.exists() {
        return Ok(remarks);
    }
    let opened = match open_store(&store).await {
        Err(AppError::Store(OpenError::InUse)) => {
            remarks.push("the store is in use by a running server: not compared with it".to_owned());
            return Ok(remarks);
        }
        opened => opened?,
    };
    let stored: Vec<_> = opened.realms().await?.into_iter().map(|realm| realm.record).collect();
    if let Some(realm) = stored.iter().find(|realm| !keys.holds(&realm.id)) {
        return Err(AppError::Keys(crate::keys::KeysError::UnknownRealm(realm.id.clone())));
    }
    remarks.extend(drift::between(&realms, &stored));
    Ok(remarks)
}

/// Those that have ended or soon will.
fn of_certificates(config: &Config) -> Vec<String> {
    let mtls = config.mtls.as_ref().and_then(|mtls| mtls.listener.as_ref()).map(|(_, tls)| tls);
    let shown =
        [("public.tls", config.public.tls.as_ref()), ("admin.tls", config.admin.tls.as_ref()), ("mtls.tls", mtls)];
    let loaded = shown.into_iter().filter_map(|(setting, tls)| Some((setting, tls?.load().ok()?)));
    let mut remarks: Vec<_> =
        loaded.filter_map(|(setting, certificate)| doors::remark(setting, &certificate, &SystemClock)).collect();
    let soon = SystemClock.now().plus_seconds(doors::SOON);
    for (realm, anchors) in &config.trust_anchors {
        if anchors.ends().any(|end| end < soon) {
            remarks.push(format!("realm {realm}: an authority of client_trust_anchors ends within 14 days, or has"));
        }
    }
    remarks
}
