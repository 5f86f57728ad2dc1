//! Everything that talks to Redis.

pub(crate) mod announcements;
pub(crate) mod connect;
pub(crate) mod discovery;
pub(crate) mod events;
pub(crate) mod messages;
pub(crate) mod pidbox;
pub(crate) mod purges;
pub(crate) mod queues;
pub(crate) mod redbeat;
mod resp;
pub(crate) mod results;
pub(crate) mod seen;
pub(crate) mod sender;
mod socket;
pub(crate) mod surgery;
pub(crate) mod unacked;
