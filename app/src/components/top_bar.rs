//! What is watched, whether it is live, and how it is shown.

use crate::{
    components::{
        gaps::is_mended,
        icon::{Glyph, Icon, Mark},
    },
    format, links,
    live::{LinkState, Live},
    prefs::{Prefs, Theme, Zone},
};
use leptos::prelude::*;
use model::{BrokerState, Timestamp};

/// The top bar.
#[component]
pub fn TopBar() -> impl IntoView {
    view! {
        <header class="top-bar">
            <a class="top-mark" href="/" aria-label="Celeriac, overview">
                <Mark />
            </a>
            <Broker />
            <span class="top-divider" aria-hidden="true"></span>
            <LiveState />
            <Notices />
            <div class="top-tools with-script">
                <ZoneSwitch />
                <ThemeButton />
            </div>
            <details class="top-more with-script">
                <summary class="button is-ghost is-icon" aria-label="More">
                    <Icon glyph=Glyph::More />
                </summary>
                <div class="float top-sheet">
                    <ZoneSwitch />
                    <ThemeButton />
                </div>
            </details>
        </header>
    }
    .into_any()
}

/// The broker's address; the scheme gives way on small screens.
#[component]
fn Broker() -> impl IntoView {
    let live = Live::of_page();
    let url = Memo::new(move |_| {
        live.pulse.with(|pulse| {
            pulse
                .as_ref()
                .map(|pulse| pulse.broker_url.clone())
                .unwrap_or_default()
        })
    });
    let scheme = move || {
        url.with(|url| {
            let end = url.find("://").map_or(0, |start| start + 3);
            url[..end].to_owned()
        })
    };
    let rest = move || {
        url.with(|url| {
            let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
            rest.to_owned()
        })
    };
    view! {
        <span class="broker-url" title=move || url.get()>
            <span class="broker-scheme">{scheme}</span>
            <span>{rest}</span>
        </span>
    }
    .into_any()
}

/// What the indicator says, worst first.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Said {
    Unreachable(Timestamp),
    Paused,
    BrokerDown(Timestamp),
    BrokerConnecting,
    Connecting,
    Live,
}

#[component]
fn LiveState() -> impl IntoView {
    let (live, prefs) = (Live::of_page(), Prefs::of_page());
    let said = Memo::new(move |_| {
        let broker = live.pulse.with(|pulse| match pulse.as_ref()?.broker {
            BrokerState::Down { since, .. } => Some(Said::BrokerDown(since)),
            BrokerState::Connecting { .. } => Some(Said::BrokerConnecting),
            BrokerState::Up { .. } => None,
        });
        match (live.link.get(), broker) {
            (LinkState::Lost { since }, _) => Said::Unreachable(since),
            (LinkState::Paused, _) => Said::Paused,
            (_, Some(broker)) => broker,
            (LinkState::Connecting, None) => Said::Connecting,
            (LinkState::Live, None) => Said::Live,
        }
    });
    let clock = move |at: Timestamp| {
        format::clock_seconds(at, live.now.get_untracked(), prefs.offset_seconds(at))
    };
    let words = move || match said.get() {
        Said::Unreachable(since) => format!("dashboard unreachable since {}", clock(since)),
        Said::Paused => "paused".to_owned(),
        Said::BrokerDown(since) => format!("broker down since {}", clock(since)),
        Said::BrokerConnecting => "connecting to broker".to_owned(),
        Said::Connecting => "connecting".to_owned(),
        Said::Live => "live".to_owned(),
    };
    let tone = move || match said.get() {
        Said::Live => "is-good",
        Said::Unreachable(_) | Said::BrokerDown(_) => "is-bad",
        Said::Paused => "is-paused",
        Said::BrokerConnecting | Said::Connecting => "is-waiting",
    };
    // The rate is no part of the status: screen readers would read it ten times a second.
    let rate = Memo::new(move |_| {
        let rate = live
            .pulse
            .with(|pulse| pulse.as_ref().map(|pulse| pulse.events_per_second))?;
        (said.get() == Said::Live).then(|| format!("{} ev/s", format::rate_value(rate)))
    });
    let as_of = move || {
        let now = live.pulse.with(|pulse| pulse.as_ref().map(|p| p.now))?;
        Some(format!("as of {} UTC", format::clock_seconds(now, now, 0)))
    };
    let pause = move |_| live.set_paused(!live.paused.get_untracked());
    view! {
        <span class="live-state">
            <span class=move || format!("live-text with-script {}", tone())>
                <span class="live-dot" aria-hidden="true"></span>
                <span role="status">{words}</span>
                <span class="live-rate">{move || rate.get()}</span>
            </span>
            <span class="live-text without-script">{as_of}</span>
            <button
                class="button is-ghost is-icon with-script"
                type="button"
                aria-pressed=move || live.paused.get().to_string()
                aria-label="Pause"
                title=move || if live.paused.get() { "Go on (p)" } else { "Pause (p)" }
                on:click=pause
            >
                <Icon glyph=Signal::derive(move || {
                    if live.paused.get() { Glyph::Play } else { Glyph::Pause }
                }) />
            </button>
        </span>
    }
    .into_any()
}

/// How long a gap is worth a word in the frame, seconds.
const GAP_NOTICE_SECONDS: f64 = 3_600.0;

/// What was missed lately and what could not be read, from every page.
#[component]
fn Notices() -> impl IntoView {
    let live = Live::of_page();
    let gaps = Memo::new(move |_| {
        live.pulse.with(|pulse| {
            let pulse = pulse.as_ref()?;
            let is_news = |gap: &&model::Gap| {
                let age = pulse.now.seconds_since(gap.end.unwrap_or(pulse.now));
                age < GAP_NOTICE_SECONDS && !is_mended(gap)
            };
            let number = pulse.gaps.iter().filter(is_news).count() as u64;
            (number > 0).then_some(number)
        })
    });
    let unreadable = Memo::new(move |_| {
        live.pulse.with(|pulse| {
            let number = pulse.as_ref()?.undecodable_total;
            (number > 0).then_some(number)
        })
    });
    let notice = |glyph: Glyph, href: &'static str, number: u64, noun: &str, title: String| {
        let (number, noun) = (format::thousands(number), noun.to_owned());
        view! {
            <a class="top-notice" href=href title=title.clone() aria-label=title>
                <Icon glyph=glyph />
                <span>{number}</span>
                <span class="top-notice-word">{noun}</span>
            </a>
        }
        .into_any()
    };
    view! {
        <span class="top-notices">
            {move || {
                gaps.get()
                    .map(|number| {
                        let noun = if number == 1 { "gap" } else { "gaps" };
                        let title = format!(
                            "{} in events in the last hour",
                            format::count(number, "gap"),
                        );
                        notice(Glyph::Gap, links::GAPS, number, noun, title)
                    })
            }}
            {move || {
                unreadable
                    .get()
                    .map(|number| {
                        let title = format!(
                            "{} could not be read",
                            format::count(number, "message"),
                        );
                        notice(Glyph::Unreadable, links::UNDECODABLE, number, "unreadable", title)
                    })
            }}
        </span>
    }
    .into_any()
}

#[component]
fn ZoneSwitch() -> impl IntoView {
    let prefs = Prefs::of_page();
    let buttons = Zone::ALL.map(|zone| {
        view! {
            <button
                class="segment"
                type="button"
                aria-pressed=move || (prefs.zone.get() == zone).to_string()
                on:click=move |_| prefs.choose_zone(zone)
            >
                {zone.label()}
            </button>
        }
    });
    view! {
        <div class="segments" role="group" aria-label="Write times as">
            {buttons.collect_view()}
        </div>
    }
    .into_any()
}

#[component]
fn ThemeButton() -> impl IntoView {
    let prefs = Prefs::of_page();
    let label = move || format!("Theme: {}", prefs.theme.get().as_str());
    let glyph = Signal::derive(move || match prefs.theme.get() {
        Theme::System => Glyph::Display,
        Theme::Light => Glyph::Sun,
        Theme::Dark => Glyph::Moon,
    });
    view! {
        <button
            class="button is-icon"
            type="button"
            aria-label=label
            title=label
            on:click=move |_| prefs.choose_theme(prefs.theme.get_untracked().next())
        >
            <Icon glyph=glyph />
        </button>
    }
    .into_any()
}
