//! The FCM courier against a stand-in for Google on a real socket: what is sent, what each reply comes to, how access
//! tokens are kept, and that no secret shows.

use std::{
    io::{self, Write},
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use protocol::DeviceId;
use protocol::messages::{FcmTarget, Platform, PushTarget};
use serde_json::{Value, json};
use server::{
    domain::{
        message::MessageId,
        names::Subject,
        time::{Clock, Timestamp},
    },
    outbound::{
        Courier, Fate, Push, PushBody,
        client::{Client, Limits, Reach},
        fcm::{BadFcmSettings, Fcm, FcmSettings},
        google::{BadServiceAccount, ServiceAccount},
        roots::Roots,
    },
};
use simulator::stand_in::fcm::{FcmStandIn, GrantReply, PROJECT, Reply, TOKEN_LIFE_SECONDS};
use tokio::net::TcpSocket;
use url::Url;

/// 2027-01-15T08:00:00Z.
const START: i64 = 1_800_000_000;
const TARGET: &str = "dQw4w9WgXcQ:APA91b-a-registration-token";
const RID: &str = "tH7mK2vQ9xR4bN8c";
const LINK: &str = "https://op.example/a/tH7mK2vQ9xR4bN8c";
const JWE: &str = "eyJhbGciOiJFQ0RILUVTIn0..aXY.Y2lwaGVydGV4dA.dGFn";

/// A clock moved by hand.
struct HandClock(AtomicI64);

impl HandClock {
    fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_seconds(self.0.load(Ordering::Relaxed))
    }
}

/// Google and a courier that believes in it.
struct Post {
    google: FcmStandIn,
    client: Client,
    fcm: Arc<Fcm>,
    clock: Arc<HandClock>,
}

impl Post {
    async fn open() -> Self {
        Self::within(Limits::default()).await
    }

    async fn within(limits: Limits) -> Self {
        Log::of_all_tests();
        let clock = Arc::new(HandClock(AtomicI64::new(START)));
        let google = FcmStandIn::start(clock.clone()).await;
        let client = Client::new(limits, &Reach { roots: Roots::none(), ..Reach::default() }).expect("a client");
        let fcm = Fcm::new(settings(&google), client.clone(), clock.clone()).expect("settings that work");
        Self { google, client, fcm: Arc::new(fcm), clock }
    }

    async fn carry(&self, push: &Push) -> Fate {
        self.fcm.carry(push).await
    }

    async fn fate_of(&self, reply: Reply) -> Fate {
        self.google.answer_next(reply);
        self.carry(&a_push()).await
    }

    async fn fate_without_token(&self, reply: GrantReply) -> Fate {
        self.google.answer_next_grant(reply);
        let fate = self.carry(&a_push()).await;
        assert!(self.google.recorded(0).await.is_empty(), "nothing is sent without a token");
        fate
    }

    /// Another courier, under other settings.
    fn courier(&self, settings: FcmSettings) -> Result<Fcm, BadFcmSettings> {
        Fcm::new(settings, self.client.clone(), self.clock.clone())
    }

    async fn sent(&self) -> Value {
        self.google.recorded(1).await[0].body["message"].clone()
    }
}

fn settings(google: &FcmStandIn) -> FcmSettings {
    FcmSettings {
        project_id: None,
        service_account: ServiceAccount::parse(&google.service_account()).expect("a key file"),
        base_url: Some(google.base_url()),
        token_url: None,
        per_minute: 1_000,
    }
}

fn a_push() -> Push {
    to(Platform::Android, FcmTarget::Token(TARGET.to_owned()))
}

fn to(platform: Platform, target: FcmTarget) -> Push {
    let body = PushBody::Sealed { jwe: JWE.to_owned(), rid: RID.to_owned() };
    Push {
        id: MessageId::from_bytes([7; 16]),
        device: DeviceId::from_bytes([8; 16]),
        subject: Subject::new("1001"),
        target: PushTarget::Fcm { platform, target },
        body,
        link: LINK.to_owned(),
        ttl_seconds: 90,
    }
}

fn later(retry_after_seconds: Option<u32>, cause: &'static str) -> Fate {
    Fate::Later { retry_after_seconds, cause }
}

// What is sent

#[tokio::test]
async fn an_android_phone_gets_a_data_message_at_high_priority_for_the_remaining_life() {
    let post = Post::open().await;
    assert_eq!(post.carry(&a_push()).await, Fate::Delivered);
    let expected = json!({
        "token": TARGET,
        "data": { "v": "1", "rid": RID, "jwe": JWE },
        "android": { "priority": "HIGH", "ttl": "90s" },
    });
    assert_eq!(post.sent().await, expected);
}

#[tokio::test]
async fn an_iphone_gets_an_alert_of_fixed_words_that_its_extension_may_rewrite() {
    let post = Post::open().await;
    let push = to(Platform::Ios, FcmTarget::Fid("cXyZ".to_owned()));
    assert_eq!(post.carry(&push).await, Fate::Delivered);
    let expected = json!({
        "fid": "cXyZ",
        "data": { "v": "1", "rid": RID, "jwe": JWE },
        "apns": {
            "headers": {
                "apns-push-type": "alert",
                "apns-priority": "10",
                "apns-expiration": (START + 90).to_string(),
                "apns-collapse-id": RID,
            },
            "payload": {
                "aps": {
                    "alert": { "title": "Approval requested", "body": "Open the app to see who is asking." },
                    "mutable-content": 1,
                    "sound": "default",
                },
                "link": LINK,
            },
        },
    });
    assert_eq!(post.sent().await, expected);
}

#[tokio::test]
async fn a_wake_carries_its_routing_id_and_nothing_else() {
    let post = Post::open().await;
    let body = PushBody::Wake { rid: RID.to_owned(), pad: None };
    let push = Push { body, ..a_push() };
    assert_eq!(post.carry(&push).await, Fate::Delivered);
    assert_eq!(post.sent().await["data"], json!({ "v": "1", "rid": RID }));
}

#[tokio::test]
async fn a_sealed_prompt_that_does_not_fit_wakes_the_phone_instead() {
    let post = Post::open().await;
    for platform in [Platform::Android, Platform::Ios] {
        let body = PushBody::Sealed { jwe: "x".repeat(4_096), rid: RID.to_owned() };
        let push = Push { body, ..to(platform, FcmTarget::Token(TARGET.to_owned())) };
        assert_eq!(post.carry(&push).await, Fate::Delivered);
    }
    for record in post.google.recorded(2).await {
        assert_eq!(record.body["message"]["data"], json!({ "v": "1", "rid": RID }));
    }
}

#[tokio::test]
async fn a_sealed_prompt_of_3_kilobytes_is_sent_whole() {
    let post = Post::open().await;
    let jwe = "x".repeat(3 * 1_024);
    let body = PushBody::Sealed { jwe: jwe.clone(), rid: RID.to_owned() };
    let push = Push { body, ..to(Platform::Ios, FcmTarget::Token(TARGET.to_owned())) };
    assert_eq!(post.carry(&push).await, Fate::Delivered);
    assert_eq!(post.sent().await["data"]["jwe"], json!(jwe));
}

#[tokio::test]
async fn what_cannot_fit_even_as_a_wake_is_refused_unsent() {
    let post = Post::open().await;
    let body = PushBody::Wake { rid: "x".repeat(4_096), pad: None };
    let refused = Fate::Refused { cause: "message_too_big" };
    assert_eq!(post.carry(&Push { body, ..a_push() }).await, refused);
    assert!(post.google.recorded(0).await.is_empty());
}

#[tokio::test]
async fn a_life_above_fcms_limit_is_cut_to_it() {
    let post = Post::open().await;
    let push = Push { ttl_seconds: u32::MAX, ..a_push() };
    assert_eq!(post.carry(&push).await, Fate::Delivered);
    assert_eq!(post.sent().await["android"]["ttl"], "2419200s");
}

#[tokio::test]
async fn a_phone_that_polls_is_not_pushed_to() {
    let post = Post::open().await;
    let push = Push { target: PushTarget::None, ..a_push() };
    let refused = Fate::Refused { cause: "no_fcm_target" };
    assert_eq!(post.carry(&push).await, refused);
    assert_eq!(post.google.grants(), 0);
}

#[tokio::test]
async fn each_phone_finds_its_own_messages_in_order() {
    let post = Post::open().await;
    let mut inbox = post.google.inbox("second");
    for (target, rid) in [("first", "a"), ("second", "b"), ("second", "c")] {
        let body = PushBody::Wake { rid: rid.to_owned(), pad: None };
        let push = Push { body, ..to(Platform::Android, FcmTarget::Token(target.to_owned())) };
        assert_eq!(post.carry(&push).await, Fate::Delivered);
    }
    let first = inbox.next().await.expect("a message");
    let second = inbox.next().await.expect("a message");
    assert_eq!((&first["data"]["rid"], &second["data"]["rid"]), (&json!("b"), &json!("c")));
}

// What replies come to

#[tokio::test]
async fn an_unregistered_target_is_gone() {
    let post = Post::open().await;
    let gone = Fate::Gone { cause: "unregistered", since: None };
    assert_eq!(post.fate_of(Reply::Unregistered).await, gone);
}

#[tokio::test]
async fn a_target_of_another_sender_is_gone() {
    let post = Post::open().await;
    let gone = Fate::Gone { cause: "sender_id_mismatch", since: None };
    assert_eq!(post.fate_of(Reply::SenderIdMismatch).await, gone);
}

#[tokio::test]
async fn a_403_for_other_reasons_keeps_the_target() {
    let post = Post::open().await;
    let refused = Fate::Refused { cause: "permission_denied" };
    assert_eq!(post.fate_of(Reply::PermissionDenied).await, refused);
}

#[tokio::test]
async fn a_bare_404_keeps_the_target() {
    let post = Post::open().await;
    let refused = Fate::Refused { cause: "not_found" };
    assert_eq!(post.fate_of(Reply::Html(404)).await, refused);
}

#[tokio::test]
async fn an_invalid_argument_clears_the_target_only_if_it_names_it() {
    let post = Post::open().await;
    for (field, fate) in [
        ("message.token", Fate::Gone { cause: "invalid_target", since: None }),
        ("message.fid", Fate::Gone { cause: "invalid_target", since: None }),
        ("message.data[0].value", Fate::Refused { cause: "invalid_argument" }),
        ("message", Fate::Refused { cause: "invalid_argument" }),
    ] {
        let field = field.to_owned();
        assert_eq!(post.fate_of(Reply::InvalidArgument { field }).await, fate);
    }
}

#[tokio::test]
async fn quota_and_unavailability_wait_as_long_as_google_says() {
    for (retry_after, seconds) in [
        (None, None),
        (Some("17"), Some(17)),
        (Some("Fri, 15 Jan 2027 08:02:00 GMT"), Some(120)),
        (Some("tomorrow"), None),
    ] {
        let retry_after = retry_after.map(str::to_owned);
        let quota = Reply::QuotaExceeded { retry_after: retry_after.clone() };
        assert_eq!(Post::open().await.fate_of(quota).await, later(seconds, "quota_exceeded"));
        let unavailable = Reply::Unavailable { retry_after };
        assert_eq!(Post::open().await.fate_of(unavailable).await, later(seconds, "unavailable"));
    }
}

#[tokio::test]
async fn a_pause_that_google_asks_for_is_kept_by_all_pushes_of_the_project() {
    let post = Post::open().await;
    post.fate_of(Reply::QuotaExceeded { retry_after: Some("17".to_owned()) }).await;
    post.clock.advance(16);
    assert_eq!(post.carry(&a_push()).await, later(Some(1), "paused"));
    assert_eq!(post.google.recorded(1).await.len(), 1, "nothing was sent in between");
    post.clock.advance(1);
    assert_eq!(post.carry(&a_push()).await, Fate::Delivered);
}

#[tokio::test]
async fn a_quota_without_a_time_pauses_the_project_for_a_minute() {
    let post = Post::open().await;
    post.fate_of(Reply::QuotaExceeded { retry_after: None }).await;
    post.clock.advance(59);
    assert_eq!(post.carry(&a_push()).await, later(Some(1), "paused"));
    post.clock.advance(1);
    assert_eq!(post.carry(&a_push()).await, Fate::Delivered);
    post.fate_of(Reply::Unavailable { retry_after: None }).await;
    assert_eq!(post.carry(&a_push()).await, Fate::Delivered, "of an outage only the one push waits");
}

#[tokio::test]
async fn a_project_sends_no_more_a_minute_than_its_operator_set() {
    let post = Post::open().await;
    let fcm = post.courier(FcmSettings { per_minute: 2, ..settings(&post.google) }).expect("settings that work");
    let fates = [fcm.carry(&a_push()).await, fcm.carry(&a_push()).await, fcm.carry(&a_push()).await];
    assert_eq!(fates, [Fate::Delivered, Fate::Delivered, later(Some(60), "paced")]);
    post.clock.advance(60);
    assert_eq!(fcm.carry(&a_push()).await, Fate::Delivered);
}

#[tokio::test]
async fn what_takes_a_notification_away_is_silent_on_both_platforms() {
    let post = Post::open().await;
    let dismiss = |platform| Push {
        body: PushBody::Dismiss { rid: RID.to_owned() },
        ..to(platform, FcmTarget::Token(TARGET.to_owned()))
    };
    assert_eq!(post.carry(&dismiss(Platform::Android)).await, Fate::Delivered);
    assert_eq!(post.carry(&dismiss(Platform::Ios)).await, Fate::Delivered);
    let sent: Vec<Value> = post.google.recorded(2).await.iter().map(|record| record.body["message"].clone()).collect();
    let data = json!({ "v": "1", "rid": RID, "dismiss": "1" });
    assert_eq!((&sent[0]["data"], &sent[1]["data"]), (&data, &data));
    assert_eq!(sent[0]["android"], json!({ "priority": "NORMAL", "ttl": "90s" }));
    let headers = &sent[1]["apns"]["headers"];
    assert_eq!((&headers["apns-push-type"], &headers["apns-priority"]), (&json!("background"), &json!("5")));
    assert_eq!(sent[1]["apns"]["payload"], json!({ "aps": { "content-available": 1 } }));
}

#[tokio::test]
async fn an_html_error_of_a_load_balancer_is_tried_again() {
    let post = Post::open().await;
    for status in [500, 502, 504] {
        assert_eq!(post.fate_of(Reply::Html(status)).await, later(None, "server_error"));
    }
}

#[tokio::test]
async fn any_other_client_error_is_refused() {
    let post = Post::open().await;
    let refused = Fate::Refused { cause: "client_error" };
    assert_eq!(post.fate_of(Reply::Html(418)).await, refused);
}

#[tokio::test]
async fn a_redirect_is_refused_and_not_followed() {
    let post = Post::open().await;
    let elsewhere = FcmStandIn::start(post.clock.clone()).await;
    for status in [301, 302, 307, 308] {
        let location = elsewhere.token_url().to_string();
        post.google.answer_next(Reply::Raw { status, headers: vec![("location", location)], body: String::new() });
        assert_eq!(post.carry(&a_push()).await, Fate::Refused { cause: "redirected" });
    }
    assert_eq!(elsewhere.grants(), 0, "nobody went there");
    assert_eq!(post.google.recorded(4).await.len(), 4);
}

#[tokio::test]
async fn an_oversized_reply_does_not_undo_a_delivery() {
    let post = Post::open().await;
    let oversized = |status| Reply::Raw { status, headers: Vec::new(), body: "x".repeat(1_024 * 1_024) };
    assert_eq!(post.fate_of(oversized(200)).await, Fate::Delivered);
    assert_eq!(post.fate_of(oversized(404)).await, later(None, "reply_cut"));
}

#[tokio::test]
async fn a_silent_google_is_tried_again_after_the_time_limit() {
    let limits = Limits { total: Duration::from_millis(500), ..Limits::default() };
    let post = Post::within(limits).await;
    post.google.answer_next(Reply::Hang);
    assert_eq!(post.carry(&a_push()).await, later(None, "timed_out"));
}

#[tokio::test]
async fn a_connection_closed_without_an_answer_is_tried_again() {
    let post = Post::open().await;
    assert_eq!(post.fate_of(Reply::HangUp).await, later(None, "connection_broke"));
}

#[tokio::test]
async fn an_unreachable_google_is_tried_again() {
    let post = Post::open().await;
    // Bound and not listening: refuses connections, and no other test gets the port.
    let deaf = TcpSocket::new_v4().expect("a socket");
    deaf.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
    let nobody = format!("http://{}/", deaf.local_addr().expect("its port"));
    let settings = FcmSettings { base_url: Some(Url::parse(&nobody).expect("a URL")), ..settings(&post.google) };
    let fcm = post.courier(settings).expect("settings that work");
    assert_eq!(fcm.carry(&a_push()).await, later(None, "no_connection"));
}

// Access tokens

#[tokio::test]
async fn one_token_serves_many_pushes() {
    let post = Post::open().await;
    for _ in 0..5 {
        assert_eq!(post.carry(&a_push()).await, Fate::Delivered);
    }
    assert_eq!(post.google.grants(), 1);
}

#[tokio::test]
async fn pushes_at_the_same_time_share_one_grant() {
    let post = Post::open().await;
    assert_eq!(carry_at_once(&post, 16).await, vec![Fate::Delivered; 16]);
    assert_eq!(post.google.grants(), 1);
}

#[tokio::test]
async fn a_token_is_replaced_a_minute_before_it_expires() {
    let post = Post::open().await;
    assert_eq!(post.carry(&a_push()).await, Fate::Delivered);
    post.clock.advance(i64::from(TOKEN_LIFE_SECONDS) - 61);
    assert_eq!(post.carry(&a_push()).await, Fate::Delivered);
    assert_eq!(post.google.grants(), 1);
    post.clock.advance(1);
    assert_eq!(post.carry(&a_push()).await, Fate::Delivered);
    assert_eq!(post.google.grants(), 2);
}

#[tokio::test]
async fn the_life_that_google_grants_is_the_one_that_counts() {
    let post = Post::open().await;
    post.google.answer_next_grant(GrantReply::Living { seconds: 300 });
    assert_eq!(post.carry(&a_push()).await, Fate::Delivered);
    post.clock.advance(240);
    assert_eq!(post.carry(&a_push()).await, Fate::Delivered);
    assert_eq!(post.google.grants(), 2);
}

#[tokio::test]
async fn a_token_refused_before_its_time_is_replaced_and_the_push_sent_again() {
    let post = Post::open().await;
    assert_eq!(post.carry(&a_push()).await, Fate::Delivered);
    post.google.answer_next(Reply::ExpireTokens);
    assert_eq!(post.carry(&a_push()).await, Fate::Delivered);
    assert_eq!(post.google.grants(), 2);
    let accepted: Vec<_> = post.google.recorded(3).await.iter().map(|record| record.accepted).collect();
    assert_eq!(accepted, [true, false, true]);
}

#[tokio::test]
async fn a_second_401_is_an_answer() {
    let post = Post::open().await;
    post.google.answer_next(Reply::Unauthenticated);
    post.google.answer_next(Reply::Unauthenticated);
    let refused = Fate::Refused { cause: "unauthenticated" };
    assert_eq!(post.carry(&a_push()).await, refused);
    assert_eq!(post.google.grants(), 2);
    assert_eq!(post.google.recorded(2).await.len(), 2);
}

#[tokio::test]
async fn pushes_refused_at_the_same_time_share_one_new_token() {
    let post = Post::open().await;
    assert_eq!(post.carry(&a_push()).await, Fate::Delivered);
    post.google.answer_next(Reply::ExpireTokens);
    assert_eq!(carry_at_once(&post, 8).await, vec![Fate::Delivered; 8]);
    assert_eq!(post.google.grants(), 2);
}

#[tokio::test]
async fn a_refused_service_account_ends_the_push() {
    let post = Post::open().await;
    let refused = Fate::Refused { cause: "token_refused" };
    assert_eq!(post.fate_without_token(GrantReply::InvalidGrant).await, refused);
}

#[tokio::test]
async fn an_unavailable_token_endpoint_is_tried_again() {
    let post = Post::open().await;
    let unavailable = GrantReply::Unavailable { retry_after: 30 };
    let fate = post.fate_without_token(unavailable).await;
    assert_eq!(fate, later(Some(30), "token_unavailable"));
    let garbled = post.fate_without_token(GrantReply::Garbled).await;
    assert_eq!(garbled, later(None, "token_unavailable"));
}

#[tokio::test]
async fn a_failed_grant_is_not_remembered() {
    let post = Post::open().await;
    post.google.answer_next_grant(GrantReply::Garbled);
    assert_eq!(post.carry(&a_push()).await, later(None, "token_unavailable"));
    assert_eq!(post.carry(&a_push()).await, Fate::Delivered);
}

#[tokio::test]
async fn pushes_at_the_same_time_share_a_failed_grant() {
    let post = Post::open().await;
    post.google.answer_next_grant(GrantReply::Garbled);
    let fates = carry_at_once(&post, 8).await;
    assert_eq!(fates, vec![later(None, "token_unavailable"); 8]);
    assert_eq!(post.google.grants(), 1);
}

#[tokio::test]
async fn another_key_than_the_accounts_gets_no_token() {
    let post = Post::open().await;
    let impostor = FcmStandIn::start(post.clock.clone()).await;
    let settings = FcmSettings {
        service_account: ServiceAccount::parse(&impostor.service_account()).expect("a key file"),
        token_url: Some(post.google.token_url()),
        ..settings(&post.google)
    };
    let fcm = post.courier(settings).expect("settings that work");
    assert_eq!(fcm.carry(&a_push()).await, Fate::Refused { cause: "token_refused" });
}

async fn carry_at_once(post: &Post, count: usize) -> Vec<Fate> {
    let mut pushes = tokio::task::JoinSet::new();
    for _ in 0..count {
        let fcm = Arc::clone(&post.fcm);
        pushes.spawn(async move { fcm.carry(&a_push()).await });
    }
    pushes.join_all().await
}

// Settings

#[tokio::test]
async fn a_token_url_moves_the_request_and_leaves_the_audience() {
    let post = Post::open().await;
    let googles = "https://oauth2.googleapis.com/token";
    let key_file = post.google.service_account().replace(post.google.token_url().as_str(), googles);
    assert!(key_file.contains(googles));
    let settings = FcmSettings {
        service_account: ServiceAccount::parse(&key_file).expect("a key file"),
        token_url: Some(post.google.token_url()),
        ..settings(&post.google)
    };
    let fcm = post.courier(settings).expect("settings that work");
    assert_eq!(fcm.carry(&a_push()).await, Fate::Delivered);
}

#[tokio::test]
async fn a_project_id_goes_before_that_of_the_account() {
    let post = Post::open().await;
    let of_project = |project: &str| FcmSettings { project_id: Some(project.to_owned()), ..settings(&post.google) };
    let ours = post.courier(of_project(PROJECT)).expect("settings that work");
    assert_eq!(ours.carry(&a_push()).await, Fate::Delivered);
    let other = post.courier(of_project("example.com:other")).expect("settings that work");
    let refused = Fate::Refused { cause: "permission_denied" };
    assert_eq!(other.carry(&a_push()).await, refused);
    for bad in ["", "..", "a/b", "a b", "a?b"] {
        let refused = post.courier(of_project(bad)).expect_err(bad);
        assert_eq!(refused, BadFcmSettings::ProjectId, "{bad}");
    }
}

#[tokio::test]
async fn credentials_never_leave_this_machine_in_clear() {
    let post = Post::open().await;
    let elsewhere = Url::parse("http://fcm.example.com/").expect("a URL");
    let base = FcmSettings { base_url: Some(elsewhere.clone()), ..settings(&post.google) };
    let refused = post.courier(base).expect_err("plain http");
    assert_eq!(refused, BadFcmSettings::BaseUrl);
    let token = FcmSettings { token_url: Some(elsewhere), ..settings(&post.google) };
    let refused = post.courier(token).expect_err("plain http");
    assert_eq!(refused, BadFcmSettings::TokenUrl);
}

#[tokio::test]
async fn a_key_file_that_is_none_is_refused_with_its_reason() {
    let post = Post::open().await;
    let good: Value = serde_json::from_str(&post.google.service_account()).expect("JSON");
    let with = |name: &str, value: Value| {
        let mut file = good.clone();
        file[name] = value;
        ServiceAccount::parse(&file.to_string()).expect_err(name)
    };
    assert_eq!(ServiceAccount::parse("{").expect_err("no JSON"), BadServiceAccount::Form);
    assert_eq!(with("client_email", Value::Null), BadServiceAccount::Form);
    assert_eq!(with("token_uri", json!("token")), BadServiceAccount::Form);
    assert_eq!(with("type", json!("authorized_user")), BadServiceAccount::Kind);
    for key in ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
        assert_eq!(with("private_key", json!(key)), BadServiceAccount::Key);
    }
}

// Secrets

#[tokio::test]
async fn neither_debug_nor_log_shows_a_secret() {
    let post = Post::open().await;
    post.google.answer_next(Reply::Unregistered);
    post.google.answer_next(Reply::ExpireTokens);
    post.google.answer_next(Reply::HangUp);
    let push = a_push();
    let mut shown = vec![format!("{push:?} {:?} {:?}", post.fcm, settings(&post.google))];
    for _ in 0..3 {
        shown.push(format!("{:?}", post.carry(&push).await));
    }
    shown.push(Log::of_all_tests().text());
    let shown = shown.join("\n");

    assert!(shown.contains("FCM did not take a push"), "{shown}");
    let key_file: Value = serde_json::from_str(&post.google.service_account()).expect("JSON");
    let pem = key_file["private_key"].as_str().expect("a key");
    let key_line = pem.lines().nth(1).expect("a line of base64");
    for secret in [TARGET, JWE, RID, "ya29.", "PRIVATE KEY", key_line] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

/// What was logged, in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// One for the whole process: subscribers of single threads disturb each other's cache of what is of interest.
    fn of_all_tests() -> &'static Self {
        static LOG: OnceLock<Log> = OnceLock::new();
        LOG.get_or_init(|| {
            let log = Self::default();
            let writer = log.clone();
            let subscriber = tracing_subscriber::fmt()
                .with_max_level(tracing::Level::TRACE)
                .with_writer(move || writer.clone())
                .finish();
            tracing::subscriber::set_global_default(subscriber).expect("the only one");
            log
        })
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("no panic holds the log")).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic holds the log").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
