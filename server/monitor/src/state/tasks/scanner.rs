//! Looking for a text in large blocks, in any case and without a copy.
//!
//! Two bytes of the text that are rare in such blocks are compared at many
//! places at once, which compilers turn into vector instructions; only where
//! both are, the rest is looked at.

use model::search::CaseByte;

/// Places that are compared at once.
const STRIDE: usize = 64;

/// What to look for, with the two bytes that are compared first.
#[derive(Clone, Debug)]
pub(super) struct Scanner {
    outline: Vec<CaseByte>,
    /// Places of the two in the outline.
    probes: [usize; 2],
    head: Head,
}

/// The first eight bytes as numbers: a text fits whose bits, with those of
/// `mask` set, are those of `bytes` where `cared` has ones.
#[derive(Clone, Debug)]
struct Head {
    mask: u64,
    bytes: u64,
    cared: u64,
}

impl Head {
    const LENGTH: usize = 8;

    fn new(outline: &[CaseByte]) -> Self {
        let number = |of: fn(&CaseByte) -> u8| {
            let mut bytes = [0; Self::LENGTH];
            for (byte, case) in bytes.iter_mut().zip(outline) {
                *byte = of(case);
            }
            u64::from_le_bytes(bytes)
        };
        Self {
            mask: number(|case| case.mask),
            bytes: number(|case| case.byte),
            cared: number(|_| u8::MAX),
        }
    }

    fn fits(&self, bytes: [u8; Self::LENGTH]) -> bool {
        ((u64::from_le_bytes(bytes) | self.mask) ^ self.bytes) & self.cared == 0
    }
}

impl Scanner {
    /// Prepares to look for the bytes; `sample` shows how common each byte is.
    pub(super) fn new(outline: Vec<CaseByte>, sample: &[u8]) -> Self {
        let mut counts = [0_u32; 256];
        for byte in sample {
            counts[usize::from(*byte)] += 1;
        }
        let commonness = |case: CaseByte| -> u32 {
            (0..=255_u8)
                .filter(|byte| case.fits(*byte))
                .map(|byte| counts[usize::from(byte)])
                .sum()
        };
        let mut places: Vec<usize> = (0..outline.len()).collect();
        places.sort_by_key(|place| commonness(outline[*place]));
        let first = places.first().copied().unwrap_or(0);
        // The same byte again would tell less than another one.
        let second = places
            .iter()
            .find(|place| outline[**place] != outline[first])
            .or(places.get(1))
            .copied()
            .unwrap_or(first);
        Self {
            head: Head::new(&outline),
            outline,
            probes: [first, second],
        }
    }

    /// Returns how many bytes are looked for.
    pub(super) fn len(&self) -> usize {
        self.outline.len()
    }

    /// Calls `hit` with each place where the bytes begin, in order; it returns
    /// the place from which on to go on. Nothing is nowhere.
    pub(super) fn each(&self, hay: &[u8], mut hit: impl FnMut(usize) -> usize) {
        let [first, second] = self.probes;
        let (Some(left), Some(right)) = (self.outline.get(first), self.outline.get(second)) else {
            return;
        };
        // The text may begin at so many places; these are the two bytes of each.
        let places = (hay.len() + 1).saturating_sub(self.outline.len());
        let lefts = hay.get(first..first + places).unwrap_or_default();
        let rights = hay.get(second..second + places).unwrap_or_default();
        let mut from = 0;
        loop {
            let (some_lefts, _) = lefts.get(from..).unwrap_or_default().as_chunks();
            let (some_rights, _) = rights.get(from..).unwrap_or_default().as_chunks();
            let strides = some_lefts.iter().zip(some_rights);
            let passed = strides
                .clone()
                .take_while(|(lefts, rights)| !is_any(&have_both(lefts, rights, *left, *right)))
                .count();
            let Some((some_lefts, some_rights)) = strides.clone().nth(passed) else {
                from += passed * STRIDE;
                break;
            };
            let start = from + passed * STRIDE;
            let both = have_both(some_lefts, some_rights, *left, *right);
            let mut next = start;
            let mut try_at = |lane: usize| {
                let place = start + lane;
                if place >= next && self.is_at(hay, place) {
                    next = hit(place).max(place + 1);
                }
            };
            let folded = fold(&both);
            if folded.is_power_of_two() {
                let bit = folded.trailing_zeros() as usize;
                try_at(bit % 8 * 8 + bit / 8);
            } else {
                for (lane, is_there) in both.iter().enumerate() {
                    if *is_there != 0 {
                        try_at(lane);
                    }
                }
            }
            from = next.max(start + STRIDE);
        }
        while let (Some(a), Some(b)) = (lefts.get(from), rights.get(from)) {
            let place = from;
            from += 1;
            if left.fits(*a) && right.fits(*b) && self.is_at(hay, place) {
                from = hit(place).max(from);
            }
        }
    }

    fn is_at(&self, hay: &[u8], place: usize) -> bool {
        let bytes = hay.get(place..).unwrap_or_default();
        let (outline, bytes) = match bytes.split_first_chunk() {
            Some((first, _)) if !self.head.fits(*first) => return false,
            Some((_, rest)) => (self.outline.get(Head::LENGTH..), rest),
            None => (Some(&*self.outline), bytes),
        };
        let mut pairs = outline.unwrap_or_default().iter().zip(bytes);
        pairs.all(|(case, byte)| case.fits(*byte))
    }
}

/// Returns 1 for each place that has both bytes.
#[inline]
fn have_both(
    lefts: &[u8; STRIDE],
    rights: &[u8; STRIDE],
    left: CaseByte,
    right: CaseByte,
) -> [u8; STRIDE] {
    let mut both = [0; STRIDE];
    for (place, (a, b)) in both.iter_mut().zip(lefts.iter().zip(rights)) {
        *place = u8::from(left.fits(*a)) & u8::from(right.fits(*b));
    }
    both
}

#[inline]
fn is_any(both: &[u8; STRIDE]) -> bool {
    both.iter().fold(0, |any, place| any | place) != 0
}

/// Returns a number with a bit for each byte that is 1: that of byte `8 a + b`
/// is bit `8 b + a`.
#[inline]
fn fold(both: &[u8; STRIDE]) -> u64 {
    let (eights, _) = both.as_chunks();
    let words = eights.iter().map(|eight| u64::from_le_bytes(*eight));
    words
        .zip(0..)
        .fold(0, |all, (word, place)| all | word << place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::search::Needle;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_place_is_found_and_no_other(
            hay in prop::collection::vec(prop::sample::select(b"aAbB-\x00\xc3\xbc".to_vec()), 0..400),
            needle in "[aAb-]{1,4}",
            step in 1_usize..200,
            sample in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let scanner = Scanner::new(Needle::new(&needle).outline(), &sample);
            let meant: Vec<usize> = hay
                .windows(needle.len())
                .enumerate()
                .filter(|(_, part)| part.eq_ignore_ascii_case(needle.as_bytes()))
                .map(|(place, _)| place)
                .collect();
            let mut found = Vec::new();
            scanner.each(&hay, |place| {
                found.push(place);
                0
            });
            prop_assert_eq!(&found, &meant);
            // From a hit on, so many bytes are passed over.
            let mut apart: Vec<usize> = Vec::new();
            for place in meant {
                if apart.last().is_none_or(|last| place >= last + step) {
                    apart.push(place);
                }
            }
            let mut found = Vec::new();
            scanner.each(&hay, |place| {
                found.push(place);
                place + step
            });
            prop_assert_eq!(found, apart);
        }
    }
}
