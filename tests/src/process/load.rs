//! Workers that use a server until it dies, and look again when it is back: what was acknowledged is there, and no request
//! gets tokens twice.

use std::collections::HashSet;

use protocol::Jws;
use protocol::messages::{Answer, Outcome, PushTarget};
use server::domain::names::RequestKey;
use tokio::task::JoinHandle;

use super::Server;
use super::http::{Connection, Lost};
use super::party::{Operator, Party, Polled};
use super::phone::{Decided, Phone};

/// So that the audit trail that the admin API shows, a thousand events, covers a round.
const MOST_FLOWS_OF_A_WORKER: usize = 60;

/// A connection to each server of a deployment, used in turn.
pub struct Ways {
    connections: Vec<Connection>,
    used: usize,
}

impl Ways {
    /// One to each of these.
    pub async fn to(servers: &[&Server]) -> Result<Self, Lost> {
        let mut connections = Vec::new();
        for server in servers {
            connections.push(server.connect().await?);
        }
        Ok(Self { connections, used: 0 })
    }

    fn next(&mut self) -> &mut Connection {
        self.used += 1;
        let count = self.connections.len();
        &mut self.connections[self.used % count]
    }
}

/// One request, and what is known of it.
struct Request {
    auth_req_id: String,
    approval: Option<Decided>,
    stage: Stage,
    /// How often it was answered with tokens.
    tokens: usize,
}

/// How far a request had come when the server died. What was sent and not answered may have been done or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Begun,
    ApprovalSent,
    Approved,
    RedemptionSent,
    Redeemed,
    /// Never to be answered; must stay pending until the end.
    Left,
}

/// One user with a phone, at whose request things happen, until the connection breaks.
pub struct Worker {
    user: String,
    phone: Phone,
    requests: Vec<Request>,
}

impl Worker {
    /// Enrols a new user's phone.
    pub async fn enrol(server: &Server, number: usize) -> Result<Self, Lost> {
        let user = format!("worker-{number}");
        let mut operator = server.operator().await?;
        operator.create_user(&user).await?;
        let phone = Phone::enrol(&mut operator, &mut server.connect().await?, &user, PushTarget::None).await?;
        Ok(Self { user, phone, requests: Vec::new() })
    }

    /// Works until the server dies.
    #[must_use]
    pub fn work(mut self, mut ways: Ways, party: Party) -> JoinHandle<Self> {
        tokio::spawn(async move {
            for number in 0..MOST_FLOWS_OF_A_WORKER {
                if self.flow(&mut ways, &party, number % 16 == 3).await.is_err() {
                    break;
                }
            }
            self
        })
    }

    async fn flow(&mut self, ways: &mut Ways, party: &Party, leave: bool) -> Result<(), Lost> {
        let begun = party.begin(ways.next(), &self.user, "Order 4711").await?;
        let stage = if leave { Stage::Left } else { Stage::Begun };
        self.requests.push(Request { auth_req_id: begun.auth_req_id, approval: None, stage, tokens: 0 });
        let request = self.requests.last_mut().expect("it was just put there");
        if leave {
            return Ok(());
        }
        request.finish(&mut self.phone, ways, party).await
    }

    /// How many requests it has made so far.
    #[must_use]
    pub fn known(&self) -> usize {
        self.requests.len()
    }

    /// Looks at the requests that were made since it had so many.
    pub async fn look_again(
        &mut self,
        known: usize,
        ways: &mut Ways,
        party: &Party,
        redeemed: &HashSet<String>,
        tally: &mut Tally,
    ) -> Result<(), Lost> {
        for request in &mut self.requests[known..] {
            tally.count(request.stage);
            request.look_again(&mut self.phone, ways, party, redeemed).await?;
        }
        Ok(())
    }

    /// Looks at all of them, at the very end.
    pub async fn look_last(&self, ways: &mut Ways, party: &Party) -> Result<(), Lost> {
        for request in &self.requests {
            request.look_last(ways, party).await?;
        }
        Ok(())
    }
}

impl Request {
    /// From wherever it is to its tokens.
    async fn finish(&mut self, phone: &mut Phone, ways: &mut Ways, party: &Party) -> Result<(), Lost> {
        if self.stage == Stage::Begun {
            let prompt = self.find_prompt(phone, ways).await?;
            self.approval = Some(phone.decide(&prompt, Answer::Approve));
            self.stage = Stage::ApprovalSent;
        }
        if self.stage == Stage::ApprovalSent {
            let approval = self.approval.as_ref().expect("it was made before it was sent");
            let outcome = phone.send(ways.next(), approval).await?;
            assert_eq!(outcome, Ok(Outcome::Approved), "the same decision again gets the same result");
            self.stage = Stage::Approved;
        }
        self.stage = Stage::RedemptionSent;
        match party.poll(ways.next(), &self.auth_req_id).await? {
            Polled::Tokens(_) => self.tokens += 1,
            other => panic!("approved, and the answer is {other:?}"),
        }
        self.stage = Stage::Redeemed;
        Ok(())
    }

    /// Among all that await an answer; those left before are still there.
    async fn find_prompt(&self, phone: &mut Phone, ways: &mut Ways) -> Result<Jws, Lost> {
        let digest = protocol::digest::request_digest(&self.auth_req_id);
        let prompts = phone.prompts(ways.next(), 0).await?;
        let prompt = prompts.into_iter().find(|prompt| phone.open(prompt).req == digest);
        Ok(prompt.expect("an acknowledged request has its prompt"))
    }

    fn key(&self) -> String {
        RequestKey::of(&self.auth_req_id).to_string()
    }

    /// After a restart: what was acknowledged must hold, and what was not must be one or the other, never both.
    async fn look_again(
        &mut self,
        phone: &mut Phone,
        ways: &mut Ways,
        party: &Party,
        redeemed: &HashSet<String>,
    ) -> Result<(), Lost> {
        let polled = party.poll(ways.next(), &self.auth_req_id).await?;
        let was_redeemed = redeemed.contains(&self.key());
        self.tokens += usize::from(matches!(polled, Polled::Tokens(_)));
        match (self.stage, &polled) {
            (Stage::Begun | Stage::Left, Polled::Pending) => {}
            (Stage::ApprovalSent, Polled::Pending) | (Stage::ApprovalSent | Stage::Approved, Polled::Tokens(_)) => {}
            (Stage::RedemptionSent, Polled::Tokens(_)) => assert!(!was_redeemed, "tokens were issued before"),
            (Stage::RedemptionSent | Stage::Redeemed, Polled::Refused(error)) => {
                assert_eq!(error, "invalid_grant");
                assert!(was_redeemed, "refused without having been redeemed");
            }
            (stage, polled) => panic!("a request that was {stage:?} answers {polled:?} after the restart"),
        }
        match polled {
            Polled::Tokens(_) | Polled::Refused(_) => self.stage = Stage::Redeemed,
            Polled::Pending if self.stage != Stage::Left => self.finish(phone, ways, party).await?,
            Polled::Pending => {}
        }
        Ok(())
    }

    /// At the very end: what was redeemed stays so, what was left is still there.
    async fn look_last(&self, ways: &mut Ways, party: &Party) -> Result<(), Lost> {
        let expected = match self.stage {
            Stage::Left => Polled::Pending,
            _ => Polled::Refused("invalid_grant".to_owned()),
        };
        assert_eq!(party.poll(ways.next(), &self.auth_req_id).await?, expected, "{:?}", self.stage);
        assert!(self.tokens <= 1, "tokens were issued {} times", self.tokens);
        Ok(())
    }
}

/// Requests that tokens were issued for, as the audit trail tells: written in the same commit as the tokens.
pub async fn redeemed(operator: &mut Operator) -> Result<HashSet<String>, Lost> {
    let audit = operator.get("/audit").await?;
    let events = audit["events"].as_array().expect("a list of events");
    let mut requests = HashSet::new();
    for event in events.iter().filter(|event| event["event"] == "request_redeemed") {
        let request = event["request"].as_str().expect("it names its request").to_owned();
        assert!(requests.insert(request), "one request was redeemed twice");
    }
    Ok(requests)
}

/// Numbers from a seed, which is printed: a failure can be looked for again.
pub struct Chance(pub u64);

impl Chance {
    /// Below this.
    pub fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// What was looked at in the end.
#[derive(Default, Debug)]
pub struct Tally {
    /// Requests that were acknowledged.
    pub requests: usize,
    /// Approvals that were.
    pub approvals: usize,
    /// Tokens that arrived.
    pub redemptions: usize,
    /// Calls that were never answered.
    pub unknown: usize,
}

impl Tally {
    fn count(&mut self, stage: Stage) {
        self.requests += 1;
        self.approvals += usize::from(matches!(stage, Stage::Approved | Stage::RedemptionSent | Stage::Redeemed));
        self.redemptions += usize::from(stage == Stage::Redeemed);
        self.unknown += usize::from(matches!(stage, Stage::ApprovalSent | Stage::RedemptionSent));
    }
}
