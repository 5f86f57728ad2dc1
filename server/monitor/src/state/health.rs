//! How the dashboard itself is doing: connection, rate, and what was missed.

use super::throughput::SecondCounts;
use model::{BrokerState, Gap, GapCause, Timestamp};
use std::collections::VecDeque;

const MAX_GAPS: usize = 200;
/// Gaps shown with every page.
const SHOWN_GAPS: usize = 20;
/// Drops closer together than this are one gap, seconds.
const OVERLOAD_PAUSE: f64 = 5.0;

/// Connection and losses.
#[derive(Debug)]
pub(crate) struct Health {
    pub(crate) broker: BrokerState,
    pub(crate) events_total: u64,
    pub(crate) dropped_total: u64,
    pub(crate) undecodable_total: u64,
    pub(crate) gaps_total: u64,
    rate: SecondCounts,
    gaps: VecDeque<Gap>,
    was_up: bool,
    last_drop: Option<Timestamp>,
}

impl Health {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self {
            broker: BrokerState::Connecting { since: now },
            events_total: 0,
            dropped_total: 0,
            undecodable_total: 0,
            gaps_total: 0,
            rate: SecondCounts::new(),
            gaps: VecDeque::new(),
            was_up: false,
            last_drop: None,
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

    fn open_gap(&mut self) -> Option<&mut Gap> {
        self.gaps.iter_mut().rev().find(|gap| gap.end.is_none())
    }

    fn push(&mut self, gap: Gap) {
        self.gaps_total += 1;
        if self.gaps.len() >= MAX_GAPS {
            self.gaps.pop_front();
        }
        self.gaps.push_back(gap);
    }
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
}
