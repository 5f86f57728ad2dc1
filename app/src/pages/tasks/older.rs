//! Where the list goes on past memory: rows from history, fetched page by page
//! as the reader comes to their end.

use super::row::TaskRow;
use crate::{
    components::time::{Precision, Time},
    format::count,
    live::Rows,
    server_fns::older_tasks,
};
use leptos::{ev, html, prelude::*, task::spawn_local};
use model::{
    Older as Rest, TaskCursor, TaskId, TaskPage, TaskQuery, TaskSort, TaskSummary, Timestamp,
    WireError,
};
use std::collections::HashSet;

/// Rows fetched at a time.
const PAGE: u32 = 100;

/// The next page is fetched when its place comes this near to the screen, pixels.
const NEAR: f64 = 600.0;

/// How far the rows from history are.
#[derive(Clone, Debug, PartialEq)]
enum Progress {
    /// Nothing was asked for yet.
    Ready,
    /// A page is on its way.
    Asking,
    /// More will be asked for when the reader comes near.
    More,
    /// The search was given up at this time, and goes on if somebody asks for it.
    GivenUp(Timestamp),
    /// There are no more.
    End,
    /// It failed; it is tried again if somebody asks for it.
    Failed(WireError),
}

/// The part of the list that is in history.
#[derive(Clone, Copy)]
pub(super) struct OlderTasks {
    query: Memo<TaskQuery>,
    /// Where that part begins now; absent if there is none.
    start: Memo<Option<TaskCursor>>,
    /// Where the rows that are shown began.
    began: RwSignal<Option<TaskCursor>>,
    next: RwSignal<Option<TaskCursor>>,
    all: RwSignal<Vec<TaskSummary>>,
    rows: Rows<TaskSummary>,
    progress: RwSignal<Progress>,
    /// Tells answers to an earlier list from those to the present one.
    list: StoredValue<u64>,
}

impl OlderTasks {
    /// Begins with nothing fetched; `rest` is how the page from memory goes on.
    pub(super) fn new(query: Memo<TaskQuery>, rest: Memo<Option<Rest>>) -> Self {
        let older = Self {
            query,
            start: Memo::new(move |_| rest.with(|rest| rest.as_ref()?.next.clone())),
            began: RwSignal::new(None),
            next: RwSignal::new(None),
            all: RwSignal::new(Vec::new()),
            rows: Rows::new(&[]),
            progress: RwSignal::new(Progress::Ready),
            list: StoredValue::new(0),
        };
        let list = Memo::new(move |_| super::window::without_window(&query.get()));
        Effect::new(move |before: Option<TaskQuery>| {
            let list = list.get();
            if before.is_some_and(|before| before != list) {
                older.forget();
            }
            list
        });
        older
    }

    /// Whether the list has a part in history, reactively.
    pub(super) fn is_there(&self) -> bool {
        self.start.with(Option::is_some) || self.all.with(|all| !all.is_empty())
    }

    /// Whether nothing in history matches either, reactively.
    pub(super) fn is_known_empty(&self) -> bool {
        !self.is_there()
            || (self.progress.with(|progress| *progress == Progress::End)
                && self.all.with(Vec::is_empty))
    }

    /// Whether it comes before what is in memory: the list begins with the oldest.
    pub(super) fn is_first(&self) -> bool {
        self.query
            .with(|query| query.sort == TaskSort::Received && !query.is_descending)
    }

    /// The ids of its rows in order, reactively.
    pub(super) fn ids(&self) -> Vec<TaskId> {
        let ids = |all: &Vec<TaskSummary>| all.iter().map(|row| row.id.clone()).collect();
        self.all.with(ids)
    }

    fn forget(&self) {
        self.list.update_value(|list| *list += 1);
        self.began.set(None);
        self.next.set(None);
        self.all.set(Vec::new());
        self.rows.sync(&[]);
        self.progress.set(Progress::Ready);
    }

    /// Fetches the next page.
    fn fetch(&self) {
        let older = *self;
        if older.began.with_untracked(Option::is_none) {
            let start = older.start.get_untracked();
            older.began.set(start.clone());
            older.next.set(start);
        }
        let Some(after) = older.next.get_untracked() else {
            return;
        };
        let list = older.list.get_value();
        let query = TaskQuery {
            after: Some(after),
            limit: PAGE,
            ..super::window::without_window(&older.query.get_untracked())
        };
        older.progress.set(Progress::Asking);
        spawn_local(async move {
            let answer = older_tasks(&query).await;
            // The page may have gone meanwhile, or show another list.
            if older.list.try_get_value() == Some(list) {
                older.take(answer);
            }
        });
    }

    fn take(&self, answer: Result<TaskPage, WireError>) {
        let page = match answer {
            Ok(page) => page,
            Err(error) => return self.progress.set(Progress::Failed(error)),
        };
        let rest = page.older.unwrap_or_default();
        self.all.update(|all| {
            let known: HashSet<TaskId> = all.iter().map(|row| row.id.clone()).collect();
            all.extend(page.rows.into_iter().filter(|row| !known.contains(&row.id)));
        });
        // The rows first: the list of keys draws them.
        self.all.with_untracked(|all| self.rows.sync(all));
        let progress = match (&rest.next, rest.searched_to) {
            (None, _) => Progress::End,
            (Some(_), Some(time)) => Progress::GivenUp(time),
            (Some(_), None) => Progress::More,
        };
        self.next.set(rest.next);
        self.progress.set(progress);
    }
}

/// The rows of history, under or above a line that says so.
#[component]
pub(super) fn OlderRows(older: OlderTasks) -> impl IntoView {
    let foot: NodeRef<html::Tr> = NodeRef::new();
    let look = move || {
        let is_due = matches!(
            older.progress.get_untracked(),
            Progress::Ready | Progress::More
        );
        let Some(foot) = foot.get_untracked().filter(|_| is_due) else {
            return;
        };
        let screen = window().inner_height().ok().and_then(|h| h.as_f64());
        if foot.get_bounding_client_rect().top() < screen.unwrap_or(900.0) + NEAR {
            older.fetch();
        }
    };
    let soon = move || {
        // After the rows that were fetched have been drawn.
        request_animation_frame(move || {
            if older.list.try_get_value().is_some() {
                look();
            }
        });
    };
    Effect::new(move || {
        let scroll = window_event_listener(ev::scroll, move |_| look());
        let resize = window_event_listener(ev::resize, move |_| look());
        on_cleanup(move || {
            scroll.remove();
            resize.remove();
        });
    });
    Effect::new(move || {
        older.progress.track();
        older.start.track();
        soon();
    });
    let has_moved = move || {
        let began = older.began.get();
        began.is_some() && began != older.start.get() && older.start.with(Option::is_some)
    };
    // Wide enough for its words. A cell that spans more columns than the table
    // has would make more of them, which share the room of the name's.
    let border = move || {
        view! {
            <tr class="older-border">
                <td colspan="3">
                    <span>
                        {if older.is_first() {
                            "Older, from history; what is in memory follows"
                        } else {
                            "Older, from history"
                        }}
                    </span>
                    <Show when=has_moved>
                        <span class="older-moved">
                            "More tasks went into history since. "
                            <button class="older-again" type="button" on:click=move |_| older.forget()>
                                "Read it again"
                            </button>
                        </span>
                    </Show>
                </td>
            </tr>
        }
    };
    view! {
        <tbody class="older-rows">
            {border}
            <For
                each=move || older.rows.order.get()
                key=TaskId::clone
                children=move |id| older.rows.get(&id).map(|row| view! { <TaskRow row /> })
            />
            <tr class="older-foot" node_ref=foot>
                <td colspan="3" role="status">
                    <Foot older />
                </td>
            </tr>
        </tbody>
    }
    .into_any()
}

/// How the rows from history go on.
#[component]
fn Foot(older: OlderTasks) -> impl IntoView {
    let button = move |words: &'static str| {
        view! {
            <button class="button" type="button" on:click=move |_| older.fetch()>
                {words}
            </button>
        }
    };
    move || match older.progress.get() {
        Progress::Ready | Progress::Asking | Progress::More => {
            view! { <span>"Reading the history…"</span> }.into_any()
        }
        Progress::GivenUp(time) => view! {
            <span>
                "Searched back to "
                <Time at=Signal::stored(Some(time)) precision=Precision::Seconds />
            </span>
            {button("Search further back")}
        }
        .into_any(),
        Progress::End => {
            let all = older.all.with(Vec::len) as u64;
            let words = match all {
                0 => "Nothing older matches".to_owned(),
                all => format!("That is all: {} from history", count(all, "task")),
            };
            view! { <span>{words}</span> }.into_any()
        }
        Progress::Failed(error) => view! {
            <span class="tone-warn">{error.message}</span>
            {button("Try again")}
        }
        .into_any(),
    }
}
