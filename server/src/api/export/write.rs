//! Rows as CSV (RFC 4180), as JSON objects a line, or as one JSON list.

use chrono::DateTime;
use model::{
    Timestamp,
    export::{Cell, ExportFormat},
};
use serde::{Serialize, Serializer, ser::SerializeMap};
use std::io;

/// The mark by which some spreadsheets know UTF-8.
const BOM: &str = "\u{feff}";

/// Writes rows of cells.
#[derive(Debug)]
pub(crate) struct Sheet {
    format: ExportFormat,
    names: Vec<&'static str>,
    has_rows: bool,
}

impl Sheet {
    pub(crate) fn new(format: ExportFormat, names: Vec<&'static str>) -> Self {
        Self {
            format,
            names,
            has_rows: false,
        }
    }

    /// Writes what stands before the first row.
    pub(crate) fn head(&self, has_bom: bool, out: &mut Vec<u8>) -> io::Result<()> {
        match self.format {
            ExportFormat::Csv => {
                if has_bom {
                    out.extend_from_slice(BOM.as_bytes());
                }
                let mut csv = csv(out);
                csv.write_record(&self.names)?;
                csv.flush()
            }
            ExportFormat::Ndjson => Ok(()),
            ExportFormat::Json => {
                out.push(b'[');
                Ok(())
            }
        }
    }

    /// Writes rows, each a cell for every name.
    pub(crate) fn rows(
        &mut self,
        rows: impl Iterator<Item = Vec<Cell>>,
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        match self.format {
            ExportFormat::Csv => {
                let mut csv = csv(out);
                for row in rows {
                    csv.write_record(row.into_iter().map(as_text))?;
                }
                csv.flush()
            }
            ExportFormat::Ndjson => {
                for row in rows {
                    serde_json::to_writer(&mut *out, &Object(&self.names, &row))?;
                    out.push(b'\n');
                }
                Ok(())
            }
            ExportFormat::Json => {
                for row in rows {
                    let before: &[u8] = if self.has_rows { b",\n" } else { b"\n" };
                    self.has_rows = true;
                    out.extend_from_slice(before);
                    serde_json::to_writer(&mut *out, &Object(&self.names, &row))?;
                }
                Ok(())
            }
        }
    }

    /// Writes what stands behind the last row.
    pub(crate) fn tail(&self, out: &mut Vec<u8>) {
        if self.format == ExportFormat::Json {
            out.extend_from_slice(b"\n]\n");
        }
    }

    /// Returns the type of the file.
    pub(crate) fn content_type(format: ExportFormat) -> &'static str {
        match format {
            ExportFormat::Csv => "text/csv; charset=utf-8; header=present",
            ExportFormat::Ndjson => "application/x-ndjson",
            ExportFormat::Json => "application/json",
        }
    }
}

fn csv(out: &mut Vec<u8>) -> csv::Writer<&mut Vec<u8>> {
    csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(out)
}

/// A cell as text. A text that a spreadsheet would take for a formula gets an
/// apostrophe in front, which it takes for "this is text".
fn as_text(cell: Cell) -> String {
    match cell {
        Cell::Nothing => String::new(),
        Cell::Text(text) if text.starts_with(['=', '+', '-', '@', '\t', '\r']) => {
            format!("'{text}")
        }
        Cell::Text(text) => text,
        Cell::Whole(number) => number.to_string(),
        Cell::Seconds(seconds) => seconds.to_string(),
        Cell::Time(time) => iso(time),
        Cell::Flag(is) => is.to_string(),
    }
}

/// Writes a time as ISO 8601 with microseconds and Z.
pub(super) fn iso(time: Timestamp) -> String {
    match DateTime::from_timestamp_micros(time.0) {
        Some(time) => time.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
        // Out of the calendar's range, which no event can be.
        None => String::new(),
    }
}

/// A row as an object.
struct Object<'r>(&'r [&'static str], &'r [Cell]);

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, cell) in self.0.iter().zip(self.1) {
            match cell {
                Cell::Nothing => map.serialize_entry(name, &())?,
                Cell::Text(text) => map.serialize_entry(name, text)?,
                Cell::Whole(number) => map.serialize_entry(name, number)?,
                Cell::Seconds(seconds) => map.serialize_entry(name, seconds)?,
                Cell::Time(time) => map.serialize_entry(name, &iso(*time))?,
                Cell::Flag(is) => map.serialize_entry(name, is)?,
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(format: ExportFormat, has_bom: bool, rows: Vec<Vec<Cell>>) -> String {
        let mut sheet = Sheet::new(format, vec!["a", "b"]);
        let mut out = Vec::new();
        sheet.head(has_bom, &mut out).expect("a head");
        for row in rows {
            sheet.rows(std::iter::once(row), &mut out).expect("a row");
        }
        sheet.tail(&mut out);
        String::from_utf8(out).expect("text")
    }

    fn text(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }

    #[test]
    fn csv_is_quoted_and_holds_no_formula() {
        let rows = vec![
            vec![text("=1+1"), text("@x, \"y\"\nz")],
            vec![Cell::Seconds(-0.5), Cell::Nothing],
            vec![Cell::Whole(7), Cell::Time(Timestamp(1_795_162_505_924_187))],
            vec![text("-1"), Cell::Flag(true)],
        ];
        assert_eq!(
            written(ExportFormat::Csv, false, rows),
            "a,b\r\n'=1+1,\"'@x, \"\"y\"\"\nz\"\r\n-0.5,\r\n7,2026-11-20T08:15:05.924187Z\r\n'-1,true\r\n"
        );
        let with_bom = written(ExportFormat::Csv, true, Vec::new());
        assert_eq!(with_bom, "\u{feff}a,b\r\n");
    }

    #[test]
    fn json_keeps_types_and_is_complete_without_rows() {
        let rows = || {
            vec![
                vec![text("=ä\n"), Cell::Nothing],
                vec![Cell::Seconds(0.25), Cell::Flag(false)],
            ]
        };
        assert_eq!(
            written(ExportFormat::Ndjson, true, rows()),
            "{\"a\":\"=ä\\n\",\"b\":null}\n{\"a\":0.25,\"b\":false}\n"
        );
        let json = written(ExportFormat::Json, false, rows());
        let value: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(value[1]["a"], 0.25);
        let empty = written(ExportFormat::Json, false, Vec::new());
        assert_eq!(serde_json::from_str::<Vec<()>>(&empty).expect("JSON"), []);
    }
}
