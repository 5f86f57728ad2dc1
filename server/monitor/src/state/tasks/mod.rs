//! Every task in memory: columns in segments, an index by id, earlier
//! attempts beside them. Synchronous, reads no clock.
//!
//! `apply` holds the rules by which events change a task, `query` reads.

mod apply;
mod attempts;
mod bits;
mod border;
mod children;
mod look;
mod open;
mod order;
mod query;
pub(crate) mod repair;
mod restore;
mod revoked;
mod scan;
mod scanner;
mod search;
mod segment;
mod slot;
mod survey;
mod text;
mod unsaved;
mod uuid;
mod uuid_part;

pub(crate) use apply::Ended;
pub(crate) use children::Children;
pub(crate) use open::{Due, Sweep};
pub(crate) use query::clip_chars;
pub(crate) use scan::{Found, Scan, Step};
pub(crate) use survey::{Census, Column, Sample, Samples, Waiting};

use super::intern::Interner;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use model::{CustomEvent, TaskState, Timestamp};
use segment::{Field, MAX_ROWS, Moving, NO_TIME, Row, Segment, flag};
use slot::Slot;
use std::{
    collections::{HashMap, VecDeque},
    hash::BuildHasher,
};
use uuid::{parse_uuid, write_uuid};

/// Codes of Celery's own states are their places in [`TaskState::BUILT_IN`];
/// custom states follow.
pub(crate) mod code {
    pub(crate) const PENDING: u8 = 0;
    pub(crate) const RECEIVED: u8 = 1;
    pub(crate) const STARTED: u8 = 2;
    pub(crate) const SUCCESS: u8 = 3;
    pub(crate) const FAILURE: u8 = 4;
    pub(crate) const RETRY: u8 = 5;
    pub(crate) const REVOKED: u8 = 6;
    pub(crate) const REJECTED: u8 = 7;
    pub(crate) const ORPHANED: u8 = 8;
    pub(crate) const UNKNOWN: u8 = 9;
    pub(crate) const FIRST_CUSTOM: u8 = 10;
}

/// Most earlier attempts kept of one task.
const MAX_PAST: usize = 50;

/// Most custom events kept of one task.
const MAX_CUSTOM: usize = 20;

/// An attempt that is no longer the current one.
#[derive(Clone, Debug)]
struct PastAttempt {
    state: u8,
    retries: u32,
    delivery: u16,
    worker: u32,
    pid: u32,
    sent: i64,
    received: i64,
    started: i64,
    finished: i64,
    eta: i64,
    runtime: Option<f64>,
    exception: Option<Box<str>>,
    traceback: Option<Box<str>>,
    reason: Option<Box<str>>,
}

/// What only some tasks have.
#[derive(Clone, Debug, Default)]
struct Past {
    attempts: VecDeque<PastAttempt>,
    dropped: u32,
    custom: VecDeque<CustomEvent>,
}

/// The tasks.
#[derive(Debug)]
pub(crate) struct Tasks {
    segments: VecDeque<Slot>,
    rows_per_segment: usize,
    max_tasks: usize,
    /// Sequence number of the next row.
    next: u64,
    /// Sequence numbers by id; their low 32 bits, which tell rows in memory apart.
    index: HashTable<u32>,
    hasher: RandomState,
    odd_hasher: std::hash::RandomState,
    custom_states: Interner,
    routes: Routes,
    counts: [u64; 256],
    evicted: u64,
    evicted_running: u64,
    /// Whether a store saves what changes.
    is_saved: bool,
    lost_to_history: u64,
    border: border::Border,
    /// Running tasks that take far longer than usual, and the usual time in seconds.
    slow: HashMap<u64, f64>,
}

impl Tasks {
    pub(crate) fn new(max_tasks: usize) -> Self {
        let max_tasks = max_tasks.clamp(100, u32::MAX as usize / 2);
        Self {
            segments: VecDeque::new(),
            rows_per_segment: (max_tasks / 32).clamp(16, MAX_ROWS),
            max_tasks,
            next: 1,
            // Growing the index later would rehash it all under the write lock.
            index: HashTable::with_capacity(max_tasks),
            hasher: RandomState::default(),
            odd_hasher: std::hash::RandomState::new(),
            custom_states: Interner::new(),
            routes: Routes::default(),
            counts: [0; 256],
            evicted: 0,
            evicted_running: 0,
            is_saved: false,
            lost_to_history: 0,
            border: border::Border::default(),
            slow: HashMap::new(),
        }
    }

    /// Returns how many tasks there are.
    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    /// Returns the sequence number of the newest task, 0 if there never was one.
    pub(crate) fn latest(&self) -> u64 {
        self.next - 1
    }

    /// Returns how many tasks were forgotten to make room: all, and those that had not ended.
    pub(crate) fn evicted(&self) -> (u64, u64) {
        (self.evicted, self.evicted_running)
    }

    /// Returns how many tasks are in a state.
    pub(crate) fn count(&self, code: u8) -> u64 {
        self.counts[usize::from(code)]
    }

    /// Returns the bytes of all stored texts.
    pub(crate) fn text_bytes(&self) -> usize {
        self.segments.iter().map(|s| s.text_bytes()).sum()
    }

    pub(crate) fn state_of(&self, code: u8) -> TaskState {
        match TaskState::BUILT_IN.get(usize::from(code)) {
            Some(state) => state.clone(),
            None => {
                let id = u32::from(code - code::FIRST_CUSTOM) + 1;
                match self.custom_states.text(id) {
                    Some(name) => TaskState::Custom(name.clone()),
                    None => TaskState::Started,
                }
            }
        }
    }

    /// Returns how many codes of states are in use.
    fn state_codes(&self) -> usize {
        // The interner counts "no text", too.
        let custom = self.custom_states.len() - 1;
        (usize::from(code::FIRST_CUSTOM) + custom).min(256)
    }

    fn code_of(&self, state: &TaskState) -> Option<u8> {
        match state {
            TaskState::Custom(name) => {
                let id = self.custom_states.find(name)?;
                u8::try_from(id - 1).ok()?.checked_add(code::FIRST_CUSTOM)
            }
            known => TaskState::BUILT_IN
                .iter()
                .position(|state| state == known)
                .and_then(|place| u8::try_from(place).ok()),
        }
    }

    /// Returns the code of a custom state; when 240 are in use, a further one
    /// counts as STARTED, which it is too.
    fn custom_code(&mut self, name: &str) -> u8 {
        const MOST: usize = 240;
        if self.custom_states.find(name).is_none() && self.custom_states.texts().count() >= MOST {
            return code::STARTED;
        }
        let id = self.custom_states.intern(name);
        u8::try_from(id - 1)
            .ok()
            .and_then(|place| place.checked_add(code::FIRST_CUSTOM))
            .unwrap_or(code::STARTED)
    }

    /// Returns the number that stands for an id, and whether it is no UUID.
    ///
    /// Other ids are legal (`apply_async(task_id="…")`); they are known by a
    /// keyed hash, and their text is stored with the row.
    fn key(&self, id: &str) -> (u128, bool) {
        match parse_uuid(id) {
            Some(number) => (number, false),
            None => {
                let high = self.odd_hasher.hash_one((id, 1u8));
                let low = self.odd_hasher.hash_one((id, 2u8));
                ((u128::from(high) << 64) | u128::from(low), true)
            }
        }
    }

    fn hash(&self, key: u128) -> u64 {
        self.hasher.hash_one(key)
    }

    /// Returns the whole sequence number of one whose low 32 bits are given.
    fn widen(&self, low: u32) -> u64 {
        let first = self.segments.front().map_or(self.next, |s| s.first);
        first + u64::from(low.wrapping_sub(first as u32))
    }

    fn place(&self, sequence: u64) -> (usize, usize) {
        let first = self.segments.front().map_or(0, |s| s.first);
        let distance = (sequence - first) as usize;
        (
            distance / self.rows_per_segment,
            distance % self.rows_per_segment,
        )
    }

    fn find_key(&self, key: u128) -> Option<u64> {
        let low = self.index.find(self.hash(key), |low| {
            let (segment, at) = self.place(self.widen(*low));
            self.segments[segment].id[at] == key
        })?;
        Some(self.widen(*low))
    }

    /// Returns the sequence number of a task.
    pub(crate) fn find(&self, id: &str) -> Option<u64> {
        self.find_key(self.key(id).0)
    }

    /// Returns the row of a task, making it if it is new.
    fn find_or_insert(&mut self, id: &str) -> (u64, bool) {
        let (key, is_odd) = self.key(id);
        if let Some(sequence) = self.find_key(key) {
            return (sequence, false);
        }
        let flags = if is_odd { flag::ODD_ID } else { 0 };
        self.make_room();
        let sequence = self.append(key, Row::new(key, flags).state, |segment| {
            segment.push(Row::new(key, flags));
            if is_odd {
                segment.set_text(segment.len() - 1, Field::Id, id);
            }
        });
        (sequence, true)
    }

    /// Appends what `push` puts at the end of the last segment, and indexes it.
    fn append(&mut self, key: u128, state: u8, push: impl FnOnce(&mut Segment)) -> u64 {
        self.open_if_full();
        let sequence = self.next;
        self.next += 1;
        self.counts[usize::from(state)] += 1;
        if let Some(segment) = self.segments.back_mut() {
            push(segment);
        }
        let hash = self.hash(key);
        let Self {
            index,
            segments,
            hasher,
            rows_per_segment,
            ..
        } = self;
        let first = segments.front().map_or(sequence, |s| s.first);
        index.insert_unique(hash, sequence as u32, |low| {
            let distance = low.wrapping_sub(first as u32) as usize;
            let segment = &segments[distance / *rows_per_segment];
            hasher.hash_one(segment.id[distance % *rows_per_segment])
        });
        sequence
    }

    /// Sees to it that the last segment has room for one row.
    fn make_room(&mut self) {
        let is_full = self
            .segments
            .back()
            .is_none_or(|segment| segment.len() >= self.rows_per_segment);
        if !is_full {
            return;
        }
        let mut kept: VecDeque<Moving> = VecDeque::new();
        while self.len() + kept.len() + self.rows_per_segment > self.max_tasks {
            let Some(segment) = self.segments.pop_front() else {
                break;
            };
            self.evict(&segment, &mut kept);
        }
        // Whatever is left over has not ended and yet finds no room.
        while self.len() + kept.len() + self.rows_per_segment > self.max_tasks
            && let Some(moving) = kept.pop_front()
        {
            self.lost_to_history += u64::from(self.is_saved && moving.is_unsaved);
            self.evicted += 1;
            self.evicted_running += 1;
        }
        for moving in kept {
            let (key, state) = (moving.row.id, moving.row.state);
            self.append(key, state, |segment| segment.take(moving));
        }
        self.open_if_full();
    }

    fn open_if_full(&mut self) {
        let is_full = self
            .segments
            .back()
            .is_none_or(|segment| segment.len() >= self.rows_per_segment);
        if is_full {
            let segment = Segment::new(self.next, self.rows_per_segment);
            self.segments.push_back(Slot::new(segment));
        }
    }

    /// Takes a whole segment out of the index; its running tasks go to `kept`.
    fn evict(&mut self, segment: &Segment, kept: &mut VecDeque<Moving>) {
        for at in 0..segment.len() {
            let sequence = segment.first + at as u64;
            let hash = self.hash(segment.id[at]);
            if let Ok(entry) = self.index.find_entry(hash, |low| *low == sequence as u32) {
                entry.remove();
            }
            let state = segment.state[at];
            self.counts[usize::from(state)] -= 1;
            // Those that are kept for now may find no room.
            self.note_forgotten(segment, at);
            if is_held_by_a_worker(state) {
                kept.push_back(segment.moving(at));
            } else {
                self.evicted += 1;
                let is_lost = self.is_saved && segment.unsaved.contains(at);
                self.lost_to_history += u64::from(is_lost);
            }
        }
    }

    /// Lets searches go through segments without the lock in which little is
    /// left to change; called now and then.
    pub(crate) fn settle(&mut self) {
        let full = self.rows_per_segment;
        // The last one is filled still.
        for slot in &mut self.segments {
            if slot.len() >= full {
                slot.settle();
            }
        }
    }

    /// Returns where a task's row is, unless it is gone.
    fn row(&self, sequence: u64) -> Option<(&Segment, usize)> {
        let is_there = self.segments.front().is_some_and(|s| s.first <= sequence);
        (is_there && sequence < self.next).then(|| self.segment(sequence))
    }

    fn segment(&self, sequence: u64) -> (&Segment, usize) {
        let (segment, at) = self.place(sequence);
        (&self.segments[segment], at)
    }

    /// Returns the newest segment that begins before this sequence number.
    fn newest_before(&self, sequence: u64) -> Option<&Slot> {
        let next = self.segments.partition_point(|s| s.first < sequence);
        self.segments.get(next.checked_sub(1)?)
    }

    /// Returns the oldest segment that begins at this sequence number or later.
    fn oldest_from(&self, sequence: u64) -> Option<&Slot> {
        let next = self.segments.partition_point(|s| s.first < sequence);
        self.segments.get(next)
    }

    /// Returns where a task's row is, to be changed: the store is to have it again.
    fn segment_mut(&mut self, sequence: u64) -> (&mut Segment, usize) {
        let (segment, at) = self.place(sequence);
        let segment = &mut self.segments[segment];
        segment.unsaved.mark(at);
        (segment, at)
    }

    fn set_state(&mut self, sequence: u64, state: u8) {
        let (segment, at) = self.segment_mut(sequence);
        let old = std::mem::replace(&mut segment.state[at], state);
        segment.counts[usize::from(old)] -= 1;
        segment.counts[usize::from(state)] += 1;
        self.counts[usize::from(old)] -= 1;
        self.counts[usize::from(state)] += 1;
    }
}

/// Exchanges with routing keys: few pairs, each of many tasks.
#[derive(Debug)]
struct Routes {
    numbers: HashMap<(u32, u32), u16, RandomState>,
    pairs: Vec<(u32, u32)>,
}

impl Default for Routes {
    fn default() -> Self {
        Self {
            numbers: HashMap::default(),
            // Number 0 is an unknown route.
            pairs: vec![(0, 0)],
        }
    }
}

impl Routes {
    /// Returns the number of a pair; 0 when 65,535 of them are in use.
    fn number(&mut self, exchange: u32, routing_key: u32) -> u16 {
        if let Some(number) = self.numbers.get(&(exchange, routing_key)) {
            return *number;
        }
        let Ok(number) = u16::try_from(self.pairs.len()) else {
            return 0;
        };
        self.pairs.push((exchange, routing_key));
        self.numbers.insert((exchange, routing_key), number);
        number
    }

    fn pair(&self, number: u16) -> (u32, u32) {
        self.pairs
            .get(usize::from(number))
            .copied()
            .unwrap_or((0, 0))
    }
}

/// Tells whether forgetting such a task would lose sight of work that goes on.
fn is_held_by_a_worker(state: u8) -> bool {
    matches!(state, code::RECEIVED | code::STARTED | code::RETRY) || state >= code::FIRST_CUSTOM
}

fn time(micros: i64) -> Option<Timestamp> {
    (micros != NO_TIME).then_some(Timestamp(micros))
}
