//! Answers for programs: Flower's paths and shapes, and our own.

pub(crate) mod control;
pub(crate) mod export;
pub(crate) mod flower;
pub(crate) mod health;
pub(crate) mod queues;
pub(crate) mod results;
pub(crate) mod snapshot;
pub(crate) mod suggestions;
pub(crate) mod tasks;
pub(crate) mod workers;
