//! What the engine is told at start.

use crate::history::{Retention, StoreConfig};
use crate::redact::Redactor;
use protocol::{Keyspace, RedisUrl};
use std::{sync::Arc, time::Duration};

/// Settings of a [`crate::Monitor`].
#[derive(Clone, Debug)]
pub struct MonitorConfig {
    /// Where events, queues and remote control are.
    pub broker: RedisUrl,
    /// Name of the master, where `broker` lists sentinels.
    pub sentinel_master: Option<String>,
    /// Where results are.
    pub result_backend: Option<RedisUrl>,
    /// Names of keys and channels.
    pub keyspace: Keyspace,
    /// Most tasks to keep in memory, at least 100.
    pub max_tasks: usize,
    /// Most worker processes to keep.
    pub max_workers: usize,
    /// Most bytes of events that wait to be applied; beyond that they are dropped and counted.
    pub buffer_bytes: usize,
    /// Most bytes of task messages that are kept to send their tasks again; 0 keeps none.
    pub seen_bytes: usize,
    /// Whether workers that send no task events are told to.
    pub enable_events: bool,
    /// Time between two readings of the queues' lengths.
    pub poll_interval: Duration,
    /// How long workers may take to answer.
    pub inspect_timeout: Duration,
    /// Forget workers that are gone for so long; never if absent.
    pub purge_offline_workers: Option<Duration>,
    /// How long a worker must be gone before the tasks it ran count as orphaned.
    pub orphan_grace: Duration,
    /// How long workers hold a message before it is given to another one; as
    /// they tell if absent.
    pub visibility_timeout: Option<Duration>,
    /// `RedBeat`'s `redbeat_key_prefix`.
    pub redbeat_prefix: String,
    /// Whether announcements of results are listened to.
    pub result_stream: bool,
    /// Where the past is kept; nowhere if absent.
    pub store: Option<StoreConfig>,
    /// Whether the engine begins without history if the store cannot be
    /// opened, and says so; otherwise it does not begin.
    pub is_store_optional: bool,
    /// Whether viewers see no arguments, results and texts of exceptions.
    pub hide_args: bool,
    /// How long and how much of it.
    pub retention: Retention,
    /// The dashboard's version, for the screens.
    pub version: String,
    /// What is taken out of every text before it is kept.
    pub redactor: Arc<Redactor>,
}

impl MonitorConfig {
    /// Returns the defaults for this broker.
    pub fn new(broker: RedisUrl) -> Self {
        let keyspace = Keyspace {
            db: broker.db,
            ..Keyspace::default()
        };
        Self {
            broker,
            sentinel_master: None,
            result_backend: None,
            keyspace,
            max_tasks: 100_000,
            max_workers: 5_000,
            buffer_bytes: 256 << 20,
            seen_bytes: 64 << 20,
            enable_events: true,
            poll_interval: Duration::from_secs(2),
            inspect_timeout: Duration::from_secs(1),
            purge_offline_workers: None,
            orphan_grace: Duration::from_secs(10),
            visibility_timeout: None,
            redbeat_prefix: "redbeat:".to_owned(),
            result_stream: false,
            store: None,
            is_store_optional: false,
            hide_args: false,
            retention: Retention::default(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            redactor: Arc::new(Redactor::with_default_keys()),
        }
    }
}
