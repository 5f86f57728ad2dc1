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
    BulkAct, BulkCount, BulkTarget, Command, CommandKind, Signal as ProcessSignal, TaskId,
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
) -> impl IntoView {
    let is_shown = Memo::new(move |_| !selection.is_empty());
    view! {
        <Show when=move || is_shown.get()>
            <Bar selection query total />
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

#[component]
fn Bar(
    selection: Selection<TaskId>,
    query: Memo<TaskQuery>,
    total: Memo<Option<u64>>,
) -> impl IntoView {
    let (steering, live) = (Steering::of_page(), Live::of_page());
    let target = Memo::new(move |_| target(selection, query));
    let counted: RwSignal<Option<(BulkTarget, Result<BulkCount, WireError>)>> = RwSignal::new(None);
    let beat = Memo::new(move |_| live.now.get().0 / 1_000_000 / PACE_SECONDS);
    Effect::new(move || {
        beat.track();
        let asked = target.get();
        leptos::task::spawn_local(async move {
            let answer = server_fns::bulk_count(asked.clone()).await;
            if target.try_get_untracked().as_ref() == Some(&asked) {
                let answer = answer.map_err(|FetchError(error)| error);
                let _gone = counted.try_set(Some((asked, answer)));
            }
        });
    });
    let selected = Memo::new(move |_| {
        if selection.is_all.get() {
            total.get().unwrap_or_default()
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
            if choices.is_empty() {
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
            choices.into_iter().map(button).collect_view().into_any()
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

impl Choice {
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
                "It is for all that match when it begins, also those not on the screen.".to_owned(),
            );
        }
        if total > MAX_BULK_TASKS {
            words.push(format!(
                "At most {} can be done at once: narrow the list first.",
                thousands(MAX_BULK_TASKS)
            ));
        }
        // A list that grows all the time is narrowed to what the act is about: tasks that
        // come meanwhile and are none of it must not make it be refused.
        let (target, expected) = match target {
            BulkTarget::Query(query) => {
                let query = TaskQuery {
                    states: self.states.iter().map(|(state, _)| state.clone()).collect(),
                    ..(**query).clone()
                };
                let expected = self.states.iter().map(|(_, number)| number).sum();
                (BulkTarget::Query(Box::new(query)), expected)
            }
            tasks @ BulkTarget::Tasks(_) => (tasks.clone(), total),
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
                tasks: target,
                expected: Some(expected),
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
