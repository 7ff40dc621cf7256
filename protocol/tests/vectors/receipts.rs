//! What receipts prove, and why others prove nothing.

use protocol::crypto::p256::VerifyingKey;
use protocol::receipt::{Approval, Expected, PublishedKeys, ReceiptError, verify};
use serde::Deserialize;

use super::read;

#[derive(Deserialize)]
struct Vectors {
    keys: PublishedKeys,
    issuer: String,
    client: String,
    auth_req_id: String,
    now: i64,
    cases: Vec<Case>,
}

/// One approval; what the relying party knows by itself, where it is not as in all others.
#[derive(Deserialize)]
struct Case {
    name: String,
    reason: Option<String>,
    approval: Approval,
    keys: Option<PublishedKeys>,
    issuer: Option<String>,
    client: Option<String>,
    auth_req_id: Option<String>,
    now: Option<i64>,
}

#[test]
fn receipts_prove_what_the_vectors_say_and_nothing_else() {
    let vectors: Vectors = read("receipts.json");
    assert!(vectors.cases.len() > 40);
    for case in &vectors.cases {
        let expected = Expected {
            issuer: case.issuer.as_ref().unwrap_or(&vectors.issuer),
            client: case.client.as_ref().unwrap_or(&vectors.client),
            auth_req_id: case.auth_req_id.as_ref().unwrap_or(&vectors.auth_req_id),
            now: case.now.unwrap_or(vectors.now),
        };
        let keys = case.keys.as_ref().unwrap_or(&vectors.keys);
        let refused = verify(&case.approval, &expected, keys, VerifyingKey::new).err();
        let reason = refused.as_ref().map(ReceiptError::reason);
        assert_eq!(reason, case.reason.as_deref(), "{}", case.name);
    }
}
