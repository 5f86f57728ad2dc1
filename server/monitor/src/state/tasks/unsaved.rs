//! Which rows changed since the store has them: a bit each, beside the columns.
//!
//! Whoever changes a row sets its bit; the store's writer takes bits under the
//! lock for reading, which keeps everybody from changing rows meanwhile. So the
//! rows themselves are the queue: what changes often is written once, nothing
//! is copied for the store before it has time, and a store that is slow or away
//! takes no more memory.

use super::{MAX_ROWS, Tasks};
use std::sync::atomic::{AtomicU64, Ordering};

/// A bit for each row of a segment.
#[derive(Debug, Default)]
pub(super) struct UnsavedRows(Box<[AtomicU64]>);

impl Clone for UnsavedRows {
    fn clone(&self) -> Self {
        let words = self.0.iter().map(|word| word.load(Ordering::Relaxed));
        Self(words.map(AtomicU64::new).collect())
    }
}

impl UnsavedRows {
    pub(super) fn new(rows: usize) -> Self {
        let words = rows.min(MAX_ROWS).div_ceil(64);
        Self((0..words).map(|_| AtomicU64::new(0)).collect())
    }

    /// Notes that a row changed.
    pub(super) fn mark(&mut self, at: usize) {
        if let Some(word) = self.0.get_mut(at / 64) {
            *word.get_mut() |= 1 << (at % 64);
        }
    }

    /// Notes that the store has a row as it is.
    pub(super) fn clear(&mut self, at: usize) {
        if let Some(word) = self.0.get_mut(at / 64) {
            *word.get_mut() &= !(1 << (at % 64));
        }
    }

    pub(super) fn contains(&self, at: usize) -> bool {
        let word = self.0.get(at / 64);
        word.is_some_and(|word| word.load(Ordering::Relaxed) & (1 << (at % 64)) != 0)
    }

    /// Returns how many rows are not saved.
    fn count(&self) -> u64 {
        let ones = |word: &AtomicU64| u64::from(word.load(Ordering::Relaxed).count_ones());
        self.0.iter().map(ones).sum()
    }

    /// Takes the bits of rows from `from` on, until `take` says that it is enough.
    ///
    /// The lock orders this with the changes of rows, so the bits need not.
    fn take(&self, from: usize, mut take: impl FnMut(usize) -> bool) {
        for (place, word) in self.0.iter().enumerate().skip(from / 64) {
            let mut rest = word.load(Ordering::Relaxed);
            while rest != 0 {
                let bit = rest.trailing_zeros() as usize;
                rest &= rest - 1;
                word.fetch_and(!(1 << bit), Ordering::Relaxed);
                if !take(place * 64 + bit) {
                    return;
                }
            }
        }
    }

    /// Marks the first `rows` rows.
    fn mark_all(&self, rows: usize) {
        for (place, word) in self.0.iter().enumerate() {
            let left = rows.saturating_sub(place * 64);
            let bits = if left >= 64 {
                u64::MAX
            } else {
                (1 << left) - 1
            };
            word.store(bits, Ordering::Relaxed);
        }
    }
}

impl Tasks {
    /// From now on what is forgotten without having been saved is counted.
    pub(crate) fn keep_history(&mut self) {
        self.is_saved = true;
    }

    /// Takes the sequence numbers of up to `most` rows that are not saved, from
    /// `from` on; from then on they count as saved.
    ///
    /// `from` moves on behind them; `false` if there may be no more.
    pub(crate) fn take_unsaved(&self, from: &mut u64, most: usize, taken: &mut Vec<u64>) -> bool {
        for segment in &self.segments {
            let end = segment.first + segment.len() as u64;
            if end <= *from {
                continue;
            }
            let start = usize::try_from(from.saturating_sub(segment.first)).unwrap_or(0);
            segment.unsaved.take(start, |at| {
                taken.push(segment.first + at as u64);
                taken.len() < most
            });
            *from = end;
            if taken.len() >= most {
                // There may be more in this one.
                *from = taken.last().map_or(end, |last| last + 1);
                return true;
            }
        }
        false
    }

    /// Returns the column `sources` of a row, unless it is gone.
    pub(crate) fn sources_of(&self, sequence: u64) -> Option<u8> {
        self.row(sequence).map(|(segment, at)| segment.sources[at])
    }

    /// Goes on with the counts of an earlier run.
    pub(crate) fn restore_counts(&mut self, evicted: (u64, u64), lost_to_history: u64) {
        (self.evicted, self.evicted_running) = evicted;
        self.lost_to_history = lost_to_history;
    }

    /// Returns how many rows are not saved.
    pub(crate) fn unsaved(&self) -> u64 {
        self.segments.iter().map(|s| s.unsaved.count()).sum()
    }

    /// Returns how many tasks were forgotten before they were saved as they were.
    pub(crate) fn lost_to_history(&self) -> u64 {
        self.lost_to_history
    }

    /// Notes that the store has nothing of what is in memory.
    pub(crate) fn unsave_all(&self) {
        for segment in &self.segments {
            segment.unsaved.mark_all(segment.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take_all(rows: &UnsavedRows) -> Vec<usize> {
        let mut taken = Vec::new();
        rows.take(0, |at| {
            taken.push(at);
            true
        });
        taken
    }

    #[test]
    fn what_is_marked_is_taken_once() {
        let mut rows = UnsavedRows::new(200);
        for at in [0, 63, 64, 130, 199, 64] {
            rows.mark(at);
        }
        rows.clear(130);
        assert_eq!((rows.count(), rows.contains(63)), (4, true));
        assert_eq!(take_all(&rows), [0, 63, 64, 199]);
        assert_eq!((rows.count(), rows.contains(63)), (0, false));
        rows.mark(63);
        assert_eq!(take_all(&rows), [63]);
    }

    #[test]
    fn all_that_is_there_can_be_marked() {
        let rows = UnsavedRows::new(200);
        rows.mark_all(130);
        assert_eq!(take_all(&rows), (0..130).collect::<Vec<_>>());
    }
}
