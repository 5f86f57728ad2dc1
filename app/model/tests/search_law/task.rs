//! Random tasks.

use proptest::prelude::*;

/// Microseconds of the time of asking: 2026-11-20T10:00:00.5Z.
pub(crate) const NOW: i64 = 1_795_168_800_500_000;

/// A value of Python's.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    None,
    Bool(bool),
    /// Quarters, so that text and double are the same number.
    Number(i32),
    Text(String),
    List(Vec<Value>),
    Tuple(Vec<Value>),
    Dict(Vec<(String, Value)>),
}

impl Value {
    /// Writes it as Python's `repr` does.
    pub(crate) fn repr(&self) -> String {
        let all = |values: &[Self]| {
            let texts: Vec<String> = values.iter().map(Self::repr).collect();
            texts.join(", ")
        };
        match self {
            Self::None => "None".to_owned(),
            Self::Bool(true) => "True".to_owned(),
            Self::Bool(false) => "False".to_owned(),
            Self::Number(quarters) if quarters % 4 == 0 => (quarters / 4).to_string(),
            Self::Number(quarters) => (f64::from(*quarters) / 4.0).to_string(),
            Self::Text(text) => text_repr(text),
            Self::List(values) => format!("[{}]", all(values)),
            Self::Tuple(values) if values.len() == 1 => format!("({},)", values[0].repr()),
            Self::Tuple(values) => format!("({})", all(values)),
            Self::Dict(pairs) => {
                let texts: Vec<String> = pairs
                    .iter()
                    .map(|(key, value)| format!("{}: {}", text_repr(key), value.repr()))
                    .collect();
                format!("{{{}}}", texts.join(", "))
            }
        }
    }

    /// A string's content, or the repr of anything else, in lower case.
    pub(crate) fn content(&self) -> String {
        match self {
            Self::Text(text) => text.to_lowercase(),
            other => other.repr().to_lowercase(),
        }
    }

    /// The number it is or, as a string, holds.
    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Self::Number(quarters) => Some(f64::from(*quarters) / 4.0),
            Self::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Every value that a path leads to; a key may have dots itself.
    pub(crate) fn at(&self, path: &str) -> Vec<&Self> {
        let mut found = Vec::new();
        let mut visit = |key: String, value| {
            if key == path {
                found.push(value);
            } else if let Some(rest) = path.strip_prefix(&format!("{key}.")) {
                found.extend(Self::at(value, rest));
            }
        };
        match self {
            Self::Dict(pairs) => {
                for (key, value) in pairs {
                    visit(key.to_lowercase(), value);
                }
            }
            Self::List(values) | Self::Tuple(values) => {
                for (index, value) in values.iter().enumerate() {
                    visit(index.to_string(), value);
                }
            }
            _ => {}
        }
        found
    }
}

fn text_repr(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    let mut repr = String::from(quote);
    for letter in text.chars() {
        if letter == quote || letter == '\\' {
            repr.push('\\');
        }
        repr.push(letter);
    }
    repr.push(quote);
    repr
}

/// A task. Times are microseconds, durations seconds.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    pub(crate) state: String,
    pub(crate) worker: Option<String>,
    pub(crate) queue: Option<String>,
    pub(crate) args: Option<Value>,
    pub(crate) kwargs: Option<Value>,
    pub(crate) result: Option<Value>,
    pub(crate) exception: Option<String>,
    pub(crate) traceback: Option<String>,
    pub(crate) root: Option<String>,
    pub(crate) parent: Option<String>,
    pub(crate) retries: u32,
    pub(crate) runtime: Option<f64>,
    pub(crate) wait: Option<f64>,
    pub(crate) sent: Option<i64>,
    pub(crate) received: Option<i64>,
    pub(crate) started: Option<i64>,
    pub(crate) finished: Option<i64>,
    pub(crate) eta: Option<i64>,
}

impl Task {
    /// The text of a field, by the name before its colon.
    pub(crate) fn text(&self, field: &str) -> Option<String> {
        let repr = |value: &Option<Value>| value.as_ref().map(Value::repr);
        match field {
            "id" => Some(self.id.clone()),
            "name" => self.name.clone(),
            "state" => Some(self.state.clone()),
            "worker" => self.worker.clone(),
            "queue" => self.queue.clone(),
            "args" => repr(&self.args),
            "kwargs" => repr(&self.kwargs),
            "result" => repr(&self.result),
            "exception" => self.exception.clone(),
            "traceback" => self.traceback.clone(),
            "root" => self.root.clone(),
            "parent" => self.parent.clone(),
            other => panic!("no text {other}"),
        }
    }

    /// The tree behind a repr.
    pub(crate) fn value(&self, field: &str) -> Option<&Value> {
        match field {
            "args" => self.args.as_ref(),
            "kwargs" => self.kwargs.as_ref(),
            "result" => self.result.as_ref(),
            other => panic!("no value {other}"),
        }
    }

    pub(crate) fn number(&self, field: &str) -> Option<f64> {
        match field {
            "retries" => Some(f64::from(self.retries)),
            "runtime" => self.runtime,
            "wait" => self.wait,
            other => panic!("no number {other}"),
        }
    }

    pub(crate) fn time(&self, field: &str) -> Option<i64> {
        match field {
            "sent" => self.sent,
            "received" => self.received,
            "started" => self.started,
            "finished" => self.finished,
            "eta" => self.eta,
            other => panic!("no time {other}"),
        }
    }
}

/// Few letters, so that hits are common.
pub(crate) fn letters() -> impl Strategy<Value = String> {
    "[abAB_äÄ]{1,5}"
}

fn id() -> impl Strategy<Value = String> {
    // Few ids, so that parents and roots are found.
    prop_oneof![
        3 => (0_u8..6).prop_map(|n| format!("{n:08x}-ab{n:02x}-4{n:03x}-8a0{n:x}-{:012x}", u64::from(n) * 7_777)),
        1 => "[ab]{1,3}-[0-9]",
    ]
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[abA]", 1 => "[ab]\\.[ab]", 1 => "[ab0'\" ]{1,2}"]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        1 => Just(Value::None),
        1 => any::<bool>().prop_map(Value::Bool),
        2 => (-20_i32..20).prop_map(Value::Number),
        3 => letters().prop_map(Value::Text),
        1 => "[ab'\"\\\\ :,{}()]{0,5}".prop_map(Value::Text),
        1 => (0_i32..9).prop_map(|number| Value::Text(number.to_string())),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            2 => dict(inner.clone()),
            1 => prop::collection::vec(inner.clone(), 0..3).prop_map(Value::List),
            1 => prop::collection::vec(inner, 0..3).prop_map(Value::Tuple),
        ]
    })
}

fn dict(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    prop::collection::vec((key(), inner), 0..3).prop_map(|mut pairs| {
        // A dict has a key once.
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        pairs.dedup_by(|a, b| a.0 == b.0);
        Value::Dict(pairs)
    })
}

/// Times within some days of `NOW`, many of them close to it.
pub(crate) fn time() -> impl Strategy<Value = i64> {
    prop_oneof![
        (-10_i64..10).prop_map(|seconds| NOW + seconds * 1_000_000),
        (-300_000_i64..300_000).prop_map(|seconds| NOW + seconds * 1_000_000),
        (-5_i64..5).prop_map(|micros| NOW + micros),
    ]
}

/// Seconds that decimal text and double hold exactly.
pub(crate) fn seconds() -> impl Strategy<Value = f64> {
    prop_oneof![0_u32..12, 0_u32..40_000].prop_map(|quarters| f64::from(quarters) / 4.0)
}

prop_compose! {
    fn texts()(
        name in prop::option::of(letters()),
        worker in prop::option::of(letters()),
        queue in prop::option::of(letters()),
        args in prop::option::of(prop::collection::vec(value(), 0..3).prop_map(Value::Tuple)),
        kwargs in prop::option::of(dict(value())),
        result in prop::option::of(value()),
        exception in prop::option::of(letters()),
        traceback in prop::option::of(letters()),
        root in prop::option::of(id()),
        parent in prop::option::of(id()),
    ) -> Task {
        Task {
            id: String::new(),
            name,
            state: String::new(),
            worker,
            queue,
            args,
            kwargs,
            result,
            exception,
            traceback,
            root,
            parent,
            retries: 0,
            runtime: None,
            wait: None,
            sent: None,
            received: None,
            started: None,
            finished: None,
            eta: None,
        }
    }
}

prop_compose! {
    /// A task whose parts have nothing to do with each other.
    pub(crate) fn task()(
        texts in texts(),
        id in id(),
        state in prop::sample::select(vec!["SUCCESS", "FAILURE", "STARTED", "A", "Ä"]),
        retries in 0_u32..4,
        runtime in prop::option::of(seconds()),
        wait in prop::option::of(seconds()),
        times in prop::array::uniform5(prop::option::of(time())),
    ) -> Task {
        let [sent, received, started, finished, eta] = times;
        Task {
            id,
            state: state.to_owned(),
            retries,
            runtime,
            wait,
            sent,
            received,
            started,
            finished,
            eta,
            ..texts
        }
    }
}
