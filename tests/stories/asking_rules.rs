//! What a request may say, in a realm with rules of its own and for clients of every mode.

use device_core::{DenyReason, PushTarget};
use server::domain::algorithm::Algorithm;
use server::domain::delivery::DeliveryMode;
use server::domain::policy::{AboveMax, NoDevice};
use server::domain::profile::Profile;
use simulator::client_key::ClientKey;
use tests::{SHOP, World, a_request};

use crate::{keyed_shop, scene};

const TOKEN: &str = "8d67dc78-7faa-4d41-aabd-67707b374255";

#[tokio::test]
async fn a_binding_message_of_emoji_or_too_long_is_invalid_binding_message() {
    let (_world, shop, _phone) = scene().await;
    // OP_ACCEPTANCE module 9: 456 code points.
    let module_9 = "\u{1f642}\u{6f22}\u{5b57}".repeat(152);
    for message in [module_9.as_str(), &"w".repeat(101), "https://evil.example/x", "two\nlines", " "] {
        let answer = a_request().with("binding_message", message).sent(&shop).await;
        assert_eq!(answer.in_short(), "400 invalid_binding_message", "{message}");
    }
}

#[tokio::test]
async fn a_binding_message_must_match_the_realms_pattern_whole() {
    // REQUIREMENTS G84, Q24.
    let pattern = Some("[A-Za-z0-9]{4,8}".to_owned());
    let world = World::builder().policy(|policy| policy.binding_message_pattern = pattern).make().await;
    let (shop, _phone) = (world.shop().await, world.phone("1001").await);
    for (message, answer) in [
        ("sRj89xCg", "200"),
        ("abc", "400 invalid_binding_message"),
        ("sRj89xCg and more", "400 invalid_binding_message"),
    ] {
        assert_eq!(a_request().with("binding_message", message).sent(&shop).await.in_short(), answer, "{message}");
    }
    assert_eq!(a_request().without("binding_message").sent(&shop).await.in_short(), "200");
}

#[tokio::test]
async fn a_requested_expiry_above_the_maximum_is_refused_where_the_realm_says_so() {
    // REQUIREMENTS Q12.
    let refusing = World::builder().policy(|policy| policy.requested_expiry_above_max = AboveMax::Refuse);
    let world = refusing.make().await;
    let (shop, _phone) = (world.shop().await, world.phone("1001").await);
    for (requested, answer) in [
        ("3600", "200"),
        ("3601", "400 invalid_request"),
        ("99999999999999999999", "400 invalid_request"),
        ("1", "200"),
    ] {
        let sent = a_request().with("requested_expiry", requested).sent(&shop).await;
        assert_eq!(sent.in_short(), answer, "{requested}");
    }
}

#[tokio::test]
async fn a_client_that_is_notified_must_send_its_token_and_a_poll_client_need_not() {
    // CIBA §7.1, REQUIREMENTS Q22.
    let world = World::builder().policy(|policy| policy.client_prompts_pending = 5).make().await;
    let (shop, _phone) = (world.shop().await, world.phone("1001").await);
    let longest = "a".repeat(1024);
    let bad = ["a b", "a=b", "t\u{f6}ken", "\"token\"", "=", &format!("{longest}a")];
    for token in bad {
        assert_eq!(a_request().with("client_notification_token", token).sent(&shop).await.in_short(), "200", "{token}");
        world.advance(60);
    }
    for mode in [DeliveryMode::Ping, DeliveryMode::Push] {
        world.edit_client(SHOP, |client| client.delivery = mode).await;
        assert_eq!(a_request().sent(&shop).await.in_short(), "400 invalid_request");
        for token in bad {
            let answer = a_request().with("client_notification_token", token).sent(&shop).await;
            assert_eq!(answer.in_short(), "400 invalid_request", "{token}");
        }
        let accepted = a_request().with("client_notification_token", TOKEN).sent(&shop).await;
        assert_eq!(accepted.in_short(), "200");
        // CIBA §7.3: no interval in push mode.
        assert_eq!(accepted.json()["interval"].is_null(), mode == DeliveryMode::Push);
        let accepted = a_request().with("client_notification_token", &longest).sent(&shop).await;
        assert_eq!(accepted.in_short(), "200");
    }
}

#[tokio::test]
async fn a_notification_token_is_kept_sealed_and_that_of_a_poll_client_not_at_all() {
    let (world, shop, _phone) = scene().await;
    for mode in [DeliveryMode::Poll, DeliveryMode::Ping] {
        world.edit_client(SHOP, |client| client.delivery = mode).await;
        let asked = a_request().with("client_notification_token", TOKEN).accepted(&shop).await;
        let provider = world.provider();
        let key = server::domain::names::RequestKey::of(&asked);
        let stored = provider.store().request(provider.id(), &key).await.expect("a look-up").expect("the request");
        assert_eq!(stored.record.callback.is_some(), mode == DeliveryMode::Ping);
        let text = serde_json::to_string(&stored.record).expect("is JSON");
        assert!(!text.contains(TOKEN) && !text.contains(&asked));
        if let Some(callback) = &stored.record.callback {
            let opened = server::flow::callback::open(provider.keys(), &key, callback).expect("it opens");
            assert_eq!((opened.auth_req_id.reveal(), opened.token.reveal()), (asked.as_str(), TOKEN));
        }
    }
}

#[tokio::test]
async fn a_mode_that_the_realm_does_not_offer_is_unauthorized_client() {
    // REQUIREMENTS Q20.
    for modes in [Vec::new(), vec![DeliveryMode::Ping]] {
        let (mut world, shop, _phone) = scene().await;
        world.change_policy(|policy| policy.delivery_modes = modes).await;
        assert_eq!(a_request().sent(&shop).await.in_short(), "400 unauthorized_client");
        // Before any parameter is looked at.
        assert_eq!(a_request().without("scope").sent(&shop).await.in_short(), "400 unauthorized_client");
    }
}

#[tokio::test]
async fn under_the_fapi_profile_unsigned_requests_and_push_clients_are_refused() {
    // OP_ACCEPTANCE module 41; FAPI-CIBA §5.2.2.
    let key = ClientKey::generate(Algorithm::Es256);
    let (mut fapi, _shop, _phone) = scene().await;
    let shop = keyed_shop(&fapi, &key).await;
    fapi.change_policy(|policy| policy.profile = Profile::FapiCiba).await;
    assert_eq!(a_request().sent(&shop).await.in_short(), "400 invalid_request");
    let (core, _shop, _phone) = scene().await;
    let shop = keyed_shop(&core, &key).await;
    core.edit_client(SHOP, |client| client.profile = Some(Profile::FapiCiba)).await;
    assert_eq!(a_request().sent(&shop).await.in_short(), "400 invalid_request");
    core.edit_client(SHOP, |client| client.delivery = DeliveryMode::Push).await;
    let pushed = a_request().with("client_notification_token", TOKEN);
    assert_eq!(pushed.sent(&shop).await.in_short(), "400 unauthorized_client");
}

#[tokio::test]
async fn a_client_that_registered_a_request_algorithm_must_sign() {
    // CIBA §4.
    let (world, shop, _phone) = scene().await;
    world.edit_client(SHOP, |client| client.request_algorithm = Some(Algorithm::Es256)).await;
    assert_eq!(a_request().sent(&shop).await.in_short(), "400 invalid_request");
}

#[tokio::test]
async fn what_would_change_the_meaning_of_the_approval_is_refused_and_not_passed_over() {
    let (_world, shop, phone) = scene().await;
    let details = r#"[{"type":"payment"}]"#;
    for (name, value, answer) in [
        ("authorization_details", details, "400 invalid_authorization_details"),
        ("resource", "https://api.example", "400 invalid_target"),
        ("request_uri", "https://rp.example/request", "400 invalid_request"),
        ("scope", "email", "400 invalid_scope"),
    ] {
        assert_eq!(a_request().with(name, value).sent(&shop).await.in_short(), answer, "{name}");
    }
    assert!(phone.pending().await.expect("the phone asks").is_empty());
}

#[tokio::test]
async fn a_request_context_is_taken_as_an_object_and_never_shown() {
    // FAPI-CIBA `request_context`.
    let (world, shop, phone) = scene().await;
    let context = r#"{"ip":"203.0.113.7","risk":{"score":3}}"#;
    let asked = a_request().with("request_context", context).accepted(&shop).await;
    let prompt = world.prompt(&phone, &asked).await;
    assert!(prompt.display().lines.iter().all(|line| !line.value.contains("203.0.113.7")));
    let long = format!("{{\"a\":\"{}\"}}", "a".repeat(4096));
    for bad in ["1", "[]", "{", "text", "{\"a\":1,\"a\":2}", &long] {
        assert_eq!(a_request().with("request_context", bad).sent(&shop).await.in_short(), "400 invalid_request");
    }
}

#[tokio::test]
async fn what_a_user_without_a_phone_is_answered_is_the_realms_choice() {
    // REQUIREMENTS Q19.
    for (choice, answer) in [
        (NoDevice::AccessDenied, "403 access_denied"),
        (NoDevice::UnknownUserId, "400 unknown_user_id"),
        (NoDevice::Accept, "200"),
    ] {
        let world = World::builder().policy(|policy| policy.no_device = choice).make().await;
        let shop = world.shop().await;
        assert_eq!(a_request().sent(&shop).await.in_short(), answer);
    }
}

async fn accepting() -> (World, simulator::relying_party::RelyingParty) {
    let world = World::builder().policy(|policy| policy.no_device = NoDevice::Accept).make().await;
    let shop = world.shop().await;
    (world, shop)
}

#[tokio::test]
async fn a_request_accepted_without_a_phone_is_put_to_one_that_enrols_in_time() {
    let (world, shop) = accepting().await;
    let asked = a_request().accepted(&shop).await;
    let phone = world.phone("1001").await;
    let prompt = world.prompt(&phone, &asked).await;
    assert_eq!(phone.pending().await.expect("the phone asks again").len(), 1, "one copy, however often it asks");
    phone.approve(&prompt).await.expect("approved");
    world.redeem(&shop, &asked).await;
    assert!(phone.pending().await.expect("the phone asks").is_empty());
}

#[tokio::test]
async fn every_phone_that_enrols_in_time_is_asked_until_one_answers() {
    let (world, shop) = accepting().await;
    let asked = a_request().accepted(&shop).await;
    let (first, second) = (world.phone("1001").await, world.phone("1001").await);
    let prompt = world.prompt(&first, &asked).await;
    world.prompt(&second, &asked).await;
    first.deny(&prompt, DenyReason::NotMe).await.expect("denied");
    assert!(second.pending().await.expect("the phone asks").is_empty());
    assert_eq!(world.poll(&shop, &asked).await, "400 access_denied");
}

#[tokio::test]
async fn a_request_accepted_without_a_phone_expires_if_none_comes_and_is_swept_with_what_waited() {
    let (world, shop) = accepting().await;
    let asked = a_request().accepted(&shop).await;
    assert_eq!(world.poll(&shop, &asked).await, "400 authorization_pending");
    world.advance(120);
    let phone = world.phone("1001").await;
    assert!(phone.pending().await.expect("the phone asks").is_empty(), "it came too late");
    assert_eq!(world.poll(&shop, &asked).await, "400 expired_token");
    world.advance(180);
    server::flow::sweep::sweep(world.provider()).await.expect("a sweep");
    let provider = world.provider();
    let nobody = server::domain::prompt::nobodys_phone(&server::domain::names::Subject::new("1001".to_owned()));
    let waiting = provider.store().unanswered(provider.id(), &nobody).await.expect("a look-up");
    assert!(waiting.is_empty(), "{waiting:?}");
}

#[tokio::test]
async fn what_waits_for_one_users_phone_is_not_put_to_anothers() {
    let (world, shop) = accepting().await;
    a_request().accepted(&shop).await;
    let stranger = world.phone("1002").await;
    assert!(stranger.pending().await.expect("the phone asks").is_empty());
}

#[tokio::test]
async fn a_requested_acr_raises_what_an_approval_must_prove_and_never_lowers_it() {
    // DEVICE_PROTOCOL "acr and amr".
    use protocol::messages::UserVerification::{None, Preferred, Required};
    let (presence, uv, hardware) = ("urn:assent:acr:presence", "urn:assent:acr:uv", "urn:assent:acr:uv-hw");
    let both = format!("{uv} {presence}");
    let table = [
        (true, None, uv, true),
        (true, None, &both, true),
        (true, None, presence, false),
        (true, None, hardware, false),
        (true, None, "urn:mace:incommon:iap:silver", false),
        (true, None, "", false),
        (true, Preferred, uv, true),
        (true, Required, presence, true),
        // Nobody vouches for this phone, so `uv` is out of reach, and the next value counts.
        (false, None, uv, false),
        (false, None, &both, false),
    ];
    for (trusted, registered, asked_for, required) in table {
        let world = World::builder().policy(|policy| policy.trust_claimed_uv = trusted).make().await;
        let (shop, phone) = (world.shop().await, world.enrolled("1001", "Phone", PushTarget::None).await);
        world.edit_client(SHOP, |client| client.user_verification = registered).await;
        let asked = a_request().with("acr_values", asked_for).accepted(&shop).await;
        let provider = world.provider();
        let key = server::domain::names::RequestKey::of(&asked);
        let stored = provider.store().request(provider.id(), &key).await.expect("a look-up").expect("the request");
        let (_, prompt) = stored.record.prompts[0];
        let prompt = provider.store().prompt(provider.id(), &prompt).await.expect("a look-up").expect("the prompt");
        assert_eq!(prompt.record.user_verification == Required, required, "{trusted} {registered:?} {asked_for}");
        let prompt = world.prompt(&phone, &asked).await;
        phone.approve(&prompt).await.expect("approved");
        world.redeem(&shop, &asked).await;
    }
}

#[tokio::test]
async fn default_acr_values_of_client_and_realm_count_as_requested() {
    let realms = vec!["urn:assent:acr:presence".to_owned()];
    let world = World::builder().policy(|policy| policy.default_acr_values = realms).make().await;
    let (shop, _phone) = (world.shop().await, world.phone("1001").await);
    let requested = async |asked: String| {
        let provider = world.provider();
        let key = server::domain::names::RequestKey::of(&asked);
        let stored = provider.store().request(provider.id(), &key).await.expect("a look-up");
        stored.expect("the request").record.acr_values
    };
    assert_eq!(requested(a_request().accepted(&shop).await).await, ["urn:assent:acr:presence"]);
    world.edit_client(SHOP, |client| client.default_acr_values = vec!["urn:assent:acr:uv".to_owned()]).await;
    assert_eq!(requested(a_request().accepted(&shop).await).await, ["urn:assent:acr:uv"]);
    let named = a_request().with("acr_values", "urn:assent:acr:uv-hw x").accepted(&shop).await;
    assert_eq!(requested(named).await, ["urn:assent:acr:uv-hw", "x"]);
}
