//! The published vectors of what a phone believes (`docs/device-protocol/vectors/judged.json`), made and read by an
//! independent implementation too.

use device_core::blocks;
use device_core::decision::{self, Signed};
use device_core::enrolment::{self, Accepted};
use device_core::history;
use device_core::prompt::{self, Unshowable};
use device_core::revocation;
use device_core::rotation;
use device_core::state::{AccountState, KeySlot, NewKeys, PendingRotation};
use device_core::trust::{Distrust, Trust};
use protocol::endpoints::OfferReply;
use protocol::json::JsonError;
use protocol::jws::{General, JwsError};
use protocol::messages::{Decision, Rotation, Ticket};
use protocol::text::TextError;
use protocol::{Jwk, Jws};
use serde::Deserialize;
use serde::de::DeserializeOwned;

#[derive(Deserialize)]
struct Vectors {
    ticket: String,
    root: Jwk,
    keys: Jws,
    device: Jwk,
    offer: Jws,
    finish: General,
    decision: Jws,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    reason: Option<String>,
    message: Jws,
    typ: String,
    #[serde(default)]
    now: i64,
    root: Option<Jwk>,
    keys: Option<Jws>,
    held: Option<Jws>,
    successions: Option<Vec<General>>,
    moved: Option<Moved>,
    rotation: Option<General>,
}

/// What a configuration said earlier.
#[derive(Deserialize)]
struct Moved {
    root: Jwk,
    successions: Vec<General>,
    keys: Jws,
}

fn read<T: DeserializeOwned>(name: &str) -> T {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/device-protocol/vectors/");
    let bytes = std::fs::read(format!("{folder}{name}")).expect("the vectors are committed");
    serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A rotation that was sent, as a phone keeps it.
fn pending(message: &General) -> PendingRotation {
    let Rotation { device, verified, sealing, .. } = message.unverified_payload().expect("a rotation");
    PendingRotation {
        slot: KeySlot::new([2; 16]),
        keys: NewKeys { device, verified, sealing },
        message: message.clone(),
        protection: None,
        refused: false,
    }
}

enum Refused {
    Distrusted(Distrust),
    Unshowable(Unshowable),
}

impl From<Distrust> for Refused {
    fn from(reason: Distrust) -> Self {
        Self::Distrusted(reason)
    }
}

impl Refused {
    /// The reason as the vectors spell it.
    fn name(&self) -> String {
        match self {
            Self::Distrusted(Distrust::Jws(JwsError::Crypto(error))) => format!("{error:?}"),
            Self::Distrusted(Distrust::Jws(JwsError::Json(JsonError::Shape { .. }))) => "Json(Shape)".into(),
            Self::Distrusted(Distrust::Jws(error)) => format!("{error:?}"),
            Self::Distrusted(reason) => format!("{reason:?}"),
            Self::Unshowable(Unshowable::Text { rule: TextError::TooLong { .. }, .. }) => "TooLong".into(),
            Self::Unshowable(Unshowable::Text { rule, .. }) => format!("{rule:?}"),
            Self::Unshowable(Unshowable::Hidden { .. }) => "Hidden".into(),
        }
    }
}

impl Vectors {
    fn ticket(&self) -> Ticket {
        self.ticket.parse().expect("the vectors' ticket")
    }

    fn trust(&self, root: Jwk, keys: &Jws) -> Result<Trust, Distrust> {
        let ticket = self.ticket();
        Trust::pin(&ticket.issuer, &ticket.root, root, keys)
    }

    fn accept(&self, offer: &Jws, keys: &Jws, now: i64) -> Result<Accepted, Distrust> {
        let reply = OfferReply { offer: offer.clone(), keys: keys.clone(), root: self.root, now };
        enrolment::accept(&self.ticket(), self.device, &reply, now)
    }

    /// The account that the vectors' own enrolment ends in, with other server keys where the case has some.
    fn account(&self, keys: Option<&Jws>) -> AccountState {
        let sound = self.cases.iter().find(|case| case.name == "enrolment as it is").expect("it is there");
        let accepted = self.accept(&self.offer, &self.keys, sound.now).expect("a sound offer");
        let slot = KeySlot::new([1; 16]);
        let mut account = accepted.conclude(&self.finish, &sound.message, slot, sound.now).expect("a sound enrolment");
        if let Some(keys) = keys {
            account.trust = self.trust(self.root, keys).expect("a list that the root signed");
        }
        account
    }

    fn judge(&self, case: &Case) -> Result<(), Refused> {
        let (message, now) = (&case.message, case.now);
        match case.typ.as_str() {
            "adp-keys+jwt" if case.successions.is_some() => {
                let mut trust = self.trust(self.root, case.held.as_ref().unwrap_or(&self.keys))?;
                if let Some(Moved { root, successions, keys }) = &case.moved {
                    trust.follow(root, successions, keys)?;
                }
                let (root, successions) = (case.root.unwrap_or(self.root), case.successions.iter().flatten());
                trust.follow(&root, &successions.cloned().collect::<Vec<_>>(), message)?;
            }
            "adp-keys+jwt" => {
                let root = case.root.unwrap_or(self.root);
                self.trust(root, case.held.as_ref().unwrap_or(message))?.update(message)?;
            }
            "adp-offer+jwt" => {
                self.accept(message, case.keys.as_ref().unwrap_or(&self.keys), now)?;
            }
            "adp-enrolment+jwt" if let Some(sent) = &case.rotation => {
                rotation::check(&self.account(case.keys.as_ref()), &pending(sent), message, now)?;
            }
            // Where the list changes, the offer before it would not be believed either.
            "adp-enrolment+jwt" if case.keys.is_some() => {
                enrolment::standing(&self.account(case.keys.as_ref()), message, now)?;
            }
            "adp-enrolment+jwt" => {
                let accepted = self.accept(&self.offer, &self.keys, now)?;
                accepted.conclude(&self.finish, message, KeySlot::new([1; 16]), now)?;
            }
            "adp-prompt+jwt" => {
                let opened = prompt::open(&self.account(case.keys.as_ref()), message.clone(), now)?;
                opened.showable().map_err(Refused::Unshowable)?;
            }
            "adp-result+jwt" => {
                let said: Decision = read("messages/decision-approve.json");
                let sent = Signed { prompt: said.prompt, jti: said.jti, message: self.decision.clone() };
                decision::check_result(&self.account(case.keys.as_ref()), &sent, message, now)?;
            }
            "adp-revocation+jwt" => {
                revocation::check(&self.account(case.keys.as_ref()), message, now)?;
            }
            "adp-history+jwt" => {
                history::check(&self.account(case.keys.as_ref()), message, now)?;
            }
            "adp-blocks+jwt" => {
                blocks::check(&self.account(case.keys.as_ref()), message, now)?;
            }
            other => panic!("no case is of typ {other}"),
        }
        Ok(())
    }
}

#[test]
fn the_phone_believes_what_the_vectors_say_and_refuses_the_rest_for_its_reason() {
    let vectors: Vectors = read("judged.json");
    assert!(vectors.cases.len() > 175);
    for case in &vectors.cases {
        let reason = vectors.judge(case).err().map(|refused| refused.name());
        assert_eq!(reason, case.reason, "{}", case.name);
    }
}
