//! `assent verify-receipt` as whoever keeps a receipt meets it: a process, two files, and no server.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test, as it should")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

fn vectors() -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/device-protocol/vectors/receipts.json");
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

/// The receipt that the vectors have under this name.
fn approval<'a>(vectors: &'a Value, name: &str) -> &'a Value {
    let case = vectors["cases"].as_array().unwrap().iter().find(|case| case["name"] == name);
    &case.unwrap_or_else(|| panic!("no case is called {name}"))["approval"]
}

/// Verifies what is in a file, as this client.
fn verify(vectors: &Value, client: &str, kept: &Value) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let (keys, receipt) = (directory.path().join("keys.json"), directory.path().join("receipt.json"));
    fs::write(&keys, vectors["keys"].to_string()).unwrap();
    fs::write(&receipt, kept.to_string()).unwrap();
    let text = |name: &str| vectors[name].as_str().unwrap().to_owned();
    Command::new(env!("CARGO_BIN_EXE_assent"))
        .args(["verify-receipt", "--issuer", &text("issuer"), "--client-id", client])
        .args(["--auth-req-id", &text("auth_req_id")])
        .arg("--keys")
        .arg(keys)
        .arg(receipt)
        .output()
        .unwrap()
}

#[test]
fn a_receipt_says_who_approved_and_every_line_that_was_shown() {
    let vectors = vectors();
    let approval = approval(&vectors, "as it is");
    let tokens = json!({ "access_token": "kept with it", "approval_receipt": approval });
    for kept in [approval, &tokens] {
        let found = verify(&vectors, "shop", kept);
        let said = String::from_utf8(found.stdout).unwrap();
        assert!(found.status.success(), "{said}{}", String::from_utf8_lossy(&found.stderr));
        for line in ["approved, received at", "signed by the phone's verified key", "shown: Empfänger: Merchant A"] {
            assert!(said.contains(line), "{line} is not in\n{said}");
        }
    }
}

#[test]
fn a_receipt_proves_nothing_to_another_client_nor_after_a_change() {
    let vectors = vectors();
    let honest = approval(&vectors, "as it is");
    let mut changed = honest.clone();
    let text = changed["receipt"].as_str().unwrap();
    let last = if text.ends_with('A') { 'B' } else { 'A' };
    changed["receipt"] = Value::from(format!("{}{last}", &text[..text.len() - 1]));
    for (client, kept) in [("another", honest), ("shop", &changed)] {
        let found = verify(&vectors, client, kept);
        assert_eq!(found.status.code(), Some(1), "{client}");
        assert!(found.stdout.is_empty(), "nothing is said of what is not proven");
        assert!(String::from_utf8(found.stderr).unwrap().contains("the receipt proves nothing"));
    }
    let no_receipt = verify(&vectors, "shop", &json!({ "access_token": "x" }));
    assert_eq!(no_receipt.status.code(), Some(1));
    assert!(String::from_utf8(no_receipt.stderr).unwrap().contains("is not a token response with an approval_receipt"));
}
