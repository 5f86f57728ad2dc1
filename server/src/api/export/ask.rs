//! What an export is asked to be: format, columns, how many rows.

use model::{
    QueryError,
    export::{Column, ExportFormat},
};

/// What is wanted.
#[derive(Debug)]
pub(crate) struct Ask<C> {
    pub(crate) format: ExportFormat,
    pub(crate) columns: Vec<C>,
    /// The most rows; all if absent.
    pub(crate) rows: Option<usize>,
    /// Whether CSV begins with the mark by which some spreadsheets know UTF-8.
    pub(crate) has_bom: bool,
}

impl<C: Column> Ask<C> {
    /// Reads the parameters; others are somebody else's.
    pub(crate) fn read(query: &str) -> Result<Self, QueryError> {
        let mut ask = Self {
            format: ExportFormat::default(),
            columns: Vec::new(),
            rows: None,
            has_bom: false,
        };
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            let value = value.trim();
            if value.is_empty() {
                continue;
            }
            match &*key {
                "format" => {
                    let known = ExportFormat::from_name(value);
                    ask.format = known.ok_or_else(|| {
                        QueryError::new("format", format!("is none of {}: {value:?}", formats()))
                    })?;
                }
                "columns" => {
                    for name in value.split(',').map(str::trim) {
                        let column = C::from_name(name).ok_or_else(|| {
                            QueryError::new(
                                "columns",
                                format!("has none of {}: {name:?}", names::<C>()),
                            )
                        })?;
                        let is_new = |known: &C| known.as_str() != column.as_str();
                        if ask.columns.iter().all(is_new) {
                            ask.columns.push(column);
                        }
                    }
                }
                "rows" => {
                    let rows = value.parse().ok().filter(|rows| *rows > 0);
                    let wrong = || QueryError::new("rows", "must be a whole number from 1 on");
                    ask.rows = Some(rows.ok_or_else(wrong)?);
                }
                "bom" => ask.has_bom = value == "1",
                _ => {}
            }
        }
        if ask.columns.is_empty() {
            ask.columns = C::DEFAULT.to_vec();
        }
        Ok(ask)
    }
}

fn formats() -> String {
    ExportFormat::ALL.map(ExportFormat::as_str).join(", ")
}

fn names<C: Column>() -> String {
    let names: Vec<&str> = C::ALL.iter().map(|column| column.as_str()).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::export::TaskColumn;

    fn read(query: &str) -> Result<Ask<TaskColumn>, QueryError> {
        Ask::read(query)
    }

    #[test]
    fn columns_come_in_the_order_in_which_they_are_asked_for() {
        let ask = read("columns=name,id&columns=name&columns=args&rows=7&bom=1").expect("an ask");
        assert_eq!(
            ask.columns,
            [TaskColumn::Name, TaskColumn::Id, TaskColumn::Args]
        );
        assert_eq!(
            (ask.rows, ask.has_bom, ask.format),
            (Some(7), true, ExportFormat::Csv)
        );
        let ask = read("format=&columns=&rows=&state=FAILURE").expect("an ask");
        assert_eq!(ask.columns, TaskColumn::DEFAULT);
        assert_eq!(ask.rows, None);
    }

    #[test]
    fn what_cannot_be_had_is_said_with_what_can() {
        for (query, part) in [
            ("format=xlsx", "csv, ndjson, json"),
            ("columns=uuid", "state, name, id"),
            ("rows=0", "from 1 on"),
            ("rows=many", "from 1 on"),
        ] {
            let error = read(query).expect_err(query).to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
