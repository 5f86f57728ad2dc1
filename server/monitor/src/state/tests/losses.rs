//! What went unseen is counted to the last task, whatever was dropped where.
//!
//! A small cluster publishes as Celery does: workers gather their task events
//! and publish them together, heartbeats are not gathered and so overtake the
//! events they count. Each keeps its own books; the ledger must come to the
//! same numbers.

use super::{metrics, state};
use crate::{
    intake::{CHUNK_BYTES, Intake, Message},
    state::State,
};
use model::{Timestamp, WorkerName};
use proptest::prelude::*;
use protocol::Scratch;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::time::Instant;

const START: i64 = 1_800_000_000_000_000;

fn at(seconds: f64) -> Timestamp {
    Timestamp(START).plus_seconds(seconds)
}

/// Longest time for which a worker gathers task events, seconds.
const LONGEST_TURN: f64 = 0.3;

/// A message that is published: the events in it.
type Published = Vec<Value>;

/// A worker process that keeps its own books.
struct Worker {
    name: String,
    clock: u64,
    processed: u64,
    /// Task events that were not published yet, and since when.
    gathered: Vec<Value>,
    gathered_since: Option<f64>,
    /// Tasks that run or wait for their retry, oldest first.
    tasks: VecDeque<String>,
}

impl Worker {
    fn new(number: usize) -> Self {
        Self {
            name: format!("worker-{number}@host"),
            clock: 0,
            processed: 0,
            gathered: Vec::new(),
            gathered_since: None,
            tasks: VecDeque::new(),
        }
    }

    fn event(&mut self, kind: &str, seconds: f64, more: Value) -> Value {
        self.clock += 1;
        let mut event = json!({"type": kind, "hostname": self.name, "pid": 7,
            "timestamp": at(seconds).as_seconds(), "clock": self.clock});
        if let (Some(event), Some(more)) = (event.as_object_mut(), more.as_object()) {
            event.extend(more.clone());
        }
        event
    }

    fn task_event(&mut self, kind: &str, id: &str, seconds: f64, more: Value) {
        let mut event = self.event(kind, seconds, more);
        event["uuid"] = id.into();
        self.gathered_since.get_or_insert(seconds);
        self.gathered.push(event);
    }

    fn start(&mut self, id: &str, retries: u32, seconds: f64) {
        let received =
            json!({"name": "shop.mail", "args": "()", "kwargs": "{}", "retries": retries});
        self.task_event("task-received", id, seconds, received);
        self.processed += 1;
        self.task_event("task-started", id, seconds + 0.000_01, json!({}));
        self.tasks.push_back(id.to_owned());
    }

    /// Ends the oldest task; one that is retried starts anew.
    fn end(&mut self, is_retried: bool, seconds: f64) {
        let Some(id) = self.tasks.pop_front() else {
            return;
        };
        if is_retried {
            let retried = json!({"exception": "E()", "traceback": "T"});
            self.task_event("task-retried", &id, seconds, retried);
            self.start(&id, 1, seconds + 0.000_1);
        } else {
            let ended = json!({"result": "None", "runtime": 0.1});
            self.task_event("task-succeeded", &id, seconds, ended);
        }
    }

    /// Publishes a heartbeat, before what is gathered.
    fn beat(&mut self, seconds: f64) -> Published {
        let told = json!({"processed": self.processed, "active": self.tasks.len(), "freq": 2.0});
        vec![self.event("worker-heartbeat", seconds, told)]
    }

    fn flush(&mut self) -> Published {
        self.gathered_since = None;
        std::mem::take(&mut self.gathered)
    }
}

fn starts(message: &Published, worker: &str) -> u64 {
    let is_start = |event: &&Value| event["type"] == "task-started" && event["hostname"] == worker;
    message.iter().filter(is_start).count() as u64
}

fn apply(state: &mut State, message: &Published, seconds: f64) {
    let body = serde_json::to_vec(message).expect("it is JSON");
    let message = Message::Body(&body);
    let decoded = state.apply_message(message, &mut Scratch::default(), at(seconds));
    assert_eq!(decoded.bad, 0);
}

fn missed(state: &State, worker: &Worker) -> u64 {
    let name = WorkerName::new(worker.name.clone());
    state.worker(&name).expect("it is known").0.summary.missed
}

/// Lets three heartbeats of every worker arrive.
fn settle(state: &mut State, workers: &mut [Worker], seconds: f64) {
    for beat in 1..=3 {
        let now = seconds + f64::from(beat) * 2.0;
        for worker in workers.iter_mut() {
            let message = worker.beat(now);
            apply(state, &message, now);
        }
        state.tick(at(now + 0.1));
    }
}

/// Introduces the workers: their events are on, and nothing is missing yet.
fn introduce(state: &mut State, workers: &mut [Worker], seconds: f64) {
    for (number, worker) in workers.iter_mut().enumerate() {
        let message = worker.beat(seconds);
        apply(state, &message, seconds);
        worker.start(&format!("first {number}"), 0, seconds + 0.1);
        apply(state, &worker.flush(), seconds + 0.1);
        let message = worker.beat(seconds + 0.2);
        apply(state, &message, seconds + 0.2);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Start,
    End { is_retried: bool },
    Flush,
    Beat,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Start),
        3 => any::<bool>().prop_map(|is_retried| Step::End { is_retried }),
        3 => Just(Step::Flush),
        1 => Just(Step::Beat),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Messages are dropped in runs at any place, heartbeats among them, while
    /// tasks are retried and forgotten to make room; time may stand still, run
    /// ahead or lag behind the workers' own.
    #[test]
    fn what_was_dropped_is_counted_exactly(
        steps in prop::collection::vec((0usize..3, any_step(), prop::bool::weighted(0.7)), 1..200),
        max_tasks in prop::sample::select(vec![5usize, 40, 1000]),
        (pace, skew) in (0.000_1f64..0.5, -100.0f64..100.0),
    ) {
        let mut state = state(max_tasks);
        let mut workers: Vec<Worker> = (0..3).map(Worker::new).collect();
        introduce(&mut state, &mut workers, 0.0);
        let mut truth = [0u64; 3];
        let mut is_dropping = false;
        let mut seconds = 1.0;
        for (number, (who, step, goes_on)) in steps.into_iter().enumerate() {
            seconds += pace;
            // What is dropped comes in runs.
            is_dropping ^= !goes_on;
            let worker = &mut workers[who];
            let mut messages = Vec::new();
            // What is gathered is published by the next turn of the worker's loop.
            if worker.gathered_since.is_some_and(|since| seconds - since > LONGEST_TURN) {
                messages.push(worker.flush());
            }
            match step {
                Step::Start => worker.start(&format!("task {number}"), 0, seconds),
                Step::End { is_retried } => worker.end(is_retried, seconds),
                Step::Flush => messages.push(worker.flush()),
                Step::Beat => messages.push(worker.beat(seconds)),
            }
            for message in messages {
                if is_dropping {
                    truth[who] += starts(&message, &worker.name);
                    state.count_dropped(1, at(seconds + skew));
                } else {
                    apply(&mut state, &message, seconds + skew);
                }
            }
        }
        for worker in &mut workers {
            let message = worker.flush();
            apply(&mut state, &message, seconds + skew);
        }
        settle(&mut state, &mut workers, seconds + skew.max(0.0));
        let told: Vec<u64> = workers.iter().map(|worker| missed(&state, worker)).collect();
        prop_assert_eq!(&told, &truth);
        // The counter that only grows was never ahead of the truth.
        let counted: u64 = metrics(&state, at(seconds)).missed.values().sum();
        prop_assert_eq!(counted, truth.iter().sum::<u64>());
    }
}

/// A flood that the queue cannot hold, applied as slowly as it goes: `ahead`
/// seconds lie between the workers' time and that of the one who applies.
fn flood(ahead: f64, times: usize) {
    let mut state = state(500);
    let mut workers: Vec<Worker> = (0..4).map(Worker::new).collect();
    introduce(&mut state, &mut workers, 0.0);
    let intake = Intake::new(2 * CHUNK_BYTES);
    let mut truth = 0;
    let mut now = 1.0;
    for _ in 0..times {
        let before: u64 = workers.iter().map(|worker| worker.processed).sum();
        let heard_before = heard(&state);
        let mut seconds = now + ahead;
        for round in 0..800 {
            seconds += 0.02;
            for worker in &mut workers {
                let mut messages = Vec::new();
                worker.start(&format!("{} {now} {round}", worker.name), 0, seconds);
                worker.end(round % 50 == 0, seconds + 0.001);
                if round % 100 == 99 {
                    messages.push(worker.beat(seconds + 0.002));
                }
                messages.push(worker.flush());
                let mut chunk = intake.chunk();
                for message in messages {
                    chunk.push(&envelope(&message));
                }
                intake.push(chunk);
            }
            if round % 40 == 0 {
                take(&intake, &mut state, now);
            }
            now += 0.002;
        }
        while take(&intake, &mut state, now) {
            now += 0.000_5;
        }
        let published: u64 = workers.iter().map(|worker| worker.processed).sum();
        truth += published - before - (heard(&state) - heard_before);
        settle(&mut state, &mut workers, now);
        now += 10.0;
    }
    assert!(truth > 100, "the queue held too much: {truth}");
    let told: u64 = workers.iter().map(|worker| missed(&state, worker)).sum();
    assert_eq!(told, truth);
    assert_eq!(state.pulse(at(now)).missed_total, truth);
    assert_eq!(metrics(&state, at(now)).missed.values().sum::<u64>(), truth);
}

fn heard(state: &State) -> u64 {
    let events = metrics(state, at(0.0)).events;
    let of_starts = events.iter().filter(|row| row.kind == "task-started");
    of_starts.map(|row| row.count).sum()
}

fn envelope(message: &Published) -> Vec<u8> {
    let body = serde_json::to_string(message).expect("it is JSON");
    json!({"body": body, "content-type": "application/json", "content-encoding": "utf-8",
        "headers": {}, "properties": {"body_encoding": "utf-8"}})
    .to_string()
    .into_bytes()
}

/// Applies what the queue hands out next, as the aggregator does.
fn take(intake: &Intake, state: &mut State, seconds: f64) -> bool {
    let batch = intake.take(Instant::now());
    let is_some = batch.chunk.is_some() || batch.dropped > 0;
    let mut scratch = Scratch::default();
    if let Some(chunk) = batch.chunk {
        for message in chunk.messages() {
            state.apply_message(message, &mut scratch, at(seconds));
        }
    }
    if batch.dropped > 0 {
        state.count_dropped(batch.dropped, at(seconds));
    }
    is_some
}

#[test]
fn a_flood_of_the_present_is_counted_exactly() {
    flood(0.0, 1);
}

#[test]
fn a_flood_whose_time_runs_ahead_is_counted_exactly() {
    flood(30.0, 1);
}

#[test]
fn floods_of_the_past_are_counted_exactly() {
    flood(-40.0, 2);
}

#[test]
fn a_flood_after_a_flood_is_counted_exactly() {
    flood(30.0, 3);
}

/// A worker whose heartbeats all went with the flood is settled by the first
/// that come after it.
#[test]
fn a_loss_without_a_heartbeat_in_it_is_counted_exactly() {
    let mut state = state(100);
    let mut workers = [Worker::new(0)];
    introduce(&mut state, &mut workers, 0.0);
    for number in 0..7 {
        workers[0].start(&format!("task {number}"), 0, 1.0);
    }
    state.count_dropped(starts(&workers[0].flush(), "worker-0@host"), at(1.0));
    settle(&mut state, &mut workers, 30.0);
    assert_eq!(missed(&state, &workers[0]), 7);
}

/// Starts that come after the newest heartbeat say nothing about it.
#[test]
fn a_worker_that_falls_silent_while_it_starts_tasks_is_counted_exactly() {
    let mut state = state(100);
    let mut workers = [Worker::new(0)];
    introduce(&mut state, &mut workers, 0.0);
    workers[0].start("lost", 0, 1.0);
    workers[0].flush();
    state.count_dropped(1, at(1.0));
    let message = workers[0].beat(2.0);
    apply(&mut state, &message, 2.0);
    for number in 0..5 {
        workers[0].start(&format!("task {number}"), 0, 3.0);
    }
    apply(&mut state, &workers[0].flush(), 3.0);
    // No heartbeat for so long that the account is settled without one.
    state.tick(at(11.0));
    assert_eq!(missed(&state, &workers[0]), 1);
    settle(&mut state, &mut workers, 12.0);
    assert_eq!(missed(&state, &workers[0]), 1);
    assert_eq!(metrics(&state, at(20.0)).missed["worker-0@host"], 1);
}
