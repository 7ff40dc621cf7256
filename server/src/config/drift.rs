//! Where the file and the store differ. The store's record holds; the file only seeded it.

use serde_json::{Map, Value};

use crate::domain::names::{ClientId, RealmId};
use crate::domain::realm::Realm;
use crate::flow::register::seed::Drift;

/// One line for each difference; none when the file would seed exactly what is stored.
#[must_use]
pub fn between(file: &[Realm], stored: &[Realm]) -> Vec<String> {
    let mut lines = Vec::new();
    for realm in file {
        match stored.iter().find(|stored| stored.id == realm.id) {
            Some(stored) => compare(&format!("realm {}", realm.id), &record(realm), &record(stored), &mut lines),
            None => lines.push(format!("realm {} is in the file only; the next start creates it", realm.id)),
        }
    }
    for realm in stored.iter().filter(|stored| file.iter().all(|realm| realm.id != stored.id)) {
        lines.push(format!("realm {} is in the store only; it is served all the same", realm.id));
    }
    lines
}

/// The same for one client of the file.
#[must_use]
pub fn of_client(realm: &RealmId, id: &ClientId, drifts: &[Drift]) -> Vec<String> {
    let path = format!("realm {realm}: client {id}");
    let mut lines = Vec::new();
    for drift in drifts {
        match drift {
            Drift::Missing => lines.push(format!("{path} is in the file only; the next start registers it")),
            Drift::Removed => lines.push(format!("{path} was removed; its id is never used again")),
            Drift::Metadata(file, stored) => {
                compare(&path, file, stored, &mut lines);
                // What has no value in the file's version.
                let more = stored.iter().filter(|(name, _)| !file.contains_key(*name));
                lines.extend(more.map(|(name, theirs)| {
                    format!("{path}: {name} is not in the file and {theirs} in the store, which holds")
                }));
            }
            Drift::Secret => {
                lines.push(format!("{path}: its secret in the store, which holds, is not that of the file"));
            }
        }
    }
    lines
}

fn compare(path: &str, file: &Map<String, Value>, stored: &Map<String, Value>, lines: &mut Vec<String>) {
    for (name, ours) in file {
        match (ours, stored.get(name).unwrap_or(&Value::Null)) {
            (Value::Object(ours), Value::Object(theirs)) => compare(&format!("{path}: {name}"), ours, theirs, lines),
            (ours, theirs) if ours != theirs => {
                lines.push(format!("{path}: {name} is {ours} in the file and {theirs} in the store, which holds"));
            }
            _ => {}
        }
    }
}

fn record(realm: &Realm) -> Map<String, Value> {
    match serde_json::to_value(realm) {
        Ok(Value::Object(record)) => record,
        _ => unreachable!("a realm is a record"),
    }
}
