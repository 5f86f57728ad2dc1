//! Records that the tests of every store share, and the tests that every store passes.

mod merging;
mod rates;
mod server;
mod suite;

pub(crate) use server::Server;

use super::TaskRecord;
use model::{Attempt, CustomEvent, Source, TaskDetail, TaskState, TaskSummary, Timestamp};

const EVENT: u8 = 1;

fn at(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp(1_800_000_000_000_000 + seconds * 1_000_000))
}

/// Returns a task that runs, the `number`th by time.
pub(crate) fn started(number: u32) -> TaskRecord {
    let second = i64::from(number) * 10;
    let attempt = Attempt {
        retries: 0,
        delivery: 1,
        state: TaskState::Started,
        worker: Some("celery@mail-1".into()),
        pid: Some(4127),
        sent: at(second),
        received: at(second + 1),
        started: at(second + 2),
        finished: None,
        runtime_seconds: None,
        eta: None,
        exception: None,
        traceback: None,
        reason: None,
    };
    TaskRecord {
        sources: EVENT,
        task: TaskDetail {
            summary: TaskSummary {
                id: format!("8f14e45f-ceea-467f-a1b2-{number:012x}")
                    .as_str()
                    .into(),
                name: Some("shop.mail.tasks.send_welcome_email".into()),
                state: TaskState::Started,
                worker: attempt.worker.clone(),
                queue: Some("mail".into()),
                retries: 0,
                sent: attempt.sent,
                received: attempt.received,
                started: attempt.started,
                finished: None,
                runtime_seconds: None,
                eta: None,
                exception: None,
                is_repaired: false,
                usual_runtime_seconds: None,
                is_revoked: false,
            },
            args: Some(format!("('anna{number}@example.org',)")),
            kwargs: Some("{'locale': 'de_DE'}".to_owned()),
            result: None,
            exception: None,
            traceback: None,
            expires: at(90_000),
            exchange: Some("shop".to_owned()),
            routing_key: Some("mail.welcome".to_owned()),
            root_id: Some("11111111-ceea-467f-a1b2-000000000001".into()),
            parent_id: Some("11111111-ceea-467f-a1b2-000000000002".into()),
            children: Vec::new(),
            client: Some("gen4127@web-1".to_owned()),
            clock: Some(77),
            timestamp: attempt.started,
            attempts: vec![attempt],
            attempts_dropped: 0,
            custom_events: Vec::new(),
            sources: vec![Source::Event],
            retry_of: None,
            retried_as: Vec::new(),
        },
    }
}

/// Returns the same task when it has succeeded.
pub(crate) fn succeeded(number: u32) -> TaskRecord {
    let mut record = started(number);
    let end = at(i64::from(number) * 10 + 5);
    let task = &mut record.task;
    let row = &mut task.summary;
    (row.state, row.finished) = (TaskState::Success, end);
    row.runtime_seconds = Some(2.75);
    task.result = Some("'sent'".to_owned());
    task.timestamp = end;
    let attempt = &mut task.attempts[0];
    (attempt.state, attempt.finished) = (TaskState::Success, end);
    attempt.runtime_seconds = Some(2.75);
    record
}

/// Returns the same task when it has failed twice.
pub(crate) fn failed_after_a_retry(number: u32) -> TaskRecord {
    let mut record = started(number);
    let second = i64::from(number) * 10;
    let task = &mut record.task;
    let fail = |attempt: &mut Attempt, state, end, problem: &str| {
        (attempt.state, attempt.finished) = (state, at(end));
        attempt.exception = Some(format!("SMTPServerDisconnected('{problem}')"));
        attempt.traceback = Some(format!("Traceback:\n  {problem}\n"));
        attempt.runtime_seconds = Some(0.5);
    };
    let mut second_try = task.attempts[0].clone();
    fail(
        &mut task.attempts[0],
        TaskState::Retry,
        second + 3,
        "closed",
    );
    second_try.retries = 1;
    second_try.received = at(second + 4);
    second_try.started = at(second + 5);
    fail(
        &mut second_try,
        TaskState::Failure,
        second + 6,
        "closed again",
    );
    let row = &mut task.summary;
    (row.retries, row.state) = (1, TaskState::Failure);
    (row.received, row.started) = (second_try.received, second_try.started);
    (row.finished, row.runtime_seconds) = (second_try.finished, second_try.runtime_seconds);
    row.exception.clone_from(&second_try.exception);
    task.exception.clone_from(&second_try.exception);
    task.traceback.clone_from(&second_try.traceback);
    task.timestamp = second_try.finished;
    task.attempts.push(second_try);
    task.custom_events.push(CustomEvent {
        timestamp: Timestamp(1_800_000_000_000_000),
        kind: "task-progress".to_owned(),
        fields: r#"{"percent":50}"#.to_owned(),
    });
    record
}
