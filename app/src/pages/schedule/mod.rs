//! What will run at a time: entries of schedules, tasks that wait for their
//! time, and whether what was due did run.

mod entries;
mod waiting;

use crate::{
    components::{
        card::{Card, Tag},
        empty::{Empty, StaleRow, stale, when_ready},
        time::Ago,
    },
    format::{count, thousands},
    live::picture,
    prefs::{Prefs, Zone},
};
use entries::EntryTable;
use leptos::prelude::*;
use leptos_meta::Title;
use model::{Schedule, Timestamp, Topic, View};
use waiting::WaitingTable;

/// The page.
#[component]
pub fn SchedulePage() -> impl IntoView {
    let picture = picture(Topic::Schedule.into(), |view| match view {
        View::Schedule(schedule) => Some((**schedule).clone()),
        _ => None,
    });
    let caption = Memo::new(move |_| picture.data.with(|data| data.as_ref().map(caption)));
    view! {
        <Title text="Schedule" />
        <div class="page-head">
            <h1>"Schedule"</h1>
            <span class="page-caption">{caption}</span>
        </div>
        {when_ready(picture, content)}
    }
    .into_any()
}

fn caption(schedule: &Schedule) -> String {
    let entries = match schedule.asked {
        // Nothing is known of entries before anybody told, unless Redis holds some.
        None if schedule.entries.is_empty() => "entries not known yet".to_owned(),
        _ => count_entries(schedule.entries.len() as u64),
    };
    let missed = schedule.entries.iter().filter(|entry| entry.missed > 0);
    let missed = match missed.count() as u64 {
        0 => String::new(),
        number => format!(", {} missed", thousands(number)),
    };
    let waiting = match schedule.tasks_total {
        0 => "no task waits for a time".to_owned(),
        1 => "1 task waits for a time".to_owned(),
        number => format!("{} tasks wait for a time", thousands(number)),
    };
    format!("{entries}{missed}, {waiting}")
}

fn count_entries(number: u64) -> String {
    match number {
        1 => "1 entry".to_owned(),
        number => format!("{} entries", thousands(number)),
    }
}

fn content(schedule: Signal<Schedule>) -> impl IntoView {
    let entries = Memo::new(move |_| schedule.with(|schedule| schedule.entries.clone()));
    let asked = Memo::new(move |_| schedule.with(|schedule| schedule.asked));
    let has_entries = Memo::new(move |_| entries.with(|entries| !entries.is_empty()));
    let tasks = Memo::new(move |_| schedule.with(|schedule| schedule.tasks.clone()));
    let has_tasks = Memo::new(move |_| tasks.with(|tasks| !tasks.is_empty()));
    let stale = stale();
    let is_stale = move || stale.with(Option::is_some);
    let shown = Signal::derive(move || {
        let (shown, total) = schedule.with(|s| (s.tasks.len() as u64, s.tasks_total));
        if shown < total {
            format!(
                "eta, countdown and retries held by workers; the next {} of {}",
                thousands(shown),
                count(total, "task")
            )
        } else {
            "eta, countdown and retries held by workers".to_owned()
        }
    });
    view! {
        <StaleRow />
        <div class="schedule-entries" class:is-stale=is_stale>
            <Card
                title="Entries"
                class="wrapping-head"
                actions=Box::new(move || view! { <BeatState schedule /> }.into_any())
            >
                <Show
                    when=move || has_entries.get()
                    fallback=move || view! { <NoEntries asked /> }
                >
                    <EntryTable entries />
                </Show>
            </Card>
        </div>
        <div class="table-card waiting-table" class:is-stale=is_stale>
            <Card title="Waiting for a time" caption=shown>
                <Show when=move || has_tasks.get() fallback=|| view! { <NoTasks /> }>
                    <WaitingTable tasks />
                </Show>
            </Card>
        </div>
    }
    .into_any()
}

/// Whether somebody sends what is due, as far as it can be told.
#[component]
fn BeatState(schedule: Signal<Schedule>) -> impl IntoView {
    let newest: Memo<Option<Timestamp>> = Memo::new(move |_| {
        schedule.with(|schedule| schedule.entries.iter().filter_map(|e| e.last_run).max())
    });
    let asked = Memo::new(move |_| schedule.with(|schedule| schedule.asked));
    let is_alive = Memo::new(move |_| schedule.with(|schedule| schedule.is_beat_alive));
    let (kind, words, title) = beat_words();
    view! {
        <span class="card-caption">
            {move || newest.get().map(|at| view! { "last run seen " <Ago at /> })}
            {move || (newest.get().is_some() && asked.get().is_some()).then_some(", ")}
            {move || asked.get().map(|at| view! { "read " <Ago at /> })}
        </span>
        {move || {
            let alive = is_alive.get();
            view! {
                <span class="beat-state" title=title(alive)>
                    <Tag kind=kind(alive)>{words(alive)}</Tag>
                </span>
            }
        }}
    }
    .into_any()
}

type OfBeat = fn(Option<bool>) -> &'static str;

/// Colour, words and explanation of what is known of beat.
fn beat_words() -> (OfBeat, OfBeat, OfBeat) {
    (
        |is_alive| match is_alive {
            Some(true) => "ok",
            Some(false) => "bad",
            None => "neutral",
        },
        |is_alive| match is_alive {
            Some(true) => "beat answers",
            Some(false) => "no beat",
            None => "beat unknown",
        },
        |is_alive| match is_alive {
            Some(true) => "A beat answered a ping, or RedBeat holds its lock",
            Some(false) => "A beat answered or held RedBeat’s lock before, and does not any more",
            None => {
                "Beat sends no heartbeats. It can be told only where it answers remote control (Celery 5.7, beat_enable_remote_control) or RedBeat holds its lock"
            }
        },
    )
}

#[component]
fn NoEntries(asked: Memo<Option<Timestamp>>) -> impl IntoView {
    move || {
        if asked.get().is_some() {
            view! {
                <Empty title="No entry in a schedule">
                    <p>
                        "No worker online has a " <code>"beat_schedule"</code>
                        " in its configuration, and Redis holds no keys of RedBeat. Entries appear here as soon as either does. Schedules in a database (django-celery-beat) cannot be read from here; their tasks are on the page "
                        <a href="/tasks">"Tasks"</a> " when they were sent."
                    </p>
                </Empty>
            }
            .into_any()
        } else {
            view! {
                <Empty title="Schedules were not read yet">
                    <p>
                        "They are in the workers’ configuration, which is asked for as soon as a worker answers. Which workers are there is on the page "
                        <a href="/workers">"Workers"</a> "."
                    </p>
                </Empty>
            }
            .into_any()
        }
    }
}

#[component]
fn NoTasks() -> impl IntoView {
    view! {
        <Empty title="No task waits for its time">
            <p>
                "Tasks sent with " <code>"eta"</code> " or " <code>"countdown"</code>
                ", and retries with a delay, are listed here from when a worker takes them until they are due."
            </p>
        </Empty>
    }
}

/// The distance from now beside a clock time; nothing where times are distances already.
#[component]
fn Distance(
    /// When.
    at: Signal<Timestamp>,
) -> impl IntoView {
    let prefs = Prefs::of_page();
    let is_shown = Memo::new(move |_| prefs.shown_zone() != Zone::Relative);
    view! {
        <Show when=move || is_shown.get()>
            <span class="distance">
                <Ago at />
            </span>
        </Show>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{JsonText, ScheduleEntry, ScheduleKey, ScheduleSource};

    pub(super) fn entry(name: &str, missed: u64) -> ScheduleEntry {
        ScheduleEntry {
            key: ScheduleKey {
                source: ScheduleSource::Configuration,
                name: name.to_owned(),
            },
            task: "shop.tick".into(),
            schedule: "every 30 s".to_owned(),
            written: "<freq: 30.00 seconds>".to_owned(),
            zone: "UTC".to_owned(),
            args: JsonText::empty_list(),
            kwargs: JsonText::empty_object(),
            queue: None,
            is_enabled: true,
            next_run: None,
            last_run: None,
            last_task: None,
            missed,
            problem: None,
            is_runnable: true,
        }
    }

    #[test]
    fn the_caption_counts_entries_misses_and_waiting_tasks() {
        let mut schedule = Schedule {
            asked: Some(Timestamp(0)),
            ..Schedule::default()
        };
        assert_eq!(caption(&schedule), "0 entries, no task waits for a time");
        schedule.entries = vec![entry("a", 0), entry("b", 3)];
        schedule.tasks_total = 2_318;
        assert_eq!(
            caption(&schedule),
            "2 entries, 1 missed, 2,318 tasks wait for a time"
        );
        assert_eq!(
            caption(&Schedule::default()),
            "entries not known yet, no task waits for a time"
        );
    }
}
