//! The way between the screens: a rail at the left, a bar at the bottom of small screens.

use crate::{
    components::{
        icon::{Glyph, Icon, Mark},
        keys::Keys,
    },
    format::thousands,
    links,
    live::Live,
};
use leptos::{html, prelude::*};
use leptos_router::hooks::use_location;

/// The rail.
#[component]
pub fn Rail() -> impl IntoView {
    let (live, keys) = (Live::of_page(), Keys::of_page());
    let workers = Signal::derive(move || {
        live.pulse.with(|pulse| {
            let pulse = pulse.as_ref()?;
            let (online, total) = (pulse.workers_online, pulse.workers_total);
            (online < total).then(|| format!("{}/{}", thousands(online), thousands(total)))
        })
    });
    let queued = Signal::derive(move || {
        live.pulse
            .with(|pulse| pulse.as_ref()?.queued)
            .filter(|queued| *queued > 0)
            .map(thousands)
    });
    let none = Signal::derive(|| None);
    let version = move || {
        live.pulse
            .with(|pulse| pulse.as_ref().map(|pulse| pulse.version.clone()))
    };
    view! {
        <nav class="rail" aria-label="Screens">
            <a class="brand" href="/">
                <Mark />
                <span class="brand-word">"Celeriac"</span>
            </a>
            <ul class="rail-items">
                <Item glyph=Glyph::Overview label="Overview" href="/" roots=&[""] count=none />
                <Item glyph=Glyph::Tasks label="Tasks" href="/tasks" roots=&["tasks", "task"] count=none />
                <Item
                    glyph=Glyph::Workers
                    label="Workers"
                    href="/workers"
                    roots=&["workers", "worker"]
                    count=workers
                    is_warning=true
                />
                <Item
                    glyph=Glyph::Queues
                    label="Queues"
                    href="/broker"
                    roots=&["broker", "queues"]
                    count=queued
                />
                {EXTRA
                    .map(|extra| view! { <ExtraItem extra class="rail-extra" /> })
                    .collect_view()}
                <MoreItem />
            </ul>
            <div class="rail-foot">
                <button class="rail-keys with-script" type="button" on:click=move |_| keys.open()>
                    <kbd>"?"</kbd>
                    <span class="rail-label">"keys"</span>
                </button>
                <span class="rail-version">{version}</span>
            </div>
        </nav>
    }
    .into_any()
}

/// A screen that small screens keep behind "More".
#[derive(Clone, Copy)]
struct Extra {
    glyph: Glyph,
    label: &'static str,
    href: &'static str,
    roots: &'static [&'static str],
}

const EXTRA: [Extra; 2] = [
    Extra {
        glyph: Glyph::Clock,
        label: "Schedule",
        href: links::SCHEDULE,
        roots: &["schedule"],
    },
    Extra {
        glyph: Glyph::Audit,
        label: "Audit",
        href: links::AUDIT,
        roots: &["audit"],
    },
];

#[component]
fn ExtraItem(extra: Extra, #[prop(optional)] class: &'static str) -> impl IntoView {
    let none = Signal::derive(|| None);
    let Extra {
        glyph,
        label,
        href,
        roots,
    } = extra;
    view! { <Item glyph label href roots count=none class /> }
}

/// What does not fit into the bar of small screens. Folding is the browser's own.
#[component]
fn MoreItem() -> impl IntoView {
    let location = use_location();
    let is_current = Memo::new(move |_| {
        let path = location.pathname.get();
        EXTRA.iter().any(|extra| is_root(extra.roots, &path))
    });
    let fold: NodeRef<html::Details> = NodeRef::new();
    Effect::new(move || {
        // Whoever arrived somewhere is done with it.
        location.pathname.track();
        if let Some(fold) = fold.get_untracked() {
            fold.set_open(false);
        }
    });
    view! {
        <li class="rail-more">
            <details node_ref=fold>
                <summary
                    class="rail-item"
                    aria-current=move || is_current.get().then_some("true")
                >
                    <Icon glyph=Glyph::More />
                    <span class="rail-label">"More"</span>
                </summary>
                <ul class="float rail-sheet">
                    {EXTRA.map(|extra| view! { <ExtraItem extra /> }).collect_view()}
                </ul>
            </details>
        </li>
    }
    .into_any()
}

/// Tells whether a path begins with one of these segments.
fn is_root(roots: &[&str], path: &str) -> bool {
    let root = path.trim_start_matches('/').split('/').next();
    roots.contains(&root.unwrap_or_default())
}

#[component]
fn Item(
    glyph: Glyph,
    label: &'static str,
    href: &'static str,
    /// First path segments of the pages that belong to this item.
    roots: &'static [&'static str],
    /// A figure that deserves to be seen from every page.
    count: Signal<Option<String>>,
    /// Whether the figure means trouble.
    #[prop(optional)]
    is_warning: bool,
    /// The class of the list item.
    #[prop(optional)]
    class: &'static str,
) -> impl IntoView {
    let location = use_location();
    let is_current = Memo::new(move |_| is_root(roots, &location.pathname.get()));
    view! {
        <li class=class>
            <a
                class="rail-item"
                href=href
                title=label
                aria-current=move || is_current.get().then_some("page")
            >
                <Icon glyph=glyph />
                <span class="rail-label">{label}</span>
                <span class="rail-count" class:is-warning=is_warning>
                    {move || count.get()}
                </span>
            </a>
        </li>
    }
    .into_any()
}
