//! A segment in its place: the writer's own as long as much changes in it,
//! afterwards one that searches may go through without the lock.

use super::{Segment, code, is_held_by_a_worker};
use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
};

/// A segment with more rows than these still to change is the writer's own.
///
/// A change to a segment while somebody searches it copies the segment, some
/// 1.5 MB. A search is in one segment for a third of a millisecond, so with so
/// few rows left to change that is rare.
const MOST_OPEN: u32 = 64;

/// A segment in its place.
#[derive(Debug)]
pub(super) enum Slot {
    /// Is read under the lock only, and changed where it is.
    Own(Box<Segment>),
    /// Is read without the lock, too: a change that comes meanwhile goes to a
    /// copy, and whoever reads goes on with the segment as it was.
    Shared(Arc<Segment>),
}

impl Slot {
    pub(super) fn new(segment: Segment) -> Self {
        Self::Own(Box::new(segment))
    }

    /// Returns a segment that may be read without the lock, if it is one.
    pub(super) fn shared(&self) -> Option<Arc<Segment>> {
        match self {
            Self::Own(_) => None,
            Self::Shared(segment) => Some(Arc::clone(segment)),
        }
    }

    /// Makes a full segment one that may be read without the lock, once little
    /// is left to change in it.
    pub(super) fn settle(&mut self) {
        let Self::Own(segment) = self else { return };
        if open_rows(segment) <= MOST_OPEN {
            segment.seal();
            let empty = Box::new(Segment::new(segment.first, 0));
            let segment = std::mem::replace(segment, empty);
            *self = Self::Shared(Arc::from(segment));
        }
    }
}

impl Deref for Slot {
    type Target = Segment;

    fn deref(&self) -> &Segment {
        match self {
            Self::Own(segment) => segment,
            Self::Shared(segment) => segment,
        }
    }
}

impl DerefMut for Slot {
    fn deref_mut(&mut self) -> &mut Segment {
        match self {
            Self::Own(segment) => segment,
            Self::Shared(segment) => Arc::make_mut(segment),
        }
    }
}

/// Returns how many tasks have not ended, as far as is known.
fn open_rows(segment: &Segment) -> u32 {
    (0..=u8::MAX)
        .filter(|state| *state == code::PENDING || is_held_by_a_worker(*state))
        .map(|state| segment.counts[usize::from(state)])
        .sum()
}

#[cfg(test)]
mod tests {
    use super::super::{Row, segment::Field};
    use super::*;

    fn full() -> Slot {
        let mut segment = Segment::new(7, 300);
        for id in 0..300 {
            segment.push(Row::new(id, 0));
            segment.set_text(id as usize, Field::Args, "before");
        }
        segment.counts[usize::from(code::PENDING)] -= 300;
        segment.counts[usize::from(code::SUCCESS)] += 300;
        Slot::new(segment)
    }

    #[test]
    fn what_somebody_reads_stays_as_it_is_and_the_change_is_there_for_the_next() {
        let mut slot = full();
        slot.settle();
        let read = slot.shared().expect("nothing is open");
        slot.set_text(5, Field::Args, "after");
        assert_eq!(read.text(5, Field::Args), Some("before"));
        assert_eq!(slot.text(5, Field::Args), Some("after"));
        assert_eq!(slot.text(6, Field::Args), Some("before"));
        let next = slot.shared().expect("it stays shared");
        assert_eq!(next.text(5, Field::Args), Some("after"));
        // A change while nobody reads copies nothing.
        drop((read, next));
        let place = std::ptr::from_ref::<Segment>(&slot);
        slot.set_text(5, Field::Args, "later");
        assert!(std::ptr::eq(place, &*slot));
        assert_eq!(slot.text(5, Field::Args), Some("later"));
    }

    #[test]
    fn a_segment_with_many_open_rows_is_not_shared() {
        let mut slot = full();
        slot.counts[usize::from(code::STARTED)] = MOST_OPEN + 1;
        slot.settle();
        assert!(slot.shared().is_none());
        slot.counts[usize::from(code::STARTED)] = MOST_OPEN;
        slot.settle();
        assert!(slot.shared().is_some());
        assert_eq!(slot.len(), 300);
    }
}
