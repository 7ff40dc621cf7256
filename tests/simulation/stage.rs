//! The world that a sequence happens in: the real server and phones, three clients, and what was handed to each so far.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use async_trait::async_trait;
use device_core::{ApprovalRequest, Platform, PushTarget};
use protocol::Digest;
use protocol::digest::request_digest;
use protocol::messages::{PushMode, PushTarget as Target};
use serde_json::Value;
use server::domain::delivery::DeliveryMode;
use server::domain::policy::Policy;
use server::outbound::{Courier, Fate, Push};
use simulator::phone::Phone;
use simulator::relying_party::RelyingParty;
use simulator::stand_in::notification::{NotificationStandIn, Reply};
use tempfile::TempDir;
use tests::{ISSUER, Kind, SHOP, SHOP_SECRET, World};

use crate::act::{Act, Delivery, Told};
use crate::events::{Event, Forgery, Mood, Sequence};
use crate::gate::{Gate, Gated, Plant};

/// Subjects of the users.
pub(crate) const USERS: [&str; 2] = ["1001", "1002"];

/// Whose phones there are from the beginning, and whether pushes reach them.
pub(crate) const PHONES: [(usize, bool); 3] = [(0, true), (0, false), (1, true)];

/// Nobody enrols more in one sequence.
const MOST_PHONES: usize = 6;

/// What clients want to be called with.
pub(crate) const TOKEN: &str = "8d67dc78-7faa-4d41-aabd-67707b374255";

pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) gate: Arc<Gate>,
    pub(crate) clients: Vec<RelyingParty>,
    pub(crate) endpoints: Vec<NotificationStandIn>,
    pub(crate) channel: Arc<Channel>,
    pub(crate) phones: Vec<Handset>,
    pub(crate) requests: Vec<Asked>,
    /// When what was past its time was forgotten last.
    pub(crate) swept_at: Option<i64>,
    /// How many calls of each endpoint were looked at.
    pub(crate) calls_read: Vec<usize>,
}

/// A phone, and what it has seen.
pub(crate) struct Handset {
    pub(crate) phone: Phone,
    pub(crate) id: String,
    /// Where pushes reach it.
    pub(crate) token: Option<String>,
    pub(crate) prompts: Vec<(usize, Arc<ApprovalRequest>)>,
    /// Whether an answer of it was taken.
    pub(crate) answered: bool,
}

/// A request, and what its client holds.
pub(crate) struct Asked {
    pub(crate) client: usize,
    pub(crate) auth_req_id: String,
    pub(crate) req: Digest,
    pub(crate) access: Vec<String>,
    pub(crate) refresh: Vec<String>,
}

/// What an act brought, beside the word.
pub(crate) enum Brought {
    Nothing,
    Request { client: usize, auth_req_id: String },
    Tokens { request: usize, tokens: Value, refreshed: Option<usize> },
    Prompts { phone: usize, prompts: Vec<(usize, Arc<ApprovalRequest>)> },
    Phone(Box<Handset>),
}

/// A way of pushes that has moods.
#[derive(Default)]
pub(crate) struct Channel {
    mood: Mutex<Option<Mood>>,
    carried: Mutex<Vec<(String, Value)>>,
}

impl Channel {
    pub(crate) fn behave(&self, mood: Mood) {
        *self.mood.lock().unwrap_or_else(PoisonError::into_inner) = Some(mood);
    }

    /// Token and data of every push that the channel took.
    pub(crate) fn carried(&self) -> Vec<(String, Value)> {
        self.carried.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Courier for Channel {
    async fn carry(&self, push: &Push) -> Fate {
        let mood = *self.mood.lock().unwrap_or_else(PoisonError::into_inner);
        match mood {
            Some(Mood::Fails) => return Fate::Later { retry_after_seconds: None, cause: "simulated" },
            Some(Mood::Refuses) => return Fate::Refused { cause: "simulated" },
            Some(Mood::HangsUp) => return Fate::Gone { cause: "simulated", since: None },
            Some(Mood::Takes) | None => {}
        }
        let data = Value::Object(push.body.members());
        self.carried.lock().unwrap_or_else(PoisonError::into_inner).push((token_of(&push.target), data));
        Fate::Delivered
    }
}

fn token_of(target: &Target) -> String {
    serde_json::to_value(target).map(|target| target.to_string()).unwrap_or_default()
}

/// What every sequence begins with: users, clients and phones, made once and copied.
pub(crate) struct Original {
    directory: TempDir,
    /// Ids of the phones.
    phones: Vec<String>,
}

impl Original {
    /// Makes the one for these rules, the first time. Not to be called inside a runtime then.
    pub(crate) fn of(sequence: &Sequence) -> &'static Self {
        static ORIGINALS: [OnceLock<Original>; 4] = [const { OnceLock::new() }; 4];
        let (limits, wake) = (sequence.limits, sequence.wake);
        ORIGINALS[usize::from(limits) * 2 + usize::from(wake)].get_or_init(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(Self::make(limits, wake))
        })
    }

    async fn make(limits: bool, wake: bool) -> Self {
        let push = if wake { PushMode::Wake } else { PushMode::Sealed };
        let rules = |policy: &mut Policy| (policy.prompt_limits, policy.push) = (limits, push);
        let world = World::builder().on(Kind::Unsynced).policy(rules).make().await;
        for delivery in Delivery::ALL {
            let id = client_id(delivery);
            if id != SHOP {
                world.add_client(id, SHOP_SECRET).await;
            }
            world.edit_client(id, |client| client.refresh = true).await;
        }
        let mut handsets = Vec::new();
        for (number, (user, pushes)) in PHONES.into_iter().enumerate() {
            let wire = Arc::new(world.public().clone());
            let kept = folder(world.directory(), number);
            let phone = Phone::kept_in(&kept, "Phone", ISSUER, wire, world.clock()).await.expect("a phone");
            handsets.push(enrol(&world, phone, user, token(number, pushes)).await.expect("it enrols"));
        }
        // Their users know of the phones that every sequence begins with: no copy carries that news again.
        for Handset { phone, .. } in &handsets {
            for notice in phone.pending().await.expect("the phone asks") {
                phone.approve(&notice).await.expect("it is taken");
            }
        }
        world.deliver().await;
        let phones = handsets.into_iter().map(|handset| handset.id).collect();
        let directory = world.ends();
        Self { directory, phones }
    }
}

/// Where a phone keeps its keys and what it knows.
fn folder(world: &Path, number: usize) -> PathBuf {
    world.join(format!("phone-{number}"))
}

fn token(number: usize, pushes: bool) -> Option<String> {
    pushes.then(|| format!("token-{number}"))
}

const fn client_id(delivery: Delivery) -> &'static str {
    match delivery {
        Delivery::Poll => SHOP,
        Delivery::Ping => "bell",
        Delivery::Push => "bank",
    }
}

/// A new phone of a user, digits and all.
async fn enrol(world: &World, mut phone: Phone, user: usize, token: Option<String>) -> Option<Handset> {
    let target =
        token.clone().map_or(PushTarget::None, |token| PushTarget::FcmToken { platform: Platform::Android, token });
    let ticket = world.admin().create_ticket(USERS[user]).await.ok()?;
    let enrolment = phone.enrol(&ticket, target).await.ok()?;
    let confirmed = world.admin().confirm(&enrolment.account(), &enrolment.digits()?).await.ok()?;
    enrolment.refresh().await.ok()?;
    let id = confirmed["device"].as_str()?.to_owned();
    Some(Handset { phone, id, token, prompts: Vec::new(), answered: false })
}

impl Stage {
    pub(crate) async fn set(sequence: &Sequence, plant: Plant) -> Self {
        let (gate, channel) = (Gate::new(plant), Arc::new(Channel::default()));
        let behind = Arc::clone(&gate);
        let original = Original::of(sequence);
        let world = World::builder()
            .on(Kind::Unsynced)
            .copy_of(original.directory.path())
            .reaching_stand_ins()
            .courier(Arc::clone(&channel) as Arc<dyn Courier>)
            .over_store(move |store| Arc::new(Gated::new(store, Arc::clone(&behind))))
            .make()
            .await;
        let mut stage = Self {
            world,
            gate,
            clients: Vec::new(),
            endpoints: Vec::new(),
            channel,
            phones: Vec::new(),
            requests: Vec::new(),
            swept_at: None,
            calls_read: vec![0; Delivery::ALL.len()],
        };
        for delivery in Delivery::ALL {
            stage.open_endpoint(delivery).await;
        }
        for (number, (_, pushes)) in PHONES.into_iter().enumerate() {
            let (wire, clock) = (Arc::new(stage.world.public().clone()), stage.world.clock());
            let kept = folder(stage.world.directory(), number);
            let phone = Phone::kept_in(&kept, "Phone", ISSUER, wire, clock).await.expect("a phone");
            let (id, token) = (original.phones[number].clone(), token(number, pushes));
            stage.phones.push(Handset { phone, id, token, prompts: Vec::new(), answered: false });
        }
        stage
    }

    async fn open_endpoint(&mut self, delivery: Delivery) {
        let (id, mode) = match delivery {
            Delivery::Poll => (client_id(delivery), DeliveryMode::Poll),
            Delivery::Ping => (client_id(delivery), DeliveryMode::Ping),
            Delivery::Push => (client_id(delivery), DeliveryMode::Push),
        };
        let endpoint = NotificationStandIn::start().await;
        if mode != DeliveryMode::Poll {
            self.world
                .edit_client(id, |client| {
                    client.delivery = mode;
                    client.notification_endpoint = Some(endpoint.url());
                })
                .await;
        }
        self.clients.push(self.world.client(id, SHOP_SECRET).await);
        self.endpoints.push(endpoint);
    }

    /// One more phone of a user.
    pub(crate) async fn enrol(&self, user: usize, pushes: bool) -> Option<Handset> {
        let phone = self.world.new_phone("Phone", ISSUER);
        enrol(&self.world, phone, user, token(self.phones.len(), pushes)).await
    }

    /// The act that an event is here and now; `None` where there is nobody or nothing for it.
    pub(crate) fn act(&self, event: &Event) -> Option<Act> {
        let phone = |back: u8| newest(self.phones.len(), back);
        let request = |back: u8| newest(self.requests.len(), back);
        Some(match *event {
            Event::Ask { client, user, life } => {
                let client = usize::from(client) % self.clients.len();
                let (user, life) = (usize::from(user) % USERS.len(), i64::from(life.seconds()));
                Act::Ask { user, client, delivery: Delivery::of(client), life }
            }
            Event::Look { phone: back } => Act::Look { phone: phone(back)? },
            Event::PushArrives { push } => Act::PushArrives { push: newest(self.channel.carried().len(), push)? },
            Event::Answer { phone: back, prompt, word, .. } => {
                let phone = phone(back)?;
                match self.phones[phone].nth(prompt) {
                    Some(request) => Act::Answer { phone, request, word },
                    None => Act::Look { phone },
                }
            }
            Event::Forge { phone: back, prompt, how } => {
                let phone = phone(back)?;
                let request = match how {
                    Forgery::OthersPrompt => request(prompt)?,
                    _ => self.phones[phone].nth(prompt)?,
                };
                self.seen_by(phone, request, how).map(|_| Act::Forge { phone, request, how })?
            }
            Event::Collect { request: back } => {
                let mut held = (0..self.requests.len())
                    .filter(|request| Delivery::of(self.requests[*request].client) != Delivery::Push);
                let count = held.clone().count();
                let request = held.nth(newest(count, back)?)?;
                Act::Collect { client: self.requests[request].client, request }
            }
            Event::CollectOthers { client, request: back } => {
                Act::Collect { client: usize::from(client) % self.clients.len(), request: request(back)? }
            }
            Event::Cancel { request: back } => Act::Cancel { request: request(back)? },
            Event::Deliver => Act::Deliver,
            Event::Refresh { request: asked, back } => {
                let request = self.holding(asked, |asked| &asked.refresh)?;
                Act::Refresh { request, position: newest(self.requests[request].refresh.len(), back)? }
            }
            Event::Use { request: asked, token } => {
                let request = self.holding(asked, |asked| &asked.access)?;
                Act::Use { request, token: newest(self.requests[request].access.len(), token)? }
            }
            Event::EndAccess { request: asked, token } => {
                let request = self.holding(asked, |asked| &asked.access)?;
                Act::EndAccess { request, token: newest(self.requests[request].access.len(), token)? }
            }
            Event::EndRefresh { request } => {
                Act::EndRefresh { request: self.holding(request, |asked| &asked.refresh)? }
            }
            Event::Enrol { user, pushes } => {
                let user = usize::from(user) % USERS.len();
                (self.phones.len() < MOST_PHONES).then_some(Act::Enrol { user, pushes })?
            }
            Event::Leave { phone: back } => Act::Leave { phone: phone(back)? },
            Event::Revoke { phone: back } => Act::Revoke { phone: phone(back)? },
            Event::Stand { user, standing } => Act::Stand { user: usize::from(user) % USERS.len(), standing },
            Event::Endpoint { client, mood } => {
                Act::Endpoint { client: usize::from(client) % self.clients.len(), mood }
            }
            Event::Channel { mood } => Act::Channel { mood },
            Event::RestartPhone { phone: back } => Act::RestartPhone { phone: phone(back)? },
            Event::Restart => Act::Restart,
            Event::Pass { seconds } => Act::Pass { seconds: i64::from(seconds) },
            // What was forgotten before does not come back with the clock.
            Event::SetBack { seconds } => {
                self.swept_at.is_none().then_some(Act::Pass { seconds: -i64::from(seconds) })?
            }
            Event::Sweep => Act::Sweep,
            Event::During { .. } | Event::Crash { .. } => return None,
        })
    }

    /// A request of which the client holds such tokens.
    fn holding(&self, back: u8, tokens: fn(&Asked) -> &Vec<String>) -> Option<usize> {
        let holding: Vec<usize> =
            (0..self.requests.len()).filter(|request| !tokens(&self.requests[*request]).is_empty()).collect();
        Some(holding[newest(holding.len(), back)?])
    }

    /// Which of these prompts are of requests that a client knows of.
    pub(crate) fn known(&self, prompts: Vec<Arc<ApprovalRequest>>) -> Vec<(usize, Arc<ApprovalRequest>)> {
        let request = |prompt: &ApprovalRequest| {
            let req = prompt.prompt().content().req;
            self.requests.iter().position(|asked| asked.req == req)
        };
        prompts.into_iter().filter_map(|prompt| Some((request(&prompt)?, prompt))).collect()
    }

    /// The phone and the data of a push.
    pub(crate) fn push(&self, push: usize) -> (usize, Value) {
        let (target, data) = self.channel.carried().swap_remove(push);
        let is_of =
            |handset: &Handset| handset.token.as_ref().is_some_and(|token| target.contains(&format!("\"{token}\"")));
        (self.phones.iter().position(is_of).unwrap_or(0), data)
    }

    /// Hands over what an act brought; the text says what is wrong with it.
    pub(crate) fn take(&mut self, brought: Brought) -> Result<(), String> {
        match brought {
            Brought::Nothing => Ok(()),
            Brought::Request { client, auth_req_id } => {
                let req = request_digest(&auth_req_id);
                let (access, refresh) = (Vec::new(), Vec::new());
                self.requests.push(Asked { client, auth_req_id, req, access, refresh });
                Ok(())
            }
            Brought::Tokens { request, tokens, refreshed } => self.requests[request].take(&tokens, refreshed),
            Brought::Prompts { phone, prompts } => {
                self.phones[phone].see(prompts);
                Ok(())
            }
            Brought::Phone(handset) => {
                self.phones.push(*handset);
                Ok(())
            }
        }
    }

    /// What clients were told since this was asked last, and the tokens that were sent them.
    pub(crate) fn read_calls(&mut self) -> (Vec<(usize, Told)>, Vec<Brought>) {
        let (mut told, mut brought) = (Vec::new(), Vec::new());
        for (client, endpoint) in self.endpoints.iter().enumerate() {
            let calls = endpoint.calls();
            for call in &calls[self.calls_read[client]..] {
                let body = call.json();
                let of = |asked: &Asked| body["auth_req_id"] == asked.auth_req_id.as_str();
                let Some(request) = self.requests.iter().position(of) else { continue };
                let what = said(&body, Delivery::of(client));
                let sound = call.fault.is_none() && call.token == TOKEN;
                told.push((request, if sound { what } else { Told::Nonsense }));
                if what == Told::Tokens {
                    brought.push(Brought::Tokens { request, tokens: body, refreshed: None });
                }
            }
            self.calls_read[client] = calls.len();
        }
        (told, brought)
    }

    pub(crate) fn behave(&self, client: usize, mood: Mood) {
        self.endpoints[client].answer_otherwise(match mood {
            Mood::Takes => Reply::NoContent,
            Mood::Fails => Reply::Status(503),
            Mood::Refuses => Reply::Status(400),
            Mood::HangsUp => Reply::HangUp,
        });
    }
}

impl Handset {
    fn see(&mut self, prompts: Vec<(usize, Arc<ApprovalRequest>)>) {
        for (request, prompt) in prompts {
            if self.prompt(request).is_none() {
                self.prompts.push((request, prompt));
            }
        }
    }

    /// The request of one of its prompts.
    fn nth(&self, back: u8) -> Option<usize> {
        newest(self.prompts.len(), back).map(|place| self.prompts[place].0)
    }

    pub(crate) fn prompt(&self, request: usize) -> Option<&Arc<ApprovalRequest>> {
        self.prompts.iter().find(|(of, _)| *of == request).map(|(_, prompt)| prompt)
    }
}

impl Asked {
    fn take(&mut self, tokens: &Value, refreshed: Option<usize>) -> Result<(), String> {
        let text = |name: &str| tokens[name].as_str().map(str::to_owned).ok_or_else(|| format!("no {name} came"));
        let (access, refresh) = (text("access_token")?, text("refresh_token")?);
        match refreshed {
            Some(position) => {
                self.access.push(access);
                self.follow(position + 1, refresh)
            }
            None if self.access.is_empty() => {
                self.access.push(access);
                self.follow(0, refresh)
            }
            // Pushed once more: it must be what was pushed before.
            None if self.access[0] == access && self.refresh[0] == refresh => Ok(()),
            None => Err("a client was sent other tokens than before".to_owned()),
        }
    }

    fn follow(&mut self, position: usize, refresh: String) -> Result<(), String> {
        match self.refresh.get(position) {
            Some(known) if *known == refresh => Ok(()),
            Some(_) => Err("a refresh token has two successors".to_owned()),
            None if self.refresh.len() == position => {
                self.refresh.push(refresh);
                Ok(())
            }
            None => Err("a refresh token is missing".to_owned()),
        }
    }
}

fn said(body: &Value, delivery: Delivery) -> Told {
    let members = body.as_object().map_or(0, serde_json::Map::len);
    match (delivery, body["error"].as_str(), body["access_token"].is_string()) {
        (Delivery::Ping, None, false) if members == 1 => Told::Ping,
        (Delivery::Push, None, true) => Told::Tokens,
        (Delivery::Push, Some("access_denied"), false) => Told::Denied,
        (Delivery::Push, Some("expired_token"), false) => Told::Expired,
        _ => Told::Nonsense,
    }
}

/// The one that is so many before the newest, around and around.
fn newest(count: usize, back: u8) -> Option<usize> {
    (count > 0).then(|| count - 1 - usize::from(back) % count)
}

/// Which requests these prompts are of.
pub(crate) fn listed(prompts: &[(usize, Arc<ApprovalRequest>)]) -> BTreeSet<usize> {
    prompts.iter().map(|(request, _)| *request).collect()
}
