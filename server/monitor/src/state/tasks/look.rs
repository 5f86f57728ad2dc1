//! Looking for one text in the fields of a segment's rows.
//!
//! Names are compared once each and not once a row, ids as numbers, and texts
//! are searched as the blocks they lie in.

use super::{
    Segment, Tasks,
    bits::Bits,
    flag,
    scanner::Scanner,
    search::RowText,
    segment::Field,
    text::{Block, FieldSet, Header},
    uuid_part::UuidPart,
};
use crate::state::{Names, intern::Interner};
use model::search::{Needle, SearchField, SearchFields};

/// From one row in this many on, whole blocks are searched instead of rows.
const SPARSE: usize = 32;

/// How much of a field the text must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Matched {
    Part,
    Whole,
}

impl Matched {
    fn fits(self, needle: &Needle, text: &str) -> bool {
        match self {
            Self::Part => needle.is_in(text),
            Self::Whole => needle.equals(text),
        }
    }
}

/// A text to look for, and where.
#[derive(Clone, Debug)]
pub(super) struct Look {
    needle: Needle,
    matched: Matched,
    names: Option<Hits>,
    workers: Option<Hits>,
    queues: Option<Hits>,
    /// By code.
    states: Option<Hits>,
    texts: FieldSet,
    /// Made before the first segment, from some of the bytes to come.
    scanner: Option<Scanner>,
    ids: Vec<IdField>,
    /// Absent if no UUID matches.
    uuid_part: Option<UuidPart>,
    /// Fields that a row without its own text takes from an earlier attempt.
    past: Vec<SearchField>,
}

/// An id of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum IdField {
    Id,
    Root,
    Parent,
}

/// For each interned text, whether it matches; grows with the table.
#[derive(Clone, Debug, Default)]
struct Hits(Vec<bool>);

impl Hits {
    fn update(&mut self, interner: &Interner, fits: impl Fn(&str) -> bool) {
        for id in self.0.len()..interner.len() {
            self.0
                .push(interner.text(id as u32).is_some_and(|text| fits(text)));
        }
    }

    #[inline]
    fn has(&self, id: u32) -> bool {
        self.0.get(id as usize).copied().unwrap_or(false)
    }

    fn has_any(&self) -> bool {
        self.0.contains(&true)
    }
}

impl Look {
    pub(super) fn new(needle: &Needle, fields: &[SearchField], matched: Matched) -> Self {
        let text = needle.as_str();
        let mut look = Self {
            needle: needle.clone(),
            matched,
            names: None,
            workers: None,
            queues: None,
            states: None,
            texts: FieldSet::default(),
            scanner: None,
            ids: Vec::new(),
            uuid_part: UuidPart::new(text)
                .filter(|_| matched == Matched::Part || text.len() == UuidPart::LENGTH),
            past: Vec::new(),
        };
        for field in fields {
            match field {
                SearchField::Name => look.names = Some(Hits::default()),
                SearchField::Worker => look.workers = Some(Hits::default()),
                SearchField::Queue => look.queues = Some(Hits::default()),
                SearchField::State => look.states = Some(Hits::default()),
                SearchField::Id => {
                    look.ids.push(IdField::Id);
                    // Ids that are no UUIDs.
                    look.texts = look.texts.with(Field::Id);
                }
                SearchField::Root => look.ids.push(IdField::Root),
                SearchField::Parent => look.ids.push(IdField::Parent),
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
            }
        }
        look
    }

    /// Returns how dear it is, compared with a column of numbers.
    pub(super) fn cost(&self) -> u32 {
        u32::from(self.uuid_part.is_some() && !self.ids.is_empty())
            + 2 * u32::from(!self.texts.is_empty())
    }

    /// Tells whether texts of tasks must be read.
    pub(super) fn reads_texts(&self) -> bool {
        !self.texts.is_empty() && self.matched == Matched::Part
    }

    /// Takes note of names that came since it was asked last.
    pub(super) fn learn(&mut self, tasks: &Tasks, names: &Names) {
        let (needle, matched) = (&self.needle, self.matched);
        let fits = |text: &str| matched.fits(needle, text);
        for (hits, interner) in [
            (&mut self.names, &names.tasks),
            (&mut self.workers, &names.workers),
            (&mut self.queues, &names.queues),
        ] {
            if let Some(hits) = hits {
                hits.update(interner, fits);
            }
        }
        if let Some(Hits(hits)) = &mut self.states {
            for code in hits.len()..tasks.state_codes() {
                hits.push(fits(tasks.state_of(code as u8).as_str()));
            }
        }
        if self.scanner.is_none() && self.reads_texts() {
            let outline = self.needle.outline();
            self.scanner = Some(Scanner::new(outline, tasks.text_sample()));
        }
    }

    fn fits(&self, text: &str) -> bool {
        self.matched.fits(&self.needle, text)
    }

    /// Returns the rows of `within` that have the text.
    pub(super) fn matches(&self, segment: &Segment, within: &Bits) -> Bits {
        let mut found = Bits::none(segment.len());
        let mut open = within.clone();
        let mut take = |open: &mut Bits, more: Bits| {
            open.subtract(&more);
            found.add(&more);
        };
        for (hits, column) in [
            (&self.names, &segment.name),
            (&self.workers, &segment.worker),
            (&self.queues, &segment.queue),
        ] {
            if let Some(hits) = hits
                && hits.has_any()
            {
                let mut more = open.clone();
                more.keep(column, |id| hits.has(*id));
                take(&mut open, more);
            }
        }
        if let Some(hits) = &self.states
            && hits.has_any()
        {
            let mut more = open.clone();
            more.keep(&segment.state, |code| hits.has(u32::from(*code)));
            take(&mut open, more);
        }
        if !self.texts.is_empty() && !open.is_empty() {
            let more = self.in_texts(segment, &open);
            take(&mut open, more);
        }
        let row = |at| RowText { segment, at };
        if !self.past.is_empty() && !open.is_empty() {
            let mut more = open.clone();
            more.keep(&segment.flags, |flags| flags & flag::HAS_PAST != 0);
            more.keep_each(|at| {
                let mut fits = |text: &str| self.fits(text);
                self.past
                    .iter()
                    .any(|field| row(at).with(*field, &mut fits))
            });
            take(&mut open, more);
        }
        for id in &self.ids {
            if !open.is_empty() {
                let more = self.in_ids(*id, segment, &open, row);
                take(&mut open, more);
            }
        }
        found
    }

    fn in_ids<'s>(
        &self,
        id: IdField,
        segment: &Segment,
        open: &Bits,
        row: impl Fn(usize) -> RowText<'s>,
    ) -> Bits {
        let (field, has, odd, is_own) = match id {
            IdField::Id => (SearchField::Id, 0, flag::ODD_ID, 0),
            IdField::Root => (
                SearchField::Root,
                flag::HAS_ROOT,
                flag::ODD_ROOT,
                flag::IS_ROOT,
            ),
            IdField::Parent => (
                SearchField::Parent,
                flag::HAS_PARENT,
                flag::ODD_PARENT,
                flag::IS_PARENT,
            ),
        };
        let is_odd = |flags: u16| {
            let odd = if flags & is_own == 0 {
                odd
            } else {
                flag::ODD_ID
            };
            flags & odd != 0
        };
        // Those were found among the texts.
        let is_done = id == IdField::Id && self.matched == Matched::Part;
        let mut found = open.clone();
        found.keep(&segment.flags, |flags| {
            let is_there = has == 0 || flags & (has | is_own) != 0;
            is_there
                && if is_odd(*flags) {
                    !is_done
                } else {
                    self.uuid_part.is_some()
                }
        });
        found.keep_each(|at| {
            if is_odd(segment.flags[at]) {
                return row(at).with(field, &mut |text| self.fits(text));
            }
            let number = match id {
                IdField::Id => Some(segment.id[at]),
                IdField::Root => segment.root(at),
                IdField::Parent => segment.parent(at),
            };
            let is_in = |part: &UuidPart| number.is_some_and(|number| part.is_in(number));
            self.uuid_part.as_ref().is_some_and(is_in)
        });
        found
    }

    fn in_texts(&self, segment: &Segment, open: &Bits) -> Bits {
        if self.matched == Matched::Whole {
            // Only ids are looked for as a whole.
            return Bits::none(segment.len());
        }
        if open.count() * SPARSE < segment.len() {
            let mut found = open.clone();
            found.keep_each(|at| {
                Field::ALL.into_iter().any(|field| {
                    self.texts.contains(field)
                        && segment.text(at, field).is_some_and(|text| self.fits(text))
                })
            });
            return found;
        }
        let Some(scanner) = &self.scanner else {
            debug_assert!(false, "the search has learned nothing yet");
            return Bits::none(segment.len());
        };
        let is_ascii = self.needle.as_str().is_ascii();
        let mut found = Bits::none(segment.len());
        let mut hit = |block: Block<'_>, header: Header, is_sure: bool| {
            let at = usize::from(header.row);
            if !header.is_one_of(self.texts) || !open.contains(at) {
                return false;
            }
            let text = || block.bytes.get(header.start..header.end);
            let text = || std::str::from_utf8(text().unwrap_or_default());
            let is_hit = is_sure || text().is_ok_and(|text| self.needle.is_in(text));
            if is_hit {
                found.insert(at);
            }
            is_hit
        };
        for block in segment.texts.blocks() {
            if scanner.len() == 0 {
                for header in block.walk() {
                    hit(block, header, false);
                }
                continue;
            }
            let mut earlier = None;
            scanner.each(block.bytes, |place| {
                let Some(header) = block.text_at(place, earlier) else {
                    return block.bytes.len();
                };
                if place < header.start {
                    // Bytes of a header that look like the text.
                    return header.start;
                }
                // What runs over the end of a text is no hit, and no later place is.
                let is_hit = place + scanner.len() <= header.end && hit(block, header, is_ascii);
                let last = if is_hit {
                    block.last_of_row(header)
                } else {
                    header
                };
                earlier = Some(last);
                last.end
            });
        }
        found
    }
}
