//! The store's header: which format it has, and what the last commit group wrote.
//!
//! ```text
//! format u32 · crc32 u32 · group u64 · (present u8 · length u16 · key)*          (numbers big-endian)
//! ```
//!
//! The checksum covers the group's number, the keys and the values that stand under them. Whatever later formats look
//! like, their number comes first.

use std::collections::HashMap;

use sled::{IVec, Tree};

use super::OpenError;
use super::keys;

/// The format written here. A change to keys or values that an older program would misread raises it.
pub(super) const FORMAT: u32 = 1;

/// As many keys of the last group are named as fit: all of an ordinary group's. sled keeps a batch whole, so that a few
/// of them speak for a large one.
const MOST_BYTES: usize = 4 * 1024;

const FIXED: usize = 16;

/// The header that goes into a group's own batch.
pub(super) fn describe(group: u64, steps: &HashMap<IVec, Option<IVec>>) -> Vec<u8> {
    let mut header = Vec::with_capacity(1024);
    header.extend_from_slice(&FORMAT.to_be_bytes());
    header.extend_from_slice(&[0; 4]);
    header.extend_from_slice(&group.to_be_bytes());
    let mut values = crc32fast::Hasher::new();
    for (key, value) in steps {
        let length = u16::try_from(key.len()).expect("ids and realms are short");
        if header.len() + key.len() > MOST_BYTES {
            break;
        }
        header.push(u8::from(value.is_some()));
        header.extend_from_slice(&length.to_be_bytes());
        header.extend_from_slice(key);
        values.update(value.as_deref().unwrap_or_default());
    }
    let crc = seal(&header, &values);
    header[4..8].copy_from_slice(&crc.to_be_bytes());
    header
}

/// The number of the last commit group, if all that the header says of it holds; `None` in a tree without header.
pub(super) fn verify(tree: &Tree) -> Result<Option<u64>, OpenError> {
    let Some(header) = tree.get(keys::header()).map_err(OpenError::of)? else {
        return Ok(None);
    };
    let format = field(&header, 0).map(u32::from_be_bytes).ok_or_else(|| damaged("the header is cut short"))?;
    match format {
        FORMAT => {}
        newer if newer > FORMAT => {
            return Err(OpenError::Newer { found: newer, known: FORMAT });
        }
        // Format 1 is the first. The step from each older format to the next will stand here.
        older => return Err(damaged(&format!("there is no format {older}"))),
    }
    let crc = field(&header, 4).map(u32::from_be_bytes);
    let group = field(&header, 8).map(u64::from_be_bytes);
    let (Some(crc), Some(group)) = (crc, group) else {
        return Err(damaged("the header is cut short"));
    };
    let values = last_group(tree, &header)?;
    if crc != seal(&header, &values) {
        return Err(damaged(&format!("the last commit group, {group}, is not as it was written")));
    }
    Ok(Some(group))
}

/// Hashes the values that stand under the keys named by the header.
fn last_group(tree: &Tree, header: &[u8]) -> Result<crc32fast::Hasher, OpenError> {
    let mut values = crc32fast::Hasher::new();
    let mut at = FIXED;
    while at < header.len() {
        let present = header[at] == 1;
        let length = field(header, at + 1).map(u16::from_be_bytes).ok_or_else(|| damaged("the header is cut short"))?;
        let key = header.get(at + 3..at + 3 + usize::from(length)).ok_or_else(|| damaged("the header is cut short"))?;
        let value = tree.get(key).map_err(OpenError::of)?;
        if present != value.is_some() {
            return Err(damaged("the last commit group is not complete"));
        }
        values.update(value.as_deref().unwrap_or_default());
        at += 3 + usize::from(length);
    }
    Ok(values)
}

fn seal(header: &[u8], values: &crc32fast::Hasher) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&header[8..]);
    crc.combine(values);
    crc.finalize()
}

fn field<const N: usize>(header: &[u8], at: usize) -> Option<[u8; N]> {
    header.get(at..at + N)?.try_into().ok()
}

fn damaged(what: &str) -> OpenError {
    OpenError::Damaged(what.to_owned())
}
