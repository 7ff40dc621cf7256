//! What stands in `data` of platform attestation, and what attestation is made over (`DEVICE_PROTOCOL` "Enrolment" 5).
//!
//! Android key attestation makes one chain for each of the keys `device` and `verified`; `sealing` is not attested: whoever
//! had it could read pushes, not answer them. `data` is, for `device` and then for `verified`, the number of certificates in
//! one byte, and each of them as its length in two bytes, the most significant first, and its DER, leaf first. The root is
//! left out, because the server has its own. A `verified` chain of one certificate was issued by the authorities of the
//! `device` chain, so that the common case sends them once: a message holds 16 KiB.
//!
//! Apple App Attest is one CBOR object, as the platform gives it, made over [`client_data_hash`].

use crate::messages::{Evidence, EvidenceFormat, Finish};
use crate::{Digest, json};

/// A chain has at most this many certificates.
pub const MOST_CERTIFICATES: usize = 8;

/// The two chains of Android key attestation, each DER, leaf first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AndroidKey {
    /// Of the `device` key.
    pub device: Vec<Vec<u8>>,
    /// Of the `verified` key.
    pub verified: Vec<Vec<u8>>,
}

impl AndroidKey {
    /// The bytes of `data`. `None` where a chain is empty or longer than [`MOST_CERTIFICATES`], or a certificate has more
    /// than 65,535 bytes.
    #[must_use]
    pub fn encode(&self) -> Option<Vec<u8>> {
        let same_issuers = self.device.get(1..)? == self.verified.get(1..)?;
        let verified = if same_issuers { self.verified.get(..1)? } else { &self.verified };
        let mut bytes = Vec::new();
        for chain in [&*self.device, verified] {
            let count = u8::try_from(chain.len()).ok().filter(|_| (1..=MOST_CERTIFICATES).contains(&chain.len()))?;
            bytes.push(count);
            for certificate in chain {
                bytes.extend(u16::try_from(certificate.len()).ok()?.to_be_bytes());
                bytes.extend(certificate);
            }
        }
        Some(bytes)
    }

    /// Reads them again; `None` for anything that is not exactly that.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (device, rest) = chain(bytes)?;
        let (mut verified, rest) = chain(rest)?;
        if !rest.is_empty() {
            return None;
        }
        if verified.len() == 1 {
            verified.extend_from_slice(&device[1..]);
        }
        Some(Self { device, verified })
    }
}

fn chain(bytes: &[u8]) -> Option<(Vec<Vec<u8>>, &[u8])> {
    let (&count, mut rest) = bytes.split_first()?;
    if !(1..=MOST_CERTIFICATES).contains(&usize::from(count)) {
        return None;
    }
    let mut certificates = Vec::new();
    for _ in 0..count {
        let (length, behind) = rest.split_first_chunk()?;
        let (certificate, behind) = behind.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        certificates.push(certificate.to_vec());
        rest = behind;
    }
    Some((certificates, rest))
}

/// `clientDataHash` of App Attest, on the phone: SHA-256 of the payload as it will be sent, with `fmt` already in place and
/// nothing between the quotes of `data`, where the evidence will be put.
#[must_use]
pub fn client_data_hash_of(draft: &Finish) -> Digest {
    let evidence = Evidence { fmt: EvidenceFormat::AppleAppAttest, data: String::new() };
    Digest::of(&json::to_vec(&Finish { evidence, ..draft.clone() }))
}

/// The same on the server: SHA-256 of the finish payload, byte for byte as it was received, with `data` cut out from between
/// its quotes. So nothing is judged that was serialised anew. `None` where `data` does not stand in the payload exactly once
/// and as it is: a payload with escapes in it is nobody's.
#[must_use]
pub fn client_data_hash(payload: &[u8], data: &str) -> Option<Digest> {
    let quoted = format!("\"{data}\"");
    let mut found = payload.windows(quoted.len()).enumerate().filter(|(_, window)| *window == quoted.as_bytes());
    let (at, _) = found.next()?;
    if found.next().is_some() {
        return None;
    }
    let (before, from) = payload.split_at(at);
    Some(Digest::of(&[before, b"\"\"", &from[quoted.len()..]].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chains(device: &[&[u8]], verified: &[&[u8]]) -> AndroidKey {
        let owned = |chain: &[&[u8]]| chain.iter().map(|der| der.to_vec()).collect();
        AndroidKey { device: owned(device), verified: owned(verified) }
    }

    #[test]
    fn issuers_that_both_chains_share_are_sent_once() {
        let shared = chains(&[b"leaf", b"issuer"], &[b"other leaf", b"issuer"]);
        let bytes = shared.encode().unwrap();
        assert_eq!(bytes, b"\x02\x00\x04leaf\x00\x06issuer\x01\x00\x0aother leaf");
        assert_eq!(AndroidKey::decode(&bytes), Some(shared));
    }

    #[test]
    fn chains_of_different_issuers_are_sent_whole() {
        let apart = chains(&[b"leaf", b"issuer"], &[b"other leaf", b"strong box", b"above"]);
        assert_eq!(AndroidKey::decode(&apart.encode().unwrap()), Some(apart));
    }

    #[test]
    fn what_is_not_two_chains_is_not_read() {
        let good = chains(&[b"leaf", b"issuer"], &[b"other leaf", b"issuer"]).encode().unwrap();
        for cut in 0..good.len() {
            assert_eq!(AndroidKey::decode(&good[..cut]), None, "cut after {cut}");
        }
        assert_eq!(AndroidKey::decode(&[&good[..], b"\0"].concat()), None, "something behind it");
        assert_eq!(AndroidKey::decode(b"\0\0"), None, "empty chains");
        let nine = [&[9][..], &[0; 18], &[1, 0, 0]].concat();
        assert_eq!(AndroidKey::decode(&nine), None, "nine certificates");
        assert_eq!(chains(&[], &[b"leaf"]).encode(), None);
        assert_eq!(chains(&[b"" as &[u8]; 9], &[b"leaf"]).encode(), None);
        assert_eq!(chains(&[&vec![0; 65_536]], &[b"leaf"]).encode(), None);
    }

    #[test]
    fn client_data_is_the_payload_with_nothing_in_place_of_the_evidence() {
        let written = br#"{"oh":"x","evidence":{"fmt":"apple-appattest","data":""},"iat":1}"#;
        let sent = br#"{"oh":"x","evidence":{"fmt":"apple-appattest","data":"AQID"},"iat":1}"#;
        assert_eq!(client_data_hash(sent, "AQID"), Some(Digest::of(written)));
        assert_ne!(client_data_hash(sent, "AQI"), Some(Digest::of(written)), "the quotes belong to it");
    }

    #[test]
    fn evidence_that_stands_there_twice_or_escaped_is_nobodys() {
        assert_eq!(client_data_hash(br#"{"a":"AQID","evidence":{"data":"AQID"}}"#, "AQID"), None);
        assert_eq!(client_data_hash(br#"{"evidence":{"data":"\u0041QID"}}"#, "AQID"), None);
        assert_eq!(client_data_hash(b"{}", "AQID"), None);
    }
}
