//! `KeyDescription`, the attestation extension, as far as it is judged. What is not known here is left alone, because each
//! version of Android adds to it.

use der::asn1::AnyRef;
use der::{Decode as _, Reader as _, SliceReader, Tag, Tagged as _};

/// What the extension says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyDescription {
    /// Where the attestation was made: 0 in software, 1 in a trusted environment, 2 in a `StrongBox`.
    pub attestation_security_level: u8,
    /// Where the key lives; the same numbers.
    pub security_level: u8,
    /// What it was made over.
    pub challenge: Vec<u8>,
    /// What the system says.
    pub software: Authorizations,
    /// What the hardware enforces.
    pub hardware: Authorizations,
}

/// `AuthorizationList`
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Authorizations {
    /// What the key may do, in rising order.
    pub purposes: Vec<u64>,
    /// `noAuthRequired`
    pub needs_no_user: bool,
    /// `userAuthType` and `authTimeout`
    pub user: UserAuthentication,
    /// Where the key comes from.
    pub origin: Option<u64>,
    /// How the phone started.
    pub root_of_trust: Option<RootOfTrust>,
    /// Year and month of the security patches.
    pub patch_level: Option<u32>,
    /// Whose key it is.
    pub app: Option<ApplicationId>,
}

/// Whether the user must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UserAuthentication {
    /// Nothing is said of it.
    #[default]
    None,
    /// At every use.
    PerUse {
        /// The bits of `HardwareAuthenticatorType`.
        types: u64,
    },
    /// Once for some time.
    For {
        /// How long.
        seconds: u64,
    },
}

/// `RootOfTrust`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RootOfTrust {
    /// Whether the boot loader is locked.
    pub is_locked: bool,
    /// 0 verified, 1 self-signed, 2 unverified, 3 failed.
    pub boot_state: u8,
}

/// `AttestationApplicationId`: several packages only where they share a user id, and so their signer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationId {
    /// Names of packages.
    pub packages: Vec<String>,
    /// SHA-256 of the certificates that signed them.
    pub digests: Vec<Vec<u8>>,
}

impl KeyDescription {
    /// Reads the extension. `None` where it is no DER, lacks something or has it twice.
    #[must_use]
    pub fn parse(extension: &[u8]) -> Option<Self> {
        let parts = sequence(AnyRef::from_der(extension).ok()?)?;
        let [_, attestation_level, _, level, challenge, _, software, hardware] = parts[..] else { return None };
        Some(Self {
            attestation_security_level: enumerated(attestation_level)?,
            security_level: enumerated(level)?,
            challenge: octets(challenge)?.to_vec(),
            software: Authorizations::read(software)?,
            hardware: Authorizations::read(hardware)?,
        })
    }
}

impl Authorizations {
    fn read(list: AnyRef<'_>) -> Option<Self> {
        let (mut read, mut seen) = (Self::default(), Vec::new());
        let (mut types, mut seconds) = (None, None);
        for part in sequence(list)? {
            let Tag::ContextSpecific { constructed: true, number } = part.tag() else { return None };
            if seen.contains(&number) {
                return None;
            }
            seen.push(number);
            let value = AnyRef::from_der(part.value()).ok()?;
            match number.0 {
                1 => read.purposes = purposes(value)?,
                503 => read.needs_no_user = is_null(value)?,
                504 => types = Some(integer(value)?),
                505 => seconds = Some(integer(value)?),
                702 => read.origin = Some(integer(value)?),
                704 => read.root_of_trust = Some(RootOfTrust::read(value)?),
                706 => read.patch_level = Some(u32::try_from(integer(value)?).ok()?),
                709 => read.app = Some(ApplicationId::parse(octets(value)?)?),
                _ => {}
            }
        }
        read.user = match (types, seconds) {
            (_, Some(seconds)) => UserAuthentication::For { seconds },
            (Some(types), None) => UserAuthentication::PerUse { types },
            (None, None) => UserAuthentication::None,
        };
        Some(read)
    }
}

impl RootOfTrust {
    fn read(value: AnyRef<'_>) -> Option<Self> {
        let parts = sequence(value)?;
        // The last part, the hash of what was started, came with version 3.
        let (_, locked, state) = match parts[..] {
            [key, locked, state] | [key, locked, state, _] => (octets(key)?, locked, state),
            _ => return None,
        };
        Some(Self { is_locked: locked.decode_as::<bool>().ok()?, boot_state: enumerated(state)? })
    }
}

impl ApplicationId {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let parts = sequence(AnyRef::from_der(bytes).ok()?)?;
        let [packages, digests] = parts[..] else { return None };
        let name = |package: AnyRef<'_>| {
            let parts = sequence(package)?;
            let [name, _version] = parts[..] else { return None };
            String::from_utf8(octets(name)?.to_vec()).ok()
        };
        Some(Self {
            packages: set(packages)?.into_iter().map(name).collect::<Option<_>>()?,
            digests: set(digests)?.into_iter().map(|digest| Some(octets(digest)?.to_vec())).collect::<Option<_>>()?,
        })
    }
}

fn purposes(value: AnyRef<'_>) -> Option<Vec<u64>> {
    let mut purposes = set(value)?.into_iter().map(integer).collect::<Option<Vec<_>>>()?;
    purposes.sort_unstable();
    Some(purposes)
}

fn sequence(value: AnyRef<'_>) -> Option<Vec<AnyRef<'_>>> {
    (value.tag() == Tag::Sequence).then(|| items(value.value()))?
}

fn set(value: AnyRef<'_>) -> Option<Vec<AnyRef<'_>>> {
    (value.tag() == Tag::Set).then(|| items(value.value()))?
}

fn items(bytes: &[u8]) -> Option<Vec<AnyRef<'_>>> {
    let mut reader = SliceReader::new(bytes).ok()?;
    let mut items = Vec::new();
    while !reader.is_finished() {
        items.push(AnyRef::decode(&mut reader).ok()?);
    }
    Some(items)
}

fn octets(value: AnyRef<'_>) -> Option<&[u8]> {
    (value.tag() == Tag::OctetString).then(|| value.value())
}

fn integer(value: AnyRef<'_>) -> Option<u64> {
    value.decode_as::<u64>().ok()
}

fn enumerated(value: AnyRef<'_>) -> Option<u8> {
    match value.value() {
        [number] if value.tag() == Tag::Enumerated => Some(*number),
        _ => None,
    }
}

fn is_null(value: AnyRef<'_>) -> Option<bool> {
    value.is_null().then_some(true)
}
