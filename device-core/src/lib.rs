//! The authentication device of Assent: enrols a phone, shows who asks for what, signs the user's approve or deny.
//!
//! A pure core in a thin asynchronous shell. An app makes one [`DeviceCore`] from its [`ports`] (key vault, secure
//! storage, HTTP, clock) and calls it; it writes no protocol code. There is no async runtime, no TLS and no HTTP client
//! in here.
//!
//! ```
//! use device_core::{DeviceCore, DeviceError, Outcome};
//!
//! /// Shows what is asked and approves it; a real app asks its user in between.
//! async fn approve_what_waits(core: &DeviceCore, account: String) -> Result<(), DeviceError> {
//!     for request in core.pending(account, 25).await? {
//!         for line in request.display().lines {
//!             println!("{}: {}", line.label, line.value);
//!         }
//!         match core.approve(request).await {
//!             Ok(Outcome::Approved) => println!("done"),
//!             Ok(other) => println!("{other:?}"),
//!             Err(DeviceError::UserCancelled) => println!("not now"),
//!             Err(error) => return Err(error),
//!         }
//!     }
//!     Ok(())
//! }
//! ```
//!
//! | module | what |
//! |---|---|
//! | [`shell`] | [`DeviceCore`], the only asynchronous part |
//! | [`ports`] | what the app supplies |
//! | [`app`], [`error`] | the words between app and core |
//! | [`enrolment`] | ticket → begin → offer → finish → six digits |
//! | [`trust`] | the pinned root and the server's signing keys: nothing is believed before it passes here |
//! | [`prompt`], [`push`] | from unbelieved bytes to something that may be shown |
//! | [`display`] | one screen: lines, warnings, digits to type |
//! | [`notice`] | what a notification may say, found out without network or runtime |
//! | [`revocation`] | the end of an account by the server's word |
//! | [`decision`] | which key signs, what exactly, and the server's word on it |
//! | [`blocks`] | clients that the user wants to hear nothing of |
//! | [`history`] | what was asked and answered, on whichever phone |
//! | [`rotation`], [`revocation`] | other keys; the server's word that this phone is none any more |
//! | [`exchange`], [`signature`], [`time`] | proven requests, platform signatures, the server's clock |
//! | [`state`] | what is remembered |
//! | `desktop` | ports in software, for tests, simulators and desktop tools (feature `desktop`) |
//!
//! With the feature `uniffi` the same types are exported to Kotlin, Swift and Python; see the crate `bindings`.

#[cfg(feature = "uniffi")]
uniffi::setup_scaffolding!();

/// What the guide shows compiles.
#[cfg(doctest)]
#[doc = include_str!("../../docs/app-developers.md")]
struct AppDevelopers;

pub mod app;
pub mod blocks;
pub mod decision;
#[cfg(any(test, feature = "desktop"))]
pub mod desktop;
pub mod display;
pub mod enrolment;
pub mod error;
pub mod exchange;
pub mod history;
pub mod notice;
pub mod ports;
pub mod prompt;
pub mod push;
pub mod revocation;
pub mod rotation;
pub mod shell;
pub mod signature;
pub mod state;
#[cfg(test)]
mod testing;
pub mod time;
pub mod trust;

pub use app::{
    Account, Attestation, BlockPeriod, BlockedClient, DenialReason, DenyReason, DeviceInfo, EnrolmentState, History,
    HistoryEntry, Outcome, Platform, Policy, PushMode, PushTarget, Receipt, RevocationReason,
};
pub use display::{Display, DisplayLine, MatchCode, RequestKind, Warning};
pub use enrolment::Settings;
pub use error::{Advice, DeviceError, error_advice, error_code};
pub use notice::{ExtensionPorts, Notice, NoticeOpener};
pub use push::{PushNotification, push_notification};
pub use rotation::{KeysToRotate, RotationState};
pub use shell::{ApprovalRequest, DeviceCore, Enrolment, Failure, Ports, Synced};
