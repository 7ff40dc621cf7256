//! What one process tells the others that share its store, so that whoever waits there looks again at once. A hint may be
//! lost, late or said twice: who gets one reads the store, and who gets none reads it a little later.

use protocol::DeviceId;
use serde::{Deserialize, Serialize};

use super::{Change, Expected, Record};
use crate::domain::names::{RealmId, RequestKey};

/// Something was committed by another process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hint {
    /// Where.
    pub realm: RealmId,
    /// What about.
    pub about: About,
}

/// What is heard of other processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// They committed something.
    Hint(Hint),
    /// Nobody listened for a while: what was said then is lost.
    Gap,
}

/// What a hint is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum About {
    /// Prompts of a phone, or the phone itself.
    Phone(DeviceId),
    /// The state of a request.
    Request(RequestKey),
}

impl Hint {
    /// What a change gives to tell. Nothing of messages: whoever wrote one carries it, and the others look often enough.
    pub(super) fn of(change: &Change) -> Vec<Self> {
        let mut hints = Vec::new();
        for write in &change.writes {
            let about = match (&write.record, write.expected) {
                (Record::Prompt(prompt), _) => About::Phone(prompt.device),
                (Record::Device(device), Expected::Version(_)) => About::Phone(device.id),
                // A new one has nobody waiting for it.
                (Record::Request(request), Expected::Version(_)) => About::Request(request.key),
                _ => continue,
            };
            let hint = Self { realm: change.realm.clone(), about };
            if !hints.contains(&hint) {
                hints.push(hint);
            }
        }
        hints
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::contract::samples::{
        a_device, a_message, a_prompt, a_request, a_user, at, device_id, request_key,
    };

    fn about(change: &Change) -> Vec<About> {
        Hint::of(change).into_iter().map(|hint| hint.about).collect()
    }

    fn change() -> Change {
        Change::in_realm(&RealmId::new("main"))
    }

    #[test]
    fn a_new_request_is_told_to_the_phones_it_asks_each_once() {
        let begun = change()
            .create(a_request(1, &[(1, 1), (2, 2)], at(300)))
            .create(a_prompt(1, 1, 1))
            .create(a_prompt(2, 2, 1))
            .create(a_prompt(3, 2, 1))
            .create(a_message(1, at(0), at(100)));
        assert_eq!(about(&begun), [1, 2].map(|n| About::Phone(device_id(n))));
    }

    #[test]
    fn a_decision_is_told_to_those_who_wait_for_it_and_to_the_phone() {
        let decided = change().replace(1, a_request(1, &[(1, 1)], at(300))).replace(1, a_prompt(1, 1, 1));
        assert_eq!(about(&decided), [About::Request(request_key(1)), About::Phone(device_id(1))]);
    }

    #[test]
    fn what_nobody_waits_for_is_not_told() {
        assert_eq!(about(&change().create(a_user(1)).create(a_device(1, 1))), []);
    }
}
