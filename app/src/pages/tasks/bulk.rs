//! What can be done with the selected tasks: a bar with one button for each act
//! that applies, each with the number of tasks it applies to.

use crate::{
    components::{
        icon::{Glyph, Icon},
        selection::Selection,
    },
    format::{count, thousands},
    live::Live,
    server_fns::{self, FetchError},
    steer::{Question, Steering, may},
};
use leptos::prelude::*;
use model::{
    BulkAct, BulkCount, BulkId, BulkTarget, Command, CommandKind, Signal as ProcessSignal, TaskId,
    TaskQuery, TaskState, WireError, bulk::MAX_BULK_TASKS,
};

/// From so many tasks on their number must be typed.
const TYPED_FROM: u64 = 1_001;

/// The counts are read again this often while the bar is in sight, seconds.
const PACE_SECONDS: i64 = 3;

/// The bar; only for those who may steer tasks, and while something is selected.
#[component]
pub(super) fn BulkBar(
    selection: Selection<TaskId>,
    query: Memo<TaskQuery>,
    total: Memo<Option<u64>>,
    /// The sequence number of the newest task that there is.
    latest: Memo<Option<u64>>,
) -> impl IntoView {
    let is_shown = Memo::new(move |_| !selection.is_empty());
    view! {
        <Show when=move || is_shown.get()>
            <Bar selection query total latest />
        </Show>
    }
    .into_any()
}

fn target(selection: Selection<TaskId>, query: Memo<TaskQuery>) -> BulkTarget {
    if selection.is_all.get() {
        BulkTarget::Query(Box::new(super::window::without_window(&query.get())))
    } else {
        BulkTarget::Tasks(selection.keys.with(|keys| keys.iter().cloned().collect()))
    }
}

/// Returns the target without tasks that come later, so that what is counted,
/// asked about and done is the same.
fn frozen(target: BulkTarget, latest: Option<u64>) -> BulkTarget {
    match target {
        BulkTarget::Query(query) => BulkTarget::Query(Box::new(TaskQuery {
            newest: latest,
            ..*query
        })),
        tasks @ BulkTarget::Tasks(_) => tasks,
    }
}

/// Selects none once a bulk has begun: it must not be sent twice by accident.
fn clear_when_begun(selection: Selection<TaskId>, bulks: RwSignal<Vec<BulkId>>) {
    Effect::new(move |before: Option<Vec<BulkId>>| {
        let now = bulks.get();
        if before.is_some_and(|before| now.iter().any(|bulk| !before.contains(bulk))) {
            selection.clear();
        }
        now
    });
}

#[component]
fn Bar(
    selection: Selection<TaskId>,
    query: Memo<TaskQuery>,
    total: Memo<Option<u64>>,
    latest: Memo<Option<u64>>,
) -> impl IntoView {
    let (steering, live) = (Steering::of_page(), Live::of_page());
    clear_when_begun(selection, steering.bulks);
    let target = Memo::new(move |_| target(selection, query));
    let counted: RwSignal<Option<(BulkTarget, Result<BulkCount, WireError>)>> = RwSignal::new(None);
    let beat = Memo::new(move |_| live.now.get().0 / 1_000_000 / PACE_SECONDS);
    Effect::new(move || {
        beat.track();
        let asked = target.get();
        let frozen = frozen(asked.clone(), latest.get_untracked());
        leptos::task::spawn_local(async move {
            let answer = server_fns::bulk_count(frozen.clone()).await;
            if target.try_get_untracked().as_ref() == Some(&asked) {
                let answer = answer.map_err(|FetchError(error)| error);
                let _gone = counted.try_set(Some((frozen, answer)));
            }
        });
    });
    let selected = Memo::new(move |_| {
        if selection.is_all.get() {
            // What is counted is what an act is about; the page tells it until then.
            let counted = counted.with(|counted| match counted {
                Some((BulkTarget::Query(_), Ok(count))) => Some(count.total),
                _ => None,
            });
            counted.or(total.get()).unwrap_or_default()
        } else {
            selection.keys.with(|keys| keys.len() as u64)
        }
    });
    let all = move || {
        let total = total.get().filter(|_| !selection.is_all.get())?;
        (total > selected.get()).then(|| {
            view! {
                <button
                    class="button is-link"
                    type="button"
                    on:click=move |_| selection.is_all.set(true)
                >
                    {format!("Select all {}", thousands(total))}
                </button>
            }
        })
    };
    let acts = move || match counted.get() {
        None => view! { <span class="quiet">"counting…"</span> }.into_any(),
        Some((_, Err(error))) => {
            view! { <span class="bulk-problem">{error.message}</span> }.into_any()
        }
        Some((target, Ok(count))) => {
            let choices = choices(&count);
            let (offered, too_large): (Vec<Choice>, Vec<Choice>) = choices
                .into_iter()
                .partition(|choice| choice.size(&target, count.total) <= MAX_BULK_TASKS);
            if offered.is_empty() && too_large.is_empty() {
                return view! { <span class="quiet">"nothing to do with them"</span> }.into_any();
            }
            let button = |choice: Choice| {
                let class = match choice.act {
                    BulkAct::Retry { .. } => "button is-primary",
                    BulkAct::Terminate { .. } => "button is-danger",
                    BulkAct::Revoke => "button",
                };
                let is_retry = matches!(choice.act, BulkAct::Retry { .. });
                let (target, total) = (target.clone(), count.total);
                let label = choice.label.clone();
                view! {
                    <button
                        class=class
                        type="button"
                        on:click=move |_| steering.ask(choice.ask(&target, total))
                    >
                        {is_retry.then(|| view! { <Icon glyph=Glyph::Retry /> })}
                        {format!("{label}…")}
                    </button>
                }
            };
            let note = (!too_large.is_empty()).then(|| {
                let words = too_many(&too_large);
                view! { <span class="quiet">{words}</span> }
            });
            view! {
                {offered.into_iter().map(button).collect_view()}
                {note}
            }
            .into_any()
        }
    };
    view! {
        <section class="float bulk-bar" aria-label="Selected tasks">
            <span class="bulk-selected" role="status">
                {move || format!("{} selected", thousands(selected.get()))}
            </span>
            {all}
            <span class="bulk-buttons">{acts}</span>
            <button
                class="button is-ghost is-icon"
                type="button"
                aria-label="Select none"
                on:click=move |_| selection.clear()
            >
                <Icon glyph=Glyph::Close />
            </button>
        </section>
    }
    .into_any()
}

/// An act that applies to some of the tasks.
#[derive(Clone, Debug, PartialEq)]
struct Choice {
    act: BulkAct,
    /// `Retry 3 failed`
    label: String,
    number: u64,
    /// The states it applies to, of those that occur, and how many tasks are in them.
    states: Vec<(TaskState, u64)>,
}

/// Tells whether an act applies to tasks in a state.
fn applies(act: &BulkAct, state: &TaskState) -> bool {
    match act {
        BulkAct::Revoke => matches!(
            state,
            TaskState::Pending | TaskState::Received | TaskState::Retry
        ),
        BulkAct::Terminate { .. } => state.is_running(),
        BulkAct::Retry { .. } => state.is_finished() || *state == TaskState::Orphaned,
    }
}

fn choices(count: &BulkCount) -> Vec<Choice> {
    let of = |state: TaskState| {
        let found = count.states.iter().find(|(known, _)| *known == state);
        found.map_or(0, |(_, number)| *number)
    };
    let failed = if of(TaskState::Failure) == count.retriable {
        " failed"
    } else {
        ""
    };
    let acts = [
        (
            BulkAct::Retry {
                worst: None,
                queue: None,
            },
            "Retry",
            failed,
            count.retriable,
        ),
        (BulkAct::Revoke, "Revoke", " waiting", count.revocable),
        (
            BulkAct::Terminate {
                signal: ProcessSignal::default(),
            },
            "Terminate",
            " running",
            count.running,
        ),
    ];
    let applicable = acts.into_iter().filter(|(.., number)| *number > 0);
    applicable
        .map(|(act, verb, which, number)| Choice {
            label: format!("{verb} {}{which}", thousands(number)),
            number,
            states: count
                .states
                .iter()
                .filter(|(state, number)| *number > 0 && applies(&act, state))
                .cloned()
                .collect(),
            act,
        })
        .collect()
}

/// Why acts are not offered.
fn too_many(choices: &[Choice]) -> String {
    let labels: Vec<&str> = choices.iter().map(|choice| choice.label.as_str()).collect();
    format!(
        "{}: at most {} at once, narrow the list first",
        labels.join(", "),
        thousands(MAX_BULK_TASKS)
    )
}

impl Choice {
    /// How many tasks the act would be sent for: of a list those that it is about, of
    /// tasks chosen one by one all.
    fn size(&self, target: &BulkTarget, total: u64) -> u64 {
        match target {
            BulkTarget::Query(_) => self.states.iter().map(|(_, number)| number).sum(),
            BulkTarget::Tasks(_) => total,
        }
    }

    fn ask(&self, target: &BulkTarget, total: u64) -> Question {
        let tasks = count(self.number, "task");
        let what = match self.act {
            BulkAct::Retry { .. } => format!(
                "Sends {tasks} once more, each under a new id and with the arguments it had. One whose arguments cannot be had is left alone and named."
            ),
            BulkAct::Revoke => format!(
                "Tells all workers to drop {tasks} that have not started. This can’t be taken back."
            ),
            BulkAct::Terminate { .. } => format!(
                "Ends the processes that run {tasks}. What they did so far stays as it is; this can’t be taken back."
            ),
        };
        let mut words = vec![what];
        let others = total.saturating_sub(self.number);
        if others > 0 {
            let others = count(others, "task");
            words.push(format!(
                "The other {others} of the selection are left alone."
            ));
        }
        if matches!(target, BulkTarget::Query(_)) {
            words.push(
                "It is for all that match, also those not on the screen; tasks that were sent since they were counted are left out.".to_owned(),
            );
        }
        // A list that grows all the time is narrowed to what the act is about: tasks that
        // come meanwhile and are none of it must not make it be refused.
        let (tasks_meant, expected) = match target {
            BulkTarget::Query(query) => {
                let query = TaskQuery {
                    states: self.states.iter().map(|(state, _)| state.clone()).collect(),
                    ..(**query).clone()
                };
                (
                    BulkTarget::Query(Box::new(query)),
                    Some(self.size(target, total)),
                )
            }
            // These and no others, whatever became of them.
            tasks @ BulkTarget::Tasks(_) => (tasks.clone(), None),
        };
        let verb = self.label.split(' ').next().unwrap_or_default();
        Question {
            title: format!("{verb} {tasks}"),
            words,
            typed: (self.number >= TYPED_FROM).then(|| self.number.to_string()),
            act: format!("{verb} {tasks}"),
            is_dangerous: !matches!(self.act, BulkAct::Retry { .. }),
            command: Command::Bulk {
                act: self.act.clone(),
                tasks: tasks_meant,
                expected,
            },
        }
    }
}

/// Tells whether rows can be selected: there is nothing else to do with them.
pub(super) fn may_select() -> bool {
    may(CommandKind::Bulk)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted() -> BulkCount {
        BulkCount {
            total: 5_000,
            states: vec![
                (TaskState::Failure, 4_000),
                (TaskState::Started, 1),
                (TaskState::Success, 0),
            ],
            revocable: 0,
            running: 1,
            retriable: 4_000,
        }
    }

    #[test]
    fn only_acts_that_apply_are_offered_with_their_numbers() {
        let labels: Vec<String> = choices(&counted()).into_iter().map(|c| c.label).collect();
        assert_eq!(labels, ["Retry 4,000 failed", "Terminate 1 running"]);
        let mixed = BulkCount {
            retriable: 4_003,
            ..counted()
        };
        assert_eq!(choices(&mixed)[0].label, "Retry 4,003");
    }

    #[test]
    fn a_list_is_narrowed_to_the_states_that_an_act_is_about() {
        let list = BulkTarget::Query(Box::new(TaskQuery {
            search: "mail".to_owned(),
            ..TaskQuery::default()
        }));
        let Command::Bulk {
            tasks: BulkTarget::Query(query),
            expected,
            ..
        } = choices(&counted())[0].ask(&list, 5_000).command
        else {
            panic!("it is a bulk of a list");
        };
        assert_eq!(query.states, [TaskState::Failure]);
        assert_eq!((query.search.as_str(), expected), ("mail", Some(4_000)));
    }

    #[test]
    fn a_list_is_frozen_when_it_is_counted_and_chosen_tasks_are_exact() {
        let list = BulkTarget::Query(Box::default());
        let counted_list = frozen(list, Some(77));
        let Command::Bulk {
            tasks: BulkTarget::Query(query),
            ..
        } = choices(&counted())[0].ask(&counted_list, 5_000).command
        else {
            panic!("it is a bulk of a list");
        };
        assert_eq!(query.newest, Some(77));
        let chosen = frozen(BulkTarget::Tasks(vec!["a".into()]), Some(77));
        let Command::Bulk {
            tasks, expected, ..
        } = choices(&counted())[0].ask(&chosen, 5_000).command
        else {
            panic!("it is a bulk");
        };
        assert_eq!((tasks, expected), (chosen, None));
    }

    #[test]
    fn the_most_at_once_is_compared_with_what_the_act_is_about() {
        let many = BulkCount {
            total: 900_000,
            states: vec![
                (TaskState::Failure, MAX_BULK_TASKS),
                (TaskState::Pending, MAX_BULK_TASKS + 1),
                (TaskState::Started, 799_999 - MAX_BULK_TASKS),
            ],
            revocable: MAX_BULK_TASKS + 1,
            running: 0,
            retriable: MAX_BULK_TASKS,
        };
        let list = BulkTarget::Query(Box::default());
        let choices = choices(&many);
        let sizes: Vec<u64> = choices.iter().map(|c| c.size(&list, many.total)).collect();
        assert_eq!(sizes, [MAX_BULK_TASKS, MAX_BULK_TASKS + 1]);
        assert_eq!(
            too_many(&choices[1..]),
            "Revoke 100,001 waiting: at most 100,000 at once, narrow the list first"
        );
        let chosen = BulkTarget::Tasks(Vec::new());
        assert_eq!(choices[0].size(&chosen, many.total), 900_000);
    }

    #[test]
    fn the_number_of_many_tasks_must_be_typed() {
        let target = BulkTarget::Tasks(vec!["a".into()]);
        let many = choices(&counted())[0].ask(&target, 5_000);
        assert_eq!(many.typed.as_deref(), Some("4000"));
        assert_eq!(many.act, "Retry 4,000 tasks");
        let one = choices(&counted())[1].ask(&target, 5_000);
        assert_eq!((one.typed, one.act.as_str()), (None, "Terminate 1 task"));
        assert!(
            one.words[1].contains("other 4,999 tasks"),
            "{:?}",
            one.words
        );
    }
}
