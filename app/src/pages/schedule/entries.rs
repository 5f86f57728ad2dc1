//! The entries of schedules.

use super::Distance;
use crate::{
    components::{
        card::Tag,
        fit::letters,
        icon::{Glyph, Icon},
        task_name::TaskName,
        time::{Precision, Time},
    },
    format::thousands,
    links,
    live::Rows,
    steer::{Question, Steering, may},
};
use leptos::{html, prelude::*};
use model::{Command, CommandKind, ScheduleEntry, ScheduleSource};

/// Share of the table that names of task types have, and the pixels of its padding.
fn name_room(width: f64) -> f64 {
    if width < 640.0 {
        width - 24.0
    } else {
        width * 0.17 - 16.0
    }
}

/// The table, and what is to be said of single entries below it.
#[component]
pub(super) fn EntryTable(
    /// The entries in order.
    entries: Memo<Vec<ScheduleEntry>>,
) -> impl IntoView {
    let rows = entries.with_untracked(|entries| Rows::new(entries));
    Effect::new(move || entries.with(|entries| rows.sync(entries)));
    let notes = Memo::new(move |_| {
        entries.with(|entries| entries.iter().filter_map(note).collect::<Vec<_>>())
    });
    let table: NodeRef<html::Table> = NodeRef::new();
    let budget = letters(table, name_room, 26);
    view! {
        <table class="table entry-table" node_ref=table>
            <caption class="visually-hidden">"Entries of schedules, the next first"</caption>
            <thead>
                <tr>
                    <th scope="col" class="col-entry">"Entry"</th>
                    <th scope="col" class="col-task">"Task"</th>
                    <th scope="col" class="col-runs">"Runs"</th>
                    <th scope="col" class="col-queue">"Queue"</th>
                    <th scope="col" class="col-last">"Last run"</th>
                    <th scope="col" class="col-next" aria-sort="ascending">"Next run"</th>
                    <th scope="col" class="col-from">"From"</th>
                    {may(CommandKind::RunEntry)
                        .then(|| {
                            view! {
                                <th scope="col" class="col-run with-script">
                                    <span class="visually-hidden">"Act"</span>
                                </th>
                            }
                        })}
                </tr>
            </thead>
            <tbody>
                <For
                    each=move || rows.order.get()
                    key=Clone::clone
                    children=move |key| {
                        rows.get(&key).map(|entry| view! { <EntryRow entry budget /> })
                    }
                />
            </tbody>
        </table>
        {move || {
            notes
                .get()
                .into_iter()
                .map(|words| {
                    view! {
                        <p class="card-note entry-note">
                            <Icon glyph=Glyph::Warning />
                            <span>{words}</span>
                        </p>
                    }
                })
                .collect_view()
        }}
    }
    .into_any()
}

/// What is to be said of an entry.
fn note(entry: &ScheduleEntry) -> Option<String> {
    let name = &entry.key.name;
    let missed = match entry.missed {
        0 => None,
        1 => Some("was due once while Celeriac watched, and no task of it was seen".to_owned()),
        times => Some(format!(
            "was due {} times while Celeriac watched, and no task of it was seen then",
            thousands(times)
        )),
    };
    match (missed, &entry.problem) {
        (None, None) => None,
        (Some(missed), None) => Some(format!("{name} {missed}.")),
        (None, Some(problem)) => Some(format!("{name}: {problem}")),
        (Some(missed), Some(problem)) => Some(format!("{name} {missed}. {problem}")),
    }
}

/// Arguments of an entry that are not empty, for people.
fn arguments(entry: &ScheduleEntry) -> String {
    let mut words = Vec::new();
    for (label, text, empty) in [
        ("args", entry.args.as_str(), "[]"),
        ("kwargs", entry.kwargs.as_str(), "{}"),
    ] {
        if text != empty {
            words.push(format!("{label} {text}"));
        }
    }
    match words.is_empty() {
        true => "without arguments".to_owned(),
        false => format!("with {}", words.join(" and ")),
    }
}

fn run_question(entry: &ScheduleEntry) -> Question {
    let target = match &entry.queue {
        Some(queue) => format!("to {queue}"),
        None => "to the queue of its type".to_owned(),
    };
    Question {
        title: format!("Run {} now", entry.key.name),
        words: vec![
            format!("Sends {} once {target}, {}.", entry.task, arguments(entry)),
            "The schedule stays as it is: the next run comes when it is due.".to_owned(),
        ],
        typed: None,
        act: "Send 1 task".to_owned(),
        is_dangerous: false,
        command: Command::RunEntry {
            entry: entry.key.clone(),
        },
    }
}

#[component]
fn EntryRow(entry: ArcRwSignal<ScheduleEntry>, budget: RwSignal<usize>) -> impl IntoView {
    let entry = RwSignal::from(entry);
    let name = entry.with_untracked(|entry| entry.key.name.clone());
    let task = Memo::new(move |_| entry.with(|entry| entry.task.clone()));
    let task_name = Signal::derive(move || Some(task.get()));
    let schedule = Memo::new(move |_| entry.with(|entry| entry.schedule.clone()));
    let written = move || {
        entry.with(|entry| {
            // A length of time is the same in every zone.
            let zone = match entry.zone.as_str() {
                "" => String::new(),
                zone => format!(", {zone}"),
            };
            format!("{}{zone}", entry.written)
        })
    };
    let queue = Memo::new(move |_| entry.with(|entry| entry.queue.clone()));
    let is_enabled = Memo::new(move |_| entry.with(|entry| entry.is_enabled));
    let missed = Memo::new(move |_| entry.with(|entry| entry.missed));
    let next = Memo::new(move |_| entry.with(|entry| entry.next_run));
    let last = Memo::new(move |_| entry.with(|entry| entry.last_run));
    let last_task = Memo::new(move |_| entry.with(|entry| entry.last_task.clone()));
    let is_runnable = Memo::new(move |_| entry.with(|entry| entry.is_runnable));
    let has_problem = Memo::new(move |_| entry.with(|entry| entry.problem.is_some()));
    let from = entry.with_untracked(|entry| match entry.key.source {
        ScheduleSource::Configuration => "conf",
        ScheduleSource::RedBeat => "RedBeat",
    });
    let steering = Steering::of_page();
    let run_now = move |_| steering.ask(entry.with_untracked(run_question));
    view! {
        <tr class:is-off=move || !is_enabled.get()>
            <th scope="row" class="col-entry">
                <span class="name-and-tags">
                    <span class="cut-name" title=name.clone()>
                        {name.clone()}
                    </span>
                    <Show when=move || !is_enabled.get()>
                        <Tag>"off"</Tag>
                    </Show>
                    <Show when=move || has_problem.get()>
                        <Tag kind="warn">"problem"</Tag>
                    </Show>
                </span>
            </th>
            <td class="col-task">
                <a href=move || links::tasks_of_type(&task.get()) data-row="">
                    <TaskName name=task_name budget />
                </a>
            </td>
            <td class="col-runs" title=written>
                {schedule}
            </td>
            <td class="col-queue">
                {move || match queue.get() {
                    Some(queue) => {
                        view! { <a href=links::queue(&queue)>{queue.to_string()}</a> }.into_any()
                    }
                    None => view! { <span class="quiet" title="Celery routes it">"routed"</span> }
                        .into_any(),
                }}
            </td>
            <td class="col-last">
                <Show when=move || { missed.get() > 0 }>
                    <span class="entry-missed" title="Due, and not seen to run">
                        <Icon glyph=Glyph::Warning />
                        {move || match missed.get() {
                            1 => "missed".to_owned(),
                            times => format!("missed {}", thousands(times)),
                        }}
                    </span>
                </Show>
                {move || {
                    if last.get().is_none() {
                        return view! { <span class="quiet">"not seen"</span> }.into_any();
                    }
                    let time = view! { <Time at=last precision=Precision::Seconds /> };
                    match last_task.get() {
                        Some(id) => view! { <a href=links::task(&id)>{time}</a> }.into_any(),
                        None => time.into_any(),
                    }
                }}
            </td>
            <td class="col-next">
                {move || match (is_enabled.get(), next.get()) {
                    (false, _) => view! { <span class="quiet">"switched off"</span> }.into_any(),
                    (true, None) => view! { <span class="quiet">"unknown"</span> }.into_any(),
                    (true, Some(at)) => {
                        view! {
                            <Time at=Some(at) precision=Precision::Seconds />
                            <Distance at=at.into() />
                        }
                            .into_any()
                    }
                }}
            </td>
            <td class="col-from">{from}</td>
            {may(CommandKind::RunEntry)
                .then(|| {
                    view! {
                        <td class="col-run with-script">
                            <Show when=move || is_runnable.get()>
                                <button class="button" type="button" on:click=run_now>
                                    "Run now…"
                                </button>
                            </Show>
                        </td>
                    }
                })}
        </tr>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::{super::tests::entry, *};

    #[test]
    fn what_a_run_sends_is_said_before() {
        let mut tick = entry("tick", 0);
        let question = run_question(&tick);
        assert_eq!(question.title, "Run tick now");
        assert_eq!(
            question.words[0],
            "Sends shop.tick once to the queue of its type, without arguments."
        );
        tick.queue = Some("mail".into());
        tick.kwargs = model::JsonText::parse("{\"n\": 1}").expect("it is JSON");
        assert_eq!(
            run_question(&tick).words[0],
            "Sends shop.tick once to mail, with kwargs {\"n\": 1}."
        );
    }

    #[test]
    fn missed_runs_and_problems_are_told() {
        assert_eq!(note(&entry("a", 0)), None);
        let mut b = entry("b", 1);
        assert_eq!(
            note(&b).as_deref(),
            Some("b was due once while Celeriac watched, and no task of it was seen.")
        );
        b.missed = 0;
        b.problem = Some("No worker knows it.".to_owned());
        assert_eq!(note(&b).as_deref(), Some("b: No worker knows it."));
    }
}
