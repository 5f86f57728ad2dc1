//! What of a query SQL can narrow: names as numbers, and times. Whatever a
//! search demands of every task counts, too; the rest is asked row by row.

use super::{
    HistoryError, PastQuery,
    row::{FIRST_CUSTOM, Kind, built_in},
};
use model::{
    SearchExpression, TaskState, Timestamp,
    search::{SearchField, SearchTerm, TimeField},
};
use std::collections::BTreeSet;

/// Hands out all texts of a kind with their numbers.
pub(super) type Words<'w> = &'w mut dyn FnMut(Kind) -> Result<Vec<(i64, String)>, HistoryError>;

/// Numbers of a row that filters are by.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Numbers {
    pub(super) state: Option<i64>,
    pub(super) name: Option<i64>,
    pub(super) worker: Option<i64>,
    pub(super) queue: Option<i64>,
    pub(super) received: Option<i64>,
}

/// Most indexes merged in one list.
const MOST_DRIVES: usize = 12;

/// Numbers of which a column must have one; any if absent.
type Choice = Option<BTreeSet<i64>>;

/// What every task of a list has.
#[derive(Debug)]
pub(super) struct Narrow {
    states: Choice,
    names: Choice,
    workers: Choice,
    queues: Choice,
    /// Bounds of the time that lists are ordered by.
    first: i64,
    last: i64,
    /// Bounds of the time received, if it is asked for.
    received: Option<(i64, i64)>,
}

impl Narrow {
    /// Returns what a query asks for; `None` if nothing can match.
    pub(super) fn new(past: &PastQuery, words: Words<'_>) -> Result<Option<Self>, HistoryError> {
        let query = &past.query;
        let mut narrow = Self {
            states: None,
            names: None,
            workers: None,
            queues: None,
            first: i64::MIN,
            last: past.from.bound,
            received: None,
        };
        if !query.states.is_empty() {
            narrow.states = Some(states(words, |state| query.states.contains(state))?);
        }
        for (kind, choice, wanted) in [
            (
                Kind::Name,
                &mut narrow.names,
                query.name.as_ref().map(|name| name.as_str()),
            ),
            (
                Kind::Worker,
                &mut narrow.workers,
                query.worker.as_ref().map(|name| name.as_str()),
            ),
            (
                Kind::Queue,
                &mut narrow.queues,
                query.queue.as_ref().map(|name| name.as_str()),
            ),
        ] {
            if let Some(wanted) = wanted {
                *choice = Some(numbers(words, kind, |text| text == wanted)?);
            }
        }
        if query.received_start.is_some() || query.received_end.is_some() {
            let first = query.received_start.map_or(i64::MIN, |time| time.0);
            let last = query.received_end.map_or(i64::MAX, |time| time.0);
            narrow.received = Some((first, last));
            narrow.within(first, last);
        }
        narrow.demand(words, &past.search)?;
        let choices = [
            &narrow.states,
            &narrow.names,
            &narrow.workers,
            &narrow.queues,
        ];
        let is_empty = choices
            .iter()
            .any(|choice| choice.as_ref().is_some_and(BTreeSet::is_empty));
        Ok((!is_empty && narrow.first <= narrow.last).then_some(narrow))
    }

    /// Takes in what a search demands of every task.
    fn demand(&mut self, words: Words<'_>, search: &SearchExpression) -> Result<(), HistoryError> {
        let term = match search {
            SearchExpression::And(parts) => {
                for part in parts {
                    self.demand(words, part)?;
                }
                return Ok(());
            }
            SearchExpression::Term(term) => term,
            _ => return Ok(()),
        };
        if let SearchTerm::Time(TimeField::Received, range) = term {
            // Whoever was received has that as the time lists are ordered by.
            let (first, last) = range.limits(Timestamp(0));
            self.within(first.0, last.0);
        }
        let (field, needle, is_whole) = match term {
            SearchTerm::Contains(field, needle) => (*field, needle, false),
            SearchTerm::Equals(field, needle) => (*field, needle, true),
            _ => return Ok(()),
        };
        let fits = |text: &str| match is_whole {
            true => needle.equals(text),
            false => needle.is_in(text),
        };
        let (kind, choice) = match field {
            SearchField::Name => (Kind::Name, &mut self.names),
            SearchField::Worker => (Kind::Worker, &mut self.workers),
            SearchField::Queue => (Kind::Queue, &mut self.queues),
            SearchField::State => (Kind::State, &mut self.states),
            _ => return Ok(()),
        };
        let numbers = match kind {
            Kind::State => states(words, |state| fits(state.as_str()))?,
            kind => numbers(words, kind, fits)?,
        };
        *choice = Some(match choice.take() {
            Some(before) => before.intersection(&numbers).copied().collect(),
            None => numbers,
        });
        Ok(())
    }

    fn within(&mut self, first: i64, last: i64) {
        self.first = self.first.max(first);
        self.last = self.last.min(last);
    }

    /// Lets a list begin at a time.
    pub(super) fn bound_time(&mut self, time: i64, is_descending: bool) {
        if is_descending {
            self.last = self.last.min(time);
        } else {
            self.first = self.first.max(time);
        }
    }

    /// Returns the conditions on the time.
    pub(super) fn times(&self) -> Vec<String> {
        let mut conditions = vec![format!("time <= {}", self.last)];
        if self.first != i64::MIN {
            conditions.push(format!("time >= {}", self.first));
        }
        conditions
    }

    /// Returns one condition for each index that a list by time goes along;
    /// a single absent one stands for the index by time alone.
    pub(super) fn drives(&self) -> Vec<Option<String>> {
        let along = |column: &str, choice: &BTreeSet<i64>| {
            let one = |number: &i64| Some(format!("{column} = {number}"));
            choice.iter().map(one).collect()
        };
        let few = |choice: &&BTreeSet<i64>| choice.len() <= MOST_DRIVES;
        match (
            self.names.as_ref().filter(few),
            self.states.as_ref().filter(few),
        ) {
            (Some(names), _) => along("name", names),
            (None, Some(states)) => along("state", states),
            (None, None) => vec![None],
        }
    }

    /// Returns all conditions, for a list that is sorted.
    pub(super) fn all(&self) -> Vec<String> {
        let mut conditions = self.times();
        if let Some((first, last)) = self.received {
            conditions.push(format!("received BETWEEN {first} AND {last}"));
        }
        for (column, choice) in [
            ("state", &self.states),
            ("name", &self.names),
            ("worker", &self.workers),
            ("queue", &self.queues),
        ] {
            if let Some(choice) = choice {
                let numbers: Vec<String> = choice.iter().map(ToString::to_string).collect();
                conditions.push(format!("{column} IN ({})", numbers.join(", ")));
            }
        }
        conditions
    }

    /// Tells whether a row passes.
    pub(super) fn keeps(&self, row: Numbers) -> bool {
        let has = |choice: &Choice, number: Option<i64>| {
            choice
                .as_ref()
                .is_none_or(|choice| number.is_some_and(|number| choice.contains(&number)))
        };
        let is_received = |(first, last): (i64, i64)| {
            row.received
                .is_some_and(|time| first <= time && time <= last)
        };
        has(&self.states, row.state)
            && has(&self.names, row.name)
            && has(&self.workers, row.worker)
            && has(&self.queues, row.queue)
            && self.received.is_none_or(is_received)
    }
}

/// Returns the numbers of texts that fit.
fn numbers(
    words: Words<'_>,
    kind: Kind,
    fits: impl Fn(&str) -> bool,
) -> Result<BTreeSet<i64>, HistoryError> {
    let fitting = words(kind)?.into_iter().filter(|(_, text)| fits(text));
    Ok(fitting.map(|(number, _)| number).collect())
}

/// Returns the numbers of states that fit.
fn states(
    words: Words<'_>,
    fits: impl Fn(&TaskState) -> bool,
) -> Result<BTreeSet<i64>, HistoryError> {
    let custom = words(Kind::State)?.into_iter();
    let custom = custom.filter(|(_, text)| fits(&TaskState::Custom(text.as_str().into())));
    let mut found: BTreeSet<i64> = custom
        .map(|(number, _)| number.saturating_add(FIRST_CUSTOM))
        .collect();
    let known = TaskState::BUILT_IN.iter().filter(|state| fits(state));
    found.extend(known.filter_map(built_in));
    Ok(found)
}
