//! Every push channel through the real binary: `assent serve` with the settings of an operator, a stand-in that is as
//! strict as the service it stands for, and a phone of the real device core that opens what arrives.

use std::fs;
use std::process::Command;
use std::sync::Arc;

use device_core::desktop::SystemClock as PhoneClock;
use device_core::{Outcome, Platform, PushTarget};
use protocol::messages::PromptKind;
use serde_json::{Value, json};
use server::app::system::SystemClock;
use simulator::admin::Admin;
use simulator::phone::Phone;
use simulator::stand_in::apns::{ApnsStandIn, KEY_ID, TEAM_ID, TOPIC};
use simulator::stand_in::fcm::{self, FcmStandIn};
use simulator::stand_in::web_push::{Reply, WebPushStandIn};
use simulator::stand_in::webhook::{SECRET, WebhookStandIn};
use simulator::wire::Wire;
use tests::enrolled_by;
use tests::pki::Authority;
use tests::process::http::{Call, Lost};
use tests::process::party::Party;
use tests::process::{ISSUER, Server, Site, assent};

/// All four services and a server that is set up for them.
struct Scene {
    google: FcmStandIn,
    apple: ApnsStandIn,
    browser: WebPushStandIn,
    notifier: WebhookStandIn,
    server: Server,
    admin: Admin,
    party: Party,
    vapid: String,
    _site: Site,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Channel {
    FcmAndroid,
    FcmIos,
    Apns,
    WebPush,
    Webhook,
}

const CHANNELS: [Channel; 5] =
    [Channel::FcmAndroid, Channel::FcmIos, Channel::Apns, Channel::WebPush, Channel::Webhook];

impl Scene {
    async fn new() -> Result<Self, Lost> {
        let authority = Authority::new("Apple's authority");
        let shown = authority.server(&["localhost"]);
        let apple = ApnsStandIn::start(&shown.certificate, &shown.key, Arc::new(SystemClock)).await;
        let google = FcmStandIn::start(Arc::new(SystemClock)).await;
        let browser = WebPushStandIn::start(Arc::new(SystemClock)).await;
        let notifier = WebhookStandIn::start(Arc::new(SystemClock)).await;
        let site = Site::new();
        let vapid_file = site.path("vapid.pem").display().to_string();
        let made = Command::new(assent()).args(["keys", "vapid", &vapid_file]).output().expect("it starts");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let site = site
            .with_file("PUSH__FCM__SERVICE_ACCOUNT_FILE", "account.json", &google.service_account())
            .with("PUSH__FCM__BASE_URL", google.base_url().as_str())
            .with("PUSH__FCM__TOKEN_URL", google.token_url().as_str())
            .with_file("PUSH__APNS__KEY_FILE", "apns.p8", apple.key_file())
            .with("PUSH__APNS__KEY_ID", KEY_ID)
            .with("PUSH__APNS__TEAM_ID", TEAM_ID)
            .with("PUSH__APNS__TOPIC", TOPIC)
            .with("PUSH__APNS__BASE_URL", &apple.base_url())
            .with_file("OUTBOUND__EXTRA_ROOTS", "apple.pem", &authority.pem())
            .with("PUSH__WEBPUSH__KEY_FILE", &vapid_file)
            .with("PUSH__WEBPUSH__CONTACT", "mailto:operations@example.com")
            .with("OUTBOUND__ALLOWED_NETWORKS", "127.0.0.0/8")
            .with_file("PUSH__WEBHOOK__SECRET_FILE", "webhook.secret", SECRET)
            .with("PUSH__WEBHOOK__URL", &notifier.url());
        let (checked, said) = site.run("check-config", &[]);
        assert!(checked.success(), "{said}");
        let server = site.serve().await;
        let party = server.operator().await?.create_client("shop").await?;
        let admin = Admin::new(Wire::to(server.admin), server.admin_token());
        let vapid = vapid_of(&server).await.expect("phones are told");
        assert_eq!(String::from_utf8_lossy(&made.stdout).trim(), vapid, "what `assent keys vapid` printed");
        assert!(!fs::read_to_string(&vapid_file).expect("it was written").contains(&vapid));
        Ok(Self { google, apple, browser, notifier, server, admin, party, vapid, _site: site })
    }

    /// A user with a phone.
    async fn phone(&self, subject: &str, target: PushTarget) -> Phone {
        self.admin.create_user(&json!({ "subject": subject })).await.expect("a user").expect("a new one");
        let wire = Arc::new(Wire::to(self.server.public));
        let phone = Phone::new("Phone", ISSUER, wire, Arc::new(PhoneClock::new()));
        enrolled_by(&self.admin, phone, subject, target).await
    }

    /// Where such a phone is reached; subjects of one length have targets of one length.
    fn target(&self, channel: Channel, subject: &str) -> PushTarget {
        let fcm = |platform| PushTarget::FcmToken { platform, token: format!("token-of-{subject}") };
        match channel {
            Channel::FcmAndroid => fcm(Platform::Android),
            Channel::FcmIos => fcm(Platform::Ios),
            Channel::Apns => PushTarget::Apns { token: format!("{subject:0>64}"), sandbox: false },
            Channel::WebPush => {
                let subscription = self.browser.subscribe(&self.vapid);
                let (endpoint, p256dh, auth) = (subscription.endpoint, subscription.p256dh, subscription.auth);
                PushTarget::WebPush { endpoint, p256dh, auth }
            }
            Channel::Webhook => PushTarget::Webhook { address: format!("phone of {subject}") },
        }
    }

    async fn ask(&self, subject: &str, message: &str) -> Result<String, Lost> {
        let mut connection = self.server.connect().await?;
        Ok(self.party.begin(&mut connection, subject, message).await?.auth_req_id)
    }

    /// What the app on the phone gets of the push that is `count`th on this channel, and how long it was on the way.
    async fn arrived(&self, channel: Channel, count: usize) -> (Value, usize) {
        match channel {
            Channel::FcmAndroid | Channel::FcmIos => {
                let sent = self.google.recorded(count).await.remove(count - 1);
                assert!(sent.accepted, "{}", sent.body);
                (sent.body["message"]["data"].clone(), sent.body.to_string().len())
            }
            Channel::Apns => {
                let sent = self.apple.recorded(count).await.remove(count - 1);
                assert!(sent.accepted, "{sent:?}");
                (sent.payload, sent.length)
            }
            Channel::WebPush => {
                let sent = self.browser.recorded(count).await.remove(count - 1);
                assert!(sent.accepted, "{sent:?}");
                (sent.data, sent.length)
            }
            Channel::Webhook => {
                let call = self.notifier.recorded(count).await.remove(count - 1);
                assert!(call.passed_on, "{call:?}");
                (call.body["data"].clone(), call.length)
            }
        }
    }

    /// Waits until as many pushes are concluded as there are fates, and compares.
    async fn ended(&self, fates: &[&str]) {
        let mut fates: Vec<String> = fates.iter().map(|fate| (*fate).to_owned()).collect();
        let found = self.concluded(fates.len()).await;
        let mut found: Vec<String> = found.iter().filter_map(|fate| fate.as_str().map(str::to_owned)).collect();
        fates.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, fates);
    }

    /// The fates of all pushes that were concluded, once there are so many.
    async fn concluded(&self, count: usize) -> Vec<Value> {
        loop {
            let audit = self.admin.audit().await.expect("the audit trail");
            let events = audit.into_iter().filter(|event| event["event"] == "push_concluded");
            let fates: Vec<Value> = events.map(|event| event["fate"].clone()).collect();
            if fates.len() >= count {
                return fates;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn has_target(&self, subject: &str) -> bool {
        self.admin.devices(subject).await.expect("a list")[0]["has_push_target"] == true
    }
}

/// As a phone learns it, before it has an account.
async fn vapid_of(server: &Server) -> Option<String> {
    let phone = Phone::new("Phone", ISSUER, Arc::new(Wire::to(server.public)), Arc::new(PhoneClock::new()));
    phone.core().web_push_key(ISSUER.to_owned()).await.expect("the server says")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_channel_brings_a_sealed_prompt_that_the_phone_opens_and_approves() -> Result<(), Lost> {
    let scene = Scene::new().await?;
    for (number, channel) in CHANNELS.into_iter().enumerate() {
        let subject = format!("100{number}");
        let phone = scene.phone(&subject, scene.target(channel, &subject)).await;
        scene.ask(&subject, "Order 4711").await?;
        let count = if channel == Channel::FcmIos { 2 } else { 1 };
        let (data, _) = scene.arrived(channel, count).await;
        assert!(!data.to_string().contains("4711"), "{channel:?}: nothing is there in clear");
        let opened = phone.open_push(&data).await.expect("the phone opens it");
        assert_eq!(opened[0].binding_message().as_deref(), Some("Order 4711"), "{channel:?}");
        assert_eq!(phone.approve(&opened[0]).await, Ok(Outcome::Approved));
    }
    assert_eq!(scene.concluded(CHANNELS.len()).await, vec![json!("delivered"); CHANNELS.len()]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_length_of_a_push_tells_nothing_of_its_message() -> Result<(), Lost> {
    let scene = Scene::new().await?;
    let messages = ["1".to_owned(), "x".repeat(100), "\u{754c}".repeat(100), "\u{2000b}".repeat(100)];
    for (number, channel) in CHANNELS.into_iter().enumerate() {
        let before = if channel == Channel::FcmIos { messages.len() } else { 0 };
        let mut lengths = Vec::new();
        for (place, message) in messages.iter().enumerate() {
            let subject = format!("2{number}0{place}");
            let phone = scene.phone(&subject, scene.target(channel, &subject)).await;
            scene.ask(&subject, message).await?;
            let (data, length) = scene.arrived(channel, before + place + 1).await;
            let opened = phone.open_push(&data).await.expect("the phone opens it");
            assert_eq!(opened[0].binding_message().as_ref(), Some(message), "{channel:?}");
            lengths.push(length);
        }
        assert_eq!(lengths, vec![lengths[0]; messages.len()], "{channel:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_answer_of_apple_comes_to_its_end() -> Result<(), Lost> {
    let scene = Scene::new().await?;
    let mut fates = Vec::new();
    let (now, past) = (Some(tests::process::unix_seconds() * 1_000 + 60_000), Some(1_600_000_000_000));
    for (number, (status, reason, timestamp, fate, stays)) in [
        (410, "Unregistered", now, "gone", false),
        // The phone named the token once more after Apple lost it.
        (410, "Unregistered", past, "gone", true),
        (410, "ExpiredToken", now, "gone", false),
        (400, "BadDeviceToken", None, "gone", false),
        // So is every phone answered where the operator has misspelt the topic.
        (400, "DeviceTokenNotForTopic", None, "refused", true),
        (400, "BadTopic", None, "refused", true),
        (403, "InvalidProviderToken", None, "refused", true),
        (404, "BadPath", None, "refused", true),
        (413, "PayloadTooLarge", None, "refused", true),
    ]
    .into_iter()
    .enumerate()
    {
        let subject = format!("300{number}");
        let phone = scene.phone(&subject, scene.target(Channel::Apns, &subject)).await;
        scene.apple.refuse_next(status, reason, timestamp);
        scene.ask(&subject, "Order 4711").await?;
        fates.push(fate);
        scene.ended(&fates).await;
        assert_eq!(scene.has_target(&subject).await, stays, "{status} {reason}");
        assert_eq!(phone.pending().await.expect("the phone asks").len(), 1, "it is poll only now");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn apple_is_tried_again_where_that_helps_always_under_one_id() -> Result<(), Lost> {
    let scene = Scene::new().await?;
    let mut count = 0;
    for (number, refuse) in [
        (|apple: &ApnsStandIn| apple.refuse_next(429, "TooManyRequests", None)) as fn(&ApnsStandIn),
        |apple| apple.refuse_next(500, "InternalServerError", None),
        |apple| apple.refuse_next(503, "Shutdown", None),
        |apple| apple.answer_next(Reply::HangUp),
        |apple| apple.answer_next(Reply::after(429, "1")),
        |apple| apple.expire_tokens(),
    ]
    .into_iter()
    .enumerate()
    {
        let subject = format!("400{number}");
        let phone = scene.phone(&subject, scene.target(Channel::Apns, &subject)).await;
        refuse(&scene.apple);
        scene.ask(&subject, "Order 4711").await?;
        count += 2;
        let sent = scene.apple.recorded(count).await;
        let [first, second] = &sent[count - 2..] else { panic!("two attempts") };
        assert_eq!(first.header("id"), second.header("id"), "case {number}");
        assert!(second.accepted, "case {number}: {second:?}");
        // Of a push that came twice the phone shows one prompt.
        for copy in [first, second].into_iter().filter(|copy| copy.accepted) {
            let opened = phone.open_push(&copy.payload).await.expect("the phone opens it");
            assert_eq!(opened.len(), 1);
        }
        assert_eq!(phone.pending().await.expect("the phone asks").len(), 1);
        // It is concluded before the next case begins.
        scene.concluded(number + 1).await;
    }
    assert_eq!(scene.apple.tokens(), 2, "the expired provider token was replaced once");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_answer_of_a_push_service_comes_to_its_end() -> Result<(), Lost> {
    let (scene, mut fates) = (Scene::new().await?, Vec::new());
    for (number, (status, fate, stays)) in [
        (404, "gone", false),
        (410, "gone", false),
        (401, "refused", true),
        (403, "refused", true),
        (413, "refused", true),
    ]
    .into_iter()
    .enumerate()
    {
        let subject = format!("500{number}");
        let phone = scene.phone(&subject, scene.target(Channel::WebPush, &subject)).await;
        scene.browser.answer_next(Reply::status(status));
        scene.ask(&subject, "Order 4711").await?;
        fates.push(fate);
        scene.ended(&fates).await;
        assert_eq!(scene.has_target(&subject).await, stays, "{status}");
        assert_eq!(phone.pending().await.expect("the phone asks").len(), 1);
    }
    let before = scene.browser.so_far().len();
    let phone = scene.phone("5009", scene.target(Channel::WebPush, "5009")).await;
    scene.browser.answer_next(Reply::after(429, "1"));
    scene.browser.answer_next(Reply::HangUp);
    scene.ask("5009", "Order 4711").await?;
    let sent = scene.browser.recorded(before + 3).await;
    assert_eq!(sent[before..].iter().map(|sent| sent.accepted).collect::<Vec<_>>(), [false, true, true]);
    assert_eq!(sent[before].topic, sent[before + 2].topic, "a push service replaces one by the other");
    assert_eq!(sent[before + 2].urgency.as_deref(), Some("high"));
    assert!(sent[before + 2].ttl.is_some_and(|ttl| 0 < ttl && ttl <= 3_600), "{:?}", sent[before + 2].ttl);
    assert_eq!(phone.open_push(&sent[before + 2].data).await.expect("the phone opens it").len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_for_another_sender_or_that_ended_gets_nothing() -> Result<(), Lost> {
    let (scene, mut fates) = (Scene::new().await?, Vec::new());
    let ended = scene.browser.subscribe(&scene.vapid);
    scene.browser.end(&ended);
    let foreign = scene.browser.subscribe("another sender's key");
    for (subject, subscription, fate, stays) in [("6000", ended, "gone", false), ("6001", foreign, "refused", true)] {
        let (endpoint, p256dh, auth) = (subscription.endpoint, subscription.p256dh, subscription.auth);
        scene.phone(subject, PushTarget::WebPush { endpoint, p256dh, auth }).await;
        scene.ask(subject, "Order 4711").await?;
        fates.push(fate);
        scene.ended(&fates).await;
        assert_eq!(scene.has_target(subject).await, stays);
    }
    assert!(scene.browser.so_far().iter().all(|sent| !sent.accepted));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notifier_is_called_until_it_answers_and_passes_on_once() -> Result<(), Lost> {
    let scene = Scene::new().await?;
    let phone = scene.phone("7000", scene.target(Channel::Webhook, "7000")).await;
    scene.notifier.answer_next(Reply::after(503, "1"));
    scene.notifier.answer_next(Reply::HangUp);
    scene.ask("7000", "Order 4711").await?;
    let calls = scene.notifier.recorded(3).await;
    assert!(calls.iter().all(|call| call.fault.is_none() && call.id == calls[0].id), "{calls:?}");
    assert_eq!(calls.iter().map(|call| call.passed_on).collect::<Vec<_>>(), [false, true, false]);
    let body = &calls[1].body;
    assert_eq!(
        (&body["type"], &body["address"], &body["subject"]),
        (&json!("prompt"), &json!("phone of 7000"), &json!("7000"))
    );
    let rid = body["data"]["rid"].as_str().expect("a routing id");
    assert_eq!(body["link"], format!("{ISSUER}/a/{rid}"));
    assert_eq!(phone.open_push(&body["data"]).await.expect("the phone opens it").len(), 1);
    let mut fates = vec!["delivered"];
    scene.ended(&fates).await;

    for (number, (status, fate, stays)) in [(410, "gone", false), (400, "refused", true)].into_iter().enumerate() {
        let subject = format!("710{number}");
        scene.phone(&subject, scene.target(Channel::Webhook, &subject)).await;
        scene.notifier.answer_next(Reply::status(status));
        scene.ask(&subject, "Order 4711").await?;
        fates.push(fate);
        scene.ended(&fates).await;
        assert_eq!(scene.has_target(&subject).await, stays, "{status}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_answer_of_google_comes_to_its_end() -> Result<(), Lost> {
    let (scene, mut fates) = (Scene::new().await?, Vec::new());
    for (number, (reply, fate, stays)) in [
        (fcm::Reply::Unregistered, "gone", false),
        (fcm::Reply::SenderIdMismatch, "gone", false),
        (fcm::Reply::InvalidArgument { field: "message.token".to_owned() }, "gone", false),
        (fcm::Reply::InvalidArgument { field: "message.data[0].value".to_owned() }, "refused", true),
        (fcm::Reply::PermissionDenied, "refused", true),
        (fcm::Reply::ExpireTokens, "delivered", true),
        (fcm::Reply::QuotaExceeded { retry_after: Some("1".to_owned()) }, "delivered", true),
        (fcm::Reply::HangUp, "delivered", true),
    ]
    .into_iter()
    .enumerate()
    {
        let subject = format!("800{number}");
        let phone = scene.phone(&subject, scene.target(Channel::FcmAndroid, &subject)).await;
        scene.google.answer_next(reply.clone());
        scene.ask(&subject, "Order 4711").await?;
        fates.push(fate);
        scene.ended(&fates).await;
        assert_eq!(scene.has_target(&subject).await, stays, "{reply:?}");
        assert_eq!(phone.pending().await.expect("the phone asks").len(), 1, "lost or not, it finds its prompt");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_phone_is_told_silently_that_it_need_not_ask() -> Result<(), Lost> {
    let scene = Scene::new().await?;
    let first = scene.phone("9000", scene.target(Channel::FcmAndroid, "9000")).await;
    let wire = Arc::new(Wire::to(scene.server.public));
    let second = Phone::new("iPhone", ISSUER, wire, Arc::new(PhoneClock::new()));
    let second = enrolled_by(&scene.admin, second, "9000", scene.target(Channel::Apns, "9000")).await;
    let (notice, _) = scene.arrived(Channel::FcmAndroid, 1).await;
    scene.ask("9000", "Order 4711").await?;
    let (prompt, _) = scene.arrived(Channel::Apns, 1).await;
    let (data, _) = scene.arrived(Channel::FcmAndroid, 2).await;
    scene.concluded(3).await;
    let kind = first.open_push(&notice).await.expect("the phone opens it")[0].prompt().content().kind;
    assert_eq!(kind, PromptKind::Notice, "that there is another phone");
    let opened = first.open_push(&data).await.expect("the phone opens it");
    assert_eq!(first.approve(&opened[0]).await, Ok(Outcome::Approved));
    let dismissed = scene.apple.recorded(2).await.remove(1);
    assert_eq!((dismissed.header("push-type"), dismissed.header("priority")), (Some("background"), Some("5")));
    assert_eq!(dismissed.header("collapse-id"), prompt["rid"].as_str(), "it is about that notification");
    let expected = json!({ "aps": { "content-available": 1 }, "v": "1", "rid": prompt["rid"], "dismiss": "1" });
    assert_eq!(dismissed.payload, expected);
    assert_eq!(second.pending().await.expect("the phone asks").len(), 0);
    assert_eq!(scene.google.recorded(2).await.len(), 2, "the phone that answered knows");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn where_an_app_link_leads_without_the_app_is_the_same_for_everybody_and_shows_nothing() -> Result<(), Lost> {
    let site = Site::new()
        .with("APP__NAME", "Example Approvals")
        .with("APP__ANDROID_PACKAGE", "com.example.approvals")
        .with("APP__ANDROID_CERTIFICATES", &["AB"; 32].join(":"))
        .with("APP__APPLE_APP_IDS", "DEF123GHIJ.com.example.approvals")
        .with("APP__APPLE_STORE", "https://apps.apple.com/app/id0000000000");
    let server = site.serve().await;
    let mut connection = server.connect().await?;
    let mut pages = Vec::new();
    for path in ["/a/tH7mK2vQ9xR4bN8cAAAAAA", "/a/x", "/a/%3Cscript%3E", "/a/x?next=https://elsewhere.example"] {
        let page = connection.send(Call::get(path)).await?.expect_status(200);
        let header = |name: &str| page.headers[name].to_str().expect("text").to_owned();
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert!(header("content-security-policy").starts_with("default-src 'none'"));
        pages.push(String::from_utf8(page.body.to_vec()).expect("text"));
    }
    assert!(pages.iter().all(|page| *page == pages[0]) && pages[0].contains("Open Example Approvals"));
    assert!(!pages[0].contains("<form") && !pages[0].contains("<script"));
    assert_eq!(connection.send(Call::post("/a/x", "text/plain", "")).await?.status, 405);
    let links: Value = connection.send(Call::get("/.well-known/assetlinks.json")).await?.expect_status(200).json();
    assert_eq!(links[0]["target"]["package_name"], "com.example.approvals");
    let apple = connection.send(Call::get("/.well-known/apple-app-site-association")).await?.expect_status(200);
    assert_eq!(apple.headers["content-type"], "application/json");
    assert_eq!(apple.json::<Value>()["applinks"]["details"][0]["components"], json!([{ "/": "/a/*" }]));
    Ok(())
}
