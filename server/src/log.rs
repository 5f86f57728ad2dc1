//! What goes to the log, without what nobody is to see.

use monitor::redact::Redactor;
use std::{
    borrow::Cow,
    io::{self, Write},
    sync::Arc,
};

/// Writes lines from which a [`Redactor`] took something out.
///
/// Nothing is logged that holds arguments or results; this is for what others
/// say, such as the words of a broken reply or of a library.
#[derive(Clone, Debug)]
pub struct RedactedLog<W> {
    out: W,
    redactor: Arc<Redactor>,
}

impl<W> RedactedLog<W> {
    /// Makes a writer that hands redacted lines on to `out`.
    pub fn new(out: W, redactor: Arc<Redactor>) -> Self {
        Self { out, redactor }
    }
}

impl<W: Write> Write for RedactedLog<W> {
    /// Takes a whole line, as `tracing_subscriber::fmt` hands it over.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        // The end of the line belongs to no value.
        let (text, end) = match text.strip_suffix('\n') {
            Some(text) => (text, "\n"),
            None => (&*text, ""),
        };
        let redacted = match text.starts_with('{') {
            true => self.redactor.json(text),
            false => self.redactor.text(text),
        };
        // At once, so that no other thread's line comes in between.
        match redacted {
            Cow::Borrowed(_) => self.out.write_all(line)?,
            Cow::Owned(text) => self.out.write_all(format!("{text}{end}").as_bytes())?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_redacted_and_stay_lines() {
        for (line, expected) in [
            (
                "INFO reply={'token': 'x'}\n",
                "INFO reply={'token': '[redacted]'}\n",
            ),
            (
                "{\"cause\":\"password=x\",\"n\":1}\n",
                "{\"cause\":\"password=[redacted]\",\"n\":1}\n",
            ),
            ("nothing here\n", "nothing here\n"),
        ] {
            let redactor = Arc::new(Redactor::with_default_keys());
            let mut log = RedactedLog::new(Vec::new(), redactor);
            log.write_all(line.as_bytes()).expect("a line");
            assert_eq!(String::from_utf8_lossy(&log.out), expected);
        }
    }
}
