//! Doing the same with many tasks: in the background, in batches, told apart
//! task by task, and to be stopped at any time.

mod ledger;

pub(crate) use ledger::Bulks;

use super::{Control, retry::Ready, tasks};
use crate::{
    broker::sender::{Outgoing, Sender, Unsent},
    cell::Haste,
    state::Input,
};
use ledger::{Bulk, Done};
use model::{
    ArgumentSource, BulkAct, BulkCount, BulkId, BulkProgress, BulkTarget, Caller, Command,
    CommandKind, ErrorKind, MAX_BULK_TASKS, Outcome, QueueName, SearchExpression, Signal,
    TaskDetail, TaskId, TaskQuery, TaskState, WireError,
};
use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

/// Tasks looked into at once.
const BATCH: usize = 500;

/// Messages sent at once: between two of these a bulk can be stopped.
const SEND_AT_ONCE: usize = 200;

/// Bytes of messages after which a turn is sent, so that it gets through in time.
const TURN_BYTES: usize = 1 << 20;

/// Tasks copied under one lock.
const DETAILS_AT_ONCE: usize = 100;

/// A task, what repeats it, and what is said of that.
type Turn = (TaskId, Ready, &'static str);

impl Control {
    pub(super) async fn run_bulk(
        &self,
        caller: &Caller,
        command: Command,
    ) -> Result<Outcome, WireError> {
        match command {
            Command::Bulk {
                act,
                tasks,
                expected,
            } => self.begin_bulk(caller, act, tasks, expected).await,
            Command::StopBulk { bulk } => self.stop_bulk(bulk),
            other => Err(super::misplaced(&other)),
        }
    }

    /// Counts the tasks of a target.
    pub(crate) fn bulk_count(&self, target: &BulkTarget) -> Result<BulkCount, WireError> {
        let states = match target {
            BulkTarget::Tasks(ids) => {
                let mut states: BTreeMap<TaskState, u64> = BTreeMap::new();
                let unique: HashSet<&TaskId> = ids.iter().collect();
                for ids in unique
                    .into_iter()
                    .collect::<Vec<_>>()
                    .chunks(DETAILS_AT_ONCE)
                {
                    let state = self.parts.reader.read();
                    for id in ids {
                        // A task that is not known here cannot be counted by state.
                        if let Some(task) = state.task_alone(id) {
                            *states.entry(task.summary.state).or_default() += 1;
                        }
                    }
                }
                states.into_iter().collect()
            }
            BulkTarget::Query(query) => {
                let (query, search) = whole(query)?;
                let page = self.parts.reader.task_page(&query, &search, Haste::Now);
                let is_wanted =
                    |state: &TaskState| query.states.is_empty() || query.states.contains(state);
                let states = page.states.into_iter();
                states
                    .filter(|(state, count)| *count > 0 && is_wanted(state))
                    .collect()
            }
        };
        Ok(count(states))
    }

    /// Tells how far all bulks are, oldest first, without what came of each task.
    pub(crate) fn bulks(&self) -> Vec<BulkProgress> {
        let all = self.parts.bulks.all();
        all.iter().map(|bulk| bulk.progress(0)).collect()
    }

    /// Tells how far a bulk is.
    pub(crate) fn bulk(&self, id: BulkId, results: usize) -> Option<BulkProgress> {
        Some(self.parts.bulks.get(id)?.progress(results))
    }

    /// Returns the bulk that a command has begun.
    pub(super) fn bulk_begun(&self, kind: CommandKind, outcome: &Outcome) -> Option<Arc<Bulk>> {
        if kind != CommandKind::Bulk {
            return None;
        }
        self.parts.bulks.get(outcome.bulk?)
    }

    fn stop_bulk(&self, id: BulkId) -> Result<Outcome, WireError> {
        let bulk = self.parts.bulks.get(id).ok_or_else(|| {
            WireError::new(ErrorKind::NotFound, format!("No bulk {id} is known here."))
        })?;
        if !bulk.stop() {
            let message = format!("Bulk {id} has ended already.");
            return Err(WireError::new(ErrorKind::Conflict, message));
        }
        Ok(Outcome {
            bulk: Some(id),
            ..Outcome::done(format!("Bulk {id} stops; what is done stays done."))
        })
    }

    async fn begin_bulk(
        &self,
        caller: &Caller,
        act: BulkAct,
        target: BulkTarget,
        expected: Option<u64>,
    ) -> Result<Outcome, WireError> {
        let conflict = |message: String| Err(WireError::new(ErrorKind::Conflict, message));
        let (ids, total) = self.resolve(target).await?;
        if total == 0 {
            return conflict("No task matches.".to_owned());
        }
        if total > MAX_BULK_TASKS {
            return conflict(format!(
                "{total} tasks match; one bulk is for at most {MAX_BULK_TASKS}."
            ));
        }
        if let Some(expected) = expected.filter(|expected| *expected < total) {
            return conflict(format!(
                "{total} tasks match by now, not {expected}. Nothing was done."
            ));
        }
        let message = match &act {
            BulkAct::Revoke => format!("Revoking {total} tasks."),
            BulkAct::Terminate { .. } => format!("Terminating {total} tasks."),
            BulkAct::Retry { .. } => format!("Retrying {total} tasks."),
        };
        let bulk = self.parts.bulks.begin(act, caller, total);
        let id = bulk.id();
        let control = self.clone();
        self.parts.bulks.spawn(async move {
            control.carry_out(&bulk, ids).await;
            bulk.end();
        });
        Ok(Outcome {
            bulk: Some(id),
            count: Some(total),
            ..Outcome::done(message)
        })
    }

    /// Returns the tasks of a target, the oldest first, and how many they are.
    async fn resolve(&self, target: BulkTarget) -> Result<(Vec<TaskId>, u64), WireError> {
        let query = match target {
            BulkTarget::Tasks(ids) => {
                let mut known = HashSet::new();
                let ids: Vec<TaskId> = ids
                    .into_iter()
                    .filter(|id| known.insert(id.clone()))
                    .collect();
                let total = ids.len() as u64;
                return Ok((ids, total));
            }
            BulkTarget::Query(query) => query,
        };
        let (query, search) = whole(&query)?;
        let reader = self.parts.reader.clone();
        let most = usize::try_from(MAX_BULK_TASKS).unwrap_or(usize::MAX);
        // A search over everything may take a while.
        let found =
            tokio::task::spawn_blocking(move || reader.task_ids(&query, &search, most)).await;
        let (mut ids, total) = found.map_err(|error| {
            WireError::new(
                ErrorKind::Internal,
                format!("the search broke off: {error}"),
            )
        })?;
        ids.reverse();
        Ok((ids, total))
    }

    async fn carry_out(&self, bulk: &Arc<Bulk>, ids: Vec<TaskId>) {
        match bulk.act().clone() {
            BulkAct::Retry { worst, queue } => {
                self.retry_all(bulk, &ids, worst, queue.as_ref()).await;
            }
            BulkAct::Revoke => self.revoke_all(bulk, &ids, None).await,
            BulkAct::Terminate { signal } => self.revoke_all(bulk, &ids, Some(signal)).await,
        }
    }

    /// Revokes what has not started; with a signal, ends what runs instead.
    async fn revoke_all(&self, bulk: &Bulk, ids: &[TaskId], signal: Option<Signal>) {
        let applies = |task: &TaskDetail| {
            let state = &task.summary.state;
            let applies = match signal {
                Some(_) => state.is_running(),
                None => may_revoke(state),
            };
            applies.then_some(()).ok_or_else(|| it_is(state))
        };
        for ids in ids.chunks(BATCH) {
            if bulk.is_stopped() {
                return;
            }
            let (tasks, skipped) = self.sort_out(ids, &applies);
            bulk.note(skipped);
            let tasks: Vec<TaskId> = tasks.into_iter().map(|task| task.summary.id).collect();
            if tasks.is_empty() {
                continue;
            }
            match self.revoke(&tasks, signal).await {
                Ok(outcome) => bulk.note(revoked(tasks, &outcome, signal)),
                Err(error) => {
                    bulk.fail(error.message);
                    return;
                }
            }
        }
    }

    async fn retry_all(
        &self,
        bulk: &Bulk,
        ids: &[TaskId],
        worst: Option<ArgumentSource>,
        queue: Option<&QueueName>,
    ) {
        // One look at the queues for all of them.
        let mut messages = self.find_messages(ids).await;
        if let Some(problem) = messages.messages_problem.take() {
            bulk.fail(problem);
            return;
        }
        let sender = self.parts.outbox.sender.another();
        for ids in ids.chunks(BATCH) {
            if bulk.is_stopped() {
                return;
            }
            let (tasks, skipped) = self.sort_out(ids, &may_repeat);
            bulk.note(skipped);
            let made = self.make_retries(&tasks, &mut messages, worst, queue).await;
            let made = match made {
                Ok(made) => made,
                Err(problem) => {
                    bulk.fail(problem);
                    return;
                }
            };
            let mut ready = Vec::with_capacity(made.len());
            let mut failed = Vec::new();
            for (task, made) in tasks.into_iter().zip(made) {
                match made {
                    Ok((message, source)) => {
                        ready.push((task.summary.id, message, how(source)));
                    }
                    Err(reason) => failed.push(Done::failed(task.summary.id, reason, None)),
                }
            }
            bulk.note(failed);
            let mut ready = ready.into_iter().peekable();
            while ready.peek().is_some() {
                if bulk.is_stopped() {
                    return;
                }
                let mut turn: Vec<Turn> = Vec::new();
                let mut bytes = 0;
                while turn.len() < SEND_AT_ONCE && bytes < TURN_BYTES {
                    let Some(next) = ready.next() else { break };
                    bytes += next.1.outgoing.message.len();
                    turn.push(next);
                }
                if !self.send_turn(bulk, &sender, turn).await {
                    return;
                }
            }
        }
    }

    /// Sends some messages; `false` if the broker failed, so that nothing more is to be sent.
    async fn send_turn(&self, bulk: &Bulk, sender: &Sender, turn: Vec<Turn>) -> bool {
        let mut outgoing: Vec<Outgoing> = Vec::with_capacity(turn.len());
        let mut pending = Vec::with_capacity(turn.len());
        for (old, ready, how) in turn {
            outgoing.push(ready.outgoing);
            pending.push((old, ready.id, ready.sent, how));
        }
        match sender.push(&outgoing).await {
            Ok(answers) => {
                let mut done = Vec::with_capacity(pending.len());
                let mut sent = Vec::with_capacity(pending.len());
                for ((old, new, news, how), answer) in pending.into_iter().zip(answers) {
                    match answer {
                        Ok(()) => {
                            done.push(Done::ok(old, how, Some(new)));
                            sent.push(news);
                        }
                        Err(refusal) => done.push(Done::failed(old, refusal, None)),
                    }
                }
                self.parts.intake.push_input(Input::Sent(sent));
                bulk.note(done);
                true
            }
            Err(Unsent::Surely(error)) => {
                bulk.fail(error.chain());
                false
            }
            Err(Unsent::Perhaps(error)) => {
                let unclear = "It may have been sent: Redis did not answer.";
                let done = pending
                    .into_iter()
                    .map(|(old, new, ..)| Done::failed(old, unclear, Some(new)));
                bulk.note(done.collect());
                bulk.fail(error.chain());
                false
            }
        }
    }

    /// Returns the tasks to which an act applies as they are now, and what is
    /// said of the others.
    fn sort_out(
        &self,
        ids: &[TaskId],
        applies: &impl Fn(&TaskDetail) -> Result<(), String>,
    ) -> (Vec<TaskDetail>, Vec<Done>) {
        let (mut tasks, mut skipped) = (Vec::with_capacity(ids.len()), Vec::new());
        for ids in ids.chunks(DETAILS_AT_ONCE) {
            let state = self.parts.reader.read();
            for id in ids {
                match state.task_alone(id) {
                    Some(task) => match applies(&task) {
                        Ok(()) => tasks.push(task),
                        Err(reason) => skipped.push(Done::skipped(id.clone(), reason)),
                    },
                    None => skipped.push(Done::skipped(id.clone(), "It is not known here.")),
                }
            }
        }
        (tasks, skipped)
    }
}

/// Tells how a task was sent again.
fn how(source: ArgumentSource) -> &'static str {
    match source {
        ArgumentSource::Message | ArgumentSource::Seen => "Sent again as it was.",
        ArgumentSource::Worker | ArgumentSource::Result => {
            "Sent again with its arguments; what followed it is not known."
        }
        ArgumentSource::Text => "Sent again with arguments read from text.",
    }
}

/// Tells what came of each of some tasks that workers were told to drop or to end.
fn revoked(tasks: Vec<TaskId>, outcome: &Outcome, signal: Option<Signal>) -> Vec<Done> {
    let Some(signal) = signal else {
        // Without a reply it may have been done, but nobody can say so.
        let is_ok = outcome.replies.iter().any(|reply| reply.is_ok);
        let text = match (is_ok, outcome.silent.len()) {
            (false, _) => outcome.message.clone(),
            (true, 0) => "Workers were told to drop it.".to_owned(),
            (true, 1) => "Workers were told to drop it; one did not answer.".to_owned(),
            (true, n) => format!("Workers were told to drop it; {n} did not answer."),
        };
        let done = |task| match is_ok {
            true => Done::ok(task, text.clone(), None),
            false => Done::failed(task, text.clone(), None),
        };
        return tasks.into_iter().map(done).collect();
    };
    let ended = tasks::ended(&outcome.replies);
    let why = match outcome.notes.first() {
        Some(note) => format!("No worker ended it. {note}"),
        None => "No worker ended it.".to_owned(),
    };
    let done = |task: TaskId| match ended.contains(task.as_str()) {
        true => Done::ok(task, format!("It was ended by {}.", signal.as_str()), None),
        false => Done::failed(task, why.clone(), None),
    };
    tasks.into_iter().map(done).collect()
}

fn it_is(state: &TaskState) -> String {
    format!("It is {state}.")
}

/// A task that was sent again already is passed over, so that a bulk that was
/// stopped, or given twice, sends nothing twice.
fn may_repeat(task: &TaskDetail) -> Result<(), String> {
    if let Some(newest) = task.retried_as.last() {
        return Err(format!("It was sent again before, as {newest}."));
    }
    match may_retry(&task.summary.state) {
        true => Ok(()),
        false => Err(it_is(&task.summary.state)),
    }
}

fn may_revoke(state: &TaskState) -> bool {
    matches!(
        state,
        TaskState::Pending | TaskState::Received | TaskState::Retry
    )
}

fn may_retry(state: &TaskState) -> bool {
    super::retry::standing_in_the_way(state).is_none()
}

fn count(states: Vec<(TaskState, u64)>) -> BulkCount {
    let sum = |applies: fn(&TaskState) -> bool| {
        let states = states.iter().filter(|(state, _)| applies(state));
        states.map(|(_, count)| count).sum()
    };
    BulkCount {
        total: sum(|_| true),
        revocable: sum(may_revoke),
        running: sum(TaskState::is_running),
        retriable: sum(may_retry),
        states,
    }
}

/// Returns a query for all that match, wherever its window is, with its search.
/// Its `newest` counts: what was counted with it does not grow by new tasks.
fn whole(query: &TaskQuery) -> Result<(TaskQuery, SearchExpression), WireError> {
    let search = crate::parse_search(query)?;
    let query = TaskQuery {
        offset: 0,
        limit: 0,
        ..query.clone()
    };
    Ok((query, search))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_is_counted_for_what_can_be_done_with_it() {
        let states = TaskState::BUILT_IN
            .into_iter()
            .chain([TaskState::Custom("PROGRESS".into())])
            .enumerate()
            .map(|(place, state)| (state, 1 << place))
            .collect();
        let counted = count(states);
        let of = |states: &[&str]| -> u64 {
            let all = TaskState::BUILT_IN.iter().map(TaskState::as_str);
            let all: Vec<&str> = all.chain(["PROGRESS"]).collect();
            let places = states.iter().map(|name| all.iter().position(|n| n == name));
            places.map(|place| 1 << place.expect("a state")).sum()
        };
        assert_eq!(counted.total, (1 << 11) - 1);
        assert_eq!(counted.revocable, of(&["PENDING", "RECEIVED", "RETRY"]));
        assert_eq!(counted.running, of(&["STARTED", "PROGRESS"]));
        assert_eq!(
            counted.retriable,
            of(&[
                "SUCCESS", "FAILURE", "REVOKED", "REJECTED", "ORPHANED", "UNKNOWN"
            ])
        );
        assert_eq!(
            counted.revocable + counted.running + counted.retriable,
            counted.total,
            "each state is for one act"
        );
    }
}
