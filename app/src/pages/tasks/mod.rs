//! Where is my task? Which ones match? The list of all tasks, narrowed, sorted
//! and kept live. What narrows and sorts it is in the address.

mod bulk;
mod filters;
mod older;
mod row;
mod window;

use crate::{
    components::{
        data_table::{Loaded, OnScreen, SortHead, WindowedTable},
        empty::{Empty, ErrorNote, StaleRow, stale},
        export::{ExportMenu, columns_of},
        gaps::{GapMark, what_was_missed},
        icon::{Glyph, Icon},
        search_box::SearchBox,
        selection::{SelectHead, Selection},
        task_form::open_new,
    },
    format::{count, thousands},
    links,
    live::{Live, Rows, picture_of},
    prefs::Prefs,
    server_fns::set_status,
    steer::{Steering, may},
};
use bulk::{BulkBar, may_select};
use filters::{FilterMenu, FilterTags, StateChips};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_location, use_navigate};
use model::{
    CommandKind, Older, QueryError, TaskId, TaskPage, TaskQuery, TaskSort, TaskSummary, Topic,
    View, export::TaskColumn,
};
use older::{OlderRows, OlderTasks};
use row::{BlankRow, NameBudget, TaskRow};
use window::Window;

/// Rows of blank lines until the first picture comes.
const BLANK_ROWS: u64 = 12;

/// A page of tasks, and the query that it answers.
#[derive(Clone, Debug, PartialEq)]
struct Shown {
    query: TaskQuery,
    page: TaskPage,
}

impl Shown {
    /// How many tasks there are; the page's own query always counts them.
    fn total(&self) -> u64 {
        let known = self
            .query
            .offset
            .saturating_add(self.page.rows.len() as u64);
        self.page.total.unwrap_or(known)
    }

    fn loaded(&self) -> Loaded<TaskId> {
        Loaded {
            offset: self.query.offset,
            keys: self.page.rows.iter().map(|row| row.id.clone()).collect(),
            total: self.total(),
        }
    }
}

/// The list of tasks.
#[component]
pub fn TasksPage() -> impl IntoView {
    let location = use_location();
    let parsed = Memo::new(move |before: Option<&Result<TaskQuery, QueryError>>| {
        // On the way to another page the address is that page's already.
        match before {
            Some(before) if location.pathname.get() != "/tasks" => before.clone(),
            _ => {
                let search = location.search.get();
                TaskQuery::from_query_string(search.trim_start_matches('?'))
            }
        }
    });
    let query = Memo::new(move |_| parsed.get().unwrap_or_default());
    let on_screen = RwSignal::new(OnScreen::START);
    let has_focus = RwSignal::new(false);

    let window = Window::new(query);
    let picture = picture_of(window.topic(), |topic, view| match (topic, view) {
        (Topic::Tasks(query), View::Tasks(page)) => Some(Shown {
            query: (**query).clone(),
            page: page.clone(),
        }),
        _ => None,
    });
    let shown = picture.data;
    picture.error.with_untracked(|error| {
        if let Some(error) = error {
            set_status(error.kind.status());
        }
    });
    let latest = Memo::new(move |_| shown.with(|shown| Some(shown.as_ref()?.page.latest)));
    window.follow(on_screen, has_focus, latest);

    let rows: Rows<TaskSummary> = shown.with_untracked(|shown| match shown {
        Some(shown) => Rows::new(&shown.page.rows),
        None => Rows::new(&[]),
    });
    let loaded = RwSignal::new(shown.with_untracked(|shown| {
        shown.as_ref().map_or(
            Loaded {
                offset: 0,
                keys: Vec::new(),
                total: BLANK_ROWS,
            },
            Shown::loaded,
        )
    }));
    Effect::new(move || {
        shown.with(|shown| {
            if let Some(shown) = shown {
                // The rows first: the list of keys draws them.
                rows.sync(&shown.page.rows);
                let new = shown.loaded();
                if loaded.with_untracked(|old| *old != new) {
                    loaded.set(new);
                }
            }
        });
    });

    let rest = Memo::new(move |_| shown.with(|shown| shown.as_ref()?.page.older.clone()));
    let older = OlderTasks::new(query, rest);

    let selection = may_select().then(|| {
        let order = Signal::derive(move || {
            let mut keys = loaded.with(|loaded| loaded.keys.clone());
            keys.extend(older.ids());
            keys
        });
        let selection = Selection::new(order);
        provide_context(selection);
        selection
    });
    let list = Memo::new(move |_| links::tasks(&query.get()));
    Effect::new(move |before: Option<String>| {
        // What was selected of another list is out of sight.
        let list = list.get();
        if let Some(selection) = selection
            && before.is_some_and(|before| before != list)
        {
            selection.clear();
        }
        list
    });

    let of_page = move |pick: fn(&Shown) -> u64| {
        Memo::new(move |_| shown.with(|shown| shown.as_ref().map(pick)))
    };
    let (total, stored, newer) = (
        of_page(Shown::total),
        of_page(|shown| shown.page.stored),
        of_page(|shown| shown.page.newer),
    );
    let states = Memo::new(move |_| shown.with(|shown| Some(shown.as_ref()?.page.states.clone())));
    // A search that the server refuses has no list; later ones keep the rows before.
    let is_refused =
        Memo::new(move |_| picture.error.with(Option::is_some) && shown.with(Option::is_none));

    let live = Live::of_page();
    let missing = Memo::new(move |_| {
        let what = live.pulse.with(|pulse| what_was_missed(pulse.as_ref()?));
        what.map(|what| format!("Tasks may be missing here: {what} since the start"))
    });

    let navigate = use_navigate();
    let go = Callback::new(move |query: TaskQuery| {
        navigate(&links::tasks(&query), Default::default());
    });
    let on_search = Callback::new(move |search: String| {
        go.run(TaskQuery {
            search,
            ..query.get_untracked()
        });
    });
    let kept = Signal::derive(move || {
        let others = TaskQuery {
            search: String::new(),
            ..query.get()
        };
        window::without_window(&others).to_pairs()
    });
    let exported = Signal::derive(move || window::without_window(&query.get()).to_pairs());
    let note = Signal::derive(move || {
        let total = total.get();
        total.map_or_else(String::new, |total| format!("{} match", thousands(total)))
    });

    let columns = columns_of::<TaskColumn>();
    view! {
        <Title text="Tasks" />
        <div class="page-head">
            <h1>"Tasks"</h1>
            <span class="page-caption">
                {move || stored.get().map(|stored| format!("{} in memory", thousands(stored)))}
            </span>
            {move || {
                missing
                    .get()
                    .map(|why| view! { <a href=links::GAPS><GapMark why=Some(why) /></a> })
            }}
            <div class="page-actions">
                <FilterMenu query=query go=go />
                <ExportMenu
                    action="/api/v1/tasks/export"
                    what="Tasks"
                    kept=exported
                    columns
                />
                {may(CommandKind::Send).then(|| view! { <NewTask /> })}
            </div>
        </div>
        <SearchBox
            search=Signal::derive(move || query.with(|query| query.search.clone()))
            note=note
            kept=kept
            on_search=on_search
        />
        <StateChips query=query states=states />
        <FilterTags query=query />
        {move || parsed.get().err().map(|error| view! { <AddressError words=error.to_string() /> })}
        {move || picture.error.get().map(|error| view! { <ErrorNote error /> })}
        <NewerPill newer=newer />
        <div
            class="card table-card tasks-table"
            class:is-stale=is_stale()
            hidden=move || is_refused.get()
        >
            <StaleRow />
            <Table rows loaded query on_screen has_focus older />
            <Show when=move || {
                total.get() == Some(0) && picture.error.with(Option::is_none)
                    && older.is_known_empty()
            }>
                <NoTasks query=query stored=stored />
            </Show>
        </div>
        <Pages query=query total=total rest=rest />
        {selection.map(|selection| view! { <BulkBar selection query total latest /> })}
    }
    .into_any()
}

/// Opens the form for a task that nobody sent yet.
#[component]
fn NewTask() -> impl IntoView {
    let steering = Steering::of_page();
    view! {
        <button class="button with-script" type="button" on:click=move |_| open_new(steering)>
            <Icon glyph=Glyph::Plus />
            "New task…"
        </button>
    }
    .into_any()
}

fn is_stale() -> impl Fn() -> bool + Send + Sync + Copy + 'static {
    let stale = stale();
    move || stale.with(Option::is_some)
}

/// The table of tasks with heads that sort.
#[component]
fn Table(
    rows: Rows<TaskSummary>,
    loaded: RwSignal<Loaded<TaskId>>,
    query: Memo<TaskQuery>,
    on_screen: RwSignal<OnScreen>,
    has_focus: RwSignal<bool>,
    older: OlderTasks,
) -> impl IntoView {
    NameBudget::provide();
    let head = move |label, class, sort: TaskSort, is_descending_first| {
        let sorted = Memo::new(move |_| {
            query.with(|query| (query.sort == sort).then_some(query.is_descending))
        });
        let href = Signal::derive(move || {
            links::tasks(&TaskQuery {
                sort,
                is_descending: sorted.get().map_or(is_descending_first, |was| !was),
                ..query.get()
            })
        });
        view! { <SortHead label class sorted href /> }
    };
    let select = use_context::<Selection<TaskId>>();
    let heads = view! {
        <tr>
            {select.map(|selection| view! { <SelectHead selection /> })}
            {head("State", "col-state", TaskSort::State, false)}
            {head("Task", "col-task", TaskSort::Name, false)}
            <th scope="col" class="col-id">
                "Id"
            </th>
            {head("Queue", "col-queue", TaskSort::Queue, false)}
            {head("Worker", "col-worker", TaskSort::Worker, false)}
            {head("Retries", "col-retries is-number", TaskSort::Retries, true)}
            {head("Received", "col-received is-number", TaskSort::Received, true)}
            {head("Wait", "col-wait is-number", TaskSort::Wait, true)}
            {head("Run", "col-run is-number", TaskSort::Runtime, true)}
        </tr>
    }
    .into_any();
    let prefs = Prefs::of_page();
    let part = move |is_first: bool| {
        let is_here = Memo::new(move |_| {
            prefs.is_mounted() && older.is_there() && older.is_first() == is_first
        });
        view! { <Show when=move || is_here.get()><OlderRows older /></Show> }.into_any()
    };
    view! {
        <WindowedTable
            rows
            loaded
            row=|row| view! { <TaskRow row /> }.into_any()
            caption="Tasks"
            blank=|| view! { <BlankRow /> }.into_any()
            on_screen
            has_focus
            head=heads
            around=(part(true), part(false))
        />
    }
    .into_any()
}

/// How many tasks came since the list was scrolled away from its top.
#[component]
fn NewerPill(newer: Memo<Option<u64>>) -> impl IntoView {
    let words = move || {
        let newer = newer.get().filter(|newer| *newer > 0)?;
        Some(format!("{} newer", thousands(newer)))
    };
    let jump = move |_| {
        if let Some(active) = document().active_element()
            && let Some(active) = wasm_bindgen::JsCast::dyn_ref::<web_sys::HtmlElement>(&active)
            && active.blur().is_err()
        {
            leptos::logging::warn!("the focus stays in the list");
        }
        window().scroll_to_with_x_and_y(0.0, 0.0);
    };
    view! {
        <div class="newer" role="status">
            {move || {
                words()
                    .map(|words| {
                        view! {
                            <button class="newer-pill" type="button" on:click=jump>
                                <Icon glyph=Glyph::ArrowUp />
                                {words}
                            </button>
                        }
                    })
            }}
        </div>
    }
    .into_any()
}

/// The address cannot be understood.
#[component]
fn AddressError(words: String) -> impl IntoView {
    set_status(400);
    view! {
        <div class="card">
            <Empty title="This address can’t be read">
                <p>{words} ". The list below is not narrowed by it."</p>
                <div class="empty-acts">
                    <a class="button" href="/tasks">
                        "Show all tasks"
                    </a>
                </div>
            </Empty>
        </div>
    }
    .into_any()
}

/// Nothing matches, or nothing came yet.
#[component]
fn NoTasks(query: Memo<TaskQuery>, stored: Memo<Option<u64>>) -> impl IntoView {
    let all = move || {
        let stored = stored.get().unwrap_or_default();
        format!("Show all {}", count(stored, "task"))
    };
    let is_untouched = Memo::new(move |_| {
        stored.get() == Some(0) || query.with(|query| query.is_same_list(&TaskQuery::default()))
    });
    view! {
        {move || {
            if is_untouched.get() {
                view! {
                    <Empty title="No task was seen yet">
                        <p>
                            "Tasks appear here as workers report them. Workers report only with events on: start them with "
                            <code>"celery -A app worker -E"</code>
                            ". Which workers are there is on the page "
                            <a href="/workers">"Workers"</a>
                            "."
                        </p>
                    </Empty>
                }
                    .into_any()
            } else {
                view! {
                    <Empty title="No task matches">
                        <p>
                            "No task has everything that the search, the states and the filters ask for."
                        </p>
                        <div class="empty-acts">
                            <a class="button" href="/tasks">
                                {all}
                            </a>
                        </div>
                    </Empty>
                }
                    .into_any()
            }
        }}
    }
    .into_any()
}

/// Steps through the list for browsers without scripts.
#[component]
fn Pages(
    query: Memo<TaskQuery>,
    total: Memo<Option<u64>>,
    rest: Memo<Option<Older>>,
) -> impl IntoView {
    let to = move |offset: u64| {
        let query = TaskQuery {
            offset,
            newest: None,
            after: None,
            ..query.get()
        };
        links::with_query("/tasks", &query.to_query_string())
    };
    let (step, offset) = (
        move || u64::from(query.with(|query| query.limit)).max(1),
        move || query.with(|query| query.offset),
    );
    let is_stored = move || query.with(|query| query.after.is_some());
    let older = move || {
        let is_last = is_stored() || offset().saturating_add(step()) >= total.get().unwrap_or(0);
        let next = rest.get().filter(|_| is_last)?.next?;
        let query = TaskQuery {
            offset: 0,
            newest: None,
            after: Some(next),
            ..query.get()
        };
        let href = links::with_query("/tasks", &query.to_query_string());
        Some(view! { <a class="button" href=href>"Older, from history"</a> })
    };
    let before = move || {
        let before = (offset() > 0 && !is_stored()).then(|| to(offset().saturating_sub(step())));
        before.map(|href| view! { <a class="button" href=href>"Page before"</a> })
    };
    let after = move || {
        let next = offset().saturating_add(step());
        let next = (next < total.get().unwrap_or_default() && !is_stored()).then(|| to(next));
        next.map(|href| view! { <a class="button" href=href>"Next page"</a> })
    };
    view! {
        <nav class="pages without-script" aria-label="Pages">
            {before}
            {after}
            {older}
        </nav>
    }
    .into_any()
}
