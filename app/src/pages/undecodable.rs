//! What came from the broker and could not be read: how much, of which kind,
//! and the first bytes of the newest ones.

use crate::{
    components::{
        card::Card,
        copy::CopyButton,
        empty::{Empty, StaleRow, when_ready},
        escaped::Escaped,
        time::{Ago, Precision, Time},
    },
    format::{self, count, thousands},
    live::picture,
};
use leptos::prelude::*;
use leptos_meta::Title;
use model::{Timestamp, Topic, UndecodableKind, UndecodableList, UndecodableSample, View};

/// The page of unreadable messages.
#[component]
pub fn UndecodablePage() -> impl IntoView {
    let picture = picture(Topic::Undecodable.into(), |view| match view {
        View::Undecodable(list) => Some(list.clone()),
        _ => None,
    });
    let caption = Memo::new(move |_| picture.data.with(|list| list.as_ref().map(caption)));
    view! {
        <Title text="Unreadable messages" />
        <div class="page-head">
            <h1>"Unreadable messages"</h1>
            <span class="page-caption">{caption}</span>
        </div>
        {when_ready(picture, content)}
    }
    .into_any()
}

fn caption(list: &UndecodableList) -> String {
    match (list.total, list.kinds.len()) {
        (0, _) => "none since the start".to_owned(),
        (total, 0) => format!("{} since the start", thousands(total)),
        (total, kinds) => format!(
            "{} of {} since the start",
            thousands(total),
            count(kinds as u64, "kind")
        ),
    }
}

fn content(list: Signal<UndecodableList>) -> impl IntoView {
    let total = Memo::new(move |_| list.with(|list| list.total));
    let kinds = Memo::new(move |_| {
        list.with(|list| {
            let names = list.kinds.iter().map(|kind| kind.kind.clone());
            names.collect::<Vec<_>>()
        })
    });
    view! {
        <StaleRow />
        <Show
            when=move || { total.get() > 0 }
            fallback=|| {
                view! {
                    <div class="card">
                        <Empty title="Everything that came could be read">
                            <p>
                                "Events on the broker’s channel that are no Celery events, or none that this version knows how to read, are counted here with their first bytes. Each costs only itself: all others are shown as usual."
                            </p>
                        </Empty>
                    </div>
                }
            }
        >
            <p class="page-note">
                "Each cost only itself: all other messages were read. A kind that grows is often another program that publishes on the same channel, or a newer Celery."
            </p>
            <For
                each=move || kinds.get()
                key=String::clone
                children=move |name| view! { <Kind name list /> }
            />
        </Show>
    }
    .into_any()
}

/// One kind with its newest samples.
#[component]
fn Kind(name: String, list: Signal<UndecodableList>) -> impl IntoView {
    let wanted = name.clone();
    let kind = Memo::new(move |before: Option<&Option<UndecodableKind>>| {
        let found = list.with(|list| list.kinds.iter().find(|kind| kind.kind == wanted).cloned());
        // A kind never goes; its card goes with the page.
        found.or_else(|| before.cloned().flatten())
    });
    let caption = Memo::new(move |_| {
        kind.with(|kind| {
            let kind = kind.as_ref()?;
            let times = match kind.count {
                1 => "once".to_owned(),
                count => format!("{} times", thousands(count)),
            };
            Some(match kind.samples.len() as u64 {
                0 => times,
                shown if shown == kind.count => times,
                1 => format!("{times}, the newest shown"),
                shown => format!("{times}, the newest {shown} shown"),
            })
        })
        .unwrap_or_default()
    });
    let samples = Memo::new(move |_| {
        kind.with(|kind| kind.as_ref().map(|kind| kind.samples.clone()))
            .unwrap_or_default()
    });
    let newest = Memo::new(move |_| samples.with(|samples| samples.first().map(|s| s.received)));
    view! {
        <Card
            title=name.replace("json", "JSON")
            caption
            class="unreadable"
            actions=Box::new(move || {
                view! {
                    <span class="card-caption">
                        {move || newest.get().map(|at| view! { "newest " <Ago at /> })}
                    </span>
                }
                    .into_any()
            })
        >
            <For
                each=move || samples.get().into_iter().enumerate()
                key=|(_, sample)| identity(sample)
                children=|(index, sample)| view! { <Sample sample is_open=index == 0 /> }
            />
        </Card>
    }
    .into_any()
}

/// What tells one sample from another, so that one that was opened stays so.
fn identity(sample: &UndecodableSample) -> (Timestamp, u64, String) {
    (sample.received, sample.bytes, sample.problem.clone())
}

/// One message. Folding is the browser's own, so it works without scripts.
#[component]
fn Sample(sample: UndecodableSample, is_open: bool) -> impl IntoView {
    let shown = sample.text.len() as u64;
    // Bytes that are no UTF-8 are three bytes long here and one on the wire.
    let is_cut = sample.bytes > shown;
    let size = if is_cut {
        format!("{}, its beginning shown", format::bytes(sample.bytes))
    } else {
        format::bytes(sample.bytes)
    };
    let copied = sample.text.clone();
    view! {
        <details class="unreadable-sample" open=is_open>
            <summary>
                <Time at=Some(sample.received) precision=Precision::Seconds />
                <span class="unreadable-problem">{sample.problem}</span>
                <span class="unreadable-size">{size}</span>
            </summary>
            <div class="unreadable-text">
                {if sample.text.is_empty() {
                    view! { <p class="code-absent">"The message is empty."</p> }.into_any()
                } else {
                    view! {
                        <Escaped text=sample.text />
                        <CopyButton text=copied label="Copy" is_labelled=true />
                    }
                        .into_any()
                }}
            </div>
        </details>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caption_counts_messages_and_kinds() {
        assert_eq!(caption(&UndecodableList::default()), "none since the start");
        let kind = |name: &str| UndecodableKind {
            kind: name.to_owned(),
            count: 600,
            samples: Vec::new(),
        };
        let list = UndecodableList {
            total: 1_200,
            kinds: vec![kind("not JSON"), kind("no event")],
        };
        assert_eq!(caption(&list), "1,200 of 2 kinds since the start");
    }
}
