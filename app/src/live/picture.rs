//! What one page shows of its topic.

use super::{Live, is_refusal};
use leptos::prelude::*;
use model::{Topic, View, WireError};
use std::sync::Arc;

/// The part of a view that a page shows, kept up to date.
pub struct Picture<T: Send + Sync + 'static> {
    /// The newest value; absent until the first picture came.
    pub data: RwSignal<Option<T>>,
    /// Why there is no picture.
    pub error: RwSignal<Option<WireError>>,
}

impl<T: Send + Sync + 'static> Clone for Picture<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Send + Sync + 'static> Copy for Picture<T> {}

/// Watches `topic` for as long as the calling page is on the screen.
///
/// `pick` takes what the page needs from a view of the topic's kind, and `None`
/// from others. The first value is there at once if the server rendered this page.
pub fn picture<T>(topic: Signal<Topic>, pick: fn(&View) -> Option<T>) -> Picture<T>
where
    T: Clone + PartialEq + Send + Sync + 'static,
{
    picture_of(topic, move |_, view| pick(view))
}

/// Like [`picture`], for pages that must know which topic a view answers.
pub fn picture_of<T>(
    topic: Signal<Topic>,
    pick: impl Fn(&Topic, &View) -> Option<T> + Clone + Send + Sync + 'static,
) -> Picture<T>
where
    T: Clone + PartialEq + Send + Sync + 'static,
{
    let live = Live::of_page();
    let first = topic.get_untracked();
    let (data, error) = match live.first_view(&first) {
        Some(Ok(view)) => (pick(&first, &view), None),
        Some(Err(error)) => (None, Some(error)),
        None => (None, None),
    };
    let picture = Picture {
        data: RwSignal::new(data),
        error: RwSignal::new(error),
    };
    let token = StoredValue::new(None);
    let refused = picture
        .error
        .with_untracked(|error| error.as_ref().is_some_and(is_refusal));
    let refused = refused.then(|| first.clone());
    Effect::new(move |_| {
        let (watched, pick) = (topic.get(), pick.clone());
        let handled = watched.clone();
        let handler = move |view: Result<&View, &WireError>| match view {
            Ok(view) => picture.take(pick(&handled, view)),
            Err(error) => picture.error.set(Some(error.clone())),
        };
        let is_refused = refused.as_ref() == Some(&watched);
        token.set_value(Some(live.watch(watched, is_refused, Arc::new(handler))));
    });
    on_cleanup(move || {
        if let Some(Some(token)) = token.try_get_value() {
            live.unwatch(token);
        }
    });
    picture
}

impl<T: PartialEq + Send + Sync + 'static> Picture<T> {
    fn take(&self, new: Option<T>) {
        if new.is_none() {
            return;
        }
        if self.error.with_untracked(Option::is_some) {
            self.error.set(None);
        }
        if self.data.with_untracked(|old| *old != new) {
            self.data.set(new);
        }
    }
}
