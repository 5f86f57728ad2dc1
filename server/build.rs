//! Tells cargo that the binary holds the browser bundle.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // A debug build reads the bundle when it starts; a release build embeds
    // it, and the embedding alone would not notice a bundle that is new.
    if std::env::var("PROFILE").as_deref() == Ok("release") {
        println!("cargo::rerun-if-changed=../target/site");
    }
}
