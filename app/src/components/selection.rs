//! Choosing rows: one by one, a range of them, or all.

use leptos::{ev::MouseEvent, html, prelude::*};
use std::collections::BTreeSet;
use wasm_bindgen::JsCast;
use web_sys::HtmlInputElement;

/// Which rows are chosen. Found in the context of tables whose rows can be.
pub struct Selection<K: Send + Sync + 'static> {
    /// The chosen ones, one by one.
    pub keys: RwSignal<BTreeSet<K>>,
    /// Whether everything that the list is about is chosen, also what is not on the screen.
    pub is_all: RwSignal<bool>,
    /// The rows that are known, in their order.
    order: Signal<Vec<K>>,
    /// Where a range begins.
    anchor: StoredValue<Option<K>>,
}

impl<K: Send + Sync + 'static> Clone for Selection<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K: Send + Sync + 'static> Copy for Selection<K> {}

impl<K: Ord + Clone + Send + Sync + 'static> Selection<K> {
    /// Nothing is chosen of rows in this order.
    pub fn new(order: Signal<Vec<K>>) -> Self {
        Self {
            keys: RwSignal::new(BTreeSet::new()),
            is_all: RwSignal::new(false),
            order,
            anchor: StoredValue::new(None),
        }
    }

    /// Tells whether a row is chosen, reactively.
    pub fn has(&self, key: &K) -> bool {
        self.is_all.get() || self.keys.with(|keys| keys.contains(key))
    }

    /// Tells whether nothing is, reactively.
    pub fn is_empty(&self) -> bool {
        !self.is_all.get() && self.keys.with(BTreeSet::is_empty)
    }

    /// Chooses nothing.
    pub fn clear(&self) {
        self.anchor.set_value(None);
        self.is_all.set(false);
        self.keys.set(BTreeSet::new());
    }

    /// Leaves chosen only what is still known.
    pub fn keep_known(&self) {
        self.order.with(|order| {
            let is_lost = |keys: &BTreeSet<K>| keys.iter().any(|key| !order.contains(key));
            if self.keys.with_untracked(is_lost) {
                self.keys
                    .update(|keys| keys.retain(|key| order.contains(key)));
            }
        });
    }

    /// Changes a row, and with `is_range` all from the one changed before to it.
    pub fn toggle(&self, key: &K, is_range: bool) {
        if self.is_all.get_untracked() {
            // From all but one it begins anew with what is in sight.
            self.is_all.set(false);
            self.keys.set(
                self.order
                    .with_untracked(|order| order.iter().cloned().collect()),
            );
        }
        let is_chosen = self.keys.with_untracked(|keys| keys.contains(key));
        let anchor = self.anchor.get_value().filter(|_| is_range);
        let changed = self
            .order
            .with_untracked(|order| range(order, anchor.as_ref(), key));
        self.keys.update(|keys| {
            for key in changed {
                if is_chosen {
                    keys.remove(&key);
                } else {
                    keys.insert(key);
                }
            }
        });
        self.anchor.set_value(Some(key.clone()));
    }

    /// Chooses the rows that are known, or none if all of them are chosen.
    pub fn toggle_known(&self) {
        let known = self.order.get_untracked();
        let is_full = self.is_all.get_untracked()
            || self
                .keys
                .with_untracked(|keys| known.iter().all(|key| keys.contains(key)));
        if is_full {
            self.clear();
        } else {
            self.keys.update(|keys| keys.extend(known));
        }
    }

    /// How many of the known rows are chosen: none, some or all; reactively.
    fn known(&self) -> Option<bool> {
        if self.is_all.get() {
            return Some(true);
        }
        self.order.with(|order| {
            self.keys.with(|keys| {
                let chosen = order.iter().filter(|key| keys.contains(*key)).count();
                match chosen {
                    0 => Some(false),
                    some if some == order.len() => Some(true),
                    _ => None,
                }
            })
        })
    }
}

/// Returns the rows from `anchor` to `key`, whichever comes first; `key` alone if there is no anchor.
fn range<K: Ord + Clone>(order: &[K], anchor: Option<&K>, key: &K) -> Vec<K> {
    let place = |wanted: &K| order.iter().position(|key| key == wanted);
    match (anchor.and_then(place), place(key)) {
        (Some(one), Some(other)) => {
            let rows = order.get(one.min(other)..=one.max(other));
            rows.unwrap_or_default().to_vec()
        }
        _ => vec![key.clone()],
    }
}

/// The cell with which a row is chosen.
#[component]
pub fn SelectCell<K: Ord + Clone + Send + Sync + 'static>(
    /// The table's choice.
    selection: Selection<K>,
    /// The row.
    key: K,
    /// What the row is called, for screen readers.
    name: String,
) -> impl IntoView {
    let own = key.clone();
    let is_chosen = Memo::new(move |_| selection.has(&own));
    let toggle = move |event: MouseEvent| {
        selection.toggle(&key, event.shift_key());
    };
    view! {
        <td class="col-select with-script">
            <label class="select-box">
                <input
                    type="checkbox"
                    data-select
                    aria-label=format!("Select {name}")
                    prop:checked=move || is_chosen.get()
                    on:click=toggle
                />
            </label>
        </td>
    }
    .into_any()
}

/// The head over those cells.
#[component]
pub fn SelectHead<K: Ord + Clone + Send + Sync + 'static>(
    /// The table's choice.
    selection: Selection<K>,
) -> impl IntoView {
    let known = Memo::new(move |_| selection.known());
    let input: NodeRef<html::Input> = NodeRef::new();
    Effect::new(move || {
        if let Some(input) = input.get() {
            input.set_indeterminate(known.get().is_none());
            input.set_checked(known.get() == Some(true));
        }
    });
    view! {
        <th scope="col" class="col-select with-script">
            <label class="select-box">
                <input
                    node_ref=input
                    type="checkbox"
                    aria-label="Select all rows that are loaded"
                    on:change=move |_| selection.toggle_known()
                />
            </label>
        </th>
    }
    .into_any()
}

/// Chooses the row that the keyboard is on, as a click into its box would.
pub fn toggle_focused(is_range: bool) {
    let active = document().active_element();
    let row = active.and_then(|active| active.closest("tr").ok().flatten());
    let input = row.and_then(|row| row.query_selector("[data-select]").ok().flatten());
    let Some(input) = input.and_then(|input| input.dyn_into::<HtmlInputElement>().ok()) else {
        return;
    };
    let how = web_sys::MouseEventInit::new();
    how.set_bubbles(true);
    how.set_cancelable(true);
    how.set_shift_key(is_range);
    let click = web_sys::MouseEvent::new_with_mouse_event_init_dict("click", &how);
    if click
        .and_then(|click| input.dispatch_event(&click))
        .is_err()
    {
        leptos::logging::warn!("the row can't be selected");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_goes_both_ways_and_needs_both_ends() {
        let order = [5, 3, 9, 1];
        assert_eq!(range(&order, Some(&5), &9), [5, 3, 9]);
        assert_eq!(range(&order, Some(&1), &3), [3, 9, 1]);
        assert_eq!(range(&order, Some(&7), &3), [3]);
        assert_eq!(range(&order, None, &3), [3]);
    }

    #[test]
    fn what_is_not_known_any_more_is_not_chosen() {
        let owner = Owner::new();
        owner.with(|| {
            let order = RwSignal::new(vec![1, 2, 3]);
            let chosen = Selection::new(order.into());
            chosen.toggle_known();
            order.set(vec![3, 1, 4]);
            chosen.keep_known();
            let keys: Vec<i32> = chosen.keys.get_untracked().into_iter().collect();
            assert_eq!(keys, [1, 3]);
        });
    }

    #[test]
    fn a_range_takes_the_choice_of_its_end() {
        let owner = Owner::new();
        owner.with(|| {
            let chosen = Selection::new(Signal::stored(vec![1, 2, 3, 4, 5]));
            let keys = || chosen.keys.get_untracked().into_iter().collect::<Vec<_>>();
            chosen.toggle(&2, false);
            chosen.toggle(&4, true);
            assert_eq!(keys(), [2, 3, 4]);
            chosen.toggle(&3, true);
            assert_eq!(keys(), [2]);
            chosen.is_all.set(true);
            chosen.toggle(&5, false);
            assert_eq!(keys(), [1, 2, 3, 4]);
            chosen.toggle_known();
            assert_eq!(keys().len(), 5);
            chosen.toggle_known();
            assert!(keys().is_empty());
        });
    }
}
