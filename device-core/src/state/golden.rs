//! Documents as they were written, byte for byte: what a phone holds must open in every later version.

use protocol::messages::{DenyReason, Outcome};
use protocol::{DecisionId, Jws, PromptId};

use super::*;
use crate::testing::{NOW, Op, account};

const FORMAT_1: &[u8] = include_bytes!("golden/format-1.json");
const FORMAT_2: &[u8] = include_bytes!("golden/format-2.json");

/// What both documents hold.
fn remembered() -> State {
    let kept = |seed: u8, verdict, progress| KeptDecision {
        prompt: PromptId::from_bytes([seed; 16]),
        verdict,
        jti: DecisionId::from_bytes([seed; 16]),
        progress,
    };
    let mut active = account(&Op::new());
    active.counter = 7;
    active.keep(kept(1, Verdict::Deny(DenyReason::NotMe), Progress::Heard(Outcome::Denied)));
    active.keep(kept(2, Verdict::Approve, Progress::Unheard(Jws::from_text("eyJ.signed.bytes".into()))));
    let mut unconfirmed = account(&Op::new());
    unconfirmed.enr = EnrolmentId::from_bytes([0x23; 16]);
    unconfirmed.standing = EnrolmentState::Unconfirmed;
    unconfirmed.digits = Some("123456".into());
    State { accounts: vec![active, unconfirmed], unfinished: vec![KeySlot::new([8; 16])], ..State::default() }
}

#[test]
fn the_present_format_is_written_as_it_always_was() {
    let mut state = remembered();
    state.accounts[0].clock_ahead = -90;
    let mut revoked = account(&Op::new());
    revoked.enr = EnrolmentId::from_bytes([0x24; 16]);
    revoked.standing = EnrolmentState::Revoked;
    revoked.ended = Some(Ended { reason: RevocationReason::Operator, at: NOW });
    state.accounts.push(revoked);
    assert_eq!(State::decode(Some(FORMAT_2)), Ok(state.clone()));
    assert_eq!(String::from_utf8(state.encode()), String::from_utf8(FORMAT_2.to_vec()));
}

#[test]
fn format_1_is_migrated_with_nothing_lost() {
    let migrated = State::decode(Some(FORMAT_1)).unwrap();
    assert_eq!(migrated, remembered());
    let rewritten = migrated.encode();
    assert_ne!(rewritten, FORMAT_1);
    assert_eq!(State::decode(Some(&rewritten)), Ok(migrated));
}
