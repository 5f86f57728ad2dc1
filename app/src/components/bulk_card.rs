//! Bulks that run, at the lower right: how far each is, a way to stop it, and what came of each task.

use super::icon::{Glyph, Icon};
use crate::{
    format::{count, short_id, thousands},
    links,
    server_fns::{self, FetchError},
    steer::{Act, Steering},
};
use leptos::prelude::*;
use model::{BulkAct, BulkId, BulkProgress, BulkResult, Command, WireError};
use send_wrapper::SendWrapper;
use std::time::Duration;

/// How often progress is asked for.
const PACE: Duration = Duration::from_millis(500);

/// The bulks that are watched.
#[component]
pub fn BulkCards() -> impl IntoView {
    let bulks = Steering::of_page().bulks;
    // What runs since before the page was loaded, whoever began it.
    Effect::new(move || {
        leptos::task::spawn_local(async move {
            // Without an answer the page shows what is begun on it, as before.
            let Ok(running) = server_fns::running_bulks().await else {
                return;
            };
            let add = |bulks: &mut Vec<BulkId>| {
                bulks.extend(running);
                bulks.sort();
                bulks.dedup();
            };
            // The page may be gone by now.
            bulks.try_update(add);
        });
    });
    view! {
        <div class="bulks">
            <For
                each=move || bulks.get()
                key=|bulk| *bulk
                children=|bulk| view! { <BulkCard bulk /> }
            />
        </div>
    }
    .into_any()
}

/// What is known of a bulk.
#[derive(Clone, Debug, PartialEq)]
enum Known {
    Progress(Box<BulkProgress>),
    /// The dashboard was restarted, or keeps so many newer ones.
    Forgotten,
    Error(WireError),
}

#[component]
fn BulkCard(bulk: BulkId) -> impl IntoView {
    let steering = Steering::of_page();
    let act = Act::new();
    let known: RwSignal<Option<Known>> = RwSignal::new(None);
    let is_asking = StoredValue::new(false);
    let is_over = Memo::new(move |_| {
        known.with(|known| match known {
            Some(Known::Progress(progress)) => progress.finished.is_some(),
            Some(Known::Forgotten) => true,
            Some(Known::Error(_)) | None => false,
        })
    });
    let ask = move || {
        // One question at a time, however slow the answers.
        if is_asking.get_value() || is_over.get_untracked() {
            return;
        }
        is_asking.set_value(true);
        leptos::task::spawn_local(async move {
            let answer = match server_fns::bulk_progress(bulk).await {
                Ok(Some(progress)) => Known::Progress(Box::new(progress)),
                Ok(None) => Known::Forgotten,
                Err(FetchError(error)) => Known::Error(error),
            };
            if is_asking.try_set_value(false).is_none() {
                known.set(Some(answer));
            }
        });
    };
    Effect::new(move || {
        ask();
        match set_interval_with_handle(ask, PACE) {
            Ok(handle) => {
                let handle = SendWrapper::new(handle);
                on_cleanup(move || handle.clear());
            }
            Err(error) => leptos::logging::error!("no clock: {error:?}"),
        }
    });
    let progress = move || {
        known.with(|known| match known {
            Some(Known::Progress(progress)) => Some((**progress).clone()),
            _ => None,
        })
    };
    let progress = Memo::new(move |_| progress());
    let title = move || match known.get() {
        None => "Begins".to_owned(),
        Some(Known::Progress(progress)) => title_of(&progress),
        Some(Known::Forgotten) => "This bulk is not known any more".to_owned(),
        Some(Known::Error(error)) => error.message,
    };
    let counts = move || progress.with(|progress| progress.as_ref().map(counts_of));
    let problem = move || progress.with(|progress| progress.as_ref()?.problem.clone());
    let done = move || {
        progress.with(|progress| {
            progress
                .as_ref()
                .map(|p| (p.done + p.skipped + p.failed, p.total))
        })
    };
    let glyph = Signal::derive(move || {
        progress.with(|progress| match progress {
            Some(p) if p.finished.is_none() => Glyph::Clock,
            Some(p) if p.failed == 0 && p.problem.is_none() && !p.is_stopped => Glyph::Check,
            _ => Glyph::Warning,
        })
    });
    let results = Memo::new(move |_| {
        progress.with(|p| p.as_ref().map(|p| p.results.clone()).unwrap_or_default())
    });
    view! {
        <section class="float toast bulk-card" aria-label="Bulk">
            <Icon glyph />
            <div class="toast-text">
                <p class="toast-title" role="status">
                    {title}
                </p>
                {move || {
                    done()
                        .filter(|_| !is_over.get())
                        .map(|(done, total)| {
                            view! {
                                <progress
                                    aria-label="Progress"
                                    max=total.max(1).to_string()
                                    value=done.to_string()
                                ></progress>
                            }
                        })
                }}
                <p>{counts}</p>
                {move || problem().map(|problem| view! { <p class="bulk-problem">{problem}</p> })}
                {move || act.error.get().map(|error| view! { <p class="bulk-problem">{error.message}</p> })}
                <Show when=move || is_over.get() && results.with(|r| !r.is_empty())>
                    <details class="bulk-results">
                        <summary>"Task by task"</summary>
                        <ul>{move || results.get().into_iter().map(result).collect_view()}</ul>
                        <p class="quiet">{move || progress.with(|p| left_out(p.as_ref()?))}</p>
                    </details>
                </Show>
            </div>
            <div class="bulk-acts">
                {move || {
                    if is_over.get() {
                        let close = move |_| {
                            steering.bulks.update(|bulks| bulks.retain(|known| *known != bulk));
                        };
                        view! {
                            <button
                                class="button is-ghost is-icon"
                                type="button"
                                aria-label="Close"
                                on:click=close
                            >
                                <Icon glyph=Glyph::Close />
                            </button>
                        }
                            .into_any()
                    } else {
                        let stop = move |_| act.run_in_dialog(Command::StopBulk { bulk }, || ());
                        view! {
                            <button
                                class="button"
                                type="button"
                                disabled=move || act.is_busy()
                                on:click=stop
                            >
                                "Stop"
                            </button>
                        }
                            .into_any()
                    }
                }}
            </div>
        </section>
    }
    .into_any()
}

fn title_of(progress: &BulkProgress) -> String {
    let tasks = count(progress.total, "task");
    let (doing, did) = match progress.act {
        BulkAct::Revoke => ("Revoking", "Revoked"),
        BulkAct::Terminate { .. } => ("Terminating", "Terminated"),
        BulkAct::Retry { .. } => ("Retrying", "Retried"),
    };
    let some = format!("{did} {} of {tasks}", thousands(progress.done));
    match progress.finished {
        None => format!("{doing} {tasks}"),
        Some(_) if progress.is_stopped => format!("{some}, then stopped"),
        Some(_) if progress.done == progress.total => format!("{did} {tasks}"),
        Some(_) => some,
    }
}

fn counts_of(progress: &BulkProgress) -> String {
    let mut parts = vec![format!("{} done", thousands(progress.done))];
    if progress.skipped > 0 {
        parts.push(format!("{} passed over", thousands(progress.skipped)));
    }
    if progress.failed > 0 {
        parts.push(format!("{} failed", thousands(progress.failed)));
    }
    let left = progress
        .total
        .saturating_sub(progress.done + progress.skipped + progress.failed);
    if left > 0 {
        parts.push(format!("{} left", thousands(left)));
    }
    parts.join(", ")
}

fn left_out(progress: &BulkProgress) -> Option<String> {
    let told = progress.done + progress.skipped + progress.failed;
    let more = told.saturating_sub(progress.results.len() as u64);
    (more > 0).then(|| {
        format!(
            "{} more are not listed; failures come first.",
            thousands(more)
        )
    })
}

fn result(result: BulkResult) -> impl IntoView {
    let BulkResult {
        task,
        is_ok,
        text,
        new,
    } = result;
    let link = |id: &model::TaskId| {
        view! {
            <a class="mono" href=links::task(id) title=id.to_string()>
                {short_id(id.as_str())}
            </a>
        }
    };
    view! {
        <li class:is-failed=!is_ok>
            {link(&task)} " " {text} {new.as_ref().map(|new| view! { " " {link(new)} })}
        </li>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Timestamp;

    fn progress() -> BulkProgress {
        BulkProgress {
            id: BulkId(1),
            act: BulkAct::Revoke,
            by: "local".to_owned(),
            started: Timestamp(0),
            finished: None,
            total: 1_200,
            done: 700,
            skipped: 2,
            failed: 1,
            is_stopped: false,
            problem: None,
            results: Vec::new(),
        }
    }

    #[test]
    fn every_task_is_accounted_for() {
        assert_eq!(title_of(&progress()), "Revoking 1,200 tasks");
        assert_eq!(
            counts_of(&progress()),
            "700 done, 2 passed over, 1 failed, 497 left"
        );
    }

    #[test]
    fn what_was_stopped_or_failed_is_not_called_done() {
        let mut progress = progress();
        progress.finished = Some(Timestamp(1));
        assert_eq!(title_of(&progress), "Revoked 700 of 1,200 tasks");
        progress.is_stopped = true;
        assert_eq!(
            title_of(&progress),
            "Revoked 700 of 1,200 tasks, then stopped"
        );
        progress.is_stopped = false;
        progress.done = 1_200;
        assert_eq!(title_of(&progress), "Revoked 1,200 tasks");
    }
}
