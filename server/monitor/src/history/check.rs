//! Looking whether a store is whole, and what is in it.

use super::{HistoryError, Store, row::FIRST_CUSTOM};
use model::TaskState;

/// What a look at a store found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The schema's version.
    pub schema: i64,
    /// Bytes that it takes on the disk.
    pub size_bytes: i64,
    /// How many tasks are in each state, those of own names together.
    pub states: Vec<(String, i64)>,
    /// How many of other things there are.
    pub others: Vec<(&'static str, i64)>,
    /// What is wrong; nothing if it is whole.
    pub problems: Vec<String>,
}

/// Columns of tasks that speak of words.
const WORDS: [&str; 6] = [
    "name",
    "worker",
    "queue",
    "exchange",
    "routing_key",
    "client",
];

impl Store {
    /// Looks at everything, which takes a while if it is much; `step` hears what is looked at.
    pub fn check(&self, mut step: impl FnMut(&str)) -> Result<Report, HistoryError> {
        let (schema, size, damage) = match self {
            Self::Sqlite(_) => (
                "SELECT user_version FROM pragma_user_version",
                "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
                "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
            ),
            // What of its files is damaged a database finds out itself.
            Self::Postgres(_) => (
                "SELECT max(version)::bigint FROM versions",
                "SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class c
                 JOIN pg_namespace n ON n.oid = c.relnamespace
                 WHERE n.nspname = current_schema() AND c.relkind = 'r'",
                "SELECT 0::bigint",
            ),
        };
        step("schema and size");
        let mut report = Report {
            schema: self.number(schema)?,
            size_bytes: self.number(size)?,
            ..Report::default()
        };
        step("tasks");
        for (place, state) in (0_i64..).zip(TaskState::BUILT_IN) {
            let count = format!("SELECT count(*) FROM tasks WHERE state = {place}");
            let count = (state.as_str().to_owned(), self.number(&count)?);
            report.states.extend((count.1 > 0).then_some(count));
        }
        let custom = format!("SELECT count(*) FROM tasks WHERE state >= {FIRST_CUSTOM}");
        let custom = self.number(&custom)?;
        let custom = (custom > 0).then(|| ("of other names".to_owned(), custom));
        report.states.extend(custom);
        for (what, table) in [
            ("tracebacks", "tracebacks"),
            ("names", "words"),
            ("gaps", "gaps"),
            ("audit entries", "audit"),
        ] {
            let count = self.number(&format!("SELECT count(*) FROM {table}"))?;
            report.others.push((what, count));
        }
        step("integrity");
        let mut problem = |count: i64, what: &str| {
            let text = format!("{count} {what}");
            report.problems.extend((count > 0).then_some(text));
        };
        problem(self.number(damage)?, "damaged places in the file");
        for column in WORDS {
            let sql = format!(
                "SELECT count(*) FROM tasks WHERE {column} IS NOT NULL
                 AND NOT EXISTS (SELECT 1 FROM words WHERE id = {column})"
            );
            problem(self.number(&sql)?, &format!("tasks whose {column} is lost"));
        }
        let sql = "SELECT count(*) FROM tasks WHERE traceback IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM tracebacks WHERE id = tasks.traceback)";
        problem(self.number(sql)?, "tasks whose traceback is lost");
        Ok(report)
    }
}
