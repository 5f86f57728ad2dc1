//! What a worker process says that it started against what its events told.
//!
//! `processed` in heartbeats counts the tasks that the pool accepted since the
//! process started, and each of them sends exactly one `task-started`
//! (`celery/worker/state.py task_accepted`). So the difference of the two is
//! the number of tasks that went unseen. It must stand for a while before it
//! counts, since a buffered event may trail the heartbeat that counts it; and
//! tasks with `send_events=False`, which are never heard, are known by the
//! totals per type that `stats` tells.

use model::Timestamp;
use std::collections::HashMap;

/// How long a difference must stand, seconds: half the time between two
/// heartbeats at Celery's default of 2 s.
const SETTLE_SECONDS: f64 = 1.0;

/// How long it must stand while so many starts come that they may be the very
/// ones that seem to be missing, seconds.
const BUSY_SETTLE_SECONDS: f64 = 8.0;

/// A worker that fell silent with a difference is settled after so long, seconds.
const SILENCE_SECONDS: f64 = 8.0;

/// Heartbeats sent so long after a loss of messages come after all that was
/// lost, seconds; they may still wait behind older messages when it is noted.
const HOLE_SECONDS: f64 = 1.0;

/// After so long no clock is wrong enough for it to matter, seconds.
const MAX_HOLE_SECONDS: f64 = 60.0;

/// First and longest pause between two questions for totals, seconds.
const FIRST_PAUSE: f64 = 2.0;
const LAST_PAUSE: f64 = 60.0;

/// Started tasks that went unseen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Loss {
    /// When events and heartbeats agreed last.
    pub(crate) start: Timestamp,
    /// When the difference was seen last.
    pub(crate) end: Timestamp,
    /// How many; below zero if events that count as missed came after all.
    pub(crate) missed: i64,
}

/// A difference that does not count yet.
#[derive(Clone, Copy, Debug)]
struct Doubt {
    since: Timestamp,
    last: Timestamp,
    /// The smallest difference since then.
    least: i64,
    /// [`Account::started`] when it began.
    started: i64,
    /// How many replies to `stats` confirmed it.
    looks: u32,
    asked: Option<Timestamp>,
    pause: f64,
}

/// The account of one worker process.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// `processed` when counting began; absent until a heartbeat told it.
    base: Option<i64>,
    /// The highest count since, of heartbeats or of `stats`.
    processed: i64,
    /// `processed` of the newest heartbeat.
    told: i64,
    /// When the newest heartbeat was sent.
    beat: Option<Timestamp>,
    /// Starts heard since then.
    started: i64,
    /// Starts missed since then, as far as it is certain.
    missed: i64,
    /// Starts since then of types that send no events.
    silent: i64,
    agreed: Option<Timestamp>,
    doubt: Option<Doubt>,
    /// When messages were lost for certain, because the connection was away or
    /// they were dropped; until heartbeats of a later time agree.
    hole: Option<Timestamp>,
    /// Totals by type when they were first told since counting began.
    totals: Option<HashMap<u32, u64>>,
    /// Types that ran and were never heard of.
    silent_types: Vec<u32>,
    /// All that went unseen, as the screens show it.
    net: i64,
}

impl Account {
    /// Returns how many started tasks went unseen.
    pub(crate) fn missed(&self) -> u64 {
        u64::try_from(self.net).unwrap_or(0)
    }

    /// Returns the types that run here without sending events.
    pub(crate) fn silent_types(&self) -> &[u32] {
        &self.silent_types
    }

    /// Begins to count anew at the next heartbeat, because events of the time
    /// until then prove nothing: they were off, or another process sent them.
    pub(crate) fn restart(&mut self) {
        *self = Self {
            net: self.net,
            ..Self::default()
        };
    }

    /// Counts a `task-started` that was not heard before.
    pub(crate) fn started(&mut self) {
        self.started += 1;
    }

    /// Begins to count from this heartbeat on: whether task events are on is
    /// not known yet.
    pub(crate) fn begin(&mut self, processed: u64, sent: Timestamp, now: Timestamp) {
        self.restart();
        self.beat(processed, sent, now);
    }

    /// Notes that messages were lost for certain.
    pub(crate) fn note_hole(&mut self, now: Timestamp) {
        self.hole = self.base.map(|_| now);
    }

    /// Tells whether what is missing now is proved to be lost.
    fn has_proof(&self) -> bool {
        self.hole.is_some() && self.silent_types.is_empty()
    }

    /// Forgets a hole that everything heard now comes after.
    fn close_hole(&mut self, now: Timestamp) {
        self.hole = self.hole.filter(|hole| {
            let is_before = self.beat < Some(hole.plus_seconds(HOLE_SECONDS));
            is_before && now.seconds_since(*hole) < MAX_HOLE_SECONDS
        });
    }

    /// Tells whether this heartbeat is of a new process with the old one's
    /// number, as it happens in containers: it counts from zero again.
    ///
    /// It says so by `worker-online`, unless that was lost.
    pub(crate) fn is_new_process(&self, processed: u64, sent: Timestamp, is_online: bool) -> bool {
        let Some(base) = self.base else { return false };
        // It started at least those whose start was heard.
        let known = self.told.max(base.saturating_add(self.started));
        let counts_anew = Some(sent) > self.beat && signed(processed) < known;
        counts_anew && (is_online || (self.hole.is_some() && signed(processed) < self.told))
    }

    /// Takes `processed` of a heartbeat sent at `sent`.
    pub(crate) fn beat(&mut self, processed: u64, sent: Timestamp, now: Timestamp) -> Option<Loss> {
        let processed = signed(processed);
        if Some(sent) < self.beat {
            return None;
        }
        self.beat = Some(sent);
        if processed < self.told {
            // Two processes share a name and a number, as copies of one
            // container do: what both count is nobody's account.
            self.restart();
            return None;
        }
        self.told = processed;
        self.processed = self.processed.max(processed);
        if self.base.is_none() {
            self.base = Some(processed);
            self.started = 0;
            self.agreed = Some(now);
            return None;
        }
        self.observe(self.has_proof(), now)
    }

    /// Takes the totals by type that `stats` told; `is_heard` tells of which
    /// types a start was ever heard, from whatever worker.
    pub(crate) fn totals(
        &mut self,
        totals: &[(u32, u64)],
        is_heard: impl Fn(u32) -> bool,
        now: Timestamp,
    ) -> Option<Loss> {
        self.base?;
        let sum: i64 = totals.iter().map(|(_, count)| signed(*count)).sum();
        let Some(first) = &self.totals else {
            self.totals = Some(totals.iter().copied().collect());
            let is_settled = self.doubt.is_none() && self.hole.is_none() && self.missed == 0;
            if is_settled && sum >= self.processed {
                // Only from here on silent types can be told apart.
                (self.base, self.processed) = (Some(sum), sum);
                (self.started, self.missed, self.silent) = (0, 0, 0);
                self.agreed = Some(now);
            }
            return None;
        };
        self.silent = 0;
        self.silent_types.clear();
        for (name, count) in totals {
            let before = first.get(name).copied().unwrap_or(0);
            let grown = signed(count.saturating_sub(before));
            if grown > 0 && !is_heard(*name) {
                self.silent += grown;
                self.silent_types.push(*name);
            }
        }
        self.processed = self.processed.max(sum);
        if let Some(doubt) = &mut self.doubt {
            doubt.looks += 1;
        }
        let is_proof = self.doubt.is_some_and(|doubt| doubt.looks >= 2);
        self.observe(is_proof, now)
    }

    /// Settles what is left of a worker that fell silent.
    pub(crate) fn tick(&mut self, now: Timestamp) -> Option<Loss> {
        let doubt = self.doubt?;
        let is_over = now.seconds_since(doubt.last) >= SILENCE_SECONDS;
        (is_over && self.has_proof())
            .then(|| self.observe(true, now))
            .flatten()
    }

    /// Returns whether the worker should be asked for its totals now.
    pub(crate) fn wants_totals(&mut self, now: Timestamp) -> bool {
        let is_proof_of_its_own = self.has_proof();
        let Some(doubt) = &mut self.doubt else {
            return false;
        };
        let is_due = doubt
            .asked
            .is_none_or(|asked| now.seconds_since(asked) >= doubt.pause);
        if is_proof_of_its_own || !is_due {
            return false;
        }
        if doubt.asked.replace(now).is_some() {
            doubt.pause = (doubt.pause * 2.0).min(LAST_PAUSE);
        }
        true
    }

    /// Looks at the difference; what stood long enough and is proved, counts.
    fn observe(&mut self, is_proof: bool, now: Timestamp) -> Option<Loss> {
        let base = self.base?;
        let difference = self.processed - base - self.started - self.missed - self.silent;
        if difference <= 0 {
            let start = self.agreed.unwrap_or(now);
            (self.agreed, self.doubt) = (Some(now), None);
            self.close_hole(now);
            // Events came after all that were given up, …
            let found = self.missed.min(-difference);
            self.missed -= found;
            // … or ones that trailed the heartbeat with which counting began.
            self.base = Some(base + difference + found);
            return (found > 0).then(|| self.lost(start, now, -found));
        }
        let started = self.started;
        let fresh = |least| Doubt {
            since: now,
            last: now,
            least,
            started,
            looks: 0,
            asked: None,
            pause: FIRST_PAUSE,
        };
        let doubt = self.doubt.get_or_insert_with(|| fresh(difference));
        doubt.last = now;
        doubt.least = doubt.least.min(difference);
        // Each connection keeps its order: what trailed comes before what is newer.
        let may_be_trailing = self.started - doubt.started >= doubt.least;
        let wait = if may_be_trailing {
            BUSY_SETTLE_SECONDS
        } else {
            SETTLE_SECONDS
        };
        if !is_proof || now.seconds_since(doubt.since) < wait {
            return None;
        }
        let (start, missed) = (self.agreed.unwrap_or(now), doubt.least);
        self.missed += missed;
        self.agreed = Some(now);
        // What came on top of it since has to stand for a while of its own.
        self.doubt = (difference > missed).then(|| fresh(difference - missed));
        if self.doubt.is_none() {
            self.close_hole(now);
        }
        Some(self.lost(start, now, missed))
    }

    fn lost(&mut self, start: Timestamp, end: Timestamp, missed: i64) -> Loss {
        self.net += missed;
        Loss { start, end, missed }
    }
}

fn signed(count: u64) -> i64 {
    // Far from the edge, so that sums of a hostile worker's numbers do not overflow.
    i64::try_from(count).unwrap_or(i64::MAX).min(1 << 53)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: f64) -> Timestamp {
        Timestamp(1_800_000_000_000_000).plus_seconds(seconds)
    }

    fn beat(account: &mut Account, seconds: f64, processed: u64) -> Option<Loss> {
        account.beat(processed, at(seconds), at(seconds))
    }

    #[test]
    fn starts_lost_in_a_hole_are_counted_exactly_after_two_heartbeats() {
        let mut account = Account::default();
        assert_eq!(beat(&mut account, 0.0, 100), None);
        for _ in 0..5 {
            account.started();
        }
        assert_eq!(beat(&mut account, 2.0, 105), None);
        account.note_hole(at(2.5));
        account.started();
        assert_eq!(beat(&mut account, 6.0, 713), None);
        account.started();
        let loss = beat(&mut account, 8.0, 714).expect("it stands");
        assert_eq!(loss.missed, 607);
        assert_eq!((loss.start, loss.end), (at(2.0), at(8.0)));
        assert_eq!(account.missed(), 607);
        assert_eq!(beat(&mut account, 10.0, 714), None);
    }

    #[test]
    fn a_batch_that_trails_its_heartbeat_is_no_loss() {
        let mut account = Account::default();
        beat(&mut account, 0.0, 0);
        account.note_hole(at(0.5));
        assert_eq!(beat(&mut account, 2.0, 3), None);
        for _ in 0..3 {
            account.started();
        }
        assert_eq!(beat(&mut account, 4.0, 3), None);
        assert_eq!(account.missed(), 0);
    }

    #[test]
    fn events_that_trail_the_first_heartbeat_hide_nothing_later() {
        let mut account = Account::default();
        beat(&mut account, 0.0, 10);
        account.started();
        account.started();
        assert_eq!(beat(&mut account, 2.0, 10), None);
        account.note_hole(at(2.5));
        beat(&mut account, 4.0, 14);
        assert_eq!(beat(&mut account, 6.0, 14).map(|loss| loss.missed), Some(4));
    }

    #[test]
    fn a_hole_that_is_noted_before_older_heartbeats_stays_one() {
        let mut account = Account::default();
        beat(&mut account, 0.0, 0);
        // Messages are dropped at 10 s while older ones wait to be applied.
        account.note_hole(at(10.0));
        for second in 1..=4 {
            let sent = at(f64::from(second) * 2.0);
            assert_eq!(account.beat(0, sent, at(10.0)), None);
        }
        beat(&mut account, 12.0, 9);
        let loss = beat(&mut account, 14.0, 9);
        assert_eq!(loss.map(|loss| loss.missed), Some(9));
    }

    #[test]
    fn what_comes_after_it_was_given_up_is_taken_back() {
        let mut account = Account::default();
        beat(&mut account, 0.0, 0);
        account.note_hole(at(0.5));
        beat(&mut account, 2.0, 5);
        assert!(beat(&mut account, 4.0, 5).is_some());
        account.started();
        account.started();
        assert_eq!(beat(&mut account, 6.0, 5).map(|loss| loss.missed), Some(-2));
        assert_eq!(account.missed(), 3);
    }

    #[test]
    fn without_a_hole_a_difference_needs_two_replies_to_stats() {
        let mut account = Account::default();
        beat(&mut account, 0.0, 0);
        assert_eq!(account.totals(&[], |_| true, at(0.5)), None);
        for second in 1..20 {
            assert_eq!(beat(&mut account, f64::from(second) * 2.0, 4), None);
        }
        assert!(account.wants_totals(at(40.0)));
        assert!(!account.wants_totals(at(40.5)), "not at once again");
        assert_eq!(account.totals(&[(7, 4)], |_| true, at(41.0)), None);
        let loss = account.totals(&[(7, 4)], |_| true, at(43.0));
        assert_eq!(loss.map(|loss| loss.missed), Some(4));
    }

    #[test]
    fn types_that_send_no_events_are_named_and_are_no_loss() {
        let mut account = Account::default();
        beat(&mut account, 0.0, 0);
        account.totals(&[], |_| true, at(0.5));
        account.started();
        let is_heard = |name| name == 1;
        let mut processed = 1;
        for second in 1..30 {
            processed += 1;
            let now = f64::from(second) * 2.0;
            assert_eq!(beat(&mut account, now, processed), None);
            let totals = [(1, 1), (2, processed - 1)];
            assert_eq!(account.totals(&totals, is_heard, at(now + 0.1)), None);
        }
        assert_eq!(account.silent_types(), [2]);
        assert_eq!(account.missed(), 0);
    }

    #[test]
    fn a_new_process_under_the_old_number_is_told_by_its_count() {
        let mut account = Account::default();
        beat(&mut account, 0.0, 5);
        account.started();
        assert!(account.is_new_process(0, at(1.0), true));
        assert!(account.is_new_process(5, at(1.0), true), "six were started");
        assert!(!account.is_new_process(6, at(1.0), true), "it reconnected");
        assert!(
            !account.is_new_process(0, at(-1.0), true),
            "it is a late one"
        );
        account.restart();
        assert_eq!(beat(&mut account, 1.0, 0), None);
        assert_eq!(beat(&mut account, 3.0, 0), None);
    }

    #[test]
    fn two_processes_with_one_name_and_number_have_no_losses() {
        let mut account = Account::default();
        for second in 0..20 {
            let processed = if second % 2 == 0 { 100 } else { 5 };
            let sent = at(f64::from(second));
            assert!(!account.is_new_process(processed, sent, false));
            account.started();
            assert_eq!(account.beat(processed, sent, sent), None);
        }
        assert_eq!(account.missed(), 0);
    }

    #[test]
    fn a_worker_that_falls_silent_after_a_hole_is_settled() {
        let mut account = Account::default();
        beat(&mut account, 0.0, 0);
        account.note_hole(at(0.5));
        beat(&mut account, 2.0, 3);
        assert_eq!(account.tick(at(4.0)), None);
        assert_eq!(account.tick(at(11.0)).map(|loss| loss.missed), Some(3));
    }

    proptest! {
        /// Each task's start arrives between its own heartbeat and the next
        /// one, in any order; holes come at any time. Nothing is missing, so
        /// in the end nothing is reported.
        #[test]
        fn no_loss_is_reported_when_every_start_arrives(
            beats in prop::collection::vec((0u64..30, 0u64..30, any::<bool>(), any::<bool>()), 1..60),
            first in 0u64..1_000,
        ) {
            let mut account = Account::default();
            beat(&mut account, 0.0, first);
            let (mut processed, mut trailing, mut now) = (first, 0u64, 0.0);
            for (accepted, late, has_hole, has_stats) in beats {
                if has_hole {
                    account.note_hole(at(now));
                }
                let late = late.min(accepted);
                processed += accepted;
                for _ in 0..trailing + accepted - late {
                    account.started();
                }
                trailing = late;
                now += 2.0;
                beat(&mut account, now, processed);
                if has_stats {
                    account.totals(&[(1, processed)], |_| true, at(now + 0.1));
                }
            }
            for _ in 0..trailing {
                account.started();
            }
            for _ in 0..3 {
                now += 2.0;
                beat(&mut account, now, processed);
            }
            prop_assert_eq!(account.missed(), 0);
        }

        /// What was lost in a hole is found to the last one, however the rest comes.
        #[test]
        fn what_is_lost_in_a_hole_is_counted_exactly(
            lost in 1u64..10_000,
            before in 0u64..50,
            after in prop::collection::vec(0u64..50, 6..20),
        ) {
            let mut account = Account::default();
            beat(&mut account, 0.0, 0);
            for _ in 0..before {
                account.started();
            }
            let mut processed = before;
            beat(&mut account, 2.0, processed);
            account.note_hole(at(2.5));
            processed += lost;
            let mut now = 4.0;
            for accepted in after {
                processed += accepted;
                for _ in 0..accepted {
                    account.started();
                }
                now += 2.0;
                beat(&mut account, now, processed);
            }
            prop_assert_eq!(account.missed(), lost);
        }
    }
}
