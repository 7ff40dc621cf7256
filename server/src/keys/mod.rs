//! The keys a realm signs with: one of each algorithm for ID tokens and JWT access tokens, which relying parties see; a
//! device root and the device signing keys it vouches for, which phones see (`DEVICE_PROTOCOL` "Keys of the server"); one
//! for MACs and seals, which nobody sees.
//!
//! [`RealmKeys`] holds them ready for use, each parsed once. [`KeyFile`] keeps them, every private key wrapped by a
//! [`WrappingKey`] that is kept elsewhere. How keys follow each other stands in `signing.rs`.

use std::path::PathBuf;

use protocol::crypto::CryptoError;

use crate::domain::algorithm::Algorithm;
use crate::domain::names::RealmId;

mod device_list;
mod file;
mod form;
mod key_list;
mod material;
mod pairwise;
mod realm_keys;
mod sealing;
pub mod secret_file;
mod signer;
mod signing;
mod wrapping;

pub use device_list::{DeviceKeys, ListAnswer, ListRequest, ListedDevice, OfflineRoot, Terms};
pub use file::KeyFile;
pub use key_list::{MOST_DAYS, OVERLAP};
pub use pairwise::LONGEST_PAIRWISE;
pub use realm_keys::{ListEnds, RealmKeys};
pub use signer::SIGNING;
pub use signing::{KNOWN, LEAD, Listed, PUBLISHED, Phase, Rotation, Withdrawn};
pub use wrapping::WrappingKey;

/// How the next device signing key comes, where the root is in the key file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeviceRotation {
    /// The keys before are never believed again.
    pub leaked: bool,
    /// The list is signed by a new root, for which the one before vouches.
    pub root: bool,
    /// The list's number, where one more than that of the list before is too low.
    pub sequence: u64,
}

/// Why keys cannot be had. The text tells the operator what to do and quotes no secret.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Others than its owner may read or write the file.
    #[error("{0} is open to other users (mode {1:03o}): close it with `chmod {2:03o} {0}`")]
    Exposed(String, u32, u32),
    /// A file stands where a new one was to be made.
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
    /// The key file was written by a later version.
    #[error("the key file has format {found}, and this version knows only format {known}: run a newer version")]
    UnknownFormat {
        /// The file's.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// The key file was wrapped by another key than the one given.
    #[error("the wrapping key is not the one that this key file was written with")]
    WrongWrappingKey,
    /// The wrapping key is not in its form.
    #[error("a wrapping key is 32 random bytes in base64url: 43 characters")]
    BadWrappingKey,
    /// The key file is not as it was written.
    #[error("the key file is damaged ({0}): restore it from a back-up")]
    Damaged(&'static str),
    /// The key file holds no keys of this realm.
    #[error("the key file holds no keys for realm {0}: restore it from a back-up")]
    UnknownRealm(RealmId),
    /// The realm does not sign by this algorithm.
    #[error("realm {realm} has no {algorithm} key: name the algorithm in its signing_algorithms first")]
    NoKey {
        /// Which realm.
        realm: RealmId,
        /// By what.
        algorithm: Algorithm,
    },
    /// The device root is not in the key file.
    #[error(
        "the device root of this realm is kept elsewhere: `assent keys request-device` writes what it is to sign with \
         `assent keys sign-device`, and `assent keys install-device` takes that in"
    )]
    RootElsewhere,
    /// A list of device signing keys that is of no use here.
    #[error("this list of device signing keys {0}")]
    BadList(&'static str),
    /// No device signing key is believed any more, and only a root that is kept elsewhere can vouch for one.
    #[error(
        "realm {0} has no device signing key that is believed now: phones would refuse all it says. Have its root sign a new \
         list: `assent keys request-device`, `sign-device`, `install-device`"
    )]
    ListOver(RealmId),
    /// The file in use was replaced by one with an older list of device signing keys, or another one of the same number.
    #[error("the key file holds a list of device signing keys that phones would refuse: put the newest file back")]
    ListGoesBack,
    /// The file in use was replaced by one with other keys that cannot change.
    #[error("the key file holds another device root or MAC key than is in use: restart, or put the right file back")]
    Exchanged,
    /// A key could not be made or used.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}
