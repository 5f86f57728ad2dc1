//! What workers answer to `stats`, `active_queues`, `active`, … read from JSON.
//!
//! Every reader takes the reply's value and tolerates anything: what is not
//! there or makes no sense is absent.

use crate::{
    iso,
    json::parse_value,
    schedule::setting,
    verbatim::{items, member, members, text_of, to_editable},
};
use model::{QueueName, TaskId, TaskName, Timestamp, WorkerName};
use serde_json::Value;

/// Returns why a worker refused a command; every refusal is `{"error": …}`.
pub fn error(reply: &Value) -> Option<&str> {
    reply.as_object()?.get("error")?.as_str()
}

/// Returns what a worker says that it did; every success of a control command is `{"ok": …}`.
pub fn ok(reply: &Value) -> Option<&str> {
    reply.as_object()?.get("ok")?.as_str()
}

/// Returns the main process of a `stats` reply.
pub fn stats_pid(stats: &Value) -> Option<u32> {
    stats.get("pid")?.as_u64()?.try_into().ok()
}

/// Returns the seconds since the worker started; absent before Celery 5.1.
pub fn stats_uptime_seconds(stats: &Value) -> Option<f64> {
    stats.get("uptime")?.as_f64()
}

/// Returns the pool's short name as `celery worker --pool` takes it, such as `prefork`.
///
/// Celery before 5.3 does not tell it; then the pool is known by what else it tells
/// (`_get_info` of `celery/concurrency/*.py`).
pub fn stats_pool(stats: &Value) -> Option<String> {
    let pool = stats.get("pool")?;
    let Some(implementation) = pool.get("implementation").and_then(Value::as_str) else {
        let has = |key: &str| pool.get(key).is_some();
        let name = match () {
            () if has("writes") => "prefork",
            () if has("free-threads") => "eventlet",
            () if has("threads") => "threads",
            () if has("processes") => "solo",
            () => return None,
        };
        return Some(name.to_owned());
    };
    let module = implementation.split(':').next().unwrap_or(implementation);
    Some(match module.rsplit('.').next().unwrap_or(module) {
        "thread" => "threads".to_owned(),
        name => name.to_owned(),
    })
}

/// Returns how many tasks the pool runs at once: the processes it has now, as
/// autoscaling changes them, else what it was configured for.
pub fn stats_slots(stats: &Value) -> Option<u64> {
    let pool = stats.get("pool")?;
    match pool.get("processes").and_then(Value::as_array) {
        Some(processes) => Some(processes.len() as u64),
        None => pool.get("max-concurrency")?.as_u64(),
    }
}

/// Returns how many messages the worker takes in advance.
pub fn stats_prefetch_count(stats: &Value) -> Option<u64> {
    stats.get("prefetch_count")?.as_u64()
}

/// Returns how many tasks of each type the pool accepted since the worker
/// started, by name; a task that has a shadow name counts under that.
pub fn stats_totals(stats: &Value) -> Vec<(TaskName, u64)> {
    let Some(totals) = stats.get("total").and_then(Value::as_object) else {
        return Vec::new();
    };
    let mut totals: Vec<_> = totals
        .iter()
        .filter_map(|(name, count)| Some((name.as_str().into(), count.as_u64()?)))
        .collect();
    totals.sort();
    totals
}

/// The bounds of `celery worker --autoscale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Autoscaler {
    /// The most processes.
    pub max: u64,
    /// The fewest processes.
    pub min: u64,
    /// Processes now.
    pub current: u64,
}

/// Returns the autoscaler's state, if the worker has one.
pub fn stats_autoscaler(stats: &Value) -> Option<Autoscaler> {
    let autoscaler = stats.get("autoscaler")?;
    let number = |key: &str| autoscaler.get(key)?.as_u64();
    Some(Autoscaler {
        max: number("max")?,
        min: number("min")?,
        current: number("current")?,
    })
}

/// How a worker reaches its broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerInfo {
    /// The transport, such as `redis`.
    pub transport: Option<String>,
    /// The host.
    pub hostname: Option<String>,
    /// The port.
    pub port: Option<u64>,
    /// The database.
    pub virtual_host: Option<String>,
}

/// Returns how the worker reaches its broker.
pub fn stats_broker(stats: &Value) -> Option<BrokerInfo> {
    let broker = stats.get("broker")?.as_object()?;
    Some(BrokerInfo {
        transport: text(broker.get("transport")),
        hostname: text(broker.get("hostname")),
        port: broker.get("port").and_then(Value::as_u64),
        virtual_host: broker.get("virtual_host").and_then(|value| match value {
            Value::Number(number) => Some(number.to_string()),
            value => text(Some(value)),
        }),
    })
}

/// What the worker's main process has used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResourceUsage {
    /// Processor time in user mode.
    pub user_seconds: f64,
    /// Processor time in the kernel.
    pub system_seconds: f64,
    /// Largest resident size in the unit of the worker's system: KiB on Linux, bytes on macOS.
    pub max_resident: u64,
}

/// Returns what the worker's main process has used; absent on Windows.
pub fn stats_resource_usage(stats: &Value) -> Option<ResourceUsage> {
    let usage = stats.get("rusage")?;
    Some(ResourceUsage {
        user_seconds: usage.get("utime")?.as_f64()?,
        system_seconds: usage.get("stime")?.as_f64()?,
        max_resident: usage.get("maxrss")?.as_u64()?,
    })
}

/// Returns the queues of an `active_queues` reply, in the worker's order.
pub fn queue_names(active_queues: &Value) -> Vec<QueueName> {
    elements(active_queues)
        .filter_map(|queue| queue.get("name")?.as_str())
        .map(QueueName::from)
        .collect()
}

/// A task type that a worker can run.
#[derive(Clone, Debug, PartialEq)]
pub struct RegisteredTask {
    /// The name.
    pub name: TaskName,
    /// The rate limit, such as `10/m`.
    pub rate_limit: Option<String>,
    /// Seconds after which a task's process is killed, where the worker was asked for it.
    pub time_limit: Option<f64>,
    /// Seconds after which a task gets an exception, likewise.
    pub soft_time_limit: Option<f64>,
}

/// Returns the task types of a `registered` reply.
///
/// Each is a text such as `shop.mail [rate_limit=2/s time_limit=30]`
/// (`celery/worker/control.py registered`).
pub fn registered_tasks(registered: &Value) -> Vec<RegisteredTask> {
    elements(registered)
        .filter_map(Value::as_str)
        .map(|text| {
            let (name, info) = match text.strip_suffix(']').and_then(|t| t.split_once(" [")) {
                Some((name, info)) => (name, info),
                None => (text, ""),
            };
            let item = |key: &str| {
                info.split(' ')
                    .find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))
            };
            RegisteredTask {
                name: name.into(),
                rate_limit: item("rate_limit").map(str::to_owned),
                time_limit: item("time_limit").and_then(|text| text.parse().ok()),
                soft_time_limit: item("soft_time_limit").and_then(|text| text.parse().ok()),
            }
        })
        .collect()
}

/// A task that a worker holds or runs.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldTask {
    /// The id.
    pub id: TaskId,
    /// The name, or the shadow name.
    pub name: Option<TaskName>,
    /// The task type.
    pub task_type: Option<TaskName>,
    /// The positional arguments: JSON, or Python's repr from workers before Celery 5.
    pub args: Option<String>,
    /// The keyword arguments, likewise.
    pub kwargs: Option<String>,
    /// The worker.
    pub worker: Option<WorkerName>,
    /// When it started; absent if it has not.
    pub started: Option<Timestamp>,
    /// Whether its message left the broker.
    pub acknowledged: Option<bool>,
    /// The process that runs it.
    pub worker_pid: Option<u32>,
    /// The exchange it came through.
    pub exchange: Option<String>,
    /// The routing key it came with, which is the queue on the default exchange.
    pub routing_key: Option<String>,
    /// The priority.
    pub priority: Option<u64>,
    /// Whether the broker delivered it before.
    pub redelivered: Option<bool>,
}

impl HeldTask {
    fn read(request: &Value) -> Option<Self> {
        let id = request.get("id")?.as_str()?;
        let get = |key: &str| request.get(key);
        let delivery = get("delivery_info");
        let delivered = |key: &str| delivery?.get(key);
        Some(Self {
            id: id.into(),
            name: text(get("name")).map(TaskName::from),
            task_type: text(get("type")).map(TaskName::from),
            args: get("args").and_then(json_text),
            kwargs: get("kwargs").and_then(json_text),
            worker: text(get("hostname")).map(WorkerName::from),
            started: get("time_start")
                .and_then(Value::as_f64)
                .and_then(Timestamp::from_seconds),
            acknowledged: get("acknowledged").and_then(Value::as_bool),
            worker_pid: get("worker_pid")
                .and_then(Value::as_u64)
                .and_then(|pid| pid.try_into().ok()),
            exchange: text(delivered("exchange")),
            routing_key: text(delivered("routing_key")),
            priority: delivered("priority").and_then(Value::as_u64),
            redelivered: delivered("redelivered").and_then(Value::as_bool),
        })
    }
}

/// Returns the tasks of an `active` or `reserved` reply.
pub fn held_tasks(reply: &Value) -> Vec<HeldTask> {
    elements(reply).filter_map(HeldTask::read).collect()
}

/// Where a worker has a task that it was asked for by id.
#[derive(Clone, Debug, PartialEq)]
pub struct QueriedTask {
    /// `active`, `reserved`, `scheduled` or `ready`.
    pub place: String,
    /// The task.
    pub task: HeldTask,
    /// Its positional and keyword arguments as JSON that can be edited and
    /// sent again without any change; absent where the worker tells Python's
    /// repr instead, as Celery 4 does.
    pub arguments: Option<(String, String)>,
}

/// Returns the tasks of a `query_task` reply, which is to be [`crate::Reply::json`].
pub fn queried_tasks(json: &str) -> Vec<QueriedTask> {
    let answers = members(json).unwrap_or_default();
    answers
        .iter()
        .filter_map(|(_, answer)| {
            let parts = items(answer)?;
            let [place, request] = parts.as_slice() else {
                return None;
            };
            let fields = members(request)?;
            let part = |name, open| {
                let text = member(&fields, name).filter(|text| text.starts_with(open))?;
                Some(to_editable(text).into_owned())
            };
            let value = parse_value(request.as_bytes()).ok()?;
            Some(QueriedTask {
                place: text_of(place)?,
                task: HeldTask::read(&value)?,
                arguments: part("args", '[').zip(part("kwargs", '{')),
            })
        })
        .collect()
}

/// A task that a worker holds until its time comes.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduledTask {
    /// When it is to run.
    pub eta: Option<Timestamp>,
    /// The timer's own priority; no property of the task.
    pub timer_priority: Option<u64>,
    /// The task.
    pub task: HeldTask,
}

/// Returns the tasks of a `scheduled` reply.
pub fn scheduled_tasks(reply: &Value) -> Vec<ScheduledTask> {
    elements(reply)
        .filter_map(|entry| {
            Some(ScheduledTask {
                eta: entry
                    .get("eta")
                    .and_then(Value::as_str)
                    .and_then(iso::parse),
                timer_priority: entry.get("priority").and_then(Value::as_u64),
                task: HeldTask::read(entry.get("request")?)?,
            })
        })
        .collect()
}

/// Returns the ids of a `revoked` reply.
pub fn revoked_ids(reply: &Value) -> Vec<TaskId> {
    elements(reply)
        .filter_map(Value::as_str)
        .map(TaskId::from)
        .collect()
}

/// Returns the seconds after which a message that a worker holds is given to
/// another one, if a `conf` reply sets them.
pub fn conf_visibility_timeout(conf: &Value) -> Option<f64> {
    setting(conf, "broker_transport_options", "BROKER_TRANSPORT_OPTIONS")?
        .get("visibility_timeout")?
        .as_f64()
        .filter(|seconds| *seconds > 0.0)
}

fn elements(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: Option<&Value>) -> Option<String> {
    value?.as_str().map(str::to_owned)
}

/// Returns a value as JSON; a text as it is, since it is a repr then.
fn json_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        value => Some(value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_pool_is_known_by_name_and_size() {
        let pool = |pool: Value| {
            let stats = json!({ "pool": pool });
            (stats_pool(&stats), stats_slots(&stats))
        };
        let named = |name: &str, slots| (Some(name.to_owned()), Some(slots));
        let implementation = |name: &str| format!("celery.concurrency.{name}:TaskPool");
        assert_eq!(
            pool(
                json!({"implementation": implementation("prefork"), "max-concurrency": 1, "processes": [2, 3]})
            ),
            named("prefork", 2)
        );
        assert_eq!(
            pool(
                json!({"implementation": implementation("thread"), "max-concurrency": 8, "threads": 1})
            ),
            named("threads", 8)
        );
        assert_eq!(
            pool(
                json!({"implementation": implementation("solo"), "max-concurrency": 1, "processes": [9]})
            ),
            named("solo", 1)
        );
        assert_eq!(
            pool(json!({"implementation": implementation("gevent"), "max-concurrency": 100})),
            named("gevent", 100)
        );
        assert_eq!(
            pool(json!({"processes": [1, 2], "writes": {}, "max-concurrency": 2})),
            named("prefork", 2)
        );
        assert_eq!(
            pool(json!({"max-concurrency": 5, "threads": 2})),
            named("threads", 5)
        );
        assert_eq!(
            pool(json!({"max-concurrency": 5, "free-threads": 2})),
            named("eventlet", 5)
        );
        assert_eq!(pool(json!({})), (None, None));
        assert_eq!(pool(json!("N/A")), (None, None));
    }

    #[test]
    fn rate_limits_are_told_apart_from_names() {
        let tasks = registered_tasks(&json!([
            "a.b",
            "a.c [rate_limit=2/s]",
            "a.d [exchange=x rate_limit=10/m]",
            "odd [name",
            5
        ]));
        let pairs: Vec<_> = tasks
            .iter()
            .map(|task| (task.name.as_str(), task.rate_limit.as_deref()))
            .collect();
        assert_eq!(
            pairs,
            [
                ("a.b", None),
                ("a.c", Some("2/s")),
                ("a.d", Some("10/m")),
                ("odd [name", None)
            ]
        );
    }

    #[test]
    fn a_task_that_was_asked_for_keeps_its_arguments() {
        let found = queried_tasks(
            r#"{"1": ["scheduled", {"id": "1", "type": "a.b", "args": [NaN, 1180591620717411303424, "\ud800"], "kwargs": {"z": 1.50, "a": null}, "delivery_info": {"routing_key": "q", "priority": 9}}], "2": ["active", {"id": "2", "args": "(1,)", "kwargs": "{}"}], "3": 5}"#,
        );
        let [first, second] = found.as_slice() else {
            panic!("two can be read: {found:?}");
        };
        assert_eq!(first.place, "scheduled");
        assert_eq!(first.task.priority, Some(9));
        let (args, kwargs) = first.arguments.as_ref().expect("they are JSON");
        assert_eq!(
            args,
            r#"[{"__type__": "float", "__value__": "NaN"}, 1180591620717411303424, "\ud800"]"#
        );
        assert_eq!(kwargs, r#"{"z": 1.50, "a": null}"#);
        assert_eq!(second.arguments, None, "they are text");
        assert_eq!(queried_tasks("nonsense"), []);
    }

    #[test]
    fn time_limits_are_told_where_they_were_asked_for() {
        let tasks = registered_tasks(&json!([
            "a.b [rate_limit=0 time_limit=10.5 soft_time_limit=5]",
            "a.c [soft_time_limit=x]",
        ]));
        let limits: Vec<_> = tasks
            .iter()
            .map(|task| (task.time_limit, task.soft_time_limit))
            .collect();
        assert_eq!(limits, [(Some(10.5), Some(5.0)), (None, None)]);
    }

    #[test]
    fn nonsense_is_read_as_nothing() {
        for value in [
            json!(null),
            json!(1),
            json!("x"),
            json!([1, null, {}]),
            json!({"pool": 1}),
        ] {
            assert_eq!(stats_pid(&value), None);
            assert_eq!(stats_slots(&value), None);
            assert_eq!(stats_broker(&value), None);
            assert_eq!(stats_resource_usage(&value), None);
            assert_eq!(stats_autoscaler(&value), None);
            assert_eq!(stats_totals(&value), []);
            assert_eq!(queue_names(&value), []);
            assert_eq!(held_tasks(&value), []);
            assert_eq!(scheduled_tasks(&value), []);
            assert_eq!(revoked_ids(&value), []);
            assert_eq!(error(&value), None);
            assert_eq!(ok(&value), None);
        }
    }
}
