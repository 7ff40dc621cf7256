//! Text that looks like other text: characters that turn the order round, or show nothing.

use axum::http::Method;
use device_core::{DeviceError, PushTarget};
use protocol::messages::Prompt;
use serde_json::json;
use tests::{ISSUER, World, a_request};

use super::{Trail, counted, intercepted, shows};
use crate::scene;

/// What each looks like is "Pay 12 euros", or the like.
const DECEPTIVE: [(&str, &str); 9] = [
    ("an override", "Pay \u{202e}21\u{202c} euros"),
    ("an isolate", "Pay \u{2067}12\u{2069} euros"),
    ("a mark", "Pay 12\u{200f} euros"),
    ("a zero-width space", "Pay 1\u{200b}2 euros"),
    ("a joiner that joins nothing", "Pay 1\u{200d}2 euros"),
    ("a byte order mark", "\u{feff}Pay 12 euros"),
    ("a soft hyphen", "Pay 1\u{ad}2 euros"),
    ("a tag", "Pay 12 euros\u{e0041}"),
    ("a filler", "Pay 12\u{3164}euros"),
];

#[tokio::test]
async fn no_such_message_reaches_a_phone() {
    let (world, shop, phone) = scene().await;
    let trail = Trail::from_now(&world).await;
    for (what, text) in DECEPTIVE {
        let answer = a_request().with("binding_message", text).sent(&shop).await;
        assert_eq!(answer.in_short(), "400 invalid_binding_message", "{what}");
        assert!(!String::from_utf8_lossy(&answer.body).contains("euros"), "{what}: it is not echoed");
    }
    assert_eq!(shows(&phone).await, [""; 0]);
    assert_eq!(trail.told().await, counted([]));
    // Right-to-left writing is no trick.
    let honest = "ادفع ١٢ يورو";
    a_request().with("binding_message", honest).accepted(&shop).await;
    assert_eq!(shows(&phone).await, [format!("The shop: {honest}")]);
}

#[tokio::test]
async fn no_client_and_no_phone_has_such_a_name() {
    let world = World::new().await;
    let trail = Trail::from_now(&world).await;
    for (what, text) in DECEPTIVE {
        let client = json!({ "client_id": "mallory", "client_name": text });
        let answer = world.admin().call(Method::POST, "/clients", Some(&client)).await.expect("an answer");
        assert_eq!(answer.in_short(), "400 invalid_client_metadata", "{what}");
        assert!(answer.json()["error_description"].as_str().is_some_and(|why| why.contains("client_name")), "{what}");
        // The phone notices before it burns the ticket.
        let ticket = world.admin().create_ticket("1001").await.expect("a ticket");
        let joined = world.new_phone(text, ISSUER).enrol(&ticket, PushTarget::None).await;
        assert!(matches!(joined, Err(DeviceError::UnfitName { .. })), "{what}");
    }
    assert_eq!(trail.told().await, counted([("ticket_created", DECEPTIVE.len())]), "no enrolment was begun");
}

/// An older server, or one in other hands, whose signature is good.
#[tokio::test]
async fn a_phone_refuses_to_show_such_text_even_if_the_server_signed_it() {
    let (world, shop, phone) = scene().await;
    let trail = Trail::from_now(&world).await;
    let asked = a_request().accepted(&shop).await;
    let honest = world.prompt(&phone, &asked).await.prompt().content().clone();
    for (what, text) in DECEPTIVE {
        let shown = served(&world, &phone, deceptive(&honest, text)).await;
        assert!(matches!(shown, Err(DeviceError::Unshowable { .. })), "{what}: {shown:?}");
    }
    let unchanged = served(&world, &phone, honest).await.expect("the same way shows what may be shown");
    assert_eq!(unchanged, ["Pay 12 euros"]);
    assert_eq!(world.poll(&shop, &asked).await, "400 authorization_pending");
    assert_eq!(trail.told().await, counted([("request_accepted", 1)]), "a phone that shows nothing answers nothing");
}

fn deceptive(honest: &Prompt, text: &str) -> Prompt {
    let mut prompt = Prompt { binding_message: Some(text.to_owned()), ..honest.clone() };
    for line in prompt.display.iter_mut().filter(|line| line.value == "Pay 12 euros") {
        text.clone_into(&mut line.value);
    }
    prompt
}

/// The messages that the phone shows, where its server serves this prompt.
async fn served(world: &World, phone: &simulator::phone::Phone, prompt: Prompt) -> Result<Vec<String>, DeviceError> {
    let signed = world.provider().keys().sign_device(&prompt).expect("signed");
    let deceived = intercepted(phone, move |url, mut response| {
        if url.contains("/prompts") {
            let mut reply: serde_json::Value = serde_json::from_slice(&response.body).expect("JSON");
            reply["prompts"] = json!([signed.as_str()]);
            response.body = reply.to_string().into_bytes();
        }
        response
    });
    let pending = deceived.pending().await?;
    Ok(pending.iter().filter_map(|request| request.binding_message()).collect())
}
