//! What can happen in a simulated world, and sequences of it drawn by chance. Whom an event concerns is a number that is
//! counted from the newest one backwards and wraps around, so a sequence keeps its meaning when events are taken out.

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

/// A sequence, and the rules it happens under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sequence {
    /// Whether prompts are limited per client and user.
    pub(crate) limits: bool,
    /// Whether pushes say nothing of the prompt.
    pub(crate) wake: bool,
    /// In this order.
    pub(crate) events: Vec<Event>,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Event {
    /// A client asks about a user.
    Ask { client: u8, user: u8, life: Life },
    /// A phone asks what awaits an answer.
    Look { phone: u8 },
    /// A push reaches its phone: late, twice, out of order; or never, where no such event is.
    PushArrives { push: u8 },
    /// A phone answers one of the prompts it has seen; maybe it looks for new ones first.
    Answer { phone: u8, prompt: u8, word: Word, looks: bool },
    /// Somebody answers who must not.
    Forge { phone: u8, prompt: u8, how: Forgery },
    /// A client asks for its tokens.
    Collect { request: u8 },
    /// A client asks for another one's.
    CollectOthers { client: u8, request: u8 },
    /// A client withdraws its request.
    Cancel { request: u8 },
    /// The outbox is worked on.
    Deliver,
    /// A client refreshes, by its newest refresh token or one of those before.
    Refresh { request: u8, back: u8 },
    /// An access token is used.
    Use { request: u8, token: u8 },
    /// A client ends an access token.
    EndAccess { request: u8, token: u8 },
    /// A client ends its refresh token.
    EndRefresh { request: u8 },
    /// A user gets one more phone.
    Enrol { user: u8, pushes: bool },
    /// A phone leaves.
    Leave { phone: u8 },
    /// An operator ends a phone.
    Revoke { phone: u8 },
    /// An operator locks, disables or unlocks a user.
    Stand { user: u8, standing: Standing },
    /// A client's endpoint behaves so from now on.
    Endpoint { client: u8, mood: Mood },
    /// The way of pushes behaves so from now on.
    Channel { mood: Mood },
    /// The app on a phone is killed and started.
    RestartPhone { phone: u8 },
    /// The server ends and starts again on what it stored.
    Restart,
    /// So many seconds pass.
    Pass { seconds: u16 },
    /// The clock is set back.
    SetBack { seconds: u8 },
    /// What is past its time is forgotten.
    Sweep,
    /// Before the step of that number of one call, another one happens as a whole.
    During { event: Box<Event>, step: u8, other: Box<Event> },
    /// Before that step of a call the process ends, and starts again.
    Crash { event: Box<Event>, step: u8 },
}

/// How long a request lives, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Life {
    /// 20
    Short,
    /// 120
    Usual,
    /// 900
    Long,
}

impl Life {
    pub(crate) const fn seconds(self) -> u32 {
        match self {
            Self::Short => 20,
            Self::Usual => 120,
            Self::Long => 900,
        }
    }
}

/// What a phone says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Word {
    Approve,
    DenyNotMe,
    DenyWrongDetails,
    DenyCancelled,
}

/// How an answer is not what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Forgery {
    /// An approval by the key that needs no fingerprint.
    WeakKey,
    /// A denial by the key that does.
    WrongKeyToDeny,
    /// An approval of what another phone was asked, by this phone's keys.
    OthersPrompt,
    /// An approval of another text than was asked.
    OtherText,
    /// An approval under a counter that this phone has used.
    Cloned,
}

/// Whether a user may sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Standing {
    Active,
    Locked,
    Disabled,
}

/// How somebody who is called behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mood {
    Takes,
    Fails,
    Refuses,
    HangsUp,
}

/// Sequences of 20 to 28 events.
pub(crate) fn sequences() -> impl Strategy<Value = Sequence> {
    let rules = (prop::bool::weighted(0.2), prop::bool::weighted(0.3));
    // Never fewer than twenty: what belongs together counts for each of its events.
    let events = prop::collection::vec(some(), 20..=28).prop_map(|some| {
        let wanted = some.len();
        some.into_iter().flatten().take(wanted).collect()
    });
    (rules, events).prop_map(|((limits, wake), events)| Sequence { limits, wake, events })
}

/// One event, or some that belong together: by chance alone, few requests would come far.
fn some() -> impl Strategy<Value = Vec<Event>> {
    let answer = |word| Event::Answer { phone: 0, prompt: 0, word, looks: true };
    prop_oneof![
        12 => event().prop_map(|event| vec![event]),
        1 => (ask(), newest()).prop_map(move |(ask, phone)| {
            vec![ask, Event::Answer { phone, prompt: 0, word: Word::Approve, looks: true }]
        }),
        2 => (ask_about(1), 0..3_u8).prop_map(move |(ask, client)| match client {
            0 => vec![ask, answer(Word::Approve), Event::Collect { request: 0 }],
            1 => vec![ask, answer(Word::Approve), Event::Deliver, Event::Collect { request: 0 }],
            _ => vec![ask, answer(Word::DenyNotMe), Event::Deliver],
        }),
        2 => (ask_about(1), race()).prop_map(move |(ask, race)| vec![ask, answer(Word::Approve), race]),
    ]
}

/// Two calls about the newest request, as the newest phone can be in them.
fn race() -> impl Strategy<Value = Event> {
    let answer = |word| Event::Answer { phone: 0, prompt: 0, word, looks: false };
    let calls = move || {
        prop_oneof![
            3 => Just(Event::Collect { request: 0 }),
            2 => Just(Event::Deliver),
            1 => Just(Event::Refresh { request: 0, back: 0 }),
            1 => Just(Event::EndRefresh { request: 0 }),
            1 => Just(answer(Word::Approve)),
            1 => Just(answer(Word::DenyNotMe)),
            1 => Just(Event::Cancel { request: 0 }),
            1 => Just(Event::Revoke { phone: 0 }),
            1 => Just(Event::Stand { user: 1, standing: Standing::Locked }),
        ]
    };
    (calls(), step(), calls()).prop_map(|(event, step, other)| Event::During {
        event: Box::new(event),
        step,
        other: Box::new(other),
    })
}

fn ask() -> impl Strategy<Value = Event> {
    (0..2_u8).prop_flat_map(ask_about)
}

fn ask_about(user: u8) -> impl Strategy<Value = Event> {
    let life = prop_oneof![1 => Just(Life::Short), 3 => Just(Life::Usual), 1 => Just(Life::Long)];
    (0..3_u8, life).prop_map(move |(client, life)| Event::Ask { client, user, life })
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        12 => simple(),
        2 => (call(), step(), call()).prop_map(|(event, step, other)| Event::During {
            event: Box::new(event),
            step,
            other: Box::new(other),
        }),
        1 => (call(), step()).prop_map(|(event, step)| Event::Crash { event: Box::new(event), step }),
    ]
}

/// Most calls have fewer than ten.
fn step() -> impl Strategy<Value = u8> {
    prop_oneof![5 => 0..6_u8, 2 => 6..20_u8]
}

/// Anything that is one event.
fn simple() -> impl Strategy<Value = Event> {
    let mood = || prop_oneof![3 => Just(Mood::Takes), 1 => Just(Mood::Fails), 1 => Just(Mood::Refuses), 1 => Just(Mood::HangsUp)];
    let passes = prop_oneof![12 => 1..7_u16, 6 => 7..40_u16, 3 => 40..140_u16, 1 => 140..4_000_u16];
    prop_oneof![
        60 => call(),
        2 => (0..3_u8, mood()).prop_map(|(client, mood)| Event::Endpoint { client, mood }),
        1 => mood().prop_map(|mood| Event::Channel { mood }),
        1 => newest().prop_map(|phone| Event::RestartPhone { phone }),
        1 => Just(Event::Restart),
        8 => passes.prop_map(|seconds| Event::Pass { seconds }),
        1 => (1..100_u8).prop_map(|seconds| Event::SetBack { seconds }),
        1 => Just(Event::Sweep),
    ]
}

/// A call to the server, which others can come in between.
fn call() -> impl Strategy<Value = Event> {
    let standing = prop_oneof![6 => Just(Standing::Active), 1 => Just(Standing::Locked), 1 => Just(Standing::Disabled)];
    prop_oneof![
        7 => ask(),
        3 => newest().prop_map(|phone| Event::Look { phone }),
        2 => newest().prop_map(|push| Event::PushArrives { push }),
        10 => (newest(), newest(), word(), prop::bool::weighted(0.6))
            .prop_map(|(phone, prompt, word, looks)| Event::Answer { phone, prompt, word, looks }),
        2 => (newest(), newest(), forgery()).prop_map(|(phone, prompt, how)| Event::Forge { phone, prompt, how }),
        8 => newest().prop_map(|request| Event::Collect { request }),
        1 => (0..3_u8, newest()).prop_map(|(client, request)| Event::CollectOthers { client, request }),
        2 => newest().prop_map(|request| Event::Cancel { request }),
        6 => Just(Event::Deliver),
        3 => (newest(), 0..3_u8).prop_map(|(request, back)| Event::Refresh { request, back }),
        2 => (newest(), newest()).prop_map(|(request, token)| Event::Use { request, token }),
        1 => (newest(), newest()).prop_map(|(request, token)| Event::EndAccess { request, token }),
        1 => newest().prop_map(|request| Event::EndRefresh { request }),
        1 => (0..2_u8, any::<bool>()).prop_map(|(user, pushes)| Event::Enrol { user, pushes }),
        1 => newest().prop_map(|phone| Event::Leave { phone }),
        1 => newest().prop_map(|phone| Event::Revoke { phone }),
        2 => (0..2_u8, standing).prop_map(|(user, standing)| Event::Stand { user, standing }),
    ]
}

/// Mostly one of the newest few.
fn newest() -> impl Strategy<Value = u8> {
    prop_oneof![4 => 0..2_u8, 3 => 0..5_u8, 1 => 0..40_u8]
}

fn word() -> impl Strategy<Value = Word> {
    prop_oneof![
        5 => Just(Word::Approve),
        1 => Just(Word::DenyNotMe),
        1 => Just(Word::DenyWrongDetails),
        1 => Just(Word::DenyCancelled),
    ]
}

fn forgery() -> impl Strategy<Value = Forgery> {
    prop_oneof![
        Just(Forgery::WeakKey),
        Just(Forgery::WrongKeyToDeny),
        Just(Forgery::OthersPrompt),
        Just(Forgery::OtherText),
        Just(Forgery::Cloned),
    ]
}
