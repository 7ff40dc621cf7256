//! Where log lines go: the standard error stream, as JSON or for people. Nothing else in the server knows.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// Sends the log where the settings say, once for the whole process; a panic becomes a line of it.
pub fn install(log: &Log) {
    let filter = EnvFilter::new(&log.filter);
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // Fails only where the embedding program has a subscriber already, which then is the one that it wants.
    let _ = match log.format {
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).try_init(),
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).try_init(),
    };
    std::panic::set_hook(Box::new(|panic| {
        // Its message may quote what it failed on, so only its place is told.
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panicked");
    }));
}
