//! What is known of bulks: how far they are, and what came of each task.

use crate::clock;
use model::{
    BulkAct, BulkId, BulkProgress, BulkResult, Caller, Outcome, OutcomeStatus, TaskId, Timestamp,
};
use parking_lot::Mutex;
use std::{
    borrow::Cow,
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Bulks kept.
const MAX_BULKS: usize = 20;

/// Results kept of all of them; beyond, the oldest that have ended are forgotten.
const MAX_RESULTS: u64 = 200_000;

/// The bulks of this process. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Bulks {
    known: Arc<Mutex<Known>>,
    cancel: CancellationToken,
    tracker: TaskTracker,
}

#[derive(Debug, Default)]
struct Known {
    last: u64,
    bulks: VecDeque<Arc<Bulk>>,
}

impl Bulks {
    /// Bulks that end when `cancel` says so, and are waited for by `tracker`.
    pub(crate) fn new(cancel: CancellationToken, tracker: TaskTracker) -> Self {
        Self {
            known: Arc::default(),
            cancel,
            tracker,
        }
    }

    /// Makes a bulk.
    pub(super) fn begin(&self, act: BulkAct, caller: &Caller, total: u64) -> Arc<Bulk> {
        let mut known = self.known.lock();
        known.last += 1;
        let bulk = Arc::new(Bulk {
            id: BulkId(known.last),
            act,
            by: caller.name.clone(),
            started: clock::now(),
            total,
            stop: self.cancel.child_token(),
            was_told: AtomicBool::new(false),
            ended: CancellationToken::new(),
            standing: Mutex::default(),
        });
        known.bulks.push_back(Arc::clone(&bulk));
        known.make_room();
        bulk
    }

    /// Runs a bulk in the background.
    pub(in crate::control) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.tracker.spawn(work);
    }

    /// Returns all that are still known, oldest first.
    pub(in crate::control) fn all(&self) -> Vec<Arc<Bulk>> {
        self.known.lock().bulks.iter().cloned().collect()
    }

    /// Returns a bulk that is still known.
    pub(in crate::control) fn get(&self, id: BulkId) -> Option<Arc<Bulk>> {
        let known = self.known.lock();
        known.bulks.iter().find(|bulk| bulk.id == id).cloned()
    }
}

impl Known {
    fn make_room(&mut self) {
        loop {
            let results: u64 = self.bulks.iter().map(|bulk| bulk.total).sum();
            if self.bulks.len() <= MAX_BULKS && results <= MAX_RESULTS {
                return;
            }
            let ended = self.bulks.iter().position(|bulk| bulk.has_ended());
            let Some(oldest) = ended else { return };
            self.bulks.remove(oldest);
        }
    }
}

/// What came of one task.
#[derive(Clone, Debug)]
pub(super) struct Done {
    task: TaskId,
    end: End,
    text: Cow<'static, str>,
    new: Option<TaskId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Ok,
    Skipped,
    Failed,
}

impl Done {
    pub(super) fn ok(
        task: TaskId,
        text: impl Into<Cow<'static, str>>,
        new: Option<TaskId>,
    ) -> Self {
        Self {
            task,
            end: End::Ok,
            text: text.into(),
            new,
        }
    }

    pub(super) fn skipped(task: TaskId, text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            task,
            end: End::Skipped,
            text: text.into(),
            new: None,
        }
    }

    pub(super) fn failed(
        task: TaskId,
        text: impl Into<Cow<'static, str>>,
        new: Option<TaskId>,
    ) -> Self {
        Self {
            task,
            end: End::Failed,
            text: text.into(),
            new,
        }
    }
}

/// One bulk.
#[derive(Debug)]
pub(crate) struct Bulk {
    id: BulkId,
    act: BulkAct,
    by: String,
    started: Timestamp,
    total: u64,
    stop: CancellationToken,
    /// Whether somebody stopped it; the end of the process stops it too.
    was_told: AtomicBool,
    /// Cancelled when it has ended, which wakes who waits for that.
    ended: CancellationToken,
    standing: Mutex<Standing>,
}

#[derive(Debug, Default)]
struct Standing {
    results: Vec<Done>,
    done: u64,
    skipped: u64,
    failed: u64,
    finished: Option<Timestamp>,
    problem: Option<String>,
}

impl Bulk {
    pub(super) fn id(&self) -> BulkId {
        self.id
    }

    pub(super) fn act(&self) -> &BulkAct {
        &self.act
    }

    /// Writes down what came of some tasks.
    pub(super) fn note(&self, results: Vec<Done>) {
        let mut standing = self.standing.lock();
        for result in &results {
            match result.end {
                End::Ok => standing.done += 1,
                End::Skipped => standing.skipped += 1,
                End::Failed => standing.failed += 1,
            }
        }
        standing.results.extend(results);
    }

    /// Writes down why it ends early.
    pub(super) fn fail(&self, problem: String) {
        self.standing.lock().problem = Some(problem);
    }

    /// Tells it to stop; `false` if it has ended.
    pub(super) fn stop(&self) -> bool {
        if self.has_ended() {
            return false;
        }
        self.was_told.store(true, Ordering::Relaxed);
        self.stop.cancel();
        true
    }

    /// Tells whether nothing more is to be begun.
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Writes down that it has ended.
    pub(super) fn end(&self) {
        let mut standing = self.standing.lock();
        standing.finished = Some(clock::now());
        let left = self.total.saturating_sub(standing.results.len() as u64);
        if self.is_stopped() && !self.was_told.load(Ordering::Relaxed) && left > 0 {
            standing.problem = Some("The dashboard was shut down.".to_owned());
        }
        if let Some(problem) = &mut standing.problem {
            let problem_text = problem.trim_end_matches('.');
            *problem = format!("{problem_text}. {left} tasks were left alone.");
        }
        tracing::info!(
            bulk = self.id.0,
            total = self.total,
            done = standing.done,
            skipped = standing.skipped,
            failed = standing.failed,
            left,
            "a bulk has ended"
        );
        self.ended.cancel();
    }

    /// Waits for its end and tells what came of it, for the audit log.
    pub(in crate::control) async fn outcome(&self) -> Outcome {
        self.ended.cancelled().await;
        let standing = self.standing.lock();
        let left = self.total.saturating_sub(standing.results.len() as u64);
        let word = match &self.act {
            BulkAct::Revoke => "Revoked",
            BulkAct::Terminate { .. } => "Terminated",
            BulkAct::Retry { .. } => "Retried",
        };
        let mut message = format!("{word} {} of {} tasks", standing.done, self.total);
        for (count, what) in [
            (standing.skipped, "passed over"),
            (standing.failed, "failed"),
            (left, "left alone"),
        ] {
            if count > 0 {
                message.push_str(&format!(", {count} {what}"));
            }
        }
        message.push('.');
        if let Some(problem) = &standing.problem {
            message = format!("{message} {problem}");
        }
        let status = match standing.done {
            0 if self.total > 0 => OutcomeStatus::Refused,
            done if done < self.total => OutcomeStatus::Partial,
            _ => OutcomeStatus::Done,
        };
        Outcome {
            status,
            bulk: Some(self.id),
            count: Some(standing.done),
            ..Outcome::done(message)
        }
    }

    fn has_ended(&self) -> bool {
        self.standing.lock().finished.is_some()
    }

    /// Tells how far it is, with at most `results` results.
    pub(super) fn progress(&self, results: usize) -> BulkProgress {
        let standing = self.standing.lock();
        let of = |end: End| standing.results.iter().filter(move |done| done.end == end);
        let shown = of(End::Failed).chain(of(End::Skipped)).chain(of(End::Ok));
        let is_over = standing.finished.is_some();
        let left = self.total.saturating_sub(standing.results.len() as u64);
        BulkProgress {
            id: self.id,
            act: self.act.clone(),
            by: self.by.clone(),
            started: self.started,
            finished: standing.finished,
            total: self.total,
            done: standing.done,
            skipped: standing.skipped,
            failed: standing.failed,
            // One that was told when it had nothing left to do is complete.
            is_stopped: self.was_told.load(Ordering::Relaxed) && !(is_over && left == 0),
            problem: standing.problem.clone(),
            results: shown
                .take(results)
                .map(|done| BulkResult {
                    task: done.task.clone(),
                    is_ok: done.end == End::Ok,
                    text: done.text.clone().into_owned(),
                    new: done.new.clone(),
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Door, Role};

    fn bulks() -> Bulks {
        Bulks::new(CancellationToken::new(), TaskTracker::new())
    }

    fn begin(bulks: &Bulks, total: u64) -> Arc<Bulk> {
        let caller = Caller {
            name: "ann".to_owned(),
            role: Role::Operator,
            from: None,
            door: Door::Page,
        };
        bulks.begin(BulkAct::Revoke, &caller, total)
    }

    #[test]
    fn failures_are_told_first_and_counts_add_up() {
        let bulks = bulks();
        let bulk = begin(&bulks, 5);
        bulk.note(vec![
            Done::ok("a".into(), "Done.", Some("b".into())),
            Done::skipped("c".into(), "It is SUCCESS."),
            Done::failed("d".into(), "No.", None),
        ]);
        assert!(bulk.stop());
        bulk.end();
        assert!(!bulk.stop(), "it has ended");
        let told = bulk.progress(2);
        let ids: Vec<_> = told.results.iter().map(|r| r.task.as_str()).collect();
        assert_eq!(ids, ["d", "c"]);
        assert_eq!((told.done, told.skipped, told.failed), (1, 1, 1));
        assert!(told.is_stopped && told.finished.is_some() && told.problem.is_none());
        assert_eq!(bulk.progress(9).results[2].new, Some("b".into()));
    }

    #[test]
    fn the_end_of_the_process_is_a_problem_that_is_told() {
        let bulks = bulks();
        let bulk = begin(&bulks, 5);
        bulks.cancel.cancel();
        assert!(bulk.is_stopped());
        bulk.end();
        let told = bulk.progress(0);
        assert!(!told.is_stopped);
        let problem = told.problem.expect("it was cut short");
        assert!(problem.contains("5 tasks were left alone"), "{problem}");
    }

    #[test]
    fn old_bulks_make_room_and_running_ones_stay() {
        let bulks = bulks();
        let running = begin(&bulks, 100_000);
        for _ in 0..30 {
            begin(&bulks, 1).end();
        }
        assert_eq!(bulks.known.lock().bulks.len(), MAX_BULKS);
        assert!(bulks.get(running.id()).is_some());
        assert!(bulks.get(BulkId(2)).is_none());
        begin(&bulks, 100_000).end();
        let kept: u64 = bulks.known.lock().bulks.iter().map(|b| b.total).sum();
        assert!(kept <= MAX_RESULTS, "{kept}");
        assert!(bulks.get(running.id()).is_some());
    }
}
