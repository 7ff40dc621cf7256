//! A user adds a phone by themselves: they sign in at the organisation's login, and the page shows the ticket and takes the
//! digits.

use std::collections::BTreeMap;

use axum::http::Request;
use device_core::{EnrolmentState, PushTarget};
use serde_json::{Value, json};
use server::domain::policy::AddDevice;
use server::domain::user::UserStatus;
use simulator::phone::Phone;
use simulator::stand_in::login::LoginStandIn;
use simulator::wire::{Answer, Wire};
use tests::{ISSUER, World, a_request};

const PASSPORT: &str = "urn:example:passport";

struct Scene {
    world: World,
    login: LoginStandIn,
}

/// Keeps cookies, and follows no redirect by itself.
struct Browser {
    way: Wire,
    cookies: BTreeMap<String, String>,
}

impl Scene {
    async fn new() -> Self {
        Self::with(true).await
    }

    async fn with(is_confidential: bool) -> Self {
        let login = LoginStandIn::for_provider(ISSUER, is_confidential).await;
        let mut settings = login.settings();
        settings.recovery_acr = vec![PASSPORT.to_owned()];
        let world = World::builder().signing_in(settings).make().await;
        let scene = Self { world, login };
        scene.says(&json!({}));
        scene
    }

    /// What the login will say: that alice signed in a minute ago, but for these members.
    fn says(&self, members: &Value) {
        let now = self.world.now().unix_seconds();
        let mut claims = json!({ "sub": "1001", "iat": now, "exp": now + 300, "auth_time": now - 60 });
        for (name, value) in members.as_object().expect("an object") {
            claims[name] = value.clone();
        }
        self.login.say(claims);
    }

    fn browser(&self) -> Browser {
        Browser { way: self.world.public().clone(), cookies: BTreeMap::new() }
    }

    /// To the login and back, as far as the callback.
    async fn signs_in(&self, browser: &mut Browser) -> Answer {
        let sent = browser.get("/enrol/sign-in").await;
        assert_eq!(sent.status, 303, "{}", text(&sent));
        let back = self.login.visit(sent.header("location").expect("a URL")).expect("the login knows us");
        browser.get(back.strip_prefix(ISSUER).expect("it leads back here")).await
    }

    /// What signing in comes to for what the login says.
    async fn outcome(&self, members: &Value) -> u16 {
        self.says(members);
        self.signs_in(&mut self.browser()).await.status.as_u16()
    }

    async fn a_new_phone(&self, page: &str) -> (Phone, std::sync::Arc<device_core::Enrolment>) {
        let mut phone = self.world.new_phone("Alice's & Bob's", ISSUER);
        let enrolment = phone.enrol(&ticket(page), PushTarget::None).await.expect("the phone enrols");
        (phone, enrolment)
    }
}

impl Browser {
    async fn send(&mut self, request: axum::http::request::Builder, body: &str) -> Answer {
        let pairs: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = request.header("cookie", pairs.join("; ")).body(body.as_bytes().to_vec()).expect("a request");
        let answer = self.way.send(request).await.expect("an answer");
        for set in answer.headers.get_all("set-cookie") {
            let set = set.to_str().expect("text");
            let (pair, attributes) = set.split_once("; ").expect("attributes");
            let (name, value) = pair.split_once('=').expect("a pair");
            assert!(name.starts_with("__Host-"), "{set}");
            for attribute in ["Path=/", "HttpOnly", "SameSite=Lax", "Secure"] {
                assert!(attributes.split("; ").any(|known| known == attribute), "{set}");
            }
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    async fn get(&mut self, path: &str) -> Answer {
        self.send(Request::get(format!("{ISSUER}{path}")), "").await
    }

    async fn types(&mut self, digits: &str, origin: &str) -> Answer {
        let request = Request::post(format!("{ISSUER}/enrol/phone"))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", origin);
        self.send(request, &format!("digits={digits}")).await
    }

    async fn page(&mut self) -> String {
        let answer = self.get("/enrol/phone").await;
        assert_eq!(answer.status, 200, "{}", text(&answer));
        text(&answer)
    }
}

fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.to_vec()).expect("text")
}

/// The link on the page.
fn ticket(page: &str) -> String {
    let (_, rest) = page.split_once("<a href=\"").expect("a link");
    rest.split_once('"').expect("its end").0.replace("&amp;", "&")
}

#[tokio::test]
async fn a_user_signs_in_shows_the_ticket_and_types_the_digits() {
    for is_confidential in [true, false] {
        let scene = Scene::with(is_confidential).await;
        let mut browser = scene.browser();
        let home = text(&browser.get("/enrol").await);
        assert!(home.contains("href=\"/enrol/sign-in\""), "{home}");
        let back = scene.signs_in(&mut browser).await;
        assert_eq!((back.status.as_u16(), back.header("location")), (303, Some("/enrol/phone")));
        let page = browser.page().await;
        assert!(page.contains("<svg") && page.contains("http-equiv=\"refresh\""), "{page}");
        let (phone, enrolment) = scene.a_new_phone(&page).await;
        let page = browser.page().await;
        assert!(page.contains("Alice&#39;s &amp; Bob&#39;s") && page.contains("<form"), "{page}");
        assert!(!page.contains("http-equiv=\"refresh\""), "nothing is taken away under who types");
        let digits = enrolment.digits().expect("six digits");
        let typed = browser.types(&format!("{}+{}", &digits[..3], &digits[3..]), ISSUER).await;
        assert_eq!((typed.status.as_u16(), typed.header("location")), (303, Some("/enrol/phone")));
        assert!(browser.page().await.contains("Done"));
        assert_eq!(enrolment.refresh().await, Ok(EnrolmentState::Active));
        let shop = scene.world.shop().await;
        let asked = a_request().accepted(&shop).await;
        phone.approve(&scene.world.prompt(&phone, &asked).await).await.expect("approved");
        scene.world.redeem(&shop, &asked).await;
    }
}

#[tokio::test]
async fn pages_load_and_send_nothing_elsewhere_and_are_not_kept() {
    let scene = Scene::new().await;
    let mut browser = scene.browser();
    scene.signs_in(&mut browser).await;
    // The page with the form lets the browser say where the form comes from, to us.
    for (path, referrer) in [("/enrol", "no-referrer"), ("/enrol/phone", "same-origin")] {
        let answer = browser.get(path).await;
        let policy = answer.header("content-security-policy").expect("a policy").to_owned();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("referrer-policy"), Some(referrer));
        let page = text(&answer);
        assert!(!page.contains("<script") && !page.contains("style="), "{page}");
    }
}

#[tokio::test]
async fn wrong_digits_end_it_and_the_page_says_so() {
    let scene = Scene::new().await;
    let mut browser = scene.browser();
    scene.signs_in(&mut browser).await;
    let (_phone, enrolment) = scene.a_new_phone(&browser.page().await).await;
    let wrong = if enrolment.digits().as_deref() == Some("000000") { "000001" } else { "000000" };
    assert_eq!(browser.types(wrong, ISSUER).await.status, 303);
    assert!(browser.page().await.contains("No phone was added"));
    assert_eq!(enrolment.refresh().await, Ok(EnrolmentState::Cancelled));
    assert_eq!(scene.world.events("enrolment_rejected").await, 1);
}

#[tokio::test]
async fn digits_typed_on_another_site_are_not_taken() {
    let scene = Scene::new().await;
    let mut browser = scene.browser();
    scene.signs_in(&mut browser).await;
    let (_phone, enrolment) = scene.a_new_phone(&browser.page().await).await;
    let digits = enrolment.digits().expect("six digits");
    assert_eq!(browser.types(&digits, "https://evil.example").await.status, 400);
    assert_eq!(browser.types(&digits, "null").await.status, 400);
    assert_eq!(scene.browser().types(&digits, ISSUER).await.status, 400, "without the session");
    assert_eq!(enrolment.refresh().await, Ok(EnrolmentState::Unconfirmed));
}

#[tokio::test]
async fn a_callback_counts_in_the_browser_that_was_sent_and_for_ten_minutes() {
    let scene = Scene::new().await;
    let (mut victim, mut thief) = (scene.browser(), scene.browser());
    let sent = thief.get("/enrol/sign-in").await;
    let back = scene.login.visit(sent.header("location").expect("a URL")).expect("the login knows us");
    let back = back.strip_prefix(ISSUER).expect("it leads back here").to_owned();
    assert_eq!(victim.get(&back).await.status, 400, "nobody is signed in as another");
    victim.get("/enrol/sign-in").await;
    assert_eq!(victim.get(&back).await.status, 400, "nor by a state of another's");
    scene.world.advance(600);
    assert_eq!(thief.get(&back).await.status, 400);
    assert_eq!(scene.world.events("ticket_created").await, 0);
}

#[tokio::test]
async fn cookies_that_we_did_not_make_are_none() {
    let scene = Scene::new().await;
    let mut browser = scene.browser();
    scene.signs_in(&mut browser).await;
    let (name, good) = browser.cookies.pop_first().expect("a session");
    for bad in [good.replace('.', ""), format!("{good}A"), format!("A{good}"), String::new(), ".".to_owned()] {
        browser.cookies.insert(name.clone(), bad);
        assert_eq!(browser.get("/enrol/phone").await.status, 400);
    }
    browser.cookies.insert(name, good);
    assert_eq!(browser.get("/enrol/phone").await.status, 200);
    scene.world.advance(900);
    assert_eq!(browser.get("/enrol/phone").await.status, 400, "fifteen minutes");
}

#[tokio::test]
async fn what_the_login_says_is_believed_only_where_all_of_it_fits() {
    let scene = Scene::new().await;
    assert_eq!(scene.outcome(&json!({})).await, 303);
    assert_eq!(scene.outcome(&json!({ "aud": ["assent", "another"], "azp": "assent" })).await, 303);
    let now = scene.world.now().unix_seconds();
    for wrong in [
        json!({ "iss": "https://another.example" }),
        json!({ "aud": "another" }),
        json!({ "aud": ["assent", "another"] }),
        json!({ "azp": "another" }),
        json!({ "nonce": "another-nonce-of-the-same-length-00000000000" }),
        json!({ "nonce": null }),
        json!({ "exp": now - 120 }),
        json!({ "iat": now + 600 }),
        json!({ "sub": null }),
        json!({ "sub": "" }),
        json!({ "auth_time": null }),
    ] {
        assert_eq!(scene.outcome(&wrong).await, 502, "{wrong}");
    }
    assert_eq!(scene.outcome(&json!({ "auth_time": now - 300 })).await, 403, "signed in too long ago");
    assert_eq!(scene.outcome(&json!({ "sub": "nobody" })).await, 403);
    scene.world.set_status("1001", UserStatus::Locked).await;
    assert_eq!(scene.outcome(&json!({})).await, 403);
    scene.world.set_status("1001", UserStatus::Active).await;
    scene.login.sign_by_another_key();
    assert_eq!(scene.outcome(&json!({})).await, 502);
    assert_eq!(scene.world.events("ticket_created").await, 2);
}

#[tokio::test]
async fn who_is_refused_by_the_login_or_cancels_there_gets_no_ticket() {
    let scene = Scene::new().await;
    scene.login.refuse("access_denied");
    let mut browser = scene.browser();
    let back = scene.signs_in(&mut browser).await;
    assert_eq!(back.status, 403);
    assert!(text(&back).contains("href=\"/enrol/sign-in\""));
    assert_eq!(scene.world.events("ticket_created").await, 0);
}

#[tokio::test]
async fn a_login_that_does_not_answer_is_said_to_the_person() {
    let scene = Scene::new().await;
    let Scene { world, login } = scene;
    drop(login);
    let answer = Browser { way: world.public().clone(), cookies: BTreeMap::new() }.get("/enrol/sign-in").await;
    assert_eq!(answer.status, 502);
    assert!(text(&answer).contains("does not answer"));
}

#[tokio::test]
async fn who_lost_all_phones_signs_in_once_more_as_the_realm_wants_it_then() {
    let scene = Scene::new().await;
    scene.world.phone("1001").await;
    let id = scene.world.admin().devices("1001").await.expect("a list")[0]["id"].as_str().expect("an id").to_owned();
    let path = format!("/devices/{id}/revoke");
    scene.world.admin().call(axum::http::Method::POST, &path, None).await.expect("an answer");
    let mut browser = scene.browser();
    let refused = scene.signs_in(&mut browser).await;
    assert_eq!(refused.status, 403);
    assert!(text(&refused).contains("href=\"/enrol/sign-in?again=1\""), "{}", text(&refused));
    let sent = browser.get("/enrol/sign-in?again=1").await;
    scene.says(&json!({ "acr": PASSPORT }));
    let back = scene.login.visit(sent.header("location").expect("a URL")).expect("the login knows us");
    assert_eq!(scene.login.last_asked()["acr_values"], PASSPORT);
    assert_eq!(scene.login.last_asked()["max_age"], "300");
    let back = browser.get(back.strip_prefix(ISSUER).expect("it leads back here")).await;
    assert_eq!(back.status, 303);
}

#[tokio::test]
async fn where_another_phone_must_agree_too_the_page_waits_for_it() {
    let login = LoginStandIn::for_provider(ISSUER, true).await;
    let world =
        World::builder().signing_in(login.settings()).policy(|policy| policy.add_device = AddDevice::Both).make().await;
    let scene = Scene { world, login };
    let first = scene.world.phone("1001").await;
    scene.says(&json!({}));
    let mut browser = scene.browser();
    scene.signs_in(&mut browser).await;
    let (_phone, enrolment) = scene.a_new_phone(&browser.page().await).await;
    browser.types(&enrolment.digits().expect("six digits"), ISSUER).await;
    assert!(browser.page().await.contains("approve the new phone"));
    let asked = crate::own::of_kind(&first, protocol::messages::PromptKind::AddDevice).await.remove(0);
    first.approve(&asked).await.expect("approved");
    assert!(browser.page().await.contains("Done"));
}

#[tokio::test]
async fn a_session_begun_before_a_restart_goes_on_after_it() {
    let mut scene = Scene::new().await;
    let mut browser = scene.browser();
    let sent = browser.get("/enrol/sign-in").await;
    scene.world.restart().await;
    let back = scene.login.visit(sent.header("location").expect("a URL")).expect("the login knows us");
    assert_eq!(browser.get(back.strip_prefix(ISSUER).expect("it leads back here")).await.status, 303);
    scene.world.restart().await;
    assert!(browser.page().await.contains("<svg"));
}

#[tokio::test]
async fn a_realm_without_a_login_says_what_the_link_is_for_and_sends_nobody_anywhere() {
    let world = World::new().await;
    let mut browser = Browser { way: world.public().clone(), cookies: BTreeMap::new() };
    let home = browser.get("/enrol").await;
    assert_eq!(home.status, 200);
    assert!(text(&home).contains("open it in the app") && !text(&home).contains("Sign in"));
    for path in ["/enrol/sign-in", "/enrol/callback?code=1&state=2", "/enrol/phone"] {
        assert_eq!(browser.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn neither_the_ticket_nor_the_code_is_stored() {
    let scene = Scene::new().await;
    let mut browser = scene.browser();
    scene.signs_in(&mut browser).await;
    let link = ticket(&browser.page().await);
    let code = link.split("c=").nth(1).and_then(|rest| rest.split('&').next()).expect("a code").to_owned();
    let stored = scene.world.stored_bytes();
    assert!(!stored.windows(code.len()).any(|window| window == code.as_bytes()));
}
