//! The whole server from outside: HTTP in, HTTP out, with a Redis of its own
//! in each test.

mod assets;
mod flower;
mod http;
mod process;
mod stream;
mod support;
