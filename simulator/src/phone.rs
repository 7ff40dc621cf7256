//! A virtual phone: the real device core with keys in software.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use device_core::desktop::{FileLock, FileStore, MemoryStore, SoftwareVault};
use device_core::ports::{Clock, Lock, SecureStore, Transport};
use device_core::{
    ApprovalRequest, DenyReason, DeviceCore, DeviceError, DeviceInfo, Enrolment, EnrolmentState, KeysToRotate, Outcome,
    Ports, PushTarget, RotationState, Settings,
};
use protocol::digest::request_digest;
use serde_json::Value;

/// A phone with at most one account.
#[derive(Clone)]
pub struct Phone {
    core: Arc<DeviceCore>,
    ports: Ports,
    name: String,
    account: Option<String>,
}

impl Phone {
    /// A phone that is out of its box and forgets everything when it is dropped.
    #[must_use]
    pub fn new(name: &str, issuer: &str, transport: Arc<dyn Transport>, clock: Arc<dyn Clock>) -> Self {
        let vault = Arc::new(SoftwareVault::in_memory());
        let store: Arc<dyn SecureStore> = Arc::new(MemoryStore::default());
        Self::of(name, issuer, Ports::new(vault, store, transport, clock))
    }

    /// A phone that keeps keys and state in a directory, which is made if need be.
    pub async fn kept_in(
        directory: &Path,
        name: &str,
        issuer: &str,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, DeviceError> {
        std::fs::create_dir_all(directory).map_err(|error| DeviceError::Storage { detail: error.to_string() })?;
        let vault = Arc::new(SoftwareVault::in_file(directory.join("keys"))?);
        let store: Arc<dyn SecureStore> = Arc::new(FileStore::new(directory.to_owned()));
        let lock = Some(Arc::new(FileLock::on(directory.join("lock"))) as Arc<dyn Lock>);
        let mut phone = Self::of(name, issuer, Ports { lock, ..Ports::new(vault, store, transport, clock) });
        let accounts = phone.core.accounts().await?;
        let active = accounts.into_iter().find(|account| account.state == EnrolmentState::Active);
        phone.account = active.map(|account| account.id);
        Ok(phone)
    }

    /// A phone with ports of its own.
    #[must_use]
    pub fn of(name: &str, issuer: &str, ports: Ports) -> Self {
        let settings = Settings { issuers: vec![issuer.to_owned()], development: true };
        Self { core: DeviceCore::new(settings, ports.clone()), ports, name: name.to_owned(), account: None }
    }

    /// The phone after its app was killed and started again.
    #[must_use]
    pub fn restarted(&self, issuer: &str) -> Self {
        Self { account: self.account.clone(), ..Self::of(&self.name, issuer, self.ports.clone()) }
    }

    /// The phone on another way to its server, with nothing in memory of the way before.
    #[must_use]
    pub fn over(&self, issuer: &str, transport: Arc<dyn Transport>) -> Self {
        let ports = Ports { transport, ..self.ports.clone() };
        Self { account: self.account.clone(), ..Self::of(&self.name, issuer, ports) }
    }

    /// Scans a ticket. The account is this phone's from here on, but active only once the digits were typed.
    pub async fn enrol(&mut self, ticket: &str, push: PushTarget) -> Result<Arc<Enrolment>, DeviceError> {
        let info = DeviceInfo {
            name: self.name.clone(),
            model: "Virtual phone".to_owned(),
            os: "Assent simulator".to_owned(),
            app_id: "example.assent.simulator".to_owned(),
            app_version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let enrolment = Arc::clone(&self.core).enrol(ticket.to_owned(), info, push).await?;
        self.account = Some(enrolment.account());
        Ok(enrolment)
    }

    /// What the device core is.
    #[must_use]
    pub fn core(&self) -> &Arc<DeviceCore> {
        &self.core
    }

    /// What it works with.
    #[must_use]
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// The user's name for it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The account's id on this phone.
    pub fn account(&self) -> Result<String, DeviceError> {
        self.account.clone().ok_or(DeviceError::UnknownAccount)
    }

    /// What awaits an answer; asks once.
    pub async fn pending(&self) -> Result<Vec<Arc<ApprovalRequest>>, DeviceError> {
        self.core.pending(self.account()?, 0).await
    }

    /// Opens a push from the `data` of an FCM message.
    pub async fn open_push(&self, data: &Value) -> Result<Vec<Arc<ApprovalRequest>>, DeviceError> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let members = data.as_object().ok_or(DeviceError::NotOurPush)?;
        let data: HashMap<String, String> =
            members.iter().filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect();
        self.core.open_push(data).await
    }

    /// The prompt of one request, found by the hash that binds them: the phone itself never learns an `auth_req_id`.
    pub async fn prompt_of(&self, auth_req_id: &str) -> Result<Option<Arc<ApprovalRequest>>, DeviceError> {
        let req = request_digest(auth_req_id);
        Ok(self.pending().await?.into_iter().find(|request| request.prompt().content().req == req))
    }

    /// Shows every line, then approves.
    pub async fn approve(&self, request: &Arc<ApprovalRequest>) -> Result<Outcome, DeviceError> {
        let _shown = request.display();
        self.core.approve(Arc::clone(request)).await
    }

    /// Denies. What this phone has approved it takes back or disputes, with a fresh copy of the request.
    pub async fn deny(&self, request: &Arc<ApprovalRequest>, reason: DenyReason) -> Result<Outcome, DeviceError> {
        let request = match request.receipt() {
            None => Arc::clone(request),
            Some(_) => self.core.fetch_prompt(request.account(), request.id()).await?,
        };
        self.core.deny(request, reason).await
    }

    /// Replaces keys.
    pub async fn rotate(&self, which: KeysToRotate) -> Result<RotationState, DeviceError> {
        self.core.rotate_keys(self.account()?, which).await
    }

    /// Tells the server where pushes go from now on.
    pub async fn update_push(&self, target: PushTarget) -> Result<(), DeviceError> {
        self.core.update_push(self.account()?, target).await
    }
}
