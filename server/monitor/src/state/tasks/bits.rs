//! Sets of a segment's rows, one bit each.

/// Some rows of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bits {
    words: Vec<u64>,
}

impl Bits {
    /// Returns the set of the first `rows` rows.
    pub(super) fn all(rows: usize) -> Self {
        let mut words = vec![u64::MAX; rows.div_ceil(64)];
        if !rows.is_multiple_of(64)
            && let Some(last) = words.last_mut()
        {
            *last = (1 << (rows % 64)) - 1;
        }
        Self { words }
    }

    /// Returns the empty set with room for `rows` rows.
    pub(super) fn none(rows: usize) -> Self {
        Self {
            words: vec![0; rows.div_ceil(64)],
        }
    }

    pub(super) fn insert(&mut self, at: usize) {
        self.words[at / 64] |= 1 << (at % 64);
    }

    pub(super) fn contains(&self, at: usize) -> bool {
        self.words[at / 64] & 1 << (at % 64) != 0
    }

    pub(super) fn count(&self) -> usize {
        self.words.iter().map(|w| w.count_ones() as usize).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// Adds the rows of `other`.
    pub(super) fn add(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word |= other;
        }
    }

    /// Takes the rows of `other` away.
    pub(super) fn subtract(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word &= !other;
        }
    }

    /// Keeps the rows that are in `other`, too.
    pub(super) fn keep_both(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word &= other;
        }
    }

    /// Keeps the rows whose value in `column` passes the test.
    pub(super) fn keep<T>(&mut self, column: &[T], test: impl Fn(&T) -> bool) {
        for (word, values) in self.words.iter_mut().zip(column.chunks(64)) {
            if *word == 0 {
                continue;
            }
            let mut passed = 0;
            for (at, value) in values.iter().enumerate() {
                passed |= u64::from(test(value)) << at;
            }
            *word &= passed;
        }
    }

    /// Keeps the rows whose number passes the test, which is asked only for rows in the set.
    pub(super) fn keep_each(&mut self, mut test: impl FnMut(usize) -> bool) {
        for (place, word) in self.words.iter_mut().enumerate() {
            let mut rest = *word;
            while rest != 0 {
                let bit = rest.trailing_zeros() as usize;
                rest &= rest - 1;
                if !test(place * 64 + bit) {
                    *word &= !(1 << bit);
                }
            }
        }
    }

    /// Returns the rows, lowest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
        self.words.iter().enumerate().flat_map(|(place, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                (rest != 0).then(|| {
                    let bit = rest.trailing_zeros() as usize;
                    rest &= rest - 1;
                    place * 64 + bit
                })
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_do_what_sets_do() {
        for rows in [0, 1, 63, 64, 65, 200] {
            let all = Bits::all(rows);
            assert_eq!(all.count(), rows);
            assert!(all.iter().eq(0..rows));
            let column: Vec<usize> = (0..rows).collect();
            let mut even = all.clone();
            even.keep(&column, |value| value % 2 == 0);
            let mut also_even = all.clone();
            also_even.keep_each(|at| at % 2 == 0);
            assert_eq!(even, also_even);
            let mut odd = all.clone();
            odd.subtract(&even);
            assert!(odd.iter().all(|at| at % 2 == 1 && !even.contains(at)));
            let mut none = odd.clone();
            none.keep_both(&even);
            assert!(none.is_empty());
            odd.keep_both(&all);
            odd.add(&even);
            assert_eq!(odd, all);
            assert!(Bits::none(rows).is_empty());
        }
    }
}
