//! The only writer of the state: a thread that takes what the reader queued,
//! decodes it straight into the state and tells whoever watches.

use crate::{cell::StateWriter, clock, intake::Intake, state::workers::Errands};
use protocol::Scratch;
use std::{
    collections::HashSet,
    time::{Duration, Instant},
};
use tokio::sync::mpsc;

/// Watchers are told at most this often.
const PUBLISH_INTERVAL: Duration = Duration::from_millis(100);

/// How often time is let pass in the state.
const TICK_INTERVAL: Duration = Duration::from_millis(500);

/// Longest stretch for which readers are kept waiting.
const MAX_HOLD: Duration = Duration::from_micros(500);

/// Runs until the intake is closed and empty.
pub(crate) fn run(
    mut writer: StateWriter,
    intake: &Intake,
    errands: &mpsc::UnboundedSender<Errands>,
) {
    let mut scratch = Scratch::default();
    let mut logged = HashSet::new();
    let mut last_publish = Instant::now();
    let mut last_tick = Instant::now();
    let mut is_dirty = false;
    loop {
        let wait = if is_dirty {
            PUBLISH_INTERVAL.saturating_sub(last_publish.elapsed())
        } else {
            TICK_INTERVAL.saturating_sub(last_tick.elapsed())
        };
        let batch = intake.take(Intake::deadline(wait));
        if batch.is_closed {
            return;
        }
        if let Some(chunk) = batch.chunk {
            let mut messages = chunk.messages().peekable();
            while messages.peek().is_some() {
                let now = clock::now();
                let held_since = Instant::now();
                let mut state = writer.write();
                while held_since.elapsed() < MAX_HOLD {
                    let Some(message) = messages.next() else {
                        break;
                    };
                    let decoded = state.apply_message(message, &mut scratch, now);
                    if let Some(error) = decoded.error()
                        && logged.insert(std::mem::discriminant(&error.kind))
                    {
                        tracing::warn!(%error, "skipped an event that cannot be read");
                    }
                }
            }
            drop(messages);
            intake.recycle(chunk);
            is_dirty = true;
        }
        if batch.dropped > 0 {
            tracing::warn!(
                messages = batch.dropped,
                "dropped messages: events came faster than they could be applied"
            );
            writer.write().count_dropped(batch.dropped, clock::now());
            is_dirty = true;
        }
        for input in batch.inputs {
            writer.write().apply_input(input, clock::now());
            is_dirty = true;
        }
        for waiting in batch.drained {
            // Whoever waited may have given up.
            waiting.send(()).unwrap_or_default();
        }
        if last_tick.elapsed() >= TICK_INTERVAL {
            last_tick = Instant::now();
            let found = writer.write().tick(clock::now());
            // Nobody left to run errands means the engine is shutting down.
            if !found.is_empty() && errands.send(found).is_err() {
                tracing::debug!("nobody runs errands any more");
            }
            is_dirty = true;
        }
        if is_dirty && last_publish.elapsed() >= PUBLISH_INTERVAL {
            last_publish = Instant::now();
            is_dirty = false;
            writer.publish();
        }
    }
}
