//! server

pub mod domain;
