//! The command line. Flower's options keep their names, here and in the
//! environment; what Flower does not have is `CELERIAC_…` there.

#![expect(
    clippy::doc_markdown,
    reason = "the comments on fields are the text of --help, which would show backticks"
)]

use super::retention::Keep;
use clap::{Command, Parser, ValueEnum};
use std::{str::FromStr, time::Duration};

/// Live monitoring and control of Celery on Redis.
///
/// Every option can also be given as the environment variable named with it;
/// for Flower's variables (FLOWER_PORT) the dashboard's own name
/// (CELERIAC_PORT) is understood as well and wins.
#[derive(Parser)]
#[command(
    name = "celeriac",
    version,
    after_help = "History has commands of its own: celeriac export, celeriac prune, celeriac store (see celeriac store --help)"
)]
pub(super) struct Options {
    /// The broker: redis://, rediss://, redis+socket:// or sentinel://
    #[arg(
        long,
        short,
        value_name = "URL",
        env = "CELERY_BROKER_URL",
        default_value = "redis://localhost:6379/0"
    )]
    pub(super) broker: String,

    /// Where task results are, if in Redis
    #[arg(
        long,
        value_name = "URL",
        env = "CELERY_RESULT_BACKEND",
        alias = "result_backend"
    )]
    pub(super) result_backend: Option<String>,

    /// The name of the master, for a sentinel:// broker
    #[arg(long, value_name = "NAME", env = "CELERIAC_SENTINEL_MASTER")]
    pub(super) sentinel_master: Option<String>,

    /// Name or address to listen on [default: that of Leptos.toml, 127.0.0.1]
    #[arg(long, value_name = "HOST", env = "FLOWER_ADDRESS")]
    pub(super) address: Option<String>,

    /// Port to listen on [default: that of Leptos.toml, 5555]
    #[arg(long, short, env = "FLOWER_PORT", value_parser = clap::value_parser!(u16).range(0..))]
    pub(super) port: Option<u16>,

    /// Most tasks to keep in memory, at least 100
    #[arg(long, value_name = "N", env = "FLOWER_MAX_TASKS", alias = "max_tasks",
          default_value = "100000", value_parser = parse_at_least::<100>)]
    pub(super) max_tasks: usize,

    /// Most workers to keep in memory
    #[arg(long, value_name = "N", env = "FLOWER_MAX_WORKERS", alias = "max_workers",
          default_value = "5000", value_parser = parse_at_least::<1>)]
    pub(super) max_workers: usize,

    /// Milliseconds that workers have to answer
    #[arg(long, value_name = "MS", env = "FLOWER_INSPECT_TIMEOUT", alias = "inspect_timeout",
          default_value = "1000", value_parser = parse_milliseconds)]
    pub(super) inspect_timeout: Duration,

    /// Whether workers that send no task events are told to
    #[arg(long, value_name = "BOOL", env = "FLOWER_ENABLE_EVENTS", alias = "enable_events",
          default_value = "true", default_missing_value = "true", num_args = 0..=1,
          action = clap::ArgAction::Set, value_parser = parse_bool)]
    pub(super) enable_events: bool,

    /// Whether everybody may only look; also if the dashboard listens on other than loopback addresses
    #[arg(long, value_name = "BOOL", env = "FLOWER_READ_ONLY", alias = "read_only",
          default_value = "false", default_missing_value = "true", num_args = 0..=1,
          action = clap::ArgAction::Set, value_parser = parse_bool)]
    pub(super) read_only: bool,

    /// Words of keys whose values are shown to nobody; an empty text for none
    /// [default: password, token, secret, authorization and the like, see README]
    #[arg(
        long,
        value_name = "LIST",
        env = "CELERIAC_REDACT_KEYS",
        value_delimiter = ','
    )]
    pub(super) redact_keys: Option<Vec<String>>,

    /// Regular expression for what is shown to nobody, or its first group; repeatable, in the variable one a line
    #[arg(
        long,
        value_name = "REGEX",
        env = "CELERIAC_REDACT_PATTERNS",
        value_delimiter = '\n',
        alias = "redact-pattern"
    )]
    pub(super) redact_patterns: Vec<String>,

    /// Whether viewers see no arguments, results and texts of exceptions
    #[arg(long, value_name = "BOOL", env = "CELERIAC_HIDE_ARGS", alias = "hide_args",
          default_value = "false", default_missing_value = "true", num_args = 0..=1,
          action = clap::ArgAction::Set, value_parser = parse_bool)]
    pub(super) hide_args: bool,

    /// Names under which a proxy on this host serves the dashboard; acts asked for under others are refused
    #[arg(
        long,
        value_name = "LIST",
        env = "CELERIAC_HOSTS",
        value_delimiter = ','
    )]
    pub(super) hosts: Vec<String>,

    /// Seconds after which a worker that is gone is forgotten [default: never]
    #[arg(
        long,
        value_name = "SECONDS",
        env = "FLOWER_PURGE_OFFLINE_WORKERS",
        alias = "purge_offline_workers"
    )]
    pub(super) purge_offline_workers: Option<u64>,

    /// Seconds that a worker must be gone before the tasks it ran count as orphaned
    #[arg(long, value_name = "SECONDS", env = "CELERIAC_ORPHAN_GRACE",
          default_value = "10", value_parser = parse_seconds)]
    pub(super) orphan_grace: Duration,

    /// Whether announcements of results are listened to, as a second source beside events
    #[arg(
        long,
        value_name = "WHEN",
        env = "CELERIAC_RESULT_STREAM",
        default_value = "auto"
    )]
    pub(super) result_stream: ResultStream,

    /// Seconds between two readings of the queues' lengths
    #[arg(long, value_name = "SECONDS", env = "CELERIAC_POLL_INTERVAL",
          default_value = "2", value_parser = parse_seconds)]
    pub(super) poll_interval: Duration,

    /// Most bytes of events that wait to be applied; more are dropped and counted
    #[arg(long, value_name = "BYTES", env = "CELERIAC_BUFFER_BYTES",
          default_value = "268435456", value_parser = parse_at_least::<1_048_576>)]
    pub(super) buffer_bytes: usize,

    /// Most bytes of waiting task messages kept to send their tasks again exactly; 0 keeps none
    #[arg(long, value_name = "BYTES", env = "CELERIAC_SEEN_BYTES",
          default_value = "67108864", value_parser = parse_at_least::<0>)]
    pub(super) seen_bytes: usize,

    /// Where history is kept: sqlite:///path/to/a/file, postgres://user@host/database, or none [default: a file per broker in the user's data directory]
    #[arg(long, value_name = "URL", env = "CELERIAC_STORE")]
    pub(super) store: Option<String>,

    /// How long history keeps tasks that ended without failing, such as 30d or 12h; off for ever
    #[arg(
        long,
        value_name = "TIME",
        env = "CELERIAC_RETAIN",
        default_value = "30d"
    )]
    pub(super) retain: Keep,

    /// How long history keeps tasks that failed or lost their worker
    #[arg(
        long,
        value_name = "TIME",
        env = "CELERIAC_RETAIN_FAILURES",
        default_value = "90d"
    )]
    pub(super) retain_failures: Keep,

    /// Most tasks that history keeps, the newest; those that have not ended stay anyway [default: any number]
    #[arg(long, value_name = "N", env = "CELERIAC_RETAIN_ROWS")]
    pub(super) retain_rows: Option<u64>,

    /// Celery's broker_transport_options.global_keyprefix
    #[arg(long, value_name = "TEXT", env = "CELERIAC_KEY_PREFIX")]
    pub(super) key_prefix: Option<String>,

    /// The text before celery-task-meta-… in the names of results
    #[arg(long, value_name = "TEXT", env = "CELERIAC_RESULT_KEY_PREFIX")]
    pub(super) result_key_prefix: Option<String>,

    /// Celery's broker_transport_options.sep [default: the bytes 06 16]
    #[arg(long, value_name = "TEXT", env = "CELERIAC_SEP")]
    pub(super) sep: Option<String>,

    /// Celery's broker_transport_options.priority_steps [default: 0,3,6,9]
    #[arg(
        long,
        value_name = "LIST",
        env = "CELERIAC_PRIORITY_STEPS",
        value_delimiter = ','
    )]
    pub(super) priority_steps: Option<Vec<u8>>,

    /// Seconds after which the broker delivers an unacknowledged message again [default: as workers tell, else 3600]
    #[arg(
        long,
        value_name = "SECONDS",
        env = "CELERIAC_VISIBILITY_TIMEOUT",
        value_parser = parse_seconds
    )]
    pub(super) visibility_timeout: Option<Duration>,

    /// RedBeat's redbeat_key_prefix
    #[arg(
        long,
        value_name = "TEXT",
        env = "CELERIAC_REDBEAT_PREFIX",
        default_value = "redbeat:"
    )]
    pub(super) redbeat_prefix: String,

    /// Celery's event_exchange
    #[arg(
        long,
        value_name = "NAME",
        env = "CELERIAC_EVENT_EXCHANGE",
        default_value = "celeryev"
    )]
    pub(super) event_exchange: String,

    /// Celery's control_exchange
    #[arg(
        long,
        value_name = "NAME",
        env = "CELERIAC_CONTROL_EXCHANGE",
        default_value = "celery"
    )]
    pub(super) control_exchange: String,

    /// Celery's broker_transport_options.fanout_prefix: default, off, a text,
    /// or unfilled for Sentinel with kombu before 5.4
    #[arg(
        long,
        value_name = "TEXT",
        env = "CELERIAC_FANOUT_PREFIX",
        default_value = "default"
    )]
    pub(super) fanout_prefix: String,

    /// Celery's broker_transport_options.fanout_patterns
    #[arg(long, value_name = "BOOL", env = "CELERIAC_FANOUT_PATTERNS",
          default_value = "true", default_missing_value = "true", num_args = 0..=1,
          action = clap::ArgAction::Set, value_parser = parse_bool)]
    pub(super) fanout_patterns: bool,

    /// What to log: error, warn, info, debug, or by part such as info,monitor=debug
    #[arg(
        long,
        value_name = "FILTER",
        env = "CELERIAC_LOG",
        default_value = "info"
    )]
    pub(super) log: String,

    /// How log lines look
    #[arg(long, env = "CELERIAC_LOG_FORMAT", default_value = "text")]
    pub(super) log_format: LogFormat,
}

/// When announcements of results are listened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ResultStream {
    /// If a result backend is given.
    Auto,
    /// Always; on the broker's server if no result backend is given.
    On,
    /// Never.
    Off,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs: one JSON object a line.
    Json,
}

/// Options whose variable has Flower's name, and our name for it.
const OUR_NAMES: [(&str, &str); 8] = [
    ("address", "CELERIAC_ADDRESS"),
    ("port", "CELERIAC_PORT"),
    ("max_tasks", "CELERIAC_MAX_TASKS"),
    ("max_workers", "CELERIAC_MAX_WORKERS"),
    ("inspect_timeout", "CELERIAC_INSPECT_TIMEOUT"),
    ("enable_events", "CELERIAC_ENABLE_EVENTS"),
    ("read_only", "CELERIAC_READ_ONLY"),
    ("purge_offline_workers", "CELERIAC_PURGE_OFFLINE_WORKERS"),
];

/// Makes our variables count where they are set, and hides the values of all
/// of them from `--help`.
pub(super) fn accept_our_names(mut command: Command) -> Command {
    for (option, name) in OUR_NAMES {
        if std::env::var_os(name).is_some() {
            command = command.mut_arg(option, |arg| arg.env(name));
        }
    }
    command.mut_args(|arg| arg.hide_env_values(true))
}

fn parse_at_least<const LEAST: usize>(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number >= LEAST => Ok(number),
        _ => Err(format!("it must be a whole number, at least {LEAST}")),
    }
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    duration(text, 1.0)
}

fn parse_milliseconds(text: &str) -> Result<Duration, String> {
    duration(text, 1e-3)
}

fn duration(text: &str, unit_seconds: f64) -> Result<Duration, String> {
    f64::from_str(text)
        .ok()
        .and_then(|number| Duration::try_from_secs_f64(number * unit_seconds).ok())
        // Ten milliseconds to a day: beyond that it is a slip of the unit.
        .filter(|time| (Duration::from_millis(10)..=Duration::from_secs(86_400)).contains(time))
        .ok_or_else(|| "it must be a time between 10 ms and one day".to_owned())
}

/// Reads what Flower takes for a truth value (`flower/utils/__init__.py`,
/// `strtobool`).
fn parse_bool(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "y" | "yes" | "t" | "true" | "on" | "1" => Ok(true),
        "n" | "no" | "f" | "false" | "off" | "0" => Ok(false),
        _ => Err("it must be true or false".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn every_option_has_a_variable_whose_value_stays_hidden() {
        let command = accept_our_names(Options::command());
        for arg in command.get_arguments() {
            assert!(arg.get_env().is_some(), "{} has no variable", arg.get_id());
            assert!(
                arg.is_hide_env_values_set(),
                "{} shows its variable's value",
                arg.get_id()
            );
        }
        for (option, _) in OUR_NAMES {
            assert!(command.get_arguments().any(|arg| arg.get_id() == option));
        }
    }
}
