//! A button that copies a text.

use crate::components::icon::{Glyph, Icon};
use leptos::prelude::*;
use std::time::Duration;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::HtmlTextAreaElement;

/// A button that copies `text` and says so for a moment.
#[component]
pub fn CopyButton(
    /// What is copied.
    #[prop(into)]
    text: Signal<String>,
    /// What the button is called; screen readers hear it, and it is written if `is_labelled`.
    label: &'static str,
    /// Whether the name is written beside the icon.
    #[prop(optional)]
    is_labelled: bool,
) -> impl IntoView {
    let said = RwSignal::new(None);
    let copy = move |_| {
        let text = text.get_untracked();
        leptos::task::spawn_local(async move {
            let words = if write(&text).await {
                "copied"
            } else {
                "not copied"
            };
            if said.try_set(Some(words)).is_some() {
                return;
            }
            set_timeout(
                move || {
                    // The button may be gone by then, and its word with it.
                    let _gone = said.try_set(None);
                },
                Duration::from_millis(1_500),
            );
        });
    };
    let glyph = Signal::derive(move || {
        if said.get() == Some("copied") {
            Glyph::Check
        } else {
            Glyph::Copy
        }
    });
    view! {
        <span class="copy with-script">
            <button
                class="button is-ghost"
                class:is-icon=!is_labelled
                type="button"
                aria-label=label
                title=label
                on:click=copy
            >
                <Icon glyph=glyph />
                {is_labelled.then_some(label)}
            </button>
            <span class="copy-said" role="status">
                {move || said.get()}
            </span>
        </span>
    }
    .into_any()
}

/// Writes to the clipboard. Browsers offer it on HTTPS and localhost only;
/// elsewhere the old way through a selected text field still works.
async fn write(text: &str) -> bool {
    let navigator = window().navigator();
    let has_clipboard = js_sys::Reflect::get(&navigator, &JsValue::from_str("clipboard"))
        .is_ok_and(|clipboard| clipboard.is_object());
    if has_clipboard {
        let written = JsFuture::from(navigator.clipboard().write_text(text)).await;
        if written.is_ok() {
            return true;
        }
    }
    write_through_selection(text).unwrap_or(false)
}

fn write_through_selection(text: &str) -> Result<bool, JsValue> {
    let document = document();
    let area = document
        .create_element("textarea")?
        .dyn_into::<HtmlTextAreaElement>()?;
    area.set_value(text);
    let body = document.body().ok_or(JsValue::NULL)?;
    body.append_child(&area)?;
    area.select();
    let command = js_sys::Reflect::get(&document, &JsValue::from_str("execCommand"))?;
    let done = command
        .dyn_into::<js_sys::Function>()?
        .call1(&document, &JsValue::from_str("copy"));
    area.remove();
    Ok(done?.is_truthy())
}
