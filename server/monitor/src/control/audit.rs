//! Every command is written down: when it is given, before anything is sent,
//! and when it has ended, whatever came of it.

use crate::{clock, intake::Intake, redact::Redactor, state::Input};
use model::{AuditEntry, AuditResult, Caller, Command, ErrorKind, Outcome, WireError};
use std::{sync::Arc, time::Instant};

/// Most characters of a target or message; some name thousands of workers.
const MAX_CHARS: usize = 300;

/// A command that is under way. If it is dropped before its end is known, it failed.
#[derive(Debug)]
pub(super) struct Record {
    intake: Intake,
    redactor: Arc<Redactor>,
    entry: AuditEntry,
    begun: Instant,
}

impl Record {
    /// Writes down that a command was given.
    pub(super) fn begin(
        intake: Intake,
        redactor: Arc<Redactor>,
        number: u64,
        caller: &Caller,
        command: &Command,
    ) -> Self {
        let entry = AuditEntry {
            number,
            at: clock::now(),
            caller: one_line(&caller.name),
            role: caller.role,
            from: caller.from.as_deref().map(one_line),
            door: caller.door,
            command: command.kind(),
            // A search, or the words of a worker, may hold what nobody is to see.
            target: one_line(&redactor.text(&command.target())),
            result: AuditResult::Running,
            message: String::new(),
            seconds: None,
        };
        let record = Self {
            intake,
            redactor,
            entry,
            begun: Instant::now(),
        };
        record.write();
        record
    }

    /// Writes down what came of it.
    pub(super) fn end(mut self, result: &Result<Outcome, WireError>) {
        let (result, message) = match result {
            Ok(outcome) => (outcome.status.into(), &outcome.message),
            Err(error) if error.kind == ErrorKind::Forbidden => {
                (AuditResult::Forbidden, &error.message)
            }
            Err(error) => (AuditResult::Failed, &error.message),
        };
        let message = one_line(&self.redactor.text(message));
        self.finish(result, message);
    }

    fn finish(&mut self, result: AuditResult, message: String) {
        self.entry.result = result;
        self.entry.message = message;
        self.entry.seconds = Some(self.begun.elapsed().as_secs_f64());
        self.write();
    }

    fn write(&self) {
        let entry = &self.entry;
        tracing::info!(
            target: "audit",
            number = entry.number,
            caller = entry.caller,
            role = %entry.role,
            from = entry.from,
            door = ?entry.door,
            command = %entry.command,
            on = entry.target,
            result = ?entry.result,
            seconds = entry.seconds,
            "{}",
            entry.message
        );
        self.intake
            .push_input(Input::Audit(Box::new(entry.clone())));
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if self.entry.result == AuditResult::Running {
            let message = "It broke off in the middle: a defect of the dashboard, or its end.";
            self.finish(AuditResult::Failed, message.to_owned());
        }
    }
}

/// Shortens foreign text and writes out what could forge a line of the log.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    for (place, letter) in text.chars().enumerate() {
        if place == MAX_CHARS {
            line.push('…');
            break;
        }
        if letter.is_control() {
            line.extend(letter.escape_default());
        } else {
            line.push(letter);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_one_short_line() {
        assert_eq!(one_line("a\nb\u{1b}[0m"), "a\\nb\\u{1b}[0m");
        assert_eq!(one_line("häuser"), "häuser");
        assert_eq!(one_line(&"x".repeat(10_000)).chars().count(), MAX_CHARS + 1);
    }
}
