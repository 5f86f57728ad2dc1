//! What a person prefers, kept in cookies so that the server renders with it:
//! the theme, the zone of times, the gap that was read and put away.

use crate::server_fns::cookies;
use leptos::prelude::*;
use model::Timestamp;
use wasm_bindgen::JsCast;

const THEME: &str = "celeriac_theme";
const ZONE: &str = "celeriac_zone";
const GAP: &str = "celeriac_gap";
const YEAR_SECONDS: u32 = 31_536_000;

/// Light, dark, or as the system says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the operating system says.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// Returns the name used in the cookie and in the `data-theme` attribute.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// Returns the value of the `data-theme` attribute; none for the system's choice.
    pub fn attribute(self) -> Option<&'static str> {
        (self != Self::System).then(|| self.as_str())
    }

    /// Returns the theme that the button switches to.
    pub fn next(self) -> Self {
        match self {
            Self::System => Self::Light,
            Self::Light => Self::Dark,
            Self::Dark => Self::System,
        }
    }

    /// Reads the cookies that came with a request.
    pub fn from_cookies(cookies: &str) -> Self {
        match cookie(cookies, THEME) {
            Some("light") => Self::Light,
            Some("dark") => Self::Dark,
            _ => Self::System,
        }
    }
}

/// How times are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Zone {
    /// In UTC.
    #[default]
    Utc,
    /// In the browser's zone.
    Local,
    /// As the distance from now.
    Relative,
}

impl Zone {
    /// Every way, in the order of the switch.
    pub const ALL: [Self; 3] = [Self::Utc, Self::Local, Self::Relative];

    /// Returns the word on the switch.
    pub fn label(self) -> &'static str {
        match self {
            Self::Utc => "UTC",
            Self::Local => "Local",
            Self::Relative => "Relative",
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Utc => "utc",
            Self::Local => "local",
            Self::Relative => "relative",
        }
    }

    fn from_cookies(cookies: &str) -> Self {
        match cookie(cookies, ZONE) {
            Some("local") => Self::Local,
            Some("relative") => Self::Relative,
            _ => Self::Utc,
        }
    }
}

/// The preferences of the page's reader. Found in the context of every page.
#[derive(Clone, Copy, Debug)]
pub struct Prefs {
    /// The theme.
    pub theme: RwSignal<Theme>,
    /// The chosen way to write times.
    pub zone: RwSignal<Zone>,
    /// The newest moment of the gaps in events whose banner was closed.
    pub gap_seen: RwSignal<Option<Timestamp>>,
    /// Whether the browser has taken over. The server does not know the
    /// browser's zone, so local times wait for this.
    is_mounted: RwSignal<bool>,
}

impl Prefs {
    /// Reads the cookies and puts the preferences into the context.
    pub fn provide() -> Self {
        let cookies = cookies();
        let prefs = Self {
            theme: RwSignal::new(Theme::from_cookies(&cookies)),
            zone: RwSignal::new(Zone::from_cookies(&cookies)),
            gap_seen: RwSignal::new(
                cookie(&cookies, GAP)
                    .and_then(|text| text.parse().ok())
                    .map(Timestamp),
            ),
            is_mounted: RwSignal::new(false),
        };
        provide_context(prefs);
        Effect::new(move || prefs.is_mounted.set(true));
        Effect::new(move |was: Option<()>| {
            let theme = prefs.theme.get();
            if was.is_some() {
                apply(theme);
            }
        });
        prefs
    }

    /// Returns the preferences of this page.
    pub fn of_page() -> Self {
        expect_context()
    }

    /// Tells whether the browser has taken over from the server's HTML, reactively.
    pub fn is_mounted(&self) -> bool {
        self.is_mounted.get()
    }

    /// Returns the way times are written at this moment, reactively.
    pub fn shown_zone(&self) -> Zone {
        match self.zone.get() {
            Zone::Local if !self.is_mounted.get() => Zone::Utc,
            zone => zone,
        }
    }

    /// Returns the word for the zone in which clock times are written now, reactively.
    pub fn zone_name(&self) -> &'static str {
        match self.shown_zone() {
            Zone::Local => "local time",
            Zone::Utc | Zone::Relative => "UTC",
        }
    }

    /// Returns what clock times are ahead of UTC at the time `at`, reactively.
    pub fn offset_seconds(&self, at: Timestamp) -> i32 {
        match self.shown_zone() {
            Zone::Local => local_offset_seconds(at),
            Zone::Utc | Zone::Relative => 0,
        }
    }

    /// Chooses a theme and remembers it.
    pub fn choose_theme(&self, theme: Theme) {
        remember(THEME, theme.as_str());
        self.theme.set(theme);
    }

    /// Chooses a way to write times and remembers it.
    pub fn choose_zone(&self, zone: Zone) {
        remember(ZONE, zone.as_str());
        self.zone.set(zone);
    }

    /// Puts the banner of gaps up to a moment away and remembers that.
    pub fn close_gap(&self, newest: Timestamp) {
        remember(GAP, &newest.0.to_string());
        self.gap_seen.set(Some(newest));
    }
}

fn cookie<'a>(cookies: &'a str, name: &str) -> Option<&'a str> {
    cookies
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

fn remember(name: &str, value: &str) {
    let text = format!("{name}={value}; path=/; max-age={YEAR_SECONDS}; samesite=lax");
    let document = document();
    let set = document
        .dyn_ref::<web_sys::HtmlDocument>()
        .map(|document| document.set_cookie(&text));
    if !matches!(set, Some(Ok(()))) {
        leptos::logging::warn!("the browser keeps no cookies, so {name} is forgotten on reload");
    }
}

fn apply(theme: Theme) {
    let Some(root) = document().document_element() else {
        return;
    };
    let done = match theme.attribute() {
        Some(value) => root.set_attribute("data-theme", value),
        None => root.remove_attribute("data-theme"),
    };
    if done.is_err() {
        leptos::logging::error!("the theme could not be switched");
    }
}

fn local_offset_seconds(at: Timestamp) -> i32 {
    let milliseconds = at.0 as f64 / 1_000.0;
    let date = js_sys::Date::new(&wasm_bindgen::JsValue::from_f64(milliseconds));
    // JavaScript counts minutes that UTC is ahead; an invalid date gives NaN, which casts to 0.
    -(date.get_timezone_offset() * 60.0) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_read_by_name() {
        let cookies = "a=1; celeriac_theme=dark;celeriac_zone=relative";
        assert_eq!(Theme::from_cookies(cookies), Theme::Dark);
        assert_eq!(Zone::from_cookies(cookies), Zone::Relative);
        assert_eq!(Theme::from_cookies("xceleriac_theme=dark"), Theme::System);
        assert_eq!(Zone::from_cookies(""), Zone::Utc);
    }

    #[test]
    fn the_theme_button_goes_round() {
        let round = Theme::System.next().next().next();
        assert_eq!(round, Theme::System);
    }
}
