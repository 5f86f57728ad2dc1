//! Unpacks what kombu packed (`kombu/compression.py`).

use super::MAX_BODY_BYTES;
use crate::DecodeErrorKind;
use std::io::Read;

/// The most memory, bytes, that a packed body may make us set aside for what
/// it refers back to. Python's defaults need 8 MiB.
const MAX_WINDOW_BYTES: u32 = 32 << 20;

/// Unpacks a body; `name` is the header `compression` or one of kombu's short names.
pub(crate) fn undo(name: &str, packed: &[u8]) -> Result<Vec<u8>, DecodeErrorKind> {
    match name {
        // Its content type says gzip, but kombu uses `zlib.compress`.
        "application/x-gzip" | "gzip" | "zlib" => read(flate2::bufread::ZlibDecoder::new(packed)),
        "application/x-bz2" | "bzip2" | "bzip" => read(bzip2::bufread::MultiBzDecoder::new(packed)),
        // `lzma.compress` writes an xz container.
        "application/x-lzma" | "lzma" | "xz" => read(lzma_rust2::XzReader::new_mem_limit(
            packed,
            true,
            MAX_WINDOW_BYTES / 1024,
        )),
        "application/x-brotli" | "brotli" => {
            read(brotli_decompressor::Decompressor::new(packed, 4096))
        }
        "application/zstd" | "zstd" | "zstandard" => {
            let limit = u64::from(MAX_WINDOW_BYTES);
            ruzstd::decoding::StreamingDecoder::new_with_max_window_size(packed, limit)
                .map_err(|error| DecodeErrorKind::Corrupt(error.to_string()))
                .and_then(read)
        }
        other => Err(DecodeErrorKind::UnsupportedCompression(other.to_owned())),
    }
}

fn read(unpacked: impl Read) -> Result<Vec<u8>, DecodeErrorKind> {
    let mut out = Vec::new();
    unpacked
        .take(MAX_BODY_BYTES as u64 + 1)
        .read_to_end(&mut out)
        .map_err(|error| DecodeErrorKind::Corrupt(error.to_string()))?;
    if out.len() > MAX_BODY_BYTES {
        return Err(DecodeErrorKind::TooLarge);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(bytes).expect("memory takes everything");
        packer.finish().expect("memory takes everything")
    }

    #[test]
    fn a_bomb_is_stopped_at_the_bound() {
        let fits = zlib(&vec![b' '; MAX_BODY_BYTES]);
        assert_eq!(
            undo("zlib", &fits).map(|body| body.len()),
            Ok(MAX_BODY_BYTES)
        );
        let bomb = zlib(&vec![b' '; MAX_BODY_BYTES + 1]);
        assert!(bomb.len() < 20_000);
        assert_eq!(undo("zlib", &bomb), Err(DecodeErrorKind::TooLarge));
    }

    #[test]
    fn rubbish_is_corrupt_in_every_way() {
        for name in ["zlib", "bzip2", "lzma", "brotli", "zstd"] {
            let result = undo(name, b"no such thing \xff\xff");
            assert!(
                matches!(result, Err(DecodeErrorKind::Corrupt(_))),
                "{name} {result:?}"
            );
        }
        assert_eq!(
            undo("snappy", b""),
            Err(DecodeErrorKind::UnsupportedCompression("snappy".to_owned()))
        );
    }
}
