//! The mark and the interface icons: inline SVG in the text's colour.

use leptos::prelude::*;

/// An interface icon, drawn in a box of 16 with strokes of 1.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glyph {
    /// The first screen.
    Overview,
    /// Tasks.
    Tasks,
    /// Workers.
    Workers,
    /// Queues.
    Queues,
    /// Search.
    Search,
    /// Filter.
    Filter,
    /// Freeze.
    Pause,
    /// Go on.
    Play,
    /// Light theme.
    Sun,
    /// Dark theme.
    Moon,
    /// The system's theme.
    Display,
    /// Copy.
    Copy,
    /// Done.
    Check,
    /// Leads further.
    ChevronRight,
    /// Leads back.
    ChevronLeft,
    /// Unfolds.
    ChevronDown,
    /// Leads to the top.
    ArrowUp,
    /// Closes.
    Close,
    /// A link.
    Link,
    /// A connection that is cut.
    Disconnected,
    /// Something is missing in between.
    Gap,
    /// Something that cannot be read.
    Unreadable,
    /// Something that was filled in afterwards.
    Repaired,
    /// A warning.
    Warning,
    /// A moment or a schedule.
    Clock,
    /// What was written down.
    Audit,
    /// Throw away.
    Trash,
    /// Look into.
    Look,
    /// More.
    More,
    /// Once more.
    Retry,
    /// A new one.
    Plus,
}

impl Glyph {
    fn path(self) -> &'static str {
        match self {
            Self::Overview => "M1.5 8.5h2.7l2-5 3.1 9 1.9-4h3.3",
            Self::Tasks => "M5.5 3.5h9M5.5 8h9M5.5 12.5h9M1.75 3.5h.5M1.75 8h.5M1.75 12.5h.5",
            Self::Workers => {
                "M3 2.5h10a1 1 0 0 1 1 1v3a1 1 0 0 1-1 1H3a1 1 0 0 1-1-1v-3a1 1 0 0 1 1-1z\
                 M3 8.5h10a1 1 0 0 1 1 1v3a1 1 0 0 1-1 1H3a1 1 0 0 1-1-1v-3a1 1 0 0 1 1-1z\
                 M4.7 5h.6M4.7 11h.6"
            }
            Self::Queues => "M2 4h12M2 8h9M2 12h5.5",
            Self::Search => "M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9zM10.3 10.3 14 14",
            Self::Filter => "M2 4h12M4.5 8h7M6.75 12h2.5",
            Self::Pause => "M5.5 3v10M10.5 3v10",
            Self::Play => "M5 3.2v9.6L12.6 8z",
            Self::Sun => {
                "M8 5.2a2.8 2.8 0 1 1 0 5.6 2.8 2.8 0 0 1 0-5.6zM8 1.3v1.4M8 13.3v1.4M1.3 8h1.4\
                 M13.3 8h1.4M3.3 3.3l1 1M11.7 11.7l1 1M12.7 3.3l-1 1M4.3 11.7l-1 1"
            }
            Self::Moon => "M13.4 9.6A5.8 5.8 0 0 1 6.4 2.6a5.8 5.8 0 1 0 7 7z",
            Self::Display => "M2 3h12v8H2zM8 11v2.5M5.5 13.5h5",
            Self::Copy => {
                "M6.5 5.5h6a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1h-6a1 1 0 0 1-1-1v-6a1 1 0 0 1 1-1z\
                 M3.5 10.5a1 1 0 0 1-1-1v-6a1 1 0 0 1 1-1h6a1 1 0 0 1 1 1"
            }
            Self::Check => "M3 8.5l3.2 3.2L13 4.8",
            Self::ChevronRight => "M6 3.5 10.5 8 6 12.5",
            Self::ChevronLeft => "M10 3.5 5.5 8l4.5 4.5",
            Self::ChevronDown => "M3.5 6 8 10.5 12.5 6",
            Self::ArrowUp => "M8 13.5v-11M3.5 7 8 2.5 12.5 7",
            Self::Close => "M3.5 3.5l9 9M12.5 3.5l-9 9",
            Self::Link => {
                "M6.8 9.2a2.7 2.7 0 0 0 3.9 0l2.2-2.3A2.7 2.7 0 0 0 9 3.1L8 4.2\
                 M9.2 6.8a2.7 2.7 0 0 0-3.9 0L3.1 9.1A2.7 2.7 0 0 0 7 12.9l1-1.1"
            }
            Self::Disconnected => {
                "M9.2 4.6l1.6-1.6 2.2 2.2-1.6 1.6M6.8 11.4 5.2 13 3 10.8l1.6-1.6\
                 M10.8 3 13.5 1M3 10.8 1.5 14M7.5 7.5l-1.6 1.6M8.9 8.9l-1.6 1.6M2.5 2.5l11 11"
            }
            Self::Gap => "M1 8h3.5M11.5 8H15M5.8 4.5v7M10.2 4.5v7",
            Self::Unreadable => {
                "M9.5 1.75H4.25a.75.75 0 0 0-.75.75v11c0 .4.35.75.75.75h7.5c.4 0 .75-.35.75-.75V4.75z\
                 M6.3 6.8a1.75 1.75 0 1 1 2.5 1.6c-.5.3-.8.6-.8 1.2M8 11.9v.01"
            }
            Self::Repaired => "M8 2v7.5M4.75 6.5 8 9.75l3.25-3.25M2.5 10.5v3h11v-3",
            Self::Warning => "M8 2.5l6 10.8H2zM8 6.4v3.2M8 11.4v.01",
            Self::Clock => {
                "M8 2.25a5.75 5.75 0 1 1 0 11.5 5.75 5.75 0 0 1 0-11.5zM8 4.75V8l2.25 1.5"
            }
            Self::Retry => "M12.9 9.4A5.2 5.2 0 1 1 12.4 5M13 2v3.6H9.4",
            Self::Plus => "M8 3v10M3 8h10",
            Self::Audit => {
                "M9.5 1.75H4.25a.75.75 0 0 0-.75.75v11c0 .4.35.75.75.75h7.5c.4 0 .75-.35.75-.75V4.75z\
                 M9.5 1.75v3h3M6 8h4M6 10.75h4"
            }
            Self::Trash => "M2.75 4.25h10.5M6 4V2.5h4V4M4 4.5l.6 9h6.8l.6-9M6.75 7v4M9.25 7v4",
            Self::Look => {
                "M1.5 8C3 5 5.3 3.5 8 3.5S13 5 14.5 8c-1.5 3-3.8 4.5-6.5 4.5S3 11 1.5 8z\
                 M8 6.1a1.9 1.9 0 1 1 0 3.8 1.9 1.9 0 0 1 0-3.8z"
            }
            Self::More => {
                "M2.5 8a.5.5 0 1 0 1 0 .5.5 0 1 0-1 0M7.5 8a.5.5 0 1 0 1 0 .5.5 0 1 0-1 0\
                 M12.5 8a.5.5 0 1 0 1 0 .5.5 0 1 0-1 0"
            }
        }
    }
}

/// An icon beside a word that says the same, so screen readers pass over it.
#[component]
pub fn Icon(
    /// Which one.
    #[prop(into)]
    glyph: Signal<Glyph>,
) -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
            <path
                d=move || glyph.get().path()
                fill="none"
                stroke="currentColor"
                stroke-width="1.5"
                stroke-linecap="round"
                stroke-linejoin="round"
            />
        </svg>
    }
}

/// Celeriac's mark: a root with a wedge cut out.
#[component]
pub fn Mark() -> impl IntoView {
    view! {
        <svg class="mark" viewBox="1.5 1 22 22.5" width="22" height="22" aria-hidden="true">
            <path
                d="M12 8V2.2M9.4 8 8.3 4.2M14.6 8l1.1-4.4"
                fill="none"
                stroke="currentColor"
                stroke-width="2"
            />
            <path
                fill="currentColor"
                d="M12 6.2c2.3-.9 5.6-.5 7.3 1.5 1.3 1.5 1.1 2.6 1.7 3.9l-4.3 1.2c-.7-1.7-2.3-2.8-4.2-2.8-2.5 0-4.5 2-4.5 4.5s2 4.5 4.5 4.5c1.9 0 3.5-1.1 4.2-2.8l4.3 1.2c-.4 1.3-1.2 2.1-1.9 2.9-1.2 1.4-3.3 1.9-4.6 2.1-1.8.7-4.3.5-5.7-.3-1.6 0-3.6-1.2-4.3-2.8-1.4-1-2-3-1.7-4.6-.5-1.9.2-3.9 1.5-5 .6-1.6 2.4-2.9 4.1-3 1-.6 2.6-.8 3.6-.5z"
            />
            <circle cx="12.5" cy="14.5" r="1.9" fill="currentColor" />
        </svg>
    }
}
