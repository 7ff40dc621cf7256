//! Makes the library smaller where the linker can: identical functions, of which generic code makes many, are kept once.

#[expect(clippy::disallowed_methods, reason = "this is how cargo tells a build script the target")]
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // The linker that comes with Rust, and Android's, know this; Apple's does not need to be told.
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux" || os == "android") {
        println!("cargo::rustc-cdylib-link-arg=-Wl,--icf=all");
    }
}
