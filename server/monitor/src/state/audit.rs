//! Who did what: the newest commands, bounded.

use model::{AuditEntry, AuditLog};
use std::collections::VecDeque;

/// Most commands kept.
const MAX_ENTRIES: usize = 1_000;

/// The newest commands.
#[derive(Debug, Default)]
pub(super) struct Audit {
    /// Newest first.
    entries: VecDeque<AuditEntry>,
    total: u64,
}

impl Audit {
    /// Takes a command that was given, or the end of one that was taken before.
    pub(super) fn record(&mut self, entry: AuditEntry) {
        self.total = self.total.max(entry.number);
        // Two that are given at the same moment may come in either order.
        let place = self
            .entries
            .binary_search_by(|known| entry.number.cmp(&known.number));
        match place {
            Ok(place) => {
                if let Some(known) = self.entries.get_mut(place) {
                    *known = entry;
                }
            }
            Err(place) if place < MAX_ENTRIES => {
                self.entries.insert(place, entry);
                self.entries.truncate(MAX_ENTRIES);
            }
            // The end of one that is not kept any more.
            Err(_) => {}
        }
    }

    pub(super) fn log(&self) -> AuditLog {
        AuditLog {
            entries: self.entries.iter().cloned().collect(),
            total: self.total,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{AuditResult, CommandKind, Door, Role, Timestamp};

    fn entry(number: u64, result: AuditResult) -> AuditEntry {
        AuditEntry {
            number,
            at: Timestamp(7),
            caller: "local".to_owned(),
            role: Role::Admin,
            from: None,
            door: Door::Api,
            command: CommandKind::Ping,
            target: "all workers".to_owned(),
            result,
            message: String::new(),
            seconds: None,
        }
    }

    #[test]
    fn a_command_that_ends_stays_in_its_place() {
        let mut audit = Audit::default();
        for number in 1..=3 {
            audit.record(entry(number, AuditResult::Running));
        }
        audit.record(entry(2, AuditResult::Done));
        let log = audit.log();
        let shown: Vec<_> = log.entries.iter().map(|e| (e.number, e.result)).collect();
        let running = AuditResult::Running;
        assert_eq!(shown, [(3, running), (2, AuditResult::Done), (1, running)]);
        assert_eq!(log.total, 3);
    }

    #[test]
    fn commands_that_come_in_another_order_are_kept_by_their_numbers() {
        let mut audit = Audit::default();
        let (running, done) = (AuditResult::Running, AuditResult::Done);
        for (number, result) in [(2, running), (1, running), (4, running), (3, done)] {
            audit.record(entry(number, result));
        }
        audit.record(entry(1, done));
        let log = audit.log();
        let shown: Vec<_> = log.entries.iter().map(|e| (e.number, e.result)).collect();
        assert_eq!(shown, [(4, running), (3, done), (2, running), (1, done)]);
        assert_eq!(log.total, 4);
        // A full log takes one that is newer than its oldest, too.
        for number in (5..=1_500).filter(|number| *number != 1_499) {
            audit.record(entry(number, running));
        }
        audit.record(entry(1_499, running));
        let log = audit.log();
        let numbers: Vec<_> = log.entries.iter().map(|entry| entry.number).collect();
        assert_eq!(numbers, (501..=1_500).rev().collect::<Vec<_>>());
    }

    #[test]
    fn only_the_newest_are_kept_and_all_are_counted() {
        let mut audit = Audit::default();
        for number in 1..=1_500 {
            audit.record(entry(number, AuditResult::Running));
        }
        audit.record(entry(1, AuditResult::Done));
        let log = audit.log();
        assert_eq!((log.entries.len(), log.total), (MAX_ENTRIES, 1_500));
        assert_eq!(log.entries.first().map(|e| e.number), Some(1_500));
        assert_eq!(log.entries.last().map(|e| e.number), Some(501));
    }
}
