//! The `celeriac` binary.

use anyhow::{Context, Result};
use server::{
    Config, ConfigError, config::LogFormat, log::RedactedLog, serve, shutdown, tool,
    tool::ToolError,
};
use std::{
    io::{self, Write},
    process::ExitCode,
    sync::Arc,
};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    if let Some(tool) = tool::asked_for(std::env::args_os()) {
        return match tool.and_then(tool::run) {
            Ok(()) => ExitCode::SUCCESS,
            Err(ToolError::Asked(text)) => {
                let _ = io::stdout().write_all(text.as_bytes());
                ExitCode::SUCCESS
            }
            Err(error) => fail(&error, error.code()),
        };
    }
    let config = match Config::load(std::env::args_os()) {
        Ok(config) => config,
        Err(ConfigError::Asked(text)) => {
            // Whoever closed the pipe has read enough of the help.
            let _ = io::stdout().write_all(text.as_bytes());
            return ExitCode::SUCCESS;
        }
        Err(error) => return fail(&error, 2),
    };
    match run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&format_args!("{error:#}"), 1),
    }
}

fn fail(error: &dyn std::fmt::Display, code: u8) -> ExitCode {
    // Without standard error there is nobody to tell; the code remains.
    let _ = writeln!(io::stderr(), "celeriac: {error}");
    ExitCode::from(code)
}

fn run(config: Config) -> Result<()> {
    let redactor = Arc::clone(&config.monitor.redactor);
    let log = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_new(&config.log).context("failed to read --log")?)
        .with_writer(move || RedactedLog::new(io::stderr(), Arc::clone(&redactor)));
    match config.log_format {
        LogFormat::Text => log
            .with_ansi(io::IsTerminal::is_terminal(&io::stderr()))
            .init(),
        LogFormat::Json => log.json().init(),
    }
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("failed to start the runtime")?
        .block_on(async {
            let stop = shutdown::on_signal().context("failed to listen for signals")?;
            serve(config, stop).await.map_err(Into::into)
        })
}
