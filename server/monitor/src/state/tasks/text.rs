//! Texts of tasks in blocks: written once, never moved, freed with their segment.
//!
//! Each text stands behind a small header that names its row and field and the
//! row's text before it. So a row needs one reference for all its texts, and a
//! search can go through the blocks themselves and learn from a hit whose it is.

use super::segment::Field;

/// Blocks are this large; a longer text has a block of its own.
const BLOCK_BYTES: usize = 64 << 10;

/// Longest text that is kept; a longer one is cut and says so.
pub(crate) const MAX_TEXT_BYTES: usize = 64 << 10;

const CUT_MARK: &str = "… (cut by the dashboard)";

/// Reference to the row's text before (4), row (2), field (1), length (3).
const HEADER: usize = 10;

/// Where the field stands in the header.
const FIELD_AT: usize = 6;

/// The field of a text that is no longer part of its row.
const GONE: u8 = u8::MAX;

/// Where a text lies: block number and offset. Zero means there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TextRef(u32);

impl TextRef {
    fn split(self) -> (usize, usize) {
        ((self.0 >> 16) as usize, (self.0 & 0xffff) as usize)
    }
}

/// A text's header, read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    before: TextRef,
    /// The row within the segment.
    pub(crate) row: u16,
    field: u8,
    len: usize,
}

impl Header {
    fn read(block: &[u8], offset: usize) -> Option<Self> {
        let bytes: [u8; HEADER] = block.get(offset..offset + HEADER)?.try_into().ok()?;
        let [a, b, c, d, row_low, row_high, field, x, y, z] = bytes;
        Some(Self {
            before: TextRef(u32::from_le_bytes([a, b, c, d])),
            row: u16::from_le_bytes([row_low, row_high]),
            field,
            len: u32::from_le_bytes([x, y, z, 0]) as usize,
        })
    }

    /// Tells whether the text is of one of these fields.
    pub(crate) fn is_one_of(self, fields: FieldSet) -> bool {
        self.field != GONE && fields.0 & (1 << self.field) != 0
    }
}

/// Some of the fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FieldSet(u16);

impl FieldSet {
    pub(crate) fn with(self, field: Field) -> Self {
        Self(self.0 | 1 << field as u8)
    }

    pub(crate) fn contains(self, field: Field) -> bool {
        self.0 & 1 << field as u8 != 0
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// The texts of one segment.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    blocks: Vec<Vec<u8>>,
}

impl Texts {
    /// Stores a text of a row, whose newest text so far is `before`, and returns where.
    ///
    /// Gives `None` when the segment's addresses are used up (4 GB).
    pub(crate) fn push(
        &mut self,
        row: u16,
        field: Field,
        before: TextRef,
        text: &str,
    ) -> Option<TextRef> {
        let (text, mark) = cut(text);
        let len = text.len() + mark.len();
        let needed = len + HEADER;
        let fits = self
            .blocks
            .last()
            .is_some_and(|block| block.len() + needed <= block.capacity().min(BLOCK_BYTES));
        if !fits {
            if self.blocks.len() >= usize::from(u16::MAX) {
                return None;
            }
            let mut block = Vec::with_capacity((needed + 1).max(BLOCK_BYTES));
            if self.blocks.is_empty() {
                // Offset 0 of block 0 means "none".
                block.push(0);
            }
            self.blocks.push(block);
        }
        let index = self.blocks.len() - 1;
        let block = &mut self.blocks[index];
        let offset = block.len();
        let [x, y, z, _] = (len as u32).to_le_bytes();
        let [a, b, c, d] = before.0.to_le_bytes();
        let [low, high] = row.to_le_bytes();
        block.extend_from_slice(&[a, b, c, d, low, high, field as u8, x, y, z]);
        block.extend_from_slice(text.as_bytes());
        block.extend_from_slice(mark.as_bytes());
        Some(TextRef((index as u32) << 16 | offset as u32))
    }

    /// Returns the text of a field of the row whose newest text is `newest`.
    pub(crate) fn get(&self, newest: TextRef, field: Field) -> Option<&str> {
        let (block, start, end) = self.find(newest, field)?;
        std::str::from_utf8(self.blocks.get(block)?.get(start + HEADER..end)?).ok()
    }

    /// Takes a text out of its row.
    pub(crate) fn remove(&mut self, newest: TextRef, field: Field) {
        if let Some((block, start, _)) = self.find(newest, field)
            && let Some(block) = self.blocks.get_mut(block)
            && let Some(field) = block.get_mut(start + FIELD_AT)
        {
            *field = GONE;
        }
    }

    /// Returns block, start of the header and end of the text.
    fn find(&self, newest: TextRef, field: Field) -> Option<(usize, usize, usize)> {
        let mut place = newest;
        while place != TextRef::default() {
            let (index, offset) = place.split();
            let header = Header::read(self.blocks.get(index)?, offset)?;
            if header.field == field as u8 {
                return Some((index, offset, offset + HEADER + header.len));
            }
            place = header.before;
        }
        None
    }

    /// Gives back what the last block does not use; called when no new row comes.
    pub(crate) fn seal(&mut self) {
        if let Some(block) = self.blocks.last_mut() {
            block.shrink_to_fit();
        }
    }

    /// Returns the bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.blocks.iter().map(Vec::capacity).sum()
    }

    /// Returns the blocks, to search through.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = Block<'_>> {
        self.blocks.iter().enumerate().map(|(index, bytes)| Block {
            bytes,
            first: usize::from(index == 0),
        })
    }
}

/// A block of texts, each behind its header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block<'t> {
    pub(crate) bytes: &'t [u8],
    first: usize,
}

impl Block<'_> {
    /// Walks the texts from the first one on.
    pub(crate) fn walk(&self) -> Walk<'_> {
        Walk {
            bytes: self.bytes,
            at: self.first,
        }
    }
}

/// A walk over the texts of a block.
#[derive(Clone, Debug)]
pub(crate) struct Walk<'t> {
    bytes: &'t [u8],
    at: usize,
}

impl Iterator for Walk<'_> {
    /// A header with the start and end of its text.
    type Item = (Header, usize, usize);

    fn next(&mut self) -> Option<Self::Item> {
        let header = Header::read(self.bytes, self.at)?;
        let start = self.at + HEADER;
        self.at = start + header.len;
        Some((header, start, self.at))
    }
}

fn cut(text: &str) -> (&str, &'static str) {
    if text.len() <= MAX_TEXT_BYTES {
        return (text, "");
    }
    let mut end = MAX_TEXT_BYTES - CUT_MARK.len();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    (&text[..end], CUT_MARK)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: [Field; 4] = [Field::Args, Field::Kwargs, Field::Result, Field::Exception];

    #[test]
    fn texts_come_back_as_they_were_and_lie_one_after_the_other() {
        let mut texts = Texts::default();
        let long = "ä".repeat(20_000);
        let mut newest = [TextRef::default(); 2];
        let mut stored = Vec::new();
        for (row, place) in newest.iter_mut().enumerate() {
            for (field, text) in FIELDS.into_iter().zip(["", "one", &long, "two"]) {
                let row = row as u16;
                *place = texts.push(row, field, *place, text).expect("room");
                stored.push((row, text.to_owned()));
            }
        }
        for place in newest {
            for (field, text) in FIELDS.into_iter().zip(["", "one", &long, "two"]) {
                assert_eq!(texts.get(place, field), Some(text));
            }
            assert_eq!(texts.get(place, Field::Reason), None);
        }
        let walked: Vec<(u16, String)> = texts
            .blocks()
            .flat_map(|block| {
                let text = |range: std::ops::Range<usize>| {
                    String::from_utf8(block.bytes[range].to_vec()).expect("text")
                };
                block
                    .walk()
                    .map(|(header, start, end)| (header.row, text(start..end)))
                    .collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(walked, stored);
        assert_eq!(texts.get(TextRef::default(), Field::Args), None);
    }

    #[test]
    fn a_removed_text_is_gone_and_the_others_stay() {
        let mut texts = Texts::default();
        let mut place = TextRef::default();
        for field in FIELDS {
            place = texts.push(3, field, place, "text").expect("room");
        }
        texts.remove(place, Field::Kwargs);
        assert_eq!(texts.get(place, Field::Kwargs), None);
        assert_eq!(texts.get(place, Field::Args), Some("text"));
        let all = FIELDS.into_iter().fold(FieldSet::default(), FieldSet::with);
        let live = texts
            .blocks()
            .flat_map(|block| block.walk().map(|(h, ..)| h).collect::<Vec<_>>())
            .filter(|header| header.is_one_of(all))
            .count();
        assert_eq!(live, 3);
    }

    #[test]
    fn a_text_beyond_the_bound_is_cut_and_says_so() {
        let mut texts = Texts::default();
        let long = "ü".repeat(MAX_TEXT_BYTES);
        let place = texts.push(0, Field::Args, TextRef::default(), &long);
        let kept = texts
            .get(place.expect("room"), Field::Args)
            .expect("it was stored");
        assert!(kept.len() <= MAX_TEXT_BYTES);
        assert!(kept.ends_with(CUT_MARK));
        let place = texts.push(0, Field::Args, TextRef::default(), "next");
        assert_eq!(texts.get(place.expect("room"), Field::Args), Some("next"));
    }
}
