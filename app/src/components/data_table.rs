//! A table of any length of which only the rows on the screen are in the
//! document, and column heads that sort.
//!
//! The page scrolls, not the table: its height is that of all rows, with two
//! spacers in place of those that are not there. Until the browser has taken
//! over there are no spacers, only the rows the server knows.

use crate::{live::Rows, prefs::Prefs};
use leptos::{ev, html, prelude::*};
use model::Keyed;
use std::hash::Hash;

/// Rows above and below the screen that are in the document, so that a scroll shows no hole.
const OVERSCAN: u64 = 8;

/// Browsers limit the height of a page: Firefox to 17.8 million pixels, Chromium to 33.5.
const MAX_HEIGHT: f64 = 15_000_000.0;

/// A row's height until it was measured.
const ROW_HEIGHT: f64 = 32.0;

/// The rows that the page knows.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded<K> {
    /// The position of the first one in the whole list.
    pub offset: u64,
    /// Their keys in order.
    pub keys: Vec<K>,
    /// How long the whole list is.
    pub total: u64,
}

/// Which rows are on the screen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OnScreen {
    /// The first row that is not hidden behind the table's head.
    pub first: u64,
    /// How many rows fit.
    pub fit: u64,
    /// Pixels of the table above the screen, for lists too long for a page; else 0.
    pub above: f64,
}

impl OnScreen {
    /// What is assumed before the first measurement.
    pub const START: Self = Self {
        first: 0,
        fit: 30,
        above: 0.0,
    };
}

/// Rows of a list known as a whole that the server draws; for more a browser needs scripts.
pub const PLAIN_ROWS: usize = 200;

/// Returns the rows of a list that is known as a whole, and their places in it.
/// Both follow the list.
pub fn whole_list<T>(list: Memo<Vec<T>>) -> (Rows<T>, RwSignal<Loaded<T::Key>>)
where
    T: Keyed + Clone + PartialEq + Send + Sync + 'static,
    T::Key: PartialEq + Clone + Send + Sync + 'static,
{
    let of = |rows: &[T], most: usize| Loaded {
        offset: 0,
        keys: rows.iter().take(most).map(Keyed::key).collect(),
        total: rows.len() as u64,
    };
    let rows = list.with_untracked(|list| Rows::new(list));
    let loaded = RwSignal::new(list.with_untracked(|list| of(list, PLAIN_ROWS)));
    Effect::new(move || {
        list.with(|list| {
            // The rows first: the list of keys draws them.
            rows.sync(list);
            let new = of(list, usize::MAX);
            if loaded.with_untracked(|old| *old != new) {
                loaded.set(new);
            }
        });
    });
    (rows, loaded)
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Slot<K> {
    Row(K),
    Blank(u64),
}

#[derive(Clone, Debug, PartialEq)]
struct Layout<K> {
    slots: Vec<Slot<K>>,
    above: f64,
    below: f64,
}

fn height(total: u64, row_height: f64) -> f64 {
    (total as f64 * row_height).min(MAX_HEIGHT)
}

/// Returns the row at the top of the screen when `above` pixels of the table are above it.
fn row_at(above: f64, total: u64, row_height: f64, fit: u64) -> u64 {
    let natural = total as f64 * row_height;
    let row = if natural <= MAX_HEIGHT {
        above / row_height
    } else {
        // Too long for a page: the place in the scroll bar is the place in the list.
        let scrollable = MAX_HEIGHT - fit as f64 * row_height;
        above / scrollable * total.saturating_sub(fit) as f64
    };
    // Casting saturates, and a row past the end is cut off.
    (row.max(0.0) as u64).min(total.saturating_sub(1))
}

fn layout<K: Clone>(loaded: &Loaded<K>, on_screen: OnScreen, row_height: f64) -> Layout<K> {
    let known = loaded.offset.saturating_add(loaded.keys.len() as u64);
    let total = loaded.total.max(known);
    // The list may have become shorter since the last scroll.
    let first = on_screen.first.min(total.saturating_sub(on_screen.fit));
    let start = first.saturating_sub(OVERSCAN);
    let end = first
        .saturating_add(on_screen.fit)
        .saturating_add(OVERSCAN)
        .min(total);
    let slots: Vec<Slot<K>> = (start..end)
        .map(|index| {
            let key = index
                .checked_sub(loaded.offset)
                .and_then(|index| loaded.keys.get(usize::try_from(index).ok()?));
            key.map_or(Slot::Blank(index), |key| Slot::Row(key.clone()))
        })
        .collect();
    let whole = height(total, row_height);
    let above = if total as f64 * row_height <= MAX_HEIGHT {
        start as f64 * row_height
    } else {
        (on_screen.above - (first - start) as f64 * row_height).max(0.0)
    };
    let below = whole - above - slots.len() as f64 * row_height;
    Layout {
        slots,
        above,
        below: below.max(0.0),
    }
}

/// A table of which only the rows on the screen are in the document.
#[component]
pub fn WindowedTable<T>(
    /// The rows that are known.
    rows: Rows<T>,
    /// Their place in the whole list.
    #[prop(into)]
    loaded: Signal<Loaded<T::Key>>,
    /// Draws a `<tr>`.
    row: fn(ArcRwSignal<T>) -> AnyView,
    /// What the table holds, for screen readers.
    caption: &'static str,
    /// Draws a `<tr>` in place of a row that was not fetched yet.
    blank: fn() -> AnyView,
    /// Set to the rows on the screen whenever they change.
    on_screen: RwSignal<OnScreen>,
    /// Set to whether the keyboard is in the table.
    has_focus: RwSignal<bool>,
    /// The `<tr>` of column heads.
    head: AnyView,
    /// Parts of the table above and below the rows.
    #[prop(default = (().into_any(), ().into_any()))]
    around: (AnyView, AnyView),
) -> impl IntoView
where
    T: Keyed + Clone + PartialEq + Send + Sync + 'static,
    T::Key: Send + Sync + 'static,
{
    let prefs = Prefs::of_page();
    let body: NodeRef<html::Tbody> = NodeRef::new();
    let row_height = RwSignal::new(ROW_HEIGHT);
    let measure = move || {
        if let Some(body) = body.get_untracked() {
            measure(
                &body,
                loaded.with_untracked(|l| l.total),
                row_height,
                on_screen,
            );
        }
    };
    let frame_asked = StoredValue::new(false);
    let soon = move || {
        // At most once a frame, however many events come.
        if frame_asked.try_get_value() == Some(false) {
            frame_asked.set_value(true);
            request_animation_frame(move || {
                if frame_asked.try_set_value(false).is_none() {
                    measure();
                }
            });
        }
    };
    Effect::new(move || {
        let scroll = window_event_listener(ev::scroll, move |_| soon());
        let resize = window_event_listener(ev::resize, move |_| soon());
        on_cleanup(move || {
            scroll.remove();
            resize.remove();
        });
    });
    let total = Memo::new(move |_| loaded.with(|loaded| loaded.total));
    Effect::new(move || {
        // A list that grew or shrank has other rows on the screen.
        total.track();
        soon();
    });
    let layout = Memo::new(move |_| {
        loaded.with(|loaded| {
            if prefs.is_mounted() {
                layout(loaded, on_screen.get(), row_height.get())
            } else {
                Layout {
                    slots: loaded.keys.iter().cloned().map(Slot::Row).collect(),
                    above: 0.0,
                    below: 0.0,
                }
            }
        })
    });
    let draw = move |slot: Slot<T::Key>| {
        let known = match &slot {
            Slot::Row(key) => rows.get(key),
            Slot::Blank(_) => None,
        };
        match known {
            Some(signal) => row(signal),
            None => blank(),
        }
    };
    let (above, below) = around;
    view! {
        <table class="table">
            <caption class="visually-hidden">{caption}</caption>
            <thead>{head}</thead>
            {above}
            <tbody
                node_ref=body
                on:focusin=move |_| has_focus.set(true)
                on:focusout=move |_| has_focus.set(false)
            >
                <Spacer height=Signal::derive(move || layout.with(|l| l.above)) />
                <For
                    each=move || layout.with(|layout| layout.slots.clone())
                    key=Slot::clone
                    children=draw
                />
                <Spacer height=Signal::derive(move || layout.with(|l| l.below)) />
            </tbody>
            {below}
        </table>
    }
    .into_any()
}

/// The place of rows that are not in the document. It has one cell only: more
/// than the columns in sight would widen the table.
#[component]
fn Spacer(height: Signal<f64>) -> impl IntoView {
    view! {
        <tr class="spacer" aria-hidden="true" hidden=move || height.get() <= 0.0>
            <td style:height=move || format!("{}px", height.get())></td>
        </tr>
    }
    .into_any()
}

fn measure(
    body: &web_sys::HtmlTableSectionElement,
    total: u64,
    row_height: RwSignal<f64>,
    on_screen: RwSignal<OnScreen>,
) {
    let row = body.query_selector("tr:not(.spacer)").ok().flatten();
    let measured = row.map(|row| row.get_bounding_client_rect().height());
    if let Some(measured) = measured.filter(|height| *height >= 1.0)
        && (measured - row_height.get_untracked()).abs() > 0.5
    {
        row_height.set(measured);
    }
    let row_height = row_height.get_untracked();
    // What sticks above the rows: the top bar, and under it the table's head where there is one.
    let bottom = |element: Option<web_sys::Element>| {
        element.map_or(0.0, |element| element.get_bounding_client_rect().bottom())
    };
    let table = body.parent_element();
    let head = table.and_then(|table| table.query_selector("thead th").ok().flatten());
    let bar = document().query_selector(".top-bar").ok().flatten();
    let covered = bottom(head).max(bottom(bar));
    let screen = window()
        .inner_height()
        .ok()
        .and_then(|height| height.as_f64())
        .unwrap_or(900.0);
    let above = (covered - body.get_bounding_client_rect().top()).max(0.0);
    let fit = ((screen - covered).max(0.0) / row_height).ceil() as u64;
    let now = OnScreen {
        first: row_at(above, total, row_height, fit),
        fit,
        // Only a list that is too long for a page needs the exact place.
        above: if total as f64 * row_height > MAX_HEIGHT {
            above
        } else {
            0.0
        },
    };
    if on_screen.get_untracked() != now {
        on_screen.set(now);
    }
}

/// A column's head, a link that sorts by it.
#[component]
pub fn SortHead(
    /// The column's name.
    label: &'static str,
    /// The column's class, such as `col-wait`.
    class: &'static str,
    /// Whether the list is sorted by this column, and if so whether largest first.
    #[prop(into)]
    sorted: Signal<Option<bool>>,
    /// The list sorted by this column, or the other way round if it is already.
    #[prop(into)]
    href: Signal<String>,
) -> impl IntoView {
    let direction = move || {
        sorted.get().map(|is_descending| {
            if is_descending {
                "descending"
            } else {
                "ascending"
            }
        })
    };
    let arrow = move || {
        sorted
            .get()
            .map(|is_descending| if is_descending { " ↓" } else { " ↑" })
    };
    view! {
        <th scope="col" class=class aria-sort=direction>
            <a href=move || href.get()>
                {label} <span aria-hidden="true">{arrow}</span>
            </a>
        </th>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(offset: u64, keys: u64, total: u64) -> Loaded<u64> {
        Loaded {
            offset,
            keys: (offset..offset + keys).collect(),
            total,
        }
    }

    fn at(first: u64, above: f64) -> OnScreen {
        OnScreen {
            first,
            fit: 20,
            above,
        }
    }

    #[test]
    fn the_document_is_as_high_as_the_list() {
        for first in [0, 5, 500, 99_980] {
            let layout = layout(&loaded(0, 120, 100_000), at(first, 0.0), 32.0);
            let rows = layout.slots.len() as f64 * 32.0;
            assert_eq!(layout.above + rows + layout.below, 3_200_000.0, "{first}");
            assert!(layout.slots.len() <= 36);
        }
    }

    #[test]
    fn rows_that_are_not_known_are_blank() {
        let layout = layout(&loaded(100, 20, 1_000), at(105, 0.0), 32.0);
        assert_eq!(layout.slots.first(), Some(&Slot::Blank(97)));
        assert_eq!(layout.slots.get(3), Some(&Slot::Row(100)));
        assert_eq!(layout.slots.get(23), Some(&Slot::Blank(120)));
    }

    #[test]
    fn a_list_that_became_short_shows_its_end() {
        let layout = layout(&loaded(0, 10, 10), at(4_000, 0.0), 32.0);
        assert_eq!(layout.slots.len(), 10);
        assert_eq!(layout.above, 0.0);
    }

    #[test]
    fn a_list_too_long_for_a_page_can_be_scrolled_to_its_end() {
        let total = 2_000_000;
        let end = MAX_HEIGHT - 20.0 * 32.0;
        let first = row_at(end, total, 32.0, 20);
        assert_eq!(first, total - 20);
        let layout = layout(&loaded(0, 0, total), at(first, end), 32.0);
        assert_eq!(layout.slots.last(), Some(&Slot::Blank(total - 1)));
        assert_eq!(layout.above, end - 8.0 * 32.0);
        assert_eq!(layout.below, 0.0);
    }
}
