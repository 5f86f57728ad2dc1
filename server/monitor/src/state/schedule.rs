//! Schedules: their entries, which of their runs were seen, and which were not.

use super::{Names, metrics};
use crate::redact::Redactor;
use hashbrown::{HashMap, HashSet};
use model::{
    JsonText, QueueName, ScheduleEntry, ScheduleKey, ScheduleSource, TaskId, TaskName, Timestamp,
    WorkerName,
};
use protocol::{
    EventKind, EventRef, render,
    schedule::{BeatEntry, RedBeatEntry, Timing, Zone, conf_entries, conf_zone},
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

/// Most entries of one source.
pub(crate) const MAX_ENTRIES: usize = 1_000;

/// How long before its time a run may be seen: clocks differ.
const EARLY_SECONDS: f64 = 5.0;

/// How long after its time a run may be seen that was due by the calendar.
const LATE_SECONDS: f64 = 60.0;

/// The same of intervals: half of one, but within these bounds. Beat wakes up
/// every five minutes at least (`celery/beat.py DEFAULT_MAX_INTERVAL`).
const LATE_BOUNDS: (f64, f64) = (10.0, 300.0);

/// Runs by hand that are remembered, so that they do not count as the schedule's.
const MAX_BY_HAND: usize = 100;

/// How long the answer of a beat holds; everybody is asked every 10 s.
const BEAT_SECONDS: f64 = 35.0;

/// What is heard of schedules besides the answers of workers.
#[derive(Debug)]
pub(crate) enum ScheduleNews {
    /// What `RedBeat` keeps, each with the time it is due; and whether somebody
    /// holds its lock.
    RedBeat {
        entries: Vec<(RedBeatEntry, Option<Timestamp>)>,
        is_locked: bool,
    },
    /// A beat answered a ping.
    BeatAnswered,
    /// An entry's task was sent by hand.
    RanByHand(TaskId),
}

/// An entry and what was seen of it.
#[derive(Debug)]
struct Kept {
    entry: BeatEntry,
    zone: Option<Zone>,
    is_enabled: bool,
    /// The name's number.
    task: u32,
    /// Its arguments as events may show them.
    args: [Option<String>; 2],
    kwargs: Option<String>,
    /// Its arguments as they are shown. The entry has what is sent.
    shown: (JsonText, JsonText),
    /// When its scheduler says that it is due next.
    told: Option<Timestamp>,
    /// When a run is looked for; absent if that cannot be computed.
    due: Option<Timestamp>,
    last_run: Option<Timestamp>,
    last_task: Option<TaskId>,
    /// The same of the run before, should the last one turn out to be by hand.
    before: Option<(Timestamp, Option<TaskId>)>,
    missed: u64,
    /// When the run was due that was counted as missed last.
    missed_due: Option<Timestamp>,
    /// The same if the last run took that back.
    taken_back: Option<Timestamp>,
}

impl Kept {
    fn new(
        entry: BeatEntry,
        zone: Option<Zone>,
        task: u32,
        redactor: &Redactor,
        now: Timestamp,
    ) -> Self {
        let (has_args, has_kwargs) = entry.are_told;
        // What is not told cannot be compared.
        let args = has_args.then_some(entry.args.as_str());
        let kwargs = has_kwargs.then_some(entry.kwargs.as_str());
        let as_shown = |text: Option<String>| Some(redactor.text(&text?).into_owned());
        let mut kept = Self {
            // Beat hands on a list as it is, workers show tuples.
            args: [
                as_shown(args.and_then(render::value)),
                as_shown(args.and_then(render::arguments)),
            ],
            kwargs: as_shown(kwargs.and_then(render::value)),
            shown: (
                redactor.arguments(&entry.args),
                redactor.arguments(&entry.kwargs),
            ),
            zone,
            is_enabled: true,
            task,
            told: None,
            due: None,
            last_run: None,
            last_task: None,
            before: None,
            missed: 0,
            missed_due: None,
            taken_back: None,
            entry,
        };
        kept.due = kept.after(now);
        kept
    }

    /// Returns when it is due after a run at `last`.
    fn after(&self, last: Timestamp) -> Option<Timestamp> {
        match (&self.entry.timing, self.zone) {
            (Timing::Every(seconds, _), _) if *seconds > 0.0 => Some(last.plus_seconds(*seconds)),
            // Where clocks show an hour twice, Celery finds a time that is over.
            (Timing::Crontab(crontab), Some(zone)) => {
                crontab.next(zone, last).filter(|next| *next > last)
            }
            _ => None,
        }
    }

    /// Returns how long after its time a run may be seen.
    fn late_seconds(&self) -> f64 {
        match self.entry.timing {
            Timing::Every(seconds, _) => (seconds / 2.0).clamp(LATE_BOUNDS.0, LATE_BOUNDS.1),
            _ => LATE_SECONDS,
        }
    }

    /// Tells whether a task sent at that time may be a run of it. `is_exact`
    /// is false of a time at which a worker took it, after any backlog.
    fn may_be_run(&self, at: Timestamp, is_exact: bool) -> bool {
        match (&self.entry.timing, self.last_run, self.due) {
            (Timing::Every(seconds, _), Some(last), _) => at.seconds_since(last) >= seconds / 2.0,
            (Timing::Every(..), None, _) => true,
            (_, _, Some(due)) => {
                let late = at.seconds_since(due);
                late >= -EARLY_SECONDS && (late <= LATE_SECONDS || !is_exact)
            }
            (_, _, None) => false,
        }
    }

    /// Takes a miss back if a task sent at that time fits what was due then;
    /// tells whether it did.
    fn took_back(&mut self, at: Timestamp, task: Option<TaskId>, is_exact: bool) -> bool {
        let late = self.late_seconds();
        let fits = |missed: &mut Timestamp| {
            let after = at.seconds_since(*missed);
            let is_next = self
                .due
                .is_some_and(|due| at.seconds_since(due) >= -EARLY_SECONDS);
            after >= -EARLY_SECONDS && !is_next && (after <= late || !is_exact)
        };
        let Some(missed) = self.missed_due.take_if(fits) else {
            return false;
        };
        self.missed -= 1;
        let due = self.due;
        self.ran(at, task);
        self.taken_back = Some(missed);
        if !matches!(self.entry.timing, Timing::Every(..)) {
            self.due = due;
        }
        true
    }

    fn shows(&self, event: &EventRef<'_>) -> bool {
        let is_same = |shown: Option<&str>, own: &Option<String>| match (shown, own) {
            (Some(shown), Some(own)) => shown == own,
            // What cannot be compared speaks not against it.
            _ => true,
        };
        self.args.iter().any(|args| is_same(event.args, args))
            && is_same(event.kwargs, &self.kwargs)
    }

    fn ran(&mut self, at: Timestamp, task: Option<TaskId>) {
        if let Some(last) = self.last_run {
            self.before = Some((last, self.last_task.take()));
        }
        self.last_run = Some(at);
        self.last_task = task;
        self.taken_back = None;
        let from = match (&self.entry.timing, self.due) {
            // A run that came early is the one that was due.
            (Timing::Crontab(_), Some(due)) => due.max(at),
            _ => at,
        };
        self.due = self.after(from);
    }

    fn next_run(&self, now: Timestamp) -> Option<Timestamp> {
        if !self.is_enabled {
            return None;
        }
        match self.entry.timing {
            _ if self.told.is_some() => self.told,
            Timing::Every(..) => self.after(self.last_run?),
            _ => self.after(now),
        }
    }
}

/// The schedules.
#[derive(Debug, Default)]
pub(crate) struct Schedules {
    redactor: Arc<Redactor>,
    /// What each worker's configuration tells.
    by_worker: HashMap<WorkerName, (Option<Zone>, Vec<BeatEntry>)>,
    kept: BTreeMap<(ScheduleSource, String), Kept>,
    /// Task types of entries.
    tasks: HashSet<u32>,
    /// Those of them of which `task-sent` was heard.
    sent: HashSet<u32>,
    asked: Option<Timestamp>,
    beat: Option<Timestamp>,
    /// Whether `RedBeat`'s lock is held; absent if there is no `RedBeat`.
    is_locked: Option<bool>,
    by_hand: VecDeque<TaskId>,
    /// Since when nothing was missed.
    watching: Option<Timestamp>,
}

impl Schedules {
    pub(crate) fn new(redactor: Arc<Redactor>) -> Self {
        Self {
            redactor,
            ..Self::default()
        }
    }

    /// Takes a worker's configuration; tells whether that changed anything.
    pub(crate) fn configured(
        &mut self,
        worker: &WorkerName,
        conf: &Value,
        names: &mut Names,
        now: Timestamp,
    ) {
        self.asked = Some(now);
        let mut entries = conf_entries(conf);
        entries.truncate(MAX_ENTRIES);
        let told = (conf_zone(conf), entries);
        if self.by_worker.get(worker) == Some(&told) {
            return;
        }
        self.by_worker.insert(worker.clone(), told);
        // Workers of one application tell the same; the first by name is believed.
        let mut workers: Vec<_> = self.by_worker.iter().collect();
        workers.sort_by_key(|(name, _)| *name);
        let mut all = BTreeMap::new();
        for (_, (zone, entries)) in workers {
            for entry in entries {
                all.entry(entry.name.clone())
                    .or_insert((*zone, entry.clone()));
            }
        }
        let all: Vec<_> = all.into_values().collect();
        let is_there = |name: &String| all.iter().any(|(_, entry)| entry.name == *name);
        self.kept
            .retain(|(source, name), _| *source != ScheduleSource::Configuration || is_there(name));
        for (zone, entry) in all {
            self.put(ScheduleSource::Configuration, entry, zone, names, now);
        }
        self.tasks = self.kept.values().map(|kept| kept.task).collect();
    }

    /// Puts an entry in; one that is the same stays with what was seen of it.
    fn put(
        &mut self,
        source: ScheduleSource,
        entry: BeatEntry,
        zone: Option<Zone>,
        names: &mut Names,
        now: Timestamp,
    ) -> Option<&mut Kept> {
        let key = (source, entry.name.clone());
        let is_same = |kept: &Kept| kept.entry == entry && kept.zone == zone;
        if !self.kept.get(&key).is_some_and(is_same) {
            if self.kept.len() >= 2 * MAX_ENTRIES && !self.kept.contains_key(&key) {
                return None;
            }
            let task = names.tasks.intern(entry.task.as_str());
            let kept = Kept::new(entry, zone, task, &self.redactor, now);
            self.kept.insert(key.clone(), kept);
        }
        self.kept.get_mut(&key)
    }

    /// Forgets what workers told that are gone for good.
    pub(crate) fn forget(&mut self, is_known: impl Fn(&WorkerName) -> bool) {
        self.by_worker.retain(|worker, _| is_known(worker));
    }

    /// Takes other news.
    pub(crate) fn learn(&mut self, news: ScheduleNews, names: &mut Names, now: Timestamp) {
        match news {
            ScheduleNews::BeatAnswered => self.beat = Some(now),
            ScheduleNews::RanByHand(id) => self.by_hand(id, now),
            ScheduleNews::RedBeat { entries, is_locked } => {
                let is_there = is_locked || !entries.is_empty() || self.is_locked.is_some();
                self.is_locked = is_there.then_some(is_locked);
                let listed: HashSet<String> = entries
                    .iter()
                    .map(|(read, _)| read.entry.name.clone())
                    .collect();
                self.kept.retain(|(source, name), _| {
                    *source != ScheduleSource::RedBeat || listed.contains(name)
                });
                // RedBeat counts in the zone of its application.
                let mut workers: Vec<_> = self.by_worker.iter().collect();
                workers.sort_by_key(|(name, _)| *name);
                let zone = workers.first().and_then(|(_, (zone, _))| *zone);
                for (read, told) in entries {
                    let source = ScheduleSource::RedBeat;
                    let Some(kept) = self.put(source, read.entry, zone, names, now) else {
                        continue;
                    };
                    kept.is_enabled = read.is_enabled;
                    if kept.told != told {
                        kept.told = told;
                        kept.due = told;
                    }
                    if let Some(ran) = read.last_run
                        && kept.last_run.is_none_or(|last| ran > last)
                    {
                        // An event told of the same run more exactly.
                        let is_told = kept
                            .last_run
                            .is_some_and(|last| ran.seconds_since(last) < 1.0);
                        if !is_told {
                            if !kept.took_back(ran, None, true) {
                                kept.ran(ran, None);
                            }
                            kept.due = told;
                        }
                    }
                }
                self.tasks = self.kept.values().map(|kept| kept.task).collect();
            }
        }
    }

    /// Notes that a task was sent by hand: it is no run of the schedule.
    fn by_hand(&mut self, id: TaskId, now: Timestamp) {
        for kept in self.kept.values_mut() {
            if kept.last_task.as_ref() == Some(&id) {
                let before = kept.before.take();
                kept.last_run = before.as_ref().map(|(at, _)| *at);
                kept.last_task = before.and_then(|(_, task)| task);
                let due = kept.last_run.and_then(|last| kept.after(last));
                kept.due = due.or_else(|| kept.after(now)).or(kept.told);
                if let Some(missed) = kept.taken_back.take() {
                    kept.missed += 1;
                    kept.missed_due = Some(missed);
                }
            }
        }
        if self.by_hand.len() >= MAX_BY_HAND {
            self.by_hand.pop_front();
        }
        self.by_hand.push_back(id);
    }

    /// Looks at an event whether it tells of a run.
    pub(crate) fn heard(&mut self, task: u32, event: &EventRef<'_>, now: Timestamp) -> bool {
        let tells = matches!(event.kind, EventKind::TaskSent | EventKind::TaskReceived);
        if !tells || !self.tasks.contains(&task) {
            return false;
        }
        let Some(id) = event.uuid else { return false };
        // Beat's tasks are their own root, and a retry is none of its runs.
        let is_first = event.retries.unwrap_or(0) == 0 && event.parent_id.is_none();
        if !is_first || self.by_hand.iter().any(|other| other.as_str() == id) {
            return false;
        }
        let at = event.timestamp.unwrap_or(now);
        if event.kind == EventKind::TaskSent {
            self.sent.insert(task);
        }
        let is_exact = self.sent.contains(&task);
        let mut changed = false;
        for kept in self.kept.values_mut().filter(|kept| kept.task == task) {
            let is_known = kept.last_task.as_ref().is_some_and(|l| l.as_str() == id);
            if is_known || !kept.shows(event) {
                continue;
            }
            let run = Some(TaskId::from(id));
            if kept.took_back(at, run.clone(), is_exact) {
                changed = true;
            } else if kept.may_be_run(at, is_exact) {
                kept.ran(at, run);
                changed = true;
            }
        }
        changed
    }

    /// Notes that events may have been missed.
    pub(crate) fn missed_events(&mut self) {
        self.watching = None;
    }

    /// Lets time pass and counts runs that were due and not seen. `hears`
    /// tells whether a run of a task type would have been heard of, `is_empty`
    /// whether a queue, or all of them, had nothing waiting after a time.
    pub(crate) fn tick(
        &mut self,
        now: Timestamp,
        hears: impl Fn(u32) -> bool,
        is_empty: impl Fn(Option<&QueueName>, Timestamp) -> bool,
    ) -> bool {
        let watching = *self.watching.get_or_insert(now);
        let mut changed = false;
        for kept in self.kept.values_mut() {
            let late = kept.late_seconds();
            let Some(due) = kept.due else { continue };
            if now.seconds_since(due) <= late {
                continue;
            }
            let was_watched = watching < due.plus_seconds(-EARLY_SECONDS);
            if kept.is_enabled && was_watched && hears(kept.task) {
                // If only workers tell of runs, one may wait in a queue.
                let queue = kept.entry.queue.as_ref();
                if !self.sent.contains(&kept.task) && !is_empty(queue, due) {
                    continue;
                }
                kept.missed += 1;
                kept.missed_due = Some(due);
                changed = true;
            }
            // After a long pause only what is due from now on counts.
            let from = due.max(now.plus_seconds(-late));
            kept.due = kept.after(from);
        }
        changed
    }

    /// Returns the entries, the next to run first.
    pub(crate) fn entries(&self, names: &Names, now: Timestamp) -> Vec<ScheduleEntry> {
        let mut entries: Vec<ScheduleEntry> = self
            .kept
            .iter()
            .map(|((source, name), kept)| ScheduleEntry {
                key: ScheduleKey {
                    source: *source,
                    name: name.clone(),
                },
                task: TaskName::from(metrics::text(names.tasks.text(kept.task))),
                schedule: kept.entry.words(),
                written: kept.entry.written.clone(),
                zone: kept
                    .zone
                    .map_or_else(|| "its application's".to_owned(), |zone| zone.to_string()),
                args: kept.shown.0.clone(),
                kwargs: kept.shown.1.clone(),
                queue: kept.entry.queue.clone(),
                is_enabled: kept.is_enabled,
                next_run: kept.next_run(now),
                last_run: kept.last_run,
                last_task: kept.last_task.clone(),
                missed: kept.missed,
                problem: problem_of(kept),
                is_runnable: kept.entry.obstacle.is_none(),
            })
            .collect();
        entries.sort_by(|a, b| {
            let order = |entry: &ScheduleEntry| (entry.next_run.is_none(), entry.next_run);
            order(a).cmp(&order(b)).then_with(|| a.key.cmp(&b.key))
        });
        entries
    }

    /// Returns an entry.
    pub(crate) fn entry(&self, key: &ScheduleKey) -> Option<&BeatEntry> {
        let kept = self.kept.get(&(key.source, key.name.clone()))?;
        Some(&kept.entry)
    }

    /// Returns when workers told their configuration last.
    pub(crate) fn asked(&self) -> Option<Timestamp> {
        self.asked
    }

    /// Tells whether something sends what is due, if that can be told.
    pub(crate) fn is_beat_alive(&self, now: Timestamp) -> Option<bool> {
        let answered = self.beat.map(|beat| now.seconds_since(beat) < BEAT_SECONDS);
        match (answered, self.is_locked) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), _) | (_, Some(false)) => Some(false),
            (None, None) => None,
        }
    }
}

fn problem_of(kept: &Kept) -> Option<String> {
    let is_crontab = matches!(kept.entry.timing, Timing::Crontab(_));
    let is_rounded = matches!(kept.entry.timing, Timing::Every(_, false));
    let problem = match &kept.entry.problem {
        Some(problem) => Some(problem.clone()),
        None if is_crontab && kept.zone.is_none() && kept.told.is_none() => {
            Some("It counts in a zone that is not known here".to_owned())
        }
        None if is_rounded => Some("Workers tell the interval rounded".to_owned()),
        None => None,
    };
    match (problem, &kept.entry.obstacle) {
        (Some(problem), Some(obstacle)) => Some(format!("{problem}. {obstacle}")),
        (problem, obstacle) => problem.or_else(|| obstacle.clone()),
    }
}
