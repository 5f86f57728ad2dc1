//! What the process is told at start: command line, environment and
//! `Leptos.toml`, read once, checked once, handed down as typed parts.

mod options;
pub(crate) mod retention;
mod site;
pub(crate) mod store;

use clap::{CommandFactory, FromArgMatches, parser::ValueSource};
use leptos::config::LeptosOptions;
use monitor::{
    MonitorConfig,
    history::{Retention, StoreUrlError},
    redact::{DEFAULT_KEYS, RedactError, Redactor},
};
pub use options::LogFormat;
use options::{Options, ResultStream};
use protocol::{FanoutPrefix, Keyspace, RedisUrl, UrlError};
use std::{
    ffi::OsString,
    io,
    net::{SocketAddr, ToSocketAddrs},
    sync::Arc,
    time::Duration,
};
use store::Choice;
use tracing_subscriber::EnvFilter;

/// Everything the process needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// The engine's settings.
    pub monitor: MonitorConfig,
    /// The pages' settings.
    pub leptos: LeptosOptions,
    /// Where to listen: the first of these that can be had.
    pub addresses: Vec<SocketAddr>,
    /// Whether everybody may only look.
    pub is_read_only: bool,
    /// Names under which it is served, beside those of the loopback addresses.
    pub hosts: Vec<String>,
    /// What to log, in the syntax of `tracing_subscriber::EnvFilter`.
    pub log: String,
    /// How log lines look.
    pub log_format: LogFormat,
    /// What is not as the environment asks, for the log.
    pub warnings: Vec<String>,
}

/// Why there is no configuration. Always one line without secrets, except
/// [`ConfigError::Asked`].
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not an error: the text of `--help` or `--version`.
    #[error("{0}")]
    Asked(String),
    /// An option that does not exist, or a value it cannot take.
    #[error("{0}")]
    CommandLine(String),
    /// A URL that cannot be used.
    #[error("cannot use the URL of {name}: {source}")]
    Url {
        /// The option and its variable.
        name: &'static str,
        /// What is wrong; it never repeats the URL.
        source: UrlError,
    },
    /// A host name that has no address.
    #[error("cannot listen on {host:?}: {source}")]
    Address {
        /// What was given.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// A store that cannot be used.
    #[error("cannot use --store (CELERIAC_STORE): {0}")]
    Store(#[from] StoreUrlError),
    /// Settings of pages that do not fit this binary.
    #[error("{0}")]
    Leptos(String),
    /// Keys or patterns that cannot be redacted.
    #[error("cannot redact as asked: {0}")]
    Redact(#[from] RedactError),
    /// A log filter that cannot be read.
    #[error("cannot read the filter of --log: {0}")]
    Log(String),
}

impl Config {
    /// Reads the command line, the environment and `Leptos.toml`.
    pub fn load(args: impl IntoIterator<Item = OsString>) -> Result<Self, ConfigError> {
        let command = options::accept_our_names(Options::command());
        let matches = command.try_get_matches_from(args).map_err(from_clap)?;
        let options = Options::from_arg_matches(&matches).map_err(from_clap)?;
        let is_chosen_here =
            matches.value_source("result_backend") == Some(ValueSource::CommandLine);
        Self::from_options(options, site::load()?, is_chosen_here)
    }

    fn from_options(
        options: Options,
        mut leptos: LeptosOptions,
        is_result_backend_on_command_line: bool,
    ) -> Result<Self, ConfigError> {
        EnvFilter::try_new(&options.log).map_err(|error| ConfigError::Log(error.to_string()))?;
        let broker = RedisUrl::parse(&options.broker).map_err(|source| ConfigError::Url {
            name: "--broker (CELERY_BROKER_URL)",
            source,
        })?;
        let mut warnings = Vec::new();
        let result_backend = match options.result_backend.as_deref().map(RedisUrl::parse) {
            None | Some(Err(UrlError::Empty)) => None,
            Some(Ok(url)) => Some(url),
            // The variable is Celery's, and Celery knows more result backends
            // than the dashboard; that must not keep it from starting.
            Some(Err(error @ UrlError::UnknownScheme(_))) if !is_result_backend_on_command_line => {
                warnings.push(format!(
                    "results are not read: CELERY_RESULT_BACKEND: {error}"
                ));
                None
            }
            Some(Err(source)) => {
                return Err(ConfigError::Url {
                    name: "--result-backend (CELERY_RESULT_BACKEND)",
                    source,
                });
            }
        };

        let host = options
            .address
            .filter(|host| !host.is_empty())
            .unwrap_or_else(|| leptos.site_addr.ip().to_string());
        let mut hosts = options.hosts;
        hosts.push(host.clone());
        let port = options.port.unwrap_or_else(|| leptos.site_addr.port());
        let addresses: Vec<SocketAddr> = (host.as_str(), port)
            .to_socket_addrs()
            .map_err(|source| ConfigError::Address { host, source })?
            .collect();
        if let Some(first) = addresses.first() {
            leptos.site_addr = *first;
        }

        let store = store::choose(options.store.as_deref())?;
        let keys = options
            .redact_keys
            .unwrap_or_else(|| DEFAULT_KEYS.map(str::to_owned).into());
        let patterns: Vec<&String> = options
            .redact_patterns
            .iter()
            .filter(|pattern| !pattern.is_empty())
            .collect();
        let redactor = Arc::new(Redactor::new(&keys, &patterns)?);
        let defaults = MonitorConfig::new(broker);
        let keyspace = Keyspace {
            prefix: options.key_prefix.unwrap_or_default(),
            sep: options.sep.unwrap_or(defaults.keyspace.sep),
            priority_steps: options
                .priority_steps
                .unwrap_or(defaults.keyspace.priority_steps),
            event_exchange: options.event_exchange,
            control_exchange: options.control_exchange,
            fanout_prefix: match options.fanout_prefix.as_str() {
                "default" => FanoutPrefix::Default,
                "off" => FanoutPrefix::None,
                "unfilled" => FanoutPrefix::SentinelBeforeKombu54,
                text => FanoutPrefix::Custom(text.to_owned()),
            },
            fanout_patterns: options.fanout_patterns,
            result_prefix: options.result_key_prefix.unwrap_or_default(),
            ..defaults.keyspace
        };
        // Nobody asked for the default: it must keep nobody from starting.
        let is_store_optional = store == Choice::Default;
        let store = match store {
            Choice::None => None,
            Choice::This(store) => Some(store),
            Choice::Default => store::default(&defaults.broker, &keyspace, &mut warnings),
        };
        Ok(Self {
            monitor: MonitorConfig {
                store,
                is_store_optional,
                retention: Retention {
                    tasks: options.retain.0,
                    failures: options.retain_failures.0,
                    rows: options.retain_rows,
                },
                orphan_grace: options.orphan_grace,
                visibility_timeout: options.visibility_timeout,
                redbeat_prefix: options.redbeat_prefix,
                result_stream: match options.result_stream {
                    ResultStream::Auto => result_backend.is_some(),
                    ResultStream::On => true,
                    ResultStream::Off => false,
                },
                sentinel_master: options.sentinel_master,
                result_backend,
                keyspace,
                max_tasks: options.max_tasks,
                max_workers: options.max_workers,
                buffer_bytes: options.buffer_bytes,
                seen_bytes: options.seen_bytes,
                enable_events: options.enable_events,
                poll_interval: options.poll_interval,
                inspect_timeout: options.inspect_timeout,
                redactor,
                hide_args: options.hide_args,
                purge_offline_workers: options.purge_offline_workers.map(Duration::from_secs),
                ..defaults
            },
            leptos,
            addresses,
            is_read_only: options.read_only,
            hosts,
            log: options.log,
            log_format: options.log_format,
            warnings,
        })
    }
}

/// Makes one line of clap's page, without what may be a password.
fn from_clap(error: clap::Error) -> ConfigError {
    let text = error.render().to_string();
    if !error.use_stderr() {
        return ConfigError::Asked(text);
    }
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"))
        .filter(|line| !line.is_empty())
        .collect();
    let line = lines.join("; ");
    ConfigError::CommandLine(mask_login(line.trim_start_matches("error: ")))
}

/// Hides what stands between `://` and `@`.
fn mask_login(line: &str) -> String {
    match (line.find("://"), line.rfind('@')) {
        (Some(start), Some(end)) if start < end => {
            format!("{}://********{}", &line[..start], &line[end..])
        }
        _ => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use monitor::history::StoreConfig;

    fn load(args: &[&str]) -> Result<Config, ConfigError> {
        let args = ["celeriac"].iter().chain(args).map(OsString::from);
        let options = Options::try_parse_from(args).map_err(from_clap)?;
        Config::from_options(options, site::embedded().expect("embedded settings"), true)
    }

    fn line(args: &[&str]) -> String {
        let line = load(args).expect_err("an error").to_string();
        assert!(!line.contains('\n'), "{line:?}");
        line
    }

    #[test]
    fn the_defaults_are_those_of_the_engine_and_of_leptos_toml() {
        let mut config = load(&[]).expect("defaults");
        let Some(StoreConfig::Sqlite(file)) = config.monitor.store.take() else {
            panic!("history is on");
        };
        assert!(file.ends_with("celeriac/localhost-6379-0.db"), "{file:?}");
        assert!(std::mem::take(&mut config.monitor.is_store_optional));
        let named = load(&["--store", "sqlite:///a/b.db"]).expect("a store");
        assert!(!named.monitor.is_store_optional);
        let url = RedisUrl::parse("redis://localhost:6379/0").expect("a URL");
        assert_eq!(
            format!("{:?}", config.monitor),
            format!("{:?}", MonitorConfig::new(url))
        );
        assert_eq!(config.addresses, [SocketAddr::from(([127, 0, 0, 1], 5555))]);
    }

    #[test]
    fn options_reach_the_engine() {
        let config = load(&[
            "--broker=redis://h:7000/3",
            "--result-backend=redis://h:7000/4",
            "--key-prefix=p:",
            "--sep=|",
            "--priority-steps=0,5",
            "--event-exchange=ev",
            "--control-exchange=ctl",
            "--fanout-prefix=off",
            "--fanout-patterns=False",
            "--enable_events=no",
            "--max_tasks=500",
            "--inspect_timeout=250.5",
            "--poll-interval=0.5",
            "--purge-offline-workers=60",
            "--orphan-grace=3",
            "--visibility-timeout=7200",
            "--redbeat-prefix=rb:",
            "--port=1",
        ])
        .expect("a configuration");
        let monitor = config.monitor;
        assert_eq!(
            monitor.keyspace,
            Keyspace {
                prefix: "p:".to_owned(),
                db: 3,
                sep: "|".to_owned(),
                priority_steps: vec![0, 5],
                event_exchange: "ev".to_owned(),
                control_exchange: "ctl".to_owned(),
                fanout_prefix: FanoutPrefix::None,
                fanout_patterns: false,
                ..Keyspace::default()
            }
        );
        assert_eq!(monitor.result_backend.map(|url| url.db), Some(4));
        assert!(!monitor.enable_events);
        assert_eq!(monitor.max_tasks, 500);
        assert_eq!(monitor.inspect_timeout, Duration::from_micros(250_500));
        assert_eq!(monitor.poll_interval, Duration::from_millis(500));
        assert_eq!(monitor.purge_offline_workers, Some(Duration::from_secs(60)));
        assert_eq!(monitor.orphan_grace, Duration::from_secs(3));
        assert_eq!(monitor.visibility_timeout, Some(Duration::from_secs(7200)));
        assert_eq!(monitor.redbeat_prefix, "rb:");
        assert!(monitor.result_stream, "there is a result backend");
        assert_eq!(config.leptos.site_addr.port(), 1);
    }

    #[test]
    fn results_are_listened_to_as_told_or_if_there_is_a_backend() {
        for (args, is_on) in [
            (&[][..], false),
            (&["--result-stream=on"], true),
            (
                &["--result-backend=redis://h", "--result-stream=off"],
                false,
            ),
            (&["--result-backend=redis://h"], true),
        ] {
            let config = load(args).expect("a configuration");
            assert_eq!(config.monitor.result_stream, is_on, "{args:?}");
        }
    }

    #[test]
    fn every_error_is_one_line_that_names_the_option() {
        for (args, part) in [
            (
                &["--broker=amqp://h"][..],
                "--broker (CELERY_BROKER_URL): the scheme amqp://",
            ),
            (
                &["--result-backend=rpc://"],
                "--result-backend (CELERY_RESULT_BACKEND)",
            ),
            (&["--port=x"], "--port"),
            (&["--port=70000"], "70000"),
            (&["--max-tasks=7"], "at least 100"),
            (&["--enable-events=maybe"], "maybe"),
            (&["--poll-interval=-1"], "--poll-interval"),
            (&["--inspect-timeout=nan"], "--inspect-timeout"),
            (&["--log-format=xml"], "[possible values: text, json]"),
            (&["--log=a=b=c"], "--log"),
            (&["--brokr=x"], "'--broker'"),
            (&["--address=no such host"], "no such host"),
        ] {
            let line = line(args);
            assert!(line.contains(part), "{part:?} is not in {line:?}");
        }
    }

    #[test]
    fn no_error_repeats_a_password() {
        for args in [
            &["--broker=redis://:hunter2@h:port"][..],
            &["--broker=redis://u:hunter2@h/x@y"],
            &["--result-backend=ftp://u:hunter2@h"],
            &["redis://u:hunter2@h:6379/0"],
            &["--port=redis://u:hunter2@h"],
        ] {
            let line = line(args);
            assert!(!line.contains("hunter2"), "{line:?}");
        }
    }

    #[test]
    fn a_foreign_result_backend_of_the_environment_is_no_error() {
        let options = Options::try_parse_from(["celeriac", "--result-backend=rpc://"]);
        let leptos = site::embedded().expect("embedded settings");
        let config = Config::from_options(options.expect("options"), leptos, false);
        let config = config.expect("a configuration");
        assert!(config.monitor.result_backend.is_none());
        assert_eq!(config.warnings.len(), 1);
    }
}
