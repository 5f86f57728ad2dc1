//! Names of the keys and channels that Celery uses in Redis.

use model::{LeftoverKind, QueueName, TaskId};

/// Before the number of a purge in the keys that the dashboard keeps for it.
const PURGED: &str = "celeriac.purged.";

/// The text before the exchange in the names of fanout channels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum FanoutPrefix {
    /// `/{db}.` with the number of the database.
    #[default]
    Default,
    /// Nothing (`fanout_prefix=False`).
    None,
    /// This text; a `{db}` in it stands for the number of the database
    /// (`kombu/transport/redis.py Channel._connparams`).
    Custom(String),
    /// Literally `/{db}.`, which Sentinel transports before kombu 5.4 never filled in.
    SentinelBeforeKombu54,
}

/// A line of a binding table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The routing key.
    pub routing_key: String,
    /// Its pattern, for topic exchanges.
    pub pattern: String,
    /// The queue.
    pub queue: QueueName,
}

/// The settings of a Celery application that decide its names in Redis.
#[derive(Clone, Debug, PartialEq)]
pub struct Keyspace {
    /// `global_keyprefix`, before every key and channel.
    pub prefix: String,
    /// The database number of the broker, part of the channels' names.
    pub db: u32,
    /// Between a queue's name and its priority, and within bindings.
    pub sep: String,
    /// The priorities that have a list of their own, lowest number first.
    pub priority_steps: Vec<u8>,
    /// `event_exchange`
    pub event_exchange: String,
    /// `control_exchange`, without `.pidbox`.
    pub control_exchange: String,
    /// `fanout_prefix`
    pub fanout_prefix: FanoutPrefix,
    /// `fanout_patterns`: whether the routing key is part of a channel's name.
    pub fanout_patterns: bool,
    /// `unacked_key`
    pub unacked_key: String,
    /// `unacked_index_key`
    pub unacked_index_key: String,
    /// The text before `celery-task-meta-`, with the `_` that Celery puts in between.
    pub result_prefix: String,
}

impl Default for Keyspace {
    fn default() -> Self {
        Self {
            prefix: String::new(),
            db: 0,
            sep: "\x06\x16".to_owned(),
            priority_steps: vec![0, 3, 6, 9],
            event_exchange: "celeryev".to_owned(),
            control_exchange: "celery".to_owned(),
            fanout_prefix: FanoutPrefix::Default,
            fanout_patterns: true,
            unacked_key: "unacked".to_owned(),
            unacked_index_key: "unacked_index".to_owned(),
            result_prefix: String::new(),
        }
    }
}

impl Keyspace {
    /// Returns the patterns to PSUBSCRIBE to for every event.
    ///
    /// With `fanout_patterns` each event type has a channel below the
    /// exchange's; the exchange's own is listened to as well, since clients
    /// may be set up without.
    pub fn event_patterns(&self) -> Vec<String> {
        let base = escape_glob(&self.fanout_channel(&self.event_exchange));
        if self.fanout_patterns {
            vec![format!("{base}/*"), base]
        } else {
            vec![base]
        }
    }

    /// Returns the channel of requests to the workers.
    pub fn control_channel(&self) -> String {
        self.fanout_channel(&format!("{}.pidbox", self.control_exchange))
    }

    /// Returns the key of the table that tells workers where replies go.
    pub fn reply_binding_key(&self) -> String {
        format!(
            "{}_kombu.binding.reply.{}.pidbox",
            self.prefix, self.control_exchange
        )
    }

    /// Returns the lists of a queue, in the order workers look at them.
    pub fn queue_keys(&self, queue: &str) -> Vec<(u8, String)> {
        let key = |step: u8| match step {
            0 => format!("{}{queue}", self.prefix),
            _ => format!("{}{queue}{}{step}", self.prefix, self.sep),
        };
        self.priority_steps
            .iter()
            .map(|&step| (step, key(step)))
            .collect()
    }

    /// Returns the queue and priority step whose list a key may be; `None` for
    /// keys of other applications' prefixes, kombu's own, results and replies.
    pub fn parse_queue_key(&self, key: &str) -> Option<(QueueName, u8)> {
        let name = key.strip_prefix(&self.prefix)?;
        let (queue, step) = match name.rsplit_once(&self.sep) {
            Some((queue, step)) => match self.parse_step(step) {
                Some(step) => (queue, step),
                None => (name, 0),
            },
            None => (name, 0),
        };
        (!queue.is_empty() && !self.is_internal(name)).then(|| (queue.into(), step))
    }

    /// Returns the pattern to SCAN for the binding tables.
    pub fn binding_pattern(&self) -> String {
        format!("{}_kombu.binding.*", escape_glob(&self.prefix))
    }

    /// Returns the exchange whose binding table a key is.
    pub fn exchange_of_binding_key<'k>(&self, key: &'k str) -> Option<&'k str> {
        key.strip_prefix(&self.prefix)?
            .strip_prefix("_kombu.binding.")
    }

    /// Tells whether tasks go through an exchange, rather than events or control messages.
    pub fn is_task_exchange(&self, exchange: &str) -> bool {
        !exchange.ends_with(".pidbox") && exchange != self.event_exchange
    }

    /// Reads a member of a binding table.
    pub fn parse_binding(&self, member: &[u8]) -> Option<Binding> {
        let mut parts = std::str::from_utf8(member).ok()?.splitn(3, &self.sep);
        let (routing_key, pattern, queue) = (parts.next()?, parts.next()?, parts.next()?);
        (!queue.is_empty()).then(|| Binding {
            routing_key: routing_key.to_owned(),
            pattern: pattern.to_owned(),
            queue: queue.into(),
        })
    }

    /// Returns the key of the messages that workers hold.
    pub fn unacked(&self) -> String {
        format!("{}{}", self.prefix, self.unacked_key)
    }

    /// Returns the key of the times at which workers took them.
    pub fn unacked_index(&self) -> String {
        format!("{}{}", self.prefix, self.unacked_index_key)
    }

    /// Returns the key under which the dashboard writes down a purge.
    pub fn purge(&self, id: u64) -> String {
        format!("{}{PURGED}{id}", self.prefix)
    }

    /// Returns the key of the messages that a purge took from the list of a priority step.
    pub fn purged(&self, id: u64, step: u8) -> String {
        format!("{}.{step}", self.purge(id))
    }

    /// Returns the pattern to SCAN for purges.
    pub fn purge_pattern(&self) -> String {
        format!("{}{PURGED}*", escape_glob(&self.prefix))
    }

    /// Returns what a list would be if its owner is gone; `None` for those
    /// that never outlive anybody, such as queues.
    pub fn leftover_kind(&self, key: &str) -> Option<LeftoverKind> {
        let name = key.strip_prefix(&self.prefix)?;
        let owner = name
            .strip_suffix(".pidbox")
            .and_then(|name| name.strip_suffix(&self.control_exchange));
        match owner {
            Some(owner) if owner.ends_with(".reply.") => Some(LeftoverKind::ReplyLists),
            Some(owner) if owner.len() > 1 && owner.ends_with('.') => Some(LeftoverKind::Mailboxes),
            _ => name
                .strip_prefix(&self.event_exchange)
                .is_some_and(|rest| rest.len() > 1 && rest.starts_with('.'))
                .then_some(LeftoverKind::EventQueues),
        }
    }

    /// Returns the key of a task's result.
    pub fn result_key(&self, id: &TaskId) -> String {
        format!("{}celery-task-meta-{id}", self.result_prefix)
    }

    fn fanout_channel(&self, exchange: &str) -> String {
        let db = self.db.to_string();
        let fanout = match &self.fanout_prefix {
            FanoutPrefix::Default => format!("/{db}."),
            FanoutPrefix::None => String::new(),
            FanoutPrefix::Custom(text) => text.replace("{db}", &db),
            FanoutPrefix::SentinelBeforeKombu54 => "/{db}.".to_owned(),
        };
        format!("{}{fanout}{exchange}", self.prefix)
    }

    /// Reads a priority suffix. A separator of ordinary characters may be part
    /// of a queue's name, so then only the configured steps count.
    fn parse_step(&self, text: &str) -> Option<u8> {
        let step: u8 = text.parse().ok()?;
        let is_plain = !self.sep.contains(char::is_control);
        let is_known = self.priority_steps.contains(&step);
        (text.bytes().all(|b| b.is_ascii_digit()) && (is_known || !is_plain)).then_some(step)
    }

    fn is_internal(&self, name: &str) -> bool {
        name.starts_with("_kombu.")
            || name.starts_with("redbeat:")
            || name.starts_with("chord-unlock-")
            || name.contains("celery-task-meta-")
            || name.contains("celery-taskset-meta-")
            || name.starts_with(PURGED)
            || (name.contains(".reply.") && name.ends_with(".pidbox"))
            || self
                .leftover_kind(&format!("{}{name}", self.prefix))
                .is_some()
            || name == self.unacked_key
            || name == self.unacked_index_key
            || name == format!("{}_mutex", self.unacked_key)
    }
}

/// Escapes what Redis takes for a pattern.
fn escape_glob(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, '*' | '?' | '[' | ']' | '\\') {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_follow_the_settings() {
        let default = Keyspace::default();
        assert_eq!(default.event_patterns(), ["/0.celeryev/*", "/0.celeryev"]);
        assert_eq!(default.control_channel(), "/0.celery.pidbox");
        let prefixed = Keyspace {
            prefix: "pfx:".to_owned(),
            db: 3,
            event_exchange: "myev".to_owned(),
            control_exchange: "myctl".to_owned(),
            ..Keyspace::default()
        };
        assert_eq!(prefixed.event_patterns(), ["pfx:/3.myev/*", "pfx:/3.myev"]);
        assert_eq!(prefixed.control_channel(), "pfx:/3.myctl.pidbox");
        assert_eq!(
            prefixed.reply_binding_key(),
            "pfx:_kombu.binding.reply.myctl.pidbox"
        );
        let bare = Keyspace {
            fanout_prefix: FanoutPrefix::None,
            fanout_patterns: false,
            ..Keyspace::default()
        };
        assert_eq!(bare.event_patterns(), ["celeryev"]);
        assert_eq!(bare.control_channel(), "celery.pidbox");
        let custom = |text: &str| Keyspace {
            fanout_prefix: FanoutPrefix::Custom(text.to_owned()),
            db: 7,
            ..Keyspace::default()
        };
        assert_eq!(custom("/x.").control_channel(), "/x.celery.pidbox");
        assert_eq!(custom("/x{db}.").control_channel(), "/x7.celery.pidbox");
        let sentinel = Keyspace {
            fanout_prefix: FanoutPrefix::SentinelBeforeKombu54,
            ..Keyspace::default()
        };
        assert_eq!(sentinel.control_channel(), "/{db}.celery.pidbox");
    }

    #[test]
    fn patterns_take_prefixes_literally() {
        let odd = Keyspace {
            prefix: r"a*[b]?\".to_owned(),
            ..Keyspace::default()
        };
        assert_eq!(odd.binding_pattern(), r"a\*\[b\]\?\\_kombu.binding.*");
        assert_eq!(odd.event_patterns()[0], r"a\*\[b\]\?\\/0.celeryev/*");
        assert_eq!(odd.control_channel(), r"a*[b]?\/0.celery.pidbox");
    }

    #[test]
    fn a_queue_is_found_again_from_each_of_its_keys() {
        let plain = Keyspace::default();
        let ten = Keyspace {
            prefix: "p:".to_owned(),
            sep: ":".to_owned(),
            priority_steps: (0..10).collect(),
            ..Keyspace::default()
        };
        for keyspace in [plain, ten] {
            let keys = keyspace.queue_keys("mail:fast");
            assert_eq!(keys.len(), keyspace.priority_steps.len());
            for (step, key) in keys {
                assert_eq!(
                    keyspace.parse_queue_key(&key),
                    Some(("mail:fast".into(), step)),
                    "{key:?}"
                );
            }
        }
        assert_eq!(
            Keyspace::default().queue_keys("q")[1],
            (3, "q\x06\x163".to_owned())
        );
    }

    #[test]
    fn other_keys_are_no_queues() {
        let keyspace = Keyspace::default();
        for key in [
            "",
            "_kombu.binding.celery",
            "unacked",
            "unacked_index",
            "unacked_mutex",
            "celery-task-meta-1",
            "res_celery-task-meta-1",
            "celery-taskset-meta-1.j",
            "16a64fd3.reply.celery.pidbox",
            "redbeat:lock",
            "celeriac.purged.1795163496",
            "celeriac.purged.1795163496.3",
            "celeryev.0c1f",
            "w1@h.celery.pidbox",
            "\x06\x163",
        ] {
            assert_eq!(keyspace.parse_queue_key(key), None, "{key:?}");
        }
        let prefixed = Keyspace {
            prefix: "p:".to_owned(),
            ..Keyspace::default()
        };
        assert_eq!(prefixed.parse_queue_key("celery"), None);
    }

    #[test]
    fn leftovers_are_known_by_their_names() {
        let prefixed = Keyspace {
            prefix: "p:".to_owned(),
            control_exchange: "ctl".to_owned(),
            ..Keyspace::default()
        };
        for (key, kind) in [
            ("p:16a6.reply.ctl.pidbox", Some(LeftoverKind::ReplyLists)),
            ("p:w1@h.ctl.pidbox", Some(LeftoverKind::Mailboxes)),
            ("p:celeryev.16a6", Some(LeftoverKind::EventQueues)),
            ("16a6.reply.ctl.pidbox", None),
            ("p:16a6.reply.celery.pidbox", None),
            ("p:ctl.pidbox", None),
            ("p:.ctl.pidbox", None),
            ("p:celeryev", None),
            ("p:celeryev.", None),
            ("p:celeryevents.x", None),
            ("p:celery", None),
        ] {
            assert_eq!(prefixed.leftover_kind(key), kind, "{key}");
        }
        let key = prefixed.purged(7, 3);
        assert_eq!(key, "p:celeriac.purged.7.3");
        assert_eq!(prefixed.parse_queue_key(&key), None);
    }

    #[test]
    fn bindings_are_read() {
        let keyspace = Keyspace::default();
        assert_eq!(
            keyspace.parse_binding(b"mail.#\x06\x16^mail\x06\x16mails"),
            Some(Binding {
                routing_key: "mail.#".to_owned(),
                pattern: "^mail".to_owned(),
                queue: "mails".into(),
            })
        );
        assert_eq!(keyspace.parse_binding(b"celery"), None);
        assert_eq!(keyspace.parse_binding(b"\xff\x06\x16\x06\x16q"), None);
        let exchange = keyspace.exchange_of_binding_key("_kombu.binding.celery.pidbox");
        assert_eq!(exchange, Some("celery.pidbox"));
        assert!(!keyspace.is_task_exchange("celery.pidbox"));
        assert!(!keyspace.is_task_exchange("celeryev"));
        assert!(keyspace.is_task_exchange("celery"));
        assert_eq!(
            keyspace.exchange_of_binding_key("_kombu.binding_permanent.celery"),
            None
        );
    }
}
