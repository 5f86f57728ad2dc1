//! Everything that talks to Redis.

pub(crate) mod connect;
pub(crate) mod events;
pub(crate) mod pidbox;
pub(crate) mod queues;
pub(crate) mod results;
