//! Plays a sequence: every act is done for real, and what is heard of it must be foreseen by a model that may be true.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::pin::pin;
use std::time::Duration;

use server::domain::audit::{NotificationFate, What};
use server::domain::names::RequestKey;
use server::domain::time::Timestamp;

use crate::act::{Act, Delivery, Heard, Told};
use crate::events::{Event, Sequence, Standing};
use crate::gate::{Plant, Stopping};
use crate::model::{AFTER_LIFE, Model, Phone, Request, State, User, distinct};
use crate::perform::perform;
use crate::stage::{Brought, PHONES, Stage, USERS};

/// More models than this are not followed: the sequence is cut there.
const MOST_MODELS: usize = 512;

/// No call takes longer, except for ever.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often what was heard.
pub(crate) type Tally = BTreeMap<&'static str, usize>;

struct Play {
    stage: Stage,
    models: Vec<Model>,
    tally: Tally,
}

/// Plays it to its end; the text says what was wrong.
pub(crate) async fn play(sequence: &Sequence, plant: Plant) -> Result<Tally, String> {
    let stage = Stage::set(sequence, plant).await;
    let first = Model {
        now: stage.world.now().unix_millis(),
        limits: sequence.limits,
        users: USERS.iter().map(|_| User { standing: Standing::Active, ghost: false }).collect(),
        phones: PHONES.iter().map(|(user, _)| Phone { user: *user, active: true, trusted_until: i64::MAX }).collect(),
        requests: Vec::new(),
    };
    let mut play = Play { stage, models: vec![first], tally: Tally::new() };
    let played = play.all(sequence).await;
    if played.is_err() {
        // What is left undelivered is not the reason.
        play.stage.world.dies();
    }
    played.map(|()| play.tally)
}

impl Play {
    async fn all(&mut self, sequence: &Sequence) -> Result<(), String> {
        for (number, event) in sequence.events.iter().enumerate() {
            let happened = tokio::time::timeout(PATIENCE, self.happen(event)).await;
            happened
                .unwrap_or_else(|_| Err("it does not end".to_owned()))
                .map_err(|why| format!("event {number}: {why}"))?;
            if self.models.len() > MOST_MODELS {
                self.count("cut");
                break;
            }
        }
        self.end().await.map_err(|why| format!("at the end: {why}"))
    }

    async fn happen(&mut self, event: &Event) -> Result<(), String> {
        match event {
            Event::During { event, step, other } => match (self.stage.act(event), self.stage.act(other)) {
                (Some(act), Some(other)) if apart(&act, &other) => self.during(&act, *step, &other).await,
                _ => {
                    self.one(event).await?;
                    self.one(other).await
                }
            },
            Event::Crash { event, step } => match self.stage.act(event) {
                Some(act) => self.crash(&act, *step).await,
                None => Ok(()),
            },
            event => self.one(event).await,
        }
    }

    async fn one(&mut self, event: &Event) -> Result<(), String> {
        if let Event::Answer { phone, looks: true, .. } = *event {
            self.one_act(&Event::Look { phone }).await?;
        }
        self.one_act(event).await
    }

    async fn one_act(&mut self, event: &Event) -> Result<(), String> {
        match self.stage.act(event) {
            Some(act) => self.act(&act).await,
            None => Ok(()),
        }
    }

    async fn act(&mut self, act: &Act) -> Result<(), String> {
        match act {
            Act::Restart => self.stage.world.restart().await,
            Act::RestartPhone { phone } => {
                let handset = &mut self.stage.phones[*phone];
                handset.phone = handset.phone.restarted(tests::ISSUER);
            }
            _ => {}
        }
        let (heard, brought) = perform(&self.stage, act).await;
        self.settle(act, heard, brought)
    }

    /// One act came to its end alone.
    fn settle(&mut self, act: &Act, heard: Heard, brought: Brought) -> Result<(), String> {
        self.take(act, &heard, brought)?;
        let heard = if *act == Act::Deliver { Heard::Told(self.calls()?) } else { heard };
        let models = self.models.iter().flat_map(|model| model.after(act, &heard)).collect();
        self.follow(models, || format!("{act:?} was answered {heard:?}"))
    }

    /// Holds one act before one of its steps, and does another one meanwhile.
    async fn during(&mut self, act: &Act, step: u8, other: &Act) -> Result<(), String> {
        let Stopping { reached, release } = self.stage.gate.stop_after(step.into());
        let (came, meanwhile) = {
            let mut held = pin!(perform(&self.stage, act));
            tokio::select! {
                biased;
                came = &mut held => (came, None),
                Ok(()) = reached => {
                    let meanwhile = perform(&self.stage, other).await;
                    drop(release);
                    (held.await, Some(meanwhile))
                }
            }
        };
        self.stage.gate.open();
        let Some(meanwhile) = meanwhile else {
            self.settle(act, came.0, came.1)?;
            return self.act(other).await;
        };
        self.count("during");
        self.take(act, &came.0, came.1)?;
        self.take(other, &meanwhile.0, meanwhile.1)?;
        let told = self.calls()?;
        let in_turn = |model: &Model, first: (&Act, &Heard), second: (&Act, &Heard)| -> Vec<Model> {
            model.after(first.0, first.1).iter().flat_map(|next| next.after_begun(model, second.0, second.1)).collect()
        };
        let (one, two) = ((act, &came.0), (other, &meanwhile.0));
        let mut models = Vec::new();
        for model in &self.models {
            match (act, other) {
                (Act::Deliver, Act::Deliver) => models.extend(model.after(act, &Heard::Told(told.clone()))),
                // Every client is told by itself, before or after the other act.
                (Act::Deliver, _) => models.extend(told_around(model, &told, two)),
                (_, Act::Deliver) => models.extend(told_around(model, &told, one)),
                _ => models.extend([in_turn(model, one, two), in_turn(model, two, one)].concat()),
            }
        }
        self.follow(models, || {
            format!("{act:?} was answered {:?}, and during it {other:?} {:?}; told: {told:?}", one.1, two.1)
        })
    }

    /// Ends the process before a step of an act.
    async fn crash(&mut self, act: &Act, step: u8) -> Result<(), String> {
        let Stopping { reached, release } = self.stage.gate.stop_after(step.into());
        let came = {
            let mut held = pin!(perform(&self.stage, act));
            tokio::select! {
                biased;
                came = &mut held => Some(came),
                Ok(()) = reached => None,
            }
        };
        self.stage.gate.open();
        drop(release);
        if let Some((heard, brought)) = came {
            self.settle(act, heard, brought)?;
        } else {
            self.count("crash");
            let told = self.calls()?;
            let models = self.models.iter().flat_map(|model| model.cut_off(act));
            let models = models.flat_map(|model| model.after(&Act::Deliver, &Heard::Told(told.clone()))).collect();
            self.follow(models, || format!("{act:?} was cut off; told: {told:?}"))?;
        }
        // What was cut off lets go of the store.
        for _ in 0..16 {
            tokio::task::yield_now().await;
        }
        self.stage.world.restart().await;
        Ok(())
    }

    fn take(&mut self, act: &Act, heard: &Heard, brought: Brought) -> Result<(), String> {
        self.count(name(heard));
        if let (Act::Answer { phone, .. }, Heard::Approved | Heard::Denied | Heard::Disputed) = (act, heard) {
            self.stage.phones[*phone].answered = true;
        }
        if *act == Act::Sweep {
            self.stage.swept_at = Some(self.stage.world.now().unix_millis());
        }
        self.stage.take(brought)
    }

    /// What clients were told, whose tokens are taken.
    fn calls(&mut self) -> Result<Vec<(usize, Told)>, String> {
        let (told, brought) = self.stage.read_calls();
        brought.into_iter().try_for_each(|brought| self.stage.take(brought))?;
        self.tally.entry("told").and_modify(|count| *count += told.len()).or_insert(told.len());
        Ok(told)
    }

    /// Goes on with the models that may be true.
    fn follow(&mut self, models: Vec<Model>, what: impl FnOnce() -> String) -> Result<(), String> {
        let models = distinct(models);
        if models.is_empty() {
            let mut text = what();
            for model in &self.models {
                let _ = write!(text, "\nwhich does not follow from {model:?}");
            }
            return Err(text);
        }
        self.models = models;
        Ok(())
    }

    fn count(&mut self, what: &'static str) {
        *self.tally.entry(what).or_default() += 1;
    }

    /// Lets everything run out: every client is told, or given up, in its time.
    async fn end(&mut self) -> Result<(), String> {
        self.act(&Act::Deliver).await?;
        // Longer than any life that is left, however often the clock was set back.
        self.act(&Act::Pass { seconds: 5_000 }).await?;
        self.act(&Act::Deliver).await?;
        while let Some(due) = self.stage.world.next_push().await {
            let millis = due.unix_millis() - self.stage.world.now().unix_millis();
            self.act(&Act::Pass { seconds: millis.max(0).div_euclid(1_000) + 1 }).await?;
            self.act(&Act::Deliver).await?;
        }
        let provider = self.stage.world.provider();
        let events = provider.store().audit(provider.id(), 100_000).await.map_err(|error| error.to_string())?;
        let mut trails: BTreeMap<String, Trail> = BTreeMap::new();
        for event in &events {
            let Some(request) = event.what.request() else { continue };
            trails.entry(request.to_string()).or_default().note(&event.what, event.at);
        }
        let swept_at = self.stage.swept_at;
        trails.values().try_for_each(|trail| trail.judge(swept_at.is_some()))?;
        let agrees = |model: &Model| {
            self.stage.requests.iter().zip(&model.requests).try_for_each(|(asked, known)| {
                let trail = trails.get(&RequestKey::of(&asked.auth_req_id).to_string());
                trail.ok_or("a request has no trail")?.judge_known(known, swept_at)
            })
        };
        // Of some that may be true, the trail knows which one is.
        let judged: Vec<Result<(), String>> = self.models.iter().map(agrees).collect();
        if judged.iter().any(Result::is_ok) { Ok(()) } else { judged.into_iter().collect() }
    }
}

/// What the audit trail says of one request.
#[derive(Default)]
struct Trail {
    delivery: Option<Delivery>,
    redeemed: usize,
    cancelled: bool,
    fates: Vec<(NotificationFate, Timestamp)>,
    /// Whether anything but pushes is told of it.
    is_of_a_client: bool,
}

impl Trail {
    fn note(&mut self, what: &What, at: Timestamp) {
        self.is_of_a_client |= !matches!(what, What::PushConcluded { .. } | What::PushWithheld { .. });
        match what {
            What::RequestAccepted { client, .. } => {
                self.delivery = Some(match client.as_str() {
                    "bell" => Delivery::Ping,
                    "bank" => Delivery::Push,
                    _ => Delivery::Poll,
                });
            }
            What::RequestRedeemed { .. } => self.redeemed += 1,
            What::RequestCancelled { .. } => self.cancelled = true,
            What::ClientNotified { fate, .. } => self.fates.push((*fate, at)),
            _ => {}
        }
    }

    fn judge(&self, swept: bool) -> Result<(), String> {
        if self.redeemed > 1 {
            return Err(format!("tokens were issued {} times", self.redeemed));
        }
        let told = self.fates.len();
        match self.delivery {
            Some(Delivery::Poll) if told > 0 => Err("a poll client was told".to_owned()),
            // Its client withdrew it and needs no telling, unless it was told before that its life was over; or nobody
            // worked on the outbox until there was no more time, and the sweep took the message away.
            Some(Delivery::Ping | Delivery::Push) if told > 1 || told == 0 && !(self.cancelled || swept) => {
                Err(format!("a client was neither told nor given up once, but {told} times"))
            }
            Some(_) => Ok(()),
            // A prompt of the server's own.
            None if !self.is_of_a_client => Ok(()),
            None => Err("a request was never accepted".to_owned()),
        }
    }

    fn judge_known(&self, known: &Request, swept_at: Option<i64>) -> Result<(), String> {
        let redeemed = matches!(known.state, State::Redeemed { .. });
        if redeemed != (self.redeemed == 1) {
            return Err(format!("{known:?} was redeemed {} times", self.redeemed));
        }
        let window = known.expires_at + AFTER_LIFE * 1_000;
        let is_owed = known.delivery != Delivery::Poll && !self.cancelled && swept_at.is_none_or(|at| at < window);
        if is_owed && self.fates.is_empty() {
            return Err(format!("a client was neither told of {known:?} nor given up"));
        }
        let late = |(fate, at): &(NotificationFate, Timestamp)| {
            *fate == NotificationFate::Delivered && at.unix_millis() >= window
        };
        if self.fates.iter().any(late) { Err(format!("a client was told of {known:?} too late")) } else { Ok(()) }
    }
}

/// Clients are told of some before the other act, of the rest after it.
fn told_around(model: &Model, told: &[(usize, Told)], (act, heard): (&Act, &Heard)) -> Vec<Model> {
    let mut models = Vec::new();
    for chosen in 0..1_u32 << told.len().min(8) {
        let before = |place: usize| chosen >> place & 1 == 1;
        let part = |wanted: bool| {
            let part = told.iter().enumerate().filter(|(place, _)| before(*place) == wanted);
            Heard::Told(part.map(|(_, told)| *told).collect())
        };
        let first = model.after(&Act::Deliver, &part(true));
        let acted = first.iter().flat_map(|next| next.after_begun(model, act, heard));
        models.extend(acted.flat_map(|model| model.after(&Act::Deliver, &part(false))));
    }
    models
}

/// Whether two acts can be under way at once: a phone does one thing at a time, and what is made gets its number in turn.
fn apart(one: &Act, other: &Act) -> bool {
    let same_phone = phone(one).is_some() && phone(one) == phone(other);
    let is_maker = |act: &Act| matches!(act, Act::Ask { .. } | Act::Enrol { .. });
    !(same_phone || is_maker(one) && is_maker(other))
}

const fn phone(act: &Act) -> Option<usize> {
    match act {
        Act::Look { phone } | Act::Answer { phone, .. } | Act::Forge { phone, .. } | Act::Leave { phone } => {
            Some(*phone)
        }
        _ => None,
    }
}

const fn name(heard: &Heard) -> &'static str {
    match heard {
        Heard::Done => "done",
        Heard::Accepted => "accepted",
        Heard::Refused => "refused",
        Heard::Listed(_) => "listed",
        Heard::Approved => "approved",
        Heard::Denied => "denied",
        Heard::Disputed => "disputed",
        Heard::Taken => "taken",
        Heard::NotTaken => "not taken",
        Heard::Tokens => "tokens",
        Heard::Pending => "pending",
        Heard::Expired => "expired",
        Heard::Gone => "gone",
        Heard::NotForIt => "not for it",
        Heard::Active => "good",
        Heard::Inactive => "not good",
        Heard::Nonsense(_) => "nonsense",
        Heard::Told(_) => "told",
    }
}
