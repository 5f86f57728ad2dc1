//! Parts of UUIDs, looked for in the numbers that they stand for.

/// The lowest bit of each of a number's 32 digits.
const UNITS: u128 = u128::MAX / 15;

/// A part of a UUID's text, as digits.
#[derive(Clone, Debug)]
pub(super) struct UuidPart {
    digits: Vec<u8>,
    /// The digits at which the part may begin, given where its dashes are.
    starts: u128,
}

impl UuidPart {
    /// Characters of a UUID.
    pub(super) const LENGTH: usize = 36;

    /// Reads a text in lower case; `None` if no UUID contains it.
    pub(super) fn new(text: &str) -> Option<Self> {
        let is_dash = |at: usize| matches!(at, 8 | 13 | 18 | 23);
        let mut starts = 0;
        let mut is_any = false;
        let mut digits_before = 0;
        for start in 0..=Self::LENGTH.checked_sub(text.len())? {
            let fits = text.bytes().enumerate().all(|(at, byte)| {
                let is_digit = matches!(byte, b'0'..=b'9' | b'a'..=b'f');
                if is_dash(start + at) {
                    byte == b'-'
                } else {
                    is_digit
                }
            });
            if fits {
                is_any = true;
                starts |= bit_of(digits_before);
            }
            digits_before += u32::from(!is_dash(start));
        }
        let value = |byte| char::from(byte).to_digit(16);
        let digits = text.bytes().filter_map(value).map(|digit| digit as u8);
        is_any.then(|| Self {
            digits: digits.collect(),
            starts,
        })
    }

    /// Tells whether the UUID of this number contains the part.
    pub(super) fn is_in(&self, id: u128) -> bool {
        let mut places = self.starts;
        for (at, digit) in self.digits.iter().enumerate() {
            // Digits that are equal become 0, and then their lowest bit 1.
            let other = id ^ (UNITS * u128::from(*digit));
            let other = other | other >> 1;
            let equal = !(other | other >> 2) & UNITS;
            places &= equal << (4 * at);
            if places == 0 {
                return false;
            }
        }
        true
    }
}

/// Returns the bit of a digit, counted from the front; there is none behind the last.
fn bit_of(digit: u32) -> u128 {
    (1_u128 << 124) >> (4 * digit.min(32)).min(127)
}

#[cfg(test)]
mod tests {
    use super::super::write_uuid;
    use super::*;
    use proptest::prelude::*;

    const LENGTH: usize = UuidPart::LENGTH;

    proptest! {
        #[test]
        fn a_part_is_found_where_its_text_is(
            id in any::<u128>(),
            start in 0..LENGTH,
            length in 1..=LENGTH,
            other in "[0-9a-f-]{1,4}",
        ) {
            let mut buffer = [0; 36];
            let text = write_uuid(id, &mut buffer).to_owned();
            let part = &text[start..(start + length).min(LENGTH)];
            prop_assert!(UuidPart::new(part).is_some_and(|part| part.is_in(id)), "{}", part);
            let is_in = UuidPart::new(&other).is_some_and(|part| part.is_in(id));
            prop_assert_eq!(is_in, text.contains(&other), "{} in {}", other, text);
        }
    }

    #[test]
    fn what_no_uuid_contains_is_no_part() {
        for text in [
            "g",
            "A",
            "--",
            "0123456789",
            "8f14e45f-ceea-467f-a1b2-0123456789abc",
            "ü",
        ] {
            assert_eq!(
                UuidPart::new(text).is_some(),
                text == "0123456789",
                "{text}"
            );
        }
    }
}
