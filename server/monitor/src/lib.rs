//! The engine: events in from Redis, state in memory, live views out.
//!
//! [`Monitor`] is its face, a handle that is cheap to clone. Everything runs
//! in threads and tasks that [`Monitor::start`] begins and
//! [`Monitor::shutdown`] ends; only the aggregator's thread changes the state.

mod aggregator;
mod archive;
mod broker;
mod cell;
mod clock;
mod config;
mod control;
mod error;
mod export;
mod feed;
pub mod history;
mod inspector;
mod intake;
mod poller;
pub mod redact;
mod repair;
pub mod replay;
mod sight;
mod state;
mod suggest;

pub use archive::DetailsError;
pub use config::MonitorConfig;
pub use error::StartError;
pub use export::Export;
pub use feed::{SharedFrame, Subscription};
pub use state::metrics::{
    EventCount, LOCK_WAIT_BOUNDS, LockWaits, Metrics, RUNTIME_BOUNDS, RuntimeHistogram,
};

use archive::Archive;
use broker::{
    announcements::{Announcements, Listener},
    connect::Target,
    events::EventReader,
    pidbox::Pidbox,
    results::Results,
    seen::{Sampler, Seen},
    sender::Sender,
};
use cell::{Haste, StateReader};
use control::Control;
use feed::{Views, Watched};
use history::{HistoryError, Pruner, Store, WriterHandle};
use inspector::Inspector;
use intake::Intake;
use model::{
    BulkCount, BulkId, BulkProgress, BulkTarget, Caller, Command, ErrorKind, Outcome, Pulse,
    QueryError, QueueList, QueueName, QueuePeek, RetryPlan, Role, Schedule, SearchError,
    SearchExpression, TaskDetail, TaskId, TaskName, TaskPage, TaskQuery, Topic, WireError,
    WorkerDetail, WorkerList, WorkerName,
};
use parking_lot::Mutex;
use poller::Poller;
use protocol::TaskResult;
use redact::Redactor;
use repair::{Listening, Repairer};
pub use sight::HIDDEN;
use sight::Sight;
use state::{Limits, State};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The engine's handle.
#[derive(Clone, Debug)]
pub struct Monitor {
    inner: Arc<Inner>,
    sight: Sight,
}

#[derive(Debug)]
struct Inner {
    reader: StateReader,
    views: Arc<Views>,
    inspector: Inspector,
    control: Control,
    results: Option<Results>,
    redactor: Arc<Redactor>,
    is_hiding: bool,
    announcements: Announcements,
    intake: Intake,
    cancel: CancellationToken,
    tracker: TaskTracker,
    stop_reader: Arc<AtomicBool>,
    aggregator: Mutex<Option<JoinHandle<()>>>,
    history: Option<History>,
    archive: Option<Archive>,
}

/// The store of the past and the thread that writes to it.
#[derive(Debug)]
struct History {
    store: Arc<Store>,
    handle: WriterHandle,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl History {
    fn start(
        store: Arc<Store>,
        reader: StateReader,
        intake: Intake,
        pruner: Pruner,
    ) -> Result<Self, StartError> {
        let handle = WriterHandle::default();
        let writer =
            history::Writer::new(Arc::clone(&store), reader, intake, handle.clone(), pruner);
        let writer = spawn_thread("celeriac-history", move || writer.run())?;
        Ok(Self {
            store,
            handle,
            writer: Mutex::new(Some(writer)),
        })
    }

    /// Writes what is left and ends the thread.
    async fn shutdown(&self) {
        self.handle.stop();
        let writer = self.writer.lock().take();
        join(writer, "history writer").await;
    }
}

impl Monitor {
    /// Starts the engine inside the present tokio runtime.
    ///
    /// It does not need the broker to be there: it is connected to as soon as
    /// it answers, and [`Monitor::pulse`] tells how that stands.
    pub fn start(config: MonitorConfig) -> Result<Self, StartError> {
        install_crypto();
        let target = Target {
            url: config.broker.clone(),
            sentinel_master: config.sentinel_master.clone(),
        };
        let limits = Limits {
            max_tasks: config.max_tasks,
            max_workers: config.max_workers,
            enable_events: config.enable_events,
            purge_offline_seconds: config.purge_offline_workers.map(|d| d.as_secs_f64()),
            orphan_grace_seconds: config.orphan_grace.as_secs_f64(),
            broker_url: config.broker.masked(),
            version: config.version.clone(),
            redactor: Arc::clone(&config.redactor),
        };
        let mut state = State::new(limits, clock::now());
        let store = open_store(&config, &mut state)?;
        let last_command = state.last_command();
        let (writer, reader) = cell::split(state);
        let archive = store
            .as_ref()
            .map(|store| Archive::start(store, reader.clone()))
            .transpose()?;
        let intake = Intake::new(config.buffer_bytes);
        let (errands, errands_due) = mpsc::unbounded_channel();
        let aggregator = spawn_thread("celeriac-aggregator", {
            let intake = intake.clone();
            move || aggregator::run(writer, &intake, &errands)
        })?;
        let stop_reader = Arc::new(AtomicBool::new(false));
        let events = EventReader {
            target: target.clone(),
            patterns: config.keyspace.event_patterns(),
            intake: intake.clone(),
            stop: Arc::clone(&stop_reader),
        };
        // Blocked in a read when the engine stops, so nobody waits for it.
        spawn_thread("celeriac-reader", move || events.run())?;

        let cancel = CancellationToken::new();
        let tracker = TaskTracker::new();
        let pidbox = Pidbox::new(target.clone(), config.keyspace.clone());
        tracker.spawn(pidbox.clone().collect_replies(cancel.clone()));
        let (repairs, repairs_due) = mpsc::unbounded_channel();
        let inspector = Inspector {
            pidbox: pidbox.clone(),
            intake: intake.clone(),
            reader: reader.clone(),
            timeout: config.inspect_timeout,
            watched: Watched::default(),
            repairs,
            fresh: Arc::default(),
        };
        tracker.spawn(inspector.clone().run(errands_due, cancel.clone()));
        let results = config.result_backend.clone().map(|url| {
            let target = Target {
                url,
                sentinel_master: config.sentinel_master.clone(),
            };
            Results::new(target, config.keyspace.clone())
        });
        let seen = Seen::new(config.seen_bytes);
        let sampler = Sampler {
            target: target.clone(),
            keyspace: config.keyspace.clone(),
            reader: reader.clone(),
            seen: seen.clone(),
        };
        tracker.spawn(sampler.run(cancel.clone()));
        let parts = control::Parts {
            outbox: control::Outbox::new(Sender::new(target.clone()), seen),
            bulks: control::Bulks::new(cancel.clone(), tracker.clone()),
            pidbox: pidbox.clone(),
            results: results.clone(),
            target: target.clone(),
            keyspace: config.keyspace.clone(),
            intake: intake.clone(),
            reader: reader.clone(),
            inspector: inspector.clone(),
            archive: archive.clone(),
            timeout: config.inspect_timeout,
            redactor: Arc::clone(&config.redactor),
        };
        let control = Control::new(parts, last_command);
        let repairer = Repairer {
            pidbox,
            results: results.clone(),
            target: target.clone(),
            keyspace: config.keyspace.clone(),
            intake: intake.clone(),
            reader: reader.clone(),
            timeout: config.inspect_timeout,
        };
        tracker.spawn(repairer.run(repairs_due, cancel.clone()));
        let announcements = Announcements::default();
        if config.result_stream {
            let url = config.result_backend.as_ref().unwrap_or(&config.broker);
            let listener = Listener {
                target: Target {
                    url: url.clone(),
                    sentinel_master: config.sentinel_master.clone(),
                },
                keyspace: config.keyspace.clone(),
                announcements: announcements.clone(),
                stop: Arc::clone(&stop_reader),
            };
            // Blocked in a read when the engine stops, so nobody waits for it.
            spawn_thread("celeriac-results", move || listener.run())?;
            let listening = Listening {
                announcements: announcements.clone(),
                intake: intake.clone(),
                reader: reader.clone(),
            };
            tracker.spawn(listening.run(cancel.clone()));
        }
        let poller = Poller {
            target,
            keyspace: config.keyspace.clone(),
            interval: config.poll_interval,
            intake: intake.clone(),
            reader: reader.clone(),
            visibility_timeout: config.visibility_timeout.map(|d| d.as_secs_f64()),
            redbeat_prefix: config.redbeat_prefix.clone(),
        };
        tracker.spawn(poller.run(cancel.clone()));
        tracker.close();
        let history = store
            .map(|store| {
                let pruner = Pruner::new(config.retention.clone());
                History::start(store, reader.clone(), intake.clone(), pruner)
            })
            .transpose()?;
        Ok(Self {
            inner: Arc::new(Inner {
                reader,
                views: Arc::default(),
                inspector,
                control,
                results,
                redactor: config.redactor,
                is_hiding: config.hide_args,
                announcements,
                intake,
                cancel,
                tracker,
                stop_reader,
                aggregator: Mutex::new(Some(aggregator)),
                history,
                archive,
            }),
            sight: Sight::Everything,
        })
    }

    /// Returns a handle that shows what somebody with this role may see.
    #[must_use]
    pub fn seen_by(&self, role: Role) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            sight: Sight::of(role, self.inner.is_hiding),
        }
    }

    /// Ends every live view and everything that runs, and waits for it.
    pub async fn shutdown(&self) {
        self.inner.cancel.cancel();
        self.inner.stop_reader.store(true, Ordering::Relaxed);
        self.inner.intake.close();
        self.inner.tracker.wait().await;
        let aggregator = self.inner.aggregator.lock().take();
        join(aggregator, "aggregator").await;
        // What the aggregator did last is saved, too.
        if let Some(history) = &self.inner.history {
            history.shutdown().await;
        }
    }

    /// Returns the store of the past, if there is one; call it on a thread that may block.
    pub fn history(&self) -> Option<&Arc<Store>> {
        Some(&self.inner.history.as_ref()?.store)
    }

    /// Watches a topic. A query that cannot be understood is refused here.
    pub fn subscribe(&self, topic: Topic) -> Result<Subscription, WireError> {
        if let Topic::Tasks(query) = &topic {
            self.search_of(query)?;
        }
        self.inner.views.subscribe(self, topic)
    }

    /// Returns a window on tasks.
    pub fn tasks(&self, query: &TaskQuery) -> Result<TaskPage, WireError> {
        let search = self.search_of(query)?;
        let mut page = self.inner.reader.task_page(query, &search, Haste::Now);
        self.sight.rows(&mut page.rows);
        Ok(page)
    }

    /// Returns whole tasks in order, without their children.
    ///
    /// `is_unlimited` passes over the query's limit; `is_flower_search` reads
    /// its text by Flower's rules, which refuse words of one or two letters.
    pub fn task_details(
        &self,
        query: &TaskQuery,
        is_unlimited: bool,
        is_flower_search: bool,
    ) -> Result<Vec<TaskDetail>, SearchError> {
        let search = if is_flower_search {
            SearchExpression::parse_flower(&query.search)?
        } else {
            SearchExpression::parse(&query.search)?
        };
        let limit = if is_unlimited {
            usize::MAX
        } else {
            query.limit as usize
        };
        let search = self.sight.search(search.resolve(clock::now()));
        let search = search.map_err(|error| SearchError {
            position: None,
            message: error.message,
        })?;
        let tasks = self.inner.reader.task_details(query, &search, limit);
        Ok(tasks
            .into_iter()
            .map(|task| self.sight.task(task))
            .collect())
    }

    /// Returns everything known of a task.
    pub fn task(&self, id: &TaskId) -> Option<TaskDetail> {
        let task = self.inner.reader.task(id)?;
        Some(self.sight.task(task))
    }

    /// Returns what the result backend holds for a task; `None` if nothing.
    pub async fn result(&self, id: &TaskId) -> Result<Option<TaskResult>, WireError> {
        let Some(results) = &self.inner.results else {
            return Err(WireError::new(
                ErrorKind::Unavailable,
                "No result backend is configured",
            ));
        };
        let mut stored = results.read(id).await.map_err(WireError::from)?;
        if let Some(stored) = &mut stored {
            self.inner.redactor.result(stored);
            self.sight.result(stored);
        }
        Ok(stored)
    }

    /// Tells whether there is a result backend to read from.
    pub fn has_results(&self) -> bool {
        self.inner.results.is_some()
    }

    /// Returns every task type seen, in alphabetical order.
    pub fn task_types(&self) -> Vec<TaskName> {
        self.inner.reader.read().task_types()
    }

    /// Returns all workers.
    pub fn workers(&self) -> WorkerList {
        self.inner.reader.read().worker_list()
    }

    /// Returns everything known of a worker.
    pub fn worker(&self, name: &WorkerName) -> Option<WorkerDetail> {
        let mut worker = self.inner.reader.worker(name)?;
        self.sight.inspection(&mut worker.inspection);
        Some(worker)
    }

    /// Asks a worker, or all of them, for everything, and waits for the answers.
    /// Callers within two seconds of each other share them.
    pub async fn inspect(&self, worker: Option<&WorkerName>) -> Result<(), WireError> {
        self.inner
            .inspector
            .inspect_fully(worker)
            .await
            .map_err(WireError::from)?;
        // What was just queued is applied before the caller reads it.
        self.inner.intake.drained().await;
        Ok(())
    }

    /// Asks a worker for a report on its software and settings, a text.
    pub async fn report(&self, worker: &WorkerName) -> Result<String, WireError> {
        self.sight.expect_everything("A report")?;
        let report = self.inner.inspector.report(worker).await?;
        Ok(self.inner.redactor.text(&report).into_owned())
    }

    /// Returns all queues.
    pub fn queues(&self) -> QueueList {
        self.inner.reader.read().queue_list()
    }

    /// Returns everything that is to run at a time.
    pub fn schedule(&self) -> Schedule {
        let mut schedule = self.inner.reader.schedule(clock::now());
        self.sight.schedule(&mut schedule);
        schedule
    }

    /// Does what a caller asks for: authorises, writes it to the audit log,
    /// sends it, collects what workers answer. The one way to change anything.
    pub async fn run(&self, caller: &Caller, command: Command) -> Result<Outcome, WireError> {
        self.inner.control.run(caller, command).await
    }

    /// Tells how a task can be sent once more, and with which arguments.
    pub async fn retry_plan(&self, id: &TaskId) -> Result<RetryPlan, WireError> {
        self.sight.expect_everything("The plan of a retry")?;
        // It holds what it finds in every source: too much for the caller's own future.
        Box::pin(self.inner.control.retry_plan(id)).await
    }

    /// Counts the tasks that a bulk would be for.
    pub fn bulk_count(&self, target: &BulkTarget) -> Result<BulkCount, WireError> {
        if let BulkTarget::Query(query) = target {
            self.search_of(query)?;
            if self.sight.is_limited() && !query.search.is_empty() {
                // Counted as for an operator, words would tell what is in arguments.
                self.sight
                    .expect_everything("Counting what a search finds")?;
            }
        }
        self.inner.control.bulk_count(target)
    }

    /// Tells how far a bulk is, with at most `results` results; `None` if it is not known.
    pub fn bulk(&self, id: BulkId, results: usize) -> Option<BulkProgress> {
        self.inner.control.bulk(id, results)
    }

    /// Tells how far all bulks are that are still known, oldest first, without
    /// what came of each task.
    pub fn bulks(&self) -> Vec<BulkProgress> {
        self.inner.control.bulks()
    }

    /// Looks at messages that wait in a queue; nothing is removed.
    pub async fn peek(
        &self,
        queue: &QueueName,
        offset: u64,
        limit: u64,
    ) -> Result<QueuePeek, WireError> {
        let mut peek = self.inner.control.peek(queue, offset, limit).await?;
        self.sight.peek(&mut peek);
        Ok(peek)
    }

    /// Returns how the dashboard itself is doing.
    pub fn pulse(&self) -> Pulse {
        self.inner.reader.read().pulse(clock::now())
    }

    /// Returns everything `/metrics` shows.
    pub fn metrics(&self) -> Metrics {
        let gathered = self.inner.reader.gather(clock::now());
        let history = self.inner.history.as_ref();
        let saved = history.map_or(0, |history| history.handle.saved());
        gathered.into_metrics(self.inner.announcements.dropped(), saved)
    }

    /// Reads a query's search as far as whoever asks may search.
    pub(crate) fn search_of(&self, query: &TaskQuery) -> Result<SearchExpression, WireError> {
        self.sight.search(parse_search(query)?)
    }

    pub(crate) fn sight(&self) -> Sight {
        self.sight
    }

    pub(crate) fn watched(&self) -> &Watched {
        &self.inner.inspector.watched
    }

    pub(crate) fn views(&self) -> Arc<Views> {
        Arc::clone(&self.inner.views)
    }

    pub(crate) fn reader(&self) -> &StateReader {
        &self.inner.reader
    }
}

/// Reads a query's search; times from now are counted from this moment.
fn parse_search(query: &TaskQuery) -> Result<SearchExpression, WireError> {
    SearchExpression::parse(&query.search)
        .map(|search| search.resolve(clock::now()))
        .map_err(|error| WireError::new(ErrorKind::Invalid, QueryError::from(error).to_string()))
}

/// Opens the store and takes over from it what an earlier run knew.
fn open_store(
    config: &MonitorConfig,
    state: &mut State,
) -> Result<Option<Arc<Store>>, HistoryError> {
    let Some(store) = &config.store else {
        return Ok(None);
    };
    let store = match Store::open(store) {
        Ok(store) => store,
        // A newer release wrote it: whoever goes back should know.
        Err(error) if config.is_store_optional && !error.is_newer() => {
            let cause = error.chain();
            tracing::error!(%cause, "history is not kept");
            state.begin_without_history(cause);
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    state.restore(history::load(&store, config.max_tasks)?, store.set_aside());
    Ok(Some(Arc::new(store)))
}

/// Waits for a thread that was told to end.
async fn join(thread: Option<JoinHandle<()>>, name: &'static str) {
    let Some(thread) = thread else { return };
    let joined = tokio::task::spawn_blocking(move || thread.join()).await;
    if !matches!(joined, Ok(Ok(()))) {
        tracing::error!(thread = name, "a thread did not end well");
    }
}

fn spawn_thread(
    name: &'static str,
    run: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, StartError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)
        .map_err(|source| StartError::Thread { name, source })
}

/// Chooses the cryptography for TLS; a second engine in the process finds it chosen.
fn install_crypto() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        let chosen = rustls::crypto::ring::default_provider().install_default();
        if chosen.is_err() {
            tracing::debug!("another part of the process chose the cryptography first");
        }
    }
}
