//! Brings documents to the fuzz targets and back.
//!
//! `corpus unpack FOLDER` writes the captures' documents and those found by
//! earlier fuzzing to `FOLDER/<target>/`.
//! `corpus pack FOLDER` keeps the shortest of those in `FOLDER/<target>/`, in
//! `tests/corpus/<target>.base64`, where the tests run them.

#[path = "../../../tests/suite/checks.rs"]
mod checks;
#[path = "../../../tests/suite/support/mod.rs"]
#[expect(dead_code, reason = "the tests need more of it")]
mod support;

use std::{env, error::Error, fs, path::Path};
use support::seeds;

/// How many documents of a target are kept, and how long they may be, bytes.
const MAX_KEPT: usize = 150;
const MAX_BYTES: usize = 400;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [command, folder] = arguments.as_slice() else {
        return Err("usage: corpus unpack|pack FOLDER".into());
    };
    for (name, _) in checks::CHECKS {
        let of_target = Path::new(folder).join(name);
        match command.as_str() {
            "unpack" => unpack(name, &of_target)?,
            "pack" => pack(name, &of_target)?,
            other => return Err(format!("no command `{other}`").into()),
        }
    }
    Ok(())
}

fn unpack(name: &str, folder: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    for (place, seed) in seeds::of(name).iter().enumerate() {
        fs::write(folder.join(format!("seed-{place}")), seed)?;
    }
    Ok(())
}

fn pack(name: &str, folder: &Path) -> Result<(), Box<dyn Error>> {
    let mut kept = Vec::new();
    for entry in fs::read_dir(folder)? {
        let bytes = fs::read(entry?.path())?;
        if bytes.len() <= MAX_BYTES {
            kept.push(bytes);
        }
    }
    kept.sort_by(|a, b| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
    kept.dedup();
    // The shortest of all say little; take some of every length.
    let step = kept.len().div_ceil(MAX_KEPT).max(1);
    let mut out = String::new();
    for bytes in kept.iter().step_by(step) {
        out.push_str(&base64_simd::STANDARD.encode_to_string(bytes));
        out.push('\n');
    }
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus");
    fs::create_dir_all(&tests)?;
    fs::write(tests.join(format!("{name}.base64")), out)?;
    Ok(())
}
