//! Laws of the search language, for random searches and tasks.

mod search_law;

use model::{
    Timestamp,
    search::{NumberField, SearchExpression, SearchField, SearchFields, TimeField},
};
use proptest::prelude::*;
use search_law::{NOW, Task, task, want};

impl SearchFields for Task {
    fn with(&self, field: SearchField, test: &mut dyn FnMut(&str) -> bool) -> bool {
        self.text(field.as_str()).is_some_and(|text| test(&text))
    }

    fn number(&self, field: NumberField) -> Option<f64> {
        Task::number(self, field.as_str())
    }

    fn time(&self, field: TimeField) -> Option<Timestamp> {
        Task::time(self, field.as_str()).map(Timestamp)
    }
}

/// Texts that are close to the language, right and wrong.
fn scribble() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "AND",
        "OR",
        "NOT",
        "-",
        "--",
        "(",
        ")",
        "\"",
        "\\",
        " ",
        ":",
        "=",
        ">",
        "<=",
        "..",
        "..<",
        "a",
        "Ä",
        "name",
        "STATE:",
        "kwargs",
        "kwargs.a",
        ".",
        "args.0:",
        "retries:",
        "runtime:",
        "wait:>",
        "received:",
        "eta:",
        "5",
        "2",
        "1.5s",
        "1h30m",
        "ms",
        "2026-11-20",
        "T08:00",
        "09:00",
        "+02:00",
        "Z",
        "-1h",
        "+5m",
        "now",
        "runtme:>",
        "queue:=",
    ]);
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_search_finds_what_its_plain_meaning_says(
        want in want(),
        tasks in prop::collection::vec(task(), 1..8),
    ) {
        let text = want.text();
        let expression = match SearchExpression::parse(&text) {
            Ok(expression) => expression,
            Err(error) => return Err(TestCaseError::fail(format!("{text}: {error}"))),
        };
        let now = Timestamp(NOW);
        let resolved = expression.clone().resolve(now);
        for task in tasks {
            let holds = want.holds(&task);
            prop_assert_eq!(expression.matches(&task, now), holds, "{} {:?}", text, task);
            prop_assert_eq!(resolved.matches(&task, Timestamp(0)), holds, "{} {:?}", text, task);
        }
    }

    #[test]
    fn a_search_survives_its_text(want in want(), scribble in scribble()) {
        for text in [want.text(), scribble] {
            if let Ok(expression) = SearchExpression::parse(&text) {
                let written = expression.to_string();
                let again = SearchExpression::parse(&written);
                prop_assert_eq!(again.as_ref(), Ok(&expression), "{} -> {}", text, written);
            }
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(any in any::<String>(), scribble in scribble(), task in task()) {
        for text in [any, scribble] {
            for parsed in [SearchExpression::parse(&text), SearchExpression::parse_flower(&text)] {
                match parsed {
                    Ok(expression) => {
                        expression.matches(&task, Timestamp(NOW));
                    }
                    Err(error) => {
                        let length = text.chars().count();
                        prop_assert!(error.position.is_none_or(|at| at <= length), "{}", text);
                    }
                }
            }
        }
    }

    /// What Flower can read means the same in the larger language, apart
    /// from the larger choice of fields.
    #[test]
    fn flowers_searches_find_no_less_here(
        words in prop::collection::vec("(name:|STATE:|worker:|args:|kwargs:|result:|)[abABäÄ]{3}", 1..5),
        operators in prop::collection::vec(prop::sample::select(vec![" ", " AND ", " OR "]), 4),
        tasks in prop::collection::vec(task(), 1..8),
    ) {
        let mut text = String::new();
        for (word, operator) in words.iter().zip(&operators) {
            text.push_str(operator.trim_start_matches(if text.is_empty() { operator } else { "" }));
            text.push_str(word);
        }
        let now = Timestamp(NOW);
        let flower = SearchExpression::parse_flower(&text);
        let ours = SearchExpression::parse(&text);
        prop_assert!(flower.is_ok() && ours.is_ok(), "{}", text);
        if let (Ok(flower), Ok(ours)) = (flower, ours) {
            for mut task in tasks {
                prop_assert!(!flower.matches(&task, now) || ours.matches(&task, now), "{}", text);
                // Where nothing is in the fields that Flower does not know, both agree.
                task.exception = None;
                task.traceback = None;
                task.queue = None;
                prop_assert_eq!(flower.matches(&task, now), ours.matches(&task, now), "{}", text);
            }
        }
    }
}
