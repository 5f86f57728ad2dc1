//! What every page must say first: the broker does not answer, events were missed.

use crate::{
    components::icon::{Glyph, Icon},
    format,
    live::Live,
    prefs::Prefs,
};
use leptos::prelude::*;
use model::{BrokerState, Gap, GapCause, Pulse, Timestamp};

/// Gaps older than this are history, not news.
const GAP_NEWS_SECONDS: f64 = 3_600.0;

/// The banners above a page.
#[component]
pub fn Banners() -> impl IntoView {
    let live = Live::of_page();
    let down = Memo::new(move |_| {
        live.pulse.with(|pulse| match &pulse.as_ref()?.broker {
            BrokerState::Down {
                since,
                cause,
                next_try,
            } => Some(Down {
                since: *since,
                cause: cause.trim_end_matches('.').to_owned(),
                next_try: *next_try,
            }),
            _ => None,
        })
    });
    let prefs = Prefs::of_page();
    let news = Memo::new(move |_| {
        let seen = prefs.gap_seen.get();
        live.pulse.with(|pulse| news(pulse.as_ref()?, seen))
    });
    view! {
        <div class="banners">
            {move || down.get().map(|down| view! { <BrokerDown down /> })}
            {move || news.get().map(|news| view! { <EventsMissed news /> })}
        </div>
    }
    .into_any()
}

#[derive(Clone, Debug, PartialEq)]
struct Down {
    since: Timestamp,
    cause: String,
    next_try: Timestamp,
}

/// A gap worth telling, and how many more there are.
#[derive(Clone, Debug, PartialEq)]
struct News {
    gap: Gap,
    others: usize,
}

/// Returns the newest gap that was not put away. While the broker is down its
/// own banner tells so; the gap is told when it has ended.
fn news(pulse: &Pulse, seen: Option<Timestamp>) -> Option<News> {
    let is_news = |gap: &&Gap| {
        let age = pulse.now.seconds_since(gap.end.unwrap_or(pulse.now));
        let is_told_elsewhere = gap.end.is_none() && gap.cause != GapCause::Overload;
        age < GAP_NEWS_SECONDS && !is_told_elsewhere && seen.is_none_or(|seen| gap.start > seen)
    };
    let mut gaps = pulse.gaps.iter().rev().filter(is_news);
    let gap = gaps.next()?.clone();
    Some(News {
        gap,
        others: gaps.count(),
    })
}

#[component]
fn BrokerDown(down: Down) -> impl IntoView {
    let (live, prefs) = (Live::of_page(), Prefs::of_page());
    let Down {
        since,
        cause,
        next_try,
    } = down;
    let fact = move || {
        let now = live.now.get();
        format!(
            "Broker unreachable since {} ({}).",
            format::clock_seconds(since, now, prefs.offset_seconds(since)),
            format::whole_seconds(now.seconds_since(since))
        )
    };
    let retry = move || {
        let left = next_try.seconds_since(live.now.get());
        if left >= 1.0 {
            format!("Retrying in {}", format::whole_seconds(left))
        } else {
            "Retrying now".to_owned()
        }
    };
    view! {
        <div class="banner is-bad" role="alert">
            <Icon glyph=Glyph::Disconnected />
            <p>
                <strong>{fact}</strong>
                " "
                {cause}
                ". Numbers are from then; what happens meanwhile is missed."
            </p>
            <span class="banner-note" aria-live="off">
                {retry}
            </span>
        </div>
    }
    .into_any()
}

#[component]
fn EventsMissed(news: News) -> impl IntoView {
    let (live, prefs) = (Live::of_page(), Prefs::of_page());
    let News { gap, others } = news;
    let start = gap.start;
    let fact = move || {
        let now = live.now.get();
        let clock = |at| format::clock_seconds(at, now, prefs.offset_seconds(at));
        let what = match gap.missed {
            Some(1) => "1 event missed".to_owned(),
            Some(missed) => format!("{} events missed", format::thousands(missed)),
            None => "Events missed".to_owned(),
        };
        match gap.end {
            Some(end) => format!("{what}, {} to {}.", clock(start), clock(end)),
            None => format!("{what} since {}.", clock(start)),
        }
    };
    let cause = match gap.cause {
        GapCause::BrokerDown => "The broker was unreachable.",
        GapCause::ConnectionLost => "The connection to the broker was cut.",
        GapCause::Overload => "Events came faster than the dashboard could take them.",
        GapCause::EventsMissed => "A worker started tasks that no event told of.",
    };
    let others = (others > 0).then(|| {
        let gaps = format::count(others as u64, "more gap");
        format!(" {gaps} in the last hour.")
    });
    view! {
        <div class="banner is-warning" role="status">
            <Icon glyph=Glyph::Gap />
            <p>
                <strong>{fact}</strong>
                " "
                {cause}
                " Counts there are too low."
                {others}
            </p>
            <button
                class="button is-ghost is-icon with-script"
                type="button"
                aria-label="Close"
                on:click=move |_| prefs.close_gap(start)
            >
                <Icon glyph=Glyph::Close />
            </button>
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_763_605_000_000_000);

    fn gap(age_seconds: f64, cause: GapCause) -> Gap {
        Gap {
            start: NOW.plus_seconds(-age_seconds),
            end: Some(NOW.plus_seconds(-age_seconds + 60.0)),
            cause,
            worker: None,
            missed: None,
            recovered: 0,
        }
    }

    fn pulse(gaps: Vec<Gap>) -> Pulse {
        Pulse {
            now: NOW,
            broker_url: String::new(),
            broker: BrokerState::Up { since: NOW },
            events_per_second: 0.0,
            events_total: 0,
            dropped_total: 0,
            undecodable_total: 0,
            missed_total: 0,
            gaps,
            failures: 0,
            workers_online: 0,
            workers_total: 0,
            queued: None,
            version: String::new(),
        }
    }

    #[test]
    fn the_newest_gap_is_told_and_the_others_are_counted() {
        let gaps = [7_200.0, 900.0, 600.0].map(|age| gap(age, GapCause::ConnectionLost));
        let told = news(&pulse(gaps.to_vec()), None);
        let [_, _, newest] = gaps;
        assert_eq!(
            told,
            Some(News {
                gap: newest,
                others: 1
            })
        );
    }

    #[test]
    fn a_gap_that_was_put_away_stays_away() {
        let gap = gap(600.0, GapCause::BrokerDown);
        assert_eq!(news(&pulse(vec![gap.clone()]), Some(gap.start)), None);
    }

    #[test]
    fn a_gap_that_lasts_is_told_only_if_no_other_banner_does() {
        let lasting = |cause| Gap {
            end: None,
            ..gap(600.0, cause)
        };
        assert_eq!(
            news(&pulse(vec![lasting(GapCause::BrokerDown)]), None),
            None
        );
        assert!(news(&pulse(vec![lasting(GapCause::Overload)]), None).is_some());
    }
}
