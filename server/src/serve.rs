//! The life of the process: listen, start the engine, answer, end in time.

use crate::{Access, AppState, Config, assets::Assets, router};
use std::{io, net::SocketAddr, time::Duration};
use tokio::{net::TcpListener, time::timeout};
use tokio_util::sync::CancellationToken;

/// How long requests may go on once the process is to end.
const GRACE: Duration = Duration::from_millis(1_000);
/// How long the engine may take to end after that.
const ENGINE_GRACE: Duration = Duration::from_millis(700);

/// Why the process cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken or forbidden.
    #[error("failed to listen on {address}")]
    Listen {
        /// The address.
        address: String,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The engine did not start.
    #[error("failed to start the engine")]
    Start(#[source] monitor::StartError),
    /// The listener broke.
    #[error("failed to serve")]
    Serve(#[source] io::Error),
}

/// Runs the dashboard until `stop` is cancelled.
pub async fn serve(config: Config, stop: CancellationToken) -> Result<(), ServeError> {
    // Listen first: two dashboards on one port must not both ask the workers.
    let listener = TcpListener::bind(&config.addresses[..])
        .await
        .map_err(|source| ServeError::Listen {
            address: listed(&config.addresses),
            source,
        })?;
    let address = listener.local_addr().map_err(ServeError::Serve)?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let engine = monitor::Monitor::start(config.monitor).map_err(ServeError::Start)?;
    let assets = Assets::load();
    if !assets.has_bundle() {
        tracing::warn!(
            "this binary holds no browser bundle: pages are shown but do not change by themselves; \
             run `cargo run -p bundle` and build again"
        );
    }
    let access =
        Access::new(config.is_read_only, address.ip().is_loopback()).with_hosts(&config.hosts);
    let state = AppState::new(engine.clone(), access, config.leptos, assets, stop.clone());
    tracing::info!(url = %format_args!("http://{address}"), "listening");

    let app = router(state).into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, app)
        .with_graceful_shutdown(stop.clone().cancelled_owned())
        .into_future();
    let overdue = async {
        stop.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    let result = tokio::select! {
        result = server => result.map_err(ServeError::Serve),
        () = overdue => {
            tracing::info!("some requests were cut off");
            Ok(())
        }
    };
    if timeout(ENGINE_GRACE, engine.shutdown()).await.is_err() {
        tracing::warn!("the engine did not end in time");
    }
    result
}

fn listed(addresses: &[SocketAddr]) -> String {
    let addresses: Vec<String> = addresses.iter().map(SocketAddr::to_string).collect();
    addresses.join(" or ")
}
