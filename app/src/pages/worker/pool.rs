//! The pool: its processes and what each of them runs.

use super::{
    answered,
    inspection::{self, Pool, Request},
    steer::PoolSize,
};
use crate::{
    components::{
        card::Card,
        empty::Empty,
        facts::{Fact, FactList},
        meter::LimitBar,
        task_name::TaskName,
    },
    format, links,
};
use leptos::prelude::*;
use model::{Inspection, Timestamp, WorkerName};

/// The pool's tab.
#[component]
pub(super) fn PoolTab(
    /// The worker.
    name: Memo<WorkerName>,
    /// What the worker answered.
    inspection: Memo<Inspection>,
) -> impl IntoView {
    let table = move || {
        inspection.with(|inspection| {
            answered(&inspection.stats, |_| {
                let pool = inspection::pool(inspection);
                let running = inspection.active.as_ref().map(inspection::requests);
                view! {
                    <div class="card table-card">
                        {processes(&pool, running, inspection.asked)}
                    </div>
                }
            })
        })
    };
    let pool = Memo::new(move |_| {
        inspection.with(|inspection| {
            let is_told = inspection
                .stats
                .as_ref()
                .is_some_and(|s| inspection::refusal(s).is_none());
            is_told.then(|| inspection::pool(inspection))
        })
    });
    // What is typed outlives the answers that come meanwhile.
    view! {
        <div class="worker-pool">
            {table}
            <div class="stack">
                {move || pool.get().map(|pool| view! { <PoolCard pool /> })}
                <PoolSize name inspection />
            </div>
        </div>
    }
    .into_any()
}

/// A process with the task it runs; pools without processes have tasks only.
#[derive(Clone, Debug, PartialEq)]
struct Line {
    pid: Option<u64>,
    task: Option<Request>,
}

fn lines(pool: &Pool, running: Vec<Request>) -> Vec<Line> {
    let mut running = running;
    let mut lines: Vec<Line> = pool
        .processes
        .iter()
        .map(|pid| {
            let index = running.iter().position(|task| task.pid == Some(*pid));
            Line {
                pid: Some(*pid),
                task: index.map(|index| running.remove(index)),
            }
        })
        .collect();
    // Threads and greenlets have no process of their own.
    lines.extend(running.into_iter().map(|task| Line {
        pid: task.pid,
        task: Some(task),
    }));
    lines
}

fn processes(pool: &Pool, running: Option<Vec<Request>>, asked: Option<Timestamp>) -> AnyView {
    let is_told = running.is_some();
    let lines = lines(pool, running.unwrap_or_default());
    if lines.is_empty() {
        let title = match is_told {
            true => "No task is running",
            false => "The worker did not tell what it runs",
        };
        return view! {
            <Empty title=title>
                "This pool has no processes of its own; its tasks are listed while they run."
            </Empty>
        }
        .into_any();
    }
    let has_limits = pool.soft_limit.is_some() || pool.hard_limit.is_some();
    let rows = lines
        .iter()
        .map(|line| row(line, pool, asked, has_limits, is_told))
        .collect_view();
    view! {
        <table class="table pool-table">
            <caption class="visually-hidden">"Processes of the pool"</caption>
            <thead>
                <tr>
                    <th scope="col" class="col-pid">"Process"</th>
                    <th scope="col" class="col-name">"Running when asked"</th>
                    <th scope="col" class="col-id">"Id"</th>
                    {has_limits
                        .then(|| {
                            view! {
                                <th scope="col" class="col-limits">
                                    "Against soft and hard limit"
                                </th>
                            }
                        })}
                    <th scope="col" class="is-number col-for">"For"</th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
    }
    .into_any()
}

fn row(
    line: &Line,
    pool: &Pool,
    asked: Option<Timestamp>,
    has_limits: bool,
    is_told: bool,
) -> AnyView {
    let elapsed = line.task.as_ref().and_then(|task| {
        let elapsed = asked?.seconds_since(task.started?);
        Some(elapsed.max(0.0))
    });
    let name = match &line.task {
        Some(task) => view! {
            <a href=links::task(&task.id) data-row="">
                <TaskName name=Some(task.name.clone()) />
            </a>
        }
        .into_any(),
        None if is_told => view! { <span class="quiet">"idle"</span> }.into_any(),
        None => view! { <span class="quiet">"unknown"</span> }.into_any(),
    };
    let id = line.task.as_ref().map(|task| {
        view! { <span title=task.id.to_string()>{format::short_id(task.id.as_str())}</span> }
    });
    let (soft, hard) = (pool.soft_limit, pool.hard_limit);
    let bar = has_limits.then(|| {
        let bar = elapsed.map(|elapsed| view! { <LimitBar elapsed soft hard /> });
        view! { <td class="col-limits">{bar}</td> }
    });
    view! {
        <tr>
            <th scope="row" class="col-pid">
                {line.pid.map(|pid| pid.to_string())}
            </th>
            <td class="col-name">{name}</td>
            <td class="col-id mono">{id}</td>
            {bar}
            <td class="is-number col-for">{elapsed.map(format::duration)}</td>
        </tr>
    }
    .into_any()
}

#[component]
fn PoolCard(pool: Pool) -> impl IntoView {
    let kind = pool.kind.clone().unwrap_or_default();
    let size = match (pool.processes.len(), pool.configured) {
        (0, Some(configured)) => format::thousands(configured),
        (0, None) => "unknown".to_owned(),
        (live, _) => format::thousands(live as u64),
    };
    let started_with = pool
        .configured
        .filter(|configured| {
            !pool.processes.is_empty() && *configured != pool.processes.len() as u64
        })
        .map(|configured| {
            view! { <span class="quiet">{format!(" started with {configured}")}</span> }
        });
    let size_label = if pool.processes.is_empty() {
        "Concurrency"
    } else {
        "Processes"
    };
    let limit = |seconds: Option<f64>| match seconds {
        Some(seconds) => format::duration(seconds).into_any(),
        None => view! { <span class="quiet">"none"</span> }.into_any(),
    };
    let (soft, hard) = (limit(pool.soft_limit), limit(pool.hard_limit));
    view! {
        <Card title="Pool" caption=kind>
            <FactList>
                <Fact label=size_label>{size} {started_with}</Fact>
                <Fact label="Tasks per child">
                    {match pool.max_tasks_per_child {
                        Some(tasks) => {
                            view! {
                                {format::thousands(tasks)}
                                <span class="quiet">" then replaced"</span>
                            }
                                .into_any()
                        }
                        None => view! { <span class="quiet">"no limit"</span> }.into_any(),
                    }}
                </Fact>
                <Fact label="Soft limit">{soft}</Fact>
                <Fact label="Hard limit">{hard}</Fact>
                <Fact label="Autoscale">
                    {match pool.autoscale {
                        Some((min, max)) => format!("{min} to {max}").into_any(),
                        None => view! { <span class="quiet">"off"</span> }.into_any(),
                    }}
                </Fact>
                {pool
                    .writes
                    .map(|writes| {
                        view! {
                            <Fact label="Handed to children">
                                {format::thousands(writes)}
                                {pool
                                    .strategy
                                    .clone()
                                    .map(|strategy| {
                                        view! {
                                            <span class="quiet">{format!(" {strategy}")}</span>
                                        }
                                    })}
                            </Fact>
                        }
                    })}
            </FactList>
        </Card>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn request(id: &str, pid: u64) -> Request {
        let answer = json!([{"id": id, "type": "t", "worker_pid": pid}]);
        inspection::requests(&answer).remove(0)
    }

    #[test]
    fn tasks_stand_beside_their_process_and_threads_below() {
        let pool = Pool {
            processes: vec![1, 2],
            ..Pool::default()
        };
        let lines = lines(&pool, vec![request("b", 2), request("x", 9)]);
        let shown: Vec<(Option<u64>, Option<&str>)> = lines
            .iter()
            .map(|line| (line.pid, line.task.as_ref().map(|t| t.id.as_str())))
            .collect();
        let expected = [(Some(1), None), (Some(2), Some("b")), (Some(9), Some("x"))];
        assert_eq!(shown, expected);
    }
}
