//! Queues: their lengths as last read, and what events tell of their inflow.

use super::{Names, throughput::MinuteRate};
use hashbrown::HashMap;
use model::{
    BrokerHealth, Leftovers, PurgeId, PurgedQueue, QueueList, QueueName, QueueSummary, RedisInfo,
    TaskId, Timestamp, WorkerName,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Seconds between two points of a queue's depth.
const DEPTH_SECONDS: f64 = 10.0;
const DEPTH_POINTS: usize = 360;
/// Most queues that are followed.
pub(crate) const MAX_QUEUES: usize = 10_000;

/// Most purges without an answer that are looked for.
const MAX_UNCLEAR: usize = 50;

/// What one reading of the queues found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    /// Messages by queue and priority step, steps in the order workers take them.
    pub(crate) lengths: BTreeMap<QueueName, Vec<(u8, u64)>>,
    pub(crate) unacked: u64,
    pub(crate) overdue: Overdue,
    /// The messages that run next, of some or all queues.
    pub(crate) tails: BTreeMap<QueueName, Tail>,
    pub(crate) redis: RedisInfo,
}

/// Messages that workers hold too long.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Overdue {
    pub(crate) count: u64,
    /// When the oldest was taken.
    pub(crate) oldest: Option<Timestamp>,
}

/// The message of a queue that runs next.
#[derive(Clone, Debug)]
pub(crate) struct Tail {
    pub(crate) step: u8,
    pub(crate) tag: Option<String>,
    pub(crate) id: TaskId,
    pub(crate) retries: u32,
    pub(crate) is_redelivered: bool,
}

/// What is heard of queues besides their readings.
#[derive(Debug)]
pub(crate) enum QueueNews {
    /// Unacknowledged messages by queue; `None` if they are too many to look at.
    Unacked(Option<BTreeMap<QueueName, u64>>),
    /// What owners left behind, and whether everything was looked at.
    Leftovers(Vec<Leftovers>, bool),
    /// A purge that can be taken back.
    Purged(PurgedQueue),
    /// A purge of which no answer came, and until when it could be taken back.
    PurgeUnclear(PurgeId, Timestamp),
    /// A purge that cannot be taken back any more.
    PurgeOver(PurgeId),
    /// Workers were told to stop consuming a queue.
    Paused(QueueName, BTreeSet<WorkerName>),
    /// These consume it again, or will by themselves.
    Resumed(QueueName, BTreeSet<WorkerName>),
}

/// Since when a message is at the end of a list.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    tag: Option<String>,
    id: TaskId,
    since: Timestamp,
}

/// Since when the message waits that runs next, and whether that is when it was sent.
type Oldest = (Timestamp, bool);

/// The queues.
#[derive(Debug, Default)]
pub(crate) struct Queues {
    reading: Option<(Timestamp, Reading)>,
    depth: HashMap<QueueName, VecDeque<u64>>,
    total: VecDeque<u64>,
    last_point: Option<Timestamp>,
    inflow: HashMap<u32, MinuteRate>,
    outflow: HashMap<u32, MinuteRate>,
    /// Present rates, as of the last tick.
    rates: Rates,
    /// By queue and priority step.
    seen: HashMap<QueueName, BTreeMap<u8, Seen>>,
    oldest: HashMap<QueueName, Oldest>,
    unacked: Option<BTreeMap<QueueName, u64>>,
    leftovers: Vec<Leftovers>,
    /// When keys were looked through, and whether all of them.
    looked: Option<(Timestamp, bool)>,
    purged: Vec<PurgedQueue>,
    /// Purges that may have happened, and until when that matters.
    unclear: Vec<(PurgeId, Timestamp)>,
    paused: BTreeMap<QueueName, BTreeSet<WorkerName>>,
}

/// Tasks per second by queue.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Rates {
    sent: HashMap<u32, f64>,
    taken: HashMap<u32, f64>,
}

impl Queues {
    /// Takes a reading. `sent` tells when the present attempt of a task was
    /// sent and how often it was retried before, if that was heard.
    pub(crate) fn read(
        &mut self,
        reading: Reading,
        sent: impl Fn(&TaskId) -> Option<(Timestamp, u32)>,
        now: Timestamp,
    ) {
        self.date_tails(&reading, sent, now);
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

    /// Finds out since when the messages wait that run next.
    fn date_tails(
        &mut self,
        reading: &Reading,
        sent: impl Fn(&TaskId) -> Option<(Timestamp, u32)>,
        now: Timestamp,
    ) {
        let is_waiting = |queue: &QueueName| {
            let steps = reading.lengths.get(queue);
            steps.is_some_and(|steps| sum(steps) > 0)
        };
        self.seen.retain(|queue, _| is_waiting(queue));
        self.oldest.retain(|queue, _| is_waiting(queue));
        for (queue, tail) in &reading.tails {
            let seen = self.seen.entry(queue.clone()).or_default();
            let same = seen
                .get(&tail.step)
                .filter(|seen| seen.tag == tail.tag && seen.id == tail.id);
            let since = same.map_or(now, |seen| seen.since);
            let seen_now = Seen {
                tag: tail.tag.clone(),
                id: tail.id.clone(),
                since,
            };
            seen.insert(tail.step, seen_now);
            // What a worker gave back has waited since then only.
            let sent = sent(&tail.id)
                .filter(|(_, retries)| *retries == tail.retries && !tail.is_redelivered);
            let oldest = sent.map_or((since, false), |(sent, _)| (sent, true));
            self.oldest.insert(queue.clone(), oldest);
        }
    }

    /// Returns since when the dashboard knows a message to be at the end of its list.
    pub(crate) fn seen_since(&self, queue: &QueueName, step: u8, id: &TaskId) -> Option<Timestamp> {
        let seen = self.seen.get(queue)?.get(&step)?;
        (seen.id == *id).then_some(seen.since)
    }

    /// Takes other news.
    pub(crate) fn learn(&mut self, news: QueueNews, now: Timestamp) {
        match news {
            QueueNews::Unacked(counts) => self.unacked = counts,
            QueueNews::Leftovers(leftovers, is_complete) => {
                self.leftovers = leftovers;
                self.looked = Some((now, is_complete));
            }
            QueueNews::Purged(purged) => {
                self.forget_purge(purged.purge);
                self.purged.push(purged);
                self.purged
                    .sort_by_key(|purged| std::cmp::Reverse((purged.at, purged.purge)));
            }
            QueueNews::PurgeUnclear(purge, until) => {
                if self.unclear.len() >= MAX_UNCLEAR {
                    self.unclear.remove(0);
                }
                self.unclear.push((purge, until));
            }
            QueueNews::PurgeOver(purge) => self.forget_purge(purge),
            QueueNews::Paused(queue, workers) => {
                self.paused.entry(queue).or_default().extend(workers);
            }
            QueueNews::Resumed(queue, workers) => {
                if let Some(paused) = self.paused.get_mut(&queue) {
                    paused.retain(|worker| !workers.contains(worker));
                    if paused.is_empty() {
                        self.paused.remove(&queue);
                    }
                }
            }
        }
    }

    fn forget_purge(&mut self, purge: PurgeId) {
        self.purged.retain(|other| other.purge != purge);
        self.unclear.retain(|(other, _)| *other != purge);
    }

    /// Returns the purges that can be taken back.
    pub(crate) fn purges(&self) -> &[PurgedQueue] {
        &self.purged
    }

    /// Returns the purges that may have happened, and until when they could be taken back.
    pub(crate) fn unclear_purges(&self) -> &[(PurgeId, Timestamp)] {
        &self.unclear
    }

    /// Returns the workers that were told to stop consuming a queue.
    pub(crate) fn paused(&self, queue: &QueueName) -> Option<&BTreeSet<WorkerName>> {
        self.paused.get(queue)
    }

    /// Tells whether a queue was there when lengths were read.
    pub(crate) fn is_known(&self, queue: &QueueName) -> bool {
        let reading = self.reading.as_ref();
        reading.is_some_and(|(_, reading)| reading.lengths.contains_key(queue))
    }

    /// Tells whether a queue, or all of them, had nothing waiting when lengths
    /// were read, if that was after a time.
    pub(crate) fn is_empty_after(&self, queue: Option<&QueueName>, time: Timestamp) -> bool {
        self.reading.as_ref().is_some_and(|(polled, reading)| {
            let is_empty = match queue {
                Some(queue) => reading.lengths.get(queue).is_some_and(|q| sum(q) == 0),
                None => reading.lengths.values().all(|steps| sum(steps) == 0),
            };
            is_empty && *polled > time
        })
    }

    /// Returns what is wrong with the broker's keys.
    pub(crate) fn health(&self) -> BrokerHealth {
        let overdue = self
            .reading
            .as_ref()
            .map_or(Overdue::default(), |(_, reading)| reading.overdue);
        BrokerHealth {
            looked: self.looked.map(|(looked, _)| looked),
            is_complete: self.looked.is_some_and(|(_, is_complete)| is_complete),
            leftovers: self.leftovers.clone(),
            unacked_overdue: overdue.count,
            unacked_oldest: overdue.oldest,
        }
    }

    /// Counts a `task-sent` event for its queue.
    pub(crate) fn sent(&mut self, queue: u32, now: Timestamp) {
        count(&mut self.inflow, queue, now);
    }

    /// Counts a task that a worker took from its queue.
    pub(crate) fn taken(&mut self, queue: u32, now: Timestamp) {
        count(&mut self.outflow, queue, now);
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
    ) -> QueueList {
        let Some((polled, reading)) = &self.reading else {
            return QueueList::default();
        };
        let rows = reading
            .lengths
            .iter()
            .map(|(name, steps)| {
                let id = names.queues.find(name.as_str());
                let rate = |rates: &HashMap<u32, f64>| rates.get(&id?).copied();
                let oldest = self.oldest.get(name).copied();
                let unacked = self.unacked.as_ref();
                let consumers = consumers.get(name).cloned().unwrap_or_default();
                // Who was told to stop and consumes it all the same is not paused.
                let paused = self.paused.get(name).into_iter().flatten();
                let paused = paused.filter(|worker| !consumers.contains(worker));
                QueueSummary {
                    name: name.clone(),
                    ready: sum(steps),
                    steps: steps.clone(),
                    paused: paused.cloned().collect(),
                    consumers,
                    are_consumers_known,
                    depth: self
                        .depth
                        .get(name)
                        .map(|depth| depth.iter().copied().collect())
                        .unwrap_or_default(),
                    sent_per_second: rate(&self.rates.sent),
                    taken_per_second: rate(&self.rates.taken),
                    unacked: unacked.map(|counts| counts.get(name).copied().unwrap_or(0)),
                    oldest_since: oldest.map(|(since, _)| since),
                    is_oldest_exact: oldest.is_some_and(|(_, is_exact)| is_exact),
                }
            })
            .collect();
        QueueList {
            rows,
            unacked: reading.unacked,
            polled: Some(*polled),
            redis: Some(reading.redis.clone()),
            health: self.health(),
            purged: self.purged.clone(),
        }
    }

    /// Lets time pass; tells whether the rates changed.
    pub(crate) fn tick(&mut self, now: Timestamp) -> bool {
        let rates = Rates {
            sent: present(&mut self.inflow, now),
            taken: present(&mut self.outflow, now),
        };
        let changed = rates != self.rates;
        self.rates = rates;
        changed
    }
}

fn count(rates: &mut HashMap<u32, MinuteRate>, queue: u32, now: Timestamp) {
    if rates.len() < MAX_QUEUES || rates.contains_key(&queue) {
        rates
            .entry(queue)
            .or_insert_with(|| MinuteRate::new(now))
            .add(now);
    }
}

fn present(rates: &mut HashMap<u32, MinuteRate>, now: Timestamp) -> HashMap<u32, f64> {
    rates
        .iter_mut()
        .map(|(queue, rate)| (*queue, rate.per_second(now)))
        .collect()
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
