//! Which part of the list is fetched: the rows on the screen and some around
//! them, and none that came after the reader began to read further down.

use crate::components::data_table::OnScreen;
use leptos::prelude::*;
use model::{TaskCount, TaskCursor, TaskQuery, Topic};
use std::time::Duration;

/// Rows fetched beyond the screen, each way.
const MARGIN: u64 = 40;

/// Rows that a window holds at least.
const LIMIT: u64 = 120;

/// A scroll opens another stream at most this often.
const PACE: Duration = Duration::from_millis(120);

/// A window on the list of one query.
#[derive(Clone, Debug, PartialEq)]
struct Part {
    /// The query without its window.
    of: TaskQuery,
    offset: u64,
    limit: u32,
    newest: Option<u64>,
    /// For browsers without scripts, a page of stored tasks; it stays as it is.
    after: Option<TaskCursor>,
}

impl Part {
    fn start(query: &TaskQuery) -> Self {
        Self {
            of: without_window(query),
            offset: query.offset,
            limit: query.limit,
            newest: query.newest,
            after: query.after.clone(),
        }
    }

    /// Returns the place this part must move to, if rows on the screen are near its end or past it.
    fn moved_to(&self, on_screen: OnScreen) -> Option<(u64, u32)> {
        let end = on_screen.first.saturating_add(on_screen.fit);
        let (near_start, near_end) = (
            on_screen.first.saturating_sub(MARGIN / 2),
            end.saturating_add(MARGIN / 2),
        );
        let known_end = self.offset.saturating_add(u64::from(self.limit));
        if self.after.is_some() {
            return None;
        }
        if near_start >= self.offset && near_end <= known_end {
            return None;
        }
        let limit = on_screen.fit.saturating_add(2 * MARGIN).max(LIMIT);
        let limit = u32::try_from(limit).map_or(model::query::MAX_LIMIT, |limit| {
            limit.min(model::query::MAX_LIMIT)
        });
        Some((on_screen.first.saturating_sub(MARGIN), limit))
    }
}

/// Returns the query with the window of a first visit.
pub(super) fn without_window(query: &TaskQuery) -> TaskQuery {
    let default = TaskQuery::default();
    TaskQuery {
        offset: default.offset,
        limit: default.limit,
        newest: default.newest,
        after: default.after,
        // The page shows counts, and its bar is as long as the whole list.
        count: TaskCount::Exact,
        ..query.clone()
    }
}

/// The window that the page watches.
#[derive(Clone, Copy)]
pub(super) struct Window {
    query: Memo<TaskQuery>,
    part: RwSignal<Part>,
}

impl Window {
    /// Starts with the window in the address.
    pub(super) fn new(query: Memo<TaskQuery>) -> Self {
        Self {
            query,
            part: RwSignal::new(query.with_untracked(Part::start)),
        }
    }

    /// The part that belongs to the present query, reactively.
    fn current(&self) -> Part {
        let query = self.query.get();
        let part = self.part.get();
        if part.of == without_window(&query) {
            part
        } else {
            Part::start(&query)
        }
    }

    /// Returns what is to be watched.
    pub(super) fn topic(&self) -> Signal<Topic> {
        let window = *self;
        Memo::new(move |_| {
            let part = window.current();
            Topic::Tasks(Box::new(TaskQuery {
                offset: part.offset,
                limit: part.limit,
                newest: part.newest,
                after: part.after,
                ..part.of
            }))
        })
        .into()
    }

    /// Moves the window with the screen. While rows below the top are read, or
    /// the keyboard is in the list, tasks newer than `latest` stay out.
    pub(super) fn follow(
        &self,
        on_screen: RwSignal<OnScreen>,
        has_focus: RwSignal<bool>,
        latest: Memo<Option<u64>>,
    ) {
        let window = *self;
        let is_reading = Memo::new(move |_| on_screen.with(|s| s.first > 0) || has_focus.get());
        Effect::new(move || {
            let is_reading = is_reading.get();
            let mut part = untrack(|| window.current());
            let newest = if is_reading {
                part.newest.or(latest.get_untracked())
            } else {
                None
            };
            if part.newest != newest {
                part.newest = newest;
                window.part.set(part);
            }
        });
        let is_due = StoredValue::new(false);
        Effect::new(move || {
            let near = untrack(|| window.current()).moved_to(on_screen.get());
            if near.is_none() || is_due.get_value() {
                return;
            }
            is_due.set_value(true);
            set_timeout(
                move || {
                    // The page may have gone meanwhile.
                    if is_due.try_set_value(false).is_none() {
                        window.catch_up(on_screen);
                    }
                },
                PACE,
            );
        });
    }

    fn catch_up(&self, on_screen: RwSignal<OnScreen>) {
        let mut part = untrack(|| self.current());
        if let Some((offset, limit)) = part.moved_to(on_screen.get_untracked()) {
            (part.offset, part.limit) = (offset, limit);
            self.part.set(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(offset: u64, limit: u32) -> Part {
        Part {
            of: TaskQuery::default(),
            offset,
            limit,
            newest: None,
            after: None,
        }
    }

    fn at(first: u64, fit: u64) -> OnScreen {
        OnScreen {
            first,
            fit,
            ..OnScreen::START
        }
    }

    #[test]
    fn a_window_that_covers_the_screen_stays() {
        assert_eq!(part(0, 100).moved_to(at(0, 30)), None);
        assert_eq!(part(200, 120).moved_to(at(240, 30)), None);
    }

    #[test]
    fn a_window_moves_before_its_end_is_on_the_screen() {
        assert_eq!(part(0, 100).moved_to(at(60, 30)), Some((20, 120)));
        assert_eq!(part(200, 120).moved_to(at(210, 30)), Some((170, 120)));
    }

    #[test]
    fn after_a_move_the_window_covers_the_screen() {
        for first in [0, 1, 39, 40, 41, 99_000] {
            for fit in [0, 24, 60, 200] {
                let moved = part(500, 10).moved_to(at(first, fit));
                let (offset, limit) = moved.expect("ten rows never cover a screen with margins");
                assert_eq!(part(offset, limit).moved_to(at(first, fit)), None);
            }
        }
    }
}
