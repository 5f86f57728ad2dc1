//! Control requests and replies, task messages and results as Celery wrote them.

#![expect(clippy::unwrap_used, reason = "a test may end here")]

use crate::support::{Line, all_lines, lines};
use model::{TaskState, Timestamp};
use protocol::{
    DecodeErrorKind, Keyspace, Reply, Request, TaskResult, decode_message, decode_reply,
    decode_result, decode_unacked, inspect, looks_like_message, open_message, open_unacked, pidbox,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Returns the first replies to a command, by worker.
fn replies(scenario: &str, command: &str) -> BTreeMap<String, Value> {
    let mut replies = BTreeMap::new();
    for line in lines(scenario) {
        if line.text("kind") == "reply" && line.text("command").split(' ').next() == Some(command) {
            let reply = decode_reply(&line.payload()).unwrap();
            replies
                .entry(reply.worker.to_string())
                .or_insert(reply.value);
        }
    }
    replies
}

#[test]
fn every_reply_is_read_and_names_its_request() {
    let mut tickets = BTreeSet::new();
    let mut count = 0;
    for line in all_lines() {
        match line.text("kind") {
            "request" => {
                let payload: Value = serde_json::from_str(line.text("payload")).unwrap();
                let body = payload["body"].as_str().unwrap();
                let body = base64_simd::STANDARD.decode_to_vec(body).unwrap();
                let body: Value = serde_json::from_slice(&body).unwrap();
                tickets.insert(body["ticket"].as_str().unwrap_or_default().to_owned());
            }
            "reply" => {
                let reply: Reply = decode_reply(&line.payload()).unwrap();
                assert!(reply.worker.as_str().ends_with("@lab"), "{reply:?}");
                assert!(tickets.contains(&reply.ticket.unwrap()));
                count += 1;
            }
            _ => {}
        }
    }
    assert_eq!(count, 309);
}

/// Encodes what Celery's own client sent and compares field by field.
#[test]
fn our_requests_read_as_celerys_do() {
    let mut compared = 0;
    for line in all_lines() {
        if line.text("kind") != "request" {
            continue;
        }
        let theirs: Value = serde_json::from_str(line.text("payload")).unwrap();
        let content = |envelope: &Value| -> Value {
            let body = envelope["body"].as_str().unwrap();
            serde_json::from_slice(&base64_simd::STANDARD.decode_to_vec(body).unwrap()).unwrap()
        };
        let wanted = content(&theirs);
        if !wanted["pattern"].is_null() {
            // We name workers one by one.
            continue;
        }
        let request = Request {
            method: wanted["method"].as_str().unwrap().to_owned(),
            arguments: wanted["arguments"].clone(),
            destination: serde_json::from_value(wanted["destination"].clone()).unwrap(),
            ticket: wanted["ticket"].as_str().unwrap_or("t").to_owned(),
            reply_key: wanted["reply_to"]["routing_key"]
                .as_str()
                .map(str::to_owned),
        };
        let expires = theirs["headers"]["expires"]
            .as_f64()
            .and_then(Timestamp::from_seconds);
        let ours = pidbox::encode(&request, &Keyspace::default(), expires);
        if ["election", "hello", "objgraph"].contains(&request.method.as_str()) {
            assert!(ours.is_err());
            continue;
        }
        let ours: Value = serde_json::from_slice(&ours.unwrap()).unwrap();
        let mut found = content(&ours);
        // The one thing done differently: replies come through the anonymous exchange.
        if request.reply_key.is_some() {
            assert_eq!(found["reply_to"]["exchange"], "");
            found["reply_to"]["exchange"] = wanted["reply_to"]["exchange"].clone();
        }
        assert_eq!(found, wanted);
        for key in ["content-type", "content-encoding"] {
            assert_eq!(ours[key], theirs[key]);
        }
        for key in [
            "delivery_mode",
            "delivery_info",
            "priority",
            "body_encoding",
        ] {
            assert_eq!(ours["properties"][key], theirs["properties"][key], "{key}");
        }
        compared += 1;
    }
    assert!(compared > 100, "{compared}");
}

#[test]
fn stats_tell_pool_and_size() {
    for scenario in ["c447.pidbox", "c527.pidbox", "c570.pidbox"] {
        let stats = replies(scenario, "stats");
        let (w1, w2) = (&stats["w1@lab"], &stats["w2@lab"]);
        for stats in [w1, w2] {
            assert_eq!(
                inspect::stats_pool(stats).as_deref(),
                Some("prefork"),
                "{scenario}"
            );
            assert_eq!(inspect::stats_slots(stats), Some(2), "{scenario}");
            assert!(inspect::stats_pid(stats).unwrap() > 1000);
            assert!(inspect::stats_uptime_seconds(stats).unwrap() > 5.0);
            let totals = inspect::stats_totals(stats);
            assert_eq!(totals, [("lab.sleep".into(), 2)], "{scenario}");
            let broker = inspect::stats_broker(stats).unwrap();
            assert_eq!(broker.transport.as_deref(), Some("redis"));
            assert_eq!(broker.virtual_host.as_deref(), Some("0"));
            let usage = inspect::stats_resource_usage(stats).unwrap();
            assert!(usage.max_resident > 30_000 && usage.user_seconds > 0.1);
        }
        assert_eq!(inspect::stats_prefetch_count(w1), Some(10));
        assert_eq!(inspect::stats_autoscaler(w1), None);
        let autoscaler = inspect::stats_autoscaler(w2).unwrap();
        assert_eq!(
            (autoscaler.max, autoscaler.min, autoscaler.current),
            (3, 1, 2)
        );
    }
}

#[test]
fn queues_and_task_types_are_listed() {
    for scenario in ["c447.pidbox", "c527.pidbox", "c570.pidbox"] {
        let queues = replies(scenario, "active_queues");
        let names = |worker: &str| -> Vec<String> {
            let names = inspect::queue_names(&queues[worker]);
            names.iter().map(ToString::to_string).collect()
        };
        assert_eq!(names("w1@lab"), ["celery"]);
        assert_eq!(names("w2@lab"), ["celery", "low"]);
        let registered = inspect::registered_tasks(&replies(scenario, "registered")["w1@lab"]);
        let limited: Vec<_> = registered
            .iter()
            .filter(|task| task.rate_limit.is_some())
            .collect();
        assert!(registered.len() >= 20);
        assert_eq!(limited.len(), 1);
        assert_eq!(limited[0].name.as_str(), "lab.limited");
        assert_eq!(limited[0].rate_limit.as_deref(), Some("2/s"));
    }
}

#[test]
fn held_tasks_are_read_in_all_three_states() {
    for scenario in ["c447.pidbox", "c527.pidbox", "c570.pidbox"] {
        let active = inspect::held_tasks(&replies(scenario, "active")["w1@lab"]);
        assert!(!active.is_empty(), "{scenario}");
        for task in &active {
            assert_eq!(task.name.as_ref().unwrap().as_str(), "lab.sleep");
            assert_eq!(task.args.as_deref(), Some("[40]"));
            assert_eq!(task.kwargs.as_deref(), Some("{}"));
            assert!(task.started.is_some() && task.worker_pid.is_some());
            assert_eq!(task.acknowledged, Some(true));
            assert_eq!(task.routing_key.as_deref(), Some("celery"));
        }
        let reserved = inspect::held_tasks(&replies(scenario, "reserved")["w1@lab"]);
        assert!(!reserved.is_empty(), "{scenario}");
        for task in &reserved {
            assert!(task.started.is_none() && task.worker_pid.is_none());
            assert_eq!(task.acknowledged, Some(false));
        }
        let scheduled = inspect::scheduled_tasks(&replies(scenario, "scheduled")["w1@lab"]);
        assert_eq!(scheduled.len(), 2, "{scenario}");
        assert_eq!(scheduled[0].task.args.as_deref(), Some("[\"ü\"]"));
        assert_eq!(scheduled[0].task.priority, Some(3));
        assert!(scheduled[0].eta.unwrap() < scheduled[1].eta.unwrap());
        let revoked = inspect::revoked_ids(&replies(scenario, "revoked")["w1@lab"]);
        assert!(revoked.iter().any(|id| id.as_str() == "no-such-id"));
    }
}

#[test]
fn refusals_and_successes_are_told_apart() {
    for scenario in ["c447.pidbox", "c527.pidbox", "c570.pidbox"] {
        let unknown = replies(scenario, "no_such_command");
        assert_eq!(
            inspect::error(&unknown["w1@lab"]),
            Some("KeyError('no_such_command')")
        );
        let ping = replies(scenario, "ping");
        assert_eq!(inspect::ok(&ping["w1@lab"]), Some("pong"));
        assert_eq!(inspect::error(&ping["w1@lab"]), None);
        let restart = replies(scenario, "pool_restart");
        assert_eq!(
            inspect::error(&restart["w1@lab"]),
            Some("ValueError('Pool restarts not enabled')")
        );
    }
}

/// Returns the elements of the lists of a capture that hold task messages.
fn waiting(line: &Line) -> Vec<Vec<u8>> {
    let key = line.text("key");
    // Before 5.x the parts of an open chord are a list too.
    if line.text("type") != "list" || key.ends_with(".pidbox") || key.ends_with(".j") {
        return Vec::new();
    }
    let elements = line.fields["payload"].as_array().unwrap();
    elements
        .iter()
        .map(|element| element.as_str().unwrap().as_bytes().to_vec())
        .collect()
}

#[test]
fn every_waiting_message_is_read() {
    let mut count = 0;
    let mut content_types = BTreeSet::new();
    let mut compressions = BTreeSet::new();
    for line in all_lines() {
        for element in waiting(&line) {
            assert!(looks_like_message(&element));
            let message = decode_message(&element).unwrap();
            let opened = open_message(&element).unwrap();
            assert_eq!(opened.task, message);
            assert!(message.name.as_str().starts_with("lab."), "{message:?}");
            match opened.body {
                Ok(body) => {
                    let args: Value = serde_json::from_str(&body.args).unwrap();
                    let kwargs: Value = serde_json::from_str(&body.kwargs).unwrap();
                    assert!(args.is_array() && kwargs.is_object(), "{body:?}");
                }
                Err(error) => {
                    assert_eq!(message.content_type, "application/x-python-serialize");
                    assert_eq!(
                        error.kind,
                        DecodeErrorKind::UnsupportedContentType("pickle".to_owned())
                    );
                }
            }
            assert_eq!(
                message.routing_key.as_deref().map(|key| &key[..6]),
                Some("parked")
            );
            let keyspace = Keyspace {
                priority_steps: (0..10).collect(),
                ..Keyspace::default()
            };
            if let Some((_, step)) = keyspace.parse_queue_key(line.text("key"))
                && line.scenario.ends_with("keys_waiting")
            {
                let priority = message.priority.unwrap();
                assert_eq!(u64::from(step), priority - priority % 3, "{message:?}");
            }
            content_types.insert(message.content_type);
            compressions.extend(message.compression);
            count += 1;
        }
    }
    assert!(count >= 20, "{count}");
    for wanted in ["application/json", "application/x-python-serialize"] {
        assert!(content_types.contains(wanted), "{content_types:?}");
    }
    assert!(!compressions.is_empty());
}

#[test]
fn headers_of_a_waiting_message_are_read() {
    let lines = lines("c570.keys_waiting");
    let third = lines
        .iter()
        .find(|line| line.text("key") == "parked\u{6}\u{16}3")
        .unwrap();
    let message = decode_message(&waiting(third)[0]).unwrap();
    assert_eq!(message.protocol, 2);
    assert_eq!(message.id.as_str(), "cf21a15f-60eb-46f7-b844-c272936ab119");
    assert_eq!(message.name.as_str(), "lab.echo");
    assert_eq!(message.argsrepr.as_deref(), Some("('waiting', 3)"));
    let body = open_message(&waiting(third)[0]).unwrap().body.unwrap();
    assert_eq!(body.args, "[\"waiting\", 3]");
    assert_eq!(body.kwargs, "{\"k\": 3}");
    assert_eq!(message.kwargsrepr.as_deref(), Some("{'k': 3}"));
    assert_eq!(message.root_id, Some(message.id.clone()));
    assert_eq!(message.origin.as_deref(), Some("gen29057@vm"));
    assert_eq!(message.priority, Some(3));
    assert!(!message.redelivered);
}

#[test]
fn protocol_1_messages_are_read_from_their_body() {
    let lines = lines("c570.proto1");
    let messages: Vec<_> = lines
        .iter()
        .flat_map(waiting)
        .map(|element| decode_message(&element).unwrap())
        .collect();
    assert_eq!(messages.iter().filter(|m| m.protocol == 1).count(), 2);
    for message in &messages {
        assert_eq!(message.name.as_str(), "lab.add");
    }
    assert!(messages.iter().any(|m| m.protocol == 1 && m.eta.is_some()));
}

#[test]
fn messages_held_by_workers_are_read() {
    let mut names = Vec::new();
    for line in all_lines() {
        if line.text("key") != "unacked" {
            continue;
        }
        for value in line.fields["payload"].as_object().unwrap().values() {
            let message = decode_unacked(value.as_str().unwrap().as_bytes()).unwrap();
            let opened = open_unacked(value.as_str().unwrap().as_bytes()).unwrap();
            assert_eq!(opened.task, message);
            assert!(opened.body.unwrap().args.starts_with('['));
            names.push(message.name.to_string());
        }
    }
    assert!(
        names.iter().any(|name| name == "lab.sleep_late"),
        "{names:?}"
    );
    assert!(names.len() >= 4, "{names:?}");
}

/// Returns every result document: keys, and messages on the channels of the same name.
fn results() -> Vec<Line> {
    all_lines()
        .into_iter()
        .filter(|line| {
            let name = format!("{}{}", line.text("key"), line.text("channel"));
            name.contains("celery-task-meta-")
        })
        .collect()
}

fn result(scenario: &str, wanted: impl Fn(&TaskResult) -> bool) -> TaskResult {
    let mut found = results()
        .into_iter()
        .filter(|line| line.scenario == scenario && line.text("kind") == "key")
        .map(|line| decode_result(&line.payload()).unwrap())
        .filter(|result| wanted(result));
    found.next().unwrap()
}

#[test]
fn every_result_is_read_or_named() {
    let mut refused: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut states = BTreeSet::new();
    let mut count = 0;
    for line in results() {
        match decode_result(&line.payload()) {
            Ok(result) => {
                let name = format!("{}{}", line.text("key"), line.text("channel"));
                let id = result.id.unwrap();
                assert!(name.ends_with(id.as_str()), "{name}");
                assert_eq!(
                    result.state.is_finished(),
                    result.date_done.is_some(),
                    "{name}"
                );
                states.insert(result.state.to_string());
                count += 1;
            }
            Err(error) => {
                let scenarios = refused.entry(error.kind.to_string()).or_default();
                scenarios.insert(line.scenario);
            }
        }
    }
    assert!(count > 500, "{count}");
    for state in [
        "STARTED", "SUCCESS", "FAILURE", "RETRY", "REVOKED", "PROGRESS",
    ] {
        assert!(states.contains(state), "{states:?}");
    }
    assert_eq!(
        refused.into_iter().collect::<Vec<_>>(),
        [(
            DecodeErrorKind::UnsupportedContentType("pickle".to_owned()).to_string(),
            BTreeSet::from(["c570.results_pickle".to_owned()]),
        )]
    );
}

#[test]
fn an_extended_result_tells_everything() {
    for scenario in ["c447.ok", "c527.ok", "c540.ok", "c570.ok"] {
        let result = result(scenario, |result| result.kwargs.as_deref() != Some("{}"));
        assert_eq!(result.state, TaskState::Success);
        assert_eq!(result.name.unwrap().as_str(), "lab.add");
        assert_eq!(result.args.as_deref(), Some("[2]"));
        assert_eq!(result.kwargs.as_deref(), Some("{\"y\": 3}"));
        assert_eq!(result.result.as_deref(), Some("5"));
        assert_eq!(result.worker.unwrap().as_str(), "w1@lab");
        assert_eq!(result.queue.unwrap().as_str(), "celery");
        assert_eq!(result.retries, Some(0));
        assert!(
            result.date_done.unwrap().0 > 1_795_162_000_000_000,
            "{scenario}"
        );
    }
}

#[test]
fn a_failure_tells_exception_and_traceback() {
    for scenario in ["c447.failed", "c527.failed", "c540.failed", "c570.failed"] {
        let result = result(scenario, |result| {
            result.exception.as_deref() == Some("DomainError: boom, {\"code\":42}")
        });
        assert_eq!(result.state, TaskState::Failure);
        assert!(
            result.traceback.unwrap().starts_with("Traceback"),
            "{scenario}"
        );
    }
}

#[test]
fn results_in_pythons_json_are_read() {
    for scenario in ["c540.unicode", "c570.unicode"] {
        let result = result(scenario, |result| {
            result
                .args
                .as_deref()
                .is_some_and(|args| args.contains("1.5"))
        });
        let text = result.args.unwrap();
        let args: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(args[3], 1.5);
        assert_eq!(
            args[4],
            json!({"__type__": "float", "__value__": "Infinity"}),
            "infinity is no JSON"
        );
        assert!(text.contains(" 1000000000000000000000000000000,"), "{text}");
        assert_eq!(args[8], 9_223_372_036_854_775_808_u64);
    }
}

#[test]
fn children_and_parents_are_read() {
    let chain = results()
        .into_iter()
        .filter(|line| line.scenario == "c570.chain" && line.text("kind") == "key")
        .map(|line| decode_result(&line.payload()).unwrap())
        .filter(|result| !result.children.is_empty())
        .count();
    assert!(chain >= 2, "{chain}");
    let with_group = result("c570.group", |result| result.group_id.is_some());
    assert_eq!(with_group.state, TaskState::Success);
    let with_parent = result("c570.chain", |result| result.parent_id.is_some());
    assert_ne!(with_parent.parent_id, with_parent.id);
}
