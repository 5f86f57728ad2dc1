//! The engine against real servers.

mod celery;
mod redis;
mod support;
mod views;
