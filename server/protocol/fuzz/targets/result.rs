//! See `result` in `tests/suite/checks.rs`.
#![no_main]

#[path = "../../tests/suite/checks.rs"]
#[expect(dead_code, reason = "one check a target")]
mod checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::result(bytes));
