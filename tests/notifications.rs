//! The call to a client's notification endpoint, over real sockets: what is sent, and what every kind of answer comes to.
//! Then the real binary, killed with `kill -9` while it calls: the next one calls again, with the same body.

use std::time::Duration;

use protocol::messages::{Answer, Outcome, PushTarget};
use serde_json::json;
use server::domain::secret::Secret;
use server::domain::time::Timestamp;
use server::outbound::Fate;
use server::outbound::client::{Client, Limits, Reach};
use server::outbound::endpoint::Endpoint;
use server::outbound::notification;
use server::outbound::roots::Roots;
use simulator::stand_in::notification::{Call, NotificationStandIn, Reply};
use tests::process::http::Lost;
use tests::process::party::Polled;
use tests::process::phone::Phone;
use tests::process::{Server, Site, now};

const TOKEN: &str = "8d67dc78-7faa-4d41-aabd-67707b374255";

/// 2027-01-15T08:00:00Z.
const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

fn client(total: Duration) -> Client {
    let mut reach = Reach { roots: Roots::none(), ..Reach::default() };
    reach.networks.open("127.0.0.0/8").expect("loopback may be opened");
    Client::new(Limits { total, ..Limits::default() }, &reach).expect("a client")
}

async fn told(client: &Client, url: &str) -> Fate {
    let endpoint = Endpoint::foreign(url).expect("an endpoint");
    let body = json!({ "auth_req_id": "1c266114-a1be-4252-8ad1-04986c5b9ac1" }).to_string().into_bytes();
    notification::tell(client, &endpoint, &Secret::new(TOKEN.to_owned()), body, NOW).await
}

/// One call, answered so.
async fn answered(reply: Reply) -> (Fate, Vec<Call>) {
    let endpoint = NotificationStandIn::start().await;
    endpoint.answer_next(reply);
    let fate = told(&client(Duration::from_secs(10)), &endpoint.url()).await;
    (fate, endpoint.calls())
}

const fn later(retry_after_seconds: Option<u32>, cause: &'static str) -> Fate {
    Fate::Later { retry_after_seconds, cause }
}

#[tokio::test]
async fn a_call_is_a_post_of_json_under_the_clients_own_token() {
    let (fate, calls) = answered(Reply::NoContent).await;
    assert_eq!((fate, calls.len()), (Fate::Delivered, 1));
    assert_eq!((calls[0].fault, calls[0].target.as_str(), calls[0].token.as_str()), (None, "/notify", TOKEN));
    assert_eq!(&calls[0].body[..], br#"{"auth_req_id":"1c266114-a1be-4252-8ad1-04986c5b9ac1"}"#);
}

#[tokio::test]
async fn every_answer_comes_to_its_fate() {
    let date = || "Fri, 15 Jan 2027 08:00:30 GMT".to_owned();
    let refused = |cause| Fate::Refused { cause };
    for (reply, fate) in [
        (Reply::NoContent, Fate::Delivered),
        (Reply::Body, Fate::Delivered),
        (Reply::Status(202), Fate::Delivered),
        (Reply::Status(304), refused("redirected")),
        (Reply::Status(400), refused("client_error")),
        (Reply::Status(401), refused("client_error")),
        (Reply::Status(403), refused("client_error")),
        (Reply::Status(408), later(None, "request_timeout")),
        (Reply::Status(410), refused("client_error")),
        (Reply::Status(429), later(None, "too_many_requests")),
        (Reply::RetryAfter(429, "17".to_owned()), later(Some(17), "too_many_requests")),
        (Reply::RetryAfter(503, date()), later(Some(30), "server_error")),
        (Reply::RetryAfter(503, "soon".to_owned()), later(None, "server_error")),
        (Reply::Status(500), later(None, "server_error")),
        (Reply::HangUp, later(None, "connection_broke")),
    ] {
        let (found, calls) = answered(reply.clone()).await;
        assert_eq!((found, calls.len()), (fate, 1), "{reply:?}");
    }
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let elsewhere = NotificationStandIn::start().await;
    for status in [301, 302, 303, 307, 308] {
        let (fate, calls) = answered(Reply::Redirect(status, elsewhere.url())).await;
        assert_eq!((fate, calls.len()), (Fate::Refused { cause: "redirected" }, 1), "{status}");
    }
    assert!(elsewhere.calls().is_empty());
}

#[tokio::test]
async fn a_body_is_not_waited_for() {
    let endpoint = NotificationStandIn::start().await;
    endpoint.answer_next(Reply::EndlessBody);
    let begun = now();
    assert_eq!(told(&client(Duration::from_mins(1)), &endpoint.url()).await, Fate::Delivered);
    assert!(now().duration_since(begun) < Duration::from_secs(30), "it read on");
}

#[tokio::test]
async fn an_endpoint_that_says_nothing_is_not_waited_for() {
    let endpoint = NotificationStandIn::start().await;
    endpoint.answer_next(Reply::Hang);
    assert_eq!(told(&client(Duration::from_millis(300)), &endpoint.url()).await, later(None, "timed_out"));
}

#[tokio::test]
async fn where_nobody_listens_it_is_tried_again() {
    let url = NotificationStandIn::start().await.url();
    assert_eq!(told(&client(Duration::from_secs(10)), &url).await, later(None, "no_connection"));
}

/// The real binary, with one client that is told of outcomes and one user with a phone.
struct Scene {
    site: Site,
    server: Server,
    party: tests::process::party::Party,
    phone: Phone,
    endpoint: NotificationStandIn,
}

impl Scene {
    async fn of(mode: &str) -> Result<Self, Lost> {
        let endpoint = NotificationStandIn::start().await;
        let site = Site::new().with("OUTBOUND__ALLOWED_NETWORKS", "127.0.0.0/8");
        let server = site.serve().await;
        let mut operator = server.operator().await?;
        let metadata = json!({
            "backchannel_token_delivery_mode": mode,
            "backchannel_client_notification_endpoint": endpoint.url(),
        });
        let party = operator.create_client_with("shop", &metadata).await?;
        operator.create_user("1001").await?;
        let phone = Phone::enrol(&mut operator, &mut server.connect().await?, "1001", PushTarget::None).await?;
        Ok(Self { site, server, party, phone, endpoint })
    }

    /// A request that the phone answered.
    async fn decided(&mut self, answer: Answer, outcome: Outcome) -> Result<String, Lost> {
        let mut connection = self.server.connect().await?;
        let begun = self.party.begin_told(&mut connection, "1001", "Order 4711", TOKEN).await?;
        let prompt = self.phone.prompts(&mut connection, 0).await?.remove(0);
        let decided = self.phone.decide(&prompt, answer);
        assert_eq!(self.phone.send(&mut connection, &decided).await?, Ok(outcome));
        Ok(begun.auth_req_id)
    }

    /// `kill -9` once the endpoint was called so often, and a new process on the same store.
    async fn killed_after(&mut self, calls: usize) {
        self.endpoint.called(calls).await;
        self.server.kill();
        self.server = self.site.serve().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ping_survives_kill_9_between_its_commit_and_its_answer() -> Result<(), Lost> {
    let mut scene = Scene::of("ping").await?;
    scene.endpoint.answer_next(Reply::Hang);
    let asked = scene.decided(Answer::Approve, Outcome::Approved).await?;
    scene.killed_after(1).await;
    let calls = scene.endpoint.called(2).await;
    assert_eq!(calls[0], calls[1]);
    assert_eq!(calls[0].json(), json!({ "auth_req_id": asked }));
    let polled = scene.party.poll(&mut scene.server.connect().await?, &asked).await?;
    assert!(matches!(polled, Polled::Tokens(_)), "{polled:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn pushed_tokens_survive_kill_9_as_they_were_minted() -> Result<(), Lost> {
    let mut scene = Scene::of("push").await?;
    scene.endpoint.answer_next(Reply::Hang);
    scene.decided(Answer::Approve, Outcome::Approved).await?;
    scene.killed_after(1).await;
    let calls = scene.endpoint.called(2).await;
    assert_eq!(calls[0], calls[1]);
    assert!(calls[0].json()["access_token"].is_string());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_hangs_does_not_keep_the_phone_waiting() -> Result<(), Lost> {
    let mut scene = Scene::of("push").await?;
    for call in 1..=3 {
        scene.endpoint.answer_next(Reply::Hang);
        scene.decided(Answer::Deny, Outcome::Denied).await?;
        scene.endpoint.called(call).await;
    }
    Ok(())
}
