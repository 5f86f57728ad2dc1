//! The browser's one writer: what pages show comes from the server with the
//! first paint, and from one event stream after that.
//!
//! A page calls [`picture`] with its topic and gets signals. Changing the topic
//! closes the stream and opens another, whose first frame is a whole picture.

mod picture;
mod rows;
mod stream;

pub use picture::{Picture, picture, picture_of};
pub use rows::Rows;

use crate::{links, server_fns};
use leptos::{
    leptos_dom::helpers::TimeoutHandle, prelude::*, server::codee::string::JsonSerdeCodec,
};
use leptos_router::{hooks::use_location, location::Location};
use model::{BrokerState, Frame, Pulse, Snapshot, Timestamp, Topic, View, WireError};
use send_wrapper::SendWrapper;
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};
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

/// The first picture, as it travels with the page.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct First {
    topic: Topic,
    snapshot: Option<Snapshot>,
    error: Option<WireError>,
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
        let first: SharedValue<First, JsonSerdeCodec> = SharedValue::new(move || {
            let asked = server_fns::first_snapshot(&topic);
            let error = asked.as_ref().err().cloned();
            // A page whose own picture is refused still has a frame.
            let snapshot = asked.or_else(|_| server_fns::first_snapshot(&frame_only()));
            First {
                topic,
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
            if first.topic != *topic {
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
    fn watch(&self, topic: Topic, handler: Handler) -> u64 {
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

    fn open(&self) {
        self.close();
        let topic = self
            .watcher
            .with_value(|watcher| watcher.as_ref().map(|w| (w.token, w.topic.clone())));
        // A hidden page asks for nothing; `visibilitychange` opens the stream.
        let Some((token, topic)) = topic.filter(|_| !document().hidden()) else {
            return;
        };
        let live = *self;
        let address = format!("/api/v1/stream?{}", topic.to_query_string());
        let stream = Stream::open(
            &address,
            move |frame| live.receive(token, frame),
            move || live.lose(token),
        );
        match stream {
            Ok(stream) => self.stream.set_value(Some(SendWrapper::new(stream))),
            Err(error) => leptos::logging::error!("no live stream: {error:?}"),
        }
    }

    fn close(&self) {
        // Dropping the stream closes it.
        self.stream.set_value(None);
        if let Some(Some(handle)) = self.retry.try_update_value(Option::take) {
            handle.clear();
        }
    }

    fn receive(&self, token: u64, frame: Result<Frame, serde_json::Error>) {
        let is_current = self
            .watcher
            .with_value(|watcher| watcher.as_ref().is_some_and(|w| w.token == token));
        if !is_current {
            return;
        }
        match frame {
            Ok(Frame::Snapshot(snapshot)) => {
                self.link.set(LinkState::Live);
                self.failures.set_value(0);
                self.take(*snapshot);
            }
            Ok(Frame::Delta {
                from,
                revision,
                pulse,
                change,
            }) => {
                let applied = from == self.revision.get_value()
                    && self.view.try_update_value(|view| match (view, &change) {
                        (Some(view), Some(change)) => view.apply(change),
                        (Some(_), None) => true,
                        (None, _) => false,
                    }) == Some(true);
                if !applied {
                    // A frame was lost on the way: start again from a whole picture.
                    self.open();
                    return;
                }
                self.revision.set_value(revision);
                if let Some(pulse) = pulse {
                    self.set_pulse(*pulse);
                }
                if change.is_some() {
                    self.deliver();
                }
            }
            Err(error) => {
                leptos::logging::error!("a frame of the live stream can't be read: {error}");
                self.lose(token);
            }
        }
    }

    fn take(&self, snapshot: Snapshot) {
        self.revision.set_value(snapshot.revision);
        self.view.set_value(Some(snapshot.view));
        self.set_pulse(snapshot.pulse);
        self.deliver();
    }

    fn set_pulse(&self, pulse: Pulse) {
        self.clock_ahead.set_value(pulse.now.0 - browser_now().0);
        if self.now.get_untracked().seconds_since(pulse.now).abs() >= 1.0 {
            self.now.set(pulse.now);
        }
        self.pulse.set(Some(pulse));
    }

    fn deliver(&self) {
        let handler = self
            .watcher
            .with_value(|watcher| watcher.as_ref().map(|w| w.handler.clone()));
        self.view.with_value(|view| {
            if let (Some(handler), Some(view)) = (&handler, view) {
                handler(Ok(view));
            }
        });
    }

    /// The stream broke: say so, ask once why if nothing was shown yet, try again later.
    fn lose(&self, token: u64) {
        let is_current = self
            .watcher
            .with_value(|watcher| watcher.as_ref().is_some_and(|w| w.token == token));
        if !is_current {
            return;
        }
        self.close();
        if self.view.with_value(Option::is_none) {
            self.fetch(true);
        } else {
            self.mark_lost();
        }
        let failures = self.failures.get_value();
        self.failures.set_value(failures.saturating_add(1));
        // 0.5, 1, 2, 4 and then every 8 s.
        let delay = Duration::from_millis(500 << failures.min(4));
        let live = *self;
        match set_timeout_with_handle(move || live.open(), delay) {
            Ok(handle) => self.retry.set_value(Some(SendWrapper::new(handle))),
            Err(error) => leptos::logging::error!("no timer to reconnect with: {error:?}"),
        }
    }

    fn mark_lost(&self) {
        let now = self.now.get_untracked();
        self.link.update(|link| {
            if !matches!(link, LinkState::Lost { .. }) {
                *link = LinkState::Lost { since: now };
            }
        });
    }

    /// Takes one picture without a stream: while paused, or to learn why there is none.
    fn fetch(&self, is_lost: bool) {
        let watcher = self.watcher.with_value(|watcher| {
            let watcher = watcher.as_ref()?;
            Some((
                watcher.token,
                watcher.topic.clone(),
                watcher.handler.clone(),
            ))
        });
        let Some((token, topic, handler)) = watcher else {
            return;
        };
        let live = *self;
        leptos::task::spawn_local(async move {
            let answer = server_fns::snapshot(topic.to_query_string()).await;
            let is_current = live
                .watcher
                .try_with_value(|watcher| watcher.as_ref().is_some_and(|w| w.token == token));
            // A frame that came meanwhile is newer than this answer.
            if is_current != Some(true) || live.view.with_value(Option::is_some) {
                return;
            }
            match answer {
                Ok(snapshot) => live.take(snapshot),
                Err(error) => handler(Err(&error.0)),
            }
            if is_lost {
                live.mark_lost();
            }
        });
    }
}

fn browser_now() -> Timestamp {
    // Milliseconds since the epoch fit into an i64 until long after year 10000.
    Timestamp((js_sys::Date::now() * 1_000.0) as i64)
}
