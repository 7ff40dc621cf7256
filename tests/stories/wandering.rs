//! Random sequences of everything that can happen, checked against a model that fits on one screen: tokens at most once,
//! none without an approval by a phone that is still enrolled, what is denied stays denied, what is over is over.

use std::collections::HashSet;
use std::sync::Arc;

use device_core::{ApprovalRequest, DenyReason, Outcome};
use server::domain::random::Random;
use simulator::phone::Phone;
use simulator::relying_party::RelyingParty;
use tests::{Seeded, World, a_request};

/// Life of a request, and the part of it in which a phone may answer.
const LIFE: i64 = 120;
const ANSWER: i64 = 108;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Pending,
    ApprovedBy(usize),
    Denied,
    Cancelled,
    Redeemed,
}

/// One request as the model knows it.
struct Asked {
    id: String,
    begun_at: i64,
    state: State,
    prompts: Vec<(usize, Arc<ApprovalRequest>)>,
    answered: HashSet<(usize, bool)>,
}

struct Wanderer {
    world: World,
    shop: RelyingParty,
    phones: Vec<Phone>,
    revoked: HashSet<usize>,
    asked: Vec<Asked>,
    chance: Seeded,
    told: Vec<String>,
}

impl Wanderer {
    async fn new(seed: u64) -> Self {
        let world = World::builder().policy(|policy| policy.prompt_limits = false).make().await;
        let (shop, phones) = (world.shop().await, vec![world.phone("1001").await, world.phone("1001").await]);
        let (revoked, asked, chance, told) = (HashSet::new(), Vec::new(), Seeded::new(seed), Vec::new());
        Self { world, shop, phones, revoked, asked, chance, told }
    }

    fn below(&self, most: usize) -> usize {
        let random: &dyn Random = &self.chance;
        usize::from(u16::from_be_bytes(random.array())) % most
    }

    fn now(&self) -> i64 {
        self.world.now().unix_seconds()
    }

    async fn step(&mut self) {
        match self.below(20) {
            0..3 => self.begin().await,
            3..8 => self.answer(true).await,
            8..10 => self.answer(false).await,
            10..16 => self.poll().await,
            16..18 => self.world.advance(i64::try_from(self.below(40)).expect("small")),
            18 if self.below(3) == 0 => self.revoke().await,
            18 => self.cancel().await,
            _ if self.below(5) == 0 => self.restart().await,
            _ => {}
        }
    }

    async fn restart(&mut self) {
        self.world.restart().await;
        self.told.push("restarted".to_owned());
    }

    async fn begin(&mut self) {
        let id = a_request().accepted(&self.shop).await;
        let mut prompts = Vec::new();
        for (position, phone) in self.phones.iter().enumerate().filter(|(position, _)| !self.revoked.contains(position))
        {
            prompts.push((position, self.world.prompt(phone, &id).await));
        }
        let (begun_at, state, answered) = (self.now(), State::Pending, HashSet::new());
        self.told.push(format!("{} begun at {begun_at}", self.asked.len()));
        self.asked.push(Asked { id, begun_at, state, prompts, answered });
    }

    /// A fresh answer; a repeated one is told from the phone's memory and proves nothing.
    async fn answer(&mut self, approve: bool) {
        let Some(number) = self.some_request() else { return };
        let choice = self.below(self.asked[number].prompts.len());
        let (position, prompt) = self.asked[number].prompts[choice].clone();
        if !self.asked[number].answered.insert((position, approve)) {
            return;
        }
        let phone = &self.phones[position];
        let outcome =
            if approve { phone.approve(&prompt).await } else { phone.deny(&prompt, DenyReason::Cancelled).await };
        let asked = &self.asked[number];
        let may = !self.revoked.contains(&position) && self.now() < asked.begun_at + ANSWER;
        let (expected, next) = match (approve, asked.state) {
            (_, state @ (State::Redeemed | State::Cancelled)) | (true, state @ State::Denied) => (None, state),
            (true, State::Pending) => (Some(Outcome::Approved), State::ApprovedBy(position)),
            (true, state @ State::ApprovedBy(_)) => (Some(Outcome::Approved), state),
            (false, _) => (Some(Outcome::Denied), State::Denied),
        };
        let expected = expected.filter(|_| may);
        self.told.push(format!("{number} answered by {position}: approve {approve} → {outcome:?}"));
        assert_eq!(outcome.ok(), expected, "{:#?}", self.told);
        if expected.is_some() {
            self.asked[number].state = next;
        }
    }

    async fn poll(&mut self) {
        let Some(number) = self.some_request() else { return };
        let answer = self.world.poll(&self.shop, &self.asked[number].id).await;
        let asked = &self.asked[number];
        let over = self.now() >= asked.begun_at + LIFE;
        let expected: &[&str] = match asked.state {
            State::Redeemed => &["400 invalid_grant"],
            State::Denied | State::Cancelled => &["400 access_denied"],
            State::Pending | State::ApprovedBy(_) if over => &["400 expired_token"],
            State::Pending => &["400 authorization_pending", "400 slow_down"],
            State::ApprovedBy(phone) if self.revoked.contains(&phone) => &["400 access_denied"],
            State::ApprovedBy(_) => &["200"],
        };
        self.told.push(format!("{number} polled → {answer}"));
        assert!(expected.contains(&answer.as_str()), "{expected:?} {:#?}", self.told);
        if answer == "200" {
            self.asked[number].state = State::Redeemed;
        }
    }

    async fn cancel(&mut self) {
        let Some(number) = self.some_request() else { return };
        let answer = self.shop.cancel(&self.asked[number].id).await.expect("an answer").in_short();
        let asked = &self.asked[number];
        let over = self.now() >= asked.begun_at + LIFE;
        let expected = match asked.state {
            State::Redeemed => "400 already_redeemed",
            State::Denied => "400 access_denied",
            State::Cancelled => "200",
            State::Pending | State::ApprovedBy(_) if over => "400 expired_token",
            State::Pending => "200",
            State::ApprovedBy(_) => "400 already_approved",
        };
        self.told.push(format!("{number} cancelled: {answer}"));
        assert_eq!(answer, expected, "{:#?}", self.told);
        if answer == "200" {
            self.asked[number].state = State::Cancelled;
        }
    }

    /// Ends a phone; its user gets another one.
    async fn revoke(&mut self) {
        let position = self.phones.len() - 1 - self.below(2);
        if !self.revoked.insert(position) {
            return;
        }
        let account = self.phones[position].account().expect("an account");
        let devices = self.world.admin().devices("1001").await.expect("a list");
        let device = devices.iter().find(|device| device["enrolment"] == account.as_str()).expect("the phone");
        self.world.admin().revoke(device["id"].as_str().expect("an id")).await.expect("revoked");
        self.told.push(format!("phone {position} revoked"));
        self.phones.push(self.world.phone("1001").await);
    }

    /// One of the newest; those long past their tombstones are of no interest.
    fn some_request(&self) -> Option<usize> {
        let recent = self.asked.iter().filter(|asked| self.now() < asked.begun_at + LIFE + 60).count();
        (recent > 0).then(|| self.asked.len() - 1 - self.below(recent.min(4)))
    }
}

#[tokio::test]
async fn whatever_happens_in_whatever_order_the_model_knows_the_outcome() {
    let mut told = Vec::new();
    for seed in 1..=4 {
        let mut wanderer = Wanderer::new(seed).await;
        for _ in 0..250 {
            wanderer.step().await;
        }
        let redeemed = wanderer.asked.iter().filter(|asked| asked.state == State::Redeemed).count();
        assert_eq!(wanderer.world.events("request_redeemed").await, redeemed);
        told.append(&mut wanderer.told);
    }
    for turn in ["→ 200", "authorization_pending", "slow_down", "access_denied", "expired_token", "invalid_grant"] {
        assert!(told.iter().any(|line| line.contains(turn)), "nothing ever came to {turn}");
    }
    for turn in
        ["revoked", "restarted", "cancelled: 200", "approve true → Err", "approve false → Err", "approve false → Ok"]
    {
        assert!(told.iter().any(|line| line.contains(turn)), "nothing ever came to {turn}");
    }
}
