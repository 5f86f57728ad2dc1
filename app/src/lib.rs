//! The screens of the dashboard: rendered on the server (`ssr`), taken over and
//! kept live in the browser (`hydrate`).
//!
//! A page is a topic's picture (`live`), components, and nothing else. What
//! depends on which side runs is in `server_fns` and here.

// A view's type holds the types of everything in it; a page of components nests deeper than
// the compiler's own limit.
#![recursion_limit = "256"]
#![expect(
    unreachable_pub,
    reason = "the component macro makes its items public whatever the function's visibility"
)]

pub mod app;
pub mod components;
pub mod format;
pub mod links;
pub mod live;
pub mod pages;
pub mod prefs;
pub mod server_fns;
pub mod shell;
pub mod steer;
pub mod toasts;

pub use app::App;
pub use shell::shell;

/// Takes over the page that the server rendered.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    std::panic::set_hook(Box::new(|panic| leptos::logging::error!("{panic}")));
    leptos::mount::hydrate_body(App);
}
