//! Laws that browser and server rely on: changes lead where they say, and
//! queries, topics and states survive their text forms.

#![expect(clippy::unwrap_used, reason = "a test may end here")]

use model::*;
use proptest::prelude::*;

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c]{1,2}", "[a-z&=%+ #?/äö\u{1f600}.-]{1,12}"]
}

fn time() -> impl Strategy<Value = Timestamp> {
    // Whole microseconds that a double holds exactly enough to come back.
    (0_i64..4_000_000_000_000_000).prop_map(Timestamp)
}

/// Numbers that JSON text carries exactly; `serde_json` may be one ulp off for others.
fn quarters() -> impl Strategy<Value = f64> {
    (0_u32..4_000_000).prop_map(|n| f64::from(n) / 4.0)
}

fn state() -> impl Strategy<Value = TaskState> {
    prop_oneof![
        4 => prop::sample::select(TaskState::BUILT_IN.to_vec()),
        1 => "[a-zA-Z_ äß]{1,10}".prop_map(|name| TaskState::from_name(&name)),
    ]
}

prop_compose! {
    fn task(id: u8)(
        state in state(),
        name in prop::option::of(text()),
        worker in prop::option::of(text()),
        retries in 0_u32..3,
        received in prop::option::of(time()),
        runtime_seconds in prop::option::of(quarters()),
        exception in prop::option::of(text()),
    ) -> TaskSummary {
        TaskSummary {
            id: TaskId::from(format!("task-{id}")),
            name: name.map(TaskName::from),
            state,
            worker: worker.map(WorkerName::from),
            queue: None,
            retries,
            sent: None,
            received,
            started: received,
            finished: None,
            runtime_seconds,
            eta: None,
            exception,
            is_repaired: retries > 1,
            usual_runtime_seconds: runtime_seconds,
            is_revoked: retries > 0,
        }
    }
}

prop_compose! {
    fn worker(id: u8)(
        pid in 0_u32..3,
        status in prop::sample::select(vec![WorkerStatus::Online, WorkerStatus::Busy, WorkerStatus::Stopping, WorkerStatus::Lost, WorkerStatus::Offline]),
        status_since in time(),
        active in prop::option::of(0_u64..9),
        load in prop::option::of([quarters(), quarters(), quarters()]),
        trend in prop::collection::vec(0_u32..9, 0..4),
    ) -> WorkerSummary {
        WorkerSummary {
            name: WorkerName::from(format!("celery@{id}")),
            pid,
            status,
            status_since,
            active,
            processed: active,
            slots: None,
            load,
            queues: Vec::new(),
            version: None,
            system: None,
            pool: None,
            started: None,
            last_heartbeat: None,
            freq_seconds: 2.0,
            task_events: Some(true),
            events: EventCounts::default(),
            missed: 0,
            silent_types: Vec::new(),
            trend,
        }
    }
}

prop_compose! {
    fn queue(id: u8)(ready in 0_u64..9, depth in prop::collection::vec(0_u64..9, 0..3)) -> QueueSummary {
        QueueSummary {
            name: QueueName::from(format!("queue-{id}")),
            ready,
            steps: vec![(0, ready)],
            consumers: Vec::new(),
            are_consumers_known: true,
            depth,
            sent_per_second: None,
            taken_per_second: None,
            unacked: Some(ready),
            oldest_since: None,
            is_oldest_exact: false,
            paused: Vec::new(),
        }
    }
}

/// Some of a few ids, each at most once, in any order; a row of each.
fn rows<T: std::fmt::Debug + Clone + 'static, S: Strategy<Value = T> + 'static>(
    row: fn(u8) -> S,
) -> impl Strategy<Value = Vec<T>> {
    prop::sample::subsequence((0..8_u8).collect::<Vec<_>>(), 0..=8)
        .prop_shuffle()
        .prop_flat_map(move |ids| ids.into_iter().map(row).collect::<Vec<_>>())
}

prop_compose! {
    fn task_page()(
        rows in rows(task),
        total in prop::option::of(0_u64..3),
        states in prop::collection::vec((state(), 0_u64..3), 0..3),
        latest in 0_u64..3,
        older in prop::option::of(prop::option::of("[a-z]{1,2}")),
    ) -> View {
        let older = older.map(|next| Older { next: next.map(Into::into), searched_to: None });
        View::Tasks(TaskPage { rows, total, states, stored: latest, latest, newer: 0, older })
    }
}

prop_compose! {
    fn worker_list()(rows in rows(worker), unanswered_pings in 0_u64..2) -> View {
        View::Workers(WorkerList { rows, unanswered_pings })
    }
}

prop_compose! {
    fn worker_page()(
        summary in worker(1),
        namesakes in prop::collection::vec(worker(1), 0..2),
        asked in prop::option::of(time()),
        is_known in any::<bool>(),
    ) -> View {
        View::Worker(is_known.then(|| Box::new(WorkerDetail {
            summary,
            namesakes,
            inspection: Inspection { asked, ..Inspection::default() },
        })))
    }
}

prop_compose! {
    fn queue_list()(
        rows in rows(queue),
        unacked in 0_u64..2,
        polled in prop::option::of(time()),
        clients in prop::option::of(0_u64..2),
        unacked_overdue in 0_u64..2,
        purged in prop::collection::vec(purged(), 0..2),
    ) -> View {
        let redis = clients.map(|clients| RedisInfo { clients, ..RedisInfo::default() });
        let health = BrokerHealth { unacked_overdue, ..BrokerHealth::default() };
        View::Queues(QueueList { rows, unacked, polled, redis, health, purged })
    }
}

prop_compose! {
    fn purged()(purge in 1_u64..3, purged in 0_u64..3, at in time()) -> PurgedQueue {
        PurgedQueue {
            purge: PurgeId(purge),
            queue: "mail".into(),
            at,
            until: at,
            purged,
            kept: purged,
            by: "local".to_owned(),
        }
    }
}

prop_compose! {
    fn audit_entry(id: u8)(
        at in time(),
        command in prop::sample::select(CommandKind::ALL.to_vec()),
        target in text(),
        message in text(),
        seconds in prop::option::of(quarters()),
    ) -> AuditEntry {
        AuditEntry {
            number: u64::from(id),
            at,
            caller: "local".to_owned(),
            role: Role::Admin,
            from: None,
            door: Door::Page,
            command,
            target,
            result: AuditResult::Done,
            message,
            seconds,
        }
    }
}

prop_compose! {
    fn audit_log()(entries in rows(audit_entry), total in 0_u64..20) -> View {
        View::Audit(AuditLog { entries, total })
    }
}

fn view() -> impl Strategy<Value = View> {
    prop_oneof![
        task_page(),
        worker_list(),
        worker_page(),
        queue_list(),
        audit_log()
    ]
}

/// Two pictures of one topic, and now and then of two.
fn views() -> impl Strategy<Value = (View, View)> {
    prop_oneof![
        (task_page(), task_page()),
        (worker_list(), worker_list()),
        (worker_page(), worker_page()),
        (queue_list(), queue_list()),
        (audit_log(), audit_log()),
        (view(), view()),
    ]
}

prop_compose! {
    fn task_query()(
        states in prop::collection::vec(state(), 0..3),
        names in [prop::option::of(text()), prop::option::of(text()), prop::option::of(text())],
        search in prop::option::of(text()),
        received_start in prop::option::of(time()),
        received_end in prop::option::of(time()),
        sort in prop::sample::select(TaskSort::ALL.to_vec()),
        is_descending in any::<bool>(),
        offset in any::<u64>(),
        limit in 0..=model::query::MAX_LIMIT,
        newest in prop::option::of(any::<u64>()),
        (count, after) in (prop::sample::select(TaskCount::ALL.to_vec()), prop::option::of("[a-z.0-9-]{1,9}")),
    ) -> TaskQuery {
        let [name, worker, queue] = names;
        let mut unique = Vec::new();
        for state in states {
            if !unique.contains(&state) {
                unique.push(state);
            }
        }
        TaskQuery {
            states: unique,
            name: name.map(TaskName::from),
            worker: worker.map(WorkerName::from),
            queue: queue.map(QueueName::from),
            search: search.unwrap_or_default(),
            received_start,
            received_end,
            sort,
            is_descending,
            offset,
            limit,
            newest,
            count,
            after: after.map(TaskCursor::from),
        }
    }
}

proptest! {
    #[test]
    fn a_change_leads_from_the_old_picture_to_the_new_one((old, new) in views()) {
        let mut view = old.clone();
        match old.change_to(&new) {
            None => prop_assert_eq!(&old, &new),
            Some(change) => {
                prop_assert_ne!(&old, &new);
                prop_assert!(view.apply(&change));
            }
        }
        prop_assert_eq!(view, new);
    }

    #[test]
    fn a_change_leads_there_over_the_wire_too((old, new) in views()) {
        let mut view: View = serde_json::from_str(&serde_json::to_string(&old).unwrap()).unwrap();
        prop_assert_eq!(&view, &old);
        if let Some(change) = old.change_to(&new) {
            let text = serde_json::to_string(&change).unwrap();
            prop_assert!(view.apply(&serde_json::from_str(&text).unwrap()));
        }
        prop_assert_eq!(view, new);
    }

    #[test]
    fn a_change_holds_no_row_that_stayed(old in rows(task), new in rows(task)) {
        if let Some(change) = ListChange::between(&old, &new) {
            for row in &change.upserts {
                prop_assert!(!old.contains(row));
            }
        }
    }

    #[test]
    fn a_change_of_another_topic_changes_nothing(page in task_page(), old in worker_list(), new in worker_list()) {
        let mut view = page.clone();
        if let Some(change) = old.change_to(&new) {
            prop_assert!(!view.apply(&change));
        }
        prop_assert_eq!(view, page);
    }

    #[test]
    fn a_task_query_survives_its_query_string(query in task_query()) {
        let text = query.to_query_string();
        prop_assert_eq!(TaskQuery::from_query_string(&text).unwrap(), query, "{}", text);
    }

    #[test]
    fn a_topic_survives_its_query_string(query in task_query(), name in text(), kind in 0..9) {
        let topic = match kind {
            0 => Topic::Overview,
            1 => Topic::Tasks(Box::new(query)),
            2 => Topic::Task(TaskId::from(name)),
            3 => Topic::Workers,
            4 => Topic::Worker(WorkerName::from(name)),
            5 => Topic::Undecodable,
            6 => Topic::Schedule,
            7 => Topic::Audit,
            _ => Topic::Queues,
        };
        let text = topic.to_query_string();
        prop_assert_eq!(Topic::from_query_string(&text).unwrap(), topic, "{}", text);
    }

    #[test]
    fn no_query_string_makes_the_readers_panic(text in any::<String>()) {
        let _ = TaskQuery::from_query_string(&text);
        let _ = Topic::from_query_string(&text);
        let _ = Topic::from_query_string(&format!("topic=tasks&{text}"));
    }

    #[test]
    fn a_state_survives_its_name_in_any_case(state in state()) {
        prop_assert_eq!(TaskState::from_name(state.as_str()), state.clone());
        prop_assert_eq!(TaskState::from_name(&state.as_str().to_lowercase()), state.clone());
        let json = serde_json::to_string(&state).unwrap();
        prop_assert_eq!(serde_json::from_str::<TaskState>(&json).unwrap(), state);
    }

    #[test]
    fn a_time_survives_its_seconds(time in time()) {
        prop_assert_eq!(Timestamp::from_seconds(time.as_seconds()), Some(time));
    }
}

#[test]
fn impossible_times_are_none() {
    for seconds in [-1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300] {
        assert_eq!(Timestamp::from_seconds(seconds), None, "{seconds}");
    }
}

#[test]
fn queries_that_make_no_sense_say_why() {
    for (text, expected) in [
        ("limit=1001", "limit is larger than 1000"),
        ("limit=-1", "limit is not a whole number: \"-1\""),
        (
            "received_start=yesterday",
            "received_start is not seconds since the epoch: \"yesterday\"",
        ),
    ] {
        let error = TaskQuery::from_query_string(text).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    let error = TaskQuery::from_query_string("sort=colour").unwrap_err();
    assert!(error.to_string().starts_with("sort is none of received, "));
    for text in ["", "topic=", "topic=moon", "topic=task", "topic=worker"] {
        assert!(Topic::from_query_string(text).is_err(), "{text}");
    }
}
