//! Who did what: every command that somebody gave, and what came of it.

mod filter;
mod row;

use crate::{
    components::{
        chip::FilterTag,
        data_table::{OnScreen, PLAIN_ROWS, WindowedTable, whole_list},
        empty::{Empty, when_ready},
        export::{ExportMenu, columns_of},
        icon::{Glyph, Icon},
    },
    format::{count, thousands},
    links,
    live::picture,
};
use filter::{RESULTS, href};
use leptos::{html, prelude::*};
use leptos_meta::Title;
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
};
use model::{
    AuditEntry, AuditFilter, AuditLog, AuditResult, CommandKind, Topic, View, export::AuditColumn,
};
use row::{AuditRow, ResultBadge};

/// The page.
#[component]
pub fn AuditPage() -> impl IntoView {
    let picture = picture(Topic::Audit.into(), |view| match view {
        View::Audit(log) => Some(log.clone()),
        _ => None,
    });
    let query = use_query_map();
    let kept = Signal::derive(move || {
        query.with(|query| AuditFilter::from_query(|key| query.get_str(key)).to_pairs())
    });
    let caption = Memo::new(move |_| picture.data.with(|log| log.as_ref().map(caption)));
    let columns = columns_of::<AuditColumn>();
    view! {
        <Title text="Audit" />
        <div class="page-head">
            <h1>"Audit"</h1>
            <span class="page-caption">{caption}</span>
            <div class="page-actions">
                <ExportMenu
                    action="/api/v1/audit/export"
                    what="Commands"
                    kept
                    columns
                />
            </div>
        </div>
        {when_ready(picture, content)}
    }
    .into_any()
}

fn caption(log: &AuditLog) -> String {
    let kept = log.entries.len() as u64;
    let total = count(log.total, "command");
    if kept < log.total {
        format!("{total}, the newest {} kept", thousands(kept))
    } else {
        total
    }
}

fn content(log: Signal<AuditLog>) -> impl IntoView {
    let query = use_query_map();
    let filter =
        Memo::new(move |_| query.with(|query| AuditFilter::from_query(|key| query.get_str(key))));
    let is_empty = Memo::new(move |_| log.with(|log| log.entries.is_empty()));
    view! {
        <Show
            when=move || !is_empty.get()
            fallback=|| {
                view! {
                    <div class="card">
                        <Empty title="Nobody did anything yet">
                            <p>
                                "Every command is written down here: who gave it, from where, on what, and how it ended. What was refused is, too. Open a task, a worker or a queue to give one."
                            </p>
                        </Empty>
                    </div>
                }
            }
        >
            <Filters log filter />
            <Table log filter />
        </Show>
    }
    .into_any()
}

/// Text, result and command to narrow the list to.
#[component]
fn Filters(log: Signal<AuditLog>, filter: Memo<AuditFilter>) -> impl IntoView {
    let input: NodeRef<html::Input> = NodeRef::new();
    let select: NodeRef<html::Select> = NodeRef::new();
    let navigate = use_navigate();
    let text = Memo::new(move |_| filter.with(|filter| filter.text.clone()));
    let narrow = move || {
        let (Some(input), Some(select)) = (input.get_untracked(), select.get_untracked()) else {
            return;
        };
        let before = filter.get_untracked();
        let wanted = AuditFilter {
            text: input.value().trim().to_owned(),
            command: filter::command(&select.value()),
            ..before.clone()
        };
        if wanted != before {
            // Every letter is a new address, none worth going back to.
            let options = NavigateOptions {
                replace: true,
                scroll: false,
                ..NavigateOptions::default()
            };
            navigate(&href(&wanted), options);
        }
    };
    let (on_input, on_choose) = (narrow.clone(), narrow.clone());
    let on_submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        narrow();
    };
    // Those that were given, and the one that is asked for.
    let commands = Memo::new(move |_| {
        let mut commands: Vec<CommandKind> =
            log.with(|log| log.entries.iter().map(|entry| entry.command).collect());
        commands.extend(filter.with(|filter| filter.command));
        commands.sort_by_key(|command| command.as_str());
        commands.dedup();
        commands
    });
    let options = move || {
        let chosen = filter.with(|filter| filter.command);
        commands
            .get()
            .into_iter()
            .map(|command| {
                view! {
                    <option value=command.as_str() selected=chosen == Some(command)>
                        {command.as_str()}
                    </option>
                }
            })
            .collect_view()
    };
    let kept = move || {
        let result = filter.with(|filter| filter.result)?;
        Some(view! { <input type="hidden" name="result" value=filter::result_name(result) /> })
    };
    view! {
        <div class="filters audit-filters">
            <search>
                <form class="audit-form" action=links::AUDIT method="get" on:submit=on_submit>
                    <span class="search-box">
                        <Icon glyph=Glyph::Search />
                        <input
                            node_ref=input
                            type="search"
                            name="q"
                            data-search
                            aria-label="Narrow the audit log"
                            placeholder="who, what, on what, outcome"
                            autocomplete="off"
                            autocapitalize="off"
                            spellcheck="false"
                            value=text.get_untracked()
                            prop:value=move || text.get()
                            on:input=move |_| on_input()
                        />
                        <kbd class="search-key with-script">"/"</kbd>
                    </span>
                    <select
                        node_ref=select
                        class="select"
                        name="command"
                        aria-label="Command"
                        on:change=move |_| on_choose()
                    >
                        <option value="" selected=move || filter.with(|f| f.command.is_none())>
                            "every command"
                        </option>
                        {options}
                    </select>
                    {kept}
                    <button class="button without-script">"Apply"</button>
                </form>
            </search>
            <nav class="chips" aria-label="Outcomes">
                <ResultChip log filter result=None />
                {RESULTS
                    .map(|(result, ..)| view! { <ResultChip log filter result=Some(result) /> })
                    .collect_view()}
            </nav>
        </div>
    }
    .into_any()
}

/// An outcome with its count; a link that narrows the list to it.
#[component]
fn ResultChip(
    log: Signal<AuditLog>,
    filter: Memo<AuditFilter>,
    result: Option<AuditResult>,
) -> impl IntoView {
    let wanted = move || AuditFilter {
        result,
        ..filter.get()
    };
    let number = Memo::new(move |_| {
        let wanted = wanted();
        log.with(|log| log.entries.iter().filter(|e| wanted.shows(e)).count())
    });
    let is_on = Memo::new(move |_| filter.with(|filter| filter.result == result));
    let word = match result {
        Some(result) => view! { <ResultBadge result=Signal::stored(result) /> }.into_any(),
        None => view! { <span class="chip-word">"All"</span> }.into_any(),
    };
    view! {
        <a
            class="chip"
            class:is-on=move || is_on.get()
            class:is-zero=move || number.get() == 0
            aria-current=move || is_on.get().then_some("true")
            href=move || filter::href(&wanted())
            data-noscroll=""
        >
            {word}
            <span class="chip-count">{move || thousands(number.get() as u64)}</span>
        </a>
    }
    .into_any()
}

#[component]
fn Table(log: Signal<AuditLog>, filter: Memo<AuditFilter>) -> impl IntoView {
    let shown: Memo<Vec<AuditEntry>> = Memo::new(move |_| {
        let filter = filter.get();
        log.with(|log| {
            let shown = log.entries.iter().filter(|entry| filter.shows(entry));
            shown.cloned().collect()
        })
    });
    let (rows, loaded) = whole_list(shown);
    let on_screen = RwSignal::new(OnScreen::START);
    let has_focus = RwSignal::new(false);
    let is_none = Memo::new(move |_| shown.with(Vec::is_empty));
    let is_cut = Memo::new(move |_| shown.with(|shown| shown.len() > PLAIN_ROWS));
    let tags = move || {
        filter.with(|filter| {
            let command = filter.command?;
            let without = AuditFilter {
                command: None,
                ..filter.clone()
            };
            Some(view! { <FilterTag name="command" value=command.as_str() href=href(&without) /> })
        })
    };
    let head = view! {
        <tr>
            <th scope="col" class="col-time" aria-sort="descending">"Time"</th>
            <th scope="col" class="col-who">"Who"</th>
            <th scope="col" class="col-from">"From"</th>
            <th scope="col" class="col-what">"What"</th>
            <th scope="col" class="col-target">"On what"</th>
            <th scope="col" class="col-result">"Outcome"</th>
            <th scope="col" class="col-message">
                <span class="visually-hidden">"Outcome in words"</span>
            </th>
            <th scope="col" class="is-number col-seconds">"Took"</th>
        </tr>
    }
    .into_any();
    view! {
        <div class="filter-tags">{tags}</div>
        <div class="card table-card audit-table">
            <WindowedTable
                rows
                loaded
                row=|row| view! { <AuditRow row /> }.into_any()
                caption="Commands, the newest first"
                blank=|| view! { <tr class="audit-row"><td colspan="8"></td></tr> }.into_any()
                on_screen
                has_focus
                head
            />
            <Show when=move || is_none.get()>
                <Empty title="No command matches">
                    <p>"No command that is kept has everything that is asked for."</p>
                    <div class="empty-acts">
                        <a class="button" href=links::AUDIT>
                            "Show all"
                        </a>
                    </div>
                </Empty>
            </Show>
            <Show when=move || is_cut.get()>
                <p class="card-note without-script">
                    {format!(
                        "The newest {} are shown; the others need JavaScript.",
                        thousands(PLAIN_ROWS as u64),
                    )}
                </p>
            </Show>
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caption_tells_what_is_kept() {
        let mut log = AuditLog::default();
        assert_eq!(caption(&log), "0 commands");
        log.entries = vec![filter::tests::entry(1)];
        log.total = 1;
        assert_eq!(caption(&log), "1 command");
        log.total = 1_204;
        assert_eq!(caption(&log), "1,204 commands, the newest 1 kept");
    }
}
