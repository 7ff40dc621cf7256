//! What a provider must do, in as few words as will do: for every call in every state, what may be heard and what is so
//! afterwards. Written from the specifications, not from the server.
//!
//! A call that was cut off has happened or not, and of two calls at once either was first: so there are several models
//! that may be true, and every one that foresaw something else than what was heard is dropped. None left is a failure.

use std::collections::BTreeSet;

use crate::act::{Act, Delivery, Heard, Told};
use crate::events::{Forgery, Standing, Word};

/// For how long a request is remembered after its life, and its client is still told of it, in seconds.
pub(crate) const AFTER_LIFE: i64 = 180;

/// For how long after tokens were issued the user can say that it was not them.
const DISPUTE: i64 = 600;

/// For how long the refresh token before the newest is taken.
const GRACE: i64 = 60;

const ACCESS_TOKEN_LIFE: i64 = 3_600;

/// One of the models that may be true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Model {
    /// In milliseconds.
    pub(crate) now: i64,
    /// Whether the realm may refuse prompts because there were many.
    pub(crate) limits: bool,
    pub(crate) users: Vec<User>,
    pub(crate) phones: Vec<Phone>,
    pub(crate) requests: Vec<Request>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) standing: Standing,
    /// Whether a phone was enrolled whose server died before it knew.
    pub(crate) ghost: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Phone {
    pub(crate) user: usize,
    pub(crate) active: bool,
    /// What it approved before then still counts.
    pub(crate) trusted_until: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) user: usize,
    pub(crate) client: usize,
    pub(crate) delivery: Delivery,
    pub(crate) expires_at: i64,
    pub(crate) answer_until: i64,
    pub(crate) keep_until: i64,
    pub(crate) phones: BTreeSet<usize>,
    /// What each phone was told of its answers.
    pub(crate) answers: Vec<(usize, Word, Heard)>,
    /// Phones by whose keys it was answered.
    pub(crate) answered: BTreeSet<usize>,
    /// Phones that may hold a denial which they signed and the server has not heard: it stands, and they approve no more.
    pub(crate) unheard: BTreeSet<usize>,
    pub(crate) told_expired: bool,
    pub(crate) state: State,
    pub(crate) access: Vec<Access>,
    pub(crate) family: Option<Family>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Pending,
    Approved {
        phone: usize,
        at: i64,
    },
    Denied,
    Cancelled {
        by_client: bool,
    },
    /// By which phone's word, when it was given, and when tokens were issued.
    Redeemed {
        phone: usize,
        at: i64,
        issued_at: i64,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) ends_at: i64,
    pub(crate) ended: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Family {
    /// Which of its refresh tokens is the newest.
    pub(crate) newest: usize,
    pub(crate) previous_until: i64,
    pub(crate) ended: bool,
}

/// What may be heard, and what is so then.
type Outcomes = Vec<(Heard, Model)>;

impl Model {
    /// Whoever may still be right after a call of which this was heard.
    pub(crate) fn after(&self, act: &Act, heard: &Heard) -> Vec<Self> {
        if let (Act::Deliver, Heard::Told(told)) = (act, heard) {
            return self.told(told).into_iter().collect();
        }
        self.outcomes(act).into_iter().filter(|(foreseen, _)| foreseen == heard).map(|(_, next)| next).collect()
    }

    /// Whoever may be right after a call that began when `began` was so, with another one meanwhile. A clone is found out
    /// before its phone is ended, and what came between is as good as what came before.
    pub(crate) fn after_begun(&self, began: &Self, act: &Act, heard: &Heard) -> Vec<Self> {
        let mut models = self.after(act, heard);
        if let Act::Forge { phone, how: Forgery::Cloned, .. } = *act {
            let is_ended = |next: &Self| next.phones[phone] != began.phones[phone];
            if began.after(act, heard).iter().any(is_ended) {
                let mut ended = self.clone();
                ended.end_phone(phone, i64::MIN);
                models.push(ended);
            }
        }
        models
    }

    /// Whoever may be right after a call of which nothing was heard, so that it may not have happened.
    pub(crate) fn cut_off(&self, act: &Act) -> Vec<Self> {
        match act {
            Act::Deliver => self.maybe_minted(),
            Act::Enrol { user, .. } => {
                let mut next = self.clone();
                next.users[*user].ghost = true;
                vec![self.clone(), next]
            }
            // Nobody will ever use it: its client does not know its name. Its phones may see it, and do nothing.
            Act::Ask { .. } => vec![self.clone()],
            _ => {
                let happened = self.outcomes(act).into_iter().map(|(_, mut next)| {
                    if let Act::Refresh { request, .. } = *act {
                        // Nobody holds what it brought.
                        next.requests[request].access.truncate(self.requests[request].access.len());
                    }
                    next
                });
                distinct(std::iter::once(self.unheard(act)).chain(happened).collect())
            }
        }
    }

    /// What is so after a call that the server never heard of.
    fn unheard(&self, act: &Act) -> Self {
        let mut next = self.clone();
        if let Act::Answer { phone, request, word } = *act
            && word != Word::Approve
        {
            next.requests[request].unheard.insert(phone);
        }
        next
    }

    fn outcomes(&self, act: &Act) -> Outcomes {
        match *act {
            Act::Ask { user, client, delivery, life } => self.ask(user, client, delivery, life),
            Act::Look { phone } => self.look(phone),
            Act::Answer { phone, request, word, .. } => self.answer(phone, request, word),
            Act::Forge { phone, request, how, .. } => self.forge(phone, request, how),
            Act::Collect { client, request } => self.collect(client, request),
            Act::Cancel { request } => self.cancel(request),
            Act::Refresh { request, position } => self.refresh(request, position),
            Act::Use { request, token } => {
                self.same(if self.is_good(request, token) { Heard::Active } else { Heard::Inactive })
            }
            Act::EndAccess { request, token } => self.done(|next| next.requests[request].access[token].ended = true),
            Act::EndRefresh { request, .. } => self.done(|next| next.end_family(request)),
            Act::Enrol { user, .. } if !self.is_active(user) => self.same(Heard::NotTaken),
            Act::Enrol { user, .. } => self.done(|next| {
                next.phones.push(Phone { user, active: true, trusted_until: i64::MAX });
            }),
            Act::Leave { phone } | Act::Revoke { phone } => self.done(|next| next.end_phone(phone, next.now)),
            Act::Stand { user, standing } => self.done(|next| next.users[user].standing = standing),
            Act::PushArrives { .. }
            | Act::Endpoint { .. }
            | Act::Channel { .. }
            | Act::RestartPhone { .. }
            | Act::Restart
            | Act::Sweep
            | Act::Deliver => self.same(Heard::Done),
            Act::Pass { seconds } => self.done(|next| next.now += seconds * 1_000),
        }
    }

    fn same(&self, heard: Heard) -> Outcomes {
        vec![(heard, self.clone())]
    }

    fn then(&self, heard: Heard, change: impl FnOnce(&mut Self)) -> Outcomes {
        let mut next = self.clone();
        change(&mut next);
        vec![(heard, next)]
    }

    fn done(&self, change: impl FnOnce(&mut Self)) -> Outcomes {
        self.then(Heard::Done, change)
    }

    // ---------------------------------------------------------------------------------------------------- asking

    fn ask(&self, user: usize, client: usize, delivery: Delivery, life: i64) -> Outcomes {
        let phones: BTreeSet<usize> = (0..self.phones.len())
            .filter(|phone| self.phones[*phone].user == user && self.phones[*phone].active)
            .collect();
        let may = self.is_active(user) && (!phones.is_empty() || self.users[user].ghost);
        let refused = self.same(Heard::Refused);
        if !may {
            return refused;
        }
        let expires_at = self.now + life * 1_000;
        // Two polls and two seconds before the end, or three quarters of a short life; in whole seconds.
        let answer_until = (expires_at - 12_000.min(life * 250)).div_euclid(1_000) * 1_000;
        let request = Request {
            user,
            client,
            delivery,
            expires_at,
            answer_until,
            keep_until: expires_at + AFTER_LIFE * 1_000,
            phones,
            answers: Vec::new(),
            answered: BTreeSet::new(),
            unheard: BTreeSet::new(),
            told_expired: false,
            state: State::Pending,
            access: Vec::new(),
            family: None,
        };
        let mut outcomes = self.then(Heard::Accepted, |next| next.requests.push(request));
        if self.limits {
            outcomes.extend(refused);
        }
        outcomes
    }

    fn look(&self, phone: usize) -> Outcomes {
        if !self.phones[phone].active {
            return self.same(Heard::NotTaken);
        }
        let awaits = |request: &usize| {
            let asked = &self.requests[*request];
            let open = asked.state == State::Pending && self.now < asked.answer_until;
            open && asked.phones.contains(&phone) && !asked.answered.contains(&phone)
        };
        self.same(Heard::Listed((0..self.requests.len()).filter(awaits).collect()))
    }

    // ------------------------------------------------------------------------------------------------- answering

    fn answer(&self, phone: usize, request: usize, word: Word) -> Outcomes {
        let asked = &self.requests[request];
        let refused = self.same(Heard::NotTaken);
        // The same bytes again: what was said of them is said again, as long as both remember, and changes nothing.
        if let Some((.., heard)) = asked.answers.iter().find(|(by, said, _)| (*by, *said) == (phone, word)) {
            return [self.same(heard.clone()), refused].concat();
        }
        if !self.phones[phone].active {
            return refused;
        }
        let Some((heard, mut next)) = self.judged(phone, request, word) else { return refused };
        next.requests[request].answers.push((phone, word, heard.clone()));
        let may_refuse = word == Word::Approve && asked.unheard.contains(&phone);
        [vec![(heard, next)], if may_refuse { refused } else { Vec::new() }].concat()
    }

    /// What a new answer does, where it may be given at all.
    fn judged(&self, phone: usize, request: usize, word: Word) -> Option<(Heard, Self)> {
        let asked = &self.requests[request];
        // What was said stands until the prompt's time is over; taking it back is possible for longer.
        let until = match (asked.state, word) {
            (State::Redeemed { issued_at, .. }, Word::DenyNotMe) => issued_at + DISPUTE * 1_000,
            (State::Approved { .. }, Word::DenyNotMe | Word::DenyWrongDetails | Word::DenyCancelled) => {
                asked.expires_at
            }
            _ => asked.answer_until,
        };
        let in_time = self.now < until;
        if !(self.is_active(asked.user) && asked.phones.contains(&phone) && in_time) {
            return None;
        }
        let (heard, state) = match (asked.state, word) {
            (State::Pending, Word::Approve) => (Heard::Approved, State::Approved { phone, at: self.now }),
            (State::Approved { .. }, Word::Approve) => (Heard::Approved, asked.state),
            (State::Pending | State::Approved { .. } | State::Denied, _) if word != Word::Approve => {
                (Heard::Denied, State::Denied)
            }
            (State::Redeemed { .. }, Word::DenyNotMe) => (Heard::Disputed, asked.state),
            _ => return None,
        };
        let mut next = self.clone();
        if let (Heard::Disputed, State::Redeemed { phone: approver, .. }) = (&heard, state) {
            next.end_family(request);
            next.end_phone(approver, i64::MIN);
        }
        next.requests[request].state = state;
        next.requests[request].answered.insert(phone);
        Some((heard, next))
    }

    fn forge(&self, phone: usize, request: usize, how: Forgery) -> Outcomes {
        match (how, self.judged(phone, request, Word::Approve)) {
            // Two of this phone: nobody knows which one is the user's.
            (Forgery::Cloned, Some((_, next))) if self.phones[phone].active => {
                let mut outcomes = self.then(Heard::NotTaken, |next| next.end_phone(phone, i64::MIN));
                // The counter was said to a server that died before it kept it.
                outcomes.push((Heard::Taken, next));
                outcomes
            }
            _ => self.same(Heard::NotTaken),
        }
    }

    // ------------------------------------------------------------------------------------------------ collecting

    fn collect(&self, client: usize, request: usize) -> Outcomes {
        let asked = &self.requests[request];
        if Delivery::of(client) == Delivery::Push {
            return self.same(Heard::NotForIt);
        }
        if client != asked.client || self.now >= asked.keep_until {
            return self.same(Heard::Gone);
        }
        let expired = self.now >= asked.expires_at;
        match asked.state {
            State::Pending | State::Approved { .. } if expired => self.same(Heard::Expired),
            State::Pending => self.same(Heard::Pending),
            State::Approved { phone, at } if self.may_issue(asked.user, phone) => {
                self.then(Heard::Tokens, |next| next.issue(request, phone, at))
            }
            State::Approved { .. } | State::Denied | State::Cancelled { .. } => self.same(Heard::Denied),
            State::Redeemed { .. } => self.same(Heard::Gone),
        }
    }

    fn cancel(&self, request: usize) -> Outcomes {
        let asked = &self.requests[request];
        if self.now >= asked.keep_until {
            return self.same(Heard::Gone);
        }
        match asked.state {
            State::Pending if self.now < asked.expires_at => {
                self.done(|next| next.requests[request].state = State::Cancelled { by_client: true })
            }
            State::Cancelled { .. } => self.same(Heard::Done),
            _ => self.same(Heard::NotTaken),
        }
    }

    fn issue(&mut self, request: usize, phone: usize, at: i64) {
        let now = self.now;
        let asked = &mut self.requests[request];
        asked.state = State::Redeemed { phone, at, issued_at: now };
        asked.keep_until = asked.keep_until.max(now + DISPUTE * 1_000);
        asked.access.push(Access { ends_at: now + ACCESS_TOKEN_LIFE * 1_000, ended: false });
        asked.family = Some(Family { newest: 0, previous_until: now, ended: false });
    }

    // -------------------------------------------------------------------------------------------------- delivering

    /// What clients were told in one round, each by itself.
    fn told(&self, told: &[(usize, Told)]) -> Option<Self> {
        let mut next = self.clone();
        for (request, told) in told {
            next.hear(*request, *told)?;
        }
        Some(next)
    }

    fn hear(&mut self, request: usize, told: Told) -> Option<()> {
        let asked = &self.requests[request];
        let expired = self.now >= asked.expires_at;
        match (asked.delivery, told, asked.state) {
            (Delivery::Ping, Told::Ping, State::Pending) => (expired || asked.told_expired).then_some(())?,
            (Delivery::Ping, Told::Ping, State::Cancelled { by_client: true }) => asked.told_expired.then_some(())?,
            (Delivery::Ping, Told::Ping, _) => return Some(()),
            (Delivery::Push, Told::Tokens, State::Approved { phone, at }) => {
                (!expired && self.may_issue(asked.user, phone)).then_some(())?;
                self.issue(request, phone, at);
                return Some(());
            }
            (Delivery::Push, Told::Tokens, State::Redeemed { .. }) => return Some(()),
            (Delivery::Push, Told::Denied, State::Denied | State::Cancelled { by_client: false }) => return Some(()),
            (Delivery::Push, Told::Denied, State::Approved { phone, .. }) => {
                (!expired && !self.may_issue(asked.user, phone)).then_some(())?;
                self.requests[request].state = State::Cancelled { by_client: false };
                return Some(());
            }
            (Delivery::Push, Told::Expired, _) => (expired || asked.told_expired).then_some(())?,
            _ => return None,
        }
        self.requests[request].told_expired = true;
        Some(())
    }

    /// A worker that died may have decided about any approval, whether or not its client was told.
    fn maybe_minted(&self) -> Vec<Self> {
        let mut models = vec![self.clone()];
        for request in 0..self.requests.len() {
            let decided: Vec<Self> = models
                .iter()
                .flat_map(|model| [Told::Tokens, Told::Denied].map(|told| model.told(&[(request, told)])))
                .flatten()
                .collect();
            models.extend(decided);
            models = distinct(models);
        }
        models
    }

    // -------------------------------------------------------------------------------------------------- refreshing

    fn refresh(&self, request: usize, position: usize) -> Outcomes {
        let asked = &self.requests[request];
        let Some(family) = asked.family.as_ref().filter(|family| !family.ended) else { return self.same(Heard::Gone) };
        let newest = position == family.newest;
        let previous = position + 1 == family.newest && self.now < family.previous_until;
        if !(newest || previous) {
            return self.then(Heard::Gone, |next| next.end_family(request));
        }
        if !self.approval_stands(request) {
            return self.same(Heard::Gone);
        }
        self.then(Heard::Tokens, |next| {
            let now = next.now;
            let asked = &mut next.requests[request];
            asked.access.push(Access { ends_at: now + ACCESS_TOKEN_LIFE * 1_000, ended: false });
            if let Some(family) = asked.family.as_mut().filter(|_| newest) {
                family.newest += 1;
                family.previous_until = now + GRACE * 1_000;
            }
        })
    }

    fn is_good(&self, request: usize, token: usize) -> bool {
        let asked = &self.requests[request];
        let access = &asked.access[token];
        let family_lives = asked.family.as_ref().is_some_and(|family| !family.ended);
        !access.ended && self.now < access.ends_at && family_lives && self.approval_stands(request)
    }

    // ------------------------------------------------------------------------------------------------------ whether

    fn is_active(&self, user: usize) -> bool {
        self.users[user].standing == Standing::Active
    }

    /// Whether an approval by this phone can become tokens now.
    fn may_issue(&self, user: usize, phone: usize) -> bool {
        self.is_active(user) && self.phones[phone].active
    }

    /// Whether what was issued on an approval still counts.
    fn approval_stands(&self, request: usize) -> bool {
        let asked = &self.requests[request];
        let State::Redeemed { phone, at, .. } = asked.state else { return false };
        self.is_active(asked.user) && at < self.phones[phone].trusted_until
    }

    fn end_phone(&mut self, phone: usize, trusted_until: i64) {
        let phone = &mut self.phones[phone];
        if phone.active {
            phone.active = false;
            phone.trusted_until = trusted_until;
        }
    }

    fn end_family(&mut self, request: usize) {
        if let Some(family) = &mut self.requests[request].family {
            family.ended = true;
        }
    }
}

/// Each once.
pub(crate) fn distinct(models: Vec<Model>) -> Vec<Model> {
    let mut distinct: Vec<Model> = Vec::new();
    for model in models {
        if !distinct.contains(&model) {
            distinct.push(model);
        }
    }
    distinct
}
