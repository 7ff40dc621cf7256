//! The published data of pushes (`docs/device-protocol/vectors/messages/push-data-*.json`), as a platform hands it over.

use std::collections::HashMap;

use device_core::error::DeviceError;
use device_core::push::{self, Push, PushNotification, push_notification};
use protocol::RoutingId;
use protocol::messages::Prompt;
use serde::de::DeserializeOwned;

fn message<T: DeserializeOwned>(name: &str) -> T {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/device-protocol/vectors/messages/");
    let bytes = std::fs::read(format!("{folder}{name}.json")).expect("the vectors are committed");
    serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn each_push_is_read_as_what_it_is_and_known_by_the_id_of_its_prompt() {
    let prompt: Prompt = message("prompt");
    let tag = RoutingId::of(&prompt.jti).to_string();
    for (name, sealed, dismissed) in
        [("sealed", true, false), ("wake", false, false), ("wake-padded", false, false), ("dismiss", false, true)]
    {
        let data: HashMap<String, String> = message(&format!("push-data-{name}"));
        assert_eq!(push::read(&data).map(|push| matches!(push, Push::Sealed(_))), Ok(sealed), "{name}");
        assert_eq!(push_notification(data), Ok(PushNotification { tag: tag.clone(), dismissed }), "{name}");
    }
}

#[test]
fn pushes_of_another_version_are_not_ours() {
    for name in ["sealed", "wake", "wake-padded", "dismiss"] {
        let mut data: HashMap<String, String> = message(&format!("push-data-{name}"));
        data.insert("v".into(), "2".into());
        assert_eq!(push::read(&data).map(drop), Err(DeviceError::NotOurPush), "{name}");
    }
}
