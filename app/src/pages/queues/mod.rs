//! All queues: is work piling up? And the Redis they live in.

mod acts;
mod address;
mod depth;
mod health;
mod peek;
mod redis;
mod table;

use crate::{
    components::{
        empty::{Empty, when_ready},
        priority_bar::PriorityLegend,
        time::Ago,
    },
    format,
    live::picture,
};
use acts::{MoveDialog, PurgeDialog, QueueActs};
use address::Address;
use depth::DepthCard;
use health::{LeftoverCard, PurgedCard};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use model::{QueueList, QueueName, Topic, View};
use peek::PeekDrawer;
use redis::RedisCard;
use table::QueueTable;

/// Kombu's default priority steps (`kombu/transport/redis.py`, `PRIORITY_STEPS`).
const DEFAULT_STEPS: [u8; 4] = [0, 3, 6, 9];

/// The list of queues.
#[component]
pub fn QueuesPage() -> impl IntoView {
    let picture = picture(Topic::Queues.into(), |view| match view {
        View::Queues(list) => Some(list.clone()),
        _ => None,
    });
    let caption = Memo::new(move |_| picture.data.with(|list| list.as_ref().map(caption)));
    let polled = Memo::new(move |_| picture.data.with(|list| list.as_ref()?.polled));
    view! {
        <Title text="Queues" />
        <div class="page-head">
            <h1>"Queues"</h1>
            <span class="page-caption">
                {caption}
                {move || polled.get().map(|at| view! { ", read " <Ago at /> })}
            </span>
        </div>
        {when_ready(picture, content)}
    }
    .into_any()
}

fn content(list: Signal<QueueList>) -> impl IntoView {
    let query = use_query_map();
    QueueActs::provide();
    let address =
        Memo::new(move |_| query.with(|query| Address::from_query(|key| query.get_str(key))));
    let polled = Memo::new(move |_| list.with(|list| list.polled));
    let is_empty = Memo::new(move |_| list.with(|list| list.rows.is_empty()));
    let steps = Memo::new(move |_| list.with(steps));
    let chosen = Memo::new(move |_| {
        let wanted = address.with(|address| address.queue.clone());
        list.with(|list| chosen(list, wanted.as_ref()))
    });
    let has_redis = Memo::new(move |_| list.with(|list| list.redis.is_some()));
    view! {
        <PurgedCard list />
        <Show
            when=move || !is_empty.get()
            fallback=move || {
                view! {
                    <div class="card">
                        <NoQueues polled=polled.get().is_some() />
                    </div>
                }
            }
        >
            <QueueTable list address chosen />
            <PriorityLegend steps />
            <DepthCard list address chosen />
        </Show>
        <Show when=move || has_redis.get()>
            <RedisCard list />
        </Show>
        <LeftoverCard list />
        <PeekDrawer list address />
        <PurgeDialog />
        <MoveDialog list />
    }
    .into_any()
}

#[component]
fn NoQueues(polled: bool) -> impl IntoView {
    if polled {
        view! {
            <Empty title="No queues yet">
                "No worker consumes one, no message waits and no binding names one in this database. Send a task: its queue appears within seconds."
            </Empty>
        }
    } else {
        view! {
            <Empty title="Queues were not read yet">
                "They are read every few seconds as soon as the broker answers."
            </Empty>
        }
    }
}

fn caption(list: &QueueList) -> String {
    if list.polled.is_none() {
        return "not read yet".to_owned();
    }
    let ready: u64 = list.rows.iter().map(|queue| queue.ready).sum();
    format!(
        "{} ready, {} unacked, {}",
        format::thousands(ready),
        format::thousands(list.unacked),
        format::count(list.rows.len() as u64, "queue")
    )
}

/// The priority steps of the list, in the order workers take them.
fn steps(list: &QueueList) -> Vec<u8> {
    let longest = list
        .rows
        .iter()
        .map(|queue| &queue.steps)
        .max_by_key(|steps| steps.len());
    match longest {
        Some(steps) if !steps.is_empty() => steps.iter().map(|(step, _)| *step).collect(),
        _ => DEFAULT_STEPS.to_vec(),
    }
}

/// The queue whose depth is drawn: the one in the address, else the fullest.
fn chosen(list: &QueueList, wanted: Option<&QueueName>) -> Option<QueueName> {
    let named = list.rows.iter().find(|queue| Some(&queue.name) == wanted);
    // The first of equals, so that nothing jumps while all are empty.
    let fullest = || list.rows.iter().rev().max_by_key(|queue| queue.ready);
    named.or_else(fullest).map(|queue| queue.name.clone())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use model::QueueSummary;

    pub(super) fn queue(name: &str, ready: u64) -> QueueSummary {
        QueueSummary {
            name: name.into(),
            ready,
            steps: vec![(0, ready), (3, 0)],
            consumers: Vec::new(),
            are_consumers_known: true,
            depth: Vec::new(),
            sent_per_second: None,
            taken_per_second: None,
            unacked: None,
            oldest_since: None,
            is_oldest_exact: false,
            paused: Vec::new(),
        }
    }

    fn list(rows: Vec<QueueSummary>) -> QueueList {
        QueueList {
            rows,
            unacked: 612,
            polled: Some(model::Timestamp(0)),
            ..QueueList::default()
        }
    }

    #[test]
    fn the_caption_sums_up() {
        let list = list(vec![queue("a", 8_400), queue("b", 12)]);
        assert_eq!(caption(&list), "8,412 ready, 612 unacked, 2 queues");
        assert_eq!(caption(&QueueList::default()), "not read yet");
    }

    #[test]
    fn the_fullest_queue_is_drawn_unless_the_address_names_one() {
        let full = list(vec![queue("a", 1), queue("b", 9)]);
        assert_eq!(chosen(&full, None), Some("b".into()));
        assert_eq!(chosen(&full, Some(&"a".into())), Some("a".into()));
        assert_eq!(chosen(&full, Some(&"gone".into())), Some("b".into()));
        let empty = list(vec![queue("a", 0), queue("b", 0)]);
        assert_eq!(chosen(&empty, None), Some("a".into()));
        assert_eq!(chosen(&list(Vec::new()), None), None);
    }

    #[test]
    fn the_legend_names_the_steps_in_use() {
        assert_eq!(steps(&list(vec![queue("a", 0)])), [0, 3]);
        assert_eq!(steps(&list(Vec::new())), DEFAULT_STEPS);
    }
}
