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

/// From each place that is a multiple of this on, the text around is known.
const STEP: usize = 1 << 10;

const CUT_MARK: &str = "… (cut by the dashboard)";

/// The header's first byte: the field in its lower half, and how the rest is
/// written. Then come the row (2 bytes), where the row's text before lies
/// (nothing, 2 or 4 bytes) and the length (2 or 3 bytes).
mod mark {
    pub(super) const FIELD: u8 = 0x0f;
    /// It is the row's first text.
    pub(super) const FIRST: u8 = 0x10;
    /// The text before lies in the same block.
    pub(super) const NEAR: u8 = 0x20;
    pub(super) const LONG: u8 = 0x40;
}

/// The field of a text that is no longer part of its row.
const GONE: u8 = mark::FIELD;

/// Where a text lies: block number and offset. Zero means there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TextRef(u32);

impl TextRef {
    fn new(block: usize, offset: usize) -> Self {
        Self((block as u32) << 16 | offset as u32)
    }

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
    /// Where the text begins and ends in its block.
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Header {
    #[inline]
    fn read(block: &[u8], index: usize, offset: usize) -> Option<Self> {
        // A shorter end of a block is read as if zeros followed.
        let rest = block.get(offset..).filter(|rest| !rest.is_empty())?;
        let mut padded = [0; Self::LONGEST];
        let bytes = rest.first_chunk().unwrap_or_else(|| {
            padded[..rest.len()].copy_from_slice(rest);
            &padded
        });
        let &[first, row, row_high, a, b, c, d, ..] = bytes;
        let (before, used) = match first & (mark::FIRST | mark::NEAR) {
            0 => (TextRef(u32::from_le_bytes([a, b, c, d])), 4),
            mark::NEAR => (
                TextRef::new(index, usize::from(u16::from_le_bytes([a, b]))),
                2,
            ),
            _ => (TextRef::default(), 0),
        };
        let [x, y, z] = [3, 4, 5].map(|at| usize::from(bytes[at + used]));
        let short = x | y << 8;
        let (len, used) = match first & mark::LONG {
            0 => (short, used + 5),
            _ => (short | z << 16, used + 6),
        };
        let start = offset + used;
        Some(Self {
            before,
            row: u16::from_le_bytes([row, row_high]),
            field: first & mark::FIELD,
            start,
            end: start + len,
        })
    }

    /// Writes a header; returns how long it is.
    fn write(
        out: &mut [u8; Self::LONGEST],
        index: usize,
        row: u16,
        field: Field,
        before: TextRef,
        len: usize,
    ) -> usize {
        let mut at = 1;
        let mut put = |bytes: &[u8]| {
            out[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        let mut first = field as u8;
        put(&row.to_le_bytes());
        match before.split() {
            _ if before == TextRef::default() => first |= mark::FIRST,
            (block, offset) if block == index => {
                first |= mark::NEAR;
                put(&(offset as u16).to_le_bytes());
            }
            _ => put(&before.0.to_le_bytes()),
        }
        let [x, y, z, _] = (len as u32).to_le_bytes();
        if len > usize::from(u16::MAX) {
            first |= mark::LONG;
            put(&[x, y, z]);
        } else {
            put(&[x, y]);
        }
        out[0] = first;
        at
    }

    /// Length of the longest header, bytes.
    const LONGEST: usize = 10;

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
#[derive(Clone, Debug, Default)]
pub(crate) struct Texts {
    blocks: Vec<Stored>,
}

/// A block as it is kept.
#[derive(Debug)]
struct Stored {
    bytes: Vec<u8>,
    /// For each step, where the header of the text around its first byte begins.
    marks: Vec<u16>,
}

impl Clone for Stored {
    /// Keeps the room for more, which a copied [`Vec`] does not have.
    fn clone(&self) -> Self {
        let mut bytes = Vec::with_capacity(self.bytes.capacity());
        bytes.extend_from_slice(&self.bytes);
        let mut marks = Vec::with_capacity(self.marks.capacity());
        marks.extend_from_slice(&self.marks);
        Self { bytes, marks }
    }
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
        let (text, cut_mark) = cut(text);
        let len = text.len() + cut_mark.len();
        let most = len + Header::LONGEST;
        let fits = self.blocks.last().is_some_and(|Stored { bytes, .. }| {
            bytes.len() + most <= bytes.capacity().min(BLOCK_BYTES)
        });
        if !fits {
            if self.blocks.len() >= usize::from(u16::MAX) {
                return None;
            }
            let room = (most + 1).max(BLOCK_BYTES);
            let mut bytes = Vec::with_capacity(room);
            if self.blocks.is_empty() {
                // Offset 0 of block 0 means "none".
                bytes.push(0);
            }
            let marks = Vec::with_capacity(room.div_ceil(STEP));
            self.blocks.push(Stored { bytes, marks });
        }
        let index = self.blocks.len() - 1;
        let mut header = [0; Header::LONGEST];
        let header_len = Header::write(&mut header, index, row, field, before, len);
        let Stored { bytes, marks } = &mut self.blocks[index];
        let offset = bytes.len();
        bytes.extend_from_slice(&header[..header_len]);
        bytes.extend_from_slice(text.as_bytes());
        bytes.extend_from_slice(cut_mark.as_bytes());
        while marks.len() * STEP < bytes.len() {
            marks.push(offset as u16);
        }
        Some(TextRef::new(index, offset))
    }

    /// Returns the text of a field of the row whose newest text is `newest`.
    pub(crate) fn get(&self, newest: TextRef, field: Field) -> Option<&str> {
        let (place, header) = self.find(newest, field)?;
        let block = self.blocks.get(place.split().0)?;
        std::str::from_utf8(block.bytes.get(header.start..header.end)?).ok()
    }

    /// Takes a text out of its row.
    pub(crate) fn remove(&mut self, newest: TextRef, field: Field) {
        if let Some((place, _)) = self.find(newest, field)
            && let (index, offset) = place.split()
            && let Some(block) = self.blocks.get_mut(index)
            && let Some(first) = block.bytes.get_mut(offset)
        {
            *first |= GONE;
        }
    }

    fn find(&self, newest: TextRef, field: Field) -> Option<(TextRef, Header)> {
        let mut place = newest;
        while place != TextRef::default() {
            let (index, offset) = place.split();
            let header = Header::read(&self.blocks.get(index)?.bytes, index, offset)?;
            if header.field == field as u8 {
                return Some((place, header));
            }
            place = header.before;
        }
        None
    }

    /// Gives back what the last block does not use.
    pub(crate) fn seal(&mut self) {
        if let Some(block) = self.blocks.last_mut() {
            block.bytes.shrink_to_fit();
            block.marks.shrink_to_fit();
        }
    }

    /// Returns the bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.blocks
            .iter()
            .map(|block| block.bytes.capacity() + 2 * block.marks.capacity())
            .sum()
    }

    /// Returns the blocks, to search through.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = Block<'_>> {
        self.blocks
            .iter()
            .enumerate()
            .map(|(index, Stored { bytes, marks })| Block {
                bytes,
                marks,
                index,
            })
    }
}

/// A block of texts, each behind its header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block<'t> {
    pub(crate) bytes: &'t [u8],
    marks: &'t [u16],
    index: usize,
}

impl<'t> Block<'t> {
    /// Walks the texts from the first one on.
    pub(crate) fn walk(self) -> impl Iterator<Item = Header> + use<'t> {
        let mut at = usize::from(self.index == 0);
        std::iter::from_fn(move || {
            let header = Header::read(self.bytes, self.index, at)?;
            at = header.end;
            Some(header)
        })
    }

    /// Returns the header of the text whose header or bytes are at `place`; one
    /// that was returned for an earlier place shortens the way.
    #[inline]
    pub(crate) fn text_at(self, place: usize, earlier: Option<Header>) -> Option<Header> {
        let mark = usize::from(*self.marks.get(place / STEP)?);
        let mut at = mark.max(earlier.map_or(0, |header| header.end));
        if let Some(header) = earlier
            && place < header.end
        {
            return earlier;
        }
        loop {
            let header = Header::read(self.bytes, self.index, at)?;
            if place < header.end {
                return Some(header);
            }
            at = header.end;
        }
    }

    /// Returns the last of the texts of the same row that stand right behind this one.
    #[inline]
    pub(crate) fn last_of_row(self, header: Header) -> Header {
        let mut last = header;
        while let Some(next) = Header::read(self.bytes, self.index, last.end)
            && next.row == header.row
        {
            last = next;
        }
        last
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
                    .map(|header| (header.row, text(header.start..header.end)))
                    .collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(walked, stored);
        for block in texts.blocks() {
            let mut earlier = None;
            let mut place = usize::from(block.index == 0);
            for header in block.walk() {
                for place in place..header.end {
                    let found = block.text_at(place, earlier).expect("a text");
                    assert_eq!(found.start, header.start, "{place}");
                    let found = block.text_at(place, None).expect("a text");
                    assert_eq!(found.start, header.start, "{place}");
                    earlier = Some(found);
                }
                let last = block.last_of_row(header);
                assert_eq!(last.row, header.row);
                assert!(
                    block
                        .walk()
                        .all(|next| next.start < last.end || next.row != last.row)
                );
                place = header.end;
            }
        }
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
            .flat_map(|block| block.walk().collect::<Vec<_>>())
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
