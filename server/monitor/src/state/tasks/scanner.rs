//! Looking for a text in large blocks, in any case and without a copy.
//!
//! Two bytes of the text that are rare in such blocks are compared at many
//! places at once, which compilers turn into vector instructions; only where
//! both are, the rest is looked at.

use model::search::CaseByte;

/// Places that are compared at once.
const STRIDE: usize = 64;

/// What to look for, with the two bytes that are compared first.
#[derive(Debug)]
pub(super) struct Scanner {
    outline: Vec<CaseByte>,
    /// Places of the two in the outline.
    probes: [usize; 2],
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
            let mut both = mask_of(&both);
            let mut next = start;
            while both != 0 {
                let place = start + both.trailing_zeros() as usize;
                both &= both - 1;
                if place >= next && self.is_at(hay, place) {
                    next = hit(place).max(place + 1);
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
        self.outline
            .iter()
            .zip(bytes)
            .all(|(case, b)| case.fits(*b))
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

/// Returns a number whose bits are the bytes, each of which is 0 or 1.
#[inline]
fn mask_of(both: &[u8; STRIDE]) -> u64 {
    // Brings the lowest bit of each of eight bytes to the top one.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let (eights, _) = both.as_chunks();
    eights.iter().rev().fold(0, |mask, eight| {
        mask << 8 | u64::from_le_bytes(*eight).wrapping_mul(GATHER) >> 56
    })
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
