//! Queues: their lengths as last read, and what events tell of their inflow.

use super::{Names, throughput::MinuteRate};
use hashbrown::HashMap;
use model::{QueueList, QueueName, QueueSummary, RedisInfo, Timestamp, WorkerName};
use std::collections::{BTreeMap, VecDeque};

/// Seconds between two points of a queue's depth.
const DEPTH_SECONDS: f64 = 10.0;
const DEPTH_POINTS: usize = 360;
/// Most queues that are followed.
pub(crate) const MAX_QUEUES: usize = 10_000;

/// What one reading of the queues found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    /// Messages by queue and priority step, steps in the order workers take them.
    pub(crate) lengths: BTreeMap<QueueName, Vec<(u8, u64)>>,
    pub(crate) unacked: u64,
    pub(crate) redis: RedisInfo,
}

/// The queues.
#[derive(Debug, Default)]
pub(crate) struct Queues {
    reading: Option<(Timestamp, Reading)>,
    depth: HashMap<QueueName, VecDeque<u64>>,
    total: VecDeque<u64>,
    last_point: Option<Timestamp>,
    inflow: HashMap<u32, MinuteRate>,
}

impl Queues {
    /// Takes a reading.
    pub(crate) fn read(&mut self, reading: Reading, now: Timestamp) {
        let is_point = self
            .last_point
            .is_none_or(|last| now.seconds_since(last) >= DEPTH_SECONDS);
        if is_point {
            self.last_point = Some(now);
            self.depth
                .retain(|name, _| reading.lengths.contains_key(name));
            for (name, steps) in &reading.lengths {
                push_point(self.depth.entry(name.clone()).or_default(), sum(steps));
            }
            let total = reading.lengths.values().map(|steps| sum(steps)).sum();
            push_point(&mut self.total, total);
        }
        self.reading = Some((now, reading));
    }

    /// Counts a `task-sent` event for its queue.
    pub(crate) fn sent(&mut self, queue: u32, now: Timestamp) {
        if self.inflow.len() < MAX_QUEUES || self.inflow.contains_key(&queue) {
            self.inflow
                .entry(queue)
                .or_insert_with(|| MinuteRate::new(now))
                .add(now);
        }
    }

    /// Returns the messages waiting in all queues, once they were read.
    pub(crate) fn ready(&self) -> Option<u64> {
        let (_, reading) = self.reading.as_ref()?;
        Some(reading.lengths.values().map(|steps| sum(steps)).sum())
    }

    /// Returns that number at each of the last points, oldest first.
    pub(crate) fn ready_trend(&self) -> Vec<u64> {
        self.total.iter().copied().collect()
    }

    /// Returns the broker's own state, once it was read.
    pub(crate) fn redis(&self) -> Option<&RedisInfo> {
        self.reading.as_ref().map(|(_, reading)| &reading.redis)
    }

    /// Returns every queue by name.
    pub(crate) fn list(
        &self,
        names: &Names,
        consumers: &HashMap<QueueName, Vec<WorkerName>>,
        are_consumers_known: bool,
        rates: &HashMap<u32, f64>,
    ) -> QueueList {
        let Some((polled, reading)) = &self.reading else {
            return QueueList::default();
        };
        let rows = reading
            .lengths
            .iter()
            .map(|(name, steps)| QueueSummary {
                name: name.clone(),
                ready: sum(steps),
                steps: steps.clone(),
                consumers: consumers.get(name).cloned().unwrap_or_default(),
                are_consumers_known,
                depth: self
                    .depth
                    .get(name)
                    .map(|depth| depth.iter().copied().collect())
                    .unwrap_or_default(),
                sent_per_second: names
                    .queues
                    .find(name.as_str())
                    .and_then(|id| rates.get(&id).copied()),
                taken_per_second: None,
                unacked: None,
                oldest_since: None,
                is_oldest_exact: false,
                paused: Vec::new(),
            })
            .collect();
        QueueList {
            rows,
            unacked: reading.unacked,
            polled: Some(*polled),
            redis: Some(reading.redis.clone()),
            health: model::BrokerHealth::default(),
            purged: Vec::new(),
        }
    }

    /// Lets time pass and returns the present inflow by queue.
    pub(crate) fn rates(&mut self, now: Timestamp) -> HashMap<u32, f64> {
        self.inflow
            .iter_mut()
            .map(|(queue, rate)| (*queue, rate.per_second(now)))
            .collect()
    }
}

fn sum(steps: &[(u8, u64)]) -> u64 {
    steps.iter().map(|(_, length)| length).sum()
}

fn push_point(points: &mut VecDeque<u64>, value: u64) {
    if points.len() >= DEPTH_POINTS {
        points.pop_front();
    }
    points.push_back(value);
}
