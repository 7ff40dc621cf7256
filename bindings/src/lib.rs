//! device-core as a native library for Kotlin, Swift and Python: `cargo build -p bindings` makes `libassent_device`, and
//! `cargo run -p bindings-generator` writes the foreign side for it. What it offers is the crate `device-core`.

device_core::uniffi_reexport_scaffolding!();
