//! Where we differ from Celery's state on purpose, and why.

/// A difference that is meant, in exactly so many tasks.
#[derive(Debug)]
pub(crate) struct Difference {
    /// What the names of the captures end with, such as `.rejected` or `c570.rejected`.
    pub(crate) capture: &'static str,
    /// The field.
    pub(crate) field: &'static str,
    /// What Celery has.
    pub(crate) theirs: Side,
    /// What we have.
    pub(crate) ours: Side,
    /// How many tasks differ so.
    pub(crate) tasks: usize,
    /// Why.
    pub(crate) reason: &'static str,
}

/// One side of a difference.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Side {
    Absent,
    Is(&'static str),
    /// Any value, such as a time.
    Some,
}

impl Side {
    fn is(self, value: Option<&String>) -> bool {
        match self {
            Self::Absent => value.is_none(),
            Self::Is(wanted) => value.is_some_and(|value| value == wanted),
            Self::Some => value.is_some(),
        }
    }
}

impl Difference {
    pub(crate) fn explains(
        &self,
        capture: &str,
        field: &str,
        theirs: Option<&String>,
        ours: Option<&String>,
    ) -> bool {
        capture.ends_with(self.capture)
            && field == self.field
            && self.theirs.is(theirs)
            && self.ours.is(ours)
    }
}

pub(crate) const DIFFERENCES: [Difference; 7] = [
    Difference {
        capture: "",
        field: "runtime",
        theirs: Side::Absent,
        ours: Side::Some,
        tasks: 49,
        reason: "only task-succeeded tells a run time; of a task that ended otherwise we show \
                 what lies between its start and its end",
    },
    Difference {
        capture: ".rejected",
        field: "state",
        theirs: Side::Is("STARTED"),
        ours: Side::Is("REJECTED"),
        tasks: 3,
        reason: "before 5.7 a task that rejects its message for good sends task-rejected alone; \
                 Celery ranks that below STARTED (celery/states.py PRECEDENCE) and so shows \
                 the task running for ever",
    },
    Difference {
        capture: "c570.rejected",
        field: "rejected",
        theirs: Side::Some,
        ours: Side::Absent,
        tasks: 1,
        reason: "since 5.7 such a task sends task-failed first; an attempt ends once, and the \
                 rejection that follows says nothing new",
    },
    Difference {
        capture: "c570.redelivery",
        field: "state",
        theirs: Side::Is("STARTED"),
        ours: Side::Is("RECEIVED"),
        tasks: 1,
        reason: "a second task-received of the same try is a redelivery, after the worker that \
                 had started it was gone: the task waits again, while Celery's merge keeps \
                 what the lost worker said last",
    },
    Difference {
        capture: ".shadow",
        field: "name",
        theirs: Side::Is("lab.add"),
        ours: Side::Is("pretty-name"),
        tasks: 2,
        reason: "the name that the sender chose to see comes in task-received; a task-sent that \
                 arrives later does not take it away",
    },
    Difference {
        capture: "c570.timelimit",
        field: "failed",
        theirs: Side::Some,
        ours: Side::Some,
        tasks: 1,
        reason: "5.7 sends task-failed twice for a hard time limit; the task failed the first \
                 time",
    },
    Difference {
        capture: "c447.revoked",
        field: "revoked",
        theirs: Side::Some,
        ours: Side::Some,
        tasks: 1,
        reason: "4.4 tells of a termination twice; the task was revoked the first time",
    },
];
