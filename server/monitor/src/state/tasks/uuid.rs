//! Ids of tasks as numbers. Every event names its task, and most name two more,
//! so they are read eight digits at a time.

/// One in each of eight bytes.
const EACH: u64 = 0x0101_0101_0101_0101;

/// Reads a UUID in its canonical form; any other spelling is another id to Celery.
pub(super) fn parse_uuid(id: &str) -> Option<u128> {
    let bytes: &[u8; 36] = id.as_bytes().try_into().ok()?;
    let has_dashes = [8, 13, 18, 23].map(|place| bytes[place] == b'-');
    let four = |at: usize| {
        let digits = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        u64::from(u32::from_be_bytes(digits))
    };
    let eight = |first: usize, second: usize| eight_digits(four(first) << 32 | four(second));
    let (high, is_high) = eight(0, 4);
    let (middle, is_middle) = eight(9, 14);
    let (next, is_next) = eight(19, 24);
    let (low, is_low) = eight(28, 32);
    let is_uuid = (has_dashes == [true; 4]) & is_high & is_middle & is_next & is_low;
    let number = (u128::from(high) << 96)
        | (u128::from(middle) << 64)
        | (u128::from(next) << 32)
        | u128::from(low);
    is_uuid.then_some(number)
}

/// Reads eight hexadecimal digits, the first in the highest byte, and tells
/// whether they are some, in lower case.
fn eight_digits(text: u64) -> (u64, bool) {
    // Bit 6 tells letters from figures: `a` is 0x61, `0` is 0x30.
    let letters = (text >> 6) & EACH;
    let values = (text & (EACH * 0x0f)) + letters * 9;
    // Written again they must be the same text.
    let from_ten = ((values + EACH * 6) >> 4) & EACH;
    let again = values + EACH * u64::from(b'0') + from_ten * u64::from(b'a' - b'0' - 10);
    let are_digits = again == text && values & (EACH * 0xf0) == 0;
    let pairs = (values | values >> 4) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs | pairs >> 8) & 0x0000_ffff_0000_ffff;
    ((fours | fours >> 16) & 0xffff_ffff, are_digits)
}

/// Writes a UUID in its canonical form.
pub(super) fn write_uuid(number: u128, out: &mut [u8; 36]) -> &str {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut shift = 128;
    for (place, byte) in out.iter_mut().enumerate() {
        if matches!(place, 8 | 13 | 18 | 23) {
            *byte = b'-';
        } else {
            shift -= 4;
            *byte = DIGITS[(number >> shift) as usize & 0xf];
        }
    }
    std::str::from_utf8(out).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// One character after the other, as one would say it.
    fn plainly(id: &str) -> Option<u128> {
        let is_dash = |place: usize| matches!(place, 8 | 13 | 18 | 23);
        let mut number = 0;
        for (place, letter) in id.chars().enumerate() {
            if is_dash(place) != (letter == '-') || letter.is_ascii_uppercase() {
                return None;
            }
            if !is_dash(place) {
                number = number << 4 | u128::from(letter.to_digit(16)?);
            }
        }
        (id.len() == 36).then_some(number)
    }

    #[test]
    fn each_byte_is_a_digit_or_not_at_every_place() {
        let uuid = *b"0123abcd-ef45-4678-9abc-def012345678";
        for place in 0..uuid.len() {
            for byte in 0..128u8 {
                let mut bytes = uuid;
                bytes[place] = byte;
                let id = std::str::from_utf8(&bytes).expect("it is ASCII");
                assert_eq!(parse_uuid(id), plainly(id), "{id:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(number: u128) {
            prop_assert_eq!(parse_uuid(write_uuid(number, &mut [0; 36])), Some(number));
        }

        #[test]
        fn other_texts_are_none(id in "[0-9a-gA-F-]{30,40}|\\PC{9,36}") {
            prop_assert_eq!(parse_uuid(&id), plainly(&id));
        }
    }
}
