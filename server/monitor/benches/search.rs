//! What a search over all text costs at a million tasks, beside looking for the
//! same word in the same texts without any structure (`memchr`'s `memmem`).
//!
//! The texts are like those of `end2end/load`: orders, files and mails with
//! addresses of customers, one in thirty failed with a traceback. Prints CPU time.
//!
//! `cargo bench -p monitor --bench search [-- TASKS [NAME]]`

mod support;

use memchr::memmem;
use model::{TaskCount, TaskQuery, Timestamp};
use monitor::replay::Replay;
use std::{hint::black_box, time::Duration};
use support::{START, Work, cpu_time, report};

const FEW: &str = "parcel-lost-42";
const MANY: &str = "express-overnight";
const ROUNDS: usize = 20;

const WORDS: [(&str, &str); 7] = [
    ("none", "zzyzx-road"),
    ("few, 1 in 5,000", FEW),
    ("many, 1 in 20", MANY),
    ("every task", "example"),
    ("a number", "777777"),
    ("a letter", "e"),
    ("not ASCII", "nuñez77"),
];

fn main() {
    let tasks = std::env::args()
        .skip(1)
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(1_000_000);
    let mut replay = Replay::new(tasks + tasks / 10, Timestamp(START));
    let mut raw = Vec::new();
    let mut filling = Duration::ZERO;
    let mut events = 0;
    let mut first = 0;
    while first < tasks {
        let count = 2_000.min(tasks - first);
        let messages = support::messages(first, count, work);
        let started = cpu_time();
        for payload in messages {
            events += replay.apply(&payload, Timestamp(START + first as i64 * 1000));
        }
        filling += cpu_time() - started;
        for number in first..first + count {
            let work = work(number);
            let (end, more) = work
                .end
                .map_or_else(|failure| failure, |result| (result, String::new()));
            for text in [work.args, work.kwargs, end, more] {
                raw.extend_from_slice(text.as_bytes());
                raw.push(0);
            }
        }
        first += count;
    }
    raw.make_ascii_lowercase();
    report("text", raw.len() as f64 / 1e6, "MB");
    let each = filling.as_nanos() as f64 / f64::from(events);
    report("decode and apply, per event", each, "ns");
    let wanted = std::env::args()
        .skip(1)
        .find(|argument| WORDS.iter().any(|(name, _)| name == argument));
    for (name, word) in WORDS {
        if wanted.as_ref().is_some_and(|wanted| wanted != name) {
            continue;
        }
        search(&replay, &raw, name, word);
    }
}

fn search(replay: &Replay, raw: &[u8], name: &str, word: &str) {
    let query = TaskQuery {
        limit: 50,
        search: word.to_owned(),
        ..TaskQuery::default()
    };
    let finder = memmem::Finder::new(word.as_bytes());
    let [base, _] = measured(|| finder.find_iter(raw).count());
    let page = replay.page(&query).expect("a query");
    let [median, p95] = measured(|| replay.page(&query).expect("a query").rows.len());
    let found = page.total.expect("they were counted");
    let query = TaskQuery {
        count: TaskCount::None,
        ..query
    };
    let [newest, newest_p95] = measured(|| replay.page(&query).expect("a query").rows.len());
    report(&format!("{name}: tasks found"), found as f64, "");
    report(&format!("{name}: raw, median"), base, "ms");
    report(&format!("{name}: exact total, median"), median, "ms");
    report(&format!("{name}: exact total, p95"), p95, "ms");
    report(&format!("{name}: exact total to raw"), median / base, "x");
    report(&format!("{name}: newest 50, median"), newest, "ms");
    report(&format!("{name}: newest 50, p95"), newest_p95, "ms");
    report(&format!("{name}: newest 50 to raw"), newest / base, "x");
}

/// Median and 95th percentile, milliseconds.
fn measured(mut run: impl FnMut() -> usize) -> [f64; 2] {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let started = cpu_time();
            black_box(run());
            cpu_time() - started
        })
        .collect();
    times.sort();
    [ROUNDS / 2, ROUNDS * 95 / 100 - 1].map(|place| times[place].as_secs_f64() * 1e3)
}

/// Numbers that look like chance and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    fn one_of(&mut self, words: &[&'static str]) -> &'static str {
        words[self.below(words.len() as u64) as usize]
    }

    fn address(&mut self) -> String {
        const FIRST: [&str; 6] = ["ada", "Grace", "barbara", "josé", "ken", "zoë"];
        const LAST: [&str; 6] = [
            "lovelace", "Hopper", "nuñez", "turing", "perlman", "Dijkstra",
        ];
        let (first, last) = (self.one_of(&FIRST), self.one_of(&LAST));
        format!("{first}.{last}{}@example.org", self.below(100_000))
    }

    fn delivery(&mut self) -> &'static str {
        match self.below(10_000) {
            0..2 => FEW,
            2..502 => MANY,
            _ => "standard",
        }
    }
}

fn work(number: usize) -> Work {
    let mut dice = Dice(number as u64 * 0x5851_f42d);
    let (args, kwargs, result) = match number % 3 {
        0 => {
            let street =
                dice.one_of(&["Lindenstraße", "Rue des Écoles", "Baker Street", "Via Roma"]);
            let city = dice.one_of(&[
                "10969 Berlin",
                "75005 Paris",
                "London NW1 6XE",
                "00184 Roma",
            ]);
            (
                format!("({}, '{}')", dice.below(10_000_000), dice.address()),
                format!(
                    "{{'amount': Decimal('{}.{:02}'), 'currency': 'EUR', 'delivery': '{}', 'address': '{street} {}, {city}'}}",
                    dice.below(900),
                    dice.below(100),
                    dice.delivery(),
                    dice.below(200)
                ),
                format!(
                    "{{'status': 'done', 'id': {}, 'bytes': {}}}",
                    dice.below(10_000_000),
                    dice.below(1_000_000)
                ),
            )
        }
        1 => (
            format!(
                "('s3://media-eu-1/{:016x}/original-{:05}.jpeg',)",
                dice.below(u64::MAX),
                dice.below(10_000)
            ),
            format!(
                "{{'width': {}, 'height': {}, 'quality': 85, 'delivery': '{}', 'owner': '{}', 'tag': 'knuth'}}",
                dice.below(4_000),
                dice.below(3_000),
                dice.delivery(),
                dice.address()
            ),
            dice.below(1_000_000).to_string(),
        ),
        _ => (
            format!(
                "('{}', 'Your order {} is on its way')",
                dice.address(),
                dice.below(10_000_000)
            ),
            format!(
                "{{'template': 'order-liskov', 'locale': 'en_GB', 'delivery': '{}', 'campaign': {}, 'reply_to': '{}'}}",
                dice.delivery(),
                dice.below(5_000),
                dice.address()
            ),
            "None".to_owned(),
        ),
    };
    let end = if dice.below(30) == 0 {
        let number = dice.below(10_000_000);
        Err((
            format!("ValueError('amount of order {number} is negative')"),
            format!(
                "Traceback (most recent call last):\n  \
                 File \"/srv/venv/lib/python3.13/site-packages/celery/app/trace.py\", line 564, in trace_task\n    \
                 R = retval = fun(*args, **kwargs)\n                 ^^^^^^^^^^^^^^^^^^^^\n  \
                 File \"/srv/venv/lib/python3.13/site-packages/celery/app/trace.py\", line 883, in __protected_call__\n    \
                 return self.run(*args, **kwargs)\n           ^^^^^^^^^^^^^^^^^^^^^^^^^\n  \
                 File \"/srv/app/shop/tasks.py\", line 31, in capture\n    return client.call(number={number})\n\
                 ValueError: amount of order {number} is negative\n"
            ),
        ))
    } else {
        Ok(result)
    };
    Work { args, kwargs, end }
}
