//! Remote control: requests to workers and their replies.

use crate::{DecodeError, DecodeErrorKind, Keyspace, envelope::Envelope, verbatim::members};
use model::{Timestamp, WorkerName};
use serde_json::{Value, json};

/// Commands that are never sent, with what they would do.
const REFUSED: [(&str, &str); 3] = [
    (
        "election",
        // `kombu/clocks.py sort_heap` raises IndexError in the worker's main loop.
        "it can end workers with an IndexError",
    ),
    ("hello", "it is for workers among themselves"),
    ("objgraph", "it writes files on the worker's machine"),
];

/// A request to workers.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The command, such as `ping`.
    pub method: String,
    /// Its arguments, an object.
    pub arguments: Value,
    /// The workers that are to answer; all if absent.
    pub destination: Option<Vec<WorkerName>>,
    /// What the replies carry to tell to which request they belong; also the message's own id.
    pub ticket: String,
    /// The list that replies go to; without it workers do not answer.
    pub reply_key: Option<String>,
}

/// A request that must not be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The command does harm.
    #[error("the command `{method}` is not sent: {reason}")]
    Refused {
        /// The command.
        method: &'static str,
        /// What it would do.
        reason: &'static str,
    },
    /// An empty list of workers, which workers take for all of them
    /// (`kombu/pidbox.py Node.handle_message`).
    #[error("the list of workers is empty")]
    NoDestination,
    /// Arguments that are not an object.
    #[error("the arguments of `{0}` are not an object")]
    BadArguments(String),
}

/// Returns the message to PUBLISH on [`Keyspace::control_channel`].
///
/// Replies come through the anonymous exchange: workers push them straight to
/// the list `reply_key`, so no binding is needed that kombu could sweep away.
pub fn encode(
    request: &Request,
    keyspace: &Keyspace,
    expires: Option<Timestamp>,
) -> Result<Vec<u8>, RequestError> {
    for (method, reason) in REFUSED {
        if request.method == method {
            return Err(RequestError::Refused { method, reason });
        }
    }
    if request.destination.as_ref().is_some_and(Vec::is_empty) {
        return Err(RequestError::NoDestination);
    }
    if !request.arguments.is_object() {
        return Err(RequestError::BadArguments(request.method.clone()));
    }
    let mut content = json!({
        "method": request.method,
        "arguments": request.arguments,
        "destination": request.destination,
        "pattern": null,
        "matcher": null,
    });
    if let Some(key) = &request.reply_key {
        content["ticket"] = request.ticket.as_str().into();
        content["reply_to"] = json!({"exchange": "", "routing_key": key});
    }
    let body = base64_simd::STANDARD.encode_to_string(content.to_string());
    // Workers move their clock to the largest they see; 0 leaves it alone.
    let envelope = json!({
        "body": body,
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {
            "clock": 0,
            "expires": expires.map_or(0.0, Timestamp::as_seconds),
        },
        "properties": {
            "delivery_mode": 1,
            "delivery_info": {
                "exchange": format!("{}.pidbox", keyspace.control_exchange),
                "routing_key": "",
            },
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": request.ticket,
        },
    });
    Ok(envelope.to_string().into_bytes())
}

/// A worker's answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The request's ticket.
    pub ticket: Option<String>,
    /// Who answers; `celerybeat@…` for beat.
    pub worker: WorkerName,
    /// The answer; see [`crate::inspect`].
    pub value: Value,
    /// The answer as the worker wrote it, in Python's dialect of JSON: numbers
    /// of any size and kind, which a [`Value`] cannot hold.
    pub json: String,
}

/// Reads an element of the reply list.
pub fn decode_reply(payload: &[u8]) -> Result<Reply, DecodeError> {
    let envelope = Envelope::decode(payload)?;
    let Value::Object(answers) = envelope.json_body()? else {
        return Err(DecodeErrorKind::Unexpected("an object of one worker").at(&envelope.body));
    };
    let mut answers = answers.into_iter();
    let (Some((worker, value)), None) = (answers.next(), answers.next()) else {
        return Err(DecodeErrorKind::Unexpected("an object of one worker").at(&envelope.body));
    };
    let text = envelope.json_text()?;
    let json = members(&text)
        .and_then(|members| Some(members.first()?.1.to_owned()))
        .unwrap_or_default();
    let ticket = envelope.headers.get("ticket").and_then(Value::as_str);
    Ok(Reply {
        ticket: ticket.map(str::to_owned),
        worker: worker.into(),
        value,
        json,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ping() -> Request {
        Request {
            method: "ping".to_owned(),
            arguments: json!({}),
            destination: None,
            ticket: "t1".to_owned(),
            reply_key: Some("celeriac.reply.1".to_owned()),
        }
    }

    #[test]
    fn a_request_reads_as_kombu_writes_it() {
        let request = Request {
            destination: Some(vec!["w1@häuser".into()]),
            ..ping()
        };
        let bytes = encode(&request, &Keyspace::default(), Some(Timestamp(1_500_000)));
        let envelope = Envelope::decode(&bytes.expect("a harmless command")).expect("an envelope");
        assert_eq!(envelope.content_type, "application/json");
        assert_eq!(envelope.headers["expires"], 1.5);
        assert_eq!(
            envelope.properties["delivery_info"]["exchange"],
            "celery.pidbox"
        );
        assert_eq!(
            envelope.json_body().expect("JSON"),
            json!({
                "method": "ping",
                "arguments": {},
                "destination": ["w1@häuser"],
                "pattern": null,
                "matcher": null,
                "ticket": "t1",
                "reply_to": {"exchange": "", "routing_key": "celeriac.reply.1"},
            })
        );
    }

    #[test]
    fn without_reply_key_nobody_is_asked_to_answer() {
        let request = Request {
            reply_key: None,
            ..ping()
        };
        let bytes = encode(&request, &Keyspace::default(), None).expect("a harmless command");
        let body = Envelope::decode(&bytes).expect("an envelope").json_body();
        let body = body.expect("JSON");
        assert_eq!(body.get("ticket"), None);
        assert_eq!(body.get("reply_to"), None);
    }

    #[test]
    fn commands_that_do_harm_are_refused() {
        for method in ["election", "hello", "objgraph"] {
            let request = Request {
                method: method.to_owned(),
                ..ping()
            };
            let error = encode(&request, &Keyspace::default(), None).expect_err(method);
            assert!(error.to_string().contains(method), "{error}");
        }
    }

    #[test]
    fn an_empty_destination_does_not_become_everybody() {
        let request = Request {
            destination: Some(Vec::new()),
            ..ping()
        };
        assert_eq!(
            encode(&request, &Keyspace::default(), None),
            Err(RequestError::NoDestination)
        );
    }

    #[test]
    fn arguments_must_be_an_object() {
        let request = Request {
            arguments: json!([1]),
            ..ping()
        };
        assert_eq!(
            encode(&request, &Keyspace::default(), None),
            Err(RequestError::BadArguments("ping".to_owned()))
        );
    }

    #[test]
    fn what_is_no_reply_is_an_error() {
        let envelope = |body: &str| {
            json!({"body": body, "content-type": "application/json", "properties": {}}).to_string()
        };
        for body in ["[]", "{}", "{\"a\": 1, \"b\": 2}", "nonsense", ""] {
            let error = decode_reply(envelope(body).as_bytes()).expect_err(body);
            assert!(error.excerpt().contains(body), "{error:?}");
        }
        assert_eq!(
            decode_reply(b"PING").map_err(|e| e.kind),
            Err(DecodeErrorKind::NotAnEnvelope)
        );
        let reply = decode_reply(envelope("{\"w@h\": {\"load\": NaN}}").as_bytes());
        let reply = reply.expect("a reply in Python's JSON");
        assert_eq!(reply.ticket, None);
        assert_eq!(reply.value, json!({"load": null}));
        assert_eq!(reply.json, "{\"load\": NaN}");
    }
}
