//! `MessagePack` to JSON text. The whole format, see
//! <https://github.com/msgpack/msgpack/blob/master/spec.md>; kombu adds no
//! types of its own.

use super::writer::{Span, Writer};
use crate::DecodeErrorKind;

/// Returns the one value that `bytes` hold as JSON text.
pub(super) fn to_json(bytes: &[u8]) -> Result<String, DecodeErrorKind> {
    let mut reader = Reader { bytes };
    let mut writer = Writer::default();
    // How many values each open container still waits for; a map's keys count.
    let mut open: Vec<u64> = Vec::new();
    loop {
        match reader.value(&mut writer)? {
            Some(count) => open.push(count),
            None => {
                if let Some(left) = open.last_mut() {
                    *left -= 1;
                }
            }
        }
        while open.last() == Some(&0) {
            open.pop();
            writer.end();
            if let Some(left) = open.last_mut() {
                *left -= 1;
            }
        }
        if open.is_empty() {
            break;
        }
    }
    if reader.bytes.is_empty() {
        writer.finish()
    } else {
        Err(DecodeErrorKind::TrailingData)
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads one value; of a list or a map only the start, and returns how
    /// many values it holds.
    fn value(&mut self, writer: &mut Writer) -> Result<Option<u64>, DecodeErrorKind> {
        let [byte] = self.array()?;
        let _: Span = match byte {
            0x00..=0x7f | 0xe0..=0xff => {
                let number = i8::from_ne_bytes([byte]);
                writer.scalar(&number.to_string())?
            }
            0x80..=0x8f => return self.begin(writer, true, u64::from(byte & 0x0f)),
            0x90..=0x9f => return self.begin(writer, false, u64::from(byte & 0x0f)),
            0xa0..=0xbf => self.text(writer, u64::from(byte & 0x1f))?,
            0xc0 => writer.scalar("null")?,
            0xc1 => return Err(DecodeErrorKind::Unexpected("msgpack")),
            0xc2 => writer.scalar("false")?,
            0xc3 => writer.scalar("true")?,
            0xc4..=0xc6 => {
                let length = self.length(byte - 0xc4)?;
                let bytes = self.take(length)?;
                writer.bytes(bytes)?
            }
            0xc7..=0xc9 => {
                let length = self.length(byte - 0xc7)?;
                self.extension(writer, length)?
            }
            0xca => writer.float(f64::from(f32::from_be_bytes(self.array()?)))?,
            0xcb => writer.float(f64::from_be_bytes(self.array()?))?,
            0xcc => writer.scalar(&u8::from_be_bytes(self.array()?).to_string())?,
            0xcd => writer.scalar(&u16::from_be_bytes(self.array()?).to_string())?,
            0xce => writer.scalar(&u32::from_be_bytes(self.array()?).to_string())?,
            0xcf => writer.scalar(&u64::from_be_bytes(self.array()?).to_string())?,
            0xd0 => writer.scalar(&i8::from_be_bytes(self.array()?).to_string())?,
            0xd1 => writer.scalar(&i16::from_be_bytes(self.array()?).to_string())?,
            0xd2 => writer.scalar(&i32::from_be_bytes(self.array()?).to_string())?,
            0xd3 => writer.scalar(&i64::from_be_bytes(self.array()?).to_string())?,
            0xd4..=0xd8 => self.extension(writer, 1 << (byte - 0xd4))?,
            0xd9..=0xdb => {
                let length = self.length(byte - 0xd9)?;
                self.text(writer, length)?
            }
            0xdc | 0xdd => {
                let length = self.length(byte - 0xdc + 1)?;
                return self.begin(writer, false, length);
            }
            0xde | 0xdf => {
                let length = self.length(byte - 0xde + 1)?;
                return self.begin(writer, true, length);
            }
        };
        Ok(None)
    }

    fn begin(
        &mut self,
        writer: &mut Writer,
        is_map: bool,
        length: u64,
    ) -> Result<Option<u64>, DecodeErrorKind> {
        writer.begin(is_map)?;
        Ok(Some(if is_map { length * 2 } else { length }))
    }

    fn text(&mut self, writer: &mut Writer, length: u64) -> Result<Span, DecodeErrorKind> {
        let bytes = self.take(length)?;
        writer.text(&String::from_utf8_lossy(bytes))
    }

    /// Writes a value of a type that applications define: its number and its bytes.
    fn extension(&mut self, writer: &mut Writer, length: u64) -> Result<Span, DecodeErrorKind> {
        let [kind] = self.array()?;
        let bytes = self.take(length)?;
        let name = format!("msgpack {}", i8::from_ne_bytes([kind]));
        writer.typed(&name, &base64_simd::STANDARD.encode_to_string(bytes))
    }

    /// Reads a length of 1, 2 or 4 bytes.
    fn length(&mut self, width: u8) -> Result<u64, DecodeErrorKind> {
        Ok(match width {
            0 => u64::from(u8::from_be_bytes(self.array()?)),
            1 => u64::from(u16::from_be_bytes(self.array()?)),
            _ => u64::from(u32::from_be_bytes(self.array()?)),
        })
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeErrorKind> {
        let (array, rest) = self.bytes.split_first_chunk().ok_or_else(cut_off)?;
        self.bytes = rest;
        Ok(*array)
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], DecodeErrorKind> {
        let length = usize::try_from(length).map_err(|_| cut_off())?;
        let (taken, rest) = self.bytes.split_at_checked(length).ok_or_else(cut_off)?;
        self.bytes = rest;
        Ok(taken)
    }
}

fn cut_off() -> DecodeErrorKind {
    DecodeErrorKind::NotJson("the msgpack is cut off".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn every_type_is_written() {
        for (bytes, json) in [
            (&b"\x05"[..], "5"),
            (b"\xff", "-1"),
            (b"\x80", "{}"),
            (b"\x90", "[]"),
            (b"\x82\xa1a\x01\x07\xc3", r#"{"a": 1, "7": true}"#),
            (b"\x92\x91\x01\x91\x02", "[[1], [2]]"),
            (b"\xa2\xc3\xbc", "\"ü\""),
            (b"\xd9\x01\"", r#""\"""#),
            (b"\xda\x00\x01a", "\"a\""),
            (b"\xdb\x00\x00\x00\x01a", "\"a\""),
            (b"\xc0", "null"),
            (b"\xc2", "false"),
            (b"\xc4\x01a", r#"{"__type__":"bytes","__value__":"a"}"#),
            (
                b"\xc4\x01\xff",
                r#"{"__type__":"base64","__value__":"/w=="}"#,
            ),
            (
                b"\xd6\xff\x00\x00\x00\x01",
                r#"{"__type__":"msgpack -1","__value__":"AAAAAQ=="}"#,
            ),
            (b"\xca\x3f\xc0\x00\x00", "1.5"),
            (
                b"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00",
                r#"{"__type__":"float","__value__":"NaN"}"#,
            ),
            (b"\xcc\xff", "255"),
            (b"\xcd\x01\x00", "256"),
            (b"\xce\x00\x01\x00\x00", "65536"),
            (
                b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
                "18446744073709551615",
            ),
            (b"\xd0\x80", "-128"),
            (b"\xd1\xff\x00", "-256"),
            (b"\xd2\x80\x00\x00\x00", "-2147483648"),
            (
                b"\xd3\x80\x00\x00\x00\x00\x00\x00\x00",
                "-9223372036854775808",
            ),
            (b"\xdc\x00\x01\x01", "[1]"),
            (b"\xdd\x00\x00\x00\x01\x01", "[1]"),
            (b"\xde\x00\x01\xa1a\x01", r#"{"a": 1}"#),
            (b"\xdf\x00\x00\x00\x01\xa1a\x01", r#"{"a": 1}"#),
        ] {
            let text = to_json(bytes).expect("valid msgpack");
            assert_eq!(text, json, "{bytes:?}");
            serde_json::from_str::<Value>(&text).expect("valid JSON");
        }
    }

    #[test]
    fn lies_about_lengths_end_quietly() {
        for bytes in [
            &b""[..],
            b"\x91",
            b"\xdd\xff\xff\xff\xff",
            b"\xdf\xff\xff\xff\xff\x01",
            b"\xdb\xff\xff\xff\xffa",
            b"\xc6\xff\xff\xff\xff",
            b"\xc1",
            b"\x01\x02",
            b"\x81\x90\x01",
        ] {
            assert!(to_json(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn deep_values_keep_their_outer_levels() {
        let deep = |levels: usize| {
            let mut bytes = b"\x92\x01".to_vec();
            bytes.extend(vec![0x91; levels]);
            bytes.push(0xc0);
            to_json(&bytes)
        };
        let text = deep(1000).expect("not too deep");
        let value: Value = serde_json::from_str(&text).expect("valid JSON");
        assert_eq!(value[0], 1);
        assert!(text.contains('…'));
        assert_eq!(deep(1_000_000), Err(DecodeErrorKind::TooLarge));
    }
}
