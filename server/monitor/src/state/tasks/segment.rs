//! A run of tasks that were first seen one after the other, stored by column.
//!
//! What filters and sorts read lies in columns of its own, so that a query
//! over a million tasks touches few bytes of each; the rest of a row is [`Rest`].

use super::text::{TextRef, Texts};

/// Stands for "no time" in a column.
pub(crate) const NO_TIME: i64 = 0;

/// Facts about a row that need one bit each.
pub(crate) mod flag {
    /// The id is not a UUID; its text is stored.
    pub(crate) const ODD_ID: u8 = 1;
    pub(crate) const HAS_ROOT: u8 = 1 << 1;
    /// `root` is not a UUID; its text is stored.
    pub(crate) const ODD_ROOT: u8 = 1 << 2;
    pub(crate) const HAS_PARENT: u8 = 1 << 3;
    /// `parent` is not a UUID; its text is stored.
    pub(crate) const ODD_PARENT: u8 = 1 << 4;
    pub(crate) const HAS_RUNTIME: u8 = 1 << 5;
    /// Earlier attempts or custom events are kept beside the segments.
    pub(crate) const HAS_PAST: u8 = 1 << 6;
}

/// Texts of a row, in the order of [`Rest::texts`].
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
    Client,
    Reason,
}

impl Field {
    pub(crate) const COUNT: usize = 10;
}

/// The part of a row that no filter reads.
#[derive(Clone, Debug)]
pub(crate) struct Rest {
    pub(crate) texts: [TextRef; Field::COUNT],
    pub(crate) root: u128,
    pub(crate) parent: u128,
    pub(crate) sent: i64,
    pub(crate) eta: i64,
    pub(crate) expires: i64,
    pub(crate) clock: u64,
    pub(crate) pid: u32,
    pub(crate) exchange: u32,
    pub(crate) routing_key: u32,
    pub(crate) delivery: u16,
}

/// A row outside its segment, on its way to another one.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) id: u128,
    pub(crate) flags: u8,
    pub(crate) state: u8,
    pub(crate) retries: u32,
    pub(crate) name: u32,
    pub(crate) worker: u32,
    pub(crate) queue: u32,
    pub(crate) received: i64,
    pub(crate) started: i64,
    pub(crate) finished: i64,
    pub(crate) timestamp: i64,
    pub(crate) runtime: f64,
    pub(crate) rest: Rest,
}

impl Row {
    pub(crate) fn new(id: u128, flags: u8) -> Self {
        Self {
            id,
            flags,
            state: 0,
            retries: 0,
            name: 0,
            worker: 0,
            queue: 0,
            received: NO_TIME,
            started: NO_TIME,
            finished: NO_TIME,
            timestamp: NO_TIME,
            runtime: 0.0,
            rest: Rest {
                texts: [TextRef::default(); Field::COUNT],
                root: 0,
                parent: 0,
                sent: NO_TIME,
                eta: NO_TIME,
                expires: NO_TIME,
                clock: 0,
                pid: 0,
                exchange: 0,
                routing_key: 0,
                delivery: 1,
            },
        }
    }
}

macro_rules! columns {
    ($($column:ident: $type:ty),+ $(,)?) => {
        /// The columns.
        #[derive(Debug)]
        pub(crate) struct Segment {
            /// Sequence number of the first row.
            pub(crate) first: u64,
            $(pub(crate) $column: Vec<$type>,)+
            pub(crate) texts: Texts,
        }

        impl Segment {
            pub(crate) fn new(first: u64, rows: usize) -> Self {
                Self {
                    first,
                    $($column: Vec::with_capacity(rows),)+
                    texts: Texts::default(),
                }
            }

            /// Appends a row; its texts must already be in `self.texts`.
            pub(crate) fn push(&mut self, row: Row) {
                $(self.$column.push(row.$column);)+
            }

            /// Returns a copy of a row; its texts stay here.
            pub(crate) fn row(&self, at: usize) -> Row {
                Row { $($column: self.$column[at].clone(),)+ }
            }
        }
    };
}

columns! {
    id: u128,
    flags: u8,
    state: u8,
    retries: u32,
    name: u32,
    worker: u32,
    queue: u32,
    received: i64,
    started: i64,
    finished: i64,
    timestamp: i64,
    runtime: f64,
    rest: Rest,
}

impl Segment {
    pub(crate) fn len(&self) -> usize {
        self.id.len()
    }

    pub(crate) fn has(&self, at: usize, flag: u8) -> bool {
        self.flags[at] & flag != 0
    }

    pub(crate) fn set(&mut self, at: usize, flag: u8, value: bool) {
        if value {
            self.flags[at] |= flag;
        } else {
            self.flags[at] &= !flag;
        }
    }

    pub(crate) fn text(&self, at: usize, field: Field) -> Option<&str> {
        self.texts.get(self.rest[at].texts[field as usize])
    }

    /// Stores a text unless the same one is there already.
    pub(crate) fn set_text(&mut self, at: usize, field: Field, text: &str) {
        if self.text(at, field) != Some(text) {
            self.rest[at].texts[field as usize] = self.texts.push(text);
        }
    }

    pub(crate) fn clear_text(&mut self, at: usize, field: Field) {
        self.rest[at].texts[field as usize] = TextRef::default();
    }
}
