//! The page for an address that leads nowhere.

use crate::{components::empty::Empty, live, server_fns::set_status};
use leptos::prelude::*;
use leptos_meta::Title;

/// Says that there is no such page, and what there is.
#[component]
pub fn NotFoundPage() -> impl IntoView {
    set_status(404);
    live::frame_alone();
    view! {
        <Title text="No such page" />
        <div class="page-head">
            <h1>"No such page"</h1>
        </div>
        <div class="card">
            <Empty title="This address leads nowhere">
                <p>
                    "Flower’s addresses work here: "
                    <code>"/workers"</code>
                    ", "
                    <code>"/worker/<name>"</code>
                    ", "
                    <code>"/tasks"</code>
                    ", "
                    <code>"/task/<id>"</code>
                    " and "
                    <code>"/broker"</code>
                    "."
                </p>
                <div class="empty-acts">
                    <a class="button" href="/">
                        "Go to Overview"
                    </a>
                </div>
            </Empty>
        </div>
    }
    .into_any()
}
