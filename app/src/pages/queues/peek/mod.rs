//! A drawer with the messages that wait in a queue, in the order they will run.
//! Nothing is taken from the queue: the list says when it was read.

mod list;
mod message;

use super::{
    acts::{Moving, QueueActs},
    address::Address,
};
use crate::{
    components::{
        card::Tag,
        empty::{Empty, ErrorNote, Skeleton},
        icon::{Glyph, Icon},
        selection::Selection,
        time::Ago,
    },
    format::{count, thousands},
    server_fns::{self, FetchError},
    steer::may,
};
use leptos::{ev, prelude::*};
use leptos_router::{NavigateOptions, hooks::use_navigate};
use list::MessageTable;
use message::MessagePart;
use model::{CommandKind, QueueList, QueueName, QueuePeek, QueueSummary, WireError};

/// Messages of one page.
const PAGE: u64 = 50;

/// What was read of the queue.
type Seen = Option<Result<QueuePeek, WireError>>;

/// What the drawer shows, and what of it is chosen.
#[derive(Clone, Copy)]
struct Peek {
    seen: RwSignal<Seen>,
    /// The message whose content is shown, by its place on the page.
    current: RwSignal<usize>,
    /// The messages that are to be moved, by their tags.
    selection: Selection<String>,
}

impl Peek {
    /// Looks into the queue now and whenever `place` changes or something was done.
    fn new(place: Memo<Option<(QueueName, u64)>>) -> Self {
        let seen: RwSignal<Seen> = RwSignal::new(None);
        let tags = Signal::derive(move || {
            seen.with(|seen| match seen {
                Some(Ok(peek)) => peek.messages.iter().filter_map(|m| m.tag.clone()).collect(),
                _ => Vec::new(),
            })
        });
        let peek = Self {
            seen,
            current: RwSignal::new(0),
            selection: Selection::new(tags),
        };
        let changes = QueueActs::of_page().changes;
        let asked = StoredValue::new(0_u64);
        Effect::new(move |before: Option<Option<(QueueName, u64)>>| {
            changes.track();
            let place = place.get();
            if before.as_ref() != Some(&place) {
                seen.set(None);
                peek.current.set(0);
                peek.selection.clear();
            }
            if let Some((queue, offset)) = place.clone() {
                let number = asked.try_update_value(|asked| {
                    *asked += 1;
                    *asked
                });
                leptos::task::spawn_local(async move {
                    let answer = server_fns::peek(queue, offset, PAGE).await;
                    // Only the newest question counts, and nobody may be there any more.
                    if asked.try_get_value() == number {
                        peek.take(answer.map_err(|FetchError(error)| error));
                    }
                });
            }
            place
        });
        peek
    }

    fn take(&self, answer: Result<QueuePeek, WireError>) {
        if let Ok(new) = &answer {
            let last = new.messages.len().saturating_sub(1);
            self.current
                .update(|current| *current = (*current).min(last));
            // What is gone cannot be chosen any more.
            self.selection.keys.update(|keys| {
                keys.retain(|tag| new.messages.iter().any(|m| m.tag.as_ref() == Some(tag)));
            });
        }
        self.seen.set(Some(answer));
    }
}

/// The drawer.
#[component]
pub(super) fn PeekDrawer(
    /// What the page shows.
    list: Signal<QueueList>,
    /// What the address says.
    address: Memo<Address>,
) -> impl IntoView {
    let place = Memo::new(move |_| address.with(Address::looked_at));
    let is_open = Memo::new(move |_| place.with(Option::is_some));
    view! {
        <Show when=move || is_open.get()>
            <Drawer list address place />
        </Show>
    }
    .into_any()
}

#[component]
fn Drawer(
    list: Signal<QueueList>,
    address: Memo<Address>,
    place: Memo<Option<(QueueName, u64)>>,
) -> impl IntoView {
    let peek = Peek::new(place);
    let acts = QueueActs::of_page();
    let name = Memo::new(move |_| {
        let name = place.with(|place| place.as_ref().map(|(name, _)| name.to_string()));
        name.unwrap_or_default()
    });
    let offset = Memo::new(move |_| place.with(|place| place.as_ref().map_or(0, |(_, n)| *n)));
    let queue = Memo::new(move |_| {
        list.with(|list| {
            let found = list.rows.iter().find(|q| q.name.as_str() == name.get());
            found.cloned()
        })
    });
    let ready = Memo::new(move |_| queue.with(|queue| queue.as_ref().map(|queue| queue.ready)));
    let closed = Memo::new(move |_| address.with(|address| address.closed().href()));
    let at = move |offset: u64| {
        address.with(|address| address.looking_at(&name.get().into(), offset).href())
    };
    close_on_escape(closed);
    let steps = Memo::new(move |_| {
        let starts = queue.with(|queue| queue.as_ref().map(step_starts))?;
        Some((starts, offset.get()))
    });
    let choices = move || {
        let (starts, offset) = steps.get()?;
        let choice = |(index, (step, start, number)): (usize, &(u8, u64, u64))| {
            view! {
                <a
                    class="segment"
                    href=at(*start)
                    aria-current=is_in_step(&starts, index, offset).then_some("true")
                    data-noscroll=""
                >
                    {step_label(*step, *number)}
                </a>
            }
        };
        let choices = starts.iter().enumerate().map(choice).collect_view();
        (starts.len() > 1).then(|| {
            view! {
                <nav class="segments" aria-label="Priority step">
                    {choices}
                </nav>
            }
        })
    };
    let purge = move |_| acts.purging.set(Some(name.get_untracked().into()));
    let looked = Memo::new(move |_| {
        peek.seen.with(|seen| match seen {
            Some(Ok(peek)) => Some(peek.looked),
            _ => None,
        })
    });
    view! {
        <aside class="drawer" aria-label=move || format!("Messages of {}", name.get())>
            <header class="drawer-head">
                <h2>{move || name.get()}</h2>
                {move || {
                    let ready = ready.get()?;
                    Some(view! { <Tag>{format!("{} ready", thousands(ready))}</Tag> })
                }}
                <div class="drawer-acts with-script">
                    <button
                        class="button is-ghost"
                        type="button"
                        on:click=move |_| acts.changed()
                    >
                        "Read again"
                    </button>
                    {may(CommandKind::Purge)
                        .then(|| {
                            view! {
                                <button class="button is-danger" type="button" on:click=purge>
                                    <Icon glyph=Glyph::Trash />
                                    "Purge…"
                                </button>
                            }
                        })}
                </div>
                <a
                    class="button is-ghost is-icon"
                    href=closed
                    aria-label="Close"
                    title="Close (Esc)"
                    data-noscroll=""
                >
                    <Icon glyph=Glyph::Close />
                </a>
            </header>
            <div class="drawer-bar">
                {choices}
                <span class="drawer-note">
                    {move || match looked.get() {
                        Some(at) => {
                            view! { "next to run first, nothing is taken, read " <Ago at /> }
                                .into_any()
                        }
                        None => "next to run first, nothing is taken".into_any(),
                    }}
                </span>
            </div>
            <p class="without-script drawer-plain">
                "Looking into a queue needs JavaScript: its messages are read when somebody looks."
            </p>
            <div class="drawer-part with-script">
                <Content peek name offset />
            </div>
            <footer class="drawer-foot with-script">
                <span class="drawer-keys">
                    <kbd>"j"</kbd>
                    <kbd>"k"</kbd>
                    "next message"
                </span>
                <Paging peek offset at=Callback::new(at) />
            </footer>
        </aside>
    }
    .into_any()
}

/// Leaves the drawer with Escape, unless that closes something above it.
fn close_on_escape(closed: Memo<String>) {
    let navigate = use_navigate();
    Effect::new(move || {
        let navigate = navigate.clone();
        let listener = window_event_listener(ev::keydown, move |event| {
            let above = document().query_selector("dialog[open], [popover]:popover-open");
            let is_free = matches!(above, Ok(None));
            if event.key() == "Escape" && !event.default_prevented() && is_free {
                let options = NavigateOptions {
                    scroll: false,
                    ..NavigateOptions::default()
                };
                navigate(&closed.get_untracked(), options);
            }
        });
        on_cleanup(move || listener.remove());
    });
}

/// Where the messages of each step begin: `(step, first place, messages)`.
fn step_starts(queue: &QueueSummary) -> Vec<(u8, u64, u64)> {
    let mut start = 0_u64;
    let held = queue.steps.iter().filter(|(_, number)| *number > 0);
    held.map(|(step, number)| {
        let begins = start;
        start = start.saturating_add(*number);
        (*step, begins, *number)
    })
    .collect()
}

/// Tells whether the message at `offset` is of the step.
fn is_in_step(starts: &[(u8, u64, u64)], index: usize, offset: u64) -> bool {
    let begins = starts
        .get(index)
        .is_some_and(|(_, start, _)| *start <= offset);
    let next = starts.get(index + 1);
    begins && next.is_none_or(|(_, start, _)| offset < *start)
}

fn step_label(step: u8, number: u64) -> String {
    format!("p{step} {}", thousands(number))
}

#[component]
fn Content(peek: Peek, name: Memo<String>, offset: Memo<u64>) -> impl IntoView {
    // Which form it has; the list itself follows its own signals.
    let form = Memo::new(move |_| {
        peek.seen.with(|seen| match seen {
            None => Form::Reading,
            Some(Err(error)) => Form::Failed(error.clone()),
            Some(Ok(peek)) if peek.messages.is_empty() && peek.total == 0 => Form::Empty,
            Some(Ok(peek)) if peek.messages.is_empty() => Form::Beyond(peek.total),
            Some(Ok(_)) => Form::Shown,
        })
    });
    move || match form.get() {
        Form::Reading => view! { <Skeleton /> }.into_any(),
        Form::Failed(error) => view! { <ErrorNote error /> }.into_any(),
        Form::Empty => view! {
            <Empty title=Signal::derive(move || format!("Nothing waits in {}", name.get()))>
                <p>"Messages that workers took already are not in the queue any more."</p>
            </Empty>
        }
        .into_any(),
        Form::Beyond(total) => view! {
            <Empty title="No message waits so far behind">
                <p>{format!("The queue holds {} now.", count(total, "message"))}</p>
            </Empty>
        }
        .into_any(),
        Form::Shown => view! {
            <MessageTable peek offset />
            <MoveBar peek name />
            <MessagePart peek name offset />
        }
        .into_any(),
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Form {
    Reading,
    Failed(WireError),
    Empty,
    Beyond(u64),
    Shown,
}

/// What can be done with the messages that were chosen.
#[component]
fn MoveBar(peek: Peek, name: Memo<String>) -> impl IntoView {
    let acts = QueueActs::of_page();
    let number = Memo::new(move |_| peek.selection.keys.with(|keys| keys.len() as u64));
    let start = move |_| {
        let tags = peek.selection.keys.get_untracked().into_iter().collect();
        acts.moving.set(Some(Moving {
            from: name.get_untracked().into(),
            tags: Some(tags),
        }));
    };
    view! {
        <Show when=move || { number.get() > 0 }>
            <div class="drawer-selected">
                <span>{move || format!("{} selected", thousands(number.get()))}</span>
                <button class="button" type="button" on:click=start>
                    {move || format!("Move {}…", thousands(number.get()))}
                </button>
                <button
                    class="button is-ghost"
                    type="button"
                    on:click=move |_| peek.selection.clear()
                >
                    "Clear"
                </button>
            </div>
        </Show>
    }
    .into_any()
}

/// Where the page is in the queue, and the pages beside it.
#[component]
fn Paging(peek: Peek, offset: Memo<u64>, at: Callback<u64, String>) -> impl IntoView {
    let seen = Memo::new(move |_| {
        peek.seen.with(|seen| match seen {
            Some(Ok(peek)) if !peek.messages.is_empty() => Some((
                peek.offset,
                peek.offset.saturating_add(peek.messages.len() as u64),
                peek.total,
            )),
            _ => None,
        })
    });
    let words = move || {
        let (start, end, total) = seen.get()?;
        let (start, end) = (thousands(start.saturating_add(1)), thousands(end));
        Some(format!("{start} to {end} of {}", thousands(total)))
    };
    let before = move || {
        let offset = offset.get();
        (offset > 0).then(|| {
            let href = at.run(offset.saturating_sub(PAGE));
            view! {
                <a
                    class="button is-ghost is-icon"
                    href=href
                    aria-label="Messages before"
                    data-noscroll=""
                >
                    <Icon glyph=Glyph::ChevronLeft />
                </a>
            }
        })
    };
    let after = move || {
        let (_, end, total) = seen.get()?;
        (end < total).then(|| {
            view! {
                <a
                    class="button is-ghost is-icon"
                    href=at.run(end)
                    aria-label="Next messages"
                    data-noscroll=""
                >
                    <Icon glyph=Glyph::ChevronRight />
                </a>
            }
        })
    };
    view! {
        <nav class="drawer-pages" aria-label="Pages of messages">
            {before}
            <span>{words}</span>
            {after}
        </nav>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::{super::tests::queue, *};

    #[test]
    fn a_step_begins_where_the_ones_before_it_end() {
        let mut mail = queue("mail", 0);
        mail.steps = vec![(0, 4_102), (3, 0), (6, 44), (9, 1)];
        let starts = step_starts(&mail);
        assert_eq!(starts, [(0, 0, 4_102), (6, 4_102, 44), (9, 4_146, 1)]);
        let current = |offset| {
            let steps = (0..starts.len()).filter(|index| is_in_step(&starts, *index, offset));
            steps.collect::<Vec<_>>()
        };
        assert_eq!(current(0), [0]);
        assert_eq!(current(4_101), [0]);
        assert_eq!(current(4_102), [1]);
        assert_eq!(current(9_999), [2]);
        assert_eq!(step_label(0, 4_102), "p0 4,102");
    }
}
