//! Texts of tasks in blocks: written once, never moved, freed with their segment.

/// Blocks are this large; a longer text has a block of its own.
const BLOCK_BYTES: usize = 64 << 10;

/// Longest text that is kept; a longer one is cut and says so.
pub(crate) const MAX_TEXT_BYTES: usize = 64 << 10;

const CUT_MARK: &str = "… (cut by the dashboard)";

/// Where a text lies: block number and offset. Zero means there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TextRef(u32);

/// The texts of one segment.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    blocks: Vec<Vec<u8>>,
}

impl Texts {
    /// Stores a text and returns where.
    ///
    /// Gives [`TextRef::default`] when the segment's addresses are used up
    /// (4 GB); the text is then missing, which the caller counts.
    pub(crate) fn push(&mut self, text: &str) -> TextRef {
        let (text, mark) = cut(text);
        let len = text.len() + mark.len();
        let needed = len + 4;
        let fits = self
            .blocks
            .last()
            .is_some_and(|block| block.len() + needed <= block.capacity().min(BLOCK_BYTES));
        if !fits {
            if self.blocks.len() >= usize::from(u16::MAX) {
                return TextRef::default();
            }
            let mut block = Vec::with_capacity(needed.max(BLOCK_BYTES));
            if self.blocks.is_empty() {
                // Offset 0 of block 0 means "none".
                block.push(0);
            }
            self.blocks.push(block);
        }
        let index = self.blocks.len() - 1;
        let block = &mut self.blocks[index];
        let offset = block.len();
        block.extend_from_slice(&(len as u32).to_le_bytes());
        block.extend_from_slice(text.as_bytes());
        block.extend_from_slice(mark.as_bytes());
        TextRef((index as u32) << 16 | offset as u32)
    }

    /// Returns the text at `place`, if there is one.
    pub(crate) fn get(&self, place: TextRef) -> Option<&str> {
        if place == TextRef::default() {
            return None;
        }
        let block = self.blocks.get((place.0 >> 16) as usize)?;
        let offset = (place.0 & 0xffff) as usize;
        let head = block.get(offset..offset + 4)?;
        let len = u32::from_le_bytes(head.try_into().ok()?) as usize;
        std::str::from_utf8(block.get(offset + 4..offset + 4 + len)?).ok()
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

    #[test]
    fn texts_come_back_as_they_were() {
        let mut texts = Texts::default();
        let long = "ä".repeat(20_000);
        let places: Vec<_> = ["", "one", &long, "two", &long, "three"]
            .iter()
            .map(|text| (texts.push(text), (*text).to_owned()))
            .collect();
        for (place, text) in places {
            assert_eq!(texts.get(place), Some(text.as_str()));
        }
        assert_eq!(texts.get(TextRef::default()), None);
    }

    #[test]
    fn a_text_beyond_the_bound_is_cut_and_says_so() {
        let mut texts = Texts::default();
        let place = texts.push(&"ü".repeat(MAX_TEXT_BYTES));
        let kept = texts.get(place).expect("it was stored");
        assert!(kept.len() <= MAX_TEXT_BYTES);
        assert!(kept.ends_with(CUT_MARK));
    }
}
