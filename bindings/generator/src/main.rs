//! Writes the foreign side of `libassent_device`, by the very UniFFI version that the library was built with:
//! `cargo run -p bindings-generator -- generate --language python --out-dir DIR LIBRARY`.

fn main() {
    uniffi::uniffi_bindgen_main();
}
