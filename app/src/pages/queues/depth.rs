//! The depth of one queue over the last hour.

use super::address::Address;
use crate::{
    components::{
        card::Card,
        chart::{Line, LineChart, whole},
        icon::{Glyph, Icon},
    },
    links,
    live::Live,
};
use leptos::prelude::*;
use model::{QueueList, QueueName, Timestamp};

/// The card.
#[component]
pub(super) fn DepthCard(
    /// What the page shows.
    list: Signal<QueueList>,
    /// What the address says.
    address: Memo<Address>,
    /// The queue.
    chosen: Memo<Option<QueueName>>,
) -> impl IntoView {
    let live = Live::of_page();
    let line = Memo::new(move |_| {
        let now = live
            .pulse
            .with(|pulse| pulse.as_ref().map(|pulse| pulse.now));
        list.with(|list| {
            let queue = list
                .rows
                .iter()
                .find(|queue| chosen.with(|chosen| chosen.as_ref() == Some(&queue.name)));
            let noted = queue
                .map(|queue| queue.depth.as_slice())
                .unwrap_or_default();
            let end = list.polled.or(now).unwrap_or(Timestamp(0));
            Line::of_polls(noted, queue.map(|queue| queue.ready), end)
        })
    });
    let title = Signal::derive(move || {
        chosen
            .get()
            .map(|name| name.to_string())
            .unwrap_or_default()
    });
    let look = move || {
        let name = chosen.get()?;
        Some(address.with(|address| address.looking_at(&name, 0).href()))
    };
    let link = move || {
        view! {
            <a class="button with-script" href=look data-noscroll="">
                <Icon glyph=Glyph::Look />
                "Peek"
            </a>
            <a href=move || {
                chosen.get().map(|name| links::tasks_of_queue(&name))
            }>"Tasks sent to it"</a>
        }
    };
    view! {
        <div class="queue-depth">
            <Card
                title=title
                caption="ready messages"
                actions=Box::new(move || link().into_any())
            >
                <LineChart
                    line=line
                    label="Messages ready"
                    write=whole
                    is_area=true
                />
            </Card>
        </div>
    }
    .into_any()
}
