//! device-core
