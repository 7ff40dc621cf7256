//! What a notification may say before the phone is unlocked, found out by a process that may do nothing else.
//!
//! On iOS a push is opened by a notification extension: a small process with little memory and time, without the app's
//! runtime and network. Here it reads the app's stored state, agrees with the `sealing` key, checks the server's
//! signature and the rules of text, and hands a denial to the app. It never signs.

use std::collections::HashMap;
use std::sync::Arc;

use protocol::messages::EnrolmentState;
use protocol::{Jws, PromptId};
use serde::{Deserialize, Serialize};

use crate::app::DenyReason;
use crate::display::RequestKind;
use crate::error::DeviceError;
use crate::ports::{Clock, KeyPurpose, LockError, StoreError, VaultError};
use crate::prompt::{self, OpenPrompt};
use crate::push::{self, Push};
use crate::state::{AccountState, DOCUMENT, State};
use crate::time::Reading;

/// Denials that wait for the app, in the app's secure storage.
pub(crate) const DENIALS: &str = "assent-denials";

/// No user denies more notifications than this before the app runs; the oldest are over by then.
const MAX_DENIALS: usize = 16;

/// What an extension brings: the app's own storage, the app's own keys, and the app's own lock, without waiting.
#[cfg_attr(feature = "uniffi", uniffi::export(with_foreign))]
pub trait ExtensionPorts: Send + Sync {
    /// What the app last saved under this name.
    fn load(&self, name: String) -> Result<Option<Vec<u8>>, StoreError>;

    /// Replaces a document, whole or not at all.
    fn save(&self, name: String, content: Vec<u8>) -> Result<(), StoreError>;

    /// ECDH with an uncompressed SEC1 point; returns the x-coordinate, 32 bytes.
    fn agree(&self, alias: String, peer: Vec<u8>) -> Result<Vec<u8>, VaultError>;

    /// Takes the lock that the app's [`Lock`](crate::ports::Lock) takes.
    fn lock(&self) -> Result<(), LockError>;

    /// Gives it back.
    fn unlock(&self) -> Result<(), LockError>;
}

/// What the lock screen may show. Message and details are not in it: they are for the unlocked app.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Notice {
    /// The account, as in `accounts()`.
    pub account: String,
    /// The prompt's id, for `fetch_prompt` once the user has tapped.
    pub prompt: String,
    /// What is asked for.
    pub kind: RequestKind,
    /// Name of who asks.
    pub title: String,
    /// `wants your approval`, for apps that say it in English.
    pub body: String,
    /// Whether an operator has confirmed the name.
    pub client_verified: bool,
    /// Until when an answer is accepted, in seconds since 1970 by the server's clock.
    pub expires_at: i64,
}

/// Opens pushes in a notification extension. Synchronous, and without network.
#[cfg_attr(feature = "uniffi", derive(uniffi::Object))]
pub struct NoticeOpener {
    ports: Arc<dyn ExtensionPorts>,
    clock: Arc<dyn Clock>,
}

#[cfg_attr(feature = "uniffi", uniffi::export)]
#[expect(clippy::needless_pass_by_value, reason = "foreign languages hand over values")]
impl NoticeOpener {
    /// Touches no port yet.
    #[cfg_attr(feature = "uniffi", uniffi::constructor)]
    #[must_use]
    pub fn new(ports: Arc<dyn ExtensionPorts>, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { ports, clock })
    }

    /// Opens the data of a push. `None` is a push that says no more than that something waits. On an error, show no more
    /// than that either: the app finds out.
    pub fn open(&self, data: HashMap<String, String>) -> Result<Option<Notice>, DeviceError> {
        let Push::Sealed(sealed) = push::read(&data)? else { return Ok(None) };
        let prompt = self.unseal(&sealed)?;
        let asked = prompt.content();
        Ok(Some(Notice {
            account: asked.enr.to_string(),
            prompt: asked.jti.to_string(),
            kind: asked.kind.into(),
            title: asked.client.name.clone(),
            body: "wants your approval".to_owned(),
            client_verified: asked.client.verified,
            expires_at: asked.exp,
        }))
    }

    /// Hands the user's denial of a sealed push to the app, which signs and sends it when it runs next: at `sync`.
    pub fn hand_over_denial(&self, data: HashMap<String, String>, reason: DenyReason) -> Result<(), DeviceError> {
        let Push::Sealed(sealed) = push::read(&data)? else { return Err(DeviceError::NotOurPush) };
        let prompt = self.unseal(&sealed)?;
        self.ports.lock()?;
        let noted = self.note(&prompt, reason);
        // What was noted is noted; an extension that cannot give the lock back ends soon, and the lock with it.
        let _ = self.ports.unlock();
        noted
    }
}

impl NoticeOpener {
    fn unseal(&self, sealed: &protocol::jwe::Sealed) -> Result<OpenPrompt, DeviceError> {
        let state = State::decode(self.ports.load(DOCUMENT.to_owned())?.as_deref())?;
        let peer = sealed.ephemeral().to_sec1();
        let mut failure = None;
        for account in state.accounts.iter().filter(|account| account.standing == EnrolmentState::Active) {
            match self.ports.agree(account.alias(KeyPurpose::Sealing), peer.to_vec()) {
                Ok(agreed) => {
                    if let Some(message) = push::unseal(sealed, &agreed) {
                        return self.judge(account, message);
                    }
                }
                Err(VaultError::KeyMissing) => {}
                Err(error) => drop(failure.get_or_insert(error)),
            }
        }
        Err(failure.map_or(DeviceError::NotOurPush, DeviceError::from))
    }

    fn judge(&self, account: &AccountState, message: Jws) -> Result<OpenPrompt, DeviceError> {
        let now = Reading::take(&*self.clock)?.unix.div_euclid(1_000).saturating_add(account.clock_ahead);
        Ok(prompt::open(account, message, now)?.showable()?)
    }

    fn note(&self, prompt: &OpenPrompt, reason: DenyReason) -> Result<(), DeviceError> {
        let mut denials = Denials::decode(self.ports.load(DENIALS.to_owned())?.as_deref())?;
        denials.add(Denial { prompt: prompt.content().jti, reason: reason.into(), message: prompt.message().clone() });
        Ok(self.ports.save(DENIALS.to_owned(), denials.encode())?)
    }
}

/// What an extension has handed over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Denials {
    format: u32,
    pub(crate) denials: Vec<Denial>,
}

/// One denial, with the prompt as it was received: what is signed covers these bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Denial {
    pub(crate) prompt: PromptId,
    pub(crate) reason: protocol::messages::DenyReason,
    pub(crate) message: Jws,
}

impl Denials {
    /// Reads the document; nothing stored is no denial.
    pub(crate) fn decode(document: Option<&[u8]>) -> Result<Self, DeviceError> {
        let Some(document) = document else { return Ok(Self { format: 1, denials: Vec::new() }) };
        let damaged = || DeviceError::DamagedState { detail: "the denials that were handed over".to_owned() };
        let text = std::str::from_utf8(document).map_err(|_| damaged())?;
        let denials: Self = serde_json::from_str(text).map_err(|_| damaged())?;
        if denials.format > 1 { Err(DeviceError::NewerState { version: denials.format }) } else { Ok(denials) }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("ids and texts")
    }

    /// The same prompt denied again changes nothing.
    fn add(&mut self, denial: Denial) {
        if self.denials.iter().any(|kept| kept.prompt == denial.prompt) {
            return;
        }
        self.denials.push(denial);
        if self.denials.len() > MAX_DENIALS {
            self.denials.remove(0);
        }
    }
}
