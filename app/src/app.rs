//! The frame of every page, and which address shows which page.

use crate::{
    components::{
        banner::Banners,
        bulk_card::BulkCards,
        keys::{Keys, KeysDialog},
        question::QuestionDialog,
        rail::Rail,
        retry_dialog::RetryDialog,
        task_form::TaskFormDialog,
        toast::ToastStack,
        top_bar::TopBar,
    },
    live::Live,
    pages::{
        audit::AuditPage, gaps::GapsPage, not_found::NotFoundPage, overview::OverviewPage,
        queues::QueuesPage, schedule::SchedulePage, task::TaskPage, tasks::TasksPage,
        undecodable::UndecodablePage, worker::WorkerPage, workers::WorkersPage,
    },
    prefs::Prefs,
    steer::Steering,
};
use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::{
    SsrMode,
    components::{Route, Router, Routes},
    path,
};

/// The application.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    Prefs::provide();
    view! {
        <Title formatter=|page: String| {
            if page.is_empty() { "Celeriac".to_owned() } else { format!("{page} · Celeriac") }
        } />
        <Router>
            <Frame />
        </Router>
    }
    .into_any()
}

/// Rail, top bar, banners, and the page between them.
#[component]
fn Frame() -> impl IntoView {
    let prefs = Prefs::of_page();
    Live::provide();
    Keys::provide();
    Steering::provide();
    // Every page is whole in its first HTML, so that it can be read without scripts.
    let whole = SsrMode::Async;
    view! {
        <div class="frame" class:is-mounted=move || prefs.is_mounted()>
            <a class="skip-link" href="#main" rel="external">
                "Skip to content"
            </a>
            <Rail />
            <div class="frame-body">
                <TopBar />
                <main class="main" id="main" tabindex="-1">
                    <Banners />
                    <Routes fallback=|| view! { <NotFoundPage /> }.into_any()>
                        <Route path=path!("/") view=OverviewPage ssr=whole.clone() />
                        <Route path=path!("/tasks") view=TasksPage ssr=whole.clone() />
                        <Route path=path!("/task/:id") view=TaskPage ssr=whole.clone() />
                        <Route path=path!("/workers") view=WorkersPage ssr=whole.clone() />
                        <Route path=path!("/worker/:name") view=WorkerPage ssr=whole.clone() />
                        <Route path=path!("/broker") view=QueuesPage ssr=whole.clone() />
                        <Route path=path!("/queues") view=QueuesPage ssr=whole.clone() />
                        <Route path=path!("/schedule") view=SchedulePage ssr=whole.clone() />
                        <Route path=path!("/audit") view=AuditPage ssr=whole.clone() />
                        <Route path=path!("/gaps") view=GapsPage ssr=whole.clone() />
                        <Route
                            path=path!("/undecodable")
                            view=UndecodablePage
                            ssr=whole.clone()
                        />
                    </Routes>
                </main>
            </div>
            <KeysDialog />
            <QuestionDialog />
            <RetryDialog />
            <TaskFormDialog />
            <div class="corner">
                <BulkCards />
                <ToastStack />
            </div>
        </div>
    }
    .into_any()
}
