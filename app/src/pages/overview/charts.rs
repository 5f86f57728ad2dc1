//! The hour as pictures.

use crate::{
    components::{
        card::Card,
        chart::{Line, LineChart, OutcomeChart, STRETCH_SECONDS, Window, gaps, split, whole},
        gaps::LossSum,
        state_badge::StateGlyph,
    },
    format,
    live::Live,
};
use leptos::prelude::*;
use model::{Gap, Overview, TaskState, Timestamp};

const HOUR_SECONDS: f64 = 3_600.0;
const MINUTE_SECONDS: f64 = 60.0;

/// The gaps that are told with every frame.
fn known_gaps() -> Memo<Vec<Gap>> {
    let live = Live::of_page();
    Memo::new(move |_| {
        live.pulse
            .with(|pulse| pulse.as_ref().map(|pulse| pulse.gaps.clone()))
            .unwrap_or_default()
    })
}

/// Tasks by outcome.
#[component]
pub(super) fn OutcomeCard(
    /// What the page shows.
    overview: Signal<Overview>,
) -> impl IntoView {
    let outcomes = Memo::new(move |_| overview.with(|overview| overview.outcomes.clone()));
    let start = Memo::new(move |_| overview.with(|overview| overview.outcomes_start));
    let gaps = known_gaps();
    let has_revoked =
        Memo::new(move |_| outcomes.with(|outcomes| outcomes.iter().any(|o| o.revoked > 0)));
    let legend = move || {
        view! {
            <p class="chart-legend">
                <span>
                    <StateGlyph state=TaskState::Success />
                    "succeeded"
                </span>
                <span>
                    <StateGlyph state=TaskState::Failure />
                    "failed"
                </span>
                <span>
                    <StateGlyph state=TaskState::Retry />
                    "retried"
                </span>
                <Show when=move || has_revoked.get()>
                    <span>
                        <StateGlyph state=TaskState::Revoked />
                        "revoked"
                    </span>
                </Show>
            </p>
        }
    };
    view! {
        <Card
            title="Tasks by outcome"
            caption="per second"
            actions=Box::new(move || legend().into_any())
        >
            <OutcomeChart start outcomes gaps />
            <LossSum class="is-footer" />
        </Card>
    }
    .into_any()
}

/// Run time, wait and queue depth.
#[component]
pub(super) fn TrendCards(
    /// What the page shows.
    overview: Signal<Overview>,
) -> impl IntoView {
    let known = known_gaps();
    // What single workers lost leaves a percentile of all the others.
    let silent = Memo::new(move |_| {
        overview.with(|overview| {
            let start = overview.outcomes_start;
            let (outcomes, _) = known.with(|known| split(start, &overview.outcomes, known));
            gaps(start, &outcomes)
        })
    });
    let runtime = Memo::new(move |_| {
        overview.with(|overview| minutes(overview, &overview.runtime_trend, silent.get()))
    });
    let wait = Memo::new(move |_| {
        overview.with(|overview| minutes(overview, &overview.wait_trend, silent.get()))
    });
    let depth =
        Memo::new(move |_| overview.with(|o| Line::of_polls(&o.queued_trend, o.queued, end(o))));
    view! {
        <div class="overview-trend">
            <Card title="Run time" caption="p95 by minute">
                <LineChart line=runtime label="Run time, 95th percentile" write=format::duration />
            </Card>
        </div>
        <div class="overview-trend">
            <Card title="Wait" caption="received to started, p95 by minute">
                <LineChart line=wait label="Wait, 95th percentile" write=format::duration />
            </Card>
        </div>
        <div class="overview-trend overview-depth">
            <Card title="Queue depth" caption="ready messages, all queues">
                <LineChart line=depth label="Messages ready in all queues" write=whole is_area=true />
            </Card>
        </div>
    }
    .into_any()
}

fn end(overview: &Overview) -> Timestamp {
    let seconds = overview.outcomes.len() as f64 * STRETCH_SECONDS;
    overview.outcomes_start.plus_seconds(seconds)
}

/// A trend by whole minutes; the last one ended at the last full minute.
fn minutes(overview: &Overview, trend: &[Option<f32>], gaps: Vec<Window>) -> Line {
    const MINUTE_MICROS: i64 = 60_000_000;
    let end = end(overview);
    let last = Timestamp(end.0.div_euclid(MINUTE_MICROS) * MINUTE_MICROS);
    let points = trend.iter().rev().enumerate().map(|(ago, value)| {
        let time = last.plus_seconds(-(ago as f64) * MINUTE_SECONDS);
        (time, value.map(f64::from))
    });
    let mut points: Vec<(Timestamp, Option<f64>)> = points.collect();
    points.reverse();
    Line {
        window: Window::before(end, HOUR_SECONDS),
        points,
        gaps,
        name: "p95".to_owned(),
    }
}
