//! One history: what is not in memory any more is read from the store, in the
//! same lists, exactly once.

use crate::{
    celery::{Worker, client},
    support::{Redis, eventually, is_up},
};
use model::{ErrorKind, TaskDetail, TaskId, TaskQuery, TaskState};
use monitor::{Monitor, history::StoreConfig};
use std::{collections::BTreeSet, path::Path};

const TASKS: usize = 400;

/// Sent at a time: memory holds so many until they are saved.
const AT_ONCE: usize = 50;

/// An engine with little memory, whose store is in this directory.
fn monitor(redis: &Redis, directory: &Path) -> Monitor {
    redis.monitor(|config| {
        config.max_tasks = 100;
        config.store = Some(StoreConfig::Sqlite(directory.join("history.db")));
    })
}

/// Reads a list to its end: the pages of memory, and then those of the store.
async fn walk(monitor: &Monitor, query: &TaskQuery) -> Vec<TaskId> {
    let mut ids = Vec::new();
    let mut page = query.clone();
    let mut next = loop {
        let part = monitor.task_list(page.clone()).await.expect("a page");
        page.offset += part.rows.len() as u64;
        let is_last = part.rows.is_empty();
        ids.extend(part.rows.into_iter().map(|row| row.id));
        if is_last {
            break part.older.and_then(|older| older.next);
        }
    };
    while let Some(after) = next {
        page = TaskQuery {
            after: Some(after),
            ..query.clone()
        };
        let part = monitor.task_list(page).await.expect("a page of the past");
        assert!(part.rows.len() <= query.limit as usize);
        ids.extend(part.rows.into_iter().map(|row| row.id));
        next = part.older.expect("the store tells").next;
    }
    ids
}

fn pages_of(limit: u32) -> TaskQuery {
    TaskQuery {
        limit,
        ..TaskQuery::default()
    }
}

async fn detail(monitor: &Monitor, id: &TaskId) -> TaskDetail {
    let task = monitor.any_task(id).await.expect("it can be read");
    task.expect("the task is known")
}

/// Checks that every list has every task once.
async fn check_all(monitor: &Monitor, sent: &BTreeSet<TaskId>) {
    for query in [
        pages_of(30),
        TaskQuery {
            is_descending: false,
            ..pages_of(30)
        },
        TaskQuery {
            sort: model::TaskSort::Runtime,
            ..pages_of(70)
        },
        TaskQuery {
            states: vec![TaskState::Success],
            search: "args.1:>=0".to_owned(),
            ..pages_of(30)
        },
    ] {
        let ids = walk(monitor, &query).await;
        let unique: BTreeSet<TaskId> = ids.iter().cloned().collect();
        assert_eq!(ids.len(), unique.len(), "a task came twice: {query:?}");
        assert_eq!(&unique, sent, "{query:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_left_memory_is_read_from_the_store() {
    let redis = Redis::start();
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let monitor_of_first_run = monitor(&redis, directory.path());
    is_up(&monitor_of_first_run).await;
    let _worker = Worker::start(&redis, "past@x", &["-E", "--concurrency=2"]);
    let mut sent = BTreeSet::new();
    for first in (0..TASKS).step_by(AT_ONCE) {
        let ids = client(
            &redis,
            &format!(
                "print(','.join(lab.add.apply_async((n, n + 1)).id for n in range({first}, {first} + {AT_ONCE})))"
            ),
        );
        sent.extend(ids.split(',').map(TaskId::from));
        let saved = || {
            let metrics = monitor_of_first_run.metrics();
            let ended = metrics.events.iter();
            let ended = ended.filter(|event| event.kind == "task-succeeded");
            let ended: u64 = ended.map(|event| event.count).sum();
            (ended == sent.len() as u64 && metrics.history_unsaved == 0).then_some(())
        };
        eventually("all tasks to end and to be saved", saved).await;
    }
    assert_eq!(sent.len(), TASKS);
    let in_memory = monitor_of_first_run.tasks(&pages_of(1)).expect("a page");
    assert!(in_memory.stored <= 100, "memory is bounded");
    check_all(&monitor_of_first_run, &sent).await;

    let oldest = walk(
        &monitor_of_first_run,
        &TaskQuery {
            is_descending: false,
            ..pages_of(50)
        },
    )
    .await;
    let gone = oldest
        .iter()
        .find(|id| monitor_of_first_run.task(id).is_none())
        .expect("most tasks are not in memory");
    let task = detail(&monitor_of_first_run, gone).await;
    assert_eq!(task.summary.state, TaskState::Success);
    assert!(task.result.is_some() && task.args.is_some());
    let plan = monitor_of_first_run.retry_plan(gone).await;
    let plan = plan.expect("a stored task can be sent again");
    assert_eq!(Some(plan.draft.name), task.summary.name);
    let nobody = monitor_of_first_run.any_task(&"nobody".into()).await;
    assert_eq!(nobody, Ok(None));
    let other_list = TaskQuery {
        after: in_memory.older.and_then(|older| older.next),
        sort: model::TaskSort::Name,
        ..pages_of(5)
    };
    let refused = monitor_of_first_run.task_list(other_list).await;
    assert_eq!(refused.map_err(|error| error.kind), Err(ErrorKind::Invalid));
    let gone = gone.clone();
    monitor_of_first_run.shutdown().await;
    drop(monitor_of_first_run);

    let second_run = monitor(&redis, directory.path());
    check_all(&second_run, &sent).await;
    assert_eq!(detail(&second_run, &gone).await, task);
    second_run.shutdown().await;
}

#[tokio::test]
async fn without_a_store_lists_end_with_memory() {
    let redis = Redis::start();
    let monitor = redis.monitor(|_| {});
    let page = monitor.task_list(pages_of(5)).await.expect("a page");
    assert_eq!(page.older, None);
    let after = TaskQuery {
        after: Some("received.d.5".into()),
        ..pages_of(5)
    };
    let refused = monitor.task_list(after).await;
    assert_eq!(
        refused.map_err(|error| error.kind),
        Err(ErrorKind::NotFound)
    );
    monitor.shutdown().await;
}
