//! A run of tasks that were first seen one after the other, stored by column.
//!
//! What filters and sorts read lies in columns of its own, so that a query
//! over a million tasks touches few bytes of each; the rest of a row is
//! [`Rest`], and what few tasks have is [`Aside`].

use super::{
    Past,
    text::{TextRef, Texts},
    unsaved::UnsavedRows,
};
use foldhash::fast::RandomState;
use std::collections::HashMap;

/// Stands for "no time" in a column.
pub(crate) const NO_TIME: i64 = 0;

/// Most rows of a segment: a row's number fits 16 bits, and a search of one
/// segment takes well under a millisecond, for which the writer may have to wait
/// as long as the segment is its own.
pub(crate) const MAX_ROWS: usize = 4_096;

/// Facts about a row that need one bit each.
pub(crate) mod flag {
    /// The id is not a UUID; its text is stored.
    pub(crate) const ODD_ID: u16 = 1;
    pub(crate) const HAS_ROOT: u16 = 1 << 1;
    /// The root is not a UUID; its text is stored.
    pub(crate) const ODD_ROOT: u16 = 1 << 2;
    pub(crate) const HAS_PARENT: u16 = 1 << 3;
    /// The parent is not a UUID; its text is stored.
    pub(crate) const ODD_PARENT: u16 = 1 << 4;
    pub(crate) const HAS_RUNTIME: u16 = 1 << 5;
    /// Earlier attempts or custom events are kept beside the columns.
    pub(crate) const HAS_PAST: u16 = 1 << 6;
    /// The task is its own root, as is every task that no other one sent.
    pub(crate) const IS_ROOT: u16 = 1 << 7;
    /// The task is its own parent, as is every retry.
    pub(crate) const IS_PARENT: u16 = 1 << 8;
    /// Workers were told to drop the task.
    pub(crate) const REVOKED: u16 = 1 << 9;
    /// The newest event told none of the row's times: its own is kept aside.
    pub(crate) const HAS_TIMESTAMP: u16 = 1 << 15;
}

/// Texts of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Id,
    Root,
    Parent,
    Args,
    Kwargs,
    Result,
    Exception,
    Traceback,
    Reason,
}

impl Field {
    pub(crate) const ALL: [Self; 9] = [
        Self::Id,
        Self::Root,
        Self::Parent,
        Self::Args,
        Self::Kwargs,
        Self::Result,
        Self::Exception,
        Self::Traceback,
        Self::Reason,
    ];
}

/// The part of a row that no common filter reads.
#[derive(Clone, Debug)]
pub(crate) struct Rest {
    pub(crate) clock: u64,
    pub(crate) pid: u32,
    /// The newest of the row's texts.
    texts: TextRef,
    pub(crate) delivery: u16,
    /// Place in the table of exchanges with routing keys; 0 if unknown.
    pub(crate) route: u16,
    /// Place among the segment's asides, from 1 on; 0 if it has none.
    aside: u16,
    /// Place among the segment's clients, from 1 on; 0 if unknown.
    client: u16,
}

/// What only tasks of workflows, with an ETA or with an expiry have.
#[derive(Clone, Debug, Default)]
pub(crate) struct Aside {
    row: u16,
    pub(crate) root: u128,
    pub(crate) parent: u128,
    pub(crate) eta: i64,
    pub(crate) expires: i64,
    timestamp: i64,
}

/// A row without its texts.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) id: u128,
    pub(crate) flags: u16,
    pub(crate) state: u8,
    pub(crate) sources: u8,
    pub(crate) retries: u32,
    pub(crate) name: u32,
    pub(crate) worker: u32,
    pub(crate) queue: u32,
    pub(crate) sent: i64,
    pub(crate) received: i64,
    pub(crate) started: i64,
    pub(crate) finished: i64,
    pub(crate) runtime: f64,
    pub(crate) rest: Rest,
}

impl Row {
    pub(crate) fn new(id: u128, flags: u16) -> Self {
        Self {
            id,
            flags,
            state: 0,
            sources: 0,
            retries: 0,
            name: 0,
            worker: 0,
            queue: 0,
            sent: NO_TIME,
            received: NO_TIME,
            started: NO_TIME,
            finished: NO_TIME,
            runtime: 0.0,
            rest: Rest {
                clock: 0,
                pid: 0,
                texts: TextRef::default(),
                delivery: 1,
                route: 0,
                aside: 0,
                client: 0,
            },
        }
    }
}

/// A row on its way to another segment, with all it has.
#[derive(Debug)]
pub(crate) struct Moving {
    pub(crate) row: Row,
    texts: Vec<(Field, Box<str>)>,
    aside: Option<Aside>,
    client: Option<Box<str>>,
    past: Option<Past>,
    pub(super) is_unsaved: bool,
}

macro_rules! columns {
    ($($column:ident: $type:ty),+ $(,)?) => {
        /// The columns.
        #[derive(Clone, Debug)]
        pub(crate) struct Segment {
            /// Sequence number of the first row.
            pub(crate) first: u64,
            /// Rows by state.
            pub(crate) counts: Box<[u32; 256]>,
            $(pub(crate) $column: Vec<$type>,)+
            pub(crate) texts: Texts,
            pub(super) unsaved: UnsavedRows,
            asides: Vec<Aside>,
            clients: Clients,
            /// Earlier attempts and custom events, by row.
            past: HashMap<u16, Past, RandomState>,
        }

        impl Segment {
            pub(crate) fn new(first: u64, rows: usize) -> Self {
                Self {
                    first,
                    counts: Box::new([0; 256]),
                    $($column: Vec::with_capacity(rows),)+
                    texts: Texts::default(),
                    unsaved: UnsavedRows::new(rows),
                    asides: Vec::new(),
                    clients: Clients::default(),
                    past: HashMap::default(),
                }
            }

            /// Appends a row, without texts.
            pub(crate) fn push(&mut self, row: Row) {
                self.counts[usize::from(row.state)] += 1;
                $(self.$column.push(row.$column);)+
            }

            fn row(&self, at: usize) -> Row {
                Row { $($column: self.$column[at].clone(),)+ }
            }
        }
    };
}

columns! {
    id: u128,
    flags: u16,
    state: u8,
    sources: u8,
    retries: u32,
    name: u32,
    worker: u32,
    queue: u32,
    sent: i64,
    received: i64,
    started: i64,
    finished: i64,
    runtime: f64,
    rest: Rest,
}

impl Segment {
    pub(crate) fn len(&self) -> usize {
        self.id.len()
    }

    pub(crate) fn has(&self, at: usize, flag: u16) -> bool {
        self.flags[at] & flag != 0
    }

    pub(crate) fn set(&mut self, at: usize, flag: u16, value: bool) {
        if value {
            self.flags[at] |= flag;
        } else {
            self.flags[at] &= !flag;
        }
    }

    // === Texts ===

    pub(crate) fn text(&self, at: usize, field: Field) -> Option<&str> {
        self.texts.get(self.rest[at].texts, field)
    }

    /// Stores a text unless the same one is there already.
    pub(crate) fn set_text(&mut self, at: usize, field: Field, text: &str) {
        let newest = self.rest[at].texts;
        match self.texts.get(newest, field) {
            Some(old) if old == text => return,
            Some(_) => self.texts.remove(newest, field),
            None => {}
        }
        if let Some(place) = self.texts.push(at as u16, field, newest, text) {
            self.rest[at].texts = place;
        }
    }

    pub(crate) fn clear_text(&mut self, at: usize, field: Field) {
        self.texts.remove(self.rest[at].texts, field);
    }

    // === What few rows have ===

    pub(crate) fn aside(&self, at: usize) -> Option<&Aside> {
        let place = usize::from(self.rest[at].aside).checked_sub(1)?;
        self.asides.get(place)
    }

    fn aside_mut(&mut self, at: usize) -> &mut Aside {
        let place = match usize::from(self.rest[at].aside).checked_sub(1) {
            Some(place) => place,
            None => {
                self.asides.push(Aside {
                    row: at as u16,
                    ..Aside::default()
                });
                // At most one a row, and rows are counted by 15 bits.
                self.rest[at].aside = self.asides.len() as u16;
                self.asides.len() - 1
            }
        };
        &mut self.asides[place]
    }

    pub(crate) fn eta(&self, at: usize) -> i64 {
        self.aside(at).map_or(NO_TIME, |aside| aside.eta)
    }

    pub(crate) fn set_eta(&mut self, at: usize, eta: i64) {
        if self.eta(at) != eta {
            self.aside_mut(at).eta = eta;
        }
    }

    pub(crate) fn expires(&self, at: usize) -> i64 {
        self.aside(at).map_or(NO_TIME, |aside| aside.expires)
    }

    pub(crate) fn set_expires(&mut self, at: usize, expires: i64) {
        if self.expires(at) != expires {
            self.aside_mut(at).expires = expires;
        }
    }

    /// Returns when the newest event of the task was sent.
    ///
    /// Nearly always that is one of the row's times; only otherwise it is kept.
    pub(crate) fn timestamp(&self, at: usize) -> i64 {
        let told = self.sent[at].max(self.received[at]);
        let told = told.max(self.started[at]).max(self.finished[at]);
        if self.has(at, flag::HAS_TIMESTAMP) {
            told.max(self.aside(at).map_or(NO_TIME, |aside| aside.timestamp))
        } else {
            told
        }
    }

    /// Notes an event that was sent at `time`.
    pub(crate) fn touch(&mut self, at: usize, time: i64) {
        if time > self.timestamp(at) {
            self.set(at, flag::HAS_TIMESTAMP, true);
            self.aside_mut(at).timestamp = time;
        }
    }

    /// Returns microseconds between received and started, less the time held
    /// for an ETA, as `TaskSummary::wait_seconds` has it.
    pub(crate) fn wait_micros(&self, at: usize) -> Option<u64> {
        let (received, started) = (self.received[at], self.started[at]);
        (received != NO_TIME && started != NO_TIME).then(|| {
            let ready = received.max(self.eta(at));
            u64::try_from(started.saturating_sub(ready)).unwrap_or(0)
        })
    }

    /// Returns the root's number, if a root was told.
    pub(crate) fn root(&self, at: usize) -> Option<u128> {
        if self.has(at, flag::IS_ROOT) {
            return Some(self.id[at]);
        }
        self.has(at, flag::HAS_ROOT)
            .then(|| self.aside(at).map_or(0, |aside| aside.root))
    }

    /// Stores the root's number; `odd` is its text if it is no UUID.
    pub(crate) fn set_root(&mut self, at: usize, root: u128, odd: Option<&str>) {
        let is_self = root == self.id[at];
        self.set(at, flag::HAS_ROOT, true);
        self.set(at, flag::IS_ROOT, is_self);
        self.set(at, flag::ODD_ROOT, odd.is_some());
        if !is_self {
            self.aside_mut(at).root = root;
            if let Some(odd) = odd {
                self.set_text(at, Field::Root, odd);
            }
        }
    }

    /// Returns the parent's number, if a parent was told.
    pub(crate) fn parent(&self, at: usize) -> Option<u128> {
        if self.has(at, flag::IS_PARENT) {
            return Some(self.id[at]);
        }
        self.has(at, flag::HAS_PARENT)
            .then(|| self.aside(at).map_or(0, |aside| aside.parent))
    }

    /// Returns the rows that name this task as their parent, in the order they were told.
    pub(crate) fn children_of(&self, parent: u128) -> impl Iterator<Item = usize> {
        self.asides
            .iter()
            .filter(move |aside| aside.parent == parent)
            .map(|aside| usize::from(aside.row))
            .filter(move |at| self.id[*at] != parent && self.parent(*at) == Some(parent))
    }

    /// Stores the parent's number; `odd` is its text if it is no UUID.
    pub(crate) fn set_parent(&mut self, at: usize, parent: u128, odd: Option<&str>) {
        let is_self = parent == self.id[at];
        self.set(at, flag::HAS_PARENT, true);
        self.set(at, flag::IS_PARENT, is_self);
        self.set(at, flag::ODD_PARENT, odd.is_some());
        if !is_self {
            self.aside_mut(at).parent = parent;
            if let Some(odd) = odd {
                self.set_text(at, Field::Parent, odd);
            }
        }
    }

    /// Returns the process that sent the task.
    pub(crate) fn client(&self, at: usize) -> Option<&str> {
        self.clients.text(self.rest[at].client)
    }

    pub(crate) fn set_client(&mut self, at: usize, client: &str) {
        self.rest[at].client = self.clients.number(client);
    }

    /// Returns earlier attempts and custom events.
    pub(super) fn past(&self, at: usize) -> Option<&Past> {
        // Most rows have none, which the column tells sooner than the table.
        if !self.has(at, flag::HAS_PAST) {
            return None;
        }
        self.past.get(&(at as u16))
    }

    /// Returns the same to add to.
    pub(super) fn past_mut(&mut self, at: usize) -> &mut Past {
        self.set(at, flag::HAS_PAST, true);
        self.past.entry(at as u16).or_default()
    }

    // === Moving ===

    /// Returns a copy of a row and all it has.
    pub(crate) fn moving(&self, at: usize) -> Moving {
        Moving {
            row: self.row(at),
            texts: Field::ALL
                .into_iter()
                .filter_map(|field| Some((field, self.text(at, field)?.into())))
                .collect(),
            aside: self.aside(at).cloned(),
            client: self.client(at).map(Box::from),
            past: self.past(at).cloned(),
            is_unsaved: self.unsaved.contains(at),
        }
    }

    /// Appends a row that comes from another segment.
    pub(crate) fn take(&mut self, moving: Moving) {
        let mut row = moving.row;
        row.rest.texts = TextRef::default();
        row.rest.aside = 0;
        self.push(row);
        let at = self.len() - 1;
        for (field, text) in &moving.texts {
            self.set_text(at, *field, text);
        }
        if let Some(aside) = moving.aside {
            *self.aside_mut(at) = Aside {
                row: at as u16,
                ..aside
            };
        }
        self.rest[at].client = moving
            .client
            .map_or(0, |client| self.clients.number(&client));
        if let Some(past) = moving.past {
            *self.past_mut(at) = past;
        }
        if moving.is_unsaved {
            self.unsaved.mark(at);
        }
    }

    /// Gives back what is not used; called when no new row and few new texts come.
    pub(crate) fn seal(&mut self) {
        self.texts.seal();
        self.asides.shrink_to_fit();
        self.past.shrink_to_fit();
    }

    /// Returns the bytes of all texts.
    pub(crate) fn text_bytes(&self) -> usize {
        self.texts.bytes() + self.clients.bytes
    }
}

/// The processes that sent the tasks of a segment: few, each of many tasks.
#[derive(Clone, Debug, Default)]
struct Clients {
    numbers: HashMap<Box<str>, u16, RandomState>,
    texts: Vec<Box<str>>,
    bytes: usize,
}

impl Clients {
    /// Returns the number of a client, from 1 on; 0 when there is no number left.
    fn number(&mut self, client: &str) -> u16 {
        if let Some(number) = self.numbers.get(client) {
            return *number;
        }
        let Ok(number) = u16::try_from(self.texts.len() + 1) else {
            return 0;
        };
        self.texts.push(client.into());
        self.numbers.insert(client.into(), number);
        self.bytes += 2 * client.len();
        number
    }

    fn text(&self, number: u16) -> Option<&str> {
        let place = usize::from(number).checked_sub(1)?;
        self.texts.get(place).map(|text| &**text)
    }
}
