//! The engine against real servers.

mod celery;
mod honest;
mod redis;
mod retry;
mod support;
mod surgery;
mod views;
