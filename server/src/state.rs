//! What every handler can reach.

use crate::{Access, assets::Assets};
use axum::extract::FromRef;
use leptos::config::LeptosOptions;
use monitor::Monitor;
use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Exports at a time: each may hold what it found of a million rows.
const MAX_EXPORTS: usize = 4;

/// The process as handlers see it.
#[derive(Clone)]
pub struct AppState {
    /// The engine.
    pub monitor: Monitor,
    /// Who may do what.
    pub access: Access,
    /// What pages need to know about their scripts and styles.
    pub options: LeptosOptions,
    /// Files for browsers.
    pub assets: Arc<Assets>,
    /// Cancelled when the process is to end.
    pub stop: CancellationToken,
    /// The right to one of the exports at a time.
    pub exports: Arc<Semaphore>,
    /// When the process started, seconds since the epoch.
    pub started_seconds: f64,
}

impl AppState {
    /// Puts the parts together; pages will ask for scripts and styles under
    /// an address that holds the hash of their content.
    pub fn new(
        monitor: Monitor,
        access: Access,
        mut options: LeptosOptions,
        assets: Assets,
        stop: CancellationToken,
    ) -> Self {
        let folder = options.site_pkg_dir.trim_matches('/');
        options.site_pkg_dir = format!("{folder}/{}", assets.hash()).into();
        Self {
            monitor,
            access,
            options,
            assets: Arc::new(assets),
            stop,
            exports: Arc::new(Semaphore::new(MAX_EXPORTS)),
            started_seconds: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0.0, |since| since.as_secs_f64()),
        }
    }
}

impl AppState {
    /// Returns the first part of the bundle's addresses, `pkg` by default.
    pub(crate) fn bundle_folder(&self) -> &str {
        let address = &*self.options.site_pkg_dir;
        address
            .rsplit_once('/')
            .map_or(address, |(folder, _)| folder)
    }
}

impl FromRef<AppState> for LeptosOptions {
    fn from_ref(state: &AppState) -> Self {
        state.options.clone()
    }
}

impl FromRef<AppState> for Arc<Assets> {
    fn from_ref(state: &AppState) -> Self {
        state.assets.clone()
    }
}
