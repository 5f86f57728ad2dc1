//! What a worker answered, read from Celery's JSON without trusting it.
//!
//! Shapes differ between pools and versions; whatever is missing or of another
//! kind is absent here, and the tabs say so.

use model::{Inspection, QueueName, TaskId, TaskName, Timestamp};
use serde_json::{Map, Value};

/// A task as `active` and `reserved` list it (`celery/worker/request.py`, `Request.info`).
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Request {
    /// The id.
    pub(super) id: TaskId,
    /// The task type; `type` is the real name where `name` may be a shadow.
    pub(super) name: TaskName,
    /// Arguments as text.
    pub(super) args: String,
    /// When it began to run.
    pub(super) started: Option<Timestamp>,
    /// The process that runs it.
    pub(super) pid: Option<u64>,
    /// The routing key it came with, on Redis mostly the queue.
    pub(super) routing_key: Option<String>,
    /// Whether the broker delivered it before.
    pub(super) is_redelivered: bool,
}

/// A task that waits in the worker for its time (`scheduled`).
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scheduled {
    /// Its time, if it is one.
    pub(super) eta: Option<Timestamp>,
    /// Its time as Celery wrote it.
    pub(super) eta_text: String,
    /// The task.
    pub(super) request: Request,
}

/// A task type the worker can run (`registered`).
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Registered {
    /// The name.
    pub(super) name: TaskName,
    /// Its rate limit, such as `10/m`.
    pub(super) rate_limit: Option<String>,
    /// Its own soft time limit, seconds; the pool's holds if it has none.
    pub(super) soft_limit: Option<f64>,
    /// Its own hard time limit, seconds; likewise.
    pub(super) hard_limit: Option<f64>,
}

/// A queue the worker consumes (`active_queues`).
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ConsumedQueue {
    /// The name.
    pub(super) name: QueueName,
    /// The exchange it is bound to.
    pub(super) exchange: String,
    /// The exchange's kind, such as `direct`.
    pub(super) exchange_kind: String,
    /// The key it is bound with.
    pub(super) routing_key: String,
    /// Whether it survives a restart of the broker.
    pub(super) is_durable: Option<bool>,
}

/// The pool, from `stats`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Pool {
    /// Its kind, such as `prefork`.
    pub(super) kind: Option<String>,
    /// The concurrency it was started with.
    pub(super) configured: Option<u64>,
    /// Its child processes.
    pub(super) processes: Vec<u64>,
    /// Tasks after which a child is replaced.
    pub(super) max_tasks_per_child: Option<u64>,
    /// Soft time limit, seconds.
    pub(super) soft_limit: Option<f64>,
    /// Hard time limit, seconds.
    pub(super) hard_limit: Option<f64>,
    /// Tasks handed to the children.
    pub(super) writes: Option<u64>,
    /// How tasks are handed to the children.
    pub(super) strategy: Option<String>,
    /// `(min, max)` of the autoscaler.
    pub(super) autoscale: Option<(u64, u64)>,
}

/// Returns Celery's own words if it refused to answer
/// (`kombu/pidbox.py`, `Node.handle_call` and `celery/worker/control.py`).
pub(super) fn refusal(answer: &Value) -> Option<&str> {
    let answer = answer.as_object()?;
    (answer.len() == 1)
        .then(|| answer.get("error")?.as_str())
        .flatten()
}

/// Reads `active` or `reserved`.
pub(super) fn requests(answer: &Value) -> Vec<Request> {
    items(answer).iter().filter_map(request).collect()
}

/// Reads `scheduled`, soonest first.
pub(super) fn scheduled(answer: &Value) -> Vec<Scheduled> {
    let mut tasks: Vec<Scheduled> = items(answer)
        .iter()
        .filter_map(|item| {
            let eta_text = text(item.get("eta"));
            Some(Scheduled {
                eta: parse_time(&eta_text),
                eta_text,
                request: request(item.get("request")?)?,
            })
        })
        .collect();
    tasks.sort_by(|a, b| (a.eta, &a.eta_text).cmp(&(b.eta, &b.eta_text)));
    tasks
}

/// Reads `revoked`.
pub(super) fn revoked(answer: &Value) -> Vec<TaskId> {
    items(answer)
        .iter()
        .filter_map(|id| Some(TaskId::from(id.as_str()?)))
        .collect()
}

/// Reads `registered`, by name. Limits come glued to the name, those that were asked for:
/// `lab.limited [rate_limit=2/s time_limit=30]` (`celery/worker/control.py`, `registered`).
pub(super) fn registered(answer: &Value) -> Vec<Registered> {
    let mut tasks: Vec<Registered> = items(answer)
        .iter()
        .filter_map(Value::as_str)
        .map(|line| {
            let (name, info) = line.split_once(" [").unwrap_or((line, ""));
            let fields = info.trim_end_matches(']').split_whitespace();
            let fields: Vec<(&str, &str)> =
                fields.filter_map(|pair| pair.split_once('=')).collect();
            let field = |key: &str| {
                let found = fields.iter().find(|(name, _)| *name == key);
                found.map(|(_, value)| *value)
            };
            let seconds = |key: &str| {
                let seconds: f64 = field(key)?.parse().ok()?;
                (seconds > 0.0).then_some(seconds)
            };
            Registered {
                name: name.into(),
                // Celery writes no limit as 0 as well.
                rate_limit: field("rate_limit")
                    .filter(|rate| !matches!(*rate, "0" | "None"))
                    .map(str::to_owned),
                soft_limit: seconds("soft_time_limit"),
                hard_limit: seconds("time_limit"),
            }
        })
        .collect();
    tasks.sort_by(|a, b| a.name.cmp(&b.name));
    tasks
}

/// Reads `active_queues`.
pub(super) fn queues(answer: &Value) -> Vec<ConsumedQueue> {
    items(answer)
        .iter()
        .filter_map(|queue| {
            let exchange = queue.get("exchange");
            Some(ConsumedQueue {
                name: queue.get("name")?.as_str()?.into(),
                exchange: text(exchange.and_then(|e| e.get("name"))),
                exchange_kind: text(exchange.and_then(|e| e.get("type"))),
                routing_key: text(queue.get("routing_key")),
                is_durable: queue.get("durable").and_then(Value::as_bool),
            })
        })
        .collect()
}

/// Reads the pool's part of `stats`.
pub(super) fn pool(inspection: &Inspection) -> Pool {
    let Some(stats) = &inspection.stats else {
        return Pool::default();
    };
    let pool = stats.get("pool");
    let get = |key: &str| pool.and_then(|pool| pool.get(key));
    // No limit is 0, null or nothing, depending on the pool.
    let limit = |index: usize| {
        get("timeouts")
            .and_then(|timeouts| timeouts.get(index))
            .and_then(Value::as_f64)
            .filter(|seconds| *seconds > 0.0)
    };
    let writes = get("writes");
    let scaler = stats.get("autoscaler");
    let bound = |key: &str| scaler.and_then(|scaler| scaler.get(key)?.as_u64());
    Pool {
        kind: get("implementation").and_then(Value::as_str).map(pool_kind),
        configured: get("max-concurrency").and_then(Value::as_u64),
        processes: get("processes")
            .and_then(Value::as_array)
            .map(|pids| pids.iter().filter_map(Value::as_u64).collect())
            .unwrap_or_default(),
        max_tasks_per_child: get("max-tasks-per-child").and_then(Value::as_u64),
        soft_limit: limit(0),
        hard_limit: limit(1),
        writes: writes.and_then(|writes| writes.get("total")?.as_u64()),
        strategy: writes.and_then(|writes| Some(writes.get("strategy")?.as_str()?.to_owned())),
        autoscale: bound("min").zip(bound("max")),
    }
}

/// Returns the number of messages the worker may hold unacknowledged; 0 means no limit.
pub(super) fn prefetch_limit(inspection: &Inspection) -> Option<u64> {
    inspection.stats.as_ref()?.get("prefetch_count")?.as_u64()
}

/// Returns a part of `stats` as pairs, scalars only and in Celery's order.
pub(super) fn stats_part<'a>(
    inspection: &'a Inspection,
    key: &str,
) -> Option<&'a Map<String, Value>> {
    inspection.stats.as_ref()?.get(key)?.as_object()
}

/// Returns the length of a list, or `None` if the worker did not tell.
pub(super) fn length(answer: &Option<Value>) -> Option<usize> {
    Some(answer.as_ref()?.as_array()?.len())
}

/// Writes a value as a person would: text without quotes, nothing for null.
pub(super) fn text(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn items(answer: &Value) -> &[Value] {
    answer.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn request(item: &Value) -> Option<Request> {
    let name = item.get("type").or_else(|| item.get("name"))?.as_str()?;
    let delivery = item.get("delivery_info");
    Some(Request {
        id: item.get("id")?.as_str()?.into(),
        name: name.into(),
        args: arguments(item),
        started: item
            .get("time_start")
            .and_then(Value::as_f64)
            .and_then(Timestamp::from_seconds),
        pid: item.get("worker_pid").and_then(Value::as_u64),
        routing_key: delivery
            .and_then(|info| info.get("routing_key")?.as_str())
            .filter(|key| !key.is_empty())
            .map(str::to_owned),
        is_redelivered: delivery
            .and_then(|info| info.get("redelivered")?.as_bool())
            .unwrap_or(false),
    })
}

/// `active` gives arguments as Python's repr, the other lists as JSON.
fn arguments(item: &Value) -> String {
    let args = text(item.get("args"));
    let kwargs = text(item.get("kwargs"));
    match kwargs.as_str() {
        "" | "{}" => args,
        _ => format!("{args} {kwargs}"),
    }
}

/// `celery.concurrency.prefork:TaskPool` is called prefork, as on the command line;
/// only the threads' module has another name (`celery/concurrency/__init__.py`, `ALIASES`).
fn pool_kind(implementation: &str) -> String {
    let module = implementation.split(':').next().unwrap_or(implementation);
    match module.rsplit('.').next().unwrap_or(module) {
        "thread" => "threads".to_owned(),
        other => other.to_owned(),
    }
}

fn parse_time(text: &str) -> Option<Timestamp> {
    let time = chrono::DateTime::parse_from_rfc3339(text).ok()?;
    Some(Timestamp(time.timestamp_micros()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn active_tasks_of_celery_5_7_are_read() {
        let answer = json!([{
            "id": "4ff2b437", "name": "shadow", "args": "(40,)", "kwargs": "{'a': 1}",
            "type": "lab.sleep", "hostname": "w2@lab", "time_start": 1_795_162_816.5,
            "acknowledged": true, "worker_pid": 21056,
            "delivery_info": {"exchange": "", "routing_key": "celery", "priority": 0, "redelivered": true}
        }]);
        let tasks = requests(&answer);
        assert_eq!(tasks.len(), 1);
        assert_eq!(tasks[0].name.as_str(), "lab.sleep");
        assert_eq!(tasks[0].args, "(40,) {'a': 1}");
        assert_eq!(tasks[0].pid, Some(21056));
        assert_eq!(tasks[0].started, Some(Timestamp(1_795_162_816_500_000)));
        assert!(tasks[0].is_redelivered);
    }

    #[test]
    fn reserved_tasks_have_neither_start_nor_process() {
        let answer = json!([{"id": "a", "name": "lab.sleep", "args": [40], "kwargs": {},
            "type": "lab.sleep", "time_start": null, "worker_pid": null,
            "delivery_info": {"routing_key": "celery", "redelivered": null}}]);
        let tasks = requests(&answer);
        assert_eq!((tasks[0].started, tasks[0].pid), (None, None));
        assert_eq!(tasks[0].args, "[40]");
    }

    #[test]
    fn scheduled_tasks_come_soonest_first_and_odd_times_stay_text() {
        let task = |id: &str| json!({"id": id, "type": "lab.add"});
        let answer = json!([
            {"eta": "2026-11-20T08:25:16.327655+00:00", "priority": 6, "request": task("late")},
            {"eta": "2026-11-20T10:23:36+02:00", "priority": 6, "request": task("soon")},
            {"eta": "2026-11-20T08:00:00", "priority": 6, "request": task("no offset")},
        ]);
        let tasks = scheduled(&answer);
        let ids: Vec<&str> = tasks.iter().map(|t| t.request.id.as_str()).collect();
        assert_eq!(ids, ["no offset", "soon", "late"]);
        assert_eq!(tasks[0].eta, None);
        assert_eq!(tasks[0].eta_text, "2026-11-20T08:00:00");
    }

    #[test]
    fn limits_are_split_from_names() {
        let answer = json!([
            "lab.limited [rate_limit=2/s time_limit=30 soft_time_limit=2.5]",
            "lab.add"
        ]);
        let tasks = registered(&answer);
        assert_eq!(tasks[0].name.as_str(), "lab.add");
        assert_eq!(tasks[0].rate_limit, None);
        assert_eq!(tasks[1].name.as_str(), "lab.limited");
        assert_eq!(tasks[1].rate_limit.as_deref(), Some("2/s"));
        assert_eq!((tasks[0].soft_limit, tasks[0].hard_limit), (None, None));
        assert_eq!(
            (tasks[1].soft_limit, tasks[1].hard_limit),
            (Some(2.5), Some(30.0))
        );
    }

    #[test]
    fn an_autoscaled_prefork_pool_is_read() {
        let inspection = Inspection {
            stats: Some(json!({
                "prefetch_count": 12,
                "autoscaler": {"max": 3, "min": 1, "current": 2, "qty": 2},
                "pool": {
                    "implementation": "celery.concurrency.prefork:TaskPool",
                    "max-concurrency": 1, "processes": [20988, 21056],
                    "max-tasks-per-child": "N/A", "timeouts": [0, 5],
                    "writes": {"total": 2, "raw": "1, 1", "strategy": "fair"}
                }
            })),
            ..Inspection::default()
        };
        let pool = pool(&inspection);
        assert_eq!(pool.kind.as_deref(), Some("prefork"));
        assert_eq!(pool_kind("celery.concurrency.thread:TaskPool"), "threads");
        assert_eq!(pool.processes, [20988, 21056]);
        assert_eq!(pool.max_tasks_per_child, None);
        assert_eq!((pool.soft_limit, pool.hard_limit), (None, Some(5.0)));
        assert_eq!((pool.writes, pool.autoscale), (Some(2), Some((1, 3))));
        assert_eq!(prefetch_limit(&inspection), Some(12));
    }

    #[test]
    fn answers_of_any_other_shape_are_no_answer() {
        for odd in [
            json!(null),
            json!(3),
            json!({"a": []}),
            json!([1, null, {"id": 4}]),
        ] {
            assert!(requests(&odd).is_empty());
            assert!(scheduled(&odd).is_empty());
            assert!(registered(&odd).is_empty());
            assert!(queues(&odd).is_empty());
            assert!(revoked(&odd).is_empty());
            let inspection = Inspection {
                stats: Some(odd),
                ..Inspection::default()
            };
            assert_eq!(pool(&inspection), Pool::default());
        }
        assert_eq!(
            refusal(&json!({"error": "KeyError('x')"})),
            Some("KeyError('x')")
        );
        assert_eq!(refusal(&json!({"total": {}})), None);
    }
}
