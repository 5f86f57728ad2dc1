//! The engine against real servers.

mod celery;
mod honest;
mod redis;
mod support;
mod surgery;
mod views;
