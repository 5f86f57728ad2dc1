//! The whole server from outside: HTTP in, HTTP out, with a Redis of its own
//! in each test.

mod assets;
mod chart;
mod control;
mod export;
mod flower;
mod hiding;
mod http;
mod process;
mod redaction;
mod results;
mod stream;
mod suggestions;
mod support;
mod tool;
