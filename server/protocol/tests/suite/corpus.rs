//! Every decoder with every document of the captures, with what fuzzing found,
//! and with mutations of both that are the same in every run.

use crate::{
    checks::{CHECKS, Check},
    support::seeds,
};

/// Mutations of each document. More of them is what `fuzz/run.sh` is for.
const MUTATIONS: u64 = 24;

/// Documents above this size are cut, so that a mutation costs little.
const MAX_BYTES: usize = 2_000;

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    /// Returns the next number, by the recurrence of `SplitMix64`.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// Changes a document in a few places.
fn mutate(bytes: &mut Vec<u8>, numbers: &mut Numbers) {
    const WORDS: [&[u8]; 12] = [
        b"\"",
        b"\\",
        b"{",
        b"]",
        b"null",
        b"NaN",
        b"\\ud800",
        b"1e999",
        b"...",
        b"', ",
        b"\xff",
        b"18446744073709551616",
    ];
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(bytes.len() + 1);
        match numbers.below(5) {
            0 if at < bytes.len() => bytes[at] ^= 1 << numbers.below(8),
            1 if at < bytes.len() => {
                let end = (at + 1 + numbers.below(8)).min(bytes.len());
                bytes.drain(at..end);
            }
            2 => {
                let end = (at + numbers.below(64)).min(bytes.len());
                let part = bytes[at..end].to_vec();
                let to = numbers.below(bytes.len() + 1);
                bytes.splice(to..to, part);
            }
            3 => bytes.truncate(at),
            _ => {
                let word = WORDS[numbers.below(WORDS.len())];
                bytes.splice(at..at, word.iter().copied());
            }
        }
    }
}

fn run(name: &str) {
    let (_, check): (&str, Check) = CHECKS
        .into_iter()
        .find(|(known, _)| *known == name)
        .expect("a decoder of that name");
    let seeds = seeds::of(name);
    assert!(seeds.len() > 50, "{name}: {}", seeds.len());
    for (place, seed) in seeds.iter().enumerate() {
        check(seed);
        for round in 0..MUTATIONS {
            let mut bytes = seed.get(..MAX_BYTES).unwrap_or(seed).to_vec();
            mutate(&mut bytes, &mut Numbers(place as u64 * MUTATIONS + round));
            check(&bytes);
        }
    }
}

#[test]
fn events_survive_the_corpus() {
    run("event");
}

#[test]
fn envelopes_survive_the_corpus() {
    run("envelope");
}

#[test]
fn messages_survive_the_corpus() {
    run("message");
}

#[test]
fn results_survive_the_corpus() {
    run("result");
}

#[test]
fn reprs_survive_the_corpus() {
    run("repr");
}

#[test]
fn replies_survive_the_corpus() {
    run("reply");
}
