//! The addresses of the screens: how to write them, and which topic each one shows.

use model::{QueryError, QueueName, TaskId, TaskName, TaskQuery, TaskState, Topic, WorkerName};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What may stand unescaped in a path segment (RFC 3986 `pchar`, less what reads badly).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'@')
    .remove(b':');

/// The address of what was missed.
pub const GAPS: &str = "/gaps";

/// The address of what could not be read.
pub const UNDECODABLE: &str = "/undecodable";

/// The address of what will run at a time.
pub const SCHEDULE: &str = "/schedule";

/// The address of who did what.
pub const AUDIT: &str = "/audit";

fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// Returns the address of a task's page.
pub fn task(id: &TaskId) -> String {
    format!("/task/{}", segment(id.as_str()))
}

/// Returns the address of a worker's page.
pub fn worker(name: &WorkerName) -> String {
    format!("/worker/{}", segment(name.as_str()))
}

/// Returns the address of the tasks that match a query. The window on them is
/// not part of it.
pub fn tasks(query: &TaskQuery) -> String {
    let default = TaskQuery::default();
    let query = TaskQuery {
        offset: default.offset,
        limit: default.limit,
        newest: default.newest,
        after: default.after,
        ..query.clone()
    };
    with_query("/tasks", &query.to_query_string())
}

/// Returns the address of the tasks in one state.
pub fn tasks_in_state(state: TaskState) -> String {
    tasks(&TaskQuery {
        states: vec![state],
        ..TaskQuery::default()
    })
}

/// Returns the address of the tasks of one type.
pub fn tasks_of_type(name: &TaskName) -> String {
    tasks(&TaskQuery {
        name: Some(name.clone()),
        ..TaskQuery::default()
    })
}

/// Returns the address of the tasks of one worker.
pub fn tasks_of_worker(name: &WorkerName) -> String {
    tasks(&TaskQuery {
        worker: Some(name.clone()),
        ..TaskQuery::default()
    })
}

/// Returns the address of the tasks of one queue.
pub fn tasks_of_queue(name: &QueueName) -> String {
    tasks(&TaskQuery {
        queue: Some(name.clone()),
        ..TaskQuery::default()
    })
}

/// Returns the address of the queues with one of them chosen.
pub fn queue(name: &QueueName) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("queue", name.as_str());
    with_query("/broker", &query.finish())
}

/// Joins a path and a query string.
pub fn with_query(path: &str, query: &str) -> String {
    if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    }
}

/// Returns the topic that the page at this address shows; `None` if there is no such page.
pub fn topic(path: &str, query: &str) -> Option<Result<Topic, QueryError>> {
    let path = path.trim_matches('/');
    let (head, rest) = path.split_once('/').unwrap_or((path, ""));
    let rest = || percent_decode_str(rest).decode_utf8_lossy();
    Some(Ok(match head {
        "" => Topic::Overview,
        "tasks" => {
            return Some(
                TaskQuery::from_query_string(query.trim_start_matches('?'))
                    .map(|query| Topic::Tasks(Box::new(query))),
            );
        }
        "workers" => Topic::Workers,
        "broker" | "queues" => Topic::Queues,
        // What is missed comes with every frame; this topic is the smallest one.
        "undecodable" | "gaps" => Topic::Undecodable,
        "schedule" => Topic::Schedule,
        "audit" => Topic::Audit,
        "task" => Topic::Task((&*rest()).into()),
        "worker" => Topic::Worker((&*rest()).into()),
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_task_id_survives_its_address() {
        for id in [
            "2571353f-8c1e-4d0a-9f63-b1c0a77e927d",
            "a/b?c#d%e f",
            "größe",
        ] {
            let address = task(&id.into());
            assert_eq!(
                topic(&address, ""),
                Some(Ok(Topic::Task(id.into()))),
                "{address}"
            );
        }
    }

    #[test]
    fn worker_addresses_read_as_in_flower() {
        assert_eq!(worker(&"celery@mail-1".into()), "/worker/celery@mail-1");
    }

    #[test]
    fn the_window_is_not_part_of_the_address() {
        let query = TaskQuery {
            states: vec![TaskState::Failure],
            offset: 300,
            limit: 120,
            newest: Some(7),
            after: Some("received.d.5".into()),
            ..TaskQuery::default()
        };
        assert_eq!(tasks(&query), "/tasks?state=FAILURE");
        assert_eq!(tasks(&TaskQuery::default()), "/tasks");
    }

    #[test]
    fn what_is_missed_or_unreadable_has_an_address() {
        for address in [UNDECODABLE, GAPS] {
            assert_eq!(
                topic(address, ""),
                Some(Ok(Topic::Undecodable)),
                "{address}"
            );
        }
    }

    #[test]
    fn what_will_run_and_who_did_what_have_addresses() {
        assert_eq!(topic(SCHEDULE, ""), Some(Ok(Topic::Schedule)));
        assert_eq!(topic(AUDIT, "q=purge"), Some(Ok(Topic::Audit)));
        assert_eq!(queue(&"a&b".into()), "/broker?queue=a%26b");
    }

    #[test]
    fn a_query_that_cannot_be_read_is_told() {
        assert!(matches!(topic("/tasks", "sort=colour"), Some(Err(_))));
        assert_eq!(topic("/nowhere", ""), None);
    }
}
