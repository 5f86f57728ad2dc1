//! What real workers sent, event by event.

#![expect(clippy::unwrap_used, reason = "a test may end here")]

use crate::support::{counts::EVENTS, event_payloads, lines, reference, scenarios};
use model::{
    Timestamp,
    repr::{self, Repr},
};
use protocol::{EventKind, EventRef, FanoutPrefix, Keyspace, Scratch, decode, extract_body};
use serde_json::Value;
use std::collections::BTreeMap;

/// Calls `look` with every event of a capture, all of which must be readable.
fn each_event(scenario: &str, mut look: impl FnMut(&EventRef<'_>)) {
    let mut scratch = Scratch::default();
    for payload in event_payloads(scenario) {
        let mut seen = 0;
        let decoded = decode(&payload, &mut scratch, |event| {
            seen += 1;
            look(event);
        });
        assert_eq!(decoded.rejects, [], "{scenario}");
        assert_eq!((decoded.events, decoded.bad), (seen, 0), "{scenario}");
        assert!(seen > 0, "{scenario}");
    }
}

/// Returns one line of text for every event that `pick` wants.
fn texts(scenario: &str, pick: impl Fn(&EventRef<'_>) -> Option<String>) -> Vec<String> {
    let mut found = Vec::new();
    each_event(scenario, |event| found.extend(pick(event)));
    found
}

fn owned(text: &Option<&str>) -> Option<String> {
    text.map(str::to_owned)
}

#[test]
fn every_event_of_every_capture_is_read() {
    let mut known = EVENTS.iter();
    for scenario in scenarios() {
        let mut types: BTreeMap<String, usize> = BTreeMap::new();
        each_event(&scenario, |event| {
            assert_eq!(event.kind, EventKind::from_type(event.type_name));
            assert!(
                event.timestamp.is_some() && event.pid.is_some(),
                "{event:?}"
            );
            *types.entry(event.type_name.to_string()).or_default() += 1;
        });
        if types.is_empty() {
            continue;
        }
        let (mut lists, mut longest) = (0, 0);
        for payload in event_payloads(&scenario) {
            let mut events = 0;
            decode(&payload, &mut Scratch::default(), |_| events += 1);
            let mut body = Vec::new();
            extract_body(&payload, &mut body).unwrap();
            if body.starts_with(b"[") {
                lists += 1;
                longest = longest.max(events);
            }
        }
        let counted: Vec<String> = types.iter().map(|(t, n)| format!("{t}:{n}")).collect();
        assert_eq!(
            (
                scenario.as_str(),
                counted.join(" ").as_str(),
                lists,
                longest
            ),
            *known.next().unwrap()
        );
    }
    assert_eq!(known.next(), None);
}

/// Compares every field with what a generic parser finds in the same JSON.
#[test]
fn fields_are_what_the_json_says() {
    let mut compared = 0;
    for scenario in scenarios() {
        each_event(&scenario, |event| {
            let json: Value = serde_json::from_str(&event.json()).unwrap();
            let text = |name: &str| json[name].as_str().map(str::to_owned);
            for (name, value) in [
                ("type", &Some(event.type_name)),
                ("hostname", &event.hostname),
                ("uuid", &event.uuid),
                ("name", &event.name),
                ("args", &event.args),
                ("kwargs", &event.kwargs),
                ("root_id", &event.root_id),
                ("parent_id", &event.parent_id),
                ("queue", &event.queue),
                ("exchange", &event.exchange),
                ("routing_key", &event.routing_key),
                ("result", &event.result),
                ("exception", &event.exception),
                ("traceback", &event.traceback),
                ("sw_ident", &event.sw_ident),
                ("sw_ver", &event.sw_ver),
                ("sw_sys", &event.sw_sys),
            ] {
                assert_eq!(owned(value), text(name), "{name} {json}");
            }
            let number = |name: &str| json[name].as_u64();
            assert_eq!(event.pid.map(u64::from), number("pid"));
            assert_eq!(event.clock, number("clock"));
            assert_eq!(event.retries.map(u64::from), number("retries"));
            assert_eq!(event.active, number("active"));
            assert_eq!(event.processed, number("processed"));
            assert!(reference::is_near(event.runtime, json["runtime"].as_f64()));
            assert!(reference::is_near(event.freq, json["freq"].as_f64()));
            assert_eq!(event.terminated, json["terminated"].as_bool());
            assert_eq!(event.expired, json["expired"].as_bool());
            assert_eq!(event.requeue, json["requeue"].as_bool());
            // A binary fraction of a second is off by up to a microsecond.
            let time = json["timestamp"].as_f64().and_then(Timestamp::from_seconds);
            assert!(event.timestamp.unwrap().0.abs_diff(time.unwrap().0) <= 1);
            let loads = json["loadavg"].as_array().map(|loads| {
                let loads: Vec<f64> = loads.iter().filter_map(Value::as_f64).collect();
                <[f64; 3]>::try_from(loads).unwrap()
            });
            assert_eq!(event.loadavg, loads);
            assert_eq!(event.eta.is_some(), json["eta"].is_string());
            assert_eq!(event.expires.is_some(), json["expires"].is_string());
            compared += 1;
        });
    }
    assert!(compared > 1000, "{compared}");
}

#[test]
fn quick_tasks_come_in_lists() {
    let mut lengths = Vec::new();
    let mut scratch = Scratch::default();
    for payload in event_payloads("c570.batch") {
        lengths.push(decode(&payload, &mut scratch, |_| {}).events);
    }
    assert_eq!(lengths.iter().sum::<u32>(), 161);
    assert_eq!(lengths.iter().max(), Some(&4));
}

#[test]
fn a_lone_surrogate_becomes_a_replacement_character() {
    for scenario in ["c540.unicode", "c570.unicode"] {
        let broken = texts(scenario, |event| {
            let args = owned(&event.args).or(owned(&event.result))?;
            args.contains("surrogate").then_some(args)
        });
        assert_eq!(
            broken,
            [
                "('lone surrogate \u{fffd} end', '', [], {}, ())",
                "('lone surrogate \u{fffd} end', '', [], {}, ())",
                "{'args': ['lone surrogate \u{fffd} end', '', [], {}, []], 'kwargs': {}}",
            ],
            "{scenario}"
        );
    }
}

#[test]
fn texts_arrive_character_by_character() {
    let args = texts("c570.unicode", |event| {
        (event.kind == EventKind::TaskReceived).then(|| owned(&event.args))?
    });
    assert_eq!(
        args[0],
        "('héllo 世界 😀', 'quote\\'s \"dq\" back\\slash\nnewline\ttab\u{0}nul')"
    );
    assert_eq!(
        args[1],
        "(None, True, False, 1.5, inf, nan, -0.0, 1000000000000000000000000000000, 9223372036854775808, 'C:\\temp\\new')"
    );
    assert_eq!(args[3], "(b'bytes', b'fffe00')");
}

#[test]
fn long_arguments_were_cut_by_the_worker() {
    for scenario in ["c527.bigargs", "c570.bigargs"] {
        let lengths = texts(scenario, |event| {
            let args = event.args.as_ref()?;
            (args.chars().count() > 1000).then(|| args.chars().count().to_string())
        });
        assert!(!lengths.is_empty(), "{scenario}");
        for length in lengths {
            assert!(
                (1024..1100).contains(&length.parse::<usize>().unwrap()),
                "{length}"
            );
        }
    }
}

#[test]
fn a_signal_is_a_number_or_nothing() {
    for scenario in [
        "c447.revoked",
        "c527.revoked",
        "c540.revoked",
        "c570.revoked",
    ] {
        let mut revoked = texts(scenario, |event| {
            (event.kind == EventKind::TaskRevoked).then(|| {
                let signal = owned(&event.signum).unwrap_or_default();
                let (terminated, expired) = (event.terminated.unwrap(), event.expired.unwrap());
                format!("{terminated} {expired} {signal}")
            })
        });
        revoked.sort();
        // 4.4 tells some terminations twice, the second time with the signal as text.
        revoked.dedup();
        assert_eq!(
            revoked,
            [
                "false false ",
                "false true ",
                "true false 15",
                "true false 9"
            ],
            "{scenario}"
        );
    }
}

#[test]
fn a_commanded_heartbeat_is_short() {
    each_event("c570.heartbeat_control", |event| {
        assert_eq!(event.kind, EventKind::WorkerHeartbeat);
        assert_eq!(event.freq, Some(5.0));
        assert_eq!(
            (event.active, event.processed, event.loadavg),
            (None, None, None)
        );
        assert_eq!(event.sw_ver, Some("5.7.0"));
    });
    each_event("c570.worker_offline", |event| {
        assert_eq!(event.kind, EventKind::WorkerOffline);
        assert!(event.processed.is_some() && event.loadavg.is_some());
    });
}

#[test]
fn a_new_attempt_is_received_before_the_old_one_is_retried() {
    for scenario in [
        "c447.retried",
        "c527.retried",
        "c540.retried",
        "c570.retried",
    ] {
        let mut story: BTreeMap<String, Vec<String>> = BTreeMap::new();
        each_event(scenario, |event| {
            let word = match event.kind {
                EventKind::TaskReceived => format!("received {}", event.retries.unwrap()),
                EventKind::TaskRetried => {
                    assert!(event.exception.is_some() && event.traceback.is_some());
                    "retried".to_owned()
                }
                EventKind::TaskSucceeded | EventKind::TaskFailed => "ended".to_owned(),
                _ => return,
            };
            story
                .entry(owned(&event.uuid).unwrap())
                .or_default()
                .push(word);
        });
        assert_eq!(story.len(), 3, "{scenario}");
        for words in story.values() {
            assert_eq!(
                words[..3],
                ["received 0", "received 1", "retried"],
                "{scenario}"
            );
            assert_eq!(words.last().unwrap(), "ended", "{scenario}");
        }
        // A retry names its own id as parent.
        let own = texts(scenario, |event| {
            (event.parent_id.is_some() && event.parent_id == event.uuid)
                .then(|| owned(&event.uuid))?
        });
        assert!(own.len() >= 4, "{scenario}");
    }
}

#[test]
fn exceptions_and_tracebacks_are_whole() {
    let failed = texts("c570.failed", |event| {
        (event.kind == EventKind::TaskFailed).then(|| {
            format!(
                "{} | {}",
                owned(&event.exception).unwrap_or_default(),
                event.traceback.is_some()
            )
        })
    });
    assert_eq!(failed.len(), 4);
    // An unregistered task has no traceback and was never received.
    assert_eq!(
        failed
            .iter()
            .filter(|line| line.ends_with("| false"))
            .count(),
        1
    );
    assert!(failed.iter().any(|line| line.starts_with("NotRegistered")));
    // Celery 5.7 hides the exception of a lost worker in the traceback.
    let lost = texts("c570.workerlost", |event| owned(&event.exception));
    assert_eq!(lost, ["ExceptionWithTraceback()"]);
    let lost = texts("c527.workerlost", |event| owned(&event.exception));
    assert!(lost[0].starts_with("WorkerLostError("), "{lost:?}");
}

#[test]
fn times_are_read_with_their_offset() {
    let etas = texts("c570.proto1_executed", |event| {
        event.eta.map(|eta| eta.0.to_string())
    });
    // 17:33:05.669552+09:00 and 08:33:05.261829+00:00
    assert_eq!(etas, ["1795163585669552", "1795163585261829"]);
    let expires = texts("c570.eta", |event| event.expires.map(|t| t.0.to_string()));
    assert_eq!(expires, ["1795162824466851", "1795162824466851"]);
}

#[test]
fn protocol_1_knows_neither_root_nor_arguments() {
    let received = texts("c570.proto1_executed", |event| {
        (event.kind == EventKind::TaskReceived && event.args.is_none())
            .then(|| format!("{:?} {:?}", event.root_id, event.name))
    });
    assert_eq!(
        received,
        ["None Some(\"lab.add\")", "None Some(\"lab.add\")"]
    );
    let sent = texts("c570.proto1", |event| {
        (event.kind == EventKind::TaskSent).then(|| format!("{:?}", event.root_id.is_some()))
    });
    assert_eq!(sent, ["false", "false", "true"]);
}

#[test]
fn custom_events_keep_their_own_json() {
    for scenario in [
        "c447.progress",
        "c527.progress",
        "c540.progress",
        "c570.progress",
    ] {
        let steps = texts(scenario, |event| {
            (event.kind == EventKind::TaskCustom).then(|| {
                assert_eq!(event.type_name, "task-progress");
                let json: Value = serde_json::from_str(&event.json()).unwrap();
                format!("{}/{}", json["current"], json["total"])
            })
        });
        assert_eq!(steps, ["0/3", "1/3", "2/3"], "{scenario}");
    }
    let kinds = texts("c570.custom_event", |event| {
        Some(format!("{:?}", event.kind))
    });
    assert_eq!(kinds, ["Other", "TaskCustom"]);
}

#[test]
fn names_and_ids_follow_no_grammar() {
    let ids = texts("c570.shadow", |event| {
        let id = owned(&event.uuid)?;
        id.contains(' ').then_some(id)
    });
    assert_eq!(ids, vec!["custom id with spaces/and:colons"; 4]);
    let names = texts("c570.shadow", |event| {
        (event.kind == EventKind::TaskReceived).then(|| owned(&event.name))?
    });
    assert_eq!(names, ["pretty-name", "lab.add", "lab.add"]);
}

/// The settings that the scenario ran with.
fn keyspace(scenario: &str) -> Keyspace {
    let default = Keyspace::default();
    match scenario {
        "c570.opt_keyprefix" => Keyspace {
            prefix: "pfx:".to_owned(),
            result_prefix: "res_".to_owned(),
            ..default
        },
        "c570.opt_nofanoutprefix" => Keyspace {
            fanout_prefix: FanoutPrefix::None,
            fanout_patterns: false,
            ..default
        },
        "c570.opt_names" => Keyspace {
            event_exchange: "myev".to_owned(),
            control_exchange: "myctl".to_owned(),
            sep: ":".to_owned(),
            priority_steps: (0..10).collect(),
            ..default
        },
        "c570.heartbeat_control" => Keyspace { db: 3, ..default },
        _ => default,
    }
}

/// Matches as Redis does for the patterns that occur here: a `*` at the end or none.
fn is_matched(pattern: &str, channel: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => channel.starts_with(start),
        None => channel == pattern,
    }
}

#[test]
fn the_patterns_catch_every_event_once() {
    for scenario in scenarios() {
        let patterns = keyspace(&scenario).event_patterns();
        for line in lines(&scenario).iter().filter(|line| line.is_event()) {
            let channel = line.text("channel");
            let count = patterns.iter().filter(|p| is_matched(p, channel)).count();
            assert_eq!(count, 1, "{scenario} {channel} {patterns:?}");
        }
    }
}

#[test]
fn control_messages_come_on_the_control_channel() {
    let mut seen = 0;
    for scenario in scenarios() {
        let keyspace = keyspace(&scenario);
        for line in lines(&scenario) {
            if line.text("channel").ends_with(".pidbox") {
                assert_eq!(
                    line.text("channel"),
                    keyspace.control_channel(),
                    "{scenario}"
                );
                seen += 1;
            }
        }
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn queues_and_results_are_found_under_their_keys() {
    let mut queues: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for scenario in scenarios() {
        let keyspace = keyspace(&scenario);
        for line in lines(&scenario) {
            let key = line.text("key");
            match (
                line.text("kind"),
                line.fields["db"].as_u64(),
                line.text("type"),
            ) {
                ("key", Some(0), "list") => match keyspace.parse_queue_key(key) {
                    Some((queue, step)) => {
                        assert!(
                            keyspace
                                .queue_keys(queue.as_str())
                                .contains(&(step, key.to_owned()))
                        );
                        queues
                            .entry(scenario.clone())
                            .or_default()
                            .push(format!("{queue} {step}"));
                    }
                    None => assert!(key.ends_with(".pidbox"), "{scenario} {key:?}"),
                },
                ("key", Some(0), "set") if !key.contains("_permanent") => {
                    let exchange = keyspace.exchange_of_binding_key(key).unwrap();
                    for member in line.fields["payload"].as_array().unwrap() {
                        let binding = keyspace.parse_binding(member.as_str().unwrap().as_bytes());
                        let queue = binding.unwrap().queue;
                        let is_ours = queue.as_str().contains(".pidbox")
                            || queue.as_str().starts_with("celeryev.");
                        assert_eq!(
                            keyspace.is_task_exchange(exchange),
                            !is_ours,
                            "{scenario} {key:?}"
                        );
                    }
                }
                ("key", Some(1), "string") => {
                    if let Some((_, id)) = key.split_once("celery-task-meta-") {
                        assert_eq!(keyspace.result_key(&id.into()), key, "{scenario}");
                    }
                }
                _ => {}
            }
        }
    }
    let of = |scenario: &str| queues.get(scenario).cloned().unwrap_or_default();
    assert_eq!(
        of("c570.keys_waiting"),
        ["parked 0", "parked 3", "parked 6", "parked 9"]
    );
    assert_eq!(of("c570.opt_names"), ["parked 5"]);
    assert_eq!(of("c570.opt_keyprefix"), ["parked 3"]);
}

/// The parser of these texts is the model's, for the browser needs it too.
#[test]
fn arguments_and_results_are_taken_apart() {
    let (mut texts, mut cut) = (0, 0);
    for scenario in scenarios() {
        each_event(&scenario, |event| {
            for text in [event.args, event.kwargs, event.result]
                .into_iter()
                .flatten()
            {
                let parsed = repr::parse(text);
                texts += 1;
                cut += usize::from(parsed.is_truncated);
                assert_eq!(parsed.is_truncated, text.contains("..."), "{text}");
                // An application may send any text instead: `argsrepr`.
                if text != "(<hidden>,)" && !parsed.is_truncated {
                    assert_eq!(parsed.root.to_string(), text, "{scenario}");
                }
                if text.starts_with(['[', '(', '{', '\'']) {
                    assert!(!matches!(parsed.root, Repr::Opaque(_)), "{text}");
                }
            }
        });
    }
    assert!(texts > 1000 && cut > 5, "{texts} {cut}");
}
