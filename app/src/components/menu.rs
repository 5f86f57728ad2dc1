//! A menu of acts: the browser's own popover, which closes with Escape and with
//! a click elsewhere, and is not cut off by the table it is in.

use super::icon::{Glyph, Icon};
use leptos::{ev::MouseEvent, html, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};

/// Pixels between the button and the menu.
const DISTANCE: f64 = 4.0;

/// A button with three dots that opens a menu.
#[component]
pub fn Menu(
    /// An id that nothing else on the page has.
    id: String,
    /// What the acts are about, for screen readers.
    #[prop(into)]
    label: String,
    /// The items.
    children: Children,
) -> impl IntoView {
    let menu: NodeRef<html::Div> = NodeRef::new();
    let place = move |event: MouseEvent| {
        let button = event
            .current_target()
            .and_then(|button| button.dyn_into::<Element>().ok());
        if let (Some(button), Some(menu)) = (button, menu.get_untracked())
            && place(&menu, &button).is_err()
        {
            leptos::logging::warn!("the menu can't be placed");
        }
    };
    let target = id.clone();
    let described = label.clone();
    view! {
        <button
            class="button is-ghost is-icon menu-button with-script"
            type="button"
            aria-label=label
            title="More"
            popovertarget=target
            on:click=place
        >
            <Icon glyph=Glyph::More />
        </button>
        <div class="float act-menu" id=id popover="auto" role="group" aria-label=described node_ref=menu>
            {children()}
        </div>
    }
    .into_any()
}

/// Puts the menu below its button, or above it where there is no room.
fn place(menu: &HtmlElement, button: &Element) -> Result<(), wasm_bindgen::JsValue> {
    let button = button.get_bounding_client_rect();
    let size = |value: Result<wasm_bindgen::JsValue, _>| {
        value.ok().and_then(|value| value.as_f64()).unwrap_or(800.0)
    };
    let (width, height) = (size(window().inner_width()), size(window().inner_height()));
    let is_low = button.bottom() > height * 0.6;
    let (top, bottom) = if is_low {
        let bottom = height - button.top() + DISTANCE;
        ("auto".to_owned(), format!("{bottom}px"))
    } else {
        (
            format!("{}px", button.bottom() + DISTANCE),
            "auto".to_owned(),
        )
    };
    let style = menu.style();
    style.set_property("top", &top)?;
    style.set_property("bottom", &bottom)?;
    style.set_property("right", &format!("{}px", (width - button.right()).max(8.0)))
}

/// An act of a menu.
#[component]
pub fn MenuItem(
    /// What it is called.
    label: &'static str,
    /// Whether something is lost by it.
    #[prop(optional)]
    is_dangerous: bool,
    /// Does it.
    on_press: Callback<()>,
) -> impl IntoView {
    let press = move |event: MouseEvent| {
        // Closed first, so that a dialog gives the focus back to the menu's button.
        let item = event
            .current_target()
            .and_then(|item| item.dyn_into::<Element>().ok());
        let menu = item.and_then(|item| item.closest("[popover]").ok().flatten());
        if let Some(menu) = menu.and_then(|menu| menu.dyn_into::<HtmlElement>().ok())
            && menu.hide_popover().is_err()
        {
            leptos::logging::warn!("the menu was closed already");
        }
        on_press.run(());
    };
    view! {
        <button class="act-item" class:is-danger=is_dangerous type="button" on:click=press>
            {label}
        </button>
    }
    .into_any()
}
