//! The search language against Flower's answers and against a plain evaluator.

#![expect(clippy::unwrap_used, reason = "a test may end here")]

use model::search::{SearchExpression, SearchField, SearchFields, SearchTerm};
use proptest::prelude::*;

/// A task as texts.
#[derive(Clone, Debug, Default)]
struct Task {
    id: String,
    name: String,
    state: String,
    worker: String,
    args: String,
    kwargs: String,
    result: Option<String>,
}

impl Task {
    fn text(&self, field: SearchField) -> Option<&str> {
        Some(match field {
            SearchField::Id => &self.id,
            SearchField::Name => &self.name,
            SearchField::State => &self.state,
            SearchField::Worker => &self.worker,
            SearchField::Args => &self.args,
            SearchField::Kwargs => &self.kwargs,
            SearchField::Result => return self.result.as_deref(),
        })
    }
}

impl SearchFields for Task {
    fn with(&self, field: SearchField, test: &mut dyn FnMut(&str) -> bool) -> bool {
        self.text(field).is_some_and(test)
    }
}

fn mail() -> Task {
    Task {
        id: "8f14e45f-ceea".to_owned(),
        name: "shop.mail.tasks.send_welcome".to_owned(),
        state: "FAILURE".to_owned(),
        worker: "celery@mail-1".to_owned(),
        args: "('ann@example.org', 'Grüße')".to_owned(),
        kwargs: "{'retry': True, 'user': 'Ann Lee', 'n': 17}".to_owned(),
        result: None,
    }
}

fn matches(text: &str) -> bool {
    SearchExpression::parse(text).unwrap().matches(&mail())
}

#[test]
fn words_look_into_every_field() {
    for word in [
        "8F14",
        "WELCOME",
        "failure",
        "mail-1",
        "example",
        "'retry'",
        "a",
        "grüsse OR GRÜSSE OR GRÜßE",
    ] {
        assert!(matches(word), "{word}");
    }
    assert!(!matches("nowhere"));
}

#[test]
fn a_blank_text_matches_everything() {
    for text in ["", "  ", "\n\t"] {
        let expression = SearchExpression::parse(text).unwrap();
        assert!(expression.is_blank());
        assert!(expression.matches(&Task::default()));
    }
    assert!(!SearchExpression::parse("a").unwrap().is_blank());
}

#[test]
fn qualifiers_look_into_one_field() {
    assert!(matches("name:welcome"));
    assert!(!matches("name:mail-1"));
    assert!(matches("Worker:MAIL-1"));
    assert!(matches("args:ann@"));
    assert!(matches("kwargs:lee"));
    assert!(!matches("result:ann"));
    assert!(matches("state:failure"));
    assert!(!matches("state:fail"));
    assert!(matches("kwargs:n=17"));
    assert!(!matches("kwargs:n=1"));
    assert!(matches("kwargs:user=\"ann lee\""));
    assert!(matches("kwargs:retry=true"));
    assert!(!matches("http://example"));
}

#[test]
fn operators_bind_as_in_flower() {
    assert!(matches("welcome failure"));
    assert!(!matches("welcome success"));
    assert!(matches("welcome AND failure"));
    assert!(matches("nowhere OR welcome failure"));
    assert!(!matches("(nowhere OR welcome) AND success"));
    assert!(matches("nowhere AND welcome OR failure"));
    assert!(!matches("nowhere AND (welcome OR failure)"));
    assert!(!matches("and"), "operators are upper case; `and` is a word");
    assert!(!matches("\"OR\" AND nowhere"));
}

#[test]
fn quotes_keep_phrases_together() {
    assert!(matches("\"Ann Lee\""));
    assert!(!matches("\"Lee Ann\""));
    assert!(matches("Lee Ann"));
    assert!(matches("\"send_welcome\""));
    let term = |text: &str| match SearchExpression::parse(text).unwrap() {
        SearchExpression::Term(SearchTerm::Any(needle)) => needle.as_str().to_owned(),
        other => panic!("{other:?}"),
    };
    assert_eq!(term(r#""say \"hi\" \\ there""#), r#"say "hi" \ there"#);
    assert_eq!(term(r"a\b"), r"a\b");
    assert_eq!(term("a\"b c\"d"), "ab cd");
}

#[test]
fn errors_tell_where() {
    for (text, expected) in [
        ("abc NOT def", "NOT is not supported at position 4"),
        ("-abc", "Negation with '-' is not supported at position 0"),
        ("abc (", "Expected a search term at position 5"),
        ("abc (def", "Missing closing parenthesis at position 4"),
        ("abc ()", "Empty group at position 4"),
        ("abc)", "Unexpected ')' at position 3"),
        ("OR abc", "Expected a search term at position 0"),
        (
            "abc OR",
            "OR must be followed by a search term at position 4",
        ),
        (
            "abc AND OR x",
            "AND must be followed by a search term at position 4",
        ),
        ("äöü \"abc", "Unterminated quoted phrase at position 4"),
        ("abc \"\"", "Empty search term at position 4"),
        (
            "abc name:",
            "Search qualifier requires a value at position 4",
        ),
        (
            "((((((abc))))))",
            "Query nesting exceeds 5 levels at position 5",
        ),
    ] {
        let error = SearchExpression::parse(text).unwrap_err();
        assert_eq!(error.to_string(), expected, "{text}");
        let flower = SearchExpression::parse_flower(text).unwrap_err();
        assert_eq!(flower.to_string(), expected, "{text}");
    }
    assert!(SearchExpression::parse("(((((abc)))))").is_ok());
}

#[test]
fn flower_wants_three_characters() {
    let expected = "Substring search terms must contain at least 3 characters at position 0";
    for text in ["ab", "  ab", "\" ab \"", "name:ab", "üb"] {
        let error = SearchExpression::parse_flower(text).unwrap_err();
        assert_eq!(error.to_string(), expected, "{text}");
        assert!(SearchExpression::parse(text).is_ok(), "{text}");
    }
    for text in ["abc", "state:x", "kwargs:a=b"] {
        assert!(SearchExpression::parse_flower(text).is_ok(), "{text}");
    }
}

#[test]
fn long_texts_are_refused() {
    let letters = |count: usize| "a".repeat(count);
    assert!(SearchExpression::parse(&letters(2048)).is_ok());
    assert!(SearchExpression::parse(&format!(" {} ", letters(2048))).is_ok());
    let error = SearchExpression::parse(&letters(2049)).unwrap_err();
    assert_eq!(error.to_string(), "Query exceeds 2048 characters");
    assert!(SearchExpression::parse(&"abc ".repeat(128)).is_ok());
    let error = SearchExpression::parse(&"abc ".repeat(129)).unwrap_err();
    assert_eq!(error.to_string(), "Query exceeds 128 tokens");
}

/// Matches by copying and lower-casing everything.
fn plain(expression: &SearchExpression, task: &Task) -> bool {
    let lower = |field| task.text(field).map(str::to_lowercase);
    match expression {
        SearchExpression::All => true,
        SearchExpression::And(parts) => parts.iter().all(|part| plain(part, task)),
        SearchExpression::Or(parts) => parts.iter().any(|part| plain(part, task)),
        SearchExpression::Term(SearchTerm::Any(needle)) => SearchField::ALL
            .into_iter()
            .filter_map(lower)
            .any(|text| text.contains(needle.as_str())),
        SearchExpression::Term(SearchTerm::Contains(field, needle)) => {
            lower(*field).is_some_and(|text| text.contains(needle.as_str()))
        }
        SearchExpression::Term(SearchTerm::State(needle)) => {
            lower(SearchField::State).is_some_and(|text| text == needle.as_str())
        }
        SearchExpression::Term(SearchTerm::Kwarg { key, value }) => {
            // The generated reprs hold quoted letters only.
            lower(SearchField::Kwargs).is_some_and(|text| {
                let pair = format!("'{}': '{}'", key.as_str(), value.as_str());
                text.trim_matches(['{', '}']).split(", ").any(|p| p == pair)
            })
        }
    }
}

/// Few letters, so that hits are common.
fn letters() -> impl Strategy<Value = String> {
    "[abAB_ßäÄ]{0,6}"
}

prop_compose! {
    fn task()(
        id in letters(),
        name in letters(),
        state in prop::sample::select(vec!["A", "b", "AB", "Ä"]),
        worker in letters(),
        args in letters(),
        pairs in prop::collection::vec(("[abAB]{1,2}", "[abAB]{1,2}"), 0..3),
        result in prop::option::of(letters()),
    ) -> Task {
        let pairs: Vec<String> = pairs.iter().map(|(k, v)| format!("'{k}': '{v}'")).collect();
        Task {
            id,
            name,
            state: state.to_owned(),
            worker,
            args,
            kwargs: format!("{{{}}}", pairs.join(", ")),
            result,
        }
    }
}

/// Texts of the language, mostly well formed.
fn query() -> impl Strategy<Value = String> {
    let field = prop::sample::select(vec![
        "", "", "name:", "WORKER:", "args:", "kwargs:", "result:", "state:",
    ]);
    let word = (field, "[abABäÄ]{1,3}").prop_map(|(field, word)| format!("{field}{word}"));
    let pair = ("[abAB]{1,2}", "[abAB]{1,2}").prop_map(|(k, v)| format!("kwargs:{k}={v}"));
    let term = prop_oneof![4 => word, 1 => pair];
    term.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(|p| p.join(" ")),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|p| p.join(" AND ")),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|p| p.join(" OR ")),
            inner.prop_map(|part| format!("({part})")),
        ]
    })
}

proptest! {
    #[test]
    fn the_fast_evaluator_agrees_with_the_plain_one(query in query(), tasks in prop::collection::vec(task(), 1..8)) {
        let Ok(expression) = SearchExpression::parse(&query) else {
            // Only too many parentheses can be wrong with a generated text.
            prop_assert!(query.contains("(("), "{query}");
            return Ok(());
        };
        for task in tasks {
            prop_assert_eq!(expression.matches(&task), plain(&expression, &task), "{} {:?}", query, task);
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>(), task in task()) {
        for expression in [SearchExpression::parse(&text), SearchExpression::parse_flower(&text)] {
            match expression {
                Ok(expression) => {
                    expression.matches(&task);
                }
                Err(error) => {
                    let length = text.chars().count();
                    prop_assert!(error.position.is_none_or(|at| at <= length));
                }
            }
        }
    }

    #[test]
    fn operators_and_quotes_in_any_order_do_not_panic(text in "([()\"\\\\ :=-]|AND|OR|NOT|name|kwargs|a){0,40}") {
        let _ = SearchExpression::parse(&text);
    }
}
