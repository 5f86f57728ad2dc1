//! Task ids as PostgreSQL stores them: the 16 bytes of a UUID; any other id is
//! its text behind a mark, and never 16 bytes long.

use crate::history::id_bytes;
use model::TaskId;
use sha2::{Digest, Sha256};

/// Before a text of any length but 15 bytes.
const TEXT: u8 = 1;
/// Before one of 15 bytes, and followed by a zero.
const TEXT_OF_15: u8 = 2;
/// Before the SHA-256 of a text that an index would refuse.
const DIGEST: u8 = 3;

/// Longest text that is indexed as it is, bytes; an index refuses 2,704.
const MAX_INDEXED: usize = 1_024;

/// Returns an id's bytes.
pub(super) fn encode(id: &TaskId) -> Vec<u8> {
    if let Some(bytes) = id_bytes(id) {
        return bytes.to_vec();
    }
    let text = id.as_str().as_bytes();
    let mark: &[u8] = if text.len() == 15 {
        &[TEXT_OF_15, 0]
    } else {
        &[TEXT]
    };
    [mark, text].concat()
}

/// Returns what a task's own id is known by, and its text if that does not tell it.
pub(super) fn key(id: &TaskId) -> (Vec<u8>, Option<&str>) {
    let text = id.as_str();
    if text.len() <= MAX_INDEXED {
        return (encode(id), None);
    }
    let mut bytes = vec![DIGEST];
    bytes.extend(Sha256::digest(text.as_bytes()));
    (bytes, Some(text))
}

/// Reads bytes that [`encode`] made; `None` for any other.
pub(super) fn decode(bytes: &[u8]) -> Option<TaskId> {
    if let Ok(number) = uuid::Uuid::from_slice(bytes) {
        let mut buffer = [0; uuid::fmt::Hyphenated::LENGTH];
        return Some(TaskId::from(
            &*number.hyphenated().encode_lower(&mut buffer),
        ));
    }
    let text = match bytes {
        [TEXT, text @ ..] | [TEXT_OF_15, 0, text @ ..] => text,
        _ => return None,
    };
    std::str::from_utf8(text).ok().map(TaskId::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_every_length_are_told_apart_and_read_again() {
        let uuid = "8f14e45f-ceea-467f-a1b2-000000000001";
        let mut ids = vec![uuid.to_owned(), uuid.to_uppercase()];
        ids.extend((0..40).map(|length| "\u{1}".repeat(length)));
        ids.extend((0..40).map(|length| "x".repeat(length)));
        let mut seen = std::collections::HashSet::new();
        for id in ids {
            let id = TaskId::from(id.as_str());
            let bytes = encode(&id);
            assert_eq!(decode(&bytes).as_ref(), Some(&id));
            assert_eq!(key(&id), (bytes.clone(), None));
            seen.insert(bytes);
        }
        // The empty id is in both rows.
        assert_eq!(seen.len(), 81);
    }

    #[test]
    fn an_id_too_long_for_the_index_is_known_by_its_digest() {
        let long = "x".repeat(100_000);
        let id = TaskId::from(long.as_str());
        let (bytes, text) = key(&id);
        assert_eq!((bytes.len(), text), (33, Some(long.as_str())));
    }
}
