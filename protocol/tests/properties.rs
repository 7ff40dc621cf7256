//! What holds for every message, whatever stands in it.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use protocol::crypto::{Agree as _, Sign as _, aws_lc, p256, signature_from_der};
use protocol::display::{Line, display_digest};
use protocol::jwe::{JweError, Sealed, seal};
use protocol::messages::*;
use protocol::{
    DecisionId, DeviceId, Digest, EnrolmentId, Jwk, Jws, KeyRef, KeyRole, Nonce, PromptId, TicketCode, json,
};
use serde_json::{Map, Value};

fn key() -> p256::SigningKey {
    p256::SigningKey::from_bytes(&[7; 32]).expect("a key")
}

// ------------------------------------------------------------------------------------------------------- generators

fn sixteen() -> impl Strategy<Value = [u8; 16]> {
    any::<[u8; 16]>()
}

fn digest() -> impl Strategy<Value = Digest> {
    any::<[u8; 32]>().prop_map(Digest::from_bytes)
}

fn jwk() -> impl Strategy<Value = Jwk> {
    any::<([u8; 32], [u8; 32])>().prop_map(|(x, y)| Jwk::from_coordinates(x, y))
}

fn text() -> impl Strategy<Value = String> {
    any::<String>().prop_map(|text| text.chars().take(40).collect())
}

fn lines() -> impl Strategy<Value = Vec<Line>> {
    vec((text(), text()).prop_map(|(label, value)| Line::new(label, value)), 0..5)
}

/// JSON that fits below `authorization_details`, two levels down.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has no infinities", |number| number.is_finite()).prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((text(), inner), 0..4).prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn begin() -> impl Strategy<Value = Begin> {
    (text(), sixteen(), jwk(), any::<i64>(), any::<u8>()).prop_map(|(aud, code, jwk, iat, v)| Begin {
        aud,
        code: TicketCode::from_bytes(code),
        jwk,
        iat,
        v,
    })
}

fn policy() -> impl Strategy<Value = EnrolmentPolicy> {
    (
        prop_oneof![Just(Confirm::Page), Just(Confirm::None)],
        prop_oneof![Just(Attestation::None), Just(Attestation::Record), Just(Attestation::Require)],
        verified_kind(),
        prop_oneof![Just(PushMode::Sealed), Just(PushMode::Wake)],
    )
        .prop_map(|(confirm, attestation, verified, push)| EnrolmentPolicy {
            confirm,
            attestation,
            verified,
            push,
        })
}

fn verified_kind() -> impl Strategy<Value = VerifiedKind> {
    prop_oneof![Just(VerifiedKind::Biometric), Just(VerifiedKind::Credential)]
}

fn offer() -> impl Strategy<Value = Offer> {
    let names = (text(), text(), policy());
    let bits = (digest(), sixteen(), sixteen(), digest(), digest());
    (names, bits, any::<(i64, i64, u8)>()).prop_map(
        |((iss, account, policy), (aud, enr, att_nonce, cs, th), (iat, exp, v))| Offer {
            iss,
            aud,
            enr: EnrolmentId::from_bytes(enr),
            account,
            policy,
            att_nonce: Nonce::from_bytes(att_nonce),
            cs,
            th,
            iat,
            exp,
            v,
        },
    )
}

fn push_target() -> impl Strategy<Value = PushTarget> {
    let target = prop_oneof![text().prop_map(FcmTarget::Fid), text().prop_map(FcmTarget::Token)];
    prop_oneof![
        Just(PushTarget::None),
        (prop_oneof![Just(Platform::Android), Just(Platform::Ios)], target)
            .prop_map(|(platform, target)| PushTarget::Fcm { platform, target }),
        (text(), prop_oneof![Just(ApnsEnvironment::Production), Just(ApnsEnvironment::Sandbox)])
            .prop_map(|(token, environment)| PushTarget::Apns { token, environment }),
        (text(), text(), text()).prop_map(|(endpoint, p256dh, auth)| PushTarget::WebPush { endpoint, p256dh, auth }),
        text().prop_map(|address| PushTarget::Webhook { address }),
    ]
}

fn device_info() -> impl Strategy<Value = DeviceInfo> {
    (text(), text(), text(), text(), text()).prop_map(|(name, model, os, id, version)| DeviceInfo {
        name,
        model,
        os,
        app: AppInfo { id, version },
    })
}

fn evidence() -> impl Strategy<Value = Evidence> {
    let fmt =
        prop_oneof![Just(EvidenceFormat::AndroidKey), Just(EvidenceFormat::AppleAppAttest), Just(EvidenceFormat::None)];
    (fmt, text()).prop_map(|(fmt, data)| Evidence { fmt, data })
}

fn finish() -> impl Strategy<Value = Finish> {
    let keys = (jwk(), jwk(), jwk(), verified_kind());
    let about = (device_info(), push_target(), vec(text(), 0..3), evidence());
    (text(), sixteen(), digest(), keys, about, any::<(i64, u8)>()).prop_map(|(aud, enr, oh, keys, about, (iat, v))| {
        let (device, verified, sealing, verified_kind) = keys;
        let (info, push, capabilities, evidence) = about;
        let enr = EnrolmentId::from_bytes(enr);
        Finish { aud, enr, oh, device, verified, verified_kind, sealing, info, push, capabilities, evidence, iat, v }
    })
}

fn enrolment() -> impl Strategy<Value = Enrolment> {
    let state = prop_oneof![
        Just(EnrolmentState::Unconfirmed),
        Just(EnrolmentState::Active),
        Just(EnrolmentState::Cancelled),
        Just(EnrolmentState::Revoked)
    ];
    let said = (state, option::of(policy()));
    (text(), digest(), (sixteen(), sixteen(), sixteen()), said, digest(), any::<(i64, u8)>()).prop_map(
        |(iss, aud, (enr, device, nonce), (state, policy), fh, (now, v))| Enrolment {
            iss,
            aud,
            enr: EnrolmentId::from_bytes(enr),
            device: DeviceId::from_bytes(device),
            state,
            nonce: Nonce::from_bytes(nonce),
            fh,
            policy,
            now,
            v,
        },
    )
}

fn prompt_client() -> impl Strategy<Value = PromptClient> {
    let logo = (text(), digest()).prop_map(|(path, sha256)| Logo { path, sha256 });
    (text(), text(), any::<bool>(), option::of(logo)).prop_map(|(id, name, verified, logo)| PromptClient {
        id,
        name,
        verified,
        logo,
    })
}

fn prompt() -> impl Strategy<Value = Prompt> {
    let kind = prop_oneof![
        Just(PromptKind::Ciba),
        Just(PromptKind::AddDevice),
        Just(PromptKind::Rotate),
        Just(PromptKind::Notice),
        Just(PromptKind::Test)
    ];
    let uv =
        prop_oneof![Just(UserVerification::Required), Just(UserVerification::Preferred), Just(UserVerification::None)];
    let code = (prop_oneof![Just(MatchMode::None), Just(MatchMode::Enter)], any::<u8>())
        .prop_map(|(mode, length)| Match { mode, length });
    let bits = (digest(), sixteen(), sixteen(), sixteen(), digest());
    let asked = (vec(text(), 0..3), vec(text(), 0..3), vec(value(), 0..3), option::of(text()), option::of(text()));
    let shown = (lines(), lines(), uv, code, prompt_client());
    (text(), text(), kind, bits, asked, shown, any::<(i64, i64, u8)>()).prop_map(
        |(iss, lang, kind, (aud, enr, jti, nonce, req), asked, shown, (iat, exp, v))| {
            let (scope, resource, authorization_details, binding_message, acr) = asked;
            let (display, context, uv, match_code, client) = shown;
            Prompt {
                iss,
                aud,
                enr: EnrolmentId::from_bytes(enr),
                jti: PromptId::from_bytes(jti),
                kind,
                nonce: Nonce::from_bytes(nonce),
                iat,
                exp,
                v,
                req,
                client,
                binding_message,
                scope,
                resource,
                authorization_details,
                display,
                acr,
                uv,
                match_code,
                context,
                lang,
            }
        },
    )
}

fn decision() -> impl Strategy<Value = Decision> {
    let answer = prop_oneof![Just(Answer::Approve), Just(Answer::Deny)];
    let reason = prop_oneof![Just(DenyReason::NotMe), Just(DenyReason::WrongDetails), Just(DenyReason::Cancelled)];
    let uv = prop_oneof![
        Just(ReportedVerification::None),
        Just(ReportedVerification::Biometric),
        Just(ReportedVerification::Credential),
        Just(ReportedVerification::Unknown)
    ];
    let bits = (sixteen(), sixteen(), sixteen(), sixteen(), digest(), digest());
    (text(), bits, answer, option::of(reason), option::of(text()), uv, any::<(i64, u8, u64)>()).prop_map(
        |(aud, (iss, jti, prompt, nonce, ph, dh), decision, reason, match_code, uv, (iat, v, ctr))| Decision {
            iss: DeviceId::from_bytes(iss),
            aud,
            jti: DecisionId::from_bytes(jti),
            iat,
            v,
            prompt: PromptId::from_bytes(prompt),
            nonce: Nonce::from_bytes(nonce),
            ph,
            dh,
            decision,
            reason,
            match_code,
            uv,
            ctr,
        },
    )
}

fn decision_result() -> impl Strategy<Value = DecisionResult> {
    let outcome = prop_oneof![Just(Outcome::Approved), Just(Outcome::Denied), Just(Outcome::Disputed)];
    (text(), digest(), sixteen(), sixteen(), digest(), outcome, any::<(i64, u8)>()).prop_map(
        |(iss, aud, prompt, decision, hash, outcome, (received_at, v))| DecisionResult {
            iss,
            aud,
            prompt: PromptId::from_bytes(prompt),
            decision: DecisionId::from_bytes(decision),
            hash,
            outcome,
            received_at,
            v,
        },
    )
}

fn proof() -> impl Strategy<Value = Proof> {
    (text(), text(), any::<i64>(), sixteen(), text(), digest()).prop_map(|(htm, htu, iat, jti, nonce, bh)| Proof {
        htm,
        htu,
        iat,
        jti: Nonce::from_bytes(jti),
        nonce,
        bh,
    })
}

fn key_list() -> impl Strategy<Value = KeyList> {
    let keys = (jwk(), any::<(i64, i64)>()).prop_map(|(jwk, (not_before, not_after))| SigningKey {
        jwk,
        not_before,
        not_after,
    });
    (text(), vec(keys, 0..4), vec(digest(), 0..4), any::<(u64, i64, u8)>())
        .prop_map(|(iss, keys, revoked, (sequence, iat, v))| KeyList { iss, sequence, keys, revoked, iat, v })
}

fn revocation() -> impl Strategy<Value = Revocation> {
    let reason = prop_oneof![
        Just(RevocationReason::Operator),
        Just(RevocationReason::User),
        Just(RevocationReason::Disputed),
        Just(RevocationReason::Cloned)
    ];
    (text(), digest(), sixteen(), reason, any::<(i64, u8)>()).prop_map(|(iss, aud, enr, reason, (at, v))| Revocation {
        iss,
        aud,
        enr: EnrolmentId::from_bytes(enr),
        reason,
        at,
        v,
    })
}

fn rotation() -> impl Strategy<Value = Rotation> {
    (sixteen(), text(), option::of(jwk()), option::of(jwk()), option::of(jwk()), any::<(i64, u8)>()).prop_map(
        |(iss, aud, device, verified, sealing, (iat, v))| Rotation {
            iss: DeviceId::from_bytes(iss),
            aud,
            device,
            verified,
            sealing,
            iat,
            v,
        },
    )
}

fn unblock() -> impl Strategy<Value = Unblock> {
    (sixteen(), text(), text(), any::<(i64, u8)>()).prop_map(|(iss, aud, client, (iat, v))| Unblock {
        iss: DeviceId::from_bytes(iss),
        aud,
        client,
        iat,
        v,
    })
}

fn blocks() -> impl Strategy<Value = Blocks> {
    let block = (text(), text(), any::<(i64, Option<i64>)>());
    let block = block.prop_map(|(client, name, (since, until))| Block { client, name, since, until });
    (text(), digest(), sixteen(), vec(block, 0..4), any::<(i64, u8)>()).prop_map(|(iss, aud, enr, blocks, (now, v))| {
        Blocks { iss, aud, enr: EnrolmentId::from_bytes(enr), blocks, now, v }
    })
}

fn history() -> impl Strategy<Value = History> {
    let outcome = prop_oneof![Just(Outcome::Approved), Just(Outcome::Denied), Just(Outcome::Disputed)];
    let reason = option::of(prop_oneof![Just(HistoryReason::NotMe), Just(HistoryReason::WrongCode)]);
    let texts = (text(), text(), option::of(text()), text());
    let entry = (texts, sixteen(), option::of(sixteen()), outcome, reason, any::<(u64, i64, i64, Option<i64>)>());
    let entry = entry.prop_map(
        |(
            (client, name, message, device_name),
            device,
            prompt,
            outcome,
            reason,
            (number, asked_at, answered_at, until),
        )| {
            HistoryEntry {
                number,
                client,
                name,
                message,
                asked_at,
                answered_at,
                outcome,
                reason,
                device: DeviceId::from_bytes(device),
                device_name,
                prompt: prompt.map(PromptId::from_bytes),
                object_until: until,
            }
        },
    );
    (text(), digest(), sixteen(), vec(entry, 0..4), any::<(bool, i64, u8)>()).prop_map(
        |(iss, aud, enr, entries, (more, now, v))| History {
            iss,
            aud,
            enr: EnrolmentId::from_bytes(enr),
            entries,
            more,
            now,
            v,
        },
    )
}

fn receipt() -> impl Strategy<Value = Receipt> {
    let level = prop_oneof![Just(KeyLevel::Claimed), Just(KeyLevel::App), Just(KeyLevel::Attested)];
    let digests = (digest(), digest(), digest(), option::of(digest()), digest());
    (text(), text(), text(), digests, (jwk(), level), any::<(i64, i64, u8)>()).prop_map(
        |(iss, aud, sub, (req, prompt, decision, evidence, enrolment), (key, level), (received_at, iat, v))| Receipt {
            iss,
            aud,
            sub,
            req,
            prompt,
            decision,
            received_at,
            key,
            level,
            evidence,
            enrolment,
            iat,
            v,
        },
    )
}

// ------------------------------------------------------------------------------------------------------- properties

macro_rules! decoding_undoes_encoding {
    ($($name:ident: $message:ty),* $(,)?) => {
        proptest! {
            #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
            $(#[test]
            fn $name(message in super::$name()) {
                let bytes = serde_json::to_vec(&message).expect("messages can be written");
                prop_assert_eq!(json::from_slice::<$message>(&bytes), Ok(message));
            })*
        }
    };
}

mod decoding_undoes_encoding_of {
    use super::*;

    decoding_undoes_encoding! {
        begin: Begin,
        offer: Offer,
        finish: Finish,
        enrolment: Enrolment,
        prompt: Prompt,
        decision: Decision,
        decision_result: DecisionResult,
        proof: Proof,
        key_list: KeyList,
        revocation: Revocation,
        rotation: Rotation,
        history: History,
        blocks: Blocks,
        unblock: Unblock,
        receipt: Receipt,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_signed_decision_opens_and_one_flipped_bit_closes_it(decision in decision(), at in any::<prop::sample::Index>()) {
        let key = key();
        let hint = KeyRef { device: decision.iss, role: KeyRole::Verified };
        let jws = Jws::sign(hint, &decision, &key).expect("signs");
        let server = aws_lc::VerifyingKey::new(key.public()).expect("a key");
        prop_assert_eq!(jws.open::<Decision>(&server), Ok(decision));

        let mut bytes = jws.as_str().as_bytes().to_vec();
        let bit = at.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Ok(text) = String::from_utf8(bytes) {
            prop_assert!(Jws::from_text(text).open::<Decision>(&server).is_err(), "bit {}", bit);
        }
    }

    #[test]
    fn different_lines_have_different_digests(one in lines(), other in lines()) {
        prop_assert_eq!(one == other, display_digest(&one) == display_digest(&other));
    }

    /// The same characters cut differently into labels and values, which a digest without lengths would confuse.
    #[test]
    fn lines_cut_elsewhere_have_another_digest(text in "[ab]{0,6}", cuts in any::<[prop::sample::Index; 6]>()) {
        let cut = |cuts: &[prop::sample::Index]| {
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            at.sort_unstable();
            let pieces = [&text[..at[0]], &text[at[0]..at[1]], &text[at[1]..at[2]], &text[at[2]..]];
            vec![Line::new(pieces[0], pieces[1]), Line::new(pieces[2], pieces[3])]
        };
        let (one, other) = (cut(&cuts[..3]), cut(&cuts[3..]));
        prop_assert_eq!(one == other, display_digest(&one) == display_digest(&other));
    }

    #[test]
    fn what_is_sealed_opens_and_one_flipped_bit_closes_it(
        plaintext in vec(any::<u8>(), 0..1500),
        iv in any::<[u8; 12]>(),
        at in any::<prop::sample::Index>(),
    ) {
        let (phone, server) = (agreement_key(1), agreement_key(2));
        let sealed = seal(&plaintext, phone.public(), &server, iv);
        if plaintext.last() == Some(&b' ') {
            prop_assert_eq!(sealed, Err(JweError::EndsInSpace));
            return Ok(());
        }
        let sealed = sealed.expect("seals");
        let open = |text: &str| -> Result<Vec<u8>, JweError> {
            let sealed = Sealed::parse(text)?;
            sealed.open(&phone.agree(sealed.ephemeral())?)
        };
        prop_assert_eq!(open(&sealed), Ok(plaintext));

        let mut bytes = sealed.into_bytes();
        let bit = at.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Ok(text) = String::from_utf8(bytes) {
            prop_assert!(open(&text).is_err(), "bit {}", bit);
        }
    }

    /// The strict reader of DER and the one of the `p256` crate take and refuse the same bytes.
    #[test]
    fn der_is_read_as_by_another_reader(message in any::<[u8; 4]>(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let raw = key().sign(&message).expect("signs");
        let other = ::p256::ecdsa::Signature::from_slice(raw.as_bytes()).expect("a signature");
        let mut der = other.to_der().as_bytes().to_vec();
        prop_assert_eq!(signature_from_der(&der), Ok(raw));
        let at = at.index(der.len());
        der[at] = byte;
        let theirs = ::p256::ecdsa::Signature::from_der(&der).ok().map(|found| <[u8; 64]>::from(found.to_bytes()));
        prop_assert_eq!(signature_from_der(&der).ok().map(|found| *found.as_bytes()), theirs);
    }

    #[test]
    fn a_ticket_is_read_as_it_was_written(
        host in "[a-z]{1,8}(\\.[a-z]{2,5})?(:[1-9][0-9]{0,3})?(/[a-z]{1,5}){0,2}",
        code in sixteen(),
        root in digest(),
        expires_at in 0..i64::MAX,
    ) {
        let ticket = Ticket { issuer: format!("https://{host}"), code: TicketCode::from_bytes(code), root, expires_at };
        prop_assert_eq!(ticket.to_string().parse(), Ok(ticket));
    }

    #[test]
    fn judging_a_text_never_fails_otherwise(text in any::<String>()) {
        use protocol::text::{Kind, check};
        // Whoever may say less may say nothing that a longer kind refuses.
        if check(Kind::ClientName, &text).is_ok() {
            prop_assert_eq!(check(Kind::DetailValue, &text), Ok(()));
        }
    }
}

fn agreement_key(seed: u8) -> p256::AgreementKey {
    p256::AgreementKey::from_bytes(&[seed; 32]).expect("a key")
}
