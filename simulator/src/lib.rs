//! The people around the provider: relying party, phone, operator, and Google's push service. The demo plays them, and
//! the tests borrow them.
//!
//! | module | who |
//! |---|---|
//! | [`relying_party`] | asks, polls, verifies the ID token |
//! | [`phone`] | the real device core with keys in software |
//! | [`forger`] | a phone that sends what an honest one never would |
//! | [`admin`] | the operator |
//! | [`stand_in`] | services of others that we stand in for |
//! | [`wire`] | how all of them reach the provider |

pub mod admin;
pub mod forger;
pub mod phone;
pub mod relying_party;
pub mod stand_in;
pub mod wire;
