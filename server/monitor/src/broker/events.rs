//! The event reader: a thread that only reads the socket and copies payloads.
//!
//! Redis drops a subscriber that lags by 32 MB, which is some 30 ms of full
//! speed, so nothing here decodes, locks the state or waits.

use super::connect::Target;
use crate::{clock, error::BrokerError, intake::Intake, state::Input};
use model::Timestamp;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// How long the socket may be silent before it is probed. kombu probes at 25 s.
const PROBE_AFTER: Duration = Duration::from_secs(5);

const FIRST_BACKOFF: Duration = Duration::from_millis(250);
const LAST_BACKOFF: Duration = Duration::from_secs(5);

/// Reads events until told to stop.
pub(crate) struct EventReader {
    pub(crate) target: Target,
    pub(crate) patterns: Vec<String>,
    pub(crate) intake: Intake,
    pub(crate) stop: Arc<AtomicBool>,
}

impl EventReader {
    /// Connects, reads, and connects again, with backoff.
    pub(crate) fn run(&self) {
        let mut backoff = FIRST_BACKOFF;
        let mut last_message = clock::now();
        while !self.is_stopped() {
            let mut was_up = false;
            let result = self.read(&mut last_message, &mut was_up);
            if was_up {
                backoff = FIRST_BACKOFF;
            }
            let Err(error) = result else { return };
            let cause = error.chain();
            tracing::warn!(cause, retry_seconds = backoff.as_secs_f64(), "no events");
            self.intake.push_input(Input::Disconnected {
                cause,
                was_refused: error.is_refusal(),
                last_message,
                next_try: clock::now().plus_seconds(backoff.as_secs_f64()),
            });
            self.pause(backoff);
            backoff = (backoff * 2).min(LAST_BACKOFF);
        }
    }

    fn read(&self, last_message: &mut Timestamp, was_up: &mut bool) -> Result<(), BrokerError> {
        let mut connection = self.target.connect_blocking()?;
        connection
            .set_read_timeout(Some(PROBE_AFTER))
            .map_err(BrokerError::Subscribe)?;
        let mut subscription = connection.as_pubsub();
        let mut refused = None;
        let mut subscribed = 0;
        for pattern in &self.patterns {
            match subscription.psubscribe(pattern) {
                Ok(()) => subscribed += 1,
                // An access list may allow one spelling of the channel only;
                // the other is used with unusual transport options alone.
                Err(error) if error.code() == Some("NOPERM") => refused = Some(error),
                Err(error) => return Err(BrokerError::Subscribe(error)),
            }
        }
        if let Some(error) = refused {
            if subscribed == 0 {
                return Err(BrokerError::Subscribe(error));
            }
            tracing::debug!(%error, "one of the channel patterns is not allowed");
        }
        *was_up = true;
        *last_message = clock::now();
        tracing::info!(patterns = ?self.patterns, "subscribed to events");
        self.intake.push_input(Input::Connected);
        while !self.is_stopped() {
            match subscription.get_message() {
                Ok(message) => {
                    self.intake.push_message(message.get_payload_bytes());
                    *last_message = clock::now();
                }
                // Silence may be a quiet cluster or a link that is cut: a PING
                // on this very connection tells (RESP2 allows it while subscribed).
                Err(error) if error.is_timeout() => {
                    let _: redis::Value = subscription.ping().map_err(BrokerError::Lost)?;
                }
                Err(error) => return Err(BrokerError::Lost(error)),
            }
        }
        Ok(())
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Waits, but not past a stop.
    fn pause(&self, length: Duration) {
        const STEP: Duration = Duration::from_millis(50);
        let mut left = length;
        while !left.is_zero() && !self.is_stopped() {
            let step = left.min(STEP);
            std::thread::sleep(step);
            left -= step;
        }
    }
}
