//! What could be put into the search box, from the tasks in memory.

use crate::{
    Monitor, clock,
    state::{Census, Column, Sample, Samples},
};
use model::{
    TaskState, Timestamp,
    search::{
        MAX_SUGGESTIONS, Needle, NumberField, Place, Qualifier, Quoted, SearchField, Suggestion,
        SuggestionKind, Suggestions, TimeField, Typing, utc_date, visit_items, visit_values,
    },
};
use std::{cmp::Reverse, collections::BTreeMap};

/// The newest tasks whose arguments, results or exceptions are looked at.
const SAMPLES: usize = 400;

/// The longest value that is suggested, characters.
const MAX_VALUE_CHARS: usize = 60;

/// From so many characters on, a word also finds names.
const MIN_CHARS_FOR_NAMES: usize = 2;

/// Fields and names of one kind that a word finds at most, so that the others are seen.
const MAX_OF_A_KIND: usize = 4;

impl Monitor {
    /// Returns what could be put at a place of a search text, `cursor`
    /// characters from its start. It may take some milliseconds.
    pub fn suggest(&self, text: &str, cursor: usize) -> Suggestions {
        let place = Place::at(text, cursor);
        let typed = &place.typed;
        let field = match &place.typing {
            Typing::Value(Qualifier::Text(field))
            | Typing::Key { field, .. }
            | Typing::ValueAt { field, .. } => Some(*field),
            _ => None,
        };
        let may = field.is_none_or(|field| self.sight().may_search(field));
        let mut items = match &place.typing {
            _ if !may => Vec::new(),
            Typing::Word => self.for_word(typed),
            Typing::Value(qualifier) => self.for_value(*qualifier, typed),
            Typing::Key { field, keys } => self.keys(*field, keys, typed, ":"),
            Typing::ValueAt { field, keys } => self.values(*field, keys, typed),
        };
        items.truncate(MAX_SUGGESTIONS);
        Suggestions {
            start: place.start,
            end: place.end,
            items,
        }
    }

    /// Returns fields that begin with a word, then names that contain it.
    fn for_word(&self, typed: &str) -> Vec<Suggestion> {
        let may = |field: &Qualifier| match field {
            Qualifier::Text(field) => self.sight().may_search(*field),
            _ => true,
        };
        let fields = Qualifier::ALL
            .into_iter()
            .filter(may)
            .map(|field| Suggestion {
                kind: SuggestionKind::Field,
                insert: format!("{}:", field.as_str()),
                label: format!("{}:", field.as_str()),
                note: field.help().to_owned(),
                tasks: None,
                is_open: true,
            });
        if typed.is_empty() {
            return fields.collect();
        }
        let is_start = |item: &Suggestion| item.label.starts_with(&typed.to_lowercase());
        let mut items: Vec<Suggestion> = fields.filter(is_start).collect();
        if typed.chars().count() < MIN_CHARS_FOR_NAMES {
            return items;
        }
        items.truncate(MAX_OF_A_KIND);
        let columns = [
            (SearchField::State, self.states(typed)),
            (SearchField::Name, self.names(Column::Name, typed)),
            (SearchField::Worker, self.names(Column::Worker, typed)),
            (SearchField::Queue, self.names(Column::Queue, typed)),
        ];
        for (field, found) in columns {
            // States are offered without tasks, too, but not to somebody who typed a word.
            let is_used = |item: &Suggestion| item.tasks != Some(0);
            let found = found.into_iter().filter(is_used).take(MAX_OF_A_KIND);
            items.extend(found.map(|item| Suggestion {
                insert: format!("{}:{}", field.as_str(), item.insert),
                ..item
            }));
        }
        items
    }

    fn for_value(&self, qualifier: Qualifier, typed: &str) -> Vec<Suggestion> {
        match qualifier {
            Qualifier::Text(field) => match field {
                SearchField::State => self.states(typed),
                SearchField::Name => self.names(Column::Name, typed),
                SearchField::Worker => self.names(Column::Worker, typed),
                SearchField::Queue => self.names(Column::Queue, typed),
                SearchField::Exception => self.exceptions(typed),
                SearchField::Kwargs => self.keys(field, "", typed, "="),
                SearchField::Args
                | SearchField::Result
                | SearchField::Traceback
                | SearchField::Id
                | SearchField::Root
                | SearchField::Parent => Vec::new(),
            },
            Qualifier::Number(NumberField::Retries) => examples(typed, &RETRIES),
            Qualifier::Number(NumberField::Runtime | NumberField::Wait) => {
                examples(typed, &DURATIONS)
            }
            Qualifier::Time(TimeField::Eta) => examples(typed, &COMING),
            Qualifier::Time(_) => {
                let mut items = examples(typed, &PAST);
                items.extend(dates(typed, clock::now()));
                items
            }
        }
    }

    /// Returns states that begin with a text, those that have tasks first.
    fn states(&self, typed: &str) -> Vec<Suggestion> {
        let mut states = self.reader().read().states();
        // There are as many of Celery's own as fit the list; an application's would never be in it.
        states.sort_by_key(|(_, count)| *count == 0);
        let start = typed.to_uppercase();
        let is_wanted = |(state, count): &(TaskState, u64)| {
            let is_known = *count > 0 || TaskState::BUILT_IN.contains(state);
            is_known && state.as_str().starts_with(&start)
        };
        states
            .into_iter()
            .filter(is_wanted)
            .map(|(state, count)| Suggestion {
                kind: SuggestionKind::State,
                insert: Quoted(&state.as_str().to_lowercase()).to_string(),
                label: state.label().into_owned(),
                note: String::new(),
                tasks: Some(count),
                is_open: false,
            })
            .collect()
    }

    /// Returns names that contain a text, with the number of their tasks.
    fn names(&self, column: Column, typed: &str) -> Vec<Suggestion> {
        let needle = Needle::new(typed);
        let mut census = Census::new(column);
        while self.reader().read().count(&mut census) {}
        let found = self
            .reader()
            .read()
            .counted(census, |name| needle.is_in(name));
        let kind = match column {
            Column::Name => SuggestionKind::Name,
            Column::Worker => SuggestionKind::Worker,
            Column::Queue => SuggestionKind::Queue,
        };
        let items = found.into_iter().map(|(name, count)| Suggestion {
            kind,
            // The whole name, so that the number is true of what is found.
            insert: format!("={}", Quoted(&name)),
            label: name,
            note: String::new(),
            tasks: Some(count),
            is_open: false,
        });
        best(items.collect(), typed, |item| item.tasks.unwrap_or(0))
    }

    /// Returns types of exceptions among the newest failures, the most frequent first.
    fn exceptions(&self, typed: &str) -> Vec<Suggestion> {
        let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
        for text in self.samples(Sample::Exception) {
            let kind = exception_type(&text);
            if !kind.is_empty() {
                *kinds.entry(kind.to_owned()).or_default() += 1;
            }
        }
        of_samples(SuggestionKind::Exception, kinds, typed)
    }

    /// Returns keys of the newest arguments or results, the most frequent first.
    fn keys(&self, field: SearchField, keys: &str, typed: &str, between: &str) -> Vec<Suggestion> {
        let mut found: BTreeMap<String, (u64, String)> = BTreeMap::new();
        for text in self.samples_of(field) {
            visit_items(&text, keys, &mut |key, value| {
                let entry = found.entry(key.to_owned());
                let (count, _) = entry.or_insert_with(|| (0, clip(value)));
                *count += 1;
            });
        }
        let counts: Vec<(Suggestion, u64)> = found
            .into_iter()
            .filter(|(key, _)| !key.is_empty() && is_short(key))
            .map(|(key, (count, example))| {
                let item = Suggestion {
                    kind: SuggestionKind::Key,
                    insert: format!("{}{between}", Quoted(&key)),
                    label: key,
                    note: example,
                    tasks: None,
                    is_open: true,
                };
                (item, count)
            })
            .collect();
        best_of(counts, typed)
    }

    /// Returns values of the newest arguments or results, the most frequent first.
    fn values(&self, field: SearchField, keys: &str, typed: &str) -> Vec<Suggestion> {
        let mut values: BTreeMap<String, u64> = BTreeMap::new();
        for text in self.samples_of(field) {
            visit_values(&text, keys, &mut |value| {
                if !value.trim().is_empty() && is_short(value) {
                    *values.entry(value.to_owned()).or_default() += 1;
                }
            });
        }
        of_samples(SuggestionKind::Value, values, typed)
    }

    fn samples_of(&self, field: SearchField) -> Vec<String> {
        match field {
            SearchField::Args => self.samples(Sample::Args),
            SearchField::Kwargs => self.samples(Sample::Kwargs),
            SearchField::Result => self.samples(Sample::Result),
            _ => Vec::new(),
        }
    }

    fn samples(&self, sample: Sample) -> Vec<String> {
        let mut samples = Samples::new(sample, SAMPLES);
        while self.reader().read().sample(&mut samples) {}
        samples.into_texts()
    }
}

const RETRIES: [(&str, &str); 3] = [
    (">0", "retried at least once"),
    (">=3", "three times or more"),
    ("1..2", "once or twice"),
];

const DURATIONS: [(&str, &str); 4] = [
    (">1s", "longer than a second"),
    (">1m", "longer than a minute"),
    ("200ms..2s", "from 200 ms to 2 s"),
    ("<50ms", "shorter than 50 ms"),
];

const PAST: [(&str, &str); 3] = [
    (">-5m", "in the last five minutes"),
    (">-1h", "in the last hour"),
    (">-1d", "in the last 24 hours"),
];

const COMING: [(&str, &str); 3] = [
    (">now", "still to come"),
    ("now..+10m", "in the next ten minutes"),
    ("<now", "already past"),
];

fn examples(typed: &str, of: &[(&str, &str)]) -> Vec<Suggestion> {
    let is_start = |(text, _): &&(&str, &str)| text.starts_with(typed);
    let items = of.iter().filter(is_start);
    items.map(|(text, note)| example(text, note)).collect()
}

fn dates(typed: &str, now: Timestamp) -> Vec<Suggestion> {
    let (today, before) = (utc_date(now), utc_date(now.plus_seconds(-86_400.0)));
    let hour = format!("{today}T08:00..09:00");
    [
        (today, "today, UTC"),
        (before, "yesterday, UTC"),
        (hour, "between two times, UTC"),
    ]
    .into_iter()
    .filter(|(text, _)| text.starts_with(typed))
    .map(|(text, note)| example(&text, note))
    .collect()
}

fn example(text: &str, note: &str) -> Suggestion {
    Suggestion {
        kind: SuggestionKind::Example,
        insert: text.to_owned(),
        label: text.to_owned(),
        note: note.to_owned(),
        tasks: None,
        is_open: false,
    }
}

/// Returns texts as suggestions; how often they were seen orders them, and is
/// not shown, because it says nothing about all tasks.
fn of_samples(kind: SuggestionKind, seen: BTreeMap<String, u64>, typed: &str) -> Vec<Suggestion> {
    let items = seen.into_iter().map(|(text, count)| {
        let item = Suggestion {
            kind,
            insert: Quoted(&text).to_string(),
            label: text,
            note: String::new(),
            tasks: None,
            is_open: false,
        };
        (item, count)
    });
    best_of(items.collect(), typed)
}

fn best(items: Vec<Suggestion>, typed: &str, weight: fn(&Suggestion) -> u64) -> Vec<Suggestion> {
    let weighed = items.into_iter().map(|item| {
        let weight = weight(&item);
        (item, weight)
    });
    best_of(weighed.collect(), typed)
}

/// Keeps what contains the text: first what begins with it, then what has a
/// part that begins with it, then the others; within these, the heaviest first.
fn best_of(items: Vec<(Suggestion, u64)>, typed: &str) -> Vec<Suggestion> {
    let needle = typed.to_lowercase();
    let mut ranked: Vec<_> = items
        .into_iter()
        .filter_map(|(item, weight)| {
            let label = item.label.to_lowercase();
            let at = label.match_indices(&needle).map(|(at, _)| at);
            let rank = at
                .map(
                    |at| match label.get(..at).and_then(|s| s.chars().next_back()) {
                        None => 0,
                        Some(before) if !before.is_alphanumeric() => 1,
                        Some(_) => 2,
                    },
                )
                .min()?;
            Some((rank, Reverse(weight), item))
        })
        .collect();
    ranked.sort_by(|(a, b, x), (c, d, y)| (a, b, &x.label).cmp(&(c, d, &y.label)));
    let items = ranked.into_iter().map(|(_, _, item)| item);
    items.take(MAX_SUGGESTIONS).collect()
}

/// Returns the type in `KeyError('x')` or `shop.OutOfStock: no more`.
fn exception_type(text: &str) -> &str {
    let is_name = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '.');
    let text = text.trim_start();
    let end = text.find(|letter| !is_name(letter)).unwrap_or(text.len());
    text.get(..end).unwrap_or_default().trim_end_matches('.')
}

fn is_short(text: &str) -> bool {
    text.chars().count() <= MAX_VALUE_CHARS
}

fn clip(text: &str) -> String {
    const MAX_CHARS: usize = 32;
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(texts: &[(&str, u64)], typed: &str) -> Vec<String> {
        let texts = texts
            .iter()
            .map(|(text, count)| ((*text).to_owned(), *count));
        of_samples(SuggestionKind::Value, texts.collect(), typed)
            .into_iter()
            .map(|item| item.label)
            .collect()
    }

    #[test]
    fn what_begins_with_the_text_comes_before_what_contains_it() {
        let texts = [
            ("mail", 1),
            ("Mail-bulk", 7),
            ("shop.mail", 90),
            ("gmail", 500),
            ("web", 1_000),
        ];
        assert_eq!(
            labels(&texts, "MAIL"),
            ["Mail-bulk", "mail", "shop.mail", "gmail"]
        );
        assert_eq!(labels(&texts, "").first().map(String::as_str), Some("web"));
        assert!(labels(&texts, "nothing").is_empty());
    }

    #[test]
    fn no_more_is_suggested_than_fits_the_list() {
        let many: Vec<String> = (0..40).map(|number| format!("value-{number}")).collect();
        let many: Vec<(&str, u64)> = many.iter().map(|text| (text.as_str(), 1)).collect();
        assert_eq!(labels(&many, "value").len(), MAX_SUGGESTIONS);
    }

    #[test]
    fn exceptions_are_named_by_their_type() {
        for (text, expected) in [
            ("KeyError('x')", "KeyError"),
            ("shop.OutOfStock: no more", "shop.OutOfStock"),
            ("  TimeLimitExceeded(300,)", "TimeLimitExceeded"),
            ("'odd'", ""),
            ("", ""),
            ("Ärger", "Ärger"),
        ] {
            assert_eq!(exception_type(text), expected, "{text}");
        }
    }

    #[test]
    fn every_example_is_a_search_that_can_be_read() {
        let now = Timestamp(1_795_168_800_000_000);
        let parse = model::SearchExpression::parse;
        for (field, items) in [
            ("retries", examples("", &RETRIES)),
            ("runtime", examples("", &DURATIONS)),
            ("received", examples("", &PAST)),
            ("eta", examples("", &COMING)),
            ("received", dates("", now)),
        ] {
            assert!(!items.is_empty());
            for item in items {
                let text = format!("{field}:{}", item.insert);
                assert!(parse(&text).is_ok(), "{text}");
            }
        }
        assert_eq!(dates("2026-11-2", now).len(), 2);
        assert_eq!(dates("2026-11-2", now)[0].label, "2026-11-20");
    }
}
