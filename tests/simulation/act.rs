//! An event with names in place of numbers, and what is heard of it.

use std::collections::BTreeSet;

use crate::events::{Forgery, Mood, Standing, Word};

/// What is done, and to whom: indexes of users, clients, phones, requests and tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Act {
    Ask { user: usize, client: usize, delivery: Delivery, life: i64 },
    Look { phone: usize },
    PushArrives { push: usize },
    Answer { phone: usize, request: usize, word: Word },
    Forge { phone: usize, request: usize, how: Forgery },
    Collect { client: usize, request: usize },
    Cancel { request: usize },
    Deliver,
    Refresh { request: usize, position: usize },
    Use { request: usize, token: usize },
    EndAccess { request: usize, token: usize },
    EndRefresh { request: usize },
    Enrol { user: usize, pushes: bool },
    Leave { phone: usize },
    Revoke { phone: usize },
    Stand { user: usize, standing: Standing },
    Endpoint { client: usize, mood: Mood },
    Channel { mood: Mood },
    RestartPhone { phone: usize },
    Restart,
    Pass { seconds: i64 },
    Sweep,
}

/// How a client learns of outcomes. There is one client of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    Poll,
    Ping,
    Push,
}

impl Delivery {
    pub(crate) const ALL: [Self; 3] = [Self::Poll, Self::Ping, Self::Push];

    pub(crate) const fn of(client: usize) -> Self {
        Self::ALL[client]
    }
}

/// What is heard of an act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It was done, and there is nothing to say.
    Done,
    /// A request was accepted.
    Accepted,
    /// A request was refused.
    Refused,
    /// These requests await an answer on this phone.
    Listed(BTreeSet<usize>),
    /// An answer was taken, and the request is approved.
    Approved,
    /// An answer was taken, and the request is denied; or the client is told so.
    Denied,
    /// An answer was taken, and the request is disputed.
    Disputed,
    /// A forged answer was taken.
    Taken,
    /// It was refused.
    NotTaken,
    /// Tokens came.
    Tokens,
    /// Nobody has answered.
    Pending,
    /// The request's life is over.
    Expired,
    /// `invalid_grant`
    Gone,
    /// This client has nothing to collect.
    NotForIt,
    /// A token is good.
    Active,
    /// A token is not.
    Inactive,
    /// What nobody should ever hear.
    Nonsense(String),
    /// Clients were told so of these requests.
    Told(Vec<(usize, Told)>),
}

/// What a client is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// That there is an outcome.
    Ping,
    /// Its tokens.
    Tokens,
    /// `access_denied`
    Denied,
    /// `expired_token`
    Expired,
    /// Anything else.
    Nonsense,
}
