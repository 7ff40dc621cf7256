//! What an honest phone never sends: its own keys and its own account, but every member of a message as the forger likes.
//! For showing that the server refuses it.

use device_core::DeviceError;
use device_core::exchange::{Call, nonce_of};
use device_core::ports::{HttpResponse, SigningReason};
use device_core::state::{AccountState, State};
use protocol::crypto::Signature;
use protocol::display::display_digest;
use protocol::endpoints::{self, NonceReply, NonceRequest, SignedRequest};
use protocol::jws::Unsigned;
use protocol::messages::{Answer as Word, Decision, DenyReason, Message, Prompt, Proof, ReportedVerification};
use protocol::{DecisionId, Digest, Jws, KeyRef, KeyRole, Nonce, PromptId, VERSION, crypto, json};
use serde_json::Value;

use crate::phone::Phone;

/// The name under which the device core keeps its state.
const DOCUMENT: &str = "assent-device";

/// A phone taken apart.
pub struct Forger {
    phone: Phone,
    account: AccountState,
}

/// A response of the device API.
#[derive(Debug, Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The body as JSON; `null` where there is none.
    pub body: Value,
    /// The fresh nonce handed out with it.
    pub nonce: Option<String>,
}

impl Reply {
    /// The code of a problem document; empty if it is none.
    #[must_use]
    pub fn code(&self) -> &str {
        self.body["type"].as_str().and_then(|kind| kind.strip_prefix("urn:assent:problem:")).unwrap_or_default()
    }

    /// The signed message in it.
    #[must_use]
    pub fn message(&self) -> Option<Jws> {
        self.body["message"].as_str().map(|text| Jws::from_text(text.to_owned()))
    }
}

impl From<HttpResponse> for Reply {
    fn from(response: HttpResponse) -> Self {
        Self {
            status: response.status,
            nonce: nonce_of(&response),
            body: serde_json::from_slice(&response.body).unwrap_or_default(),
        }
    }
}

impl Forger {
    /// Takes a phone apart.
    pub async fn of(phone: &Phone) -> Result<Self, DeviceError> {
        let document = phone.ports().store.load(DOCUMENT.to_owned()).await?;
        let state = State::decode(document.as_deref())?;
        let id = phone.account()?;
        let account = state.accounts.into_iter().find(|account| account.enr.to_string() == id);
        Ok(Self { phone: phone.clone(), account: account.ok_or(DeviceError::UnknownAccount)? })
    }

    /// What the phone remembers of its account.
    #[must_use]
    pub fn account(&self) -> &AccountState {
        &self.account
    }

    /// The decision that an honest phone would make about this prompt, to be spoilt.
    pub fn decision(&self, prompt: &Jws, word: Word) -> Result<Decision, DeviceError> {
        let asked = read_prompt(prompt)?;
        Ok(Decision {
            iss: self.account.device,
            aud: self.account.trust.issuer().to_owned(),
            jti: DecisionId::from_bytes(chance()?),
            iat: asked.iat,
            v: VERSION,
            prompt: asked.jti,
            nonce: asked.nonce,
            ph: prompt.digest(),
            dh: display_digest(&asked.display),
            decision: word,
            reason: (word == Word::Deny).then_some(DenyReason::Cancelled),
            match_code: None,
            uv: ReportedVerification::Unknown,
            ctr: self.account.counter + 1,
        })
    }

    /// Signs any message with one of the phone's keys, under that key's own name.
    pub async fn sign(&self, role: KeyRole, message: &impl Message) -> Result<Jws, DeviceError> {
        self.sign_as(KeyRef { device: self.account.device, role }, role, message).await
    }

    /// Signs with the key of `role` and says that it was `kid`.
    pub async fn sign_as(&self, kid: KeyRef, role: KeyRole, message: &impl Message) -> Result<Jws, DeviceError> {
        let unsigned = Unsigned::new(kid, message);
        let signature = self.signature(role, unsigned.signing_input()).await?;
        Ok(unsigned.attach(&signature))
    }

    /// Signs header and payload as they stand there, whatever they are.
    pub async fn sign_text(&self, role: KeyRole, header: &Value, payload: &[u8]) -> Result<Jws, DeviceError> {
        let header = protocol::base64url::encode(header.to_string().as_bytes());
        let text = format!("{header}.{}", protocol::base64url::encode(payload));
        let signature = self.signature(role, text.as_bytes()).await?;
        Ok(Jws::from_text(format!("{text}.{}", protocol::base64url::encode(signature.as_bytes()))))
    }

    /// Signs bytes as they are.
    pub async fn signature(&self, role: KeyRole, message: &[u8]) -> Result<Signature, DeviceError> {
        let key = self.account.key(role);
        let raw = self.phone.ports().vault.sign(key.alias, message.to_vec(), SigningReason::Proof).await?;
        let bytes = raw.try_into().map_err(|_| DeviceError::KeyUnavailable { detail: "not r and s".to_owned() })?;
        Ok(Signature::from_bytes(bytes))
    }

    /// Sends a decision, honestly proven, to the prompt that it names.
    pub async fn send(&self, prompt: &PromptId, decision: Jws) -> Result<Reply, DeviceError> {
        let call = Call::about(self.issuer(), endpoints::DECISION, &prompt.to_string());
        self.call(&call.with(&SignedRequest { message: decision })).await
    }

    /// Sends a call with an honest proof and a fresh nonce.
    pub async fn call(&self, call: &Call) -> Result<Reply, DeviceError> {
        let proof = self.honest_proof(call).await?;
        self.call_with(call, Some(&proof)).await
    }

    /// Sends a call with any proof, or none.
    pub async fn call_with(&self, call: &Call, proof: Option<&Jws>) -> Result<Reply, DeviceError> {
        Ok(self.phone.ports().transport.send(call.request(proof)).await?.into())
    }

    /// The proof that belongs on a call.
    pub async fn honest_proof(&self, call: &Call) -> Result<Jws, DeviceError> {
        let nonce = self.nonce().await?;
        let unsigned = call.proof(self.account.device, Nonce::from_bytes(chance()?), &nonce, 0);
        let signature = self.signature(KeyRole::Device, unsigned.signing_input()).await?;
        Ok(unsigned.attach(&signature))
    }

    /// A proof over whatever is said here.
    pub async fn proof(&self, method: &str, url: &str, body: &[u8], nonce: &str) -> Result<Jws, DeviceError> {
        let proof = Proof {
            htm: method.to_owned(),
            htu: url.to_owned(),
            iat: 0,
            jti: Nonce::from_bytes(chance()?),
            nonce: nonce.to_owned(),
            bh: Digest::of(body),
        };
        self.sign(KeyRole::Device, &proof).await
    }

    /// A fresh nonce.
    pub async fn nonce(&self) -> Result<String, DeviceError> {
        let call = Call::to(self.issuer(), endpoints::NONCE).with(&NonceRequest { device: self.account.device });
        let reply = self.call_with(&call, None).await?;
        let reply: NonceReply = serde_json::from_value(reply.body)
            .map_err(|error| DeviceError::NotUnderstood { status: reply.status, detail: error.to_string() })?;
        Ok(reply.nonce)
    }

    /// The issuer this phone is enrolled at.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.account.trust.issuer()
    }
}

/// Reads a prompt without asking who signed it: a forger does not care.
fn read_prompt(prompt: &Jws) -> Result<Prompt, DeviceError> {
    let payload = prompt.as_str().split('.').nth(1).unwrap_or_default();
    let payload = protocol::base64url::decode(payload).unwrap_or_default();
    json::from_slice(&payload)
        .map_err(|error: json::JsonError| DeviceError::NotUnderstood { status: 0, detail: error.to_string() })
}

#[expect(clippy::disallowed_methods, reason = "a phone's chance, as in the device core")]
fn chance() -> Result<[u8; 16], DeviceError> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| DeviceError::Platform { detail: crypto::CryptoError::Unavailable.to_string() })?;
    Ok(bytes)
}
