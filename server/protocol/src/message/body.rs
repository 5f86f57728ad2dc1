//! What is in the body of a task message: the arguments, and what comes after.

use crate::{DecodeError, DecodeErrorKind, envelope::Envelope, json};
use model::TaskName;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use std::{borrow::Cow, collections::HashMap};

/// The body of a task message, every part as JSON text.
///
/// Texts of JSON bodies are as the sender wrote them, so that numbers keep
/// their digits and a task can be sent again with the very same arguments;
/// what only Python's dialect knows is rewritten. What JSON has no type for is
/// `{"__type__": …, "__value__": …}`, as kombu writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskBody {
    /// The positional arguments, a list.
    pub args: String,
    /// The keyword arguments, an object.
    pub kwargs: String,
    /// Signatures to call when the task succeeded, a list.
    pub callbacks: Option<String>,
    /// Signatures to call when the task failed, a list.
    pub errbacks: Option<String>,
    /// Signatures that follow the task, a list whose **last** is the next.
    pub chain: Option<String>,
    /// The signature to call when the task's group is done.
    pub chord: Option<String>,
}

/// Texts of the fields of an object; of one that comes twice the last counts.
#[derive(Default, Deserialize)]
struct Fields<'a>(#[serde(borrow)] HashMap<String, &'a RawValue>);

impl Fields<'_> {
    fn json(&self, name: &str) -> Option<String> {
        let raw = self.0.get(name)?.get();
        (raw != "null").then(|| raw.to_owned())
    }
}

impl TaskBody {
    /// Opens the body of a message of either protocol: `[args, kwargs, embed]`,
    /// or before Celery 4 an object that has these among the headers.
    pub(super) fn read(envelope: &Envelope) -> Result<Self, DecodeError> {
        let text = envelope.json_text()?;
        let strict = json::to_strict(&text);
        parse(&strict).map_err(|kind| kind.at(&envelope.body))
    }

    /// Returns the names of the tasks that follow in the chain, the next one first.
    pub fn chain_tasks(&self) -> Vec<TaskName> {
        let chain = self.chain.as_deref().unwrap_or_default();
        let signatures = match json::parse_value(chain.as_bytes()) {
            Ok(Value::Array(signatures)) => signatures,
            _ => Vec::new(),
        };
        let names = signatures.iter().rev().filter_map(|signature| {
            let name = signature.get("task")?.as_str()?;
            Some(TaskName::from(name))
        });
        names.collect()
    }
}

fn parse(text: &str) -> Result<TaskBody, DecodeErrorKind> {
    let broken = |error: serde_json::Error| DecodeErrorKind::NotJson(error.to_string());
    if text.trim_start().starts_with('{') {
        let fields: Fields<'_> = serde_json::from_str(text).map_err(broken)?;
        if !fields.0.contains_key("task") {
            return Err(DecodeErrorKind::Missing("task"));
        }
        let json = |name, otherwise: &str| fields.json(name).unwrap_or(otherwise.to_owned());
        return Ok(TaskBody::new(
            json("args", "[]"),
            json("kwargs", "{}"),
            &fields,
        ));
    }
    let parts: Vec<&RawValue> = match serde_json::from_str(text) {
        Ok(parts) => parts,
        Err(error) if error.is_data() => {
            return Err(DecodeErrorKind::Unexpected(
                "a list of arguments and options",
            ));
        }
        Err(error) => return Err(broken(error)),
    };
    let [args, kwargs, rest @ ..] = parts.as_slice() else {
        return Err(DecodeErrorKind::Unexpected(
            "a list of arguments and options",
        ));
    };
    let embed = rest
        .first()
        .and_then(|embed| serde_json::from_str(embed.get()).ok())
        .unwrap_or_default();
    Ok(TaskBody::new(args.get(), kwargs.get(), &embed))
}

impl TaskBody {
    fn new<'a>(
        args: impl Into<Cow<'a, str>>,
        kwargs: impl Into<Cow<'a, str>>,
        embed: &Fields<'_>,
    ) -> Self {
        Self {
            args: args.into().into_owned(),
            kwargs: kwargs.into().into_owned(),
            callbacks: embed.json("callbacks"),
            errbacks: embed.json("errbacks"),
            chain: embed.json("chain"),
            chord: embed.json("chord"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_protocols_are_read() {
        let body = parse(
            r#"[[1, 1.50], {"a": {"__type__": "date", "__value__": "2026-11-20"}}, {"callbacks": null, "errbacks": [], "chain": [{"task": "c"}, 5, {"task": "b"}], "chord": {"task": "d"}}]"#,
        )
        .expect("a body");
        assert_eq!(body.args, "[1, 1.50]");
        assert!(body.kwargs.contains("__type__"));
        assert_eq!(body.callbacks, None);
        assert_eq!(body.errbacks.as_deref(), Some("[]"));
        assert_eq!(body.chord.as_deref(), Some(r#"{"task": "d"}"#));
        assert_eq!(
            body.chain_tasks(),
            [TaskName::from("b"), TaskName::from("c")]
        );
        let body =
            parse(r#"{"task": "a", "args": [2], "kwargs": null, "args": [3], "chord": null}"#)
                .expect("a body");
        assert_eq!((body.args.as_str(), body.kwargs.as_str()), ("[3]", "{}"));
        assert_eq!(body.chain_tasks(), []);
        let body = parse("[[], {}]").expect("a body");
        assert_eq!(body.chain, None);
    }

    #[test]
    fn other_bodies_are_errors() {
        for text in ["", "5", "[", "[1]", "\"x\"", "{}", "{\"args\": []}", "null"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
