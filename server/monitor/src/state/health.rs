//! How the dashboard itself is doing: connection, rate, and what was missed.

use super::{ledger::Loss, throughput::SecondCounts};
use crate::history::total;
use model::{
    BrokerState, Gap, GapCause, HistoryHealth, Timestamp, UndecodableKind, UndecodableList,
    UndecodableSample, WorkerName,
};
use std::collections::{BTreeMap, VecDeque};

const MAX_GAPS: usize = 200;
/// Gaps shown with every page.
const SHOWN_GAPS: usize = 20;
/// Drops closer together than this are one gap, seconds.
const OVERLOAD_PAUSE: f64 = 5.0;
/// Losses of one worker closer together than this are one gap, seconds.
const LOSS_PAUSE: f64 = 15.0;
/// A task that was missed may be found by its end, which may come so long after the gap, seconds.
const FOUND_AFTER: f64 = 60.0;
/// Most found tasks that are remembered for gaps not yet known.
const MAX_FOUND: usize = 20_000;
/// Most kinds of unreadable messages, and samples of each.
const MAX_KINDS: usize = 64;
const MAX_SAMPLES: usize = 5;

/// Connection and losses.
#[derive(Debug)]
pub(crate) struct Health {
    pub(crate) broker: BrokerState,
    pub(crate) events_total: u64,
    pub(crate) dropped_total: u64,
    pub(crate) undecodable_total: u64,
    /// Gaps since the start, by cause.
    pub(crate) gaps_total: BTreeMap<&'static str, u64>,
    /// Started tasks that went unseen.
    missed_total: i64,
    /// Those found by other means, with the worker if it is known: a gap may
    /// become known only later.
    found: VecDeque<(Option<WorkerName>, Timestamp)>,
    undecodable: BTreeMap<&'static str, UndecodableKind>,
    rate: SecondCounts,
    gaps: VecDeque<Gap>,
    was_up: bool,
    last_drop: Option<Timestamp>,
    /// The store of the past; what was lost to it is counted with the tasks.
    pub(crate) history: HistoryHealth,
}

impl Health {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self {
            broker: BrokerState::Connecting { since: now },
            events_total: 0,
            dropped_total: 0,
            undecodable_total: 0,
            gaps_total: BTreeMap::new(),
            missed_total: 0,
            found: VecDeque::new(),
            undecodable: BTreeMap::new(),
            rate: SecondCounts::new(),
            gaps: VecDeque::new(),
            was_up: false,
            last_drop: None,
            history: HistoryHealth::default(),
        }
    }

    pub(crate) fn is_up(&self) -> bool {
        matches!(self.broker, BrokerState::Up { .. })
    }

    /// Notes that events are subscribed to.
    pub(crate) fn connected(&mut self, now: Timestamp) {
        self.was_up = true;
        self.broker = BrokerState::Up { since: now };
        if let Some(gap) = self.open_gap() {
            gap.end = Some(now);
        }
    }

    /// Notes that the connection is lost or could not be made.
    ///
    /// `last_message` is when the last message came: what followed it may be missing.
    pub(crate) fn disconnected(
        &mut self,
        cause: String,
        was_refused: bool,
        last_message: Timestamp,
        next_try: Timestamp,
        now: Timestamp,
    ) {
        let since = match &self.broker {
            BrokerState::Connecting { since } | BrokerState::Down { since, .. } => *since,
            BrokerState::Up { .. } => now,
        };
        self.broker = BrokerState::Down {
            since,
            cause,
            next_try,
        };
        // Before the first connection nothing was promised, so nothing is missing.
        if !self.was_up {
            return;
        }
        let gap_cause = if was_refused {
            GapCause::BrokerDown
        } else {
            GapCause::ConnectionLost
        };
        match self.open_gap() {
            Some(gap) => {
                if was_refused {
                    gap.cause = gap_cause;
                }
            }
            None => self.push(Gap {
                start: last_message,
                end: None,
                cause: gap_cause,
                worker: None,
                missed: None,
                recovered: 0,
            }),
        }
    }

    /// Counts messages dropped because they came too fast.
    pub(crate) fn dropped(&mut self, messages: u64, now: Timestamp) {
        self.dropped_total += messages;
        let goes_on = self
            .last_drop
            .is_some_and(|last| now.seconds_since(last) < OVERLOAD_PAUSE);
        self.last_drop = Some(now);
        let last = self
            .gaps
            .back_mut()
            .filter(|gap| goes_on && gap.cause == GapCause::Overload);
        match last {
            Some(gap) => {
                gap.end = Some(now);
                gap.missed = Some(gap.missed.unwrap_or(0) + messages);
            }
            None => self.push(Gap {
                start: now,
                end: Some(now),
                cause: GapCause::Overload,
                worker: None,
                missed: Some(messages),
                recovered: 0,
            }),
        }
    }

    /// Counts started tasks of a worker that went unseen.
    pub(crate) fn missed(&mut self, worker: &WorkerName, loss: Loss) {
        self.missed_total += loss.missed;
        let last = self.gaps.iter_mut().rev().find(|gap| {
            gap.cause == GapCause::EventsMissed
                && gap.worker.as_ref() == Some(worker)
                && gap
                    .end
                    .is_some_and(|end| loss.start.seconds_since(end) < LOSS_PAUSE)
        });
        match last {
            Some(gap) => {
                let missed = gap.missed.unwrap_or(0).saturating_add_signed(loss.missed);
                gap.missed = Some(missed);
                if loss.missed > 0 {
                    gap.end = Some(loss.end);
                }
            }
            None if loss.missed > 0 => self.push(Gap {
                start: loss.start,
                end: Some(loss.end),
                cause: GapCause::EventsMissed,
                worker: Some(worker.clone()),
                missed: Some(loss.missed.unsigned_abs()),
                recovered: 0,
            }),
            None => {}
        }
        self.gaps
            .retain(|gap| gap.cause != GapCause::EventsMissed || gap.missed != Some(0));
        // Some of them may have been found before it was known that they were missed.
        let found = &self.found;
        let gap =
            self.gaps.iter_mut().rev().find(|gap| {
                gap.cause == GapCause::EventsMissed && gap.worker.as_ref() == Some(worker)
            });
        if let Some(gap) = gap {
            let count = found
                .iter()
                .filter(|(worker, at)| holds(gap, worker.as_ref(), *at))
                .count() as u64;
            gap.recovered = gap.recovered.max(count).min(gap.missed.unwrap_or(count));
        }
    }

    /// Returns how many started tasks went unseen.
    pub(crate) fn missed_total(&self) -> u64 {
        u64::try_from(self.missed_total).unwrap_or(0)
    }

    /// Counts a task that was missed and is now known from another source;
    /// `at` is when it started or ended.
    pub(crate) fn found(&mut self, worker: Option<WorkerName>, at: Timestamp) {
        for gap in &mut self.gaps {
            let most = gap.missed.unwrap_or(u64::MAX);
            if gap.recovered < most && holds(gap, worker.as_ref(), at) {
                gap.recovered += 1;
            }
        }
        if self.found.len() >= MAX_FOUND {
            self.found.pop_front();
        }
        self.found.push_back((worker, at));
    }

    /// Returns the gaps that ended less than `seconds` ago or go on.
    pub(crate) fn recent_gaps(&self, seconds: f64, now: Timestamp) -> impl Iterator<Item = &Gap> {
        self.gaps
            .iter()
            .filter(move |gap| gap.end.is_none_or(|end| now.seconds_since(end) < seconds))
    }

    /// Counts `count` parts of a message that cannot be read and keeps the first bytes of one.
    pub(crate) fn undecodable(
        &mut self,
        kind: &'static str,
        problem: String,
        text: String,
        size: usize,
        count: u64,
        now: Timestamp,
    ) {
        self.undecodable_total += count;
        if self.undecodable.len() >= MAX_KINDS && !self.undecodable.contains_key(kind) {
            return;
        }
        let entry = self
            .undecodable
            .entry(kind)
            .or_insert_with(|| UndecodableKind {
                kind: kind.replace('_', " "),
                count: 0,
                samples: Vec::new(),
            });
        entry.count += count;
        entry.samples.truncate(MAX_SAMPLES - 1);
        entry.samples.insert(
            0,
            UndecodableSample {
                received: now,
                problem,
                bytes: size as u64,
                text,
            },
        );
    }

    /// Returns what could not be read, the most frequent kind first.
    pub(crate) fn undecodable_list(&self) -> UndecodableList {
        let mut kinds: Vec<UndecodableKind> = self.undecodable.values().cloned().collect();
        kinds.sort_by_key(|kind| std::cmp::Reverse(kind.count));
        UndecodableList {
            total: self.undecodable_total,
            kinds,
        }
    }

    pub(crate) fn count_events(&mut self, events: u32, now: Timestamp) {
        self.events_total += u64::from(events);
        self.rate.add(events, now);
    }

    pub(crate) fn events_per_second(&mut self, now: Timestamp) -> f64 {
        self.rate.per_second(now)
    }

    /// Tells whether events are being missed now.
    pub(crate) fn is_in_gap(&self) -> bool {
        self.was_up && !self.is_up()
    }

    pub(crate) fn shown_gaps(&self) -> Vec<Gap> {
        let skip = self.gaps.len().saturating_sub(SHOWN_GAPS);
        self.gaps.iter().skip(skip).cloned().collect()
    }

    /// Returns the gaps that are kept, oldest first.
    pub(crate) fn gaps(&self) -> impl Iterator<Item = &Gap> {
        self.gaps.iter()
    }

    /// Returns what is counted, by the names that the store has for it.
    pub(crate) fn totals(&self) -> BTreeMap<String, i64> {
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let mut totals: BTreeMap<String, i64> = [
            (total::EVENTS, count(self.events_total)),
            (total::DROPPED, count(self.dropped_total)),
            (total::UNDECODABLE, count(self.undecodable_total)),
            (total::MISSED, self.missed_total),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        let gaps = self.gaps_total.iter();
        totals.extend(gaps.map(|(cause, n)| (format!("{}{cause}", total::GAPS), count(*n))));
        totals
    }

    /// Goes on with what an earlier run counted; the time since it ended is a gap.
    pub(crate) fn restore(&mut self, totals: &BTreeMap<String, i64>, gaps: Vec<Gap>) {
        let value = |name: &str| totals.get(name).and_then(|n| u64::try_from(*n).ok());
        self.events_total = value(total::EVENTS).unwrap_or(0);
        self.dropped_total = value(total::DROPPED).unwrap_or(0);
        self.undecodable_total = value(total::UNDECODABLE).unwrap_or(0);
        self.missed_total = totals.get(total::MISSED).copied().unwrap_or(0);
        for cause in CAUSES {
            if let Some(count) = value(&format!("{}{}", total::GAPS, name_of(cause))) {
                self.gaps_total.insert(name_of(cause), count);
            }
        }
        self.gaps = gaps.into();
        let Some(alive) = totals.get(total::ALIVE).copied().map(Timestamp) else {
            return;
        };
        // What lasted when the run ended goes on as the dashboard's own absence.
        if let Some(gap) = self.open_gap() {
            gap.end = Some(alive.max(gap.start));
        }
        self.was_up = true;
        self.push(Gap {
            start: alive,
            end: None,
            cause: GapCause::DashboardDown,
            worker: None,
            missed: None,
            recovered: 0,
        });
    }

    fn open_gap(&mut self) -> Option<&mut Gap> {
        self.gaps.iter_mut().rev().find(|gap| gap.end.is_none())
    }

    fn push(&mut self, gap: Gap) {
        *self.gaps_total.entry(name_of(gap.cause)).or_default() += 1;
        if self.gaps.len() >= MAX_GAPS {
            self.gaps.pop_front();
        }
        self.gaps.push_back(gap);
    }
}

const CAUSES: [GapCause; 5] = [
    GapCause::BrokerDown,
    GapCause::ConnectionLost,
    GapCause::Overload,
    GapCause::EventsMissed,
    GapCause::DashboardDown,
];

/// Returns a cause as `/metrics` and the store name it.
fn name_of(cause: GapCause) -> &'static str {
    match cause {
        GapCause::BrokerDown => "broker_down",
        GapCause::ConnectionLost => "connection_lost",
        GapCause::Overload => "overload",
        GapCause::EventsMissed => "events_missed",
        GapCause::DashboardDown => "dashboard_down",
    }
}

/// Tells whether a task of this worker and time may be one that a gap hid.
fn holds(gap: &Gap, worker: Option<&WorkerName>, at: Timestamp) -> bool {
    let is_its = gap.worker.is_none() || worker.is_none() || worker == gap.worker.as_ref();
    let end = gap
        .end
        .map_or(i64::MAX, |end| end.plus_seconds(FOUND_AFTER).0);
    let start = gap.start.plus_seconds(-1.0).0;
    gap.cause != GapCause::Overload && is_its && (start..=end).contains(&at.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp(1_800_000_000_000_000 + seconds * 1_000_000)
    }

    #[test]
    fn a_gap_runs_from_the_last_message_to_the_resubscription() {
        let mut health = Health::new(at(0));
        health.connected(at(1));
        health.disconnected("EOF".into(), false, at(5), at(7), at(6));
        health.disconnected("refused".into(), true, at(5), at(8), at(7));
        health.connected(at(9));
        let gaps = health.shown_gaps();
        assert_eq!(gaps.len(), 1);
        assert_eq!((gaps[0].start, gaps[0].end), (at(5), Some(at(9))));
        assert_eq!(gaps[0].cause, GapCause::BrokerDown);
    }

    #[test]
    fn a_broker_that_was_never_there_leaves_no_gap() {
        let mut health = Health::new(at(0));
        health.disconnected("refused".into(), true, at(0), at(2), at(1));
        health.connected(at(3));
        assert!(health.shown_gaps().is_empty());
    }

    #[test]
    fn drops_close_together_are_one_gap_with_their_sum() {
        let mut health = Health::new(at(0));
        health.dropped(10, at(1));
        health.dropped(5, at(2));
        health.dropped(1, at(60));
        let missed: Vec<_> = health.shown_gaps().iter().map(|gap| gap.missed).collect();
        assert_eq!(missed, [Some(15), Some(1)]);
        assert_eq!(health.dropped_total, 16);
    }

    fn loss(start: i64, end: i64, missed: i64) -> Loss {
        Loss {
            start: at(start),
            end: at(end),
            missed,
        }
    }

    #[test]
    fn losses_of_one_worker_that_go_on_are_one_gap() {
        let mut health = Health::new(at(0));
        let (one, two) = (WorkerName::from("one"), WorkerName::from("two"));
        health.missed(&one, loss(1, 4, 10));
        health.missed(&two, loss(2, 5, 7));
        health.missed(&one, loss(4, 8, 5));
        health.missed(&one, loss(100, 104, 1));
        let gaps: Vec<_> = health
            .shown_gaps()
            .into_iter()
            .map(|gap| (gap.worker, gap.start, gap.end, gap.missed))
            .collect();
        assert_eq!(
            gaps,
            [
                (Some(one.clone()), at(1), Some(at(8)), Some(15)),
                (Some(two), at(2), Some(at(5)), Some(7)),
                (Some(one), at(100), Some(at(104)), Some(1)),
            ]
        );
        assert_eq!(health.missed_total(), 23);
    }

    #[test]
    fn a_loss_that_is_taken_back_leaves_no_gap() {
        let mut health = Health::new(at(0));
        let one = WorkerName::from("one");
        health.missed(&one, loss(1, 4, 10));
        health.missed(&one, loss(4, 6, -10));
        assert!(health.shown_gaps().is_empty());
        assert_eq!(health.missed_total(), 0);
    }

    #[test]
    fn found_tasks_count_in_the_gap_they_were_missed_in() {
        let mut health = Health::new(at(0));
        let one = WorkerName::from("one");
        health.found(Some(one.clone()), at(2));
        health.found(Some("two".into()), at(2));
        health.found(None, at(30));
        health.found(Some(one.clone()), at(500));
        health.missed(&one, loss(1, 4, 10));
        assert_eq!(health.shown_gaps()[0].recovered, 2);
    }

    #[test]
    fn unreadable_messages_are_counted_by_kind_with_the_newest_five() {
        let mut health = Health::new(at(0));
        for second in 0..7 {
            health.undecodable(
                "not_json",
                "odd".into(),
                "x".repeat(4_096),
                5_000,
                2,
                at(second),
            );
        }
        health.undecodable("no_body", "empty".into(), "{}".into(), 2, 1, at(9));
        let list = health.undecodable_list();
        assert_eq!(list.total, 15);
        let kinds: Vec<_> = list
            .kinds
            .iter()
            .map(|k| (k.kind.as_str(), k.count))
            .collect();
        assert_eq!(kinds, [("not json", 14), ("no body", 1)]);
        let samples = &list.kinds[0].samples;
        assert_eq!(samples.len(), 5);
        assert_eq!(samples[0].received, at(6));
        assert_eq!((samples[0].bytes, samples[0].text.len()), (5_000, 4_096));
    }
}
