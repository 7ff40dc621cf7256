//! What things are. Pure: `now` is an argument, nothing here does I/O or names another layer.

pub mod algorithm;
pub mod attestation;
pub mod audit;
pub mod authentication_request;
pub mod binding_message;
pub mod certificate;
pub mod client;
pub mod context;
pub mod delivery;
pub mod device;
pub mod endpoint;
pub mod grant;
pub mod hint;
pub mod message;
pub mod names;
pub mod offer;
pub mod pace;
pub mod policy;
pub mod profile;
pub mod prompt;
pub mod random;
pub mod realm;
pub mod refresh;
pub mod secret;
pub mod time;
pub mod user;
