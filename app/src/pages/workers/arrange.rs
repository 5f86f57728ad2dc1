//! Which workers, in which order: the query string of the page.

use crate::components::worker_badge::{is_there, name_of};
use model::{Keyed, WorkerStatus, WorkerSummary};
use std::cmp::Ordering;

/// What to sort by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum WorkerSort {
    /// Name, then process.
    #[default]
    Name,
    /// From the most alive to the least.
    Status,
    /// Tasks running.
    Active,
    /// Tasks started in the last hour.
    Trend,
    /// Tasks accepted.
    Processed,
    /// Tasks failed.
    Failed,
    /// Tasks retried.
    Retried,
    /// Load over one minute.
    Load,
    /// Celery's version.
    Version,
    /// When it started.
    Uptime,
    /// When the last heartbeat came.
    Heartbeat,
}

impl WorkerSort {
    const ALL: [(Self, &'static str); 11] = [
        (Self::Name, "name"),
        (Self::Status, "status"),
        (Self::Active, "active"),
        (Self::Trend, "trend"),
        (Self::Processed, "processed"),
        (Self::Failed, "failed"),
        (Self::Retried, "retried"),
        (Self::Load, "load"),
        (Self::Version, "version"),
        (Self::Uptime, "uptime"),
        (Self::Heartbeat, "heartbeat"),
    ];

    fn as_str(self) -> &'static str {
        let known = Self::ALL.into_iter().find(|(sort, _)| *sort == self);
        known.map_or("name", |(_, name)| name)
    }

    /// Words are sorted from A, numbers from the largest, when their head is clicked first.
    pub(super) fn starts_descending(self) -> bool {
        !matches!(self, Self::Name | Self::Status | Self::Version)
    }
}

/// Every status, in the order of the chips.
pub(super) const STATUSES: [WorkerStatus; 5] = [
    WorkerStatus::Online,
    WorkerStatus::Busy,
    WorkerStatus::Stopping,
    WorkerStatus::Lost,
    WorkerStatus::Offline,
];

/// The filter and the order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Arrangement {
    /// Only workers of this status.
    pub(super) status: Option<WorkerStatus>,
    /// Only workers with this text in name, queues or version.
    pub(super) search: String,
    /// What to sort by.
    pub(super) sort: WorkerSort,
    /// Largest first.
    pub(super) is_descending: bool,
}

impl Arrangement {
    /// Reads the parameters; what cannot be read is left out, for a page must come up.
    pub(super) fn from_query<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Self {
        let status = STATUSES
            .into_iter()
            .find(|status| Some(name_of(*status)) == get("status"));
        let text = get("sort").unwrap_or_default();
        let (name, is_descending) = match text.strip_prefix('-') {
            Some(name) => (name, true),
            None => (text, false),
        };
        let known = WorkerSort::ALL.into_iter().find(|(_, n)| *n == name);
        Self {
            status,
            search: get("search").unwrap_or_default().trim().to_owned(),
            sort: known.map(|(sort, _)| sort).unwrap_or_default(),
            is_descending: known.is_some() && is_descending,
        }
    }

    /// Returns the parameters that differ from the default.
    pub(super) fn to_pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = Vec::new();
        if let Some(status) = self.status {
            pairs.push(("status", name_of(status).to_owned()));
        }
        if !self.search.is_empty() {
            pairs.push(("search", self.search.clone()));
        }
        if (self.sort, self.is_descending) != (WorkerSort::Name, false) {
            let sign = if self.is_descending { "-" } else { "" };
            pairs.push(("sort", format!("{sign}{}", self.sort.as_str())));
        }
        pairs
    }

    /// Returns the address of the page with this arrangement.
    pub(super) fn href(&self) -> String {
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(self.to_pairs())
            .finish();
        crate::links::with_query("/workers", &query)
    }

    /// Returns this arrangement with the order that a click on a head asks for.
    pub(super) fn sorted_by(&self, sort: WorkerSort) -> Self {
        Self {
            sort,
            is_descending: if self.sort == sort {
                !self.is_descending
            } else {
                sort.starts_descending()
            },
            ..self.clone()
        }
    }

    /// Tells whether a worker has the text that is looked for.
    pub(super) fn has_text(&self, worker: &WorkerSummary) -> bool {
        let wanted = self.search.to_lowercase();
        let has = |text: &str| text.to_lowercase().contains(&wanted);
        wanted.is_empty()
            || has(worker.name.as_str())
            || worker.queues.iter().any(|queue| has(queue.as_str()))
            || worker.version.as_deref().is_some_and(has)
    }

    /// Tells whether a worker is shown.
    pub(super) fn shows(&self, worker: &WorkerSummary) -> bool {
        self.status.is_none_or(|status| status == worker.status) && self.has_text(worker)
    }

    /// Returns the keys of the workers shown that can be told something, in order.
    pub(super) fn told(&self, workers: &[WorkerSummary]) -> Vec<<WorkerSummary as Keyed>::Key> {
        self.in_order(workers, |worker| is_there(worker.status))
    }

    /// Returns the keys of the workers shown, in order.
    pub(super) fn arrange(&self, workers: &[WorkerSummary]) -> Vec<<WorkerSummary as Keyed>::Key> {
        self.in_order(workers, |_| true)
    }

    fn in_order(
        &self,
        workers: &[WorkerSummary],
        is_wanted: impl Fn(&WorkerSummary) -> bool,
    ) -> Vec<<WorkerSummary as Keyed>::Key> {
        let shown = workers.iter().filter(|w| self.shows(w) && is_wanted(w));
        let mut shown: Vec<&WorkerSummary> = shown.collect();
        shown.sort_by(|a, b| {
            let order = self.compare(a, b);
            order.then_with(|| (&a.name, a.pid).cmp(&(&b.name, b.pid)))
        });
        shown.into_iter().map(Keyed::key).collect()
    }

    fn compare(&self, a: &WorkerSummary, b: &WorkerSummary) -> Ordering {
        let number = |value: fn(&WorkerSummary) -> Option<f64>| {
            self.known_first(value(a), value(b), f64::total_cmp)
        };
        match self.sort {
            WorkerSort::Name => self.turn((&a.name, a.pid).cmp(&(&b.name, b.pid))),
            WorkerSort::Status => self.turn(a.status.cmp(&b.status)),
            WorkerSort::Active => number(|w| w.active.map(|n| n as f64)),
            WorkerSort::Trend => number(|w| Some(w.trend.iter().map(|n| f64::from(*n)).sum())),
            WorkerSort::Processed => number(|w| w.processed.map(|n| n as f64)),
            WorkerSort::Failed => number(|w| Some(w.events.failed as f64)),
            WorkerSort::Retried => number(|w| Some(w.events.retried as f64)),
            WorkerSort::Load => number(|w| w.load.map(|[one, ..]| one)),
            WorkerSort::Version => {
                let (a, b) = (a.version.as_deref(), b.version.as_deref());
                self.known_first(a.map(version_parts), b.map(version_parts), Ord::cmp)
            }
            // The longest uptime is the earliest start.
            WorkerSort::Uptime => number(|w| w.started.map(|t| -t.as_seconds())),
            WorkerSort::Heartbeat => number(|w| w.last_heartbeat.map(|t| -t.as_seconds())),
        }
    }

    /// Unknown values stand last whatever the direction.
    fn known_first<T>(
        &self,
        a: Option<T>,
        b: Option<T>,
        compare: impl Fn(&T, &T) -> Ordering,
    ) -> Ordering {
        match (a, b) {
            (Some(a), Some(b)) => self.turn(compare(&a, &b)),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        }
    }

    fn turn(&self, order: Ordering) -> Ordering {
        if self.is_descending {
            order.reverse()
        } else {
            order
        }
    }
}

/// `5.10.0` comes after `5.9.1`; `5.6.0rc1` is ordered by its leading digits.
fn version_parts(version: &str) -> Vec<u64> {
    let leading = |part: &str| {
        let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap_or(0)
    };
    version.split('.').map(leading).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use model::{EventCounts, Timestamp};

    pub(crate) fn worker(name: &str) -> WorkerSummary {
        WorkerSummary {
            name: name.into(),
            pid: 7,
            status: WorkerStatus::Online,
            status_since: Timestamp(0),
            active: None,
            processed: None,
            slots: None,
            load: None,
            queues: Vec::new(),
            version: None,
            system: None,
            pool: None,
            started: None,
            last_heartbeat: None,
            freq_seconds: 2.0,
            task_events: None,
            events: EventCounts::default(),
            missed: 0,
            silent_types: Vec::new(),
            trend: Vec::new(),
        }
    }

    fn read(query: &str) -> Arrangement {
        let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        Arrangement::from_query(|key| {
            let pair = pairs.iter().find(|(k, _)| k == key);
            pair.map(|(_, value)| value.as_str())
        })
    }

    fn names(query: &str, workers: &[WorkerSummary]) -> Vec<String> {
        let keys = read(query).arrange(workers);
        keys.into_iter().map(|(name, _)| name.to_string()).collect()
    }

    #[test]
    fn the_address_holds_the_whole_arrangement() {
        for query in [
            "",
            "status=lost&search=mail+1&sort=-failed",
            "status=busy",
            "status=stopping",
            "sort=uptime",
        ] {
            let arrangement = read(query);
            assert_eq!(
                arrangement.href(),
                crate::links::with_query("/workers", query)
            );
        }
        assert_eq!(read("status=odd&sort=-odd"), Arrangement::default());
    }

    #[test]
    fn unknown_values_stand_last_in_both_directions() {
        let mut workers = [worker("a"), worker("b"), worker("c")];
        workers[1].active = Some(1);
        workers[2].active = Some(9);
        assert_eq!(names("sort=active", &workers), ["b", "c", "a"]);
        assert_eq!(names("sort=-active", &workers), ["c", "b", "a"]);
    }

    #[test]
    fn versions_are_compared_by_number() {
        let mut workers = [worker("a"), worker("b"), worker("c")];
        for (worker, version) in workers.iter_mut().zip(["5.10.0", "5.9.1", "5.6.0rc1"]) {
            worker.version = Some(version.to_owned());
        }
        assert_eq!(names("sort=version", &workers), ["c", "b", "a"]);
    }

    #[test]
    fn text_is_looked_for_in_name_queues_and_version() {
        let mut workers = [worker("celery@mail-1"), worker("celery@web-1")];
        workers[1].queues = vec!["Mail-bulk".into()];
        assert_eq!(names("search=mail", &workers).len(), 2);
        assert_eq!(names("search=web", &workers), ["celery@web-1"]);
        workers[0].status = WorkerStatus::Lost;
        assert_eq!(
            names("search=mail&status=lost", &workers),
            ["celery@mail-1"]
        );
    }

    #[test]
    fn only_workers_that_are_shown_and_there_are_told_anything() {
        let mut workers = ["a", "b", "c", "d", "mail"].map(worker);
        for (worker, status) in workers.iter_mut().zip(STATUSES) {
            worker.status = status;
        }
        let told = |query: &str| {
            let keys = read(query).told(&workers);
            let names = keys.into_iter().map(|(name, _)| name.to_string());
            names.collect::<Vec<_>>()
        };
        assert_eq!(told("sort=-name"), ["c", "b", "a"]);
        assert_eq!(told("search=b"), ["b"]);
        assert!(told("status=lost").is_empty());
    }

    #[test]
    fn workers_are_sorted_from_the_most_alive() {
        let mut workers = ["a", "b", "c", "d", "e"].map(worker);
        let statuses = STATUSES.into_iter().rev();
        for (worker, status) in workers.iter_mut().zip(statuses) {
            worker.status = status;
        }
        assert_eq!(names("sort=status", &workers), ["e", "d", "c", "b", "a"]);
        assert_eq!(names("status=busy", &workers), ["d"]);
        assert_eq!(names("status=stopping", &workers), ["c"]);
    }

    #[test]
    fn a_second_click_on_a_head_turns_the_order() {
        let by_failed = Arrangement::default().sorted_by(WorkerSort::Failed);
        assert!(by_failed.is_descending);
        assert!(!by_failed.sorted_by(WorkerSort::Failed).is_descending);
        assert!(!by_failed.sorted_by(WorkerSort::Name).is_descending);
    }
}
