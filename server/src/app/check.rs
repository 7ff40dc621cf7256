//! `assent check-config`: what is wrong with the settings, and where they differ from what is stored.

use std::path::Path;
use std::sync::Arc;

use super::system::SystemClock;
use super::{AppError, clients, doors, open_embedded};
use crate::config::{Config, Environment, Offered, StoreKind, drift};
use crate::domain::time::Clock;
use crate::keys::KeyFile;
use crate::outbound::channels::Channels;
use crate::outbound::client::{Client, Limits};
use crate::store::Store;
use crate::store::embedded::OpenError;
use crate::store::postgres::{PostgresStore, is_private};

/// Checks the settings and every file they name; one line for each remark. A store that does not exist yet is not made,
/// and an older one not brought up to date.
pub async fn check(path: &Path, environment: &Environment) -> Result<Vec<String>, AppError> {
    let config = Config::load(path, environment)?;
    let mut remarks = of_certificates(&config);
    let Config { store, key_file, wrapping_key, push, outbound, realms, clients: seeds, trust_anchors, mtls, .. } =
        config;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let _opens = Channels::new(push, &Client::new(Limits::default(), &outbound.reach)?, &clock)?;
    let keys = KeyFile::open(&key_file, wrapping_key).map_err(AppError::Keys)?;
    let Some(opened) = existing(&store.kind, &mut remarks).await? else {
        return Ok(remarks);
    };
    let stored: Vec<_> = opened.realms().await?.into_iter().map(|realm| realm.record).collect();
    let offered = Offered { trust_anchors: &trust_anchors, outbound: &outbound, mutual_tls: mtls.is_some() };
    let of_clients = clients::remarks(&*opened, &seeds, &stored, &offered).await;
    opened.close().await;
    for realm in &stored {
        let ours = keys.fingerprint(&realm.id).map_err(AppError::Keys)?;
        if realm.keys.is_some_and(|theirs| theirs != ours) {
            return Err(AppError::OtherKeys(realm.id.clone()));
        }
    }
    remarks.extend(drift::between(&realms, &stored));
    remarks.extend(of_clients?);
    Ok(remarks)
}

/// The store, if it is there and can be looked into.
async fn existing(kind: &StoreKind, remarks: &mut Vec<String>) -> Result<Option<Arc<dyn Store>>, AppError> {
    match kind {
        StoreKind::Embedded(settings) if !settings.directory.exists() => Ok(None),
        StoreKind::Embedded(settings) => match open_embedded(settings).await {
            Err(AppError::Store(OpenError::InUse)) => {
                remarks.push("the store is in use by a running server: not compared with it".to_owned());
                Ok(None)
            }
            opened => opened.map(Some),
        },
        StoreKind::Postgres(options) => {
            if !is_private(&options.url)? {
                remarks.push(
                    "store.url: whoever is on the way to the database can read and change everything: add \
                     sslmode=verify-full"
                        .to_owned(),
                );
            }
            Ok(PostgresStore::open_existing(options).await?.map(|store| Arc::new(store) as Arc<dyn Store>))
        }
    }
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
    for (realm, trust) in &config.attestation {
        let roots = [
            ("android", trust.android.as_ref().map(|android| &android.roots)),
            ("apple", trust.apple.as_ref().map(|apple| &apple.roots)),
        ];
        for (platform, roots) in roots.into_iter().filter_map(|(platform, roots)| Some((platform, roots?))) {
            if roots.ends().any(|end| end < soon) {
                remarks.push(format!("realm {realm}: a root of attestation.{platform} ends within 14 days, or has"));
            }
        }
    }
    remarks
}
