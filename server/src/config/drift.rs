//! Where the file and the store differ. The store's record holds; the file only seeded it.

use serde_json::{Map, Value};

use crate::domain::realm::Realm;

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
