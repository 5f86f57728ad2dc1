//! What announced results tell that events did not.
//!
//! An event usually tells the same, a moment later. So an announcement is held
//! back, and only what is still open after that becomes a fact.

use super::{BATCH, facts};
use crate::{
    broker::announcements::{Announcement, Announcements},
    cell::StateReader,
    clock,
    intake::Intake,
    state::{Input, tasks::repair::Fact},
};
use model::TaskId;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long events are waited for, seconds.
const GRACE_SECONDS: f64 = 2.0;

const INTERVAL: Duration = Duration::from_millis(500);

/// Announcements compared with the state under one lock.
const AT_ONCE: usize = 500;

/// Turns announcements into facts.
pub(crate) struct Listening {
    pub(crate) announcements: Announcements,
    pub(crate) intake: Intake,
    pub(crate) reader: StateReader,
}

impl Listening {
    /// Runs until cancelled.
    pub(crate) async fn run(self, cancel: CancellationToken) {
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                _ = ticks.tick() => {}
            }
            let until = clock::now().plus_seconds(-GRACE_SECONDS);
            loop {
                let due = self.announcements.take_until(until, AT_ONCE);
                if due.is_empty() {
                    break;
                }
                // Events that came before them may still wait to be applied.
                self.intake.drained().await;
                self.tell(due);
            }
        }
    }

    fn tell(&self, due: Vec<Announcement>) {
        let ids: Vec<TaskId> = due.iter().map(|one| one.id.clone()).collect();
        let unsettled = self.reader.read().unsettled(&ids);
        let mut facts: Vec<Fact> = due
            .into_iter()
            .zip(unsettled)
            .filter(|(_, is_unsettled)| *is_unsettled)
            .filter_map(|(announcement, _)| fact(announcement))
            .collect();
        while !facts.is_empty() {
            let rest = facts.split_off(facts.len().min(BATCH));
            self.intake.push_input(Input::Facts(facts));
            facts = rest;
        }
    }
}

fn fact(announcement: Announcement) -> Option<Fact> {
    let heard = Some(announcement.heard);
    let Announcement {
        id,
        document,
        bytes,
        ..
    } = announcement;
    if document.len() < bytes {
        return facts::large_result(id, &document, bytes as u64, heard, clock::now());
    }
    match protocol::decode_result(&document) {
        Ok(result) => facts::result(id, result, heard),
        Err(error) => {
            tracing::debug!(task.id = %id, %error, "skipped an announced result");
            None
        }
    }
}
