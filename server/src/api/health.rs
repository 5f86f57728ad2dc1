//! `GET /healthcheck`.

use crate::error::FlowerError;
use crate::request::Seen;
use model::{BrokerState, Pulse};

/// Answers `OK` while events arrive, else one line that says what is wrong.
///
/// Flower answers `OK` whatever happens (`flower/views/monitor.py`,
/// `Healthcheck`); a check that cannot fail would help nobody.
pub(crate) async fn check(Seen(monitor): Seen) -> Result<&'static str, FlowerError> {
    match trouble(&monitor.pulse()) {
        None => Ok("OK"),
        Some(trouble) => Err(FlowerError::unavailable(trouble)),
    }
}

/// Says why the broker cannot be asked, if it cannot.
pub(crate) fn trouble(pulse: &Pulse) -> Option<String> {
    match &pulse.broker {
        BrokerState::Up { .. } => None,
        BrokerState::Connecting { .. } => Some(format!(
            "No connection to the broker {} yet",
            pulse.broker_url
        )),
        BrokerState::Down { cause, .. } => Some(format!(
            "No connection to the broker {}: {cause}",
            pulse.broker_url
        )),
    }
}
