//! The only asynchronous part: it asks the ports, hands what they say to the pure middle, and keeps the state. It holds
//! no rule of the protocol.
//!
//! No runtime is needed: the futures wait for nothing but the ports and each other.

use std::sync::{Arc, MutexGuard};

use futures_util::lock::Mutex;
use protocol::EnrolmentId;
use protocol::endpoints;
use protocol::messages::{EnrolmentState, PushTarget as WirePushTarget};

use crate::app::{Account, PushTarget};
use crate::enrolment::Settings;
use crate::error::DeviceError;
use crate::exchange::Call;
use crate::notice::{DENIALS, Denials};
use crate::ports::{Attestor, Clock, DeviceEvent, KeyVault, Lock, Observer, SecureStore, Transport};
use crate::state::{AccountState, DOCUMENT, KeySlot, State};

mod alone;
mod answer;
mod blocks;
mod enrol;
mod history;
mod request;
mod revoke;
mod rotate;
mod session;
mod sync;
#[cfg(test)]
mod tests;

use alone::Alone;
pub use enrol::Enrolment;
pub use request::ApprovalRequest;
use session::{Around, Session};
pub use sync::{Failure, Synced};

/// What the app supplies.
#[derive(Clone)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Ports {
    /// Hardware keys.
    pub vault: Arc<dyn KeyVault>,
    /// Secure storage. Used by one `DeviceCore` at a time in each process.
    pub store: Arc<dyn SecureStore>,
    /// HTTP.
    pub transport: Arc<dyn Transport>,
    /// Clocks.
    pub clock: Arc<dyn Clock>,
    /// Keeps the app's processes apart; `None` where a single one uses the storage.
    #[cfg_attr(feature = "uniffi", uniffi(default = None))]
    pub lock: Option<Arc<dyn Lock>>,
    /// Logs and metrics.
    #[cfg_attr(feature = "uniffi", uniffi(default = None))]
    pub observer: Option<Arc<dyn Observer>>,
    /// Platform attestation, where the app has it.
    #[cfg_attr(feature = "uniffi", uniffi(default = None))]
    pub attestor: Option<Arc<dyn Attestor>>,
}

impl Ports {
    /// The four that no app can do without.
    #[must_use]
    pub const fn new(
        vault: Arc<dyn KeyVault>,
        store: Arc<dyn SecureStore>,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { vault, store, transport, clock, lock: None, observer: None, attestor: None }
    }
}

/// What is done to the state while nobody else may.
type Change<'a> = Box<dyn FnOnce(&mut State) -> Result<(), DeviceError> + Send + 'a>;

/// The authentication device: all accounts of one app on one phone. Make one when the app starts and keep it.
#[cfg_attr(feature = "uniffi", derive(uniffi::Object))]
pub struct DeviceCore {
    settings: Settings,
    ports: Ports,
    /// `None` until it is loaded, and whenever memory and storage may differ.
    state: Mutex<Option<State>>,
    /// One enrolment at a time: what another one left unfinished may then be cleared away.
    enrolling: Mutex<()>,
    syncing: Mutex<()>,
    around: Around,
}

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl DeviceCore {
    /// Touches no port yet.
    #[cfg_attr(feature = "uniffi", uniffi::constructor)]
    #[must_use]
    pub fn new(settings: Settings, ports: Ports) -> Arc<Self> {
        let around = Around::new(Arc::clone(&ports.clock));
        let (state, enrolling, syncing) = (Mutex::new(None), Mutex::new(()), Mutex::new(()));
        Arc::new(Self { settings, ports, state, enrolling, syncing, around })
    }

    /// All accounts on this phone, oldest first, as last heard of.
    pub async fn accounts(&self) -> Result<Vec<Account>, DeviceError> {
        Ok(self.all_accounts().await?.iter().map(Account::from).collect())
    }

    /// Tells the server where pushes go from now on.
    pub async fn update_push(&self, account: String, target: PushTarget) -> Result<(), DeviceError> {
        let account = self.active(&account).await?;
        let call = Call::to(account.trust.issuer(), endpoints::PUSH).with(&WirePushTarget::from(target));
        self.proven(&account, &call).await.map(|_| ())
    }

    /// Leaves the account: tells the server, then destroys keys and state. An unreachable server is an error and leaves
    /// everything as it is; `wipe` does without.
    pub async fn forget(&self, account: String) -> Result<(), DeviceError> {
        let left = self.account(&account).await?;
        match self.proven(&left, &Call::to(left.trust.issuer(), endpoints::LEAVE)).await {
            // Refused: the server does not know this phone any more. Without keys nothing can be proven to it.
            Ok(_)
            | Err(
                DeviceError::Refused { .. } | DeviceError::Revoked | DeviceError::Suspended | DeviceError::KeysLost,
            ) => self.wipe(account).await,
            Err(error) => Err(error),
        }
    }

    /// Starts anew where the stored state is damaged: forgets all accounts, without telling their servers, or the denials
    /// that an extension handed over, whichever cannot be read. What can be read is left as it is; where all can, that is an
    /// error, and so is a newer version's.
    pub async fn discard_damaged_state(&self) -> Result<(), DeviceError> {
        let mut state = self.state.lock().await;
        let _alone = Alone::among_processes(self.ports.lock.as_ref()).await?;
        let accounts = self.is_damaged(DOCUMENT, |content| State::decode(content).map(drop)).await?;
        let denials = self.is_damaged(DENIALS, |content| Denials::decode(content).map(drop)).await?;
        if !accounts && !denials {
            return Err(DeviceError::Storage { detail: "the stored state is not damaged".to_owned() });
        }
        if denials {
            self.ports.store.delete(DENIALS.to_owned()).await?;
        }
        if accounts {
            *state = None;
            self.ports.store.delete(DOCUMENT.to_owned()).await?;
        }
        Ok(())
    }

    /// Destroys keys and state of an account without telling the server.
    pub async fn wipe(&self, account: String) -> Result<(), DeviceError> {
        let account = self.account(&account).await?;
        for slot in account.slots() {
            self.destroy_keys(slot).await?;
        }
        self.change(|state| {
            state.accounts.retain(|kept| kept.enr != account.enr);
            Ok(())
        })
        .await
    }
}

impl DeviceCore {
    async fn all_accounts(&self) -> Result<Vec<AccountState>, DeviceError> {
        let mut state = self.state.lock().await;
        Ok(self.loaded(&mut state).await?.accounts.clone())
    }

    /// Whether a document is damaged, by the store's word or ours; any other failure to read it is one.
    async fn is_damaged(
        &self,
        name: &str,
        decode: fn(Option<&[u8]>) -> Result<(), DeviceError>,
    ) -> Result<bool, DeviceError> {
        let content = self.ports.store.load(name.to_owned()).await.map_err(DeviceError::from);
        match content.and_then(|content| decode(content.as_deref())) {
            Ok(()) => Ok(false),
            Err(DeviceError::DamagedState { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    async fn account(&self, id: &str) -> Result<AccountState, DeviceError> {
        let enr: EnrolmentId = id.parse().map_err(|_| DeviceError::UnknownAccount)?;
        let mut state = self.state.lock().await;
        self.loaded(&mut state).await?.account(&enr).cloned()
    }

    async fn active(&self, id: &str) -> Result<AccountState, DeviceError> {
        let account = self.account(id).await?;
        match account.standing {
            EnrolmentState::Active => Ok(account),
            EnrolmentState::Revoked => Err(account.ended.map_or(DeviceError::Revoked, |ended| ended.reason.into())),
            EnrolmentState::Unconfirmed | EnrolmentState::Cancelled => Err(DeviceError::NotActive),
        }
    }

    async fn loaded<'a>(&self, state: &'a mut Option<State>) -> Result<&'a State, DeviceError> {
        if state.is_none() {
            let document = self.ports.store.load(DOCUMENT.to_owned()).await?;
            let decoded = State::decode(document.as_deref())?;
            self.around.presume(&decoded.accounts);
            *state = Some(decoded);
        }
        Ok(state.as_ref().expect("loaded just above"))
    }

    /// Changes memory and storage together, alone among all processes of the app.
    async fn change<T: Send>(
        &self,
        change: impl FnOnce(&mut State) -> Result<T, DeviceError> + Send,
    ) -> Result<T, DeviceError> {
        let mut value = None;
        let noted = Box::new(|state: &mut State| {
            value = Some(change(state)?);
            Ok(())
        });
        self.change_by(noted).await?;
        Ok(value.expect("a change that was made has its value"))
    }

    /// Exists once: generic code is compiled for each of its uses, and this is large.
    async fn change_by(&self, change: Change<'_>) -> Result<(), DeviceError> {
        let mut state = self.state.lock().await;
        let alone = Alone::among_processes(self.ports.lock.as_ref()).await?;
        if alone.is_some() {
            // Another process may have written since.
            *state = None;
        }
        let mut next = self.loaded(&mut state).await?.clone();
        change(&mut next)?;
        // A save that fails or is abandoned half-way may or may not have happened: whoever comes next loads again.
        *state = None;
        self.ports.store.save(DOCUMENT.to_owned(), next.encode()).await?;
        *state = Some(next);
        Ok(())
    }

    async fn destroy_keys(&self, slot: &KeySlot) -> Result<(), DeviceError> {
        for purpose in KeySlot::PURPOSES {
            self.ports.vault.delete(slot.alias(purpose)).await?;
        }
        Ok(())
    }

    fn observe(&self, event: DeviceEvent) {
        if let Some(observer) = &self.ports.observer {
            // An observer that fails must not change what it observes.
            let _ = observer.observe(event);
        }
    }

    fn session(&self) -> MutexGuard<'_, Session> {
        self.around.session()
    }
}
