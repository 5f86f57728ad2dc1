//! The engine against real servers.

mod celery;
mod door;
mod history;
mod honest;
mod past;
mod redis;
mod retry;
mod schedule;
mod steer;
mod support;
mod surgery;
mod views;
