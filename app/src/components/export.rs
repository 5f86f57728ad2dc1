//! Taking what a list shows away as a file: a form that asks in which format
//! and columns. The browser downloads what the server answers, so it works
//! without scripts, too.

use super::icon::{Glyph, Icon};
use leptos::{ev::SubmitEvent, html, prelude::*};
use model::export::{Column, ExportFormat};

/// A column that may be chosen, and whether it is chosen at first.
pub type ColumnChoice = (&'static str, bool);

/// Returns the columns of a kind of row.
pub fn columns_of<C: Column>() -> Vec<ColumnChoice> {
    let is_default = |name: &str| C::DEFAULT.iter().any(|column| column.as_str() == name);
    C::ALL
        .iter()
        .map(|column| (column.as_str(), is_default(column.as_str())))
        .collect()
}

/// A button that opens the form.
#[component]
pub fn ExportMenu(
    /// The address that answers with the file.
    action: &'static str,
    /// What is exported, such as `Tasks`.
    what: &'static str,
    /// What narrows and sorts the list, as parameters of its address.
    kept: Signal<Vec<(&'static str, String)>>,
    /// The columns there are.
    columns: Vec<ColumnChoice>,
) -> impl IntoView {
    let menu: NodeRef<html::Details> = NodeRef::new();
    let close = move |_: SubmitEvent| {
        if let Some(menu) = menu.get_untracked() {
            menu.set_open(false);
        }
    };
    let formats = ExportFormat::ALL.map(|format| {
        let is_first = format == ExportFormat::default();
        view! {
            <option value=format.as_str() selected=is_first>
                {format.label()}
            </option>
        }
    });
    let columns = columns
        .into_iter()
        .map(|(name, is_chosen)| {
            view! {
                <label class="export-column">
                    <input type="checkbox" name="columns" value=name checked=is_chosen />
                    <code>{name}</code>
                </label>
            }
        })
        .collect_view();
    let kept = move || {
        let field = |(name, value)| view! { <input type="hidden" name=name value=value /> };
        kept.get().into_iter().map(field).collect_view()
    };
    view! {
        <details class="menu export" node_ref=menu>
            <summary class="button">
                <Icon glyph=Glyph::Repaired />
                "Export"
            </summary>
            <form
                class="float menu-body"
                action=action
                method="get"
                aria-label=format!("Export {}", what.to_lowercase())
                on:submit=close
            >
                <label class="field">
                    <span>"Format"</span>
                    <select name="format">{formats}</select>
                </label>
                <label class="field">
                    <span>{what} ", at most"</span>
                    <input
                        type="number"
                        name="rows"
                        min="1"
                        step="1"
                        placeholder="all that match"
                        inputmode="numeric"
                        autocomplete="off"
                    />
                </label>
                <fieldset class="export-columns">
                    <legend>"Columns"</legend>
                    <div class="export-list">{columns}</div>
                </fieldset>
                {kept}
                <button class="button is-primary">"Download"</button>
            </form>
        </details>
    }
    .into_any()
}
