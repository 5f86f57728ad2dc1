//! The whole server from outside: HTTP in, HTTP out, with a Redis of its own
//! in each test.

mod assets;
mod chart;
mod control;
mod flower;
mod http;
mod process;
mod results;
mod stream;
mod suggestions;
mod support;
