//! Reading past memory: the same lists and tasks, from the store of the past.
//!
//! The store may be slow or away. So it is read by a few threads of its own,
//! whoever asks waits for a bounded time, and nothing here holds up events,
//! the store's writer or other pages.

mod face;
mod list;
mod task;

pub use face::DetailsError;

use crate::{
    StartError,
    cell::StateReader,
    history::{HistoryError, Store},
};
use model::{ErrorKind, TaskId, WireError};
use parking_lot::Mutex;
use std::{
    collections::HashMap,
    sync::{
        Arc, Weak,
        mpsc::{self, Receiver, SyncSender, TrySendError},
    },
    time::{Duration, Instant},
};
use task::Told;

/// Reads at a time.
const THREADS: usize = 3;

/// Reads that may wait for these.
const MOST_WAITING: usize = 64;

/// How long a page of a list may be looked for.
const PAGE_BUDGET: Duration = Duration::from_secs(1);

/// How long anybody waits for an answer, the queue included.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a page that is drawn waits for one task.
const GLANCE: Duration = Duration::from_millis(500);

type Job = Box<dyn FnOnce(&Store) + Send>;

/// The way to the store's readers.
#[derive(Clone, Debug)]
pub(crate) struct Archive {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    reader: StateReader,
    jobs: SyncSender<Job>,
    /// What the store told of single tasks, so that a page that is drawn ten
    /// times a second does not ask it as often.
    told: Mutex<HashMap<TaskId, (Instant, Arc<Told>)>>,
}

impl Archive {
    /// Starts the threads, which end with the last handle.
    pub(crate) fn start(store: &Arc<Store>, reader: StateReader) -> Result<Self, StartError> {
        let (jobs, due) = mpsc::sync_channel::<Job>(MOST_WAITING);
        let due = Arc::new(Mutex::new(due));
        for _ in 0..THREADS {
            let (due, store) = (Arc::clone(&due), Arc::downgrade(store));
            crate::spawn_thread("celeriac-archive", move || run(&due, &store))?;
        }
        Ok(Self {
            inner: Arc::new(Inner {
                reader,
                jobs,
                told: Mutex::default(),
            }),
        })
    }

    fn reader(&self) -> &StateReader {
        &self.inner.reader
    }

    /// Hands a read to the threads.
    fn hand_over(&self, job: Job) -> Result<(), WireError> {
        self.inner.jobs.try_send(job).map_err(|error| {
            unavailable(match error {
                TrySendError::Full(_) => "The history is asked too much at once; try again.",
                TrySendError::Disconnected(_) => "The history is closed.",
            })
        })
    }

    /// Reads, without holding up the caller's thread.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Store) -> Result<T, HistoryError> + Send + 'static,
    ) -> Result<T, WireError> {
        let (answer, answered) = tokio::sync::oneshot::channel();
        self.hand_over(Box::new(move |store| {
            // Whoever asked may have gone.
            drop(answer.send(read(store)));
        }))?;
        match tokio::time::timeout(PATIENCE, answered).await {
            Ok(Ok(answer)) => answer.map_err(|error| refusal(&error)),
            Ok(Err(_)) => Err(unavailable("The history is closed.")),
            Err(_) => Err(unavailable("The history does not answer.")),
        }
    }

    /// Reads, holding up the caller's thread for at most this long.
    fn read_within<T: Send + 'static>(
        &self,
        patience: Duration,
        read: impl FnOnce(&Store) -> Result<T, HistoryError> + Send + 'static,
    ) -> Result<T, WireError> {
        let (answer, answered) = mpsc::sync_channel(1);
        self.hand_over(Box::new(move |store| {
            // Whoever asked may have gone.
            drop(answer.try_send(read(store)));
        }))?;
        match answered.recv_timeout(patience) {
            Ok(answer) => answer.map_err(|error| refusal(&error)),
            Err(_) => Err(unavailable("The history does not answer.")),
        }
    }
}

/// Does reads until nobody is left to ask for any.
fn run(due: &Mutex<Receiver<Job>>, store: &Weak<Store>) {
    loop {
        let job = due.lock().recv();
        let (Ok(job), Some(store)) = (job, store.upgrade()) else {
            return;
        };
        job(&store);
    }
}

fn unavailable(message: &str) -> WireError {
    WireError::new(ErrorKind::Unavailable, message)
}

/// Says why the store did not answer.
fn refusal(error: &HistoryError) -> WireError {
    match error {
        HistoryError::OutOfTime => unavailable(
            "The history is too long to be sorted this way in a second: choose a time range, \
             or sort by the time received.",
        ),
        HistoryError::Place => WireError::new(ErrorKind::Invalid, "after is no place of this list"),
        error => {
            let chain = error.chain();
            tracing::warn!(error = %chain, "the history cannot be read");
            WireError::new(
                ErrorKind::Unavailable,
                format!("The history cannot be read: {chain}."),
            )
        }
    }
}
