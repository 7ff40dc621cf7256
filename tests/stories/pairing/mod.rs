//! Pairwise subjects (OIDC Core §8, CIBA §4): a client's users are known to its sector alone.

use axum::http::Method;
use serde_json::{Value, json};
use server::domain::algorithm::Algorithm;
use server::domain::policy::Policy;
use simulator::client_key::ClientKey;
use simulator::phone::Phone;
use simulator::relying_party::{Authentication, Credentials, RelyingParty};
use simulator::stand_in::files::FileStandIn;
use tests::{Request, World, a_request};

use crate::text;

mod sectors;
mod subs;

const CIBA: &str = "urn:openid:params:grant-type:ciba";

/// A world where clients publish their keys on this machine, under names of their own.
struct Scene {
    world: World,
    files: FileStandIn,
    phone: Phone,
}

impl Scene {
    async fn new() -> Self {
        Self::with(|_| ()).await
    }

    async fn with(edit: impl FnOnce(&mut Policy)) -> Self {
        let world = World::builder()
            .policy(|policy| policy.prompt_limits = false)
            .policy(edit)
            .reaching_stand_ins()
            .make()
            .await;
        let phone = world.phone("1001").await;
        Self { world, files: FileStandIn::start().await, phone }
    }

    /// Where these keys are published, under this name of this machine's.
    fn published(&self, host: &str, path: &str, key: &ClientKey) -> String {
        self.put(host, path, &key.jwks())
    }

    fn put(&self, host: &str, path: &str, document: &Value) -> String {
        let url = self.files.put(path, "application/json", document.to_string());
        url.replace("127.0.0.1", host)
    }

    async fn answered(&self, metadata: &Value) -> simulator::wire::Answer {
        self.world.admin().call(Method::POST, "/clients", Some(metadata)).await.expect("an answer")
    }

    /// A pairwise poll client that signs by a key that it publishes there.
    async fn party(&self, id: &str, host: &str, members: Value) -> RelyingParty {
        let key = ClientKey::generate(Algorithm::Es256);
        let mut metadata = json!({
            "client_id": id,
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks_uri": self.published(host, &format!("/{id}/jwks"), &key),
            "grant_types": [CIBA, "refresh_token"],
            "subject_type": "pairwise",
        });
        for (name, value) in members.as_object().expect("an object") {
            metadata[name] = value.clone();
        }
        let told = self.world.register(&metadata).await;
        assert_eq!(told["subject_type"], metadata["subject_type"]);
        let authentication = Authentication::PrivateKeyJwt(key);
        self.world.client_with(Credentials { id: id.to_owned(), secret: String::new(), authentication }).await
    }

    async fn tokens(&self, party: &RelyingParty, request: Request) -> Value {
        crate::tokens(&self.world, party, &self.phone, request).await
    }

    async fn claims(&self, party: &RelyingParty, tokens: &Value) -> Value {
        party.verify(text(tokens, "id_token"), self.world.now().unix_seconds()).await.expect("believed")
    }

    /// What this client is told that alice's `sub` is.
    async fn sub(&self, party: &RelyingParty) -> String {
        let tokens = self.tokens(party, a_request()).await;
        text(&self.claims(party, &tokens).await, "sub").to_owned()
    }
}
