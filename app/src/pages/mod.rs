//! The pages, one for each address.

pub mod audit;
pub mod gaps;
pub mod not_found;
pub mod overview;
pub mod queues;
pub mod schedule;
pub mod task;
pub mod tasks;
pub mod undecodable;
pub mod worker;
pub mod workers;
