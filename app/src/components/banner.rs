//! What every page must say first: the broker does not answer, events were
//! missed, history is not saved.

use crate::{
    components::{
        gaps,
        icon::{Glyph, Icon},
    },
    format, links,
    live::Live,
    prefs::Prefs,
};
use leptos::prelude::*;
use leptos_router::hooks::use_location;
use model::{BrokerState, Gap, GapCause, HistoryState, Pulse, Timestamp};

/// Gaps older than this are history, not news.
const GAP_NEWS_SECONDS: f64 = 3_600.0;
/// A gap that was put away and goes on for this long is news again.
const GAP_REMINDER_SECONDS: f64 = 60.0;

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
    let location = use_location();
    let news = Memo::new(move |_| {
        // The page of gaps tells all of this and more.
        if location.pathname.get() == links::GAPS {
            return None;
        }
        let seen = prefs.gap_seen.get();
        let news = live.pulse.with(|pulse| Some(news(pulse.as_ref()?, seen)));
        news.filter(|news| !news.is_empty())
    });
    let history = Memo::new(move |_| {
        live.pulse.with(|pulse| {
            let history = &pulse.as_ref()?.history;
            match &history.state {
                HistoryState::Failing { since, cause } => Some(Trouble {
                    since: Some(*since),
                    cause: cause.trim_end_matches('.').to_owned(),
                    advice: what_of_tasks(history.lost_total),
                }),
                HistoryState::Unavailable { cause } => Some(Trouble {
                    since: None,
                    cause: cause.trim_end_matches('.').to_owned(),
                    advice: "A restart with --store and another place, or none, ends this."
                        .to_owned(),
                }),
                HistoryState::Off | HistoryState::Kept => None,
            }
        })
    });
    let set_aside = Memo::new(move |_| {
        live.pulse
            .with(|pulse| pulse.as_ref()?.history.set_aside.clone())
    });
    view! {
        <div class="banners">
            {move || down.get().map(|down| view! { <BrokerDown down /> })}
            {move || history.get().map(|trouble| view! { <HistoryTrouble trouble /> })}
            {move || set_aside.get().map(|path| view! { <SetAside path /> })}
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

/// A store that does not take what it is given.
#[derive(Clone, Debug, PartialEq)]
struct Trouble {
    /// Absent if it never did.
    since: Option<Timestamp>,
    cause: String,
    advice: String,
}

/// Returns what becomes of the tasks meanwhile.
fn what_of_tasks(lost: u64) -> String {
    match lost {
        0 => "What is not saved waits in memory.".to_owned(),
        lost => format!(
            "What is not saved waits in memory; {} left it unsaved so far.",
            format::count(lost, "task")
        ),
    }
}

#[component]
fn HistoryTrouble(trouble: Trouble) -> impl IntoView {
    let (live, prefs) = (Live::of_page(), Prefs::of_page());
    let Trouble {
        since,
        cause,
        advice,
    } = trouble;
    let fact = move || match since {
        Some(since) => format!(
            "History has not been saved since {}.",
            format::clock_seconds(since, live.now.get(), prefs.offset_seconds(since))
        ),
        None => "History is not kept.".to_owned(),
    };
    view! {
        <div class="banner is-bad" role="alert">
            <Icon glyph=Glyph::Disconnected />
            <p>
                <strong>{fact}</strong>
                " "
                {cause}
                ". "
                {advice}
            </p>
        </div>
    }
    .into_any()
}

#[component]
fn SetAside(path: String) -> impl IntoView {
    let is_closed = RwSignal::new(false);
    view! {
        <div class="banner is-warning" role="status" hidden=move || is_closed.get()>
            <Icon glyph=Glyph::Gap />
            <p>
                <strong>"The history was damaged."</strong>
                " It is kept as "
                <code>{path}</code>
                "; a new one was begun."
            </p>
            <button
                class="button is-ghost is-icon with-script"
                type="button"
                aria-label="Close"
                on:click=move |_| is_closed.set(true)
            >
                <Icon glyph=Glyph::Close />
            </button>
        </div>
    }
    .into_any()
}

/// Returns the gaps worth telling, newest first. While the broker is down its
/// own banner tells so; the gap is told when it has ended.
fn news(pulse: &Pulse, seen: Option<Timestamp>) -> Vec<Gap> {
    let is_new = |gap: &Gap| {
        seen.is_none_or(|seen| {
            gap.start > seen || newest_moment(gap).seconds_since(seen) > GAP_REMINDER_SECONDS
        })
    };
    let is_news = |gap: &&Gap| {
        let age = pulse.now.seconds_since(gap.end.unwrap_or(pulse.now));
        let is_told_elsewhere = gap.end.is_none()
            && matches!(gap.cause, GapCause::BrokerDown | GapCause::ConnectionLost);
        age < GAP_NEWS_SECONDS && !is_told_elsewhere && is_new(gap)
    };
    pulse.gaps.iter().rev().filter(is_news).cloned().collect()
}

/// Returns the end of a gap, or its start while it lasts.
fn newest_moment(gap: &Gap) -> Timestamp {
    gap.end.unwrap_or(gap.start)
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
fn EventsMissed(news: Vec<Gap>) -> impl IntoView {
    let (live, prefs) = (Live::of_page(), Prefs::of_page());
    let seen = news.iter().map(newest_moment).max();
    let told = StoredValue::new(news);
    let words = Memo::new(move |_| {
        let now = live.now.get();
        let clock = |at| format::clock_seconds(at, now, prefs.offset_seconds(at));
        told.with_value(|news| words(news, clock))
    });
    view! {
        <div class="banner is-warning" role="status">
            <Icon glyph=Glyph::Gap />
            <p>
                <strong>{move || words.with(|words| words.fact.clone())}</strong>
                " "
                {move || words.with(|words| words.rest.clone())}
                " "
                <a href=links::GAPS>"Show gaps"</a>
            </p>
            <button
                class="button is-ghost is-icon with-script"
                type="button"
                aria-label="Close"
                on:click=move |_| {
                    if let Some(seen) = seen {
                        prefs.close_gap(seen);
                    }
                }
            >
                <Icon glyph=Glyph::Close />
            </button>
        </div>
    }
    .into_any()
}

/// What a banner says: the fact, then why and what it means.
#[derive(Clone, Debug, Default, PartialEq)]
struct Words {
    fact: String,
    rest: String,
}

/// Puts gaps into words, newest first; `clock` writes a point in time.
fn words(news: &[Gap], clock: impl Fn(Timestamp) -> String) -> Words {
    const TOO_LOW: &str = "Counts of that time are too low.";
    let until = |end: Option<Timestamp>| match end {
        Some(end) => format!("to {}", clock(end)),
        None => "and goes on".to_owned(),
    };
    match news {
        [] => Words::default(),
        [gap] => {
            let mut rest = vec![gaps::cause(gap)];
            rest.extend(gaps::recovered(gap));
            if !gaps::is_mended(gap) {
                rest.push(TOO_LOW.to_owned());
            }
            // A gap within one second is told by its length.
            let short = gap.end.filter(|end| clock(*end) == clock(gap.start));
            let when = match short {
                Some(end) => {
                    let length = format::duration(end.seconds_since(gap.start).max(0.0));
                    format!("{} for {length}", clock(gap.start))
                }
                None => format!("{} {}", clock(gap.start), until(gap.end)),
            };
            Words {
                fact: format!("{}, {when}.", gaps::lost(gap)),
                rest: rest.join(" "),
            }
        }
        several => {
            let all: Vec<&Gap> = several.iter().collect();
            let start = all
                .iter()
                .map(|gap| gap.start)
                .min()
                .unwrap_or(Timestamp(0));
            let goes_on = all.iter().any(|gap| gap.end.is_none());
            let end = all.iter().filter_map(|gap| gap.end).max();
            let mut rest = format!("{}.", gaps::sum(&all));
            if !all.iter().all(|gap| gaps::is_mended(gap)) {
                rest = format!("{rest} {TOO_LOW}");
            }
            Words {
                fact: format!(
                    "{} in events, {} {}.",
                    format::count(all.len() as u64, "gap"),
                    clock(start),
                    until(end.filter(|_| !goes_on))
                ),
                rest,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::gaps::tests::{NOW, gap, pulse},
        *,
    };

    fn clock(at: Timestamp) -> String {
        format::clock_seconds(at, NOW, 0)
    }

    #[test]
    fn gaps_of_the_last_hour_are_told_newest_first() {
        let gaps = [7_200.0, 900.0, 600.0].map(|age| gap(age, GapCause::ConnectionLost));
        let told = news(&pulse(gaps.to_vec()), None);
        let [_, older, newest] = gaps;
        assert_eq!(told, [newest, older]);
    }

    #[test]
    fn a_gap_that_was_put_away_stays_away_unless_it_goes_on() {
        let gap = gap(600.0, GapCause::EventsMissed);
        let seen = Some(newest_moment(&gap));
        assert!(news(&pulse(vec![gap.clone()]), seen).is_empty());
        let longer = Gap {
            end: Some(NOW),
            ..gap
        };
        assert_eq!(news(&pulse(vec![longer.clone()]), seen), [longer]);
    }

    #[test]
    fn a_gap_that_lasts_is_told_only_if_no_other_banner_does() {
        let lasting = |cause| Gap {
            end: None,
            ..gap(600.0, cause)
        };
        assert!(news(&pulse(vec![lasting(GapCause::BrokerDown)]), None).is_empty());
        assert!(!news(&pulse(vec![lasting(GapCause::Overload)]), None).is_empty());
    }

    #[test]
    fn one_gap_is_told_with_worker_count_and_times() {
        let gap = Gap {
            worker: Some("celery@mail-1".into()),
            missed: Some(12),
            recovered: 3,
            ..gap(600.0, GapCause::EventsMissed)
        };
        let words = words(&[gap], clock);
        assert_eq!(words.fact, "12 task starts missed, 02:06:40 to 02:07:40.");
        assert_eq!(
            words.rest,
            "Heartbeats of celery@mail-1 count more started tasks than its events told of. \
             3 of them recovered from other sources. Counts of that time are too low."
        );
    }

    #[test]
    fn several_gaps_are_told_from_the_first_to_the_last() {
        let overload = Gap {
            missed: Some(1_312),
            end: None,
            ..gap(600.0, GapCause::Overload)
        };
        let words = words(&[overload, gap(900.0, GapCause::BrokerDown)], clock);
        assert_eq!(words.fact, "2 gaps in events, 02:01:40 and goes on.");
        assert_eq!(
            words.rest,
            "1,312 messages missed, the connection lost once with nobody to count what was missed. \
             Counts of that time are too low."
        );
    }
}
