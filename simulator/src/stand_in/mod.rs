//! Stand-ins for services of others. Each listens on a loopback port of its own, is as strict as the original about
//! what it is sent, answers in the original's words, and is reached by the settings that an operator has anyway.

pub mod apns;
pub mod fcm;
pub mod files;
pub mod key_set;
mod line;
pub mod login;
pub mod notification;
mod script;
pub mod web_push;
pub mod webhook;
