//! The merge rule as SQL: what of a stored row stays when another record of the
//! same task comes. Both dialects know all that it takes.
//!
//! Several dashboards write the same task, each what it heard, in any order;
//! what is stored in the end must be the same.

use std::cmp::Ordering;

/// How a column goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// As the newer record says.
    Newest,
    /// It describes the task as a whole: a record that leaves it out, such as
    /// that of a task which was forgotten and is heard of again, takes nothing away.
    Whole,
    /// Likewise while the retry is the same.
    OfRetry,
    /// Likewise while retry and delivery are the same.
    OfAttempt,
    /// Grows: of two records of an older time the longer text stands.
    Grows,
    /// What it is follows from other columns.
    Time,
    /// Bits of `state/tasks/repair.rs`.
    Sources,
    /// Bits of [`super::row::flag`].
    Flags,
}

/// Bits of `sources` that say where anything came from; the others tell of the newest attempt.
const ORIGINS: u8 = 0b1000_1111;

/// Bits of `flags` that hold for ever: the task is its own root or parent.
const LASTING_FLAGS: i64 = super::row::flag::IS_ROOT | super::row::flag::IS_PARENT;

/// The columns that a newer record may change.
const COLUMNS: &[(&str, Rule)] = &[
    ("time", Rule::Time),
    ("state", Rule::Newest),
    ("name", Rule::Whole),
    ("worker", Rule::Newest),
    ("queue", Rule::Whole),
    ("retries", Rule::Newest),
    ("delivery", Rule::Newest),
    ("sent", Rule::OfRetry),
    ("received", Rule::OfAttempt),
    ("started", Rule::OfAttempt),
    ("finished", Rule::Newest),
    ("runtime", Rule::Newest),
    ("eta", Rule::Newest),
    ("expires", Rule::Whole),
    ("timestamp", Rule::Newest),
    ("progress", Rule::Newest),
    ("clock", Rule::Whole),
    ("pid", Rule::Newest),
    ("exchange", Rule::Whole),
    ("routing_key", Rule::Whole),
    ("client", Rule::Whole),
    ("flags", Rule::Flags),
    ("sources", Rule::Sources),
    ("root", Rule::Whole),
    ("parent", Rule::Whole),
    ("retry_of", Rule::Whole),
    ("args", Rule::Whole),
    ("kwargs", Rule::Whole),
    ("result", Rule::Newest),
    ("exception", Rule::Newest),
    ("traceback", Rule::Newest),
    ("reason", Rule::Newest),
    ("past", Rule::Grows),
];

/// Writes the merge for a dialect.
#[derive(Clone, Copy, Debug)]
pub(super) struct Merge {
    /// What precedes the name of a column of the new record.
    pub(super) new: &'static str,
    /// What precedes the name of a column of the stored row.
    pub(super) old: &'static str,
    /// Columns that only this dialect has, which describe the task as a whole.
    pub(super) whole: &'static [&'static str],
}

impl Merge {
    /// Returns every column with its value after a record that is newer than the
    /// stored row, as new, or older.
    pub(super) fn values(self, record: Ordering) -> Vec<(&'static str, String)> {
        let own = self.whole.iter().map(|column| (*column, Rule::Whole));
        let all = COLUMNS.iter().copied().chain(own);
        all.map(|(column, rule)| (column, self.value(column, rule, record)))
            .collect()
    }

    fn value(self, column: &str, rule: Rule, record: Ordering) -> String {
        use Ordering::{Equal, Greater, Less};
        let new = format!("{}{column}", self.new);
        let old = format!("{}{column}", self.old);
        let either = match record {
            Greater | Equal => format!("coalesce({new}, {old})"),
            Less => format!("coalesce({old}, {new})"),
        };
        match (rule, record) {
            (Rule::Newest, Greater) => new,
            (Rule::Newest, Less) => old,
            (Rule::Newest, Equal) | (Rule::Whole, _) | (Rule::Grows, Greater) => either,
            (Rule::Grows, Equal | Less) => format!(
                "CASE WHEN length({new}) > coalesce(length({old}), 0) THEN {new} ELSE {old} END"
            ),
            (Rule::OfRetry | Rule::OfAttempt, _) => {
                let (standing, same) = (
                    if record == Less { &old } else { &new },
                    match rule {
                        Rule::OfRetry => format!("{0}retries = {1}retries", self.old, self.new),
                        _ => format!("{0}progress >> 4 = {1}progress >> 4", self.old, self.new),
                    },
                );
                format!("CASE WHEN {same} THEN {either} ELSE {standing} END")
            }
            (Rule::Time, _) => format!(
                "coalesce({}, {}, {})",
                self.value("received", Rule::OfAttempt, record),
                self.value("sent", Rule::OfRetry, record),
                self.value("timestamp", Rule::Newest, record),
            ),
            (Rule::Sources, Greater) => format!("(({old} & {ORIGINS}) | {new})"),
            (Rule::Sources, Less) => format!("({old} | ({new} & {ORIGINS}))"),
            // What one of them heard by an event was told by one.
            (Rule::Sources, Equal) => format!("((({old} | {new}) & {ORIGINS}) | ({old} & {new}))"),
            (Rule::Flags, Greater) => format!("({new} | ({old} & {LASTING_FLAGS}))"),
            (Rule::Flags, Less) => format!("({old} | ({new} & {LASTING_FLAGS}))"),
            (Rule::Flags, Equal) => format!("({old} | {new})"),
        }
    }
}
