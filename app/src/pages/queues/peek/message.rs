//! One message: what it says, and what can be done with it.

use super::{super::acts::QueueActs, Peek};
use crate::{
    components::{
        card::Tag,
        copy::CopyButton,
        dialog::{Dialog, DialogError},
        facts::{Fact, FactList},
        icon::{Glyph, Icon},
        note::Note,
        time::Time,
        tree::{Node, Tree},
    },
    format::{bytes, thousands},
    links,
    steer::{Act, may},
};
use leptos::prelude::*;
use model::{Command, CommandKind, JsonText, WaitingMessage, repr};

/// The message that is current.
#[component]
pub(super) fn MessagePart(peek: Peek, name: Memo<String>, offset: Memo<u64>) -> impl IntoView {
    let message = Memo::new(move |_| {
        let current = peek.current.get();
        peek.seen.with(|seen| match seen {
            Some(Ok(peek)) => peek.messages.get(current).cloned(),
            _ => None,
        })
    });
    let place = move || {
        let place = offset.get().saturating_add(peek.current.get() as u64 + 1);
        format!("Message {}", thousands(place))
    };
    view! {
        <section class="message" aria-label="Message">
            {move || {
                let message = message.get()?;
                let caption = format!("{}, {}", encoding(&message), bytes(message.bytes));
                let copied = format!(
                    "{}\n{}",
                    message.args.clone().unwrap_or_default(),
                    message.kwargs.clone().unwrap_or_default(),
                );
                let tag = message.tag.clone().filter(|_| may(CommandKind::DeleteMessage));
                let what = what(&message);
                Some(
                    view! {
                        <header class="message-head">
                            <h3>{place}</h3>
                            <span class="card-caption">{caption}</span>
                            <div class="message-acts">
                                <CopyButton text=copied label="Copy arguments" />
                                {tag.map(|tag| view! { <DeleteButton tag name what /> })}
                            </div>
                        </header>
                        <Content message />
                    },
                )
            }}
        </section>
    }
    .into_any()
}

/// How its body is written: `json` for `application/json`.
fn encoding(message: &WaitingMessage) -> String {
    let kind = message.content_type.as_str();
    let short = kind.strip_prefix("application/").unwrap_or(kind);
    let short = short.strip_prefix("x-").unwrap_or(short);
    if short.is_empty() {
        "encoding unknown".to_owned()
    } else {
        short.to_owned()
    }
}

/// What a message is, for the question before it is deleted.
fn what(message: &WaitingMessage) -> String {
    match (&message.name, &message.id) {
        (Some(name), Some(id)) => format!("{name} ({id})"),
        (Some(name), None) => name.to_string(),
        (None, Some(id)) => format!("task {id}"),
        (None, None) => "a message that could not be read".to_owned(),
    }
}

#[component]
fn Content(message: WaitingMessage) -> impl IntoView {
    let problem = message
        .problem
        .clone()
        .map(|words| view! { <Note class="message-note">{words}</Note> });
    let task = message.name.clone().map(|name| {
        view! {
            <Fact label="Task">
                <a href=links::tasks_of_type(&name)>{name.to_string()}</a>
            </Fact>
        }
    });
    let id = message.id.clone().map(|id| {
        view! {
            <Fact label="Id">
                <a class="mono" href=links::task(&id)>
                    {id.to_string()}
                </a>
            </Fact>
        }
    });
    let since = message.since.map(|since| {
        let label = if message.is_since_exact {
            "Sent"
        } else {
            "First seen"
        };
        view! {
            <Fact label>
                <Time at=Some(since) />
            </Fact>
        }
    });
    let eta = message.eta.map(|eta| {
        view! {
            <Fact label="ETA">
                <Time at=Some(eta) />
            </Fact>
        }
    });
    let expires = message.expires.map(|expires| {
        view! {
            <Fact label="Expires">
                <Time at=Some(expires) />
            </Fact>
        }
    });
    let retries = (message.retries > 0).then(|| {
        view! { <Fact label="Retries">{thousands(u64::from(message.retries))}</Fact> }
    });
    let redelivered = message.is_redelivered.then(|| {
        view! {
            <Fact label="Redelivered">
                <span title="A worker took it before and did not acknowledge it">
                    <Tag kind="warn">"yes"</Tag>
                </span>
            </Fact>
        }
    });
    let origin = message
        .origin
        .clone()
        .map(|origin| view! { <Fact label="Sent by">{origin}</Fact> });
    view! {
        {problem}
        <FactList>
            {task} {id}
            <Fact label="Priority step">{message.step.to_string()}</Fact>
            {since} {eta} {expires} {retries} {redelivered} {origin}
        </FactList>
        <Arguments label="args" text=message.args.clone() is_repr=message.is_text />
        <Arguments label="kwargs" text=message.kwargs.clone() is_repr=message.is_text />
    }
    .into_any()
}

/// Arguments as a tree: JSON of the body, or Python's text of the headers.
#[component]
fn Arguments(label: &'static str, text: Option<String>, is_repr: bool) -> impl IntoView {
    let content = match &text {
        None => view! { <p class="code-absent">"unknown"</p> }.into_any(),
        Some(text) => {
            let json = (!is_repr).then(|| JsonText::parse(text).ok()).flatten();
            let node = match &json {
                Some(json) => Node::from(json),
                None => Node::from(&repr::parse(text).root),
            };
            view! { <Tree value=node /> }.into_any()
        }
    };
    view! {
        <div class="code-part">
            <h4>
                {label}
                {is_repr.then(|| view! { <span class="quiet">" as text, from its headers"</span> })}
            </h4>
            {content}
        </div>
    }
    .into_any()
}

#[component]
fn DeleteButton(tag: String, name: Memo<String>, what: String) -> impl IntoView {
    let is_asked = RwSignal::new(false);
    let (act, acts) = (Act::new(), QueueActs::of_page());
    let words = StoredValue::new((tag, what));
    let delete = move |_| {
        let command = Command::DeleteMessage {
            queue: name.get_untracked().into(),
            tag: words.with_value(|(tag, _)| tag.clone()),
        };
        act.run_in_dialog_then(command, move || acts.changed(), move || is_asked.set(false));
    };
    view! {
        <button
            class="button is-ghost is-icon is-danger"
            type="button"
            aria-label="Delete message…"
            title="Delete message…"
            on:click=move |_| is_asked.set(true)
        >
            <Icon glyph=Glyph::Trash />
        </button>
        <Dialog
            id="delete-title"
            title="Delete one message"
            is_open=is_asked
            on_close=Callback::new(move |()| is_asked.set(false))
        >
            <div class="dialog-form">
                <div class="dialog-body">
                    <p>
                        {move || {
                            words.with_value(|(_, what)| {
                                format!("{what} is taken out of {} and does not run.", name.get())
                            })
                        }}
                    </p>
                    <p>"It can’t be taken back."</p>
                    <DialogError error=act.error />
                </div>
                <footer class="dialog-foot">
                    <span class="dialog-note">"Recorded in the audit log"</span>
                    <button
                        class="button"
                        type="button"
                        on:click=move |_| is_asked.set(false)
                    >
                        "Cancel"
                    </button>
                    <button
                        class="button is-danger-primary"
                        type="button"
                        disabled=move || act.is_busy()
                        on:click=delete
                    >
                        "Delete 1 message"
                    </button>
                </footer>
            </div>
        </Dialog>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(content_type: &str) -> WaitingMessage {
        WaitingMessage {
            tag: Some("t".to_owned()),
            step: 0,
            id: Some("a-b".into()),
            name: Some("shop.send".into()),
            args: None,
            kwargs: None,
            is_text: false,
            eta: None,
            expires: None,
            retries: 0,
            is_redelivered: false,
            since: None,
            is_since_exact: false,
            bytes: 1,
            content_type: content_type.to_owned(),
            origin: None,
            problem: None,
        }
    }

    #[test]
    fn the_encoding_is_written_short() {
        assert_eq!(encoding(&message("application/json")), "json");
        assert_eq!(
            encoding(&message("application/x-python-serialize")),
            "python-serialize"
        );
        assert_eq!(encoding(&message("")), "encoding unknown");
    }

    #[test]
    fn a_message_is_named_by_what_is_known_of_it() {
        let mut one = message("");
        assert_eq!(what(&one), "shop.send (a-b)");
        one.name = None;
        assert_eq!(what(&one), "task a-b");
        one.id = None;
        assert_eq!(what(&one), "a message that could not be read");
    }
}
