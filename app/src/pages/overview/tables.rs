//! The newest failures, and the task types that matter.

use crate::{
    components::{
        card::Card,
        empty::{Empty, StaleRow},
        fit,
        gaps::{GapMark, missing_signal},
        repaired::RepairedMark,
        tabs::{Choice, Switch},
        task_name::TaskName,
        time::{Precision, Time},
    },
    format, links,
    live::Live,
};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use model::{Overview, TaskState, TaskSummary, TypeSummary};

/// A share of failures from which on a type's share is red.
const BAD_FAILED_SHARE: f64 = 0.05;
/// Characters of a task type's name that fit these columns at 1,440 px.
const NAME_BUDGET: usize = 34;
/// Below this width `overview.css` turns rows into cards.
const CARD_PIXELS: f64 = 640.0;

/// Pixels that a name has in the table of failures; see `overview.css`.
fn room_among_failures(width: f64) -> f64 {
    if width < CARD_PIXELS {
        width - 100.0
    } else {
        width * 0.39 - 16.0
    }
}

/// Pixels that a name has in the table of types; see `overview.css`.
fn room_among_types(width: f64) -> f64 {
    if width < CARD_PIXELS {
        width - 3.0 * 70.0 - 20.0
    } else {
        width - 3.0 * 76.0 - 20.0
    }
}

/// The newest failures.
#[component]
pub(super) fn FailureCard(
    /// What the page shows.
    overview: Signal<Overview>,
) -> impl IntoView {
    let live = Live::of_page();
    let failures = Memo::new(move |_| overview.with(|overview| overview.failures.clone()));
    let table = NodeRef::new();
    let budget = fit::letters(table, room_among_failures, NAME_BUDGET);
    let all = Memo::new(move |_| {
        let count = live.pulse.with(|pulse| Some(pulse.as_ref()?.failures))?;
        Some(format!("All {}", format::thousands(count)))
    });
    let link = move || {
        view! { <a href=links::tasks_in_state(TaskState::Failure)>{move || all.get()}</a> }
    };
    view! {
        <Card title="Newest failures" actions=Box::new(move || link().into_any())>
            <StaleRow />
            <Show
                when=move || failures.with(|failures| !failures.is_empty())
                fallback=|| {
                    view! {
                        <Empty title="No failures in memory">
                            "A task that raises appears here within a second."
                        </Empty>
                    }
                }
            >
                <table class="table failure-table" node_ref=table>
                    <colgroup>
                        <col class="col-time" />
                        <col class="col-name" />
                        <col class="col-exception" />
                        <col class="col-worker" />
                    </colgroup>
                    <thead class="visually-hidden">
                        <tr>
                            <th scope="col">"Failed"</th>
                            <th scope="col">"Task"</th>
                            <th scope="col">"Exception"</th>
                            <th scope="col">"Worker"</th>
                        </tr>
                    </thead>
                    <tbody>
                        {move || {
                            failures
                                .with(|failures| failures.iter().map(|task| failure_row(task, budget)).collect_view())
                        }}
                    </tbody>
                </table>
            </Show>
        </Card>
    }
    .into_any()
}

fn failure_row(task: &TaskSummary, budget: RwSignal<usize>) -> AnyView {
    let (kind, message) = split_exception(task.exception.as_deref().unwrap_or_default());
    let worker = task.worker.as_ref().map(|worker| {
        view! {
            <a href=links::worker(worker) title=worker.to_string()>
                {format::short_worker(worker.as_str()).to_owned()}
            </a>
        }
    });
    view! {
        <tr>
            <td class="col-time">
                <Time at=task.finished precision=Precision::Seconds />
            </td>
            <td class="col-name">
                <a href=links::task(&task.id)>
                    <TaskName name=task.name.clone() budget />
                </a>
                <RepairedMark is_repaired=task.is_repaired />
            </td>
            <td class="col-exception" title=task.exception.clone()>
                <span class="exception-kind">{kind.to_owned()}</span>
                " "
                {message.to_owned()}
            </td>
            <td class="col-worker">{worker}</td>
        </tr>
    }
    .into_any()
}

/// Splits Python's repr of an exception, `Kind('message')`, into kind and
/// message; text of another shape is all message.
fn split_exception(text: &str) -> (&str, &str) {
    let Some((kind, rest)) = text.split_once('(') else {
        return ("", text);
    };
    let is_kind = !kind.is_empty()
        && kind
            .chars()
            .all(|letter| letter.is_alphanumeric() || letter == '_' || letter == '.');
    if !is_kind {
        return ("", text);
    }
    let message = rest.strip_suffix(')').unwrap_or(rest);
    let message = message.strip_suffix(',').unwrap_or(message);
    let unquoted = ['\'', '"'].into_iter().find_map(|quote| {
        let inner = message.strip_prefix(quote)?.strip_suffix(quote)?;
        (!inner.contains(quote)).then_some(inner)
    });
    (kind, unquoted.unwrap_or(message))
}

/// The busiest or the slowest task types, as the address says.
#[component]
pub(super) fn TypeCard(
    /// What the page shows.
    overview: Signal<Overview>,
) -> impl IntoView {
    let query = use_query_map();
    let is_slowest = Memo::new(move |_| {
        query.with(|query| {
            query
                .get_str("types")
                .is_some_and(|types| types == "slowest")
        })
    });
    let types = Memo::new(move |_| {
        overview.with(|overview| match is_slowest.get() {
            true => overview.slowest.clone(),
            false => overview.busiest.clone(),
        })
    });
    let table = NodeRef::new();
    let budget = fit::letters(table, room_among_types, NAME_BUDGET);
    let title = Signal::derive(move || match is_slowest.get() {
        true => "Slowest task types".to_owned(),
        false => "Busiest task types".to_owned(),
    });
    let choices = Signal::derive(move || {
        let choice = |label, href: &str, is_current| Choice {
            label,
            href: href.to_owned(),
            is_current,
        };
        vec![
            choice("Busiest", "/", !is_slowest.get()),
            choice("Slowest", "/?types=slowest", is_slowest.get()),
        ]
    });
    let missing = missing_signal(300.0);
    view! {
        <Card
            title=title
            caption="last 5 min"
            actions=Box::new(move || {
                view! {
                    <GapMark why=missing />
                    <Switch label="Order of task types" choices />
                }
                    .into_any()
            })
        >
            <StaleRow />
            <Show
                when=move || types.with(|types| !types.is_empty())
                fallback=|| {
                    view! {
                        <Empty title="No task finished in the last 5 min">
                            <a href="/tasks">"All tasks in memory"</a>
                        </Empty>
                    }
                }
            >
                <table class="table type-table" node_ref=table>
                    <thead>
                        <tr>
                            <th scope="col">"Task"</th>
                            <th
                                scope="col"
                                class="is-number"
                                aria-sort=move || (!is_slowest.get()).then_some("descending")
                            >
                                "Per s"
                            </th>
                            <th scope="col" class="is-number">
                                "Failed"
                            </th>
                            <th
                                scope="col"
                                class="is-number"
                                aria-sort=move || is_slowest.get().then_some("descending")
                            >
                                "Run p95"
                            </th>
                        </tr>
                    </thead>
                    <tbody>
                        {move || types.with(|types| types.iter().map(|kind| type_row(kind, budget)).collect_view())}
                    </tbody>
                </table>
            </Show>
        </Card>
    }
    .into_any()
}

fn type_row(kind: &TypeSummary, budget: RwSignal<usize>) -> AnyView {
    let failed = if kind.failed_share >= BAD_FAILED_SHARE {
        "is-number tone-bad"
    } else if kind.failed_share == 0.0 {
        "is-number is-zero"
    } else {
        "is-number"
    };
    view! {
        <tr>
            <td class="col-name">
                <a href=links::tasks_of_type(&kind.name)>
                    <TaskName name=Some(kind.name.clone()) budget />
                </a>
            </td>
            <td class="is-number">{format::rate_value(kind.per_second)}</td>
            <td class=failed>{format::percent(kind.failed_share)}</td>
            <td class="is-number">
                {kind.runtime_p95.map_or_else(|| "none ran".to_owned(), format::duration)}
            </td>
        </tr>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_are_split_into_kind_and_message() {
        for (text, kind, message) in [
            ("ValueError('no')", "ValueError", "no"),
            ("ValueError('no',)", "ValueError", "no"),
            ("TimeLimitExceeded(1)", "TimeLimitExceeded", "1"),
            (
                "smtplib.SMTPException(\"it's\")",
                "smtplib.SMTPException",
                "it's",
            ),
            ("OSError(2, 'No such file')", "OSError", "2, 'No such file'"),
            ("KeyError('a', 'b')", "KeyError", "'a', 'b'"),
            (
                "ValueError('cut in the mid",
                "ValueError",
                "'cut in the mid",
            ),
            ("<Odd (thing)>", "", "<Odd (thing)>"),
            ("", "", ""),
        ] {
            assert_eq!(split_exception(text), (kind, message), "{text}");
        }
    }
}
