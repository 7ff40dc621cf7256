//! Stories of whole requests, each in a world of its own on a hand-moved clock.

mod answering;
mod asking;
mod asking_codes;
mod asking_hints;
mod asking_rules;
mod cancelling;
mod collecting;
mod discovery;
mod enrolling;
mod explaining;
mod introspecting;
mod proving;
mod pushing;
mod racing;
mod realms;
mod restarting;
mod revoking;
mod userinfo;
mod wandering;

use simulator::phone::Phone;
use simulator::relying_party::RelyingParty;
use tests::World;

/// A world, its shop, and alice's phone.
async fn scene() -> (World, RelyingParty, Phone) {
    let world = World::new().await;
    let shop = world.shop().await;
    let phone = world.phone("1001").await;
    (world, shop, phone)
}
