//! Ping and push: the clients that are told. Their endpoint checks what it is called with: method, media type, bearer
//! token and body.

use std::time::Duration;

use device_core::{DenyReason, Outcome};
use protocol::base64url;
use serde_json::json;
use server::app::system::SystemClock;
use server::domain::time::Clock as _;

use super::{Cast, PENDING, SHORT_LIFE, in_time};
use crate::demo::SUBJECT;
use crate::narrator::{Failed, WithWhat as _};
use crate::relying_party::RelyingParty;
use crate::stand_in::notification::{Call, NotificationStandIn};

/// How a client is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Ping,
    Push,
}

/// A client that is told.
pub(super) struct Told<'a> {
    pub(super) party: RelyingParty,
    pub(super) mode: Mode,
    pub(super) endpoint: &'a NotificationStandIn,
    pub(super) token: &'a str,
}

impl Mode {
    const fn name(self) -> &'static str {
        match self {
            Self::Ping => "Ping",
            Self::Push => "Push",
        }
    }
}

impl Cast<'_> {
    /// An approval and a denial.
    pub(super) async fn told_of_answers(&mut self, client: &Told<'_>) -> Result<(), Failed> {
        self.say.scene(&format!("{}: an approval", client.mode.name()));
        let asked = self.asked(client, "Send 3 parcels", None).await?;
        self.answer(&asked, true).await?;
        let call = self.call_about(client, &asked).await?;
        match client.mode {
            Mode::Ping => self.collect_by(&client.party, &asked).await?,
            Mode::Push => self.take_tokens(client, &asked, &call).await?,
        }
        self.say.scene(&format!("{}: a denial", client.mode.name()));
        let asked = self.asked(client, "Send 300 parcels", None).await?;
        self.answer(&asked, false).await?;
        let call = self.call_about(client, &asked).await?;
        self.no_tokens(client, &asked, &call, "access_denied").await
    }

    /// Nobody answers, in every mode at once.
    pub(super) async fn nobody_answers(&mut self, told: Vec<Told<'_>>) -> Result<(), Failed> {
        self.say.scene("Nobody answers, in every mode");
        let polled = self.ask("Is anybody there?", Some(SHORT_LIFE)).await?;
        let mut waiting = Vec::new();
        for client in told {
            let asked = self.asked(&client, "Is anybody there?", Some(SHORT_LIFE)).await?;
            waiting.push((client, asked));
        }
        self.poll(&polled, PENDING).await?;
        self.say.step("clock", &format!("{SHORT_LIFE} seconds pass"));
        tokio::time::sleep(Duration::from_millis(u64::from(SHORT_LIFE) * 1_000 + 300)).await;
        self.poll(&polled, "400 expired_token").await?;
        for (client, asked) in waiting {
            let call = self.call_about(&client, &asked).await?;
            self.no_tokens(&client, &asked, &call, "expired_token").await?;
        }
        Ok(())
    }

    async fn asked(&mut self, client: &Told<'_>, message: &str, expiry: Option<u32>) -> Result<String, Failed> {
        client.endpoint.expect_token(client.token);
        self.ask_by(&client.party, message, expiry, Some(client.token)).await
    }

    async fn answer(&mut self, asked: &str, approving: bool) -> Result<(), Failed> {
        let found = self.phone.prompt_of(asked).await.with_what("the phone asks for its prompts")?;
        let request = self.say.found(found, "phone", "asks, and finds the prompt")?;
        if approving {
            let outcome = self.phone.approve(&request).await.with_what("the phone approves")?;
            return self.say.must(outcome == Outcome::Approved, "phone", "approves → approved");
        }
        let outcome = self.phone.deny(&request, DenyReason::WrongDetails).await.with_what("the phone denies")?;
        self.say.must(outcome == Outcome::Denied, "phone", "denies: the details are wrong → denied")
    }

    /// The one call about a request, with nothing wrong about it.
    async fn call_about(&mut self, client: &Told<'_>, asked: &str) -> Result<Call, Failed> {
        let about = |call: &Call| call.json()["auth_req_id"] == asked;
        let called = async {
            let mut count = 1;
            loop {
                let calls = client.endpoint.called(count).await;
                if let Some(call) = calls.iter().find(|call| about(call)) {
                    return call.clone();
                }
                count = calls.len() + 1;
            }
        };
        let call = in_time(called).await.with_what("the provider calls the notification endpoint")?;
        let once = client.endpoint.calls().iter().filter(|call| about(call)).count() == 1;
        let right = call.fault.is_none() && call.token == client.token && once;
        let line = "is called once, by POST of application/json, under its client_notification_token";
        self.say.must(right, "endpoint", line)?;
        if client.mode == Mode::Ping {
            let alone = call.json() == json!({ "auth_req_id": asked });
            self.say.must(alone, "endpoint", "is told the auth_req_id and nothing else")?;
        }
        Ok(call)
    }

    async fn take_tokens(&mut self, client: &Told<'_>, asked: &str, call: &Call) -> Result<(), Failed> {
        let tokens = call.json();
        let text = |name: &str| tokens[name].as_str().unwrap_or_default().to_owned();
        let is_whole =
            tokens["token_type"] == "Bearer" && tokens["expires_in"].is_u64() && !text("access_token").is_empty();
        self.say.must(is_whole, "endpoint", "is sent access token, token type, expires_in and ID token")?;
        let claims = client.party.verify(&text("id_token"), SystemClock.now().unix_seconds()).await;
        let claims = claims.with_what("the relying party verifies the ID token")?;
        let hash = protocol::Digest::of(text("access_token").as_bytes());
        let is_bound = claims["sub"] == SUBJECT
            && claims["urn:openid:params:jwt:claim:auth_req_id"] == asked
            && claims["at_hash"] == base64url::encode(&hash.as_bytes()[..16]);
        self.say.must(
            is_bound,
            "relying party",
            "verifies the ID token: subject, at_hash and auth_req_id are right",
        )?;
        self.refused_at_the_token_endpoint(client, asked).await
    }

    async fn no_tokens(&mut self, client: &Told<'_>, asked: &str, call: &Call, code: &str) -> Result<(), Failed> {
        match client.mode {
            Mode::Ping => {
                let answer = client.party.poll(asked).await.with_what("the relying party asks for tokens")?.in_short();
                self.say.must(answer == format!("400 {code}"), "relying party", &format!("asks for tokens → {answer}"))
            }
            Mode::Push => {
                let error = call.json()["error"].clone();
                self.say.must(error == code, "endpoint", &format!("is sent no tokens, but the error {error}"))
            }
        }
    }

    async fn refused_at_the_token_endpoint(&mut self, client: &Told<'_>, asked: &str) -> Result<(), Failed> {
        let answer = client.party.poll(asked).await.with_what("the relying party asks for tokens")?.in_short();
        let line = format!("asks the token endpoint all the same → {answer}");
        self.say.must(answer == "400 unauthorized_client", "relying party", &line)
    }
}
