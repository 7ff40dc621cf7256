//! The real binary, killed with `kill -9` under load again and again: what it acknowledged is there when it comes back,
//! and no request is ever answered with tokens twice. Also: a push survives a kill between its commit and its sending,
//! SIGTERM ends politely, and a store serves one process.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use protocol::Jws;
use protocol::messages::{Answer, FcmTarget, Outcome, Platform, PushTarget};
use server::app::system::SystemClock;
use server::domain::names::RequestKey;
use simulator::stand_in::fcm::{FcmStandIn, Reply};
use tests::process::http::{Connection, Lost};
use tests::process::party::{Operator, Party, Polled};
use tests::process::phone::{Decided, Phone};
use tests::process::{Server, Site, now, say};
use tokio::task::JoinHandle;

const KILLS: usize = 24;
const WORKERS: usize = 4;
/// So that the audit trail that the admin API shows, a thousand events, covers a round.
const MOST_FLOWS_OF_A_WORKER: usize = 60;

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
struct Worker {
    user: String,
    phone: Phone,
    requests: Vec<Request>,
}

impl Worker {
    async fn enrol(server: &Server, number: usize) -> Result<Self, Lost> {
        let user = format!("worker-{number}");
        let mut operator = server.operator().await?;
        operator.create_user(&user).await?;
        let phone = Phone::enrol(&mut operator, &mut server.connect().await?, &user, PushTarget::None).await?;
        Ok(Self { user, phone, requests: Vec::new() })
    }

    /// Works until the server dies.
    fn work(mut self, mut connection: Connection, party: Party) -> JoinHandle<Self> {
        tokio::spawn(async move {
            for number in 0..MOST_FLOWS_OF_A_WORKER {
                if self.flow(&mut connection, &party, number % 16 == 3).await.is_err() {
                    break;
                }
            }
            self
        })
    }

    async fn flow(&mut self, connection: &mut Connection, party: &Party, leave: bool) -> Result<(), Lost> {
        let begun = party.begin(connection, &self.user, "Order 4711").await?;
        let stage = if leave { Stage::Left } else { Stage::Begun };
        self.requests.push(Request { auth_req_id: begun.auth_req_id, approval: None, stage, tokens: 0 });
        let request = self.requests.last_mut().expect("it was just put there");
        if leave {
            return Ok(());
        }
        request.finish(&mut self.phone, connection, party).await
    }
}

impl Request {
    /// From wherever it is to its tokens.
    async fn finish(&mut self, phone: &mut Phone, connection: &mut Connection, party: &Party) -> Result<(), Lost> {
        if self.stage == Stage::Begun {
            let prompt = self.find_prompt(phone, connection).await?;
            self.approval = Some(phone.decide(&prompt, Answer::Approve));
            self.stage = Stage::ApprovalSent;
        }
        if self.stage == Stage::ApprovalSent {
            let approval = self.approval.as_ref().expect("it was made before it was sent");
            let outcome = phone.send(connection, approval).await?;
            assert_eq!(outcome, Ok(Outcome::Approved), "the same decision again gets the same result");
            self.stage = Stage::Approved;
        }
        self.stage = Stage::RedemptionSent;
        match party.poll(connection, &self.auth_req_id).await? {
            Polled::Tokens(_) => self.tokens += 1,
            other => panic!("approved, and the answer is {other:?}"),
        }
        self.stage = Stage::Redeemed;
        Ok(())
    }

    /// Among all that await an answer; those left before are still there.
    async fn find_prompt(&self, phone: &mut Phone, connection: &mut Connection) -> Result<Jws, Lost> {
        let digest = protocol::digest::request_digest(&self.auth_req_id);
        let prompts = phone.prompts(connection, 0).await?;
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
        connection: &mut Connection,
        party: &Party,
        redeemed: &HashSet<String>,
    ) -> Result<(), Lost> {
        let polled = party.poll(connection, &self.auth_req_id).await?;
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
            Polled::Pending if self.stage != Stage::Left => self.finish(phone, connection, party).await?,
            Polled::Pending => {}
        }
        Ok(())
    }

    /// At the very end: what was redeemed stays so, what was left is still there.
    async fn look_last(&self, connection: &mut Connection, party: &Party) -> Result<(), Lost> {
        let expected = match self.stage {
            Stage::Left => Polled::Pending,
            _ => Polled::Refused("invalid_grant".to_owned()),
        };
        assert_eq!(party.poll(connection, &self.auth_req_id).await?, expected, "{:?}", self.stage);
        assert!(self.tokens <= 1, "tokens were issued {} times", self.tokens);
        Ok(())
    }
}

/// Requests that tokens were issued for, as the audit trail tells: written in the same commit as the tokens.
async fn redeemed(operator: &mut Operator) -> Result<HashSet<String>, Lost> {
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
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// What was looked at in the end.
#[derive(Default, Debug)]
struct Tally {
    requests: usize,
    approvals: usize,
    redemptions: usize,
    unknown: usize,
}

impl Tally {
    fn count(&mut self, stage: Stage) {
        self.requests += 1;
        self.approvals += usize::from(matches!(stage, Stage::Approved | Stage::RedemptionSent | Stage::Redeemed));
        self.redemptions += usize::from(stage == Stage::Redeemed);
        self.unknown += usize::from(matches!(stage, Stage::ApprovalSent | Stage::RedemptionSent));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_acknowledged_survives_kill_9_under_load_and_no_request_gets_tokens_twice() -> Result<(), Lost> {
    let seed = 20_261_121;
    say(&format!("seed {seed}"));
    let mut chance = Chance(seed);
    let site = Site::new();
    let mut server = site.serve().await;
    let party = server.operator().await?.create_client("shop").await?;
    let mut workers = Vec::new();
    for number in 0..WORKERS {
        workers.push(Worker::enrol(&server, number).await?);
    }
    let mut tally = Tally::default();
    let mut killed_while_starting = 0;
    for kill in 0..KILLS {
        let known: Vec<usize> = workers.iter().map(|worker| worker.requests.len()).collect();
        let mut working = Vec::new();
        for worker in workers.drain(..) {
            working.push(worker.work(server.connect().await?, party.clone()));
        }
        tokio::time::sleep(Duration::from_millis(10 + chance.below(400))).await;
        server.kill();
        for worker in working {
            workers.push(worker.await.expect("nothing unexpected was answered"));
        }
        if kill % 4 == 3 {
            killed_while_starting += 1;
            site.serve_briefly(Duration::from_millis(chance.below(60)));
        }
        server = site.serve().await;
        let redeemed = redeemed(&mut server.operator().await?).await?;
        let mut connection = server.connect().await?;
        for (worker, known) in workers.iter_mut().zip(known) {
            for request in &mut worker.requests[known..] {
                tally.count(request.stage);
                request.look_again(&mut worker.phone, &mut connection, &party, &redeemed).await?;
            }
        }
    }
    let mut connection = server.connect().await?;
    for request in workers.iter().flat_map(|worker| &worker.requests) {
        request.look_last(&mut connection, &party).await?;
    }
    say(&format!(
        "{KILLS} kills under load, {killed_while_starting} more while starting; acknowledged and found: {tally:?}"
    ));
    assert!(tally.requests > KILLS && tally.approvals > KILLS && tally.redemptions > KILLS, "{tally:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_survives_kill_9_between_its_commit_and_its_sending() -> Result<(), Lost> {
    const TARGET: &str = "dQw4w9WgXcQ:APA91b-a-registration-token";
    let google = FcmStandIn::start(Arc::new(SystemClock)).await;
    let site = Site::new();
    let account = site.path("service-account.json");
    std::fs::write(&account, google.service_account()).expect("it can be written");
    let site = site
        .with("PUSH__FCM__SERVICE_ACCOUNT_FILE", &account.display().to_string())
        .with("PUSH__FCM__BASE_URL", google.base_url().as_str())
        .with("PUSH__FCM__TOKEN_URL", google.token_url().as_str());
    let mut server = site.serve().await;
    let mut operator = server.operator().await?;
    let party = operator.create_client("shop").await?;
    operator.create_user("1001").await?;
    let mut connection = server.connect().await?;
    let target = PushTarget::Fcm { platform: Platform::Android, target: FcmTarget::Token(TARGET.to_owned()) };
    let phone = Phone::enrol(&mut operator, &mut connection, "1001", target).await?;

    google.answer_next(Reply::Hang);
    let _ = party.begin(&mut connection, "1001", "Order 4711").await?;
    // It is on its way and Google has not taken it: the server dies not knowing.
    let sent = google.recorded(1).await;
    assert!(sent.iter().all(|sent| !sent.accepted));
    server.kill();

    let _server = site.serve().await;
    let message = google.inbox(TARGET).next().await.expect("the push arrives after all");
    assert!(!message.to_string().contains("4711"), "nothing is there in clear");
    let sealed = message["data"]["jwe"].as_str().expect("a sealed prompt");
    assert_eq!(phone.unseal(sealed).binding_message.as_deref(), Some("Order 4711"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_answers_a_held_long_poll_and_ends_with_status_0() -> Result<(), Lost> {
    let site = Site::new();
    let mut server = site.serve().await;
    let mut operator = server.operator().await?;
    operator.create_user("1001").await?;
    let mut connection = server.connect().await?;
    let mut phone = Phone::enrol(&mut operator, &mut connection, "1001", PushTarget::None).await?;
    let begun = now();
    let polling = tokio::spawn(async move { phone.prompts(&mut connection, 25).await });
    // Held, that is: not answered while nothing happens.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!polling.is_finished());
    server.ask_to_end();
    assert!(polling.await.expect("it does not panic")?.is_empty(), "an answer, and no broken connection");
    assert!(server.ended().success());
    assert!(now().duration_since(begun) < Duration::from_secs(10), "it did not wait for the poll's 25 seconds");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_the_same_store_is_refused() -> Result<(), Lost> {
    let site = Site::new();
    let server = site.serve().await;
    let (status, said) = site.serve_in_vain();
    assert!(!status.success());
    assert!(said.contains("in use by another process"), "{said}");
    let _ = server.operator().await?.create_client("shop").await?; // the first one is not disturbed
    Ok(())
}
