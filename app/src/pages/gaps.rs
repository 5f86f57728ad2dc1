//! Everything that was missed: when, of whom, how much, why, and what came
//! back from other sources.

use crate::{
    components::{
        card::Card,
        empty::{Empty, StaleRow},
        facts::{Fact, Facts},
        gaps::{cause, is_mended, lost},
        icon::{Glyph, Icon},
        time::{Precision, Time},
    },
    format::{self, count, thousands},
    links,
    live::{Live, picture},
};
use leptos::prelude::*;
use leptos_meta::Title;
use model::{Gap, Pulse, TaskQuery, Topic};

/// Gaps that a frame carries at most (`Pulse::gaps`).
const SHOWN: usize = 20;

/// The page of gaps. What it shows comes with every page's frame.
#[component]
pub fn GapsPage() -> impl IntoView {
    let live = Live::of_page();
    picture(Topic::Undecodable.into(), |_| Some(()));
    let gaps = Memo::new(move |_| {
        live.pulse.with(|pulse| {
            let gaps = pulse.as_ref().map(|pulse| pulse.gaps.clone());
            let mut gaps = gaps.unwrap_or_default();
            gaps.reverse();
            gaps
        })
    });
    let number = move |read: fn(&Pulse) -> u64| {
        let number = Memo::new(move |_| live.pulse.with(|pulse| pulse.as_ref().map(read)));
        move || number.get().map(thousands)
    };
    let caption = move || {
        gaps.with(|gaps| match gaps.len() {
            0 => "none since the start".to_owned(),
            1 => "1 gap since the start".to_owned(),
            // As many as a frame carries: there may be more.
            shown if shown >= SHOWN => format!("the newest {shown}, newest first"),
            shown => format!(
                "{} since the start, newest first",
                count(shown as u64, "gap")
            ),
        })
    };
    view! {
        <Title text="Missed events" />
        <div class="page-head">
            <h1>"Missed events"</h1>
            <span class="page-caption">{caption}</span>
        </div>
        <StaleRow />
        <Facts>
            <Fact label="Task starts missed">
                {number(|pulse| pulse.missed_total)}
                <span class="quiet">" by the workers’ heartbeats"</span>
            </Fact>
            <Fact label="Messages dropped">
                {number(|pulse| pulse.dropped_total)}
                <span class="quiet">" they came too fast"</span>
            </Fact>
            <Fact label="Messages unreadable">
                <a href=links::UNDECODABLE>{number(|pulse| pulse.undecodable_total)}</a>
            </Fact>
            <Fact label="Events seen">{number(|pulse| pulse.events_total)}</Fact>
        </Facts>
        <Card title="Gaps" caption="times by this server’s clock">
            {move || {
                gaps.with(|gaps| {
                    if gaps.is_empty() { none().into_any() } else { table(gaps).into_any() }
                })
            }}
        </Card>
    }
    .into_any()
}

fn none() -> impl IntoView {
    view! {
        <Empty title="No gap is known since the start">
            <p>
                "The connection to the broker held, nothing was dropped, and the workers’ heartbeats count as many started tasks as their events told of. A worker that sends no heartbeats cannot be checked."
            </p>
        </Empty>
    }
}

fn table(gaps: &[Gap]) -> impl IntoView + use<> {
    view! {
        <table class="table gap-table">
            <caption class="visually-hidden">"Gaps, newest first"</caption>
            <thead>
                <tr>
                    <th scope="col" class="col-when">"From, to"</th>
                    <th scope="col" class="is-number col-length">"Length"</th>
                    <th scope="col" class="col-missed">"Missed"</th>
                    <th scope="col" class="col-recovered">"Recovered"</th>
                    <th scope="col" class="col-worker">"Worker"</th>
                    <th scope="col" class="col-why">"Why"</th>
                    <th scope="col" class="col-tasks">
                        <span class="visually-hidden">"Tasks of that time"</span>
                    </th>
                </tr>
            </thead>
            <tbody>{gaps.iter().map(row).collect_view()}</tbody>
        </table>
    }
}

fn row(gap: &Gap) -> impl IntoView + use<> {
    let end = match gap.end {
        Some(end) => view! { <Time at=Some(end) precision=Precision::Seconds /> }.into_any(),
        None => view! { <strong class="tone-bad">"now"</strong> }.into_any(),
    };
    let length = gap
        .end
        .map(|end| format::duration(end.seconds_since(gap.start).max(0.0)));
    let worker = match &gap.worker {
        Some(worker) => view! { <a href=links::worker(worker)>{worker.to_string()}</a> }.into_any(),
        None => view! { <span class="quiet">"all"</span> }.into_any(),
    };
    let recovered = match (gap.recovered, gap.missed) {
        (0, None) => view! { <span class="quiet">"unknown"</span> }.into_any(),
        _ if is_mended(gap) => "all".into_any(),
        (0, Some(_)) => view! { <span class="quiet">"none"</span> }.into_any(),
        (recovered, Some(missed)) => {
            format!("{} of {}", thousands(recovered), thousands(missed)).into_any()
        }
        (recovered, None) => count(recovered, "task").into_any(),
    };
    let tasks = links::tasks(&TaskQuery {
        worker: gap.worker.clone(),
        received_start: Some(gap.start),
        received_end: gap.end,
        ..TaskQuery::default()
    });
    let why = cause(gap);
    view! {
        <tr>
            <td class="col-when">
                <Time at=Some(gap.start) precision=Precision::Seconds />
                " to "
                {end}
            </td>
            <td class="is-number col-length">{length}</td>
            <th scope="row" class="col-missed">
                <Icon glyph=Glyph::Gap />
                {lost(gap)}
            </th>
            <td class="col-recovered">{recovered}</td>
            <td class="col-worker">{worker}</td>
            <td class="col-why" title=why.clone()>
                {why.clone()}
            </td>
            <td class="col-tasks">
                <a class="link" href=tasks>
                    "Tasks of then"
                </a>
            </td>
        </tr>
    }
    .into_any()
}
