//! The world in which the stories of Assent are told: the real routers in one process, a clock moved by hand, chance from
//! a seed, a temporary store that really syncs (or, with `ASSENT_STORY_STORE=postgres`, a PostgreSQL database), and a courier
//! that writes down what it carries.
//!
//! ```text
//! let world = World::new().await;
//! let (shop, phone) = (world.shop().await, world.phone("1001").await);
//! let asked = a_request().accepted(&shop).await;
//! phone.approve(&world.prompt(&phone, &asked).await).await.expect("approved");
//! assert_eq!(shop.poll(&asked).await.expect("an answer").in_short(), "200");
//! ```
//!
//! Time moves only by [`World::advance`], pushes leave only by [`World::deliver`], and a [`World`] that is dropped with
//! an undelivered message fails its test.

#![allow(
    clippy::missing_panics_doc,
    reason = "a world that cannot be set up, or a story that leaves its course, is a failed test"
)]

mod chance;
mod clock;
mod courier;
mod keeping;
pub mod pki;
pub mod platform;
pub mod postgres;
pub mod process;
mod request;
mod world;

pub use chance::Seeded;
pub use clock::HandClock;
pub use courier::{Carried, RecordingCourier};
pub use keeping::Kind;
pub use request::{Request, a_request};
pub use world::{ADMIN_TOKEN, Builder, ISSUER, MTLS_BASE, SHOP, SHOP_SECRET, World, enrolled_by};
