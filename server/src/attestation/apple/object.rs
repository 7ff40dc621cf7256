//! The attestation object: CBOR `{fmt, attStmt: {x5c, receipt}, authData}`, and the authenticator data in it
//! (W3C WebAuthn §6.1). The receipt is for asking Apple about fraud, which nobody does here.

use cbor4ii::core::dec::{Decode as _, IgnoredAny, Read as _};
use cbor4ii::core::types::{Array, Bytes, Map};
use cbor4ii::core::utils::SliceReader;
use der::asn1::AnyRef;
use der::{Decode as _, Tag, Tagged as _};

/// More certificates are in no chain of Apple's.
const MOST_CERTIFICATES: usize = 8;
/// More members are in no object of Apple's.
const MOST_MEMBERS: usize = 16;

/// What the object holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object<'b> {
    /// `fmt`
    pub format: &'b str,
    /// `x5c`: DER, leaf first.
    pub certificates: Vec<Vec<u8>>,
    /// `authData`
    pub authenticator_data: &'b [u8],
}

impl<'b> Object<'b> {
    /// Reads an object. `None` where it is none, has a member twice or of another type, or something behind it.
    #[must_use]
    pub fn parse(bytes: &'b [u8]) -> Option<Self> {
        let mut reader = SliceReader::new(bytes);
        let (mut format, mut certificates, mut data) = (None, None, None);
        members(&mut reader, |name, reader| match name {
            "fmt" => Some(set(&mut format, <&str>::decode(reader).ok()?)),
            "attStmt" => Some(set(&mut certificates, statement(reader)?)),
            "authData" => Some(set(&mut data, Bytes::<&[u8]>::decode(reader).ok()?.0)),
            _ => IgnoredAny::decode(reader).ok().map(|_| true),
        })?;
        let Ok(rest) = reader.fill(1);
        if !rest.as_ref().is_empty() {
            return None;
        }
        Some(Self { format: format?, certificates: certificates?, authenticator_data: data? })
    }
}

fn statement(reader: &mut SliceReader<'_>) -> Option<Vec<Vec<u8>>> {
    let mut found = None;
    members(reader, |name, reader| match name {
        "x5c" => Some(set(&mut found, certificates(reader)?)),
        _ => IgnoredAny::decode(reader).ok().map(|_| true),
    })?;
    found
}

fn certificates(reader: &mut SliceReader<'_>) -> Option<Vec<Vec<u8>>> {
    let count = Array::len(reader).ok()?.filter(|count| *count <= MOST_CERTIFICATES)?;
    (0..count).map(|_| Some(Bytes::<&[u8]>::decode(reader).ok()?.0.to_vec())).collect()
}

/// Reads a map of known length, member by member; `each` says whether it may stand there.
fn members<'b>(
    reader: &mut SliceReader<'b>,
    mut each: impl FnMut(&'b str, &mut SliceReader<'b>) -> Option<bool>,
) -> Option<()> {
    let count = Map::len(reader).ok()?.filter(|count| *count <= MOST_MEMBERS)?;
    for _ in 0..count {
        let name = <&str>::decode(reader).ok()?;
        if !each(name, reader)? {
            return None;
        }
    }
    Some(())
}

/// Whether it was not there yet.
fn set<T>(place: &mut Option<T>, value: T) -> bool {
    place.replace(value).is_none()
}

/// What stands in `authData` before the public key, which the leaf has, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthenticatorData<'b> {
    /// SHA-256 of the app's id.
    pub rp_id_hash: &'b [u8; 32],
    /// How often the key has signed.
    pub counter: u32,
    /// Which environment.
    pub aaguid: &'b [u8; 16],
    /// The key's id.
    pub credential_id: &'b [u8],
}

impl<'b> AuthenticatorData<'b> {
    /// Reads it; `None` where it is too short, or does not say that it has a credential.
    #[must_use]
    pub fn parse(bytes: &'b [u8]) -> Option<Self> {
        /// The flag `AT`: attested credential data follows.
        const ATTESTED: u8 = 0x40;
        let (rp_id_hash, rest) = bytes.split_first_chunk()?;
        let ([flags], rest) = rest.split_first_chunk()?;
        let (counter, rest) = rest.split_first_chunk()?;
        let (aaguid, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let credential_id = rest.get(..usize::from(u16::from_be_bytes(*length)))?;
        (flags & ATTESTED != 0).then_some(Self {
            rp_id_hash,
            counter: u32::from_be_bytes(*counter),
            aaguid,
            credential_id,
        })
    }
}

/// The nonce in the leaf's extension: `SEQUENCE { [1] { OCTET STRING } }`.
#[must_use]
pub fn nonce(extension: &[u8]) -> Option<&[u8]> {
    let outer = AnyRef::from_der(extension).ok().filter(|outer| outer.tag() == Tag::Sequence)?;
    let tagged = AnyRef::from_der(outer.value()).ok()?;
    let is_one = matches!(tagged.tag(), Tag::ContextSpecific { constructed: true, number } if number.0 == 1);
    let inner = AnyRef::from_der(tagged.value()).ok().filter(|inner| is_one && inner.tag() == Tag::OctetString)?;
    Some(inner.value())
}
