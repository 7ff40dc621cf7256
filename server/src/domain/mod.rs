//! What things are. Pure: `now` is an argument, nothing here does I/O or names another layer.

pub mod time;
