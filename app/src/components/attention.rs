//! What needs a person, worst first.

use super::{
    card::Tag,
    empty::stale,
    icon::{Glyph, Icon},
    state_badge::StateGlyph,
};
use crate::live::Live;
use leptos::prelude::*;
use model::{Attention, BrokerState, Severity, TaskState};

/// Items shown before the rest is folded.
const SHOWN: usize = 5;

/// A list of warnings, each a link to the page that shows it.
#[component]
pub fn AttentionList(
    /// The warnings, worst first.
    #[prop(into)]
    items: Signal<Vec<Attention>>,
) -> impl IntoView {
    let live = Live::of_page();
    let stale = stale();
    let is_known = Memo::new(move |_| {
        let is_up = live.pulse.with(|pulse| {
            let broker = pulse.as_ref().map(|pulse| &pulse.broker);
            matches!(broker, Some(BrokerState::Up { .. }))
        });
        is_up && stale.with(Option::is_none)
    });
    view! {
        {move || {
            items
                .with(|items| {
                    if items.is_empty() && !is_known.get() {
                        return view! {
                            <p class="attention-none">
                                <StateGlyph state=TaskState::Pending />
                                "Not known while the broker does not answer."
                            </p>
                        }
                            .into_any();
                    }
                    if items.is_empty() {
                        return view! {
                            <p class="attention-none">
                                <StateGlyph state=TaskState::Success />
                                "Nothing needs you."
                            </p>
                        }
                            .into_any();
                    }
                    let (shown, rest) = items.split_at(items.len().min(SHOWN));
                    let shown = shown.iter().map(item).collect_view();
                    let more = (!rest.is_empty())
                        .then(|| {
                            view! {
                                <details class="attention-more">
                                    <summary>{format!("{} more", rest.len())}</summary>
                                    <ul class="attention-list">
                                        {rest.iter().map(item).collect_view()}
                                    </ul>
                                </details>
                            }
                        });
                    view! {
                        <ul class="attention-list">{shown}</ul>
                        {more}
                    }
                        .into_any()
                })
        }}
    }
    .into_any()
}

/// How many warnings there are of each kind.
#[component]
pub fn AttentionCounts(
    /// The warnings.
    #[prop(into)]
    items: Signal<Vec<Attention>>,
) -> impl IntoView {
    let count = move |severity: Severity| {
        items.with(|items| items.iter().filter(|i| i.severity == severity).count())
    };
    view! {
        {move || {
            let failing = count(Severity::Failing);
            (failing > 0).then(|| view! { <Tag kind="bad">{format!("{failing} failing")}</Tag> })
        }}
        {move || {
            let watch = count(Severity::Watch);
            (watch > 0).then(|| view! { <Tag kind="warn">{format!("{watch} to watch")}</Tag> })
        }}
    }
    .into_any()
}

fn item(item: &Attention) -> AnyView {
    let class = match item.severity {
        Severity::Failing => "attention attention-failing",
        Severity::Watch => "attention attention-watch",
    };
    view! {
        <li>
            <a class=class href=item.href.clone()>
                {glyph(item)}
                <span class="attention-words">
                    <span class="attention-title" title=item.title.clone()>
                        {item.title.clone()}
                    </span>
                    <span class="attention-evidence" title=item.evidence.clone()>
                        {item.evidence.clone()}
                    </span>
                </span>
                <Icon glyph=Glyph::ChevronRight />
            </a>
        </li>
    }
    .into_any()
}

/// The glyph tells what kind of thing it is: a queue, failing tasks, or anything else.
fn glyph(item: &Attention) -> AnyView {
    let path = item.href.split('?').next().unwrap_or_default();
    match (path, item.severity) {
        ("/broker" | "/queues", _) => view! { <Icon glyph=Glyph::Queues /> }.into_any(),
        ("/tasks", Severity::Failing) => {
            view! { <StateGlyph state=TaskState::Failure /> }.into_any()
        }
        ("/gaps", _) => view! { <Icon glyph=Glyph::Gap /> }.into_any(),
        ("/undecodable", _) => view! { <Icon glyph=Glyph::Unreadable /> }.into_any(),
        ("/tasks", Severity::Watch) => view! { <Icon glyph=Glyph::Clock /> }.into_any(),
        (path, Severity::Watch) if path.starts_with("/task/") => {
            view! { <Icon glyph=Glyph::Clock /> }.into_any()
        }
        _ => view! { <Icon glyph=Glyph::Warning /> }.into_any(),
    }
}
