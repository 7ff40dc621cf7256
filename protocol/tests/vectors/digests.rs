//! Hashes that are not part of a JWS.

use protocol::digest::{attestation_challenge, check_digits, nonce_commitment, request_digest};
use protocol::display::{Line, display_digest};
use protocol::messages::Offer;
use protocol::{Digest, Jwk, Jws, Nonce, TicketCode};
use serde::Deserialize;

use super::read;

#[derive(Deserialize)]
struct Vectors {
    request: Request,
    nonce_commitment: Commitment,
    attestation_challenge: Challenge,
    check_digits: Vec<CheckDigits>,
    ticket_hash: TicketHash,
    display: Vec<Display>,
    jws: JwsDigest,
}

#[derive(Deserialize)]
struct Request {
    auth_req_id: String,
    digest: Digest,
}

#[derive(Deserialize)]
struct Commitment {
    nonce: Nonce,
    digest: Digest,
}

#[derive(Deserialize)]
struct Challenge {
    offer: Digest,
    digest: Digest,
}

#[derive(Deserialize)]
struct CheckDigits {
    offer: Digest,
    finish: Digest,
    nonce: Nonce,
    digits: String,
}

#[derive(Deserialize)]
struct TicketHash {
    root: Digest,
    code: TicketCode,
    expires_at: i64,
    digest: Digest,
}

#[derive(Deserialize)]
struct Display {
    lines: Vec<Line>,
    digest: Digest,
}

#[derive(Deserialize)]
struct JwsDigest {
    jws: Jws,
    digest: Digest,
}

#[test]
fn labelled_hashes_match_the_vectors() {
    let vectors: Vectors = read("digests.json");
    assert_eq!(request_digest(&vectors.request.auth_req_id), vectors.request.digest);
    assert_eq!(nonce_commitment(&vectors.nonce_commitment.nonce), vectors.nonce_commitment.digest);
    assert_eq!(attestation_challenge(&vectors.attestation_challenge.offer), vectors.attestation_challenge.digest);
    let ticket = vectors.ticket_hash;
    assert_eq!(Offer::ticket_hash(&ticket.root, &ticket.code, ticket.expires_at), ticket.digest);
    assert_eq!(vectors.jws.jws.digest(), vectors.jws.digest);
    for Display { lines, digest } in vectors.display {
        assert_eq!(display_digest(&lines), digest, "{lines:?}");
    }
}

#[test]
fn check_digits_are_six_with_leading_zeros() {
    let vectors: Vectors = read("digests.json");
    for CheckDigits { offer, finish, nonce, digits } in &vectors.check_digits {
        assert_eq!(&check_digits(offer, finish, nonce), digits);
        assert_ne!(&check_digits(finish, offer, nonce), digits, "the two ends' hashes are not exchangeable");
        assert_eq!(digits.len(), 6);
    }
    assert!(vectors.check_digits.iter().any(|case| case.digits.starts_with("00")));
}

/// RFC 7638 §3.1 hashes an RSA key, which we have none of; RFC 9449 §4.1 shows a key on P-256 and its thumbprint.
#[test]
fn the_thumbprint_of_rfc_9449_is_ours() {
    let jwk: Jwk = serde_json::from_str(
        r#"{"kty":"EC","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA","crv":"P-256"}"#,
    )
    .expect("the key of RFC 9449");
    assert_eq!(jwk.thumbprint().to_string(), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
}
