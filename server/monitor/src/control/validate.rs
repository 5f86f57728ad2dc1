//! What a command must be before anything is sent: workers take much that
//! makes no sense, and what they make of it is worse than a refusal.

use model::{Command, Destination, ErrorKind, QueueName, TaskId, WireError};

/// Most tasks of one command; a bulk takes more.
pub(super) const MAX_TASKS: usize = 1_000;

/// Most processes that a pool may be told to have, grow or shrink by: far
/// beyond what runs on a machine, and a slip of the finger below it.
const MAX_PROCESSES: u32 = 10_000;

/// Longest time limit: a year.
const MAX_SECONDS: f64 = 366.0 * 86_400.0;

/// Refuses what cannot be meant; the message names the field.
pub(super) fn validate(command: &Command) -> Result<(), WireError> {
    match command {
        Command::Revoke { tasks } | Command::Terminate { tasks, .. } => ids(tasks),
        Command::RevokeByStampedHeaders { headers, .. } => {
            check(!headers.is_empty(), "headers", "must name a header")?;
            for (header, stamps) in headers {
                check(
                    !header.is_empty(),
                    "headers",
                    "must not name an empty header",
                )?;
                let has_stamp = stamps.iter().any(|stamp| !stamp.is_empty());
                check(has_stamp, "headers", "must give each header a stamp")?;
            }
            Ok(())
        }
        Command::Abort { task } => ids(std::slice::from_ref(task)),
        Command::Ping { workers }
        | Command::Shutdown { workers }
        | Command::PoolRestart { workers }
        | Command::EnableEvents { workers }
        | Command::DisableEvents { workers } => names(workers),
        Command::PoolGrow { workers, n } | Command::PoolShrink { workers, n } => {
            names(workers)?;
            let is_good = (1..=MAX_PROCESSES).contains(n);
            check(is_good, "n", &format!("must be 1 to {MAX_PROCESSES}"))
        }
        Command::Autoscale { workers, min, max } => {
            names(workers)?;
            let is_good = (1..=MAX_PROCESSES).contains(max);
            check(is_good, "max", &format!("must be 1 to {MAX_PROCESSES}"))?;
            check(min <= max, "min", "must not be more than max")
        }
        Command::AddConsumer {
            workers,
            queue: name,
        }
        | Command::CancelConsumer {
            workers,
            queue: name,
        } => {
            names(workers)?;
            queue(name)
        }
        Command::RateLimit {
            workers,
            task,
            rate_limit,
        } => {
            names(workers)?;
            check(!task.as_str().is_empty(), "task", "must not be empty")?;
            let text = "must be a number, alone or with /s, /m or /h, such as 10/m; 0 for no limit";
            check(is_rate_limit(rate_limit), "rate_limit", text)
        }
        Command::TimeLimit {
            workers,
            task,
            soft,
            hard,
        } => {
            names(workers)?;
            check(!task.as_str().is_empty(), "task", "must not be empty")?;
            for (field, limit) in [("soft", soft), ("hard", hard)] {
                let is_good = limit.is_none_or(|limit| limit > 0.0 && limit <= MAX_SECONDS);
                check(
                    is_good,
                    field,
                    "must be more than 0 seconds, at most a year",
                )?;
            }
            let is_good = soft.zip(*hard).is_none_or(|(soft, hard)| soft <= hard);
            check(is_good, "soft", "must not be more than hard")
        }
        // They look at what they are for, and check it there.
        Command::Retry { .. }
        | Command::Send { .. }
        | Command::Bulk { .. }
        | Command::StopBulk { .. }
        | Command::DeleteMessage { .. }
        | Command::MoveMessages { .. }
        | Command::Purge { .. }
        | Command::UndoPurge { .. }
        | Command::PauseQueue { .. }
        | Command::ResumeQueue { .. }
        | Command::CleanUp { .. }
        | Command::RunEntry { .. } => Ok(()),
    }
}

fn check(is_good: bool, field: &str, text: &str) -> Result<(), WireError> {
    if is_good {
        Ok(())
    } else {
        Err(WireError::new(
            ErrorKind::Invalid,
            format!("`{field}` {text}."),
        ))
    }
}

fn ids(tasks: &[TaskId]) -> Result<(), WireError> {
    check(!tasks.is_empty(), "tasks", "must name a task")?;
    let text = format!("may name at most {MAX_TASKS} tasks; a bulk takes more");
    check(tasks.len() <= MAX_TASKS, "tasks", &text)?;
    let is_good = tasks.iter().all(|id| !id.as_str().is_empty());
    check(is_good, "tasks", "must not hold an empty id")
}

fn names(workers: &Destination) -> Result<(), WireError> {
    let Some(names) = workers.names() else {
        return Ok(());
    };
    // Workers take an empty list for everybody.
    check(!names.is_empty(), "workers", "must name a worker")?;
    let is_good = names.iter().all(|name| !name.as_str().is_empty());
    check(is_good, "workers", "must not hold an empty name")
}

fn queue(name: &QueueName) -> Result<(), WireError> {
    let is_good = !name.as_str().is_empty() && !name.as_str().contains(char::is_control);
    check(is_good, "queue", "must be the name of a queue")
}

/// `celery/utils/time.py rate`: a number of tasks, for each second, minute or hour.
fn is_rate_limit(text: &str) -> bool {
    let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let is_number = |digits: &str| {
        (1..=9).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    is_number(whole) && is_number(part) && matches!(unit, "s" | "m" | "h")
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Signal, WorkerName};
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn rate_limits_are_celerys() {
        for good in ["0", "10", "10/s", "2.5/m", "100/h"] {
            assert!(is_rate_limit(good), "{good}");
        }
        for bad in [
            "", "x", "/m", "10/", "10/d", "-1", "1e9", "1.", ".5", "10/m/s", " 1", "inf",
        ] {
            assert!(!is_rate_limit(bad), "{bad}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_its_field() {
        let workers = || Destination::one("w1@h".into());
        let task = || "shop.mail".into();
        let limits = |soft, hard| Command::TimeLimit {
            workers: workers(),
            task: task(),
            soft,
            hard,
        };
        let nobody = || Destination::Workers(BTreeSet::new());
        let nameless = Destination::one(WorkerName::from(""));
        for (command, field) in [
            (Command::Revoke { tasks: vec![] }, "tasks"),
            (Command::Abort { task: "".into() }, "tasks"),
            (
                Command::Terminate {
                    tasks: vec!["x".into(); MAX_TASKS + 1],
                    signal: Signal::Term,
                },
                "tasks",
            ),
            (
                Command::RevokeByStampedHeaders {
                    headers: BTreeMap::new(),
                    terminate: None,
                },
                "headers",
            ),
            (
                Command::RevokeByStampedHeaders {
                    headers: BTreeMap::from([("batch".to_owned(), vec![])]),
                    terminate: None,
                },
                "headers",
            ),
            (Command::Ping { workers: nobody() }, "workers"),
            (Command::Shutdown { workers: nobody() }, "workers"),
            (Command::PoolRestart { workers: nameless }, "workers"),
            (
                Command::PoolGrow {
                    workers: workers(),
                    n: 0,
                },
                "n",
            ),
            (
                Command::PoolShrink {
                    workers: workers(),
                    n: 1_000_000,
                },
                "n",
            ),
            (
                Command::Autoscale {
                    workers: workers(),
                    min: 3,
                    max: 2,
                },
                "min",
            ),
            (
                Command::Autoscale {
                    workers: workers(),
                    min: 0,
                    max: 0,
                },
                "max",
            ),
            (
                Command::AddConsumer {
                    workers: workers(),
                    queue: "".into(),
                },
                "queue",
            ),
            (
                Command::CancelConsumer {
                    workers: workers(),
                    queue: "a\u{6}\u{16}3".into(),
                },
                "queue",
            ),
            (
                Command::RateLimit {
                    workers: workers(),
                    task: task(),
                    rate_limit: "often".to_owned(),
                },
                "rate_limit",
            ),
            (
                Command::RateLimit {
                    workers: workers(),
                    task: "".into(),
                    rate_limit: "1/s".to_owned(),
                },
                "task",
            ),
            (limits(Some(0.0), None), "soft"),
            (limits(None, Some(f64::NAN)), "hard"),
            (limits(None, Some(f64::INFINITY)), "hard"),
            (limits(Some(3.0), Some(2.0)), "soft"),
        ] {
            let error = validate(&command).expect_err(field);
            assert_eq!(error.kind, ErrorKind::Invalid);
            let start = format!("`{field}` ");
            assert!(error.message.starts_with(&start), "{command:?}: {error}");
        }
        for command in [limits(None, None), limits(Some(1.0), Some(1.0))] {
            assert_eq!(validate(&command), Ok(()));
        }
    }
}
