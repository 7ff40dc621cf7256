//! A backchannel authentication request with good defaults: a story says only what matters to it.

use simulator::relying_party::RelyingParty;
use simulator::wire::Answer;

/// The parameters of a request.
#[derive(Debug, Clone)]
pub struct Request(Vec<(String, String)>);

/// A request about user 1001 with a binding message.
#[must_use]
pub fn a_request() -> Request {
    let defaults = [("scope", "openid"), ("login_hint", "alice"), ("binding_message", "Pay 12 euros")];
    Request(defaults.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec())
}

impl Request {
    /// With this value in place of the default.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self = self.without(name);
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without this parameter.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.0.retain(|(present, _)| present != name);
        self
    }

    /// About this user.
    #[must_use]
    pub fn about(self, login_hint: &str) -> Self {
        self.with("login_hint", login_hint)
    }

    /// With what the client wants to be called with (CIBA §7.1).
    #[must_use]
    pub fn told_by(self, client_notification_token: &str) -> Self {
        self.with("client_notification_token", client_notification_token)
    }

    /// With a life of so many seconds.
    #[must_use]
    pub fn expiring_in(self, seconds: u32) -> Self {
        self.with("requested_expiry", &seconds.to_string())
    }

    /// Sends it; whatever the answer is.
    pub async fn sent(&self, client: &RelyingParty) -> Answer {
        let parameters: Vec<(&str, &str)> =
            self.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        client.begin(&parameters).await.expect("an answer")
    }

    /// Sends it and expects it to be accepted; its `auth_req_id`.
    pub async fn accepted(&self, client: &RelyingParty) -> String {
        let answer = self.sent(client).await;
        assert_eq!(answer.in_short(), "200");
        answer.json()["auth_req_id"].as_str().expect("an auth_req_id").to_owned()
    }
}
