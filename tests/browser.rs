//! A real browser at the pages that people see: Chromium, driven by `WebDriver` (W3C), at a real server whose login is a
//! stand-in on a port of its own.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use axum::http::{Method, Request};
use device_core::desktop::SystemClock;
use device_core::{EnrolmentState, PushTarget};
use serde_json::{Value, json};
use simulator::phone::Phone;
use simulator::stand_in::login::{CLIENT, LoginStandIn};
use simulator::wire::Wire;
use tempfile::TempDir;
use tests::process::http::Lost;
use tests::process::{Site, unix_seconds};

/// What `WebDriver` calls the member that names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A page refreshes itself every three seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// Chromium with a profile of its own. Both end when it is dropped.
struct Browser {
    driver: Child,
    way: Wire,
    session: String,
    _profile: TempDir,
}

impl Browser {
    async fn open() -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .process_group(0)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromium-driver is installed");
        let said = BufReader::new(driver.stdout.take().expect("its output")).lines();
        let port = said.map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse::<u16>().ok()
        });
        let way = Wire::to(SocketAddr::from((Ipv4Addr::LOCALHOST, port.expect("it says its port"))));
        let profile = TempDir::new().expect("a folder");
        // Nothing but loopback is asked for anything.
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ];
        let mut arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": { "args": arguments },
        } } });
        let mut browser = Self { driver, way, session: String::new(), _profile: profile };
        let opened = browser.call(&Method::POST, "", &wanted).await;
        opened["sessionId"].as_str().expect("a session").clone_into(&mut browser.session);
        browser
    }

    async fn call(&self, method: &Method, path: &str, body: &Value) -> Value {
        let session =
            if self.session.is_empty() { "/session".to_owned() } else { format!("/session/{}", self.session) };
        let request = Request::builder().method(method).uri(format!("{session}{path}"));
        let body = if method == Method::POST { body.to_string().into_bytes() } else { Vec::new() };
        let request = request.header("content-type", "application/json").body(body).expect("a request");
        let answer = self.way.send(request).await.expect("the driver answers");
        assert!(answer.status.is_success(), "{path}: {}", answer.json());
        answer.json()["value"].clone()
    }

    async fn visits(&self, url: &str) {
        self.call(&Method::POST, "/url", &json!({ "url": url })).await;
    }

    async fn element(&self, selector: &str) -> String {
        let found = self.call(&Method::POST, "/element", &json!({ "using": "css selector", "value": selector })).await;
        found[ELEMENT].as_str().expect("an element").to_owned()
    }

    async fn clicks(&self, selector: &str) {
        let path = format!("/element/{}/click", self.element(selector).await);
        self.call(&Method::POST, &path, &json!({})).await;
    }

    async fn types(&self, selector: &str, text: &str) {
        let path = format!("/element/{}/value", self.element(selector).await);
        self.call(&Method::POST, &path, &json!({ "text": text })).await;
    }

    /// The page, once this stands on it.
    async fn shows(&self, text: &str) -> String {
        let mut page = String::new();
        for _ in 0..PATIENCE.as_millis() / 200 {
            let source = self.call(&Method::GET, "/source", &Value::Null).await;
            source.as_str().expect("a page").clone_into(&mut page);
            if page.contains(text) {
                return page;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        panic!("no {text:?} on the page: {page}");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // A driver that is ended leaves its browser behind: all of its group end with it.
        let group = format!("-{}", self.driver.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.driver.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_adds_a_phone_in_a_browser_that_runs_no_script() -> Result<(), Lost> {
    // Its issuer says its port, so it must be known before.
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
    let issuer = format!("http://localhost:{port}");
    let login = LoginStandIn::for_provider(&issuer, true).await;
    let settings = login.settings();
    let secret = settings.client_secret.as_ref().expect("a secret").reveal();
    let site = Site::of(&issuer)
        .with("PUBLIC__LISTEN", &format!("127.0.0.1:{port}"))
        .with("ENROLMENT__SIGN_IN__ISSUER", &settings.issuer)
        .with("ENROLMENT__SIGN_IN__CLIENT_ID", CLIENT)
        .with_file("ENROLMENT__SIGN_IN__CLIENT_SECRET_FILE", "sign-in.secret", secret);
    let server = site.serve().await;
    server.operator().await?.create_user("1001").await?;
    let now = unix_seconds();
    login.say(json!({ "sub": "1001", "iat": now, "exp": now + 300, "auth_time": now - 5 }));

    let browser = Browser::open().await;
    browser.visits(&format!("{issuer}/enrol")).await;
    browser.clicks("a").await;
    let page = browser.shows("Read this with the app").await;
    assert!(page.contains("<svg"), "{page}");
    let (_, ticket) = page.split_once("<a href=\"").expect("the ticket's link");
    let ticket = ticket.split('"').next().expect("its end").replace("&amp;", "&");
    let wire = Arc::new(Wire::to(server.public));
    let mut phone = Phone::new("Alice's phone", &issuer, wire, Arc::new(SystemClock::default()));
    let enrolment = phone.enrol(&ticket, PushTarget::None).await.expect("the phone enrols");
    // By itself: the page asks again.
    let page = browser.shows("Type the six digits").await;
    assert!(page.contains("Alice's phone"), "{page}");
    browser.types("input[name=digits]", &enrolment.digits().expect("six digits")).await;
    browser.clicks("button").await;
    browser.shows("the phone is added").await;
    assert_eq!(enrolment.refresh().await, Ok(EnrolmentState::Active));
    Ok(())
}
