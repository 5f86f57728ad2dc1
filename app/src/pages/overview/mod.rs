//! The first screen: is it healthy, and if not, where?

mod charts;
mod tables;
mod tiles;
mod trends;

use crate::{
    components::{
        attention::{AttentionCounts, AttentionList},
        card::Card,
        empty::{stale, when_ready},
    },
    format,
    live::{Live, picture},
    prefs::Prefs,
};
use charts::{OutcomeCard, TrendCards};
use leptos::prelude::*;
use leptos_meta::Title;
use model::{Overview, Topic, View};
use tables::{FailureCard, TypeCard};
use tiles::Tiles;

/// The overview.
#[component]
pub fn OverviewPage() -> impl IntoView {
    let picture = picture(Topic::Overview.into(), |view| match view {
        View::Overview(overview) => Some((**overview).clone()),
        _ => None,
    });
    view! {
        <Title text="Overview" />
        <div class="page-head">
            <h1>"Overview"</h1>
            <Span />
        </div>
        {when_ready(picture, content)}
    }
    .into_any()
}

/// The hour that the page covers.
#[component]
fn Span() -> impl IntoView {
    let (live, prefs) = (Live::of_page(), Prefs::of_page());
    let words = Memo::new(move |_| {
        let end = live
            .pulse
            .with(|pulse| pulse.as_ref().map(|pulse| pulse.now))?;
        let offset = prefs.offset_seconds(end);
        let start = end.plus_seconds(-3_600.0);
        Some(format!(
            "{} to {} {}, {}",
            format::clock_minutes(start, offset),
            format::clock_minutes(end, offset),
            prefs.zone_name(),
            format::date(end, offset)
        ))
    });
    view! { <span class="page-caption">{words}</span> }.into_any()
}

fn content(overview: Signal<Overview>) -> impl IntoView {
    let attention = Memo::new(move |_| overview.with(|overview| overview.attention.clone()));
    let stale = stale();
    let is_stale = move || stale.with(Option::is_some);
    view! {
        <div class="overview">
            <div class="overview-tiles">
                <Tiles overview />
            </div>
            <div class="overview-outcomes">
                <OutcomeCard overview />
            </div>
            <div class="overview-attention">
                <Card
                    title="Needs attention"
                    actions=Box::new(move || {
                        view! { <AttentionCounts items=attention /> }.into_any()
                    })
                >
                    <AttentionList items=attention />
                </Card>
            </div>
            <TrendCards overview />
            <div class="overview-failures" class:is-stale=is_stale>
                <FailureCard overview />
            </div>
            <div class="overview-types" class:is-stale=is_stale>
                <TypeCard overview />
            </div>
        </div>
    }
    .into_any()
}
