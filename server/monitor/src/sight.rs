//! What a handle of the engine shows: everything, or, to viewers of a
//! dashboard that hides arguments, nothing of what tasks were given, returned
//! or raised.
//!
//! Left to see are names, states, workers, queues, times, counts, and of an
//! exception its type. Nothing hidden can be found by searching either.

use model::{
    ErrorKind, Inspection, JsonText, QueuePeek, Role, Schedule, SearchExpression, Snapshot,
    TaskDetail, TaskSummary, UndecodableList, View, WireError,
    search::{SearchField, SearchTerm},
};
use protocol::TaskResult;
use serde_json::Value;

/// What stands in the place of what is hidden.
pub const HIDDEN: &str = "(hidden)";

/// Texts that viewers may look for without a field.
const OPEN_WORDS: [SearchField; 5] = [
    SearchField::Name,
    SearchField::State,
    SearchField::Worker,
    SearchField::Queue,
    SearchField::Id,
];

/// Members of workers' answers that hold arguments.
const ARGUMENTS: [&str; 4] = ["args", "kwargs", "argsrepr", "kwargsrepr"];

/// What a handle shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sight {
    #[default]
    Everything,
    WithoutContents,
}

impl Sight {
    /// Returns what somebody sees where arguments are hidden from viewers.
    pub(crate) fn of(role: Role, is_hiding: bool) -> Self {
        if is_hiding && role < Role::Operator {
            Self::WithoutContents
        } else {
            Self::Everything
        }
    }

    pub(crate) fn is_limited(self) -> bool {
        self == Self::WithoutContents
    }

    /// Refuses what is of no use without arguments.
    pub(crate) fn expect_everything(self, what: &str) -> Result<(), WireError> {
        match self {
            Self::Everything => Ok(()),
            Self::WithoutContents => Err(forbidden(format!(
                "{what} shows arguments, which this dashboard hides from viewers."
            ))),
        }
    }

    /// Returns a search that looks into nothing hidden; refused if it asks for that.
    pub(crate) fn search(self, search: SearchExpression) -> Result<SearchExpression, WireError> {
        match self {
            Self::Everything => Ok(search),
            Self::WithoutContents => open(search),
        }
    }

    /// Tells whether a field may be looked into.
    pub(crate) fn may_search(self, field: SearchField) -> bool {
        self == Self::Everything || !is_content(field)
    }

    pub(crate) fn snapshot(self, mut snapshot: Snapshot) -> Snapshot {
        if self.is_limited() {
            hide_in_view(&mut snapshot.view);
        }
        snapshot
    }

    pub(crate) fn task(self, mut task: TaskDetail) -> TaskDetail {
        if self.is_limited() {
            hide_in_task(&mut task);
        }
        task
    }

    pub(crate) fn rows(self, rows: &mut [TaskSummary]) {
        if self.is_limited() {
            rows.iter_mut().for_each(hide_in_row);
        }
    }

    pub(crate) fn inspection(self, answers: &mut Inspection) {
        if self.is_limited() {
            hide_in_answers(answers);
        }
    }

    pub(crate) fn schedule(self, schedule: &mut Schedule) {
        if self.is_limited() {
            hide_in_schedule(schedule);
        }
    }

    pub(crate) fn peek(self, peek: &mut QueuePeek) {
        if self.is_limited() {
            for message in &mut peek.messages {
                hide(&mut message.args);
                hide(&mut message.kwargs);
                message.is_text = true;
            }
        }
    }

    pub(crate) fn result(self, stored: &mut TaskResult) {
        if self.is_limited() {
            for json in [&mut stored.result, &mut stored.args, &mut stored.kwargs] {
                if json.is_some() {
                    *json = Some(Value::from(HIDDEN).to_string());
                }
            }
            type_only(&mut stored.exception);
            hide(&mut stored.traceback);
        }
    }
}

fn forbidden(message: String) -> WireError {
    WireError::new(ErrorKind::Forbidden, message)
}

fn is_content(field: SearchField) -> bool {
    matches!(
        field,
        SearchField::Args
            | SearchField::Kwargs
            | SearchField::Result
            | SearchField::Exception
            | SearchField::Traceback
    )
}

fn open(search: SearchExpression) -> Result<SearchExpression, WireError> {
    let all = |parts: Vec<SearchExpression>| -> Result<Vec<_>, WireError> {
        parts.into_iter().map(open).collect()
    };
    Ok(match search {
        SearchExpression::All => SearchExpression::All,
        SearchExpression::Not(inner) => SearchExpression::Not(Box::new(open(*inner)?)),
        SearchExpression::And(parts) => SearchExpression::And(all(parts)?),
        SearchExpression::Or(parts) => SearchExpression::Or(all(parts)?),
        SearchExpression::Term(term) => SearchExpression::Term(open_term(term)?),
    })
}

fn open_term(term: SearchTerm) -> Result<SearchTerm, WireError> {
    let field = match &term {
        SearchTerm::Any { .. } | SearchTerm::Number(..) | SearchTerm::Time(..) => None,
        SearchTerm::Contains(field, _) | SearchTerm::Equals(field, _) => Some(*field),
        SearchTerm::Path(path) => Some(path.field()),
    };
    match (field, term) {
        (Some(field), _) if is_content(field) => Err(forbidden(format!(
            "search can't look into {}:, which this dashboard hides from viewers",
            field.as_str()
        ))),
        (_, SearchTerm::Any { needle, .. }) => Ok(SearchTerm::Any {
            fields: &OPEN_WORDS,
            needle,
        }),
        (_, term) => Ok(term),
    }
}

fn hide(text: &mut Option<String>) {
    if let Some(text) = text {
        HIDDEN.clone_into(text);
    }
}

/// Leaves an exception its type: `ValueError('x')` becomes `ValueError`.
fn type_only(exception: &mut Option<String>) {
    if let Some(text) = exception {
        let is_name = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '.');
        let end = text.find(|letter| !is_name(letter)).unwrap_or(text.len());
        // A word alone may be anything.
        let is_type = text[end..].starts_with('(') && end > 0;
        if is_type {
            text.truncate(end);
        } else {
            HIDDEN.clone_into(text);
        }
    }
}

fn hide_in_row(row: &mut TaskSummary) {
    type_only(&mut row.exception);
}

fn hide_in_task(task: &mut TaskDetail) {
    hide_in_row(&mut task.summary);
    task.children.iter_mut().for_each(hide_in_row);
    for text in [&mut task.args, &mut task.kwargs, &mut task.result] {
        hide(text);
    }
    type_only(&mut task.exception);
    hide(&mut task.traceback);
    for attempt in &mut task.attempts {
        type_only(&mut attempt.exception);
        hide(&mut attempt.traceback);
    }
    for event in &mut task.custom_events {
        event.fields = Value::from(HIDDEN).to_string();
    }
}

fn hide_in_answers(answers: &mut Inspection) {
    for answer in [
        &mut answers.active,
        &mut answers.reserved,
        &mut answers.scheduled,
        &mut answers.conf,
    ]
    .into_iter()
    .flatten()
    {
        hide_arguments(answer);
    }
}

fn hide_arguments(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(hide_arguments),
        Value::Object(members) => {
            for (key, member) in members {
                if ARGUMENTS.contains(&key.as_str()) {
                    *member = Value::from(HIDDEN);
                } else {
                    hide_arguments(member);
                }
            }
        }
        _ => {}
    }
}

fn hide_in_schedule(schedule: &mut Schedule) {
    let hidden = |json: &mut JsonText| {
        if let Ok(text) = JsonText::parse(&Value::from(HIDDEN).to_string()) {
            *json = text;
        }
    };
    for entry in &mut schedule.entries {
        hidden(&mut entry.args);
        hidden(&mut entry.kwargs);
    }
}

fn hide_in_samples(list: &mut UndecodableList) {
    for sample in list.kinds.iter_mut().flat_map(|kind| &mut kind.samples) {
        HIDDEN.clone_into(&mut sample.text);
    }
}

fn hide_in_view(view: &mut View) {
    match view {
        View::Overview(overview) => overview.failures.iter_mut().for_each(hide_in_row),
        View::Tasks(page) => page.rows.iter_mut().for_each(hide_in_row),
        View::Task(task) => {
            if let Some(task) = task {
                hide_in_task(task);
            }
        }
        View::Worker(worker) => {
            if let Some(worker) = worker {
                hide_in_answers(&mut worker.inspection);
            }
        }
        View::Undecodable(list) => hide_in_samples(list),
        View::Schedule(schedule) => hide_in_schedule(schedule),
        View::Audit(log) => {
            for entry in &mut log.entries {
                // What an operator searched for.
                if let Some(place) = entry.target.find('?') {
                    entry.target.truncate(place);
                    entry.target.push_str(HIDDEN);
                }
            }
        }
        View::Workers(_) | View::Queues(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn viewers_look_into_nothing_hidden() {
        let limited = Sight::WithoutContents;
        for text in [
            "args:x",
            "-kwargs:user=x",
            "name:a OR (result:1 state:failure)",
            "kwargs.user.id:>5",
            "exception:x",
            "traceback:x",
        ] {
            let search = SearchExpression::parse(text).expect("a search");
            let error = limited.search(search.clone()).expect_err(text);
            assert_eq!(error.kind, ErrorKind::Forbidden);
            assert_eq!(Sight::Everything.search(search.clone()), Ok(search));
        }
        let search = SearchExpression::parse("word").expect("a search");
        let Ok(SearchExpression::Term(SearchTerm::Any { fields, .. })) = limited.search(search)
        else {
            panic!("a word stays one");
        };
        assert!(fields.iter().all(|field| limited.may_search(*field)));
        assert!(limited.search(SearchExpression::All).is_ok());
    }

    #[test]
    fn of_an_exception_only_its_type_is_left() {
        for (text, expected) in [
            ("ValueError('x')", "ValueError"),
            ("shop.errors.Declined(4, 'a')", "shop.errors.Declined"),
            ("hunter2", HIDDEN),
            ("<odd>", HIDDEN),
            ("", HIDDEN),
        ] {
            let mut exception = Some(text.to_owned());
            type_only(&mut exception);
            assert_eq!(exception.as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn only_those_below_an_operator_see_less() {
        assert!(Sight::of(Role::Viewer, true).is_limited());
        assert!(!Sight::of(Role::Viewer, false).is_limited());
        assert!(!Sight::of(Role::Operator, true).is_limited());
    }
}
