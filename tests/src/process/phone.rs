//! A virtual phone of the fewest parts: it makes its messages straight from `protocol` and signs them with keys in memory.
//! It trusts what a phone must not trust blindly (its ticket's server); `device-core` is the phone that checks everything.

use std::sync::atomic::{AtomicU64, Ordering};

use protocol::crypto::aws_lc::{EphemeralKey, SigningKey, VerifyingKey};
use protocol::crypto::{Agree as _, Sign};
use protocol::digest::check_digits;
use protocol::endpoints::{self, NONCE_HEADER, OfferReply, PROOF_HEADER, PromptsReply, SignedReply, SignedRequest};
use protocol::jws::{KeyHint, UnsignedGeneral};
use protocol::messages::{
    Answer, AppInfo, Begin, Decision, DecisionResult, DenyReason, DeviceInfo, Enrolment, EnrolmentState, Evidence,
    EvidenceFormat, Finish, KeyList, Offer, Outcome, Prompt, Proof, PushTarget, ReportedVerification, Ticket,
};
use protocol::{DecisionId, DeviceId, Digest, Jws, KeyRef, KeyRole, Nonce, PromptId, VERSION, jwe};
use serde_json::{Value, json};

use super::http::{Call, Connection, Lost, Reply};
use super::party::Operator;
use super::unix_seconds;

/// An enrolled phone.
pub struct Phone {
    issuer: String,
    id: DeviceId,
    device: SigningKey,
    verified: SigningKey,
    sealing: EphemeralKey,
    server: VerifyingKey,
    nonce: String,
    counter: u64,
}

/// A decision, signed and ready to be sent, more than once if need be.
pub struct Decided {
    /// Which prompt it answers.
    pub prompt: PromptId,
    message: Jws,
}

impl Phone {
    /// Enrols a new phone of a user: ticket, begin, finish, digits.
    ///
    /// # Panics
    /// If the server does not do its part.
    pub async fn enrol(
        operator: &mut Operator,
        connection: &mut Connection,
        user: &str,
        push: PushTarget,
    ) -> Result<Self, Lost> {
        let reply: Value =
            operator.post(&format!("/users/{user}/tickets"), &json!({})).await?.expect_status(201).json();
        let ticket = reply["ticket"].as_str().expect("a link");
        let ticket: Ticket = ticket.parse().expect("a ticket");
        let (device, verified) = (signing_key(), signing_key());
        let sealing = EphemeralKey::generate().expect("the machine has randomness");

        let begin = Begin {
            aud: ticket.issuer.clone(),
            code: ticket.code,
            jwk: *device.public(),
            iat: unix_seconds(),
            v: VERSION,
        };
        let message = Jws::sign(KeyHint::Jwk(*device.public()), &begin, &device).expect("signing");
        let reply = post(connection, endpoints::BEGIN.path, &SignedRequest { message }).await?;
        let offered: OfferReply = reply.expect_status(200).json();
        let server = signing_key_of(&offered, &ticket);
        let offer: Offer = offered.offer.open(&server).expect("an offer by the server's key");

        let message = finish(&ticket, &offered.offer, &offer, [&device, &verified], &sealing, push);
        let finished =
            UnsignedGeneral::new(vec![KeyHint::Jwk(*device.public()), KeyHint::Jwk(*verified.public())], &message);
        let keys = [&device, &verified];
        let signatures: Vec<_> =
            finished.signing_inputs().zip(keys).map(|(input, key)| key.sign(input).expect("signing")).collect();
        let finished = finished.attach(&signatures);
        let reply = post(connection, endpoints::FINISH.path, &finished).await?;
        let reply: SignedReply = reply.expect_status(200).json();
        let enrolment: Enrolment = reply.message.open(&server).expect("an enrolment by the server's key");
        if enrolment.state == EnrolmentState::Unconfirmed {
            let digits = check_digits(&offered.offer.digest(), &finished.digest(), &enrolment.nonce);
            let path = format!("/enrolments/{}/confirm", enrolment.enr);
            let _ = operator.post(&path, &json!({ "digits": digits })).await?.expect_status(200);
        }

        let request = endpoints::NonceRequest { device: enrolment.device };
        let reply = post(connection, endpoints::NONCE.path, &request).await?;
        let fresh: endpoints::NonceReply = reply.expect_status(200).json();
        let (issuer, id) = (ticket.issuer, enrolment.device);
        Ok(Self { issuer, id, device, verified, sealing, server, nonce: fresh.nonce, counter: 0 })
    }

    /// Prompts that await an answer; waits up to `wait` seconds for the first.
    pub async fn prompts(&mut self, connection: &mut Connection, wait: u32) -> Result<Vec<Jws>, Lost> {
        let path = format!("{}?wait={wait}", endpoints::PROMPTS.path);
        let reply = self.proven(connection, &path, None).await?;
        Ok(reply.expect_status(200).json::<PromptsReply>().prompts)
    }

    /// The status that it is answered with when it asks.
    pub async fn is_answered(&mut self, connection: &mut Connection) -> Result<u16, Lost> {
        Ok(self.proven(connection, endpoints::PROMPTS.path, None).await?.status)
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> DeviceId {
        self.id
    }

    /// Opens a prompt.
    ///
    /// # Panics
    /// If it was not signed by the server.
    #[must_use]
    pub fn open(&self, prompt: &Jws) -> Prompt {
        prompt.open(&self.server).expect("a prompt by the server's key")
    }

    /// Opens a sealed push; inside is a prompt.
    ///
    /// # Panics
    /// If it was not sealed to this phone, or holds something else.
    #[must_use]
    pub fn unseal(&self, push: &str) -> Prompt {
        let sealed = jwe::Sealed::parse(push).expect("a JWE");
        let secret = self.sealing.agree(sealed.ephemeral()).expect("a key on the curve");
        let plaintext = sealed.open(&secret).expect("sealed to this phone");
        self.open(&Jws::from_text(String::from_utf8(plaintext).expect("a JWS")))
    }

    /// Signs an answer: an approval by `verified`, a denial by `device`.
    pub fn decide(&mut self, prompt: &Jws, answer: Answer) -> Decided {
        let read = self.open(prompt);
        self.counter += 1;
        let (role, key) = match answer {
            Answer::Approve => (KeyRole::Verified, &self.verified),
            Answer::Deny => (KeyRole::Device, &self.device),
        };
        let decision = Decision {
            iss: self.id,
            aud: self.issuer.clone(),
            jti: DecisionId::from_bytes(unique()),
            iat: unix_seconds(),
            v: VERSION,
            prompt: read.jti,
            nonce: read.nonce,
            ph: prompt.digest(),
            dh: read.display_digest(),
            decision: answer,
            reason: (answer == Answer::Deny).then_some(DenyReason::Cancelled),
            match_code: None,
            uv: ReportedVerification::None,
            ctr: self.counter,
        };
        let message = Jws::sign(KeyRef { device: self.id, role }, &decision, key).expect("signing");
        Decided { prompt: read.jti, message }
    }

    /// Sends a decision; where the request stands then, or the status it was refused with.
    ///
    /// # Panics
    /// If the result is not signed by the server, or is about something else.
    pub async fn send(&mut self, connection: &mut Connection, decided: &Decided) -> Result<Result<Outcome, u16>, Lost> {
        let path = endpoints::DECISION.path.replace("{id}", &decided.prompt.to_string());
        let request = SignedRequest { message: decided.message.clone() };
        let body = serde_json::to_vec(&request).expect("plain data");
        let reply = self.proven(connection, &path, Some(body)).await?;
        if reply.status != 200 {
            return Ok(Err(reply.status));
        }
        let result: DecisionResult = reply.json::<SignedReply>().message.open(&self.server).expect("a signed result");
        assert_eq!((result.prompt, result.hash), (decided.prompt, decided.message.digest()));
        Ok(Ok(result.outcome))
    }

    /// A request with a proof; asks once for another nonce if its own has grown old.
    async fn proven(&mut self, connection: &mut Connection, path: &str, body: Option<Vec<u8>>) -> Result<Reply, Lost> {
        let mut reply = self.attempt(connection, path, body.clone()).await?;
        self.keep_nonce(&reply);
        if reply.status == 401 && reply.headers.contains_key(NONCE_HEADER) {
            reply = self.attempt(connection, path, body).await?;
            self.keep_nonce(&reply);
        }
        Ok(reply)
    }

    async fn attempt(&self, connection: &mut Connection, path: &str, body: Option<Vec<u8>>) -> Result<Reply, Lost> {
        let proof = Proof {
            htm: if body.is_some() { "POST" } else { "GET" }.to_owned(),
            htu: format!("{}{}", self.issuer, path.split('?').next().unwrap_or(path)),
            iat: unix_seconds(),
            jti: Nonce::from_bytes(unique()),
            nonce: self.nonce.clone(),
            bh: Digest::of(body.as_deref().unwrap_or_default()),
        };
        let kid = KeyRef { device: self.id, role: KeyRole::Device };
        let proof = Jws::sign(kid, &proof, &self.device).expect("signing");
        let call = match body {
            Some(body) => Call::post(path, "application/json", body),
            None => Call::get(path),
        };
        connection.send(call.header(PROOF_HEADER, proof.as_str())).await
    }

    fn keep_nonce(&mut self, reply: &Reply) {
        if let Some(fresh) = reply.headers.get(NONCE_HEADER).and_then(|value| value.to_str().ok()) {
            fresh.clone_into(&mut self.nonce);
        }
    }
}

fn finish(
    ticket: &Ticket,
    offer_text: &Jws,
    offer: &Offer,
    [device, verified]: [&SigningKey; 2],
    sealing: &EphemeralKey,
    push: PushTarget,
) -> Finish {
    Finish {
        aud: ticket.issuer.clone(),
        enr: offer.enr,
        oh: offer_text.digest(),
        device: *device.public(),
        verified: *verified.public(),
        verified_kind: offer.policy.verified,
        sealing: *sealing.public(),
        info: DeviceInfo {
            name: "Virtual phone".to_owned(),
            model: "Virtual".to_owned(),
            os: "None 1".to_owned(),
            app: AppInfo { id: "org.example.virtual".to_owned(), version: "1".to_owned() },
        },
        push,
        capabilities: Vec::new(),
        evidence: Evidence { fmt: EvidenceFormat::None, data: String::new() },
        iat: unix_seconds(),
        v: VERSION,
    }
}

/// The server's key for prompts, out of the list that the root in the ticket signed.
fn signing_key_of(offered: &OfferReply, ticket: &Ticket) -> VerifyingKey {
    assert_eq!(offered.root.thumbprint(), ticket.root, "the root is the one in the ticket");
    let root = VerifyingKey::new(&offered.root).expect("a key on the curve");
    let list: KeyList = offered.keys.open(&root).expect("a list by the root");
    VerifyingKey::new(&list.keys.first().expect("one key at least").jwk).expect("a key on the curve")
}

async fn post(connection: &mut Connection, path: &str, body: &impl serde::Serialize) -> Result<Reply, Lost> {
    let body = serde_json::to_vec(body).expect("plain data");
    connection.send(Call::post(path, "application/json", body)).await
}

fn signing_key() -> SigningKey {
    SigningKey::generate().expect("the machine has randomness").0
}

/// Differs from all others of this process; keys differ between processes, so that is enough.
fn unique() -> [u8; 16] {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    bytes
}
