//! The form that sends a task: a new one, or an old one once more with other
//! arguments.

use super::{
    dialog::{Dialog, DialogError},
    form::{JsonField, JsonKind, SelectField, TextField, parse_json, parse_seconds},
    icon::{Glyph, Icon},
};
use crate::{
    format,
    live::Live,
    prefs::Prefs,
    server_fns::{self, Known},
    steer::{Act, Form, Steering},
};
use chrono::NaiveDateTime;
use leptos::{ev::SubmitEvent, prelude::*};
use model::{Command, JsonText, QueueName, TaskDraft, TaskId, TaskName, Timestamp};

/// The form that is filled in now.
#[component]
pub fn TaskFormDialog() -> impl IntoView {
    let form = Steering::of_page().form;
    let title =
        move || form.with(|form| form.as_ref().map(|f| f.title.clone()).unwrap_or_default());
    view! {
        <Dialog
            id="task-form-title"
            title=Signal::derive(title)
            is_open=Signal::derive(move || form.with(Option::is_some))
            on_close=Callback::new(move |()| form.set(None))
            is_wide=true
        >
            {form.get_untracked().map(|form| view! { <Body form /> })}
        </Dialog>
    }
    .into_any()
}

/// When a task is to run.
const STARTS: [(&str, &str); 3] = [
    ("now", "At once"),
    ("after", "After some seconds"),
    ("at", "At a time"),
];

/// The priorities that Celery knows on Redis.
const PRIORITIES: [(&str, &str); 11] = [
    ("", "As configured"),
    ("0", "0, runs first"),
    ("1", "1"),
    ("2", "2"),
    ("3", "3"),
    ("4", "4"),
    ("5", "5"),
    ("6", "6"),
    ("7", "7"),
    ("8", "8"),
    ("9", "9, runs last"),
];

/// What is typed, field by field.
#[derive(Clone, Copy)]
struct Fields {
    name: RwSignal<String>,
    args: RwSignal<String>,
    kwargs: RwSignal<String>,
    queue: RwSignal<String>,
    start: RwSignal<String>,
    countdown: RwSignal<String>,
    eta: RwSignal<String>,
    expires: RwSignal<String>,
    priority: RwSignal<String>,
    /// What is filled in is the whole truth of where it came from.
    retry_of: StoredValue<Option<TaskId>>,
}

impl Fields {
    fn new(draft: Option<&TaskDraft>, offset: i32) -> Self {
        let text = |pick: fn(&TaskDraft) -> Option<String>| {
            RwSignal::new(draft.and_then(pick).unwrap_or_default())
        };
        let time = |at: Option<Timestamp>| {
            RwSignal::new(at.map(|at| write_time(at, offset)).unwrap_or_default())
        };
        let json = |json: Option<&JsonText>, empty: &str| {
            let text = json.map_or(empty, JsonText::as_str);
            RwSignal::new(indented(text))
        };
        let start = match draft {
            Some(TaskDraft { eta: Some(_), .. }) => "at",
            Some(TaskDraft {
                countdown_seconds: Some(_),
                ..
            }) => "after",
            _ => "now",
        };
        Self {
            name: text(|draft| Some(draft.name.to_string())),
            args: json(draft.map(|draft| &draft.args), "[]"),
            kwargs: json(draft.map(|draft| &draft.kwargs), "{}"),
            queue: text(|draft| Some(draft.queue.as_ref()?.to_string())),
            start: RwSignal::new(start.to_owned()),
            countdown: text(|draft| Some(draft.countdown_seconds?.to_string())),
            eta: time(draft.and_then(|draft| draft.eta)),
            expires: time(draft.and_then(|draft| draft.expires)),
            priority: text(|draft| Some(draft.priority?.to_string())),
            retry_of: StoredValue::new(draft.and_then(|draft| draft.retry_of.clone())),
        }
    }

    fn name(&self) -> Result<TaskName, String> {
        let name = self.name.with(|name| name.trim().to_owned());
        if name.is_empty() {
            return Err("Which task type?".to_owned());
        }
        Ok(name.into())
    }

    fn args(&self) -> Result<JsonText, String> {
        self.args.with(|text| parse_json(text, JsonKind::List))
    }

    fn kwargs(&self) -> Result<JsonText, String> {
        self.kwargs.with(|text| parse_json(text, JsonKind::Object))
    }

    fn countdown(&self) -> Result<Option<f64>, String> {
        if self.start.with(|start| start != "after") {
            return Ok(None);
        }
        match self.countdown.with(|text| parse_seconds(text))? {
            Some(seconds) => Ok(Some(seconds)),
            None => Err("After how many seconds?".to_owned()),
        }
    }

    fn eta(&self, offset: i32) -> Result<Option<Timestamp>, String> {
        if self.start.with(|start| start != "at") {
            return Ok(None);
        }
        match self.eta.with(|text| read_time(text, offset))? {
            Some(at) => Ok(Some(at)),
            None => Err("At which time?".to_owned()),
        }
    }

    fn expires(&self, offset: i32) -> Result<Option<Timestamp>, String> {
        self.expires.with(|text| read_time(text, offset))
    }

    fn draft(&self, offset: i32) -> Result<TaskDraft, String> {
        let queue = self.queue.with(|queue| queue.trim().to_owned());
        Ok(TaskDraft {
            name: self.name()?,
            args: self.args()?,
            kwargs: self.kwargs()?,
            queue: (!queue.is_empty()).then(|| QueueName::from(queue)),
            priority: self.priority.with(|text| text.parse().ok()),
            eta: self.eta(offset)?,
            countdown_seconds: self.countdown()?,
            expires: self.expires(offset)?,
            retry_of: self.retry_of.get_value(),
            is_unchecked: false,
        })
    }
}

#[component]
fn Body(form: Form) -> impl IntoView {
    let (steering, prefs, live) = (Steering::of_page(), Prefs::of_page(), Live::of_page());
    let act = Act::new();
    let zone = untrack(|| prefs.zone_name());
    // What clock times are ahead of UTC now; the field's own time may lie beyond a change of it,
    // which is why the zone is frozen while the form is open.
    let offset = untrack(|| prefs.offset_seconds(live.now.get()));
    let fields = Fields::new(form.draft.as_ref(), offset);
    let known: RwSignal<Known> = RwSignal::new(Known::default());
    leptos::task::spawn_local(async move {
        // Without suggestions the form works as well.
        if let Ok(answer) = server_fns::known().await {
            let _gone = known.try_set(answer);
        }
    });
    // Nothing is wrong before somebody has tried.
    let was_tried = RwSignal::new(false);
    let wrong = move |check: Signal<Option<String>>| {
        Signal::derive(move || was_tried.get().then(|| check.get()).flatten())
    };
    let name_error = wrong(Signal::derive(move || fields.name().err()));
    let args_error = Signal::derive(move || fields.args().err());
    let kwargs_error = Signal::derive(move || fields.kwargs().err());
    let countdown_error = wrong(Signal::derive(move || fields.countdown().err()));
    let eta_error = wrong(Signal::derive(move || fields.eta(offset).err()));
    let expires_error = Signal::derive(move || fields.expires(offset).err());
    let close = move || steering.form.set(None);
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        was_tried.set(true);
        if let Ok(task) = untrack(|| fields.draft(offset)) {
            let task = Box::new(task);
            act.run_in_dialog(Command::Send { task }, close);
        }
    };
    let send = move || {
        let queue = fields.queue.with(|queue| queue.trim().to_owned());
        match queue.is_empty() {
            true => "Send 1 task".to_owned(),
            false => format!("Send 1 task to {queue}"),
        }
    };
    let options = |names: Vec<String>| {
        let options = names
            .into_iter()
            .map(|name| view! { <option value=name></option> });
        options.collect_view()
    };
    let notes = form.notes.into_iter().map(|note| {
        view! {
            <p class="dialog-warning">
                <Icon glyph=Glyph::Warning />
                <span>{note}</span>
            </p>
        }
    });
    let is_new = form.draft.is_none();
    view! {
        <form class="dialog-form" on:submit=submit novalidate>
            <div class="dialog-body task-form">
                {notes.collect_view()}
                <TextField
                    id="task-form-name"
                    label="Task type"
                    value=fields.name
                    error=name_error
                    placeholder="shop.mail.tasks.send_receipt"
                    list="known-types"
                    is_first=is_new
                />
                <datalist id="known-types">
                    {move || options(known.with(|known| known.types.clone()))}
                </datalist>
                <JsonField
                    id="task-form-args"
                    label="Positional arguments, a JSON list"
                    value=fields.args
                    error=args_error
                />
                <JsonField
                    id="task-form-kwargs"
                    label="Keyword arguments, a JSON object"
                    value=fields.kwargs
                    error=kwargs_error
                />
                <div class="field-columns">
                    <TextField
                        id="task-form-queue"
                        label="Queue"
                        value=fields.queue
                        placeholder="where this type went last"
                        list="known-queues"
                    />
                    <datalist id="known-queues">
                        {move || options(known.with(|known| known.queues.clone()))}
                    </datalist>
                    <SelectField
                        id="task-form-priority"
                        label="Priority"
                        choices=PRIORITIES.to_vec()
                        value=fields.priority
                    />
                    <SelectField
                        id="task-form-start"
                        label="Run"
                        choices=STARTS.to_vec()
                        value=fields.start
                    />
                    {move || match fields.start.get().as_str() {
                        "after" => {
                            view! {
                                <TextField
                                    id="task-form-countdown"
                                    label="Countdown, seconds"
                                    value=fields.countdown
                                    error=countdown_error
                                    is_number=true
                                />
                            }
                                .into_any()
                        }
                        "at" => {
                            view! {
                                <TextField
                                    id="task-form-eta"
                                    label=format!("ETA, {zone}")
                                    value=fields.eta
                                    error=eta_error
                                    kind="datetime-local"
                                />
                            }
                                .into_any()
                        }
                        _ => ().into_any(),
                    }}
                    <TextField
                        id="task-form-expires"
                        label=format!("Expires, {zone}; empty for never")
                        value=fields.expires
                        error=expires_error
                        kind="datetime-local"
                    />
                </div>
                <DialogError error=act.error />
            </div>
            <div class="dialog-foot">
                <span class="dialog-note">"Recorded in the audit log"</span>
                <button class="button" type="button" on:click=move |_| close()>
                    "Cancel"
                </button>
                <button class="button is-primary" disabled=move || act.is_busy()>
                    {move || act.is_busy().then(|| view! { <span class="spinner"></span> })}
                    {send}
                </button>
            </div>
        </form>
    }
    .into_any()
}

/// Puts each item of the outermost list or object on a line of its own; what
/// is inside stays as it was written.
fn indented(json: &str) -> String {
    let (mut depth, mut is_text, mut is_escaped) = (0_usize, false, false);
    let has_items = json.get(1..json.len().saturating_sub(1));
    if has_items.is_none_or(|items| items.trim().is_empty()) {
        return json.to_owned();
    }
    let mut lines = String::with_capacity(json.len() + 32);
    let mut is_line_start = false;
    for letter in json.chars() {
        if is_line_start && letter.is_whitespace() {
            continue;
        }
        is_line_start = false;
        if is_text {
            is_text = is_escaped || letter != '"';
            is_escaped = !is_escaped && letter == '\\';
            lines.push(letter);
            continue;
        }
        match letter {
            '"' => is_text = true,
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        let closes = depth == 0 && matches!(letter, ']' | '}');
        if closes {
            lines.truncate(lines.trim_end().len());
            lines.push('\n');
        }
        lines.push(letter);
        if depth == 1 && matches!(letter, ',' | '[' | '{') && (letter == ',' || lines.len() == 1) {
            lines.push_str("\n  ");
            is_line_start = true;
        }
    }
    lines
}

fn write_time(at: Timestamp, offset: i32) -> String {
    let at = chrono::DateTime::from_timestamp_micros(at.0 + i64::from(offset) * 1_000_000);
    at.map(|at| at.format("%Y-%m-%dT%H:%M:%S").to_string())
        .unwrap_or_default()
}

/// Reads what a `datetime-local` input holds; nothing means none.
fn read_time(text: &str, offset: i32) -> Result<Option<Timestamp>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let read = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"]
        .into_iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
    let read = read.ok_or_else(|| "Must be a date and a time".to_owned())?;
    let micros = read.and_utc().timestamp_micros() - i64::from(offset) * 1_000_000;
    Ok(Some(Timestamp(micros)))
}

/// Opens the form for a new task.
pub fn open_new(steering: Steering) {
    steering.form.set(Some(Form {
        title: "New task".to_owned(),
        notes: Vec::new(),
        draft: None,
    }));
}

/// Opens the form for a task that is to be sent once more.
pub fn open_edit(steering: Steering, draft: TaskDraft, notes: Vec<String>) {
    let name = format::fit_name(draft.name.as_str(), 48);
    steering.form.set(Some(Form {
        title: format!("Edit and retry {}", name.function),
        notes,
        draft: Some(draft),
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_stand_on_lines_and_stay_as_written() {
        assert_eq!(indented("[]"), "[]");
        assert_eq!(indented("{ }"), "{ }");
        assert_eq!(
            indented(r#"[1,"a, [b]",[2, 3]]"#),
            "[\n  1,\n  \"a, [b]\",\n  [2, 3]\n]"
        );
        assert_eq!(
            indented(r#"{"a": {"b": 1}, "c":"\"}"}"#),
            "{\n  \"a\": {\"b\": 1},\n  \"c\":\"\\\"}\"\n}"
        );
        for text in [r#"[[],{},"\\"]"#, r#"{"x":[1,{"y":"]"}]}"#] {
            let compact = |text: &str| -> serde_json::Value {
                serde_json::from_str(text).expect("it is JSON")
            };
            assert_eq!(compact(&indented(text)), compact(text));
        }
    }

    #[test]
    fn times_are_of_the_zone_that_is_shown() {
        let at = read_time("2026-11-20T10:30", 3_600).expect("it is a time");
        assert_eq!(
            at.map(|at| write_time(at, 0)).as_deref(),
            Some("2026-11-20T09:30:00")
        );
        assert_eq!(
            at.map(|at| write_time(at, 3_600)).as_deref(),
            Some("2026-11-20T10:30:00")
        );
        assert_eq!(read_time("", 0), Ok(None));
        assert!(read_time("tomorrow", 0).is_err());
    }
}
