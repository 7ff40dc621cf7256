//! One whole flow, from the request to the tokens, in one of three modes. Every call of the phone is proven and signed as by
//! a real one. Anything but the expected answer ends the program.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use protocol::messages::{Answer, Outcome};
use serde_json::{Value, json};
use tests::process::http::{Connection, Lost};
use tests::process::now;
use tests::process::party::{Party, Polled};

use crate::notified::Notified;
use crate::{Times, User};

/// Between two polls of a request, in seconds: the shortest that a realm can have.
pub const INTERVAL: u64 = 1;

/// For how long a poll is on its way, and held, before its request is decided.
const HELD_FOR: Duration = Duration::from_millis(50);

const TOKEN: &str = "8d67dc78-7faa-4d41-aabd-67707b374255";

/// How the client learns of the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// It polls once before the decision, and once after it.
    Poll,
    /// It is pinged, and collects.
    Ping,
    /// It polls once, then again when the interval is over; that poll is held until the decision.
    LongPoll,
}

/// The server closes a connection on which nobody has asked for ten seconds.
const IDLE: Duration = Duration::from_secs(5);

/// What is needed for one flow at a time: somebody to ask, and connections of their own.
pub struct Lane {
    user: User,
    public: SocketAddr,
    asking: Connection,
    phone: Connection,
    used: Instant,
}

impl Lane {
    /// Opens the connections.
    pub async fn open(user: User, public: SocketAddr) -> Result<Self, Lost> {
        let (asking, phone) = (Connection::open(public).await?, Connection::open(public).await?);
        Ok(Self { user, public, asking, phone, used: now() })
    }

    async fn freshen(&mut self) -> Result<(), Lost> {
        if now().duration_since(self.used) > IDLE {
            (self.asking, self.phone) = (Connection::open(self.public).await?, Connection::open(self.public).await?);
        }
        self.used = now();
        Ok(())
    }
}

/// The client.
#[derive(Clone)]
pub struct Asker {
    mode: Mode,
    party: Party,
    notified: Notified,
}

/// What a client of a mode registers.
#[must_use]
pub fn metadata(mode: Mode, notified: &Notified) -> Value {
    match mode {
        Mode::Poll => json!({}),
        Mode::Ping => json!({
            "backchannel_token_delivery_mode": "ping",
            "backchannel_client_notification_endpoint": notified.url(),
        }),
        Mode::LongPoll => json!({ "long_poll": 25 }),
    }
}

/// What is counted, by endpoint, and what the client waits for.
#[derive(Default)]
pub struct Counted {
    begin: Times,
    pending: Times,
    prompts: Times,
    decision: Times,
    redeem: Times,
    /// From the moment the phone began to send its decision,
    since_sent: Times,
    /// and from the moment it had its answer, to the ping's arrival or the held poll's answer.
    since_answered: Times,
}

impl Counted {
    /// Adds what another flow counted.
    pub fn add(&mut self, other: Self) {
        self.begin.add(other.begin);
        self.pending.add(other.pending);
        self.prompts.add(other.prompts);
        self.decision.add(other.decision);
        self.redeem.add(other.redeem);
        self.since_sent.add(other.since_sent);
        self.since_answered.add(other.since_answered);
    }

    /// A table, one line for each that was called.
    #[must_use]
    pub fn table(&self) -> String {
        let lines = [
            ("POST /backchannel/authenticate", &self.begin),
            ("POST /token (pending)", &self.pending),
            ("GET  /device/v1/prompts", &self.prompts),
            ("POST /device/v1/prompts/…/decision", &self.decision),
            ("POST /token (redemption)", &self.redeem),
            ("decision sent → client knows", &self.since_sent),
            ("decision answered → client knows", &self.since_answered),
        ];
        let lines = lines.into_iter().filter(|(_, times)| !times.is_empty());
        let lines = lines.map(|(name, times)| times.line(name));
        std::iter::once(Times::heading()).chain(lines).collect::<Vec<_>>().join("\n")
    }

    /// The client knew then what the phone sent and was answered then.
    pub fn known(&mut self, knew: Instant, sent: Instant, answered: Instant) {
        self.since_sent.note(knew.duration_since(sent));
        // The client may well be told before the phone is.
        self.since_answered.note(knew.saturating_duration_since(answered));
    }
}

impl Asker {
    /// A client that was registered with [`metadata`].
    #[must_use]
    pub const fn new(mode: Mode, party: Party, notified: Notified) -> Self {
        Self { mode, party, notified }
    }

    /// Runs one flow.
    ///
    /// # Panics
    /// If the server answers anything but what it must.
    pub async fn flow(&self, lane: &mut Lane, counted: &mut Counted) -> Result<(), Lost> {
        let Self { mode, party, notified } = self;
        lane.freshen().await?;
        let asked = begin(party, *mode, lane, counted).await?;
        if *mode != Mode::Ping {
            let polled = counted.pending.of(party.poll(&mut lane.asking, &asked)).await?;
            assert_eq!(polled, Polled::Pending);
        }
        if *mode == Mode::LongPoll {
            tokio::time::sleep(Duration::from_secs(INTERVAL)).await;
        }
        let Lane { user, asking, phone, .. } = lane;
        let prompts = counted.prompts.of(user.phone.prompts(phone, 0)).await?;
        let [prompt] = &prompts[..] else { panic!("one prompt is pending, not {}", prompts.len()) };
        let decided = user.phone.decide(prompt, Answer::Approve);
        let arrival = notified.arrival(&asked);
        let mut sends = async |before: Duration| {
            if !before.is_zero() {
                tokio::time::sleep(before).await;
            }
            let sent = now();
            let outcome = user.phone.send(phone, &decided).await?;
            assert_eq!(outcome, Ok(Outcome::Approved));
            Ok::<_, Lost>((sent, now()))
        };
        let polls = async {
            let polled = party.poll(asking, &asked).await?;
            assert!(matches!(polled, Polled::Tokens(_)), "{polled:?}");
            Ok::<_, Lost>(now())
        };
        let (sent, answered) = if *mode == Mode::LongPoll {
            let (knew, told) = tokio::try_join!(polls, sends(HELD_FOR))?;
            counted.known(knew, told.0, told.1);
            told
        } else {
            let (sent, answered) = sends(Duration::ZERO).await?;
            if *mode == Mode::Ping {
                counted.known(arrival.await.expect("it is awaited"), sent, answered);
            }
            let begun = now();
            counted.redeem.note(polls.await?.duration_since(begun));
            (sent, answered)
        };
        counted.decision.note(answered.duration_since(sent));
        Ok(())
    }
}

async fn begin(party: &Party, mode: Mode, lane: &mut Lane, counted: &mut Counted) -> Result<String, Lost> {
    const MESSAGE: &str = "Order 4711 over 12.50 EUR";
    let begun = match mode {
        Mode::Ping => counted.begin.of(party.begin_told(&mut lane.asking, &lane.user.name, MESSAGE, TOKEN)).await?,
        Mode::Poll | Mode::LongPoll => {
            counted.begin.of(party.begin(&mut lane.asking, &lane.user.name, MESSAGE)).await?
        }
    };
    Ok(begun.auth_req_id)
}
