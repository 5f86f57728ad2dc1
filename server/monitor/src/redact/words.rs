//! Finding the words in texts: a check that nearly every text passes by at the
//! speed of memory, and a search that knows where a word is a word.

use super::MAX_WORD_BYTES;
use aho_corasick::{AhoCorasick, MatchKind, packed};
use std::collections::BTreeSet;

/// What may stand between the parts of a word, such as `api_key`.
const BETWEEN: [&str; 5] = ["", "_", "-", " ", "."];

/// Most parts of a word.
const MAX_PARTS: usize = 3;

/// What comes before the login of a URL.
pub(super) const SCHEME_END: &str = "://";

/// Bytes that are folded and looked through at a time.
const BLOCK: usize = 1_024;

/// Most needles of the fast check; with more of them it is not fast.
const MAX_NEEDLES: usize = 64;

/// The words and [`SCHEME_END`].
#[derive(Clone)]
pub(super) struct Words {
    all: AhoCorasick,
    /// Looks through folded bytes; absent on a processor that cannot, or if
    /// there are too many words.
    fast: Option<packed::Searcher>,
    /// Length of the shortest and of the longest needle.
    shortest: usize,
    longest: usize,
}

/// Where a word stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let spellings = self.all.patterns_len();
        f.debug_struct("Words")
            .field("spellings", &spellings)
            .finish_non_exhaustive()
    }
}

impl Words {
    /// Fails with a sentence if a word cannot be used.
    pub(super) fn new(words: &[&str]) -> Result<Self, String> {
        let mut spellings = BTreeSet::new();
        for word in words {
            if word.len() > MAX_WORD_BYTES {
                return Err(format!("{word:?} is longer than {MAX_WORD_BYTES} bytes"));
            }
            let parts: Vec<&str> = word
                .split(|letter: char| !letter.is_alphanumeric())
                .filter(|part| !part.is_empty())
                .collect();
            if parts.is_empty() || parts.len() > MAX_PARTS {
                return Err(format!(
                    "{word:?} is no word of one to {MAX_PARTS} parts of letters or digits"
                ));
            }
            spell(&parts, &mut spellings);
        }
        let needles: Vec<&String> = spellings.iter().collect();
        let all = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(true)
            .build(&needles)
            .map_err(|error| error.to_string())?;
        let mut folded: BTreeSet<Vec<u8>> = spellings
            .iter()
            .map(|needle| needle.bytes().map(fold).collect())
            .collect();
        folded.insert(SCHEME_END.bytes().map(fold).collect());
        // Whoever finds `auth` need not look for `authorization`.
        let minimal: Vec<&Vec<u8>> = folded
            .iter()
            .filter(|needle| {
                !folded
                    .iter()
                    .any(|other| other != *needle && memchr::memmem::find(needle, other).is_some())
            })
            .collect();
        let fast = (minimal.len() <= MAX_NEEDLES)
            .then(|| {
                packed::Config::new()
                    .builder()
                    .extend(minimal.iter().copied())
                    .build()
            })
            .flatten();
        let lengths = || folded.iter().map(Vec::len);
        Ok(Self {
            all,
            fast,
            shortest: lengths().min().unwrap_or(usize::MAX),
            longest: lengths().max().unwrap_or(0),
        })
    }

    /// Tells whether one of the words, or the scheme of a URL, may be in a text.
    #[inline]
    pub(super) fn may_be_in(&self, text: &str) -> bool {
        if text.len() < self.shortest {
            return false;
        }
        match &self.fast {
            Some(fast) => self.is_in_folded(fast, text.as_bytes()),
            None => self.all.is_match(text) || text.contains(SCHEME_END),
        }
    }

    fn is_in_folded(&self, fast: &packed::Searcher, mut bytes: &[u8]) -> bool {
        let mut block = [0; BLOCK];
        loop {
            let (head, is_last) = match bytes.get(..BLOCK) {
                Some(head) => (head, bytes.len() == BLOCK),
                None => (bytes, true),
            };
            for (folded, byte) in block.iter_mut().zip(head) {
                *folded = fold(*byte);
            }
            // Below its least length the search is slow: zeros follow, which are in no word.
            let length = head.len().max(fast.minimum_len()).min(BLOCK);
            block[head.len()..length].fill(0);
            if fast.find(&block[..length]).is_some() {
                return true;
            }
            if is_last {
                return false;
            }
            // What lies over the edge is looked at again.
            bytes = &bytes[BLOCK - (self.longest - 1)..];
        }
    }

    /// Returns where words stand as words, by where they end.
    pub(super) fn hits(&self, text: &str) -> impl Iterator<Item = Hit> {
        self.all
            .find_overlapping_iter(text)
            .map(|found| Hit {
                start: found.start(),
                end: found.end(),
            })
            .filter(move |hit| is_word(text.as_bytes(), *hit))
    }

    /// Tells whether a key holds one of the words.
    pub(super) fn are_in(&self, key: &str) -> bool {
        key.len() >= self.shortest && self.hits(key).next().is_some()
    }
}

/// Writes a word in all ways in which its parts can be joined.
fn spell(parts: &[&str], out: &mut BTreeSet<String>) {
    let mut spelled = vec![String::new()];
    for (place, part) in parts.iter().enumerate() {
        let joints: &[&str] = if place == 0 { &[""] } else { &BETWEEN };
        spelled = spelled
            .iter()
            .flat_map(|begun| {
                joints
                    .iter()
                    .map(move |joint| format!("{begun}{joint}{part}"))
            })
            .collect();
    }
    out.extend(spelled.iter().map(|text| text.to_ascii_lowercase()));
}

/// Makes a small letter of a capital one; other bytes may come to be others,
/// the same on both sides.
fn fold(byte: u8) -> u8 {
    byte | 0x20
}

/// Tells whether a hit is a whole word of a name: `token` is one in
/// `api_token`, `accessToken`, `X-Token` and `token2`, and none in `tokenize`.
fn is_word(bytes: &[u8], hit: Hit) -> bool {
    let (Some(&first), Some(&last)) = (bytes.get(hit.start), bytes.get(hit.end - 1)) else {
        return false;
    };
    let second = bytes.get(hit.start + 1).copied().unwrap_or(0);
    let begins = match hit.start.checked_sub(1).and_then(|at| bytes.get(at)) {
        None => true,
        Some(before) if !is_letter(*before) => true,
        Some(before) => {
            before.is_ascii_digit()
                || (before.is_ascii_lowercase() && first.is_ascii_uppercase())
                || (before.is_ascii_uppercase()
                    && first.is_ascii_uppercase()
                    && second.is_ascii_lowercase())
                || is_after_escape(bytes, hit.start)
        }
    };
    let ends = match bytes.get(hit.end) {
        None => true,
        Some(after) if !is_letter(*after) => true,
        Some(after) => {
            let next = bytes.get(hit.end + 1).copied().unwrap_or(0);
            after.is_ascii_digit()
                || (last.is_ascii_lowercase() && after.is_ascii_uppercase())
                || (last.is_ascii_uppercase()
                    && after.is_ascii_uppercase()
                    && next.is_ascii_lowercase())
        }
    };
    begins && ends
}

/// Only letters and digits of ASCII: beside another letter a word counts.
fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

/// Tells whether what stands before `at` is an escape such as `\n`, `\x0a`,
/// `\u000a` or `%26`, whose letters belong to no name.
fn is_after_escape(bytes: &[u8], at: usize) -> bool {
    let before = &bytes[..at];
    let is_hex = |count: usize| {
        before.len() > count && before[at - count..].iter().all(u8::is_ascii_hexdigit)
    };
    let ends_with = |count: usize, sign: &[u8]| before[..at - count].ends_with(sign);
    (before.len() > 1
        && matches!(before[at - 1], b'n' | b'r' | b't' | b'f' | b'v' | b'b')
        && before[at - 2] == b'\\')
        || (is_hex(2) && (ends_with(2, b"\\x") || ends_with(2, b"%")))
        || (is_hex(4) && ends_with(4, b"\\u"))
}
