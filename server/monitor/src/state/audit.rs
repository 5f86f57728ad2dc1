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
        // A command may last while many others come and go, but rarely does.
        let known = self
            .entries
            .iter_mut()
            .find(|known| known.number == entry.number);
        match known {
            Some(known) => *known = entry,
            // The end of one that is not kept any more.
            None if entry.number <= self.total => {}
            None => {
                self.total = entry.number;
                self.entries.push_front(entry);
                self.entries.truncate(MAX_ENTRIES);
            }
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
