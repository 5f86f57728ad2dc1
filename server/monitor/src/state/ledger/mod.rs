//! What a worker process says that it started against what its events told.
//!
//! `processed` in heartbeats counts the tasks that the pool accepted since the
//! process started, and each of them sends exactly one `task-started`
//! (`celery/worker/state.py task_accepted`). So the difference of the two is
//! the number of tasks that went unseen.
//!
//! Task events are gathered for a moment and heartbeats are not
//! (`celery/events/dispatcher.py`, `buffer_group`), so a start may come after
//! the heartbeat that counts it. Both carry the process' logical clock: a
//! heartbeat is compared with the starts that were sent before it, once the
//! next one has come and with it all that was gathered. What then is missing
//! counts if it is proved: messages were lost meanwhile, or two replies to
//! `stats` say the same. These also tell tasks with `send_events=False`, which
//! are never heard of.

#[cfg(test)]
mod tests;

use model::Timestamp;
use protocol::EventRef;
use std::collections::HashMap;

/// What was gathered is published so soon, seconds: half the time between two
/// heartbeats at Celery's default of 2 s.
const SETTLE_SECONDS: f64 = 1.0;

/// The last heartbeat of a worker that fell silent is settled after so long, seconds.
const SILENCE_SECONDS: f64 = 8.0;

/// First and longest pause between two questions for totals, seconds.
const FIRST_PAUSE: f64 = 2.0;
const LAST_PAUSE: f64 = 60.0;

/// Started tasks that went unseen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Loss {
    /// When events and heartbeats agreed last.
    pub(crate) start: Timestamp,
    /// When the heartbeat came that counts them.
    pub(crate) end: Timestamp,
    /// How many; below zero if events that count as missed came after all.
    pub(crate) missed: i64,
}

/// When a process sent something, by its own clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// Its logical clock (`kombu/clocks.py LamportClock`), which grows with every event.
    pub(crate) clock: Option<u64>,
    pub(crate) sent: Timestamp,
}

impl Moment {
    /// Reads when an event was sent; `now` stands for what it does not tell.
    pub(crate) fn of(event: &EventRef<'_>, now: Timestamp) -> Self {
        Self {
            clock: event.clock,
            sent: event.timestamp.unwrap_or(now),
        }
    }

    /// Tells whether this was sent after something else of the same process.
    fn is_after(self, other: Self) -> bool {
        match (self.clock, other.clock) {
            (Some(clock), Some(other)) => clock > other,
            _ => self.sent > other.sent,
        }
    }

    /// Tells whether both clocks say that this was sent before.
    fn is_stale(self, other: Self) -> bool {
        other.is_after(self) && self.sent < other.sent
    }
}

/// A heartbeat, and the starts that were heard of those it counts.
#[derive(Clone, Copy, Debug)]
struct Reading {
    at: Moment,
    processed: i64,
    /// Starts since counting began, those included that come after it.
    heard: i64,
    /// Losses of messages noted when it came.
    holes: u64,
    taken: Timestamp,
}

/// What is missing without a proof.
#[derive(Clone, Copy, Debug)]
struct Doubt {
    /// The smallest difference since it began.
    least: i64,
    /// How many replies to `stats` confirmed it.
    looks: u32,
    asked: Option<Timestamp>,
    pause: f64,
}

impl Doubt {
    fn new(least: i64) -> Self {
        Self {
            least,
            looks: 0,
            asked: None,
            pause: FIRST_PAUSE,
        }
    }
}

/// More than was heard, told before anything could be missed, as it seems.
///
/// Replies come by another way than events: one may arrive while these are cut
/// off, and count what is lost meanwhile.
#[derive(Clone, Copy, Debug)]
struct Early {
    sum: i64,
    /// Starts heard until then.
    heard: i64,
    holes: u64,
}

/// Where counting began.
#[derive(Clone, Copy, Debug)]
struct Base {
    processed: i64,
    /// The heartbeat that told it; starts sent before that are in it.
    at: Option<Moment>,
}

/// The account of one worker process.
///
/// Where a method takes `holes`, that is how many times messages were lost for
/// certain so far, because the connection was away or they were dropped.
#[derive(Debug, Default)]
pub(crate) struct Account {
    base: Option<Base>,
    /// The newest heartbeat.
    newest: Option<(Moment, i64)>,
    /// A heartbeat whose starts may not all have come yet.
    reading: Option<Reading>,
    /// Starts heard since counting began.
    heard: i64,
    /// Starts missed since then, as far as it is certain.
    missed: i64,
    /// Starts since then of types that send no events.
    silent: i64,
    /// How many starts were heard that the last settled heartbeat did not count.
    surplus: i64,
    agreed: Option<Timestamp>,
    doubt: Option<Doubt>,
    /// Holes that the last settled heartbeat came after.
    holes: u64,
    /// Totals by type when they were first told since counting began.
    totals: Option<HashMap<u32, u64>>,
    /// Holes when totals were told last.
    totals_holes: u64,
    /// What these come to, until a heartbeat tells whether to count from there.
    early: Option<Early>,
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
    pub(crate) fn started(&mut self, at: Moment) {
        let Some(base) = self.base else { return };
        if base.at.is_some_and(|base| !at.is_after(base)) {
            return;
        }
        self.heard += 1;
        if let Some(reading) = &mut self.reading
            && !at.is_after(reading.at)
        {
            reading.heard += 1;
        }
    }

    /// Begins to count from this heartbeat on: whether task events are on is
    /// not known yet.
    pub(crate) fn begin(&mut self, processed: u64, at: Moment, holes: u64, now: Timestamp) {
        self.restart();
        self.beat(processed, at, holes, now);
    }

    /// Tells whether this heartbeat is of a new process with the old one's
    /// number, as it happens in containers: it counts from zero again.
    ///
    /// It says so by `worker-online`, unless that was lost.
    pub(crate) fn is_new_process(
        &self,
        processed: u64,
        sent: Timestamp,
        is_online: bool,
        holes: u64,
    ) -> bool {
        let (Some(base), Some((newest, told))) = (self.base, self.newest) else {
            return false;
        };
        // It started at least those whose start was heard.
        let known = told.max(base.processed.saturating_add(self.heard));
        let counts_anew = sent > newest.sent && signed(processed) < known;
        let may_have_been_lost = holes > self.holes && signed(processed) < told;
        counts_anew && (is_online || may_have_been_lost)
    }

    /// Takes `processed` of a heartbeat.
    pub(crate) fn beat(
        &mut self,
        processed: u64,
        at: Moment,
        holes: u64,
        now: Timestamp,
    ) -> Option<Loss> {
        let processed = signed(processed);
        if let Some((newest, told)) = self.newest {
            if at.is_stale(newest) {
                return None;
            }
            if newest.is_after(at) || processed < told {
                // Two processes share a name and a number, as copies of one
                // container do: what both count is nobody's account.
                self.restart();
                return None;
            }
        }
        self.newest = Some((at, processed));
        if self.base.is_none() {
            self.count_from(processed, Some(at), now);
            self.holes = holes;
            return None;
        }
        if let Some(early) = self.early.take()
            && early.holes == holes
            && self.doubt.is_none()
            && self.missed == 0
        {
            // Only from here on silent types can be told apart.
            let heard = self.heard - early.heard;
            self.count_from(early.sum, None, now);
            self.heard = heard;
        }
        let is_ripe = |reading: &Reading| {
            let waited = at.sent.seconds_since(reading.at.sent);
            waited.max(now.seconds_since(reading.taken)) >= SETTLE_SECONDS
        };
        let loss = match self.reading {
            Some(reading) if !is_ripe(&reading) => return None,
            Some(reading) => self.settle(&reading, holes),
            None => None,
        };
        self.reading = Some(Reading {
            at,
            processed,
            heard: self.heard,
            holes,
            taken: now,
        });
        loss
    }

    /// Takes the totals by type that `stats` told; `is_heard` tells of which
    /// types a start was ever heard, from whatever worker.
    pub(crate) fn totals(
        &mut self,
        totals: &[(u32, u64)],
        is_heard: impl Fn(u32) -> bool,
        holes: u64,
        now: Timestamp,
    ) -> Option<Loss> {
        let (base, (_, told)) = (self.base?, self.newest?);
        let sum: i64 = totals.iter().map(|(_, count)| signed(*count)).sum();
        let has_hole = holes != std::mem::replace(&mut self.totals_holes, holes);
        let Some(first) = &mut self.totals else {
            self.totals = Some(totals.iter().copied().collect());
            let is_settled = self.doubt.is_none() && self.missed == 0 && holes == self.holes;
            if is_settled && sum >= told && sum > base.processed + self.heard {
                self.early = Some(Early {
                    sum,
                    heard: self.heard,
                    holes,
                });
            }
            return None;
        };
        if has_hole {
            // What runs for the first time in a hole goes unheard, too.
            for (name, count) in totals {
                if !self.silent_types.contains(name) {
                    first.insert(*name, *count);
                }
            }
        }
        let mut silent = 0;
        self.silent_types.clear();
        for (name, count) in totals {
            let before = first.get(name).copied().unwrap_or(0);
            let grown = signed(count.saturating_sub(before));
            if grown > 0 && !is_heard(*name) {
                silent += grown;
                self.silent_types.push(*name);
            }
        }
        if silent != self.silent {
            self.silent = silent;
            // It counts fewer of them.
            self.reading = None;
        }
        let doubt = self.doubt.as_mut()?;
        let difference = sum.max(told) - base.processed - self.heard - self.missed - silent;
        doubt.looks += 1;
        doubt.least = doubt.least.min(difference);
        let (least, looks) = (doubt.least, doubt.looks);
        if least <= 0 {
            (self.doubt, self.agreed) = (None, Some(now));
            return None;
        }
        if looks < 2 {
            return None;
        }
        self.doubt = None;
        Some(self.lose(least, now))
    }

    /// Settles what is left of a worker that fell silent.
    pub(crate) fn tick(&mut self, holes: u64, now: Timestamp) -> Option<Loss> {
        let is_over = |reading: &mut Reading| now.seconds_since(reading.taken) >= SILENCE_SECONDS;
        let reading = self.reading.take_if(is_over)?;
        self.settle(&reading, holes)
    }

    /// Returns whether the worker should be asked for its totals now.
    pub(crate) fn wants_totals(&mut self, now: Timestamp) -> bool {
        let Some(doubt) = &mut self.doubt else {
            return false;
        };
        let is_due = doubt
            .asked
            .is_none_or(|asked| now.seconds_since(asked) >= doubt.pause);
        if is_due && doubt.asked.replace(now).is_some() {
            doubt.pause = (doubt.pause * 2.0).min(LAST_PAUSE);
        }
        is_due
    }

    /// Begins to count: nothing is missing at `now`.
    fn count_from(&mut self, processed: i64, at: Option<Moment>, now: Timestamp) {
        self.base = Some(Base { processed, at });
        (self.heard, self.missed, self.silent, self.surplus) = (0, 0, 0, 0);
        (self.reading, self.agreed) = (None, Some(now));
    }

    /// Compares a heartbeat with the starts it counts; they have all come or never will.
    fn settle(&mut self, reading: &Reading, holes: u64) -> Option<Loss> {
        let base = self.base.as_mut()?;
        let difference =
            reading.processed - base.processed - reading.heard - self.missed - self.silent;
        // What was lost before it is counted in it, so that a hole proves nothing later.
        let is_proof = holes > self.holes && self.silent_types.is_empty();
        self.holes = reading.holes;
        if difference <= 0 {
            self.doubt = None;
            // Threads of a worker may overtake each other by a moment, so it has to stand.
            let standing = self.surplus.min(-difference);
            self.surplus = -difference - standing;
            // Events came after all that were given up, …
            let found = self.missed.min(standing);
            self.missed -= found;
            // … or some that the totals counted with which counting began.
            base.processed -= standing - found;
            let start = self.agreed.replace(reading.taken);
            self.net -= found;
            return (found > 0).then(|| Loss {
                start: start.unwrap_or(reading.taken),
                end: reading.taken,
                missed: -found,
            });
        }
        self.surplus = 0;
        // What was missing before without a proof has none now.
        let doubted = self.doubt.map_or(0, |doubt| doubt.least);
        if is_proof && difference > doubted {
            return Some(self.lose(difference - doubted, reading.taken));
        }
        let doubt = self.doubt.get_or_insert_with(|| Doubt::new(difference));
        doubt.least = doubt.least.min(difference);
        None
    }

    fn lose(&mut self, missed: i64, end: Timestamp) -> Loss {
        self.missed += missed;
        self.net += missed;
        let start = self.agreed.replace(end).unwrap_or(end);
        Loss { start, end, missed }
    }
}

fn signed(count: u64) -> i64 {
    // Far from the edge, so that sums of a hostile worker's numbers do not overflow.
    i64::try_from(count).unwrap_or(i64::MAX).min(1 << 53)
}
