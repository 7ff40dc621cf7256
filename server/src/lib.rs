//! server

pub mod domain;
pub mod outbound;
