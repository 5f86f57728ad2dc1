//! One command as a row; on small screens as a card of two lines.

use super::filter::result_word;
use crate::{
    components::{
        state_badge::StateGlyph,
        time::{Duration, Precision, Time},
    },
    links,
};
use leptos::prelude::*;
use model::{AuditEntry, AuditResult, CommandKind, Door, TaskState};

/// An outcome as glyph and word. Its shapes are those of states.
#[component]
pub(super) fn ResultBadge(
    /// The outcome.
    result: Signal<AuditResult>,
) -> impl IntoView {
    let state = Signal::derive(move || match result.get() {
        AuditResult::Running => TaskState::Started,
        AuditResult::Done => TaskState::Success,
        AuditResult::Partial => TaskState::Retry,
        AuditResult::Refused => TaskState::Rejected,
        AuditResult::Silent => TaskState::Unknown,
        AuditResult::Forbidden => TaskState::Revoked,
        AuditResult::Failed => TaskState::Failure,
    });
    let class = move || {
        let ending = state.with(crate::components::state_badge::class_of);
        format!("state-badge state-{ending}")
    };
    view! {
        <span class=class>
            <StateGlyph state />
            <span class="state-word">{move || result_word(result.get())}</span>
        </span>
    }
    .into_any()
}

/// A row of the log. Only its outcome changes.
#[component]
pub(super) fn AuditRow(row: ArcRwSignal<AuditEntry>) -> impl IntoView {
    let entry: RwSignal<AuditEntry> = row.into();
    let first = entry.get_untracked();
    let result = Memo::new(move |_| entry.with(|entry| entry.result));
    let message = Memo::new(move |_| entry.with(|entry| entry.message.clone()));
    let seconds = Memo::new(move |_| entry.with(|entry| entry.seconds));
    let door = match first.door {
        Door::Page => "page",
        Door::Api => "API",
    };
    let from = first.from.clone();
    let from_title = match &from {
        Some(from) => format!("{from}, by {door}"),
        None => format!("by {door}"),
    };
    let target = match target_href(first.command, &first.target) {
        Some(href) => view! { <a href=href data-row="">{first.target.clone()}</a> }.into_any(),
        None => first.target.clone().into_any(),
    };
    view! {
        <tr class="audit-row">
            <td class="col-time">
                <Time at=Some(first.at) precision=Precision::Seconds />
            </td>
            <td class="col-who" title=format!("{}, {}", first.caller, first.role)>
                {first.caller.clone()}
                <span class="quiet">{format!(" {}", first.role)}</span>
            </td>
            <td class="col-from" title=from_title>
                {from}
                <span class="quiet">{format!(" {door}")}</span>
            </td>
            <th scope="row" class="col-what">
                {first.command.as_str()}
            </th>
            <td class="col-target" title=first.target.clone()>
                {target}
            </td>
            <td class="col-result">
                <ResultBadge result=result.into() />
            </td>
            <td class="col-message" title=message>
                {message}
            </td>
            <td class="is-number col-seconds">
                <Duration seconds />
            </td>
        </tr>
    }
    .into_any()
}

/// The page of what a command was about, where it is one thing.
fn target_href(command: CommandKind, target: &str) -> Option<String> {
    // Lists of names and counts of tasks hold spaces; ids and names rarely do.
    if target.is_empty() || target.contains(char::is_whitespace) {
        return None;
    }
    match command {
        CommandKind::Revoke | CommandKind::Terminate | CommandKind::Abort | CommandKind::Retry => {
            Some(links::task(&target.into()))
        }
        CommandKind::Purge | CommandKind::PauseQueue | CommandKind::ResumeQueue => {
            Some(links::queue(&target.into()))
        }
        CommandKind::Ping
        | CommandKind::Shutdown
        | CommandKind::PoolRestart
        | CommandKind::PoolGrow
        | CommandKind::PoolShrink
        | CommandKind::Autoscale
        | CommandKind::EnableEvents
        | CommandKind::DisableEvents => Some(links::worker(&target.into())),
        CommandKind::RevokeByStampedHeaders
        | CommandKind::Send
        | CommandKind::Bulk
        | CommandKind::StopBulk
        | CommandKind::AddConsumer
        | CommandKind::CancelConsumer
        | CommandKind::RateLimit
        | CommandKind::TimeLimit
        | CommandKind::DeleteMessage
        | CommandKind::MoveMessages
        | CommandKind::UndoPurge
        | CommandKind::CleanUp
        | CommandKind::RunEntry => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_one_thing_leads_to_its_page() {
        let href = |command, target| target_href(command, target);
        assert_eq!(
            href(CommandKind::Retry, "a-b"),
            Some("/task/a-b".to_owned())
        );
        assert_eq!(
            href(CommandKind::Purge, "mail"),
            Some("/broker?queue=mail".to_owned())
        );
        assert_eq!(
            href(CommandKind::Ping, "celery@a"),
            Some("/worker/celery@a".to_owned())
        );
        assert_eq!(href(CommandKind::Revoke, "3 tasks"), None);
        assert_eq!(href(CommandKind::Ping, "all workers"), None);
        assert_eq!(href(CommandKind::Bulk, "x"), None);
    }
}
