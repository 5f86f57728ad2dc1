//! The table of queues.

use crate::{
    components::{
        data_table::SortHead,
        empty::{StaleRow, stale},
        priority_bar::PriorityBar,
        sparkline::{Sparkline, Tone},
    },
    format, links,
    live::Rows,
};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use model::{Keyed, QueueList, QueueName, QueueSummary};

/// Polls of an hour.
const POLLS: usize = 360;
/// Polls that tell what is usual: those of ten minutes.
const FEWEST_POLLS: usize = 60;

/// What to sort by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum QueueSort {
    Name,
    Ready,
    Workers,
    Sent,
}

impl QueueSort {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Name, "name"),
        (Self::Ready, "ready"),
        (Self::Workers, "workers"),
        (Self::Sent, "sent"),
    ];

    fn name(self) -> &'static str {
        let known = Self::ALL.into_iter().find(|(sort, _)| *sort == self);
        known.map_or("ready", |(_, name)| name)
    }
}

/// The order of the table; the fullest queue is first unless asked otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Order {
    sort: QueueSort,
    is_descending: bool,
}

impl Order {
    const DEFAULT: Self = Self {
        sort: QueueSort::Ready,
        is_descending: true,
    };

    fn from_query(text: Option<&str>) -> Self {
        let text = text.unwrap_or_default();
        let (name, is_descending) = match text.strip_prefix('-') {
            Some(name) => (name, true),
            None => (text, false),
        };
        let known = QueueSort::ALL.into_iter().find(|(_, known)| *known == name);
        known.map_or(Self::DEFAULT, |(sort, _)| Self {
            sort,
            is_descending,
        })
    }

    fn clicked(self, sort: QueueSort) -> Self {
        Self {
            sort,
            is_descending: if self.sort == sort {
                !self.is_descending
            } else {
                sort != QueueSort::Name
            },
        }
    }

    fn href(self) -> String {
        let sign = if self.is_descending { "-" } else { "" };
        let query = if self == Self::DEFAULT {
            String::new()
        } else {
            format!("sort={sign}{}", self.sort.name())
        };
        links::with_query("/broker", &query)
    }

    fn arrange(self, queues: &[QueueSummary]) -> Vec<QueueName> {
        let mut shown: Vec<&QueueSummary> = queues.iter().collect();
        shown.sort_by(|a, b| {
            let order = match self.sort {
                QueueSort::Name => a.name.cmp(&b.name),
                QueueSort::Ready => a.ready.cmp(&b.ready),
                QueueSort::Workers => a.consumers.len().cmp(&b.consumers.len()),
                QueueSort::Sent => {
                    let sent = |queue: &QueueSummary| queue.sent_per_second.unwrap_or(-1.0);
                    sent(a).total_cmp(&sent(b))
                }
            };
            let order = if self.is_descending {
                order.reverse()
            } else {
                order
            };
            order.then_with(|| a.name.cmp(&b.name))
        });
        shown.into_iter().map(Keyed::key).collect()
    }
}

/// The table.
#[component]
pub(super) fn QueueTable(
    /// What the page shows.
    list: Signal<QueueList>,
    /// The queue whose depth is drawn below.
    chosen: Memo<Option<QueueName>>,
) -> impl IntoView {
    let query = use_query_map();
    let order = Memo::new(move |_| query.with(|query| Order::from_query(query.get_str("sort"))));
    let rows = list.with_untracked(|list| Rows::new(&list.rows));
    let arrange = move || list.with(|list| order.get().arrange(&list.rows));
    let shown = RwSignal::new(untrack(arrange));
    Effect::new(move || {
        // Rows first: the order must not name a row that is not there yet.
        list.with(|list| rows.sync(&list.rows));
        let keys = arrange();
        if shown.with_untracked(|shown| *shown != keys) {
            shown.set(keys);
        }
    });
    let stale = stale();
    let head = move |label, class, sort| {
        let sorted = Signal::derive(move || {
            let order = order.get();
            (order.sort == sort).then_some(order.is_descending)
        });
        let href = Signal::derive(move || order.get().clicked(sort).href());
        view! { <SortHead label class sorted href /> }.into_any()
    };
    view! {
        <div class="card table-card" class:is-stale=move || stale.get().is_some()>
            <StaleRow />
            <table class="table queue-table">
                <caption class="visually-hidden">"Queues"</caption>
                <thead>
                    <tr>
                        {head("Queue", "col-queue", QueueSort::Name)}
                        {head("Ready", "is-number col-ready", QueueSort::Ready)}
                        <th scope="col" class="col-steps">"By priority"</th>
                        {head("Workers", "is-number col-workers", QueueSort::Workers)}
                        {head("Sent/s", "is-number col-sent", QueueSort::Sent)}
                        <th scope="col" class="col-depth">"Depth, 1 h"</th>
                    </tr>
                </thead>
                <tbody>
                    <For
                        each=move || shown.get()
                        key=Clone::clone
                        children=move |key| {
                            rows.get(&key).map(|queue| view! { <QueueRow queue order chosen /> })
                        }
                    />
                </tbody>
            </table>
        </div>
    }
    .into_any()
}

#[component]
fn QueueRow(
    queue: ArcRwSignal<QueueSummary>,
    order: Memo<Order>,
    chosen: Memo<Option<QueueName>>,
) -> impl IntoView {
    let queue = RwSignal::from(queue);
    let name = queue.with_untracked(|queue| queue.name.clone());
    let ready = Memo::new(move |_| queue.with(|queue| queue.ready));
    let steps = Memo::new(move |_| queue.with(|queue| queue.steps.clone()));
    let consumers = Memo::new(move |_| queue.with(|queue| queue.consumers.clone()));
    let depth = Memo::new(move |_| {
        queue.with(|queue| {
            queue
                .depth
                .iter()
                .map(|n| Some(*n as f64))
                .collect::<Vec<_>>()
        })
    });
    let tone = Memo::new(move |_| queue.with(tone));
    let sent = move || {
        let rate = queue.with(|queue| queue.sent_per_second);
        rate.map_or_else(|| "unknown".to_owned(), format::rate_value)
    };
    let is_sent_known = move || queue.with(|queue| queue.sent_per_second.is_some());
    let are_known = Memo::new(move |_| queue.with(|queue| queue.are_consumers_known));
    let workers = move || {
        consumers.with(|consumers| match consumers.len() {
            0 if are_known.get() => "none".to_owned(),
            0 => "unknown".to_owned(),
            count => format::thousands(count as u64),
        })
    };
    let workers_class = move || match (consumers.with(Vec::is_empty), ready.get()) {
        (true, 1..) if are_known.get() => "is-number col-workers tone-bad",
        (true, _) => "is-number col-workers quiet",
        (false, _) => "is-number col-workers",
    };
    let workers_title = move || {
        consumers.with(|consumers| {
            let names: Vec<&str> = consumers.iter().map(|name| name.as_str()).collect();
            names.join(", ")
        })
    };
    let is_chosen = Memo::new({
        let name = name.clone();
        move |_| chosen.with(|chosen| chosen.as_ref() == Some(&name))
    });
    let href = {
        let name = name.clone();
        move || choose(order.get(), &name)
    };
    view! {
        <tr class:is-current=move || is_chosen.get()>
            <th scope="row" class="col-queue">
                <a
                    href=href
                    data-row=""
                    data-noscroll=""
                    aria-current=move || is_chosen.get().then_some("true")
                    title=name.to_string()
                >
                    {name.to_string()}
                </a>
            </th>
            <td class=move || {
                let zero = if ready.get() == 0 { "quiet" } else { "" };
                format!("is-number col-ready {} {zero}", tone.get().class())
            }>{move || format::thousands(ready.get())}</td>
            <td class="col-steps">
                <PriorityBar steps />
            </td>
            <td class=workers_class title=workers_title>
                {workers}
            </td>
            <td class="is-number col-sent" class:quiet=move || !is_sent_known()>
                {sent}
            </td>
            <td class="col-depth">
                <Sparkline
                    values=depth
                    slots=POLLS
                    label=format!("{name}: messages ready, last hour")
                    tone=tone
                />
            </td>
        </tr>
    }
    .into_any()
}

/// The address of the page with the depth of `queue` drawn.
fn choose(order: Order, queue: &QueueName) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("queue", queue.as_str());
    let query = query.finish();
    match order.href().split_once('?') {
        Some((_, sort)) => format!("/broker?{sort}&{query}"),
        None => links::with_query("/broker", &query),
    }
}

/// A queue is to be watched if it holds more than twice what is usual in the
/// hour, and by more than a handful.
fn tone(queue: &QueueSummary) -> Tone {
    const HANDFUL: u64 = 20;
    let mut depth = queue.depth.clone();
    depth.sort_unstable();
    match depth.get(depth.len() / 2) {
        Some(usual) if depth.len() >= FEWEST_POLLS => {
            let much = usual.saturating_mul(2).saturating_add(HANDFUL);
            if queue.ready > much {
                Tone::Warn
            } else {
                Tone::Quiet
            }
        }
        _ => Tone::Quiet,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::queue, *};

    #[test]
    fn the_fullest_queue_is_first_and_the_order_is_in_the_address() {
        let queues = [queue("a", 1), queue("b", 9), queue("c", 9)];
        let names = |text| {
            let keys = Order::from_query(text).arrange(&queues);
            keys.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(names(None), ["b", "c", "a"]);
        assert_eq!(names(Some("name")), ["a", "b", "c"]);
        assert_eq!(names(Some("odd")), ["b", "c", "a"]);
        assert_eq!(
            Order::DEFAULT.clicked(QueueSort::Name).href(),
            "/broker?sort=name"
        );
        assert_eq!(
            Order::DEFAULT.clicked(QueueSort::Ready).href(),
            "/broker?sort=ready"
        );
        assert_eq!(Order::DEFAULT.href(), "/broker");
    }

    #[test]
    fn choosing_a_queue_keeps_the_order() {
        let order = Order::from_query(Some("-name"));
        assert_eq!(
            choose(order, &"a&b".into()),
            "/broker?sort=-name&queue=a%26b"
        );
        assert_eq!(choose(Order::DEFAULT, &"mail".into()), "/broker?queue=mail");
    }

    #[test]
    fn only_a_queue_that_outgrew_its_hour_is_to_be_watched() {
        let mut mail = queue("mail", 500);
        mail.depth = vec![100; 59];
        assert_eq!(tone(&mail), Tone::Quiet, "too short a time to know");
        mail.depth.push(100);
        assert_eq!(tone(&mail), Tone::Warn);
        mail.depth[..31].fill(400);
        assert_eq!(tone(&mail), Tone::Quiet);
    }
}
