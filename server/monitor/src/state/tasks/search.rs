//! Searches over columns and blocks of text.
//!
//! Whether a search matches is defined row by row in [`model::search`]; here
//! the same is found a segment at a time. Names are compared once each and not
//! once a row, texts are searched as the blocks they lie in, and what neither
//! way can answer is asked row by row, of the rows that are still in question.

use super::{
    Segment, Tasks,
    bits::Bits,
    flag,
    segment::Field,
    text::{FieldSet, Header},
    write_uuid,
};
use crate::state::{Names, intern::Interner};
use memchr::memmem;
use model::search::{Needle, SearchExpression, SearchField, SearchFields, SearchTerm};

/// From one row in this many on, whole blocks are searched instead of rows.
const SPARSE: usize = 32;

/// A search, ready to be run on one segment after the other.
#[derive(Debug)]
pub(super) enum Plan {
    All,
    And(Vec<Self>),
    Or(Vec<Self>),
    Term(Box<PlannedTerm>),
}

/// A condition and what was found out about it.
#[derive(Debug)]
pub(super) struct PlannedTerm {
    term: SearchTerm,
    /// Where to look for the text; absent if rows must be asked.
    look: Option<Look>,
}

/// A text to look for, and where.
#[derive(Debug)]
struct Look {
    needle: Needle,
    finder: memmem::Finder<'static>,
    names: Option<Hits>,
    workers: Option<Hits>,
    states: Option<Box<[bool; 256]>>,
    texts: FieldSet,
    /// Ids that are UUIDs are written out and looked through.
    has_ids: bool,
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
            SearchExpression::Term(term) => Self::Term(Box::new(PlannedTerm::new(term))),
        }
    }

    fn cost(&self) -> u32 {
        match self {
            Self::All => 0,
            Self::And(parts) | Self::Or(parts) => parts.iter().map(Self::cost).sum(),
            Self::Term(term) => match &term.look {
                Some(look) => u32::from(look.has_ids) + 2 * u32::from(!look.texts.is_empty()),
                None => 4,
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
            Self::Term(term) => term.matches(tasks, names, segment, within, folded),
        }
    }
}

impl PlannedTerm {
    fn new(term: &SearchTerm) -> Self {
        let look = match term {
            SearchTerm::Any(needle) => Some(Look::new(needle, &SearchField::ALL)),
            SearchTerm::Contains(field, needle) => Some(Look::new(needle, &[*field])),
            _ => None,
        };
        Self {
            term: term.clone(),
            look,
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
        if let Some(look) = &mut self.look {
            return look.matches(tasks, names, segment, within, folded);
        }
        let mut found = within.clone();
        found.keep_each(|at| {
            self.term.matches(&RowText {
                tasks,
                names,
                segment,
                at,
            })
        });
        found
    }
}

impl Look {
    fn new(needle: &Needle, fields: &[SearchField]) -> Self {
        let mut look = Self {
            needle: needle.clone(),
            finder: memmem::Finder::new(needle.as_str().as_bytes()).into_owned(),
            names: None,
            workers: None,
            states: None,
            texts: FieldSet::default(),
            has_ids: false,
        };
        for field in fields {
            match field {
                SearchField::Name => look.names = Some(Hits::default()),
                SearchField::Worker => look.workers = Some(Hits::default()),
                SearchField::State => look.states = Some(Box::new([false; 256])),
                SearchField::Id => {
                    look.has_ids = can_be_in_uuid(needle.as_str());
                    look.texts = look.texts.with(Field::Id);
                }
                SearchField::Args => look.texts = look.texts.with(Field::Args),
                SearchField::Kwargs => look.texts = look.texts.with(Field::Kwargs),
                SearchField::Result => look.texts = look.texts.with(Field::Result),
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
        let mut hit = |header: Header| {
            let at = usize::from(header.row);
            if header.is_one_of(self.texts) && open.contains(at) {
                found.insert(at);
            }
        };
        let needle = self.needle.as_str();
        let is_ascii = needle.is_ascii();
        let has_case = needle.bytes().any(|byte| byte.is_ascii_alphabetic());
        for block in segment.texts.blocks() {
            if !is_ascii {
                for (header, start, end) in block.walk() {
                    let text = block.bytes.get(start..end).unwrap_or_default();
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
                while text.is_some_and(|(_, _, end)| end <= place) {
                    text = texts.next();
                }
                let Some((header, start, end)) = text else {
                    break;
                };
                if place < start {
                    // Bytes of a header that look like the needle.
                    from = start;
                    continue;
                }
                // What runs over the end of a text is no hit, and no later place is.
                if place + needle.len() <= end {
                    hit(header);
                }
                from = end;
            }
        }
        found
    }
}

/// Tells whether a UUID, as Celery writes it, can hold the text.
fn can_be_in_uuid(text: &str) -> bool {
    text.len() <= 36
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-'))
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
        let (segment, at) = (self.segment, self.at);
        let text = |field| segment.text(at, field).unwrap_or_default();
        match field {
            SearchField::Id => test(Tasks::id_text(segment, at, &mut [0; 36])),
            SearchField::Name => test(self.names.tasks.text(segment.name[at]).map_or("", |t| t)),
            SearchField::Worker => test(
                self.names
                    .workers
                    .text(segment.worker[at])
                    .map_or("", |t| t),
            ),
            SearchField::State => test(self.tasks.state_of(segment.state[at]).as_str()),
            SearchField::Args => test(text(Field::Args)),
            SearchField::Kwargs => test(text(Field::Kwargs)),
            SearchField::Result => test(text(Field::Result)),
        }
    }
}
