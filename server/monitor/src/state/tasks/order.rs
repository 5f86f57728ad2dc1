//! The order of a page: sort values as numbers, and the first few of many.

use super::{NO_TIME, Segment, Tasks, bits::Bits, flag};
use crate::state::{Names, intern::Interner};
use model::{TaskQuery, TaskSort};
use std::collections::BinaryHeap;

/// Up to this window a heap of its size is cheaper than keeping every match.
const HEAP_LIMIT: usize = 4_096;

/// Where a row stands in the order; smaller comes first. The second part is
/// the complement of the sequence number: newer tasks come first among equals.
pub(super) type Place = (u64, u64);

/// Turns rows into numbers that sort as the query asks.
#[derive(Clone, Debug)]
pub(super) struct Order {
    sort: TaskSort,
    is_descending: bool,
    /// Alphabetical places of interned names, or of states by code.
    ranks: Vec<u32>,
}

impl Order {
    pub(super) fn new(query: &TaskQuery, names: &Names, tasks: &Tasks) -> Self {
        let ranks = match query.sort {
            TaskSort::Name => names.tasks.ranks(),
            TaskSort::Worker => names.workers.ranks(),
            TaskSort::Queue => names.queues.ranks(),
            TaskSort::State => state_ranks(tasks),
            _ => Vec::new(),
        };
        Self {
            sort: query.sort,
            is_descending: query.is_descending,
            ranks,
        }
    }

    /// Offers the rows of a segment.
    pub(super) fn offer(&self, segment: &Segment, rows: &Bits, best: &mut Best) {
        self.place(segment, rows, |_, place| best.offer(place));
    }

    /// Keeps the rows that would be among the best, and tells whether there are others.
    pub(super) fn keep_better(&self, segment: &Segment, rows: &mut Bits, best: &Best) -> bool {
        if !best.is_full() {
            return false;
        }
        let mut better = Bits::none(segment.len());
        let mut are_all = true;
        self.place(segment, rows, |at, place| {
            if place < best.worst {
                better.insert(at);
            } else {
                are_all = false;
            }
        });
        *rows = better;
        !are_all
    }

    /// Hands out the rows of a segment with their places.
    fn place(&self, segment: &Segment, rows: &Bits, mut take: impl FnMut(usize, Place)) {
        let micros = |time: i64| (time != NO_TIME).then_some(time as u64);
        // A name that came after the order was made up has no rank yet.
        let ranked = |id: u32| {
            (id != Interner::NONE).then(|| {
                let rank = self.ranks.get(id as usize);
                u64::from(rank.copied().unwrap_or(u32::MAX))
            })
        };
        let s = segment;
        // One loop for each column, so that the choice is made once.
        match self.sort {
            TaskSort::Received => self.place_each(s, rows, &mut take, |at| {
                micros(s.received[at])
                    .or(micros(s.sent[at]))
                    .or_else(|| micros(s.timestamp(at)))
            }),
            TaskSort::Started => self.place_each(s, rows, &mut take, |at| micros(s.started[at])),
            TaskSort::Finished => self.place_each(s, rows, &mut take, |at| micros(s.finished[at])),
            TaskSort::Timestamp => {
                self.place_each(s, rows, &mut take, |at| micros(s.timestamp(at)))
            }
            TaskSort::Name => self.place_each(s, rows, &mut take, |at| ranked(s.name[at])),
            TaskSort::Worker => self.place_each(s, rows, &mut take, |at| ranked(s.worker[at])),
            TaskSort::Queue => self.place_each(s, rows, &mut take, |at| ranked(s.queue[at])),
            TaskSort::State => self.place_each(s, rows, &mut take, |at| {
                let rank = self.ranks.get(usize::from(s.state[at]));
                Some(u64::from(rank.copied().unwrap_or(u32::MAX)))
            }),
            TaskSort::Retries => {
                self.place_each(s, rows, &mut take, |at| Some(u64::from(s.retries[at])));
            }
            TaskSort::Wait => self.place_each(s, rows, &mut take, |at| s.wait_micros(at)),
            // Bits of a float that is not negative sort like the float.
            TaskSort::Runtime => self.place_each(s, rows, &mut take, |at| {
                s.has(at, flag::HAS_RUNTIME)
                    .then(|| s.runtime[at].max(0.0).to_bits())
            }),
        }
    }

    /// Rows without a value come last in either direction.
    fn place_each(
        &self,
        segment: &Segment,
        rows: &Bits,
        take: &mut impl FnMut(usize, Place),
        value: impl Fn(usize) -> Option<u64>,
    ) {
        for at in rows.iter() {
            let key = match value(at) {
                Some(value) if self.is_descending => (!value).saturating_sub(1),
                Some(value) => value,
                None => u64::MAX,
            };
            take(at, (key, !(segment.first + at as u64)));
        }
    }
}

fn state_ranks(tasks: &Tasks) -> Vec<u32> {
    let texts: Vec<String> = (0..=255)
        .map(|code| tasks.state_of(code).to_string())
        .collect();
    let mut order: Vec<usize> = (0..texts.len()).collect();
    order.sort_by(|a, b| texts[*a].cmp(&texts[*b]));
    let mut ranks = vec![0; texts.len()];
    let mut rank = 0;
    for (place, code) in order.iter().enumerate() {
        if place > 0 && texts[order[place - 1]] != texts[*code] {
            rank += 1;
        }
        ranks[*code] = rank;
    }
    ranks
}

/// Keeps the first places of all that are offered.
#[derive(Debug)]
pub(super) struct Best {
    size: usize,
    /// The worst place that is still among them, once there are enough.
    worst: Place,
    kept: Kept,
}

#[derive(Debug)]
enum Kept {
    Heap(BinaryHeap<Place>),
    All(Vec<Place>),
}

impl Best {
    pub(super) fn new(size: usize) -> Self {
        Self {
            size,
            worst: (u64::MAX, u64::MAX),
            kept: if size <= HEAP_LIMIT {
                Kept::Heap(BinaryHeap::with_capacity(size + 1))
            } else {
                Kept::All(Vec::new())
            },
        }
    }

    /// Returns an empty one of the same size.
    pub(super) fn another(&self) -> Self {
        Self::new(self.size)
    }

    /// Offers all that another one kept.
    pub(super) fn add(&mut self, other: Self) {
        let places = match other.kept {
            Kept::Heap(heap) => heap.into_vec(),
            Kept::All(all) => all,
        };
        for place in places {
            self.offer(place);
        }
    }

    /// Tells whether a place must be better than [`Self::worst`] to be kept.
    fn is_full(&self) -> bool {
        matches!(&self.kept, Kept::Heap(heap) if heap.len() == self.size)
    }

    #[inline]
    pub(super) fn offer(&mut self, place: Place) {
        if place < self.worst {
            self.keep(place);
        }
    }

    fn keep(&mut self, place: Place) {
        match &mut self.kept {
            Kept::All(all) => all.push(place),
            Kept::Heap(heap) => {
                heap.push(place);
                if heap.len() > self.size {
                    heap.pop();
                }
                if heap.len() == self.size {
                    self.worst = heap.peek().copied().unwrap_or((0, 0));
                }
            }
        }
    }

    /// Returns the places from `offset` on, in order.
    pub(super) fn into_window(self, offset: usize) -> Vec<Place> {
        match self.kept {
            Kept::Heap(heap) => {
                let mut window = heap.into_sorted_vec();
                window.drain(..offset.min(window.len()));
                window
            }
            Kept::All(mut all) => {
                // Only the window itself needs sorting.
                if self.size < all.len() {
                    all.select_nth_unstable(self.size);
                    all.truncate(self.size);
                }
                if offset >= all.len() {
                    return Vec::new();
                }
                if offset == 0 {
                    // All of a long list, which need not stand in memory twice.
                    all.sort_unstable();
                    return all;
                }
                let (_, first, rest) = all.select_nth_unstable(offset);
                let mut window = vec![*first];
                window.extend_from_slice(rest);
                window.sort_unstable();
                window
            }
        }
    }
}
