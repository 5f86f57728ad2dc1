//! The stream's life: opened, read, lost, tried again.

use super::{LinkState, Live, browser_now, frame_only, is_refusal, stream::Stream};
use crate::server_fns::{self, FetchError};
use leptos::prelude::*;
use model::{Frame, Pulse, Snapshot};
use send_wrapper::SendWrapper;
use std::time::Duration;

impl Live {
    /// Opens the stream of the present topic in place of the one before.
    pub(super) fn open(&self) {
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

    /// Closes the stream and forgets to try again.
    pub(super) fn close(&self) {
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
        let last = self
            .pulse
            .with_untracked(|pulse| pulse.as_ref().map(|p| p.now));
        let now = last.unwrap_or(self.now.get_untracked());
        self.link.update(|link| {
            if !matches!(link, LinkState::Lost { .. }) {
                *link = LinkState::Lost { since: now };
            }
        });
    }

    /// Takes one picture without a stream: while paused, or to learn why there is none.
    pub(super) fn fetch(&self, is_lost: bool) {
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
                Err(FetchError(error)) => {
                    handler(Err(&error));
                    if is_refusal(&error) && topic != frame_only() {
                        live.watch_frame_only();
                        return;
                    }
                }
            }
            if is_lost {
                live.mark_lost();
            }
        });
    }
}
