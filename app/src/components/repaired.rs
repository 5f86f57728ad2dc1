//! The mark on tasks that are known from more than their events.

use super::icon::{Glyph, Icon};
use leptos::prelude::*;
use model::Source;

/// Why a row is marked, where its sources are not at hand.
const WHY: &str = "Filled in from the result backend, a worker’s answer or a message: events did not tell all of it";

/// A discreet mark; nothing where everything came with events.
#[component]
pub fn RepairedMark(
    /// Whether something here came from another source.
    #[prop(into)]
    is_repaired: Signal<bool>,
) -> impl IntoView {
    view! {
        <Show when=move || is_repaired.get()>
            <span class="repaired-mark" role="img" aria-label=WHY title=WHY>
                <Icon glyph=Glyph::Repaired />
            </span>
        </Show>
    }
    .into_any()
}

/// Returns what a source is called.
pub fn source_name(source: Source) -> &'static str {
    match source {
        Source::Event => "task events",
        Source::Result => "the result backend",
        Source::Inspect => "its worker’s answer",
        Source::Message => "its message",
        Source::Dashboard => "this dashboard",
    }
}

/// Returns where knowledge of a task came from: `task events, the result backend`.
pub fn source_names(sources: &[Source]) -> String {
    let names: Vec<&str> = sources.iter().map(|source| source_name(*source)).collect();
    names.join(", ")
}

/// Returns where what events did not tell came from.
///
/// They need not have been missed: a part of a chain that failed before it ran
/// has a result and never had events.
pub fn repair_words(sources: &[Source]) -> String {
    let others: Vec<Source> = sources
        .iter()
        .copied()
        .filter(|source| !matches!(source, Source::Event | Source::Dashboard))
        .collect();
    match others.as_slice() {
        [] => "filled in".to_owned(),
        others => format!("filled in from {}", source_names(others)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repair_names_where_it_came_from() {
        assert_eq!(
            repair_words(&[Source::Event, Source::Result]),
            "filled in from the result backend"
        );
        assert_eq!(
            source_names(&[Source::Inspect, Source::Message]),
            "its worker’s answer, its message"
        );
    }
}
