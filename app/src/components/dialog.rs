//! What stands over a page until it is answered: the browser's own dialog, which
//! keeps the focus inside, closes with Escape and gives the focus back.

use super::icon::{Glyph, Icon};
use leptos::{html, prelude::*};
use model::WireError;

/// A dialog. Its content exists only while it is open.
#[component]
pub fn Dialog(
    /// The id of its title.
    id: &'static str,
    /// What it is about.
    #[prop(into)]
    title: Signal<String>,
    /// What it means, below the title.
    #[prop(into, optional)]
    caption: Signal<String>,
    /// Whether it is open.
    #[prop(into)]
    is_open: Signal<bool>,
    /// Called when it is closed, by whichever way.
    on_close: Callback<()>,
    /// Whether it has room for two columns.
    #[prop(optional)]
    is_wide: bool,
    /// The content; the last part has the class `dialog-foot`.
    children: ChildrenFn,
) -> impl IntoView {
    let dialog: NodeRef<html::Dialog> = NodeRef::new();
    Effect::new(move || {
        let Some(dialog) = dialog.get() else { return };
        if !is_open.get() {
            dialog.close();
        } else if !dialog.open() {
            // The browser looks for what to focus when it opens, so the content must be there.
            request_animation_frame(move || {
                if is_open.try_get_untracked() == Some(true)
                    && !dialog.open()
                    && dialog.show_modal().is_err()
                {
                    leptos::logging::error!("the dialog can't be shown");
                }
            });
        }
    });
    view! {
        <dialog
            class="dialog"
            class:is-wide=is_wide
            aria-labelledby=id
            node_ref=dialog
            on:close=move |_| on_close.run(())
        >
            <Show when=move || is_open.get()>
                <div class="dialog-head">
                    <div>
                        <h2 id=id>{title}</h2>
                        <Show when=move || caption.with(|caption| !caption.is_empty())>
                            <p class="dialog-caption">{caption}</p>
                        </Show>
                    </div>
                    <button
                        class="button is-ghost is-icon"
                        type="button"
                        aria-label="Close"
                        on:click=move |_| on_close.run(())
                    >
                        <Icon glyph=Glyph::Close />
                    </button>
                </div>
                {children()}
            </Show>
        </dialog>
    }
    .into_any()
}

/// Why the act of a dialog came to nothing.
#[component]
pub fn DialogError(
    /// The error.
    #[prop(into)]
    error: Signal<Option<WireError>>,
) -> impl IntoView {
    view! {
        <div role="alert">
            {move || {
                error
                    .get()
                    .map(|error| {
                        view! {
                            <p class="dialog-error">
                                <Icon glyph=Glyph::Warning />
                                <span>{error.message}</span>
                            </p>
                        }
                    })
            }}
        </div>
    }
    .into_any()
}
