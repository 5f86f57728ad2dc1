//! The keyboard: `/` search, `j` `k` move, `g` and a letter go, `p` pause, `?` tells.

use super::selection::toggle_focused;
use crate::{links, live::Live};
use leptos::{ev, html, prelude::*};
use leptos_router::hooks::use_navigate;
use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, HtmlInputElement, KeyboardEvent};

/// How long `g` waits for its letter, milliseconds.
const CHORD_MILLISECONDS: f64 = 1_500.0;

/// What can be pressed: keys, and what they do.
const HELP: [(&[&str], &str); 15] = [
    (&["/"], "Search tasks"),
    (&["j"], "Next row"),
    (&["k"], "Row before"),
    (&["Enter"], "Open the row"),
    (&["x"], "Select the row, or not"),
    (&["Shift", "x"], "Select from the row before to this one"),
    (&["Esc"], "Close a dialog, a menu or suggestions"),
    (&["g", "o"], "Go to Overview"),
    (&["g", "t"], "Go to Tasks"),
    (&["g", "w"], "Go to Workers"),
    (&["g", "q"], "Go to Queues"),
    (&["g", "s"], "Go to Schedule"),
    (&["g", "a"], "Go to Audit"),
    (&["p"], "Pause, go on"),
    (&["?"], "This list"),
];

/// The state of the keyboard. Found in the context of every page.
#[derive(Clone, Copy)]
pub struct Keys {
    is_open: RwSignal<bool>,
    /// When `g` was pressed, milliseconds of the browser's clock.
    chord: StoredValue<Option<f64>>,
    wants_search: StoredValue<bool>,
}

impl Keys {
    /// Listens to the keyboard and puts its state into the context.
    pub fn provide() -> Self {
        let keys = Self {
            is_open: RwSignal::new(false),
            chord: StoredValue::new(None),
            wants_search: StoredValue::new(false),
        };
        provide_context(keys);
        let live = Live::of_page();
        let navigate = use_navigate();
        Effect::new(move || {
            let navigate = navigate.clone();
            let go = move |path: &str| navigate(path, Default::default());
            let listener = window_event_listener(ev::keydown, move |event| {
                keys.press(&event, live, &go);
            });
            on_cleanup(move || listener.remove());
        });
        keys
    }

    /// Returns the keyboard's state of this page.
    pub fn of_page() -> Self {
        expect_context()
    }

    /// Opens the list of keys.
    pub fn open(&self) {
        self.is_open.set(true);
    }

    /// Tells once whether the page was opened to search in it.
    pub fn take_search_wish(&self) -> bool {
        self.wants_search
            .try_update_value(std::mem::take)
            .unwrap_or_default()
    }

    fn press(&self, event: &KeyboardEvent, live: Live, go: &impl Fn(&str)) {
        let is_command = event.ctrl_key() || event.meta_key() || event.alt_key();
        if is_command || event.default_prevented() || is_typing(event) || is_dialog_open() {
            return;
        }
        let key = event.key();
        let began = self.chord.try_update_value(Option::take).flatten();
        if began.is_some_and(|at| js_sys::Date::now() - at < CHORD_MILLISECONDS) {
            let path = match key.as_str() {
                "o" => "/",
                "t" => "/tasks",
                "w" => "/workers",
                "q" => "/broker",
                "s" => links::SCHEDULE,
                "a" => links::AUDIT,
                _ => return,
            };
            event.prevent_default();
            go(path);
            return;
        }
        match key.as_str() {
            "g" => self.chord.set_value(Some(js_sys::Date::now())),
            "p" => live.set_paused(!live.paused.get_untracked()),
            "?" => self.open(),
            "j" => move_focus(1),
            "k" => move_focus(-1),
            "x" => toggle_focused(false),
            "X" => toggle_focused(true),
            "/" => {
                event.prevent_default();
                if !focus_search() {
                    self.wants_search.set_value(true);
                    go("/tasks");
                }
            }
            _ => {}
        }
    }
}

/// Puts the focus into the page's search box, if it has one.
pub fn focus_search() -> bool {
    let found = document().query_selector("[data-search]");
    let input = found.ok().flatten().and_then(|found| found.dyn_into().ok());
    input.is_some_and(|input: HtmlElement| input.focus().is_ok())
}

/// Tells whether something stands over the page, which the keys are not about.
fn is_dialog_open() -> bool {
    let found = document().query_selector("dialog[open]");
    found.is_ok_and(|found| found.is_some())
}

fn is_typing(event: &KeyboardEvent) -> bool {
    let target = event
        .target()
        .and_then(|target| target.dyn_into::<HtmlElement>().ok());
    let is_box = target
        .as_ref()
        .and_then(|target| target.dyn_ref::<HtmlInputElement>())
        .is_some_and(|input| input.type_() == "checkbox");
    target.filter(|_| !is_box).is_some_and(|target| {
        target.is_content_editable()
            || matches!(target.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT")
    })
}

/// Moves the focus among the links and buttons that carry `data-row`, in the
/// page's order; among those of an open drawer if there is one.
fn move_focus(step: i32) {
    let has_drawer = document().query_selector(".drawer [data-row]");
    let rows = match has_drawer {
        Ok(Some(_)) => ".drawer [data-row]",
        _ => "main [data-row]",
    };
    let Ok(found) = document().query_selector_all(rows) else {
        return;
    };
    let rows: Vec<HtmlElement> = (0..found.length())
        .filter_map(|index| found.item(index)?.dyn_into().ok())
        // Elements without a box, such as those of a folded part, can't be focused.
        .filter(|row: &HtmlElement| row.offset_parent().is_some())
        .collect();
    let current = document().active_element().and_then(|active| {
        let active: &web_sys::Node = &active;
        rows.iter().position(|row| row.is_same_node(Some(active)))
    });
    let next = match current {
        Some(index) if step > 0 => index.saturating_add(1),
        Some(index) => index.saturating_sub(1),
        None => first_on_screen(&rows),
    };
    if let Some(row) = rows.get(next)
        && row.focus().is_err()
    {
        leptos::logging::warn!("the row can't take the focus");
    }
}

fn first_on_screen(rows: &[HtmlElement]) -> usize {
    // Below the top bar and a table's head.
    const COVERED_PIXELS: f64 = 76.0;
    rows.iter()
        .position(|row| row.get_bounding_client_rect().top() >= COVERED_PIXELS)
        .unwrap_or(0)
}

/// The list of keys.
#[component]
pub fn KeysDialog() -> impl IntoView {
    let keys = Keys::of_page();
    let dialog: NodeRef<html::Dialog> = NodeRef::new();
    Effect::new(move || {
        let Some(dialog) = dialog.get() else { return };
        if keys.is_open.get() && !dialog.open() && dialog.show_modal().is_err() {
            leptos::logging::error!("the list of keys can't be shown");
        }
    });
    let rows = HELP.map(|(keys, does)| {
        let keys = keys.iter().map(|key| view! { <kbd>{*key}</kbd> });
        view! {
            <div class="keys-row">
                <dt>{keys.collect_view()}</dt>
                <dd>{does}</dd>
            </div>
        }
    });
    view! {
        <dialog
            class="dialog"
            aria-labelledby="keys-title"
            node_ref=dialog
            on:close=move |_| keys.is_open.set(false)
        >
            <form method="dialog" class="dialog-head">
                <h2 id="keys-title">"Keys"</h2>
                <button class="button is-ghost">"Close"</button>
            </form>
            <dl class="keys-list">{rows.collect_view()}</dl>
        </dialog>
    }
    .into_any()
}
