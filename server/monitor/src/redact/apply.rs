//! Redaction of what comes in: events, facts, answers of workers, bytes that
//! cannot be read, stored results.

use super::{MARK, Redactor};
use crate::state::tasks::repair::Fact;
use model::{Inspection, JsonText};
use protocol::{EventKind, EventRef, TaskResult};
use serde_json::Value;
use std::borrow::Cow;

/// Settings whose members are named by people: an entry of a schedule may be
/// called `refresh-token`. In both spellings of Celery.
const NAMED_MEMBERS: [&str; 8] = [
    "beat_schedule",
    "CELERYBEAT_SCHEDULE",
    "task_routes",
    "CELERY_ROUTES",
    "task_annotations",
    "CELERY_ANNOTATIONS",
    "task_queues",
    "CELERY_QUEUES",
];

/// Shortest run of base64 in a sample that is looked into, characters.
const BASE64_CHARS: usize = 24;

/// Texts of an event that had something in them.
#[derive(Debug, Default)]
pub(crate) struct Changed {
    args: Option<String>,
    kwargs: Option<String>,
    result: Option<String>,
    exception: Option<String>,
    traceback: Option<String>,
    raw: Option<String>,
}

impl Changed {
    /// Returns the event with these texts in place of its own.
    pub(crate) fn of<'a>(&'a self, event: &EventRef<'a>) -> EventRef<'a> {
        fn either<'a>(changed: &'a Option<String>, own: Option<&'a str>) -> Option<&'a str> {
            changed.as_deref().or(own)
        }
        EventRef {
            args: either(&self.args, event.args),
            kwargs: either(&self.kwargs, event.kwargs),
            result: either(&self.result, event.result),
            exception: either(&self.exception, event.exception),
            traceback: either(&self.traceback, event.traceback),
            raw: self.raw.as_deref().unwrap_or(event.raw),
            ..*event
        }
    }
}

impl Redactor {
    /// Returns the texts of an event that are to be taken in place of its own;
    /// `None` if it can be taken as it is, which is nearly always so.
    #[inline]
    pub(crate) fn event(&self, event: &EventRef<'_>) -> Option<Changed> {
        if self.is_off() {
            return None;
        }
        let mut changed = Changed::default();
        let mut is_changed = false;
        for (text, place) in [
            (event.args, &mut changed.args),
            (event.kwargs, &mut changed.kwargs),
            (event.result, &mut changed.result),
            (event.exception, &mut changed.exception),
            (event.traceback, &mut changed.traceback),
        ] {
            if let Some(text) = text
                && let Cow::Owned(new) = self.text(text)
            {
                *place = Some(new);
                is_changed = true;
            }
        }
        // Of these alone the whole event is kept.
        if event.kind == EventKind::TaskCustom
            && let json = event.json()
            && let Cow::Owned(new) = self.json(&json)
        {
            changed.raw = Some(new);
            is_changed = true;
        }
        is_changed.then_some(changed)
    }

    /// Redacts what another source than events tells.
    pub(crate) fn facts(&self, facts: &mut [Fact]) {
        if self.is_off() {
            return;
        }
        for fact in facts {
            for text in [
                &mut fact.args,
                &mut fact.kwargs,
                &mut fact.result,
                &mut fact.exception,
                &mut fact.traceback,
            ] {
                self.in_place(text);
            }
        }
    }

    /// Redacts what a worker answered. Names of task types and queues, which
    /// are keys in some answers, stay.
    pub(crate) fn inspection(&self, answer: &mut Inspection) {
        if self.is_off() {
            return;
        }
        for tasks in [
            &mut answer.active,
            &mut answer.reserved,
            &mut answer.scheduled,
        ]
        .into_iter()
        .flatten()
        {
            self.value(tasks);
        }
        if let Some(stats) = &mut answer.stats {
            self.but_totals(stats);
        }
        if let Some(conf) = &mut answer.conf {
            self.but_names(conf);
        }
    }

    /// `stats` counts tasks by their types under `total`.
    fn but_totals(&self, stats: &mut Value) {
        let Value::Object(members) = stats else {
            return;
        };
        let totals = members.remove("total");
        self.value(stats);
        if let (Value::Object(members), Some(totals)) = (stats, totals) {
            members.insert("total".to_owned(), totals);
        }
    }

    fn but_names(&self, conf: &mut Value) {
        let Value::Object(settings) = conf else {
            return;
        };
        let names = NAMED_MEMBERS.iter();
        let named: Vec<(String, Value)> = names
            .filter_map(|name| settings.remove_entry(*name))
            .collect();
        self.value(conf);
        for (name, mut setting) in named {
            match &mut setting {
                Value::Object(members) => {
                    for member in members.values_mut() {
                        self.value(member);
                    }
                }
                other => self.value(other),
            }
            if let Value::Object(settings) = &mut *conf {
                settings.insert(name, setting);
            }
        }
    }

    /// Redacts what is stored for a task.
    pub(crate) fn result(&self, stored: &mut TaskResult) {
        if self.is_off() {
            return;
        }
        for json in [&mut stored.result, &mut stored.args, &mut stored.kwargs] {
            if let Some(text) = json
                && let Cow::Owned(new) = self.json(text)
            {
                *json = Some(new);
            }
        }
        self.in_place(&mut stored.exception);
        self.in_place(&mut stored.traceback);
    }

    /// Returns bytes that could not be read as a text to show. What is encoded
    /// in base64 is looked into; behind a word in what is no text at all
    /// nothing is shown, as nobody can tell where a value ends.
    pub(crate) fn sample(&self, bytes: &[u8]) -> String {
        let text = String::from_utf8_lossy(bytes);
        if self.is_off() {
            return text.into_owned();
        }
        let text = self.without_encoded(&text);
        let is_text = matches!(text.trim_start().bytes().next(), Some(b'{' | b'[' | b'"'))
            && !text.contains('\u{fffd}');
        if !is_text
            && let Some(words) = &self.words
            && let Some(hit) = words.hits(&text).next()
        {
            let head = text.get(..hit.end).unwrap_or_default();
            return format!("{}{MARK}", self.text(head));
        }
        self.text(&text).into_owned()
    }

    /// Replaces runs of base64 that hold something to take out.
    fn without_encoded<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
        let mut out = String::new();
        let mut copied = 0;
        let mut at = 0;
        for run in text
            .as_bytes()
            .chunk_by(|a, b| is_base64(*a) == is_base64(*b))
        {
            let place = at..at + run.len();
            at = place.end;
            if run.len() < BASE64_CHARS || !is_base64(run[0]) {
                continue;
            }
            // A run that was cut off may end within a group of four.
            let whole = &run[..run.len() / 4 * 4];
            let Ok(decoded) = base64_simd::STANDARD.decode_to_vec(whole) else {
                continue;
            };
            let decoded = String::from_utf8_lossy(&decoded);
            let words = self.words.as_ref();
            let is_concerned = words.is_some_and(|words| words.are_in(&decoded))
                || matches!(self.text(&decoded), Cow::Owned(_));
            if is_concerned {
                let rest = text.as_bytes().get(place.end..).unwrap_or_default();
                let padding = rest.iter().take_while(|byte| **byte == b'=').count();
                out.push_str(text.get(copied..place.start).unwrap_or_default());
                out.push_str(MARK);
                copied = place.end + padding;
            }
        }
        if copied == 0 {
            return Cow::Borrowed(text);
        }
        out.push_str(text.get(copied..).unwrap_or_default());
        Cow::Owned(out)
    }

    /// Returns arguments as they are shown.
    pub(crate) fn arguments(&self, arguments: &JsonText) -> JsonText {
        let text = self.json(arguments.as_str());
        // What was JSON still is.
        JsonText::parse(&text).unwrap_or_else(|_| JsonText::empty_list())
    }

    /// Redacts a text where it stands.
    pub(crate) fn in_place(&self, text: &mut Option<String>) {
        if let Some(own) = text
            && let Cow::Owned(new) = self.text(own)
        {
            *text = Some(new);
        }
    }
}
