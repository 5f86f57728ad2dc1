//! What the list of commands is narrowed to, as the address says it.

use crate::links;
use model::{AuditFilter, AuditResult, CommandKind};

/// Every outcome, its name in addresses and its word.
pub(super) const RESULTS: [(AuditResult, &str, &str); 7] = [
    (AuditResult::Done, "done", "Done"),
    (AuditResult::Partial, "partial", "Partial"),
    (AuditResult::Refused, "refused", "Refused"),
    (AuditResult::Silent, "silent", "Silent"),
    (AuditResult::Failed, "failed", "Failed"),
    (AuditResult::Forbidden, "forbidden", "Forbidden"),
    (AuditResult::Running, "running", "Running"),
];

/// Returns the name of an outcome in addresses.
pub(super) fn result_name(result: AuditResult) -> &'static str {
    result.as_str()
}

/// Returns the word of an outcome.
pub(super) fn result_word(result: AuditResult) -> &'static str {
    let known = RESULTS.into_iter().find(|(known, ..)| *known == result);
    known.map_or("", |(.., word)| word)
}

/// Reads the name of a command.
pub(super) fn command(name: &str) -> Option<CommandKind> {
    let mut kinds = CommandKind::ALL.iter().copied();
    kinds.find(|kind| kind.as_str() == name)
}

/// Returns the address of the page narrowed to this.
pub(super) fn href(filter: &AuditFilter) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(filter.to_pairs())
        .finish();
    links::with_query(links::AUDIT, &query)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use model::{AuditEntry, Door, Role, Timestamp};

    pub(in super::super) fn entry(number: u64) -> AuditEntry {
        AuditEntry {
            number,
            at: Timestamp(0),
            caller: "Ana".to_owned(),
            role: Role::Admin,
            from: Some("10.0.0.7".to_owned()),
            door: Door::Page,
            command: CommandKind::Purge,
            target: "mail".to_owned(),
            result: AuditResult::Done,
            message: "Purged 7,846 messages.".to_owned(),
            seconds: Some(0.2),
        }
    }

    #[test]
    fn an_address_says_what_is_shown() {
        let pairs = [
            ("q", " ana mail "),
            ("result", "done"),
            ("command", "purge"),
        ];
        let get = |key: &str| {
            let found = pairs.iter().find(|(known, _)| *known == key);
            found.map(|(_, value)| *value)
        };
        let filter = AuditFilter::from_query(get);
        assert!(filter.shows(&entry(1)));
        assert_eq!(href(&filter), "/audit?q=ana+mail&result=done&command=purge");
        assert_eq!(AuditFilter::from_query(|_| None), AuditFilter::default());
        assert_eq!(href(&AuditFilter::default()), "/audit");
    }

    #[test]
    fn words_are_looked_for_in_every_place() {
        let filter = |text: &str| AuditFilter {
            text: text.to_owned(),
            ..AuditFilter::default()
        };
        for found in ["ANA", "10.0.0", "purge mail", "7,846", "admin"] {
            assert!(filter(found).shows(&entry(1)), "{found}");
        }
        assert!(!filter("purge images").shows(&entry(1)));
        let failed = AuditFilter {
            result: Some(AuditResult::Failed),
            ..AuditFilter::default()
        };
        assert!(!failed.shows(&entry(1)));
    }

    #[test]
    fn every_outcome_has_a_name_of_its_own() {
        for (result, name, word) in RESULTS {
            assert_eq!((result_name(result), result_word(result)), (name, word));
            let read = AuditFilter::from_query(|key| (key == "result").then_some(name));
            assert_eq!(read.result, Some(result));
        }
    }
}
