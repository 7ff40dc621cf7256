//! Attacks, each told from three sides: what the victim's phone shows, what the client is told, and what the operator finds
//! in the audit trail. The rules that stand against them have stories of their own beside these, case by case.
//!
//! | attack | where |
//! |---|---|
//! | prompts until a tired person says yes, by one client, by ten, and by a patient one | [`bombing`] |
//! | another question in place of the one that the user expects; text changed on its way; payments of unknown types | [`swapping`] |
//! | a photographed ticket; check digits ground to fit | [`joining`] |
//! | answers replayed, by the weaker key, by a copy of the phone, by another user's phone | [`forging`] |
//! | a stolen phone that approved; "you are unenrolled" by somebody who is not the server | [`thieving`] |
//! | text that looks like other text | [`texting`] |
//! | a client named like another | [`impersonating`] |

mod bombing;
mod forging;
mod impersonating;
mod joining;
mod swapping;
mod texting;
mod thieving;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use device_core::RequestKind;
use device_core::ports::{HttpRequest, HttpResponse, Transport, TransportError};
use serde_json::Value;
use simulator::phone::Phone;
use tests::{ISSUER, World};

/// What the victim sees on opening the app: who asks, and what they say, in the order in which they came.
async fn shows(phone: &Phone) -> Vec<String> {
    let pending = phone.pending().await.expect("the phone asks");
    let displays = pending.iter().map(|request| request.display());
    let asked = displays.filter(|display| display.kind == RequestKind::Authentication);
    asked.map(|display| format!("{}: {}", display.title, display.message.unwrap_or_default())).collect()
}

/// What the operator finds in the audit trail from a moment on.
struct Trail<'w> {
    world: &'w World,
    seen: usize,
}

impl<'w> Trail<'w> {
    async fn from_now(world: &'w World) -> Self {
        let seen = world.admin().audit().await.expect("the audit trail").len();
        Self { world, seen }
    }

    /// How often each event stands there, by its name and what tells it from others of that name. How pushes fared is left
    /// out.
    async fn told(&self) -> BTreeMap<String, usize> {
        let mut told = BTreeMap::new();
        for event in self.world.admin().audit().await.expect("the audit trail").split_off(self.seen) {
            let details = ["answer", "reason", "limit", "check"];
            let words = std::iter::once("event").chain(details).filter_map(|member| event[member].as_str());
            *told.entry(words.collect::<Vec<_>>().join(" ")).or_default() += 1;
        }
        told.remove("push_concluded");
        told
    }

    /// The newest event of this name.
    async fn newest(&self, name: &str) -> Value {
        let events = self.world.admin().audit().await.expect("the audit trail");
        events.into_iter().rfind(|event| event["event"] == name).unwrap_or_else(|| panic!("no {name}"))
    }
}

/// What a trail should tell.
fn counted<const N: usize>(events: [(&str, usize); N]) -> BTreeMap<String, usize> {
    events.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
}

type Bend = Box<dyn Fn(&str, HttpResponse) -> HttpResponse + Send + Sync>;

/// Somebody between a phone and its server, who bends what the server says; they know under which URL it was asked.
struct Between {
    way: Arc<dyn Transport>,
    bend: Bend,
}

#[async_trait]
impl Transport for Between {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let url = request.url.clone();
        Ok((self.bend)(&url, self.way.send(request).await?))
    }
}

/// The phone with somebody on its way to the server.
fn intercepted(phone: &Phone, bend: impl Fn(&str, HttpResponse) -> HttpResponse + Send + Sync + 'static) -> Phone {
    phone.over(ISSUER, Arc::new(Between { way: Arc::clone(&phone.ports().transport), bend: Box::new(bend) }))
}
