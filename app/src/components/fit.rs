//! How much room a task's name has in a table, measured in the browser.

use leptos::{ev, html, prelude::*};

/// Average width of a letter of a task's name at 14 px, with some slack for wider fonts.
const LETTER_PIXELS: f64 = 7.4;
/// A name is not shortened below this.
const FEWEST_LETTERS: f64 = 10.0;

/// Returns how many letters of a name fit into a table. `room` turns the table's
/// width into the pixels that names have in it. Until the browser has measured,
/// it is `otherwise`.
pub fn letters(
    table: NodeRef<html::Table>,
    room: fn(f64) -> f64,
    otherwise: usize,
) -> RwSignal<usize> {
    let letters = RwSignal::new(otherwise);
    let measure = move |table: &web_sys::Element| {
        let width = table.get_bounding_client_rect().width();
        // A folded table has no width and says nothing.
        if width > 0.0 {
            // Casting saturates; a table is some hundred pixels wide.
            let fit = (room(width) / LETTER_PIXELS).max(FEWEST_LETTERS) as usize;
            if letters.get_untracked() != fit {
                letters.set(fit);
            }
        }
    };
    Effect::new(move || {
        // Runs again when the table comes after being empty.
        let Some(element) = table.get() else {
            return;
        };
        measure(&element);
        let listener = window_event_listener(ev::resize, move |_| {
            if let Some(element) = table.get_untracked() {
                measure(&element);
            }
        });
        on_cleanup(move || listener.remove());
    });
    letters
}
