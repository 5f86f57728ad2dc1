//! The way between the screens: a rail at the left, a bar at the bottom of small screens.

use crate::{
    components::{
        icon::{Glyph, Icon, Mark},
        keys::Keys,
    },
    format::thousands,
    live::Live,
};
use leptos::prelude::*;
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
) -> impl IntoView {
    let location = use_location();
    let is_current = Memo::new(move |_| {
        let path = location.pathname.get();
        let root = path.trim_start_matches('/').split('/').next();
        roots.contains(&root.unwrap_or_default())
    });
    view! {
        <li>
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
