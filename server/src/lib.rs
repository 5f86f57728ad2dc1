//! The dashboard as a process: it reads its configuration, starts the engine,
//! and answers browsers and programs over HTTP.
//!
//! Nothing here knows what a task is; handlers unpack a request, ask the
//! engine, and wrap the answer.

// The types of the app's views nest as deep as its pages do.
#![recursion_limit = "256"]

mod access;
pub mod api;
pub mod assets;
mod chart;
pub mod config;
pub mod error;
pub mod log;
pub mod metrics;
mod request;
pub mod router;
mod security;
pub mod serve;
pub mod shutdown;
pub mod state;
mod stream;
pub mod tool;
mod ui;

pub use access::Access;
pub use config::{Config, ConfigError};
pub use router::router;
pub use serve::serve;
pub use state::AppState;
