//! The browser's one writer: what pages show comes from the server with the
//! first paint, and from one event stream after that.
//!
//! A page calls [`picture`] with its topic and gets signals. Changing the topic
//! closes the stream and opens another, whose first frame is a whole picture.

mod connection;
mod picture;
mod rows;
mod stream;

pub use picture::{Picture, picture, picture_of};
pub use rows::Rows;

use crate::{links, server_fns};
use leptos::{
    leptos_dom::helpers::TimeoutHandle, prelude::*, server::codee::string::FromToStringCodec,
};
use leptos_router::{hooks::use_location, location::Location};
use model::{BrokerState, ErrorKind, Pulse, Snapshot, Timestamp, Topic, View, WireError};
use send_wrapper::SendWrapper;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, sync::Arc, time::Duration};
use stream::Stream;

/// How the page and the dashboard's server are connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// The first frame has not come yet.
    Connecting,
    /// Frames come.
    Live,
    /// The reader froze the page.
    Paused,
    /// The server cannot be reached; it is tried again.
    Lost {
        /// When the last frame had come.
        since: Timestamp,
    },
}

/// Who is told when a picture changes.
type Handler = Arc<dyn Fn(Result<&View, &WireError>) + Send + Sync>;

struct Watcher {
    token: u64,
    topic: Topic,
    handler: Handler,
}

/// The first picture, as it travels with the page: JSON that is read from bytes,
/// as frames and answers are. Reading a `str` would be the same code once more
/// for every type, a twentieth of what browsers load.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct First {
    /// The topic's query string.
    topic: String,
    snapshot: Option<Snapshot>,
    error: Option<WireError>,
}

impl fmt::Display for First {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = serde_json::to_string(self).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

impl FromStr for First {
    type Err = serde_json::Error;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        serde_json::from_slice(text.as_bytes())
    }
}

/// The live state of a page. Found in the context of every page.
#[derive(Clone, Copy)]
pub struct Live {
    /// What every page shows; absent until the first picture.
    pub pulse: RwSignal<Option<Pulse>>,
    /// The server's time, moved on once a second; frozen while paused.
    pub now: RwSignal<Timestamp>,
    /// The connection to the dashboard's server.
    pub link: RwSignal<LinkState>,
    /// Whether the reader froze the page.
    pub paused: RwSignal<bool>,
    first: StoredValue<First>,
    watcher: StoredValue<Option<Watcher>>,
    tokens: StoredValue<u64>,
    view: StoredValue<Option<View>>,
    revision: StoredValue<u64>,
    failures: StoredValue<u32>,
    /// Microseconds that the server's clock is ahead of the browser's.
    clock_ahead: StoredValue<i64>,
    // The two below are touched in the browser only. On the server they are
    // `None`, which any thread may drop.
    stream: StoredValue<Option<SendWrapper<Stream>>>,
    retry: StoredValue<Option<SendWrapper<TimeoutHandle>>>,
}

/// The topic of pages that show only the frame: the cheapest one.
fn frame_only() -> Topic {
    Topic::Queues
}

/// Keeps the frame of a page live that has no picture of its own.
pub fn frame_alone() {
    picture(Signal::stored(frame_only()), |_| Some(()));
}

/// Returns the topic of the page at `location`; one without a picture of its own
/// watches the cheapest topic for the sake of its frame.
pub fn topic_at(location: &Location) -> Topic {
    let (path, query) = (location.pathname.get(), location.search.get());
    match links::topic(&path, &query) {
        Some(Ok(topic)) => topic,
        Some(Err(_)) | None => frame_only(),
    }
}

impl Live {
    /// Fetches the first picture on the server, or reads it from the page in the
    /// browser, and puts the live state into the context. Needs the router.
    pub fn provide() -> Self {
        let topic = untrack(|| topic_at(&use_location()));
        let first: SharedValue<First, FromToStringCodec> = SharedValue::new_str(move || {
            let asked = server_fns::first_snapshot(&topic);
            let error = asked.as_ref().err().cloned();
            // A page whose own picture is refused still has a frame.
            let snapshot = asked.or_else(|_| server_fns::first_snapshot(&frame_only()));
            First {
                topic: topic.to_query_string(),
                snapshot: snapshot.ok(),
                error,
            }
        });
        let first = first.into_inner();
        let pulse = first
            .snapshot
            .as_ref()
            .map(|snapshot| snapshot.pulse.clone());
        let now = pulse.as_ref().map_or(Timestamp(0), |pulse| pulse.now);
        let live = Self {
            pulse: RwSignal::new(pulse),
            now: RwSignal::new(now),
            link: RwSignal::new(LinkState::Connecting),
            paused: RwSignal::new(false),
            first: StoredValue::new(first),
            watcher: StoredValue::new(None),
            tokens: StoredValue::new(0),
            view: StoredValue::new(None),
            revision: StoredValue::new(0),
            failures: StoredValue::new(0),
            clock_ahead: StoredValue::new(0),
            stream: StoredValue::new(None),
            retry: StoredValue::new(None),
        };
        provide_context(live);
        Effect::new(move || live.start());
        live
    }

    /// Returns the live state of this page.
    pub fn of_page() -> Self {
        expect_context()
    }

    /// Tells whether the broker answers, as far as the server knows, reactively.
    pub fn is_broker_up(&self) -> bool {
        self.pulse.with(|pulse| {
            !matches!(pulse, Some(pulse) if matches!(pulse.broker, BrokerState::Down { .. }))
        })
    }

    /// Freezes the page, or takes a fresh picture and goes on.
    pub fn set_paused(&self, paused: bool) {
        if self.paused.get_untracked() == paused {
            return;
        }
        self.paused.set(paused);
        if paused {
            self.close();
            self.link.set(LinkState::Paused);
        } else {
            self.link.set(LinkState::Connecting);
            self.open();
        }
    }

    /// Takes the picture that came with the page, if it is of this topic.
    fn first_view(&self, topic: &Topic) -> Option<Result<View, WireError>> {
        self.first.with_value(|first| {
            if first.topic != topic.to_query_string() {
                return None;
            }
            match (&first.error, &first.snapshot) {
                (Some(error), _) => Some(Err(error.clone())),
                (None, Some(snapshot)) => Some(Ok(snapshot.view.clone())),
                (None, None) => None,
            }
        })
    }

    /// Watches a topic in place of the one before and returns a token for `unwatch`.
    ///
    /// A topic that was refused is not asked for again: only the frame stays live.
    fn watch(&self, topic: Topic, is_refused: bool, handler: Handler) -> u64 {
        let topic = if is_refused { frame_only() } else { topic };
        let token = self.tokens.try_update_value(|tokens| {
            *tokens += 1;
            *tokens
        });
        let token = token.unwrap_or_default();
        self.watcher.set_value(Some(Watcher {
            token,
            topic,
            handler,
        }));
        self.view.set_value(None);
        self.failures.set_value(0);
        if self.paused.get_untracked() {
            self.fetch(false);
        } else {
            self.open();
        }
        token
    }

    /// Ends a watch, unless another one has taken its place already.
    fn unwatch(&self, token: u64) {
        let is_current = self
            .watcher
            .try_with_value(|watcher| watcher.as_ref().is_some_and(|w| w.token == token));
        if is_current == Some(true) {
            self.watcher.set_value(None);
            self.close();
        }
    }

    /// Goes on without the picture: it was refused, and would be again.
    fn watch_frame_only(&self) {
        self.watcher.update_value(|watcher| {
            if let Some(watcher) = watcher {
                watcher.topic = frame_only();
            }
        });
        self.open();
    }

    fn start(&self) {
        let live = *self;
        let tick = set_interval_with_handle(move || live.tick(), Duration::from_secs(1));
        match tick {
            Ok(handle) => {
                let handle = SendWrapper::new(handle);
                on_cleanup(move || handle.clear());
            }
            Err(error) => leptos::logging::error!("no clock: {error:?}"),
        }
        let visibility = window_event_listener(leptos::ev::visibilitychange, move |_| {
            if document().hidden() {
                live.close();
            } else if !live.paused.get_untracked() {
                live.open();
            }
        });
        on_cleanup(move || visibility.remove());
    }

    fn tick(&self) {
        if !self.paused.get_untracked() && self.pulse.with_untracked(Option::is_some) {
            let now = browser_now().0 + self.clock_ahead.get_value();
            self.now.set(Timestamp(now));
        }
    }
}

/// Tells whether asking again will fail again.
fn is_refusal(error: &WireError) -> bool {
    matches!(error.kind, ErrorKind::Invalid | ErrorKind::NotFound)
}

fn browser_now() -> Timestamp {
    // Milliseconds since the epoch fit into an i64 until long after year 10000.
    Timestamp((js_sys::Date::now() * 1_000.0) as i64)
}
