//! Compressed copies beside the originals, so that the server never compresses
//! a file twice and can afford the best quality.

use crate::site;
use anyhow::{Context, Result};
use flate2::{Compression, write::GzEncoder};
use std::{fs, io::Write, path::Path};

/// Endings of files that shrink; pictures and fonts are compressed already.
const ENDINGS: [&str; 8] = [
    "css",
    "html",
    "js",
    "json",
    "svg",
    "txt",
    "wasm",
    "webmanifest",
];

/// Writes `x.br` and `x.gz` beside every file `x` that shrinks.
pub(crate) fn compress_all(folder: &Path) -> Result<()> {
    for file in site::files(folder)? {
        let ending = file.extension().and_then(|ending| ending.to_str());
        if !ending.is_some_and(|ending| ENDINGS.contains(&ending)) {
            continue;
        }
        let plain =
            fs::read(&file).with_context(|| format!("failed to read {}", file.display()))?;
        for (ending, packed) in [(".br", brotli(&plain)?), (".gz", gzip(&plain)?)] {
            if packed.len() < plain.len() {
                let mut path = file.clone().into_os_string();
                path.push(ending);
                site::write(Path::new(&path), &packed)?;
            }
        }
    }
    Ok(())
}

fn brotli(plain: &[u8]) -> Result<Vec<u8>> {
    let mut packed = Vec::new();
    let options = brotli::enc::BrotliEncoderParams {
        quality: 11,
        lgwin: 24,
        size_hint: plain.len(),
        ..Default::default()
    };
    brotli::BrotliCompress(&mut &plain[..], &mut packed, &options)
        .context("failed to compress with brotli")?;
    Ok(packed)
}

fn gzip(plain: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder
        .write_all(plain)
        .and_then(|()| encoder.finish())
        .context("failed to compress with gzip")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn files_that_shrink_get_copies_that_unpack_to_the_original() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let text = "body { color: red }\n".repeat(100);
        fs::write(folder.path().join("a.css"), &text).expect("a file");
        fs::write(folder.path().join("tiny.txt"), "x").expect("a file");
        fs::write(folder.path().join("a.png"), &text).expect("a file");

        compress_all(folder.path()).expect("compression");

        let names: Vec<_> = site::files(folder.path())
            .expect("the list")
            .iter()
            .filter_map(|path| path.file_name()?.to_str().map(str::to_owned))
            .collect();
        assert_eq!(
            names,
            ["a.css", "a.css.br", "a.css.gz", "a.png", "tiny.txt"]
        );
        let mut unpacked = String::new();
        let packed = fs::read(folder.path().join("a.css.gz")).expect("the copy");
        flate2::read::GzDecoder::new(&packed[..])
            .read_to_string(&mut unpacked)
            .expect("gzip");
        assert_eq!(unpacked, text);
        let packed = fs::read(folder.path().join("a.css.br")).expect("the copy");
        let mut unpacked = Vec::new();
        brotli::BrotliDecompress(&mut &packed[..], &mut unpacked).expect("brotli");
        assert_eq!(unpacked, text.as_bytes());
    }
}
