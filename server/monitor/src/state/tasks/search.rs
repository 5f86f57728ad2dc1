//! Searches over columns and blocks of text.
//!
//! Whether a search matches is defined row by row in [`model::search`]; here
//! the same is found a segment at a time. Names are compared once each and not
//! once a row, texts are searched as the blocks they lie in, and what neither
//! way can answer is asked row by row, of the rows that are still in question.

use super::{
    NO_TIME, Segment, Tasks,
    bits::Bits,
    flag,
    segment::Field,
    text::{FieldSet, Header},
    time, write_uuid,
};
use crate::state::{Names, intern::Interner};
use memchr::memmem;
use model::{
    Timestamp,
    search::{
        Needle, NumberField, SearchExpression, SearchField, SearchFields, SearchTerm, TimeField,
    },
};

/// From one row in this many on, whole blocks are searched instead of rows.
const SPARSE: usize = 32;

/// The times of a search are resolved before it comes here, so that all rows
/// are compared with the same ones.
const RESOLVED: Timestamp = Timestamp(0);

/// A search, ready to be run on one segment after the other.
#[derive(Debug)]
pub(super) enum Plan {
    All,
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Term(Box<PlannedTerm>),
}

/// A condition and what was found out about it.
#[derive(Debug)]
pub(super) struct PlannedTerm {
    term: SearchTerm,
    /// Where to look for the text; absent if columns or rows must be asked.
    look: Option<Look>,
    /// Rows in which the text was found must be asked whether they match.
    is_hint: bool,
}

/// A text to look for, and where.
#[derive(Debug)]
struct Look {
    needle: Needle,
    finder: memmem::Finder<'static>,
    names: Option<Hits>,
    workers: Option<Hits>,
    queues: Option<Hits>,
    states: Option<Box<[bool; 256]>>,
    texts: FieldSet,
    /// Ids that are UUIDs are written out and looked through.
    has_ids: bool,
    /// Fields that a row without its own text takes from an earlier attempt.
    past: Vec<SearchField>,
}

/// For each interned text, whether it matches; grows with the table.
#[derive(Debug, Default)]
struct Hits(Vec<bool>);

impl Hits {
    fn update(&mut self, interner: &Interner, needle: &Needle) {
        for id in self.0.len()..interner.len() {
            let text = interner.text(id as u32).map_or("", |text| text);
            self.0.push(needle.is_in(text));
        }
    }

    fn has(&self, id: u32) -> bool {
        self.0.get(id as usize).copied().unwrap_or(false)
    }

    fn has_any(&self) -> bool {
        self.0.contains(&true)
    }
}

/// Buffers for one search.
#[derive(Debug, Default)]
pub(super) struct Folded(Vec<u8>);

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
                (Some(look), _) => u32::from(look.has_ids) + 2 * u32::from(!look.texts.is_empty()),
                (None, SearchTerm::Number(..) | SearchTerm::Time(..)) => 0,
                (None, _) => 4,
            },
        }
    }

    /// Returns the rows of `within` that match.
    pub(super) fn matches(
        &mut self,
        tasks: &Tasks,
        names: &Names,
        segment: &Segment,
        within: &Bits,
        folded: &mut Folded,
    ) -> Bits {
        match self {
            Self::All => within.clone(),
            Self::And(parts) => {
                let mut found = within.clone();
                for part in parts {
                    if found.is_empty() {
                        break;
                    }
                    found = part.matches(tasks, names, segment, &found, folded);
                }
                found
            }
            Self::Or(parts) => {
                let mut found = Bits::none(segment.len());
                let mut open = within.clone();
                for part in parts {
                    let more = part.matches(tasks, names, segment, &open, folded);
                    open.subtract(&more);
                    found.add(&more);
                }
                found
            }
            Self::Not(inner) => {
                let mut found = within.clone();
                found.subtract(&inner.matches(tasks, names, segment, within, folded));
                found
            }
            Self::Term(term) => term.matches(tasks, names, segment, within, folded),
        }
    }
}

impl PlannedTerm {
    fn new(term: &SearchTerm) -> Self {
        let look = match term {
            SearchTerm::Any { fields, needle } => Some(Look::new(needle, fields)),
            SearchTerm::Contains(SearchField::Root | SearchField::Parent, _) => None,
            SearchTerm::Contains(field, needle) => Some(Look::new(needle, &[*field])),
            SearchTerm::Path(path) => path
                .prefilter()
                .map(|needle| Look::new(needle, &[path.field()])),
            _ => None,
        };
        Self {
            term: term.clone(),
            look,
            is_hint: matches!(term, SearchTerm::Path(_)),
        }
    }

    fn matches(
        &mut self,
        tasks: &Tasks,
        names: &Names,
        segment: &Segment,
        within: &Bits,
        folded: &mut Folded,
    ) -> Bits {
        let mut found = match &mut self.look {
            Some(look) => look.matches(tasks, names, segment, within, folded),
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
            term => found.keep_each(|at| {
                let row = RowText {
                    tasks,
                    names,
                    segment,
                    at,
                };
                term.matches(&row, RESOLVED)
            }),
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

impl Look {
    fn new(needle: &Needle, fields: &[SearchField]) -> Self {
        let mut look = Self {
            needle: needle.clone(),
            finder: memmem::Finder::new(needle.as_str().as_bytes()).into_owned(),
            names: None,
            workers: None,
            queues: None,
            states: None,
            texts: FieldSet::default(),
            has_ids: false,
            past: Vec::new(),
        };
        for field in fields {
            match field {
                SearchField::Name => look.names = Some(Hits::default()),
                SearchField::Worker => look.workers = Some(Hits::default()),
                SearchField::Queue => look.queues = Some(Hits::default()),
                SearchField::State => look.states = Some(Box::new([false; 256])),
                SearchField::Id => {
                    look.has_ids = needle.may_be_in_uuid();
                    look.texts = look.texts.with(Field::Id);
                }
                SearchField::Args => look.texts = look.texts.with(Field::Args),
                SearchField::Kwargs => look.texts = look.texts.with(Field::Kwargs),
                SearchField::Result => look.texts = look.texts.with(Field::Result),
                SearchField::Exception => {
                    look.texts = look.texts.with(Field::Exception);
                    look.past.push(*field);
                }
                SearchField::Traceback => {
                    look.texts = look.texts.with(Field::Traceback);
                    look.past.push(*field);
                }
                // Asked row by row; no other field is asked together with them.
                SearchField::Root | SearchField::Parent => {}
            }
        }
        look
    }

    fn matches(
        &mut self,
        tasks: &Tasks,
        names: &Names,
        segment: &Segment,
        within: &Bits,
        folded: &mut Folded,
    ) -> Bits {
        let mut found = Bits::none(segment.len());
        let mut open = within.clone();
        let columns = [
            (&mut self.names, &names.tasks, &segment.name),
            (&mut self.workers, &names.workers, &segment.worker),
            (&mut self.queues, &names.queues, &segment.queue),
        ];
        for (hits, interner, column) in columns {
            let Some(hits) = hits else { continue };
            hits.update(interner, &self.needle);
            if hits.has_any() {
                let mut more = open.clone();
                more.keep(column, |id| hits.has(*id));
                open.subtract(&more);
                found.add(&more);
            }
        }
        if let Some(states) = &mut self.states {
            for (code, hit) in states.iter_mut().enumerate() {
                let is_there = segment.counts[code] > 0;
                *hit = is_there && self.needle.is_in(tasks.state_of(code as u8).as_str());
            }
            if states.contains(&true) {
                let mut more = open.clone();
                more.keep(&segment.state, |code| states[usize::from(*code)]);
                open.subtract(&more);
                found.add(&more);
            }
        }
        if !self.texts.is_empty() && !open.is_empty() {
            let more = self.in_texts(segment, &open, folded);
            open.subtract(&more);
            found.add(&more);
        }
        if !self.past.is_empty() && !open.is_empty() {
            let mut more = open.clone();
            more.keep(&segment.flags, |flags| flags & flag::HAS_PAST != 0);
            more.keep_each(|at| {
                let row = RowText {
                    tasks,
                    names,
                    segment,
                    at,
                };
                let mut is_in = |text: &str| self.needle.is_in(text);
                self.past.iter().any(|field| row.with(*field, &mut is_in))
            });
            open.subtract(&more);
            found.add(&more);
        }
        if self.has_ids && !open.is_empty() {
            let mut more = open.clone();
            let mut buffer = [0; 36];
            more.keep_each(|at| {
                let id = write_uuid(segment.id[at], &mut buffer);
                !segment.has(at, flag::ODD_ID) && self.finder.find(id.as_bytes()).is_some()
            });
            open.subtract(&more);
            found.add(&more);
        }
        found
    }

    fn in_texts(&self, segment: &Segment, open: &Bits, folded: &mut Folded) -> Bits {
        if open.count() * SPARSE < segment.len() {
            let mut found = open.clone();
            found.keep_each(|at| {
                Field::ALL.into_iter().any(|field| {
                    self.texts.contains(field)
                        && segment
                            .text(at, field)
                            .is_some_and(|text| self.needle.is_in(text))
                })
            });
            return found;
        }
        let mut found = Bits::none(segment.len());
        // Tells whether the row needs no more looking at.
        let mut hit = |header: Header| {
            let at = usize::from(header.row);
            let is_hit = header.is_one_of(self.texts);
            if is_hit && open.contains(at) {
                found.insert(at);
            }
            is_hit
        };
        let needle = self.needle.as_str();
        let is_ascii = needle.is_ascii();
        let has_case = needle.bytes().any(|byte| byte.is_ascii_alphabetic());
        for block in segment.texts.blocks() {
            if !is_ascii {
                for header in block.walk() {
                    let text = block.bytes.get(header.start..header.end);
                    let text = text.unwrap_or_default();
                    // What is all ASCII has no letter of another alphabet.
                    if !text.is_ascii()
                        && std::str::from_utf8(text).is_ok_and(|t| self.needle.is_in(t))
                    {
                        hit(header);
                    }
                }
                continue;
            }
            let hay = if has_case {
                folded.0.clear();
                folded.0.extend_from_slice(block.bytes);
                folded.0.make_ascii_lowercase();
                &folded.0
            } else {
                block.bytes
            };
            let mut texts = block.walk();
            let mut text = texts.next();
            let mut from = 0;
            while let Some(place) = self.finder.find(hay.get(from..).unwrap_or_default()) {
                let place = from + place;
                while text.is_some_and(|header| header.end <= place) {
                    text = texts.next();
                }
                let Some(header) = text else {
                    break;
                };
                if place < header.start {
                    // Bytes of a header that look like the needle.
                    from = header.start;
                    continue;
                }
                // What runs over the end of a text is no hit, and no later place is.
                from = header.end;
                if place + needle.len() <= header.end && hit(header) {
                    // The row's other texts often lie right behind.
                    text = texts.next();
                    while let Some(next) = text
                        && next.row == header.row
                    {
                        from = next.end;
                        text = texts.next();
                    }
                }
            }
        }
        found
    }
}

/// The texts a search looks into.
pub(super) struct RowText<'s> {
    pub(super) tasks: &'s Tasks,
    pub(super) names: &'s Names,
    pub(super) segment: &'s Segment,
    pub(super) at: usize,
}

impl SearchFields for RowText<'_> {
    fn with(&self, field: SearchField, test: &mut dyn FnMut(&str) -> bool) -> bool {
        let (segment, names, at) = (self.segment, self.names, self.at);
        let mut buffer = [0; 36];
        let text = match field {
            SearchField::Id => Some(Tasks::id_text(segment, at, &mut buffer)),
            SearchField::Root => Tasks::root_text(segment, at, &mut buffer),
            SearchField::Parent => Tasks::parent_text(segment, at, &mut buffer),
            SearchField::State => return test(self.tasks.state_of(segment.state[at]).as_str()),
            SearchField::Name => names.tasks.text(segment.name[at]).map(|text| &**text),
            SearchField::Worker => names.workers.text(segment.worker[at]).map(|text| &**text),
            SearchField::Queue => names.queues.text(segment.queue[at]).map(|text| &**text),
            SearchField::Args => segment.text(at, Field::Args),
            SearchField::Kwargs => segment.text(at, Field::Kwargs),
            SearchField::Result => segment.text(at, Field::Result),
            // What the task's page shows: the newest attempt's, else the last one that there is.
            SearchField::Exception => self.tasks.last_words(segment, at, Field::Exception),
            SearchField::Traceback => self.tasks.last_words(segment, at, Field::Traceback),
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
