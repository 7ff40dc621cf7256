//! The headless play: every scene of the demo in the terminal, one line per step, and an end at the first step that does
//! not hold.

use std::sync::Arc;
use std::time::Duration;

use device_core::{ApprovalRequest, DenyReason, Outcome};
use protocol::KeyRole;
use protocol::digest::request_digest;
use protocol::messages::Answer as Word;
use serde_json::Value;
use server::app::system::SystemClock;
use server::domain::time::Clock as _;

use crate::demo::{CLIENT, Demo, PING_CLIENT, PUSH_CLIENT, PUSH_TOKEN, SUBJECT, push_target};
use crate::forger::Forger;
use crate::narrator::{Failed, Narrator, WithWhat as _};
use crate::phone::Phone;
use crate::relying_party::RelyingParty;
use crate::stand_in::fcm::{Inbox, Reply};

mod told;

use self::told::{Mode, Told};

/// `client_notification_token` of the client that is pinged.
const PING_TOKEN: &str = "demo-ping-token-8Zr5kq2Xw9Lt4Vn7";

/// `client_notification_token` of the client of push mode.
const PUSHED_TOKEN: &str = "demo-push-token-3Hs6pd1Mb0Cy8Fg2";

/// The shortest life that the provider grants, in seconds.
const SHORT_LIFE: u32 = 10;

/// Nothing on one machine takes longer, waiting for expiry apart.
const PATIENCE: Duration = Duration::from_secs(10);

const PENDING: &str = "400 authorization_pending";

/// Who plays.
struct Cast<'a> {
    demo: &'a Demo,
    shop: RelyingParty,
    phone: Phone,
    inbox: Inbox,
    say: &'a mut Narrator,
}

/// Plays all scenes.
pub async fn play(demo: &Demo, say: &mut Narrator) -> Result<(), Failed> {
    say.scene("The stage");
    for (who, what) in &demo.beginnings {
        say.step(who, what);
    }
    let found = "the relying party reads the discovery document";
    let shop = demo.relying_party(CLIENT).await.with_what(found)?;
    say.step("relying party", "reads the discovery document");
    let (phone, inbox) = (demo.phone.clone(), demo.google.inbox(PUSH_TOKEN));
    let mut cast = Cast { demo, shop, phone, inbox, say };
    cast.approval().await?;
    cast.denial_after_the_wrong_key().await?;
    cast.strangers_phone().await?;
    cast.lost_push().await?;
    let pinged = demo.relying_party(PING_CLIENT).await.with_what(found)?;
    let pinged = Told { party: pinged, mode: Mode::Ping, endpoint: &demo.pinged, token: PING_TOKEN };
    cast.told_of_answers(&pinged).await?;
    let pushed = match &demo.key {
        // FAPI-CIBA §5.2.2: no push.
        Some(_) => None,
        None => Some(demo.relying_party(PUSH_CLIENT).await.with_what(found)?),
    };
    let pushed = pushed.map(|party| Told { party, mode: Mode::Push, endpoint: &demo.pushed, token: PUSHED_TOKEN });
    if let Some(pushed) = &pushed {
        cast.told_of_answers(pushed).await?;
    }
    cast.nobody_answers([Some(pinged), pushed].into_iter().flatten().collect()).await
}

impl Cast<'_> {
    async fn approval(&mut self) -> Result<(), Failed> {
        self.say.scene("An approval");
        let asked = self.ask("Pay 12.50 EUR to The Corner Shop", None).await?;
        self.poll(&asked, PENDING).await?;
        let request = self.receive_push(&asked).await?;
        let outcome = self.phone.approve(&request).await.with_what("the phone approves")?;
        self.say.must(outcome == Outcome::Approved, "phone", "approves, signed by its verified key → approved")?;
        self.collect(&asked).await?;
        self.poll(&asked, "400 invalid_grant").await
    }

    async fn denial_after_the_wrong_key(&mut self) -> Result<(), Failed> {
        self.say.scene("The wrong key, then a denial");
        let asked = self.ask("Change the delivery address", None).await?;
        let request = self.receive_push(&asked).await?;
        let forger = Forger::of(&self.phone).await.with_what("the phone is taken apart")?;
        let prompt = request.prompt();
        let decision = forger.decision(prompt.message(), Word::Approve).with_what("a decision is made")?;
        let signed = forger.sign(KeyRole::Device, &decision).await.with_what("a decision is signed")?;
        let reply = forger.send(&decision.prompt, signed).await.with_what("a decision is sent")?;
        let refused = (reply.status, reply.code()) == (403, "wrong_key");
        self.say.must(refused, "phone", "approves with its device key, where verified is required → 403 wrong_key")?;
        self.poll(&asked, PENDING).await?;
        let outcome = self.phone.deny(&request, DenyReason::Cancelled).await.with_what("the phone denies")?;
        self.say.must(outcome == Outcome::Denied, "phone", "denies, signed by its device key → denied")?;
        self.poll(&asked, "400 access_denied").await
    }

    async fn strangers_phone(&mut self) -> Result<(), Failed> {
        self.say.scene("Another user's phone");
        let stranger = self.demo.strangers_phone().await.with_what("another user's phone enrols")?;
        let asked = self.ask("Open the vault", None).await?;
        let request = self.receive_push(&asked).await?;
        let forger = Forger::of(&stranger).await.with_what("the other phone is taken apart")?;
        let prompt = request.prompt();
        let decision = forger.decision(prompt.message(), Word::Approve).with_what("a decision is made")?;
        let signed = forger.sign(KeyRole::Verified, &decision).await.with_what("a decision is signed")?;
        let reply = forger.send(&decision.prompt, signed).await.with_what("a decision is sent")?;
        let refused = (reply.status, reply.code()) == (404, "unknown_prompt");
        self.say.must(
            refused,
            "other phone",
            "approves alice's prompt with its own verified key → 404 unknown_prompt",
        )?;
        self.poll(&asked, PENDING).await?;
        let outcome = self.phone.approve(&request).await.with_what("the phone approves")?;
        self.say.must(outcome == Outcome::Approved, "phone", "approves → approved: the stranger did no harm")?;
        self.collect(&asked).await
    }

    async fn lost_push(&mut self) -> Result<(), Failed> {
        self.say.scene("A lost push");
        let attempts = self.demo.google.recorded(0).await.len();
        self.demo.google.answer_next(Reply::Unregistered);
        let asked = self.ask("Sign in at the terminal", None).await?;
        in_time(self.demo.google.recorded(attempts + 1)).await.with_what("the provider pushes")?;
        self.say.step("provider", "pushes → Google answers 404 UNREGISTERED: the phone hears nothing");
        self.until_push_target(false).await?;
        self.say.step("provider", "clears the push target");
        let found = self.phone.prompt_of(&asked).await.with_what("the phone asks for its prompts")?;
        let request = self.say.found(found, "phone", "is opened, asks, and finds the prompt")?;
        self.phone.approve(&request).await.with_what("the phone approves")?;
        self.say.step("phone", "approves → approved");
        self.collect(&asked).await?;
        self.phone.update_push(push_target(Some(PUSH_TOKEN))).await.with_what("the phone names a push target")?;
        self.until_push_target(true).await?;
        self.say.step("phone", "tells the provider its push target again");
        Ok(())
    }

    /// A backchannel authentication request of the client that polls; its `auth_req_id`.
    async fn ask(&mut self, binding_message: &str, expiry: Option<u32>) -> Result<String, Failed> {
        let shop = self.shop.clone();
        self.ask_by(&shop, binding_message, expiry, None).await
    }

    /// One of any client, signed under the FAPI profile.
    async fn ask_by(
        &mut self,
        party: &RelyingParty,
        binding_message: &str,
        expiry: Option<u32>,
        token: Option<&str>,
    ) -> Result<String, Failed> {
        let expiry = expiry.map(|seconds| seconds.to_string());
        let mut parameters =
            vec![("scope", "openid"), ("login_hint", "alice@example.com"), ("binding_message", binding_message)];
        parameters.extend(expiry.as_deref().map(|seconds| ("requested_expiry", seconds)));
        parameters.extend(token.map(|token| ("client_notification_token", token)));
        let answer = match &self.demo.key {
            Some(key) => party.begin_signed(key, &parameters).await,
            None => party.begin(&parameters).await,
        };
        let answer = answer.with_what("the relying party asks")?;
        let body = answer.json();
        let (status, expires_in, interval) = (answer.in_short(), &body["expires_in"], &body["interval"]);
        let line = format!(
            "asks alice@example.com: \"{binding_message}\" → {status}: auth_req_id, expires_in {expires_in}, \
             interval {interval}"
        );
        let is_right = answer.status == 200 && expires_in.is_u64();
        let auth_req_id = body["auth_req_id"].as_str().filter(|_| is_right).map(str::to_owned);
        self.say.found(auth_req_id, "relying party", &line)
    }

    async fn poll(&mut self, asked: &str, expected: &str) -> Result<(), Failed> {
        let answer = self.shop.poll(asked).await.with_what("the relying party polls")?.in_short();
        self.say.must(answer == expected, "relying party", &format!("polls → {answer}"))
    }

    /// The push as it travelled, and what the phone makes of it.
    async fn receive_push(&mut self, asked: &str) -> Result<Arc<ApprovalRequest>, Failed> {
        let (message, request) = in_time(self.push_about(asked)).await.with_what("a push arrives")??;
        let readable = readable(&message, &request, asked);
        let line =
            format!("pushes {} bytes through Google, sealed: nothing of the request can be read", size(&message));
        self.say.must(readable.is_none(), "provider", &line)?;
        let lines = request.display().lines;
        let shown: Vec<_> = lines.iter().map(|line| format!("{}: {}", line.label, line.value)).collect();
        let message = request.binding_message();
        let is_complete = message.is_some_and(|message| lines.iter().any(|line| line.value == message));
        let line = format!("opens it, verifies the provider's signature, shows \"{}\"", shown.join("\" \""));
        self.say.must(is_complete, "phone", &line)?;
        Ok(request)
    }

    /// The push about this request: others may be left from an earlier play in the same directory.
    async fn push_about(&mut self, asked: &str) -> Result<(Value, Arc<ApprovalRequest>), Failed> {
        loop {
            let message = self.inbox.next().await.ok_or(()).with_what("Google carries pushes")?;
            let opened = self.phone.open_push(&message["data"]).await;
            let about = |request: &Arc<ApprovalRequest>| request.prompt().content().req == request_digest(asked);
            if let Some(request) = opened.ok().and_then(|opened| opened.into_iter().find(about)) {
                return Ok((message, request));
            }
        }
    }

    /// Tokens, and the ID token verified by the published keys.
    async fn collect(&mut self, asked: &str) -> Result<(), Failed> {
        let shop = self.shop.clone();
        self.collect_by(&shop, asked).await
    }

    async fn collect_by(&mut self, party: &RelyingParty, asked: &str) -> Result<(), Failed> {
        let answer = party.poll(asked).await.with_what("the relying party polls")?;
        let tokens = answer.json();
        let has_tokens = tokens["access_token"].is_string() && tokens["id_token"].is_string();
        let line = format!("polls → {}: access token and ID token", answer.in_short());
        self.say.must(answer.status == 200 && has_tokens, "relying party", &line)?;
        let id_token = tokens["id_token"].as_str().unwrap_or_default();
        let claims = party.verify(id_token, SystemClock.now().unix_seconds()).await;
        let claims = claims.with_what("the relying party verifies the ID token")?;
        let line = format!(
            "verifies the ID token by the published keys → sub {}, acr {}, amr {}",
            claims["sub"], claims["acr"], claims["amr"]
        );
        let is_right = claims["sub"] == SUBJECT && claims["acr"] == "urn:assent:acr:uv";
        self.say.must(is_right, "relying party", &line)
    }

    /// The worker notes a push's fate in its own time.
    async fn until_push_target(&self, wanted: bool) -> Result<(), Failed> {
        let noted = async {
            loop {
                let devices = self.demo.admin.devices(SUBJECT).await?;
                let active = devices.iter().find(|device| device["status"] == "active");
                if active.is_some_and(|device| device["has_push_target"] == wanted) {
                    return Ok::<_, crate::admin::Failure>(());
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let noted = in_time(noted).await.with_what("the provider notes the push target")?;
        noted.with_what("the operator lists the user's phones")
    }
}

async fn in_time<T>(future: impl Future<Output = T>) -> Result<T, tokio::time::error::Elapsed> {
    tokio::time::timeout(PATIENCE, future).await
}

fn size(message: &Value) -> usize {
    message.to_string().len()
}

/// What of the request can be read in the message as Google saw it.
fn readable(message: &Value, request: &ApprovalRequest, asked: &str) -> Option<String> {
    let in_clear = message.to_string();
    let prompt = request.prompt();
    let mut secrets = vec![asked.to_owned(), request.id(), request.client_name(), prompt.message().as_str().to_owned()];
    secrets.extend(request.binding_message());
    secrets.extend(["alice", prompt.content().iss.as_str(), prompt.content().client.id.as_str()].map(str::to_owned));
    secrets.into_iter().find(|secret| in_clear.contains(secret.as_str()))
}
