//! The order of a page: sort values as numbers, and the first few of many.

use super::{NO_TIME, Segment, Tasks, flag};
use crate::state::Names;
use model::{TaskQuery, TaskSort};
use std::collections::BinaryHeap;

/// Up to this window a heap of its size is cheaper than keeping every match.
const HEAP_LIMIT: usize = 4_096;

/// Where a row stands in the order; smaller comes first.
pub(super) type Place = (u64, u64);

/// Turns a row into a number that sorts as the query asks.
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
            TaskSort::State => {
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
            _ => Vec::new(),
        };
        Self {
            sort: query.sort,
            is_descending: query.is_descending,
            ranks,
        }
    }

    /// Rows without a value come last in either direction.
    pub(super) fn key(&self, segment: &Segment, at: usize) -> u64 {
        let micros = |time: i64| (time != NO_TIME).then_some(time as u64);
        let ranked = |id: u32| (id != 0).then(|| u64::from(self.ranks[id as usize]));
        let value = match self.sort {
            TaskSort::Received => micros(segment.received[at])
                .or(micros(segment.rest[at].sent))
                .or(micros(segment.timestamp[at])),
            TaskSort::Started => micros(segment.started[at]),
            TaskSort::Finished => micros(segment.finished[at]),
            TaskSort::Timestamp => micros(segment.timestamp[at]),
            TaskSort::Name => ranked(segment.name[at]),
            TaskSort::Worker => ranked(segment.worker[at]),
            TaskSort::Queue => ranked(segment.queue[at]),
            TaskSort::State => Some(u64::from(self.ranks[usize::from(segment.state[at])])),
            TaskSort::Retries => Some(u64::from(segment.retries[at])),
            TaskSort::Wait => micros(segment.started[at])
                .zip(micros(segment.received[at]))
                // As `TaskSummary::wait_seconds` has it; NO_TIME is the smallest time.
                .map(|(started, received)| {
                    let eta = segment.rest[at].eta.max(NO_TIME) as u64;
                    started.saturating_sub(received.max(eta))
                }),
            // Bits of a float that is not negative sort like the float.
            TaskSort::Runtime => segment
                .has(at, flag::HAS_RUNTIME)
                .then(|| segment.runtime[at].max(0.0).to_bits()),
        };
        match value {
            Some(value) if self.is_descending => (!value).saturating_sub(1),
            Some(value) => value,
            None => u64::MAX,
        }
    }
}

/// Keeps the first `size` places of all that are offered.
pub(super) enum Best {
    Heap(BinaryHeap<Place>, usize),
    All(Vec<Place>, usize),
}

impl Best {
    pub(super) fn new(size: usize) -> Self {
        if size <= HEAP_LIMIT {
            Self::Heap(BinaryHeap::with_capacity(size + 1), size)
        } else {
            Self::All(Vec::new(), size)
        }
    }

    pub(super) fn offer(&mut self, place: Place) {
        match self {
            Self::Heap(heap, size) => {
                if heap.len() < *size {
                    heap.push(place);
                } else if heap.peek().is_some_and(|worst| place < *worst) {
                    heap.pop();
                    heap.push(place);
                }
            }
            Self::All(all, _) => all.push(place),
        }
    }

    pub(super) fn into_sorted(self) -> Vec<Place> {
        match self {
            Self::Heap(heap, _) => heap.into_sorted_vec(),
            Self::All(mut all, size) => {
                if size < all.len() {
                    all.select_nth_unstable(size);
                    all.truncate(size);
                }
                all.sort_unstable();
                all
            }
        }
    }
}
