//! What an agent may ask to do, and whether an approval is one of what is about to be done.

use std::collections::BTreeMap;

use protocol::action::approved::{CannotRecord, InMemory, Refusal, Used, Wanted, judge, redeem};
use protocol::action::{Action, AgentAction, BadAction};
use protocol::crypto::p256::VerifyingKey;
use protocol::display::Line;
use protocol::messages::KeyLevel;
use protocol::receipt::{Approval, Expected, PublishedKeys};
use protocol::{Digest, text};
use serde::Deserialize;
use serde_json::{Value, json};

use super::read;

#[derive(Deserialize)]
struct Vectors {
    accepted: Vec<Accepted>,
    refused: Vec<Refused>,
    unshowable: Vec<Refused>,
    keys: PublishedKeys,
    issuer: String,
    client: String,
    auth_req_id: String,
    now: i64,
    subject: String,
    action: Action,
    user_verified: bool,
    level: KeyLevel,
    max_age: i64,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Accepted {
    name: String,
    detail: Value,
    canonical: String,
    lines: Vec<Line>,
}

#[derive(Deserialize)]
struct Refused {
    name: String,
    error: String,
    detail: Value,
}

/// One approval, and what is wanted where it is not as in all others.
#[derive(Deserialize)]
struct Case {
    name: String,
    reason: Option<String>,
    names: Option<Vec<String>>,
    approval: Option<Approval>,
    issuer: Option<String>,
    client: Option<String>,
    auth_req_id: Option<String>,
    now: Option<i64>,
    /// `null` is anybody, and not the same as nothing.
    #[serde(default = "unsaid")]
    subject: Value,
    action: Option<Action>,
    user_verified: Option<bool>,
    level: Option<KeyLevel>,
}

fn unsaid() -> Value {
    json!(false)
}

impl Vectors {
    fn read() -> Self {
        read("actions.json")
    }

    fn wanted<'a>(&'a self, case: &'a Case) -> Wanted<'a> {
        Wanted {
            expected: Expected {
                issuer: case.issuer.as_ref().unwrap_or(&self.issuer),
                client: case.client.as_ref().unwrap_or(&self.client),
                auth_req_id: case.auth_req_id.as_ref().unwrap_or(&self.auth_req_id),
                now: case.now.unwrap_or(self.now),
            },
            action: case.action.as_ref().unwrap_or(&self.action),
            subject: if case.subject == unsaid() { Some(&self.subject) } else { case.subject.as_str() },
            user_verified: case.user_verified.unwrap_or(self.user_verified),
            level: case.level.unwrap_or(self.level),
            max_age: self.max_age,
        }
    }
}

#[test]
fn what_is_an_action_has_one_spelling_one_digest_and_its_lines() {
    let vectors = Vectors::read();
    assert!(vectors.accepted.len() >= 9);
    for case in &vectors.accepted {
        let asked = AgentAction::parse(&case.detail).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        assert_eq!(asked.action.canonical(), case.canonical, "{}", case.name);
        assert_eq!(json!(Digest::of(case.canonical.as_bytes())), case.detail["digest"], "{}", case.name);
        assert_eq!(asked.lines(), case.lines, "{}", case.name);
        assert_eq!(asked.action.detail(asked.agent.as_deref()), case.detail, "{}", case.name);
        let shown = case.lines.iter().flat_map(|line| [&line.label, &line.value]);
        assert!(shown.into_iter().all(|shown| text::check(text::Kind::DetailValue, shown).is_ok()), "{}", case.name);
    }
}

#[test]
fn what_is_no_action_is_refused_for_its_reason() {
    let vectors = Vectors::read();
    assert!(vectors.refused.len() > 30 && vectors.unshowable.len() > 50);
    for case in vectors.refused.iter().chain(&vectors.unshowable) {
        let refused = AgentAction::parse(&case.detail).map_err(BadAction::reason);
        assert_eq!(refused.err(), Some(case.error.as_str()), "{}", case.name);
    }
}

#[test]
fn a_number_that_is_written_as_a_fraction_is_refused() {
    for written in ["1.0", "1e2", "-0", "-0.0", "18446744073709551616"] {
        let text = format!(r#"{{"tool":"t","parameters":{{"a":{written}}}}}"#);
        assert!(serde_json::from_str::<Action>(&text).is_err(), "{written}");
    }
}

#[test]
fn approvals_are_of_this_action_or_refused_for_their_reason() {
    let vectors = Vectors::read();
    assert!(vectors.cases.len() > 30);
    for case in &vectors.cases {
        let refused = judge(case.approval.as_ref(), &vectors.wanted(case), &vectors.keys, VerifyingKey::new).err();
        assert_eq!(refused.as_ref().map(Refusal::reason), case.reason.as_deref(), "{}", case.name);
        if let Some(Refusal::OtherParameters(names)) = refused {
            assert_eq!(Some(names), case.names, "{}", case.name);
        }
    }
}

#[test]
fn an_approval_is_used_once() {
    let vectors = Vectors::read();
    let good = &vectors.cases[0];
    let wanted = vectors.wanted(good);
    let used = InMemory::default();
    let redeemed = |wanted: &Wanted<'_>, used: &InMemory| {
        redeem(good.approval.as_ref(), wanted, &vectors.keys, VerifyingKey::new, used)
    };
    let other = Action::new("lights.off", BTreeMap::default()).expect("an action");
    let refused = redeemed(&Wanted { action: &other, ..wanted }, &used);
    assert_eq!(refused, Err(Refusal::OtherTool));
    let approved = redeemed(&wanted, &used).expect("what is refused uses nothing");
    assert_eq!(
        (approved.agent.as_deref(), approved.proven.subject.as_str()),
        (Some("Household helper"), &*vectors.subject)
    );
    assert_eq!(redeemed(&wanted, &used), Err(Refusal::Used));
    assert!(redeemed(&wanted, &InMemory::default()).is_ok(), "another record knows nothing of it");
}

#[test]
fn of_all_who_use_an_approval_at_once_one_may_act() {
    let vectors = Vectors::read();
    let wanted = vectors.wanted(&vectors.cases[0]);
    let used = InMemory::default();
    let acted = std::thread::scope(|scope| {
        let redeem_it =
            || redeem(vectors.cases[0].approval.as_ref(), &wanted, &vectors.keys, VerifyingKey::new, &used).is_ok();
        let running: Vec<_> = (0..8).map(|_| scope.spawn(redeem_it)).collect();
        running.into_iter().map(|one| one.join().expect("no panic")).filter(|acted| *acted).count()
    });
    assert_eq!(acted, 1);
}

#[test]
fn what_cannot_be_marked_as_used_is_refused() {
    struct Broken;

    impl Used for Broken {
        fn take(&self, _: &Digest, _: i64, _: i64) -> Result<bool, CannotRecord> {
            Err(CannotRecord)
        }
    }

    let vectors = Vectors::read();
    let wanted = vectors.wanted(&vectors.cases[0]);
    let refused = redeem(vectors.cases[0].approval.as_ref(), &wanted, &vectors.keys, VerifyingKey::new, &Broken);
    assert_eq!(refused, Err(Refusal::Unrecorded));
}

#[test]
fn the_record_in_memory_forgets_what_is_too_old_to_be_used() {
    let used = InMemory::default();
    let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
    assert_eq!(used.take(&one, 10, 0), Ok(true));
    assert_eq!(used.take(&one, 10, 3610), Ok(false), "an hour after its last second");
    assert_eq!(used.take(&other, 3620, 3611), Ok(true));
    assert_eq!(used.take(&one, 10, 3611), Ok(true), "forgotten: by then its approval is refused as too old");
}
