//! The crate from outside: on captures of real traffic and on traffic that no
//! Celery ever sent.

mod bodies;
mod checks;
mod corpus;
mod events;
mod laws;
mod messages;
mod schedules;
mod sending;
mod support;
mod urls;
