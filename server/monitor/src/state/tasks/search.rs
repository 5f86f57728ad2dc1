//! Searches over columns: which rows of a segment match.
//!
//! Whether a search matches is defined row by row in [`model::search`]; here
//! the same is found a segment at a time: texts by [`Look`], numbers and times
//! by their columns, and what neither can answer is asked row by row, of the
//! rows that are still in question.

use super::{
    NO_TIME, Segment, Tasks,
    bits::Bits,
    flag,
    look::{Look, Matched},
    segment::Field,
    time,
};
use crate::state::Names;
use model::{
    Timestamp,
    search::{NumberField, SearchExpression, SearchField, SearchFields, SearchTerm, TimeField},
};

/// The times of a search are resolved before it comes here, so that all rows
/// are compared with the same ones.
const RESOLVED: Timestamp = Timestamp(0);

/// A search, ready to be run on one segment after the other.
///
/// It is run without the state: what it needs of the tables of names it must
/// [`learn`](Self::learn) before each segment.
#[derive(Clone, Debug)]
pub(super) enum Plan {
    All,
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Term(Box<PlannedTerm>),
}

/// A condition and what was found out about it.
#[derive(Clone, Debug)]
pub(super) struct PlannedTerm {
    term: SearchTerm,
    /// Where to look for the text; absent if columns or rows must be asked.
    look: Option<Look>,
    /// Rows in which the text was found must be asked whether they match.
    is_hint: bool,
}

impl Plan {
    pub(super) fn new(search: &SearchExpression) -> Self {
        let all = |parts: &[SearchExpression]| {
            let mut parts: Vec<Self> = parts.iter().map(Self::new).collect();
            parts.sort_by_key(Self::cost);
            parts
        };
        match search {
            SearchExpression::All => Self::All,
            SearchExpression::And(parts) => Self::And(all(parts)),
            SearchExpression::Or(parts) => Self::Or(all(parts)),
            SearchExpression::Not(inner) => Self::Not(Box::new(Self::new(inner))),
            SearchExpression::Term(term) => Self::Term(Box::new(PlannedTerm::new(term))),
        }
    }

    fn cost(&self) -> u32 {
        match self {
            Self::All => 0,
            Self::And(parts) | Self::Or(parts) => parts.iter().map(Self::cost).sum(),
            Self::Not(inner) => inner.cost(),
            Self::Term(term) => match (&term.look, &term.term) {
                (Some(look), _) => look.cost(),
                (None, SearchTerm::Number(..) | SearchTerm::Time(..)) => 0,
                (None, _) => 4,
            },
        }
    }

    /// Tells whether texts of tasks must be read.
    pub(super) fn reads_texts(&self) -> bool {
        match self {
            Self::All => false,
            Self::And(parts) | Self::Or(parts) => parts.iter().any(Self::reads_texts),
            Self::Not(inner) => inner.reads_texts(),
            Self::Term(term) => match (&term.look, &term.term) {
                (Some(look), _) => look.reads_texts(),
                (None, term) => !matches!(term, SearchTerm::Number(..) | SearchTerm::Time(..)),
            },
        }
    }

    /// Takes note of names that came since it was asked last.
    pub(super) fn learn(&mut self, tasks: &Tasks, names: &Names) {
        match self {
            Self::All => {}
            Self::And(parts) | Self::Or(parts) => {
                parts.iter_mut().for_each(|part| part.learn(tasks, names));
            }
            Self::Not(inner) => inner.learn(tasks, names),
            Self::Term(term) => {
                if let Some(look) = &mut term.look {
                    look.learn(tasks, names);
                }
            }
        }
    }

    /// Returns the rows of `within` that match.
    pub(super) fn matches(&self, segment: &Segment, within: &Bits) -> Bits {
        match self {
            Self::All => within.clone(),
            Self::And(parts) => {
                let mut found = within.clone();
                for part in parts {
                    if found.is_empty() {
                        break;
                    }
                    found = part.matches(segment, &found);
                }
                found
            }
            Self::Or(parts) => {
                let mut found = Bits::none(segment.len());
                let mut open = within.clone();
                for part in parts {
                    let more = part.matches(segment, &open);
                    open.subtract(&more);
                    found.add(&more);
                }
                found
            }
            Self::Not(inner) => {
                let mut found = within.clone();
                found.subtract(&inner.matches(segment, within));
                found
            }
            Self::Term(term) => term.matches(segment, within),
        }
    }
}

impl PlannedTerm {
    fn new(term: &SearchTerm) -> Self {
        let look = match term {
            SearchTerm::Any { fields, needle } => Some(Look::new(needle, fields, Matched::Part)),
            SearchTerm::Contains(field, needle) => {
                Some(Look::new(needle, &[*field], Matched::Part))
            }
            SearchTerm::Equals(field, needle) => Some(Look::new(needle, &[*field], Matched::Whole)),
            SearchTerm::Path(path) => path
                .prefilter()
                .map(|needle| Look::new(needle, &[path.field()], Matched::Part)),
            SearchTerm::Number(..) | SearchTerm::Time(..) => None,
        };
        Self {
            term: term.clone(),
            look,
            is_hint: matches!(term, SearchTerm::Path(_)),
        }
    }

    fn matches(&self, segment: &Segment, within: &Bits) -> Bits {
        let mut found = match &self.look {
            Some(look) => look.matches(segment, within),
            None => within.clone(),
        };
        if self.look.is_some() && !self.is_hint {
            return found;
        }
        match &self.term {
            SearchTerm::Number(field, range) => {
                let (low, high) = range.limits();
                let is_within = |number: f64| low <= number && number <= high;
                match field {
                    NumberField::Retries => {
                        found.keep(&segment.retries, |retries| is_within(f64::from(*retries)));
                    }
                    NumberField::Runtime | NumberField::Wait => found
                        .keep_each(|at| segment_number(segment, at, *field).is_some_and(is_within)),
                }
            }
            SearchTerm::Time(field, range) => {
                let (first, last) = range.limits(RESOLVED);
                let is_within =
                    |time: &i64| *time != NO_TIME && first.0 <= *time && *time <= last.0;
                match field {
                    TimeField::Sent => found.keep(&segment.sent, is_within),
                    TimeField::Received => found.keep(&segment.received, is_within),
                    TimeField::Started => found.keep(&segment.started, is_within),
                    TimeField::Finished => found.keep(&segment.finished, is_within),
                    TimeField::Eta => found.keep_each(|at| is_within(&segment.eta(at))),
                }
            }
            term => found.keep_each(|at| term.matches(&RowText { segment, at }, RESOLVED)),
        }
        found
    }
}

fn segment_number(segment: &Segment, at: usize, field: NumberField) -> Option<f64> {
    match field {
        NumberField::Retries => Some(f64::from(segment.retries[at])),
        NumberField::Runtime => segment
            .has(at, flag::HAS_RUNTIME)
            .then(|| segment.runtime[at]),
        NumberField::Wait => Some(segment.wait_micros(at)? as f64 / 1e6),
    }
}

/// A row's own texts. Its names are not among them: [`Look`] compares each
/// name once, and never asks a row.
pub(super) struct RowText<'s> {
    pub(super) segment: &'s Segment,
    pub(super) at: usize,
}

impl SearchFields for RowText<'_> {
    fn with(&self, field: SearchField, test: &mut dyn FnMut(&str) -> bool) -> bool {
        let (segment, at) = (self.segment, self.at);
        let mut buffer = [0; 36];
        let text = match field {
            SearchField::Id => Some(Tasks::id_text(segment, at, &mut buffer)),
            SearchField::Root => Tasks::root_text(segment, at, &mut buffer),
            SearchField::Parent => Tasks::parent_text(segment, at, &mut buffer),
            SearchField::State | SearchField::Name | SearchField::Worker | SearchField::Queue => {
                debug_assert!(false, "names are not looked up row by row");
                None
            }
            SearchField::Args => segment.text(at, Field::Args),
            SearchField::Kwargs => segment.text(at, Field::Kwargs),
            SearchField::Result => segment.text(at, Field::Result),
            // What the task's page shows: the newest attempt's, else the last one that there is.
            SearchField::Exception => Tasks::last_words(segment, at, Field::Exception),
            SearchField::Traceback => Tasks::last_words(segment, at, Field::Traceback),
        };
        text.is_some_and(test)
    }

    fn number(&self, field: NumberField) -> Option<f64> {
        segment_number(self.segment, self.at, field)
    }

    fn time(&self, field: TimeField) -> Option<Timestamp> {
        let (segment, at) = (self.segment, self.at);
        time(match field {
            TimeField::Sent => segment.sent[at],
            TimeField::Received => segment.received[at],
            TimeField::Started => segment.started[at],
            TimeField::Finished => segment.finished[at],
            TimeField::Eta => segment.eta(at),
        })
    }
}
