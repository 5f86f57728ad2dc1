//! The search language, form by form, and against Flower's answers.

#![expect(clippy::unwrap_used, reason = "a test may end here")]

use model::{
    Timestamp,
    search::{NumberField, SearchExpression, SearchField, SearchFields, SearchTerm, TimeField},
};

/// 2026-11-20T10:00:00Z.
const NOW: Timestamp = Timestamp(1_795_168_800_000_000);

/// A task of a shop, failed at its second try.
struct Mail;

impl SearchFields for Mail {
    fn with(&self, field: SearchField, test: &mut dyn FnMut(&str) -> bool) -> bool {
        let text = match field {
            SearchField::Id => "8f14e45f-ceea",
            SearchField::Name => "shop.mail.tasks.send_welcome",
            SearchField::State => "FAILURE",
            SearchField::Worker => "celery@mail-1",
            SearchField::Queue => "mail-low",
            SearchField::Args => "('ann@example.org', 'Grüße')",
            SearchField::Kwargs => {
                "{'retry': True, 'user': 'Ann Lee', 'n': 17, 'to': {'address': 'Lee@example.org'}}"
            }
            SearchField::Result => return false,
            SearchField::Exception => "SMTPServerDisconnected('Connection closed')",
            SearchField::Traceback => "Traceback (most recent call last):\n  File \"/app/mail.py\"",
            SearchField::Root => "0a0a0a0a-root",
            SearchField::Parent => "0b0b0b0b-parent",
        };
        test(text)
    }

    fn number(&self, field: NumberField) -> Option<f64> {
        match field {
            NumberField::Retries => Some(2.0),
            NumberField::Runtime => None,
            NumberField::Wait => Some(1.25),
        }
    }

    fn time(&self, field: TimeField) -> Option<Timestamp> {
        match field {
            TimeField::Received => Some(NOW.plus_seconds(-1_800.0)),
            TimeField::Finished => Some(NOW.plus_seconds(-60.0)),
            _ => None,
        }
    }
}

fn matches(text: &str) -> bool {
    SearchExpression::parse(text).unwrap().matches(&Mail, NOW)
}

fn parse_error(text: &str) -> String {
    SearchExpression::parse(text).unwrap_err().to_string()
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
        "mail-low",
        "disconnected",
        "mail.py",
    ] {
        assert!(matches(word), "{word}");
    }
    assert!(!matches("nowhere"));
    assert!(!matches("0a0a0a0a"), "a root is asked for by name");
}

#[test]
fn a_blank_text_matches_everything() {
    for text in ["", "  ", "\n\t"] {
        let expression = SearchExpression::parse(text).unwrap();
        assert!(expression.is_blank());
        assert!(expression.matches(&Mail, NOW));
        assert_eq!(expression.to_string(), "");
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
        SearchExpression::Term(SearchTerm::Any { needle, .. }) => needle.as_str().to_owned(),
        other => panic!("{other:?}"),
    };
    assert_eq!(term(r#""say \"hi\" \\ there""#), r#"say "hi" \ there"#);
    assert_eq!(term(r"a\b"), r"a\b");
    assert_eq!(term("a\"b c\"d"), "ab cd");
}

#[test]
fn errors_tell_where() {
    for (text, expected) in [
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
fn flower_knows_no_negation() {
    for (text, expected) in [
        ("abc NOT def", "NOT is not supported at position 4"),
        ("-abc", "Negation with '-' is not supported at position 0"),
        (
            "\"-abc\"",
            "Negation with '-' is not supported at position 0",
        ),
        (
            "abc -(def)",
            "Negation with '-' is not supported at position 4",
        ),
    ] {
        let error = SearchExpression::parse_flower(text).unwrap_err();
        assert_eq!(error.to_string(), expected, "{text}");
    }
}

#[test]
fn flower_looks_into_its_own_fields_only() {
    let matches = |text: &str| {
        SearchExpression::parse_flower(text)
            .unwrap()
            .matches(&Mail, NOW)
    };
    assert!(matches("example"));
    assert!(matches("kwargs:n=17 name:mail"));
    for text in [
        "disconnected",
        "mail-low",
        "mail.py",
        "queue:mail",
        "id:8f14",
        "retries:2",
        "received:>-1h",
        "kwargs.n:17",
        "kwargs:to.address=lee@example.org",
        "name:=shop.mail.tasks.send_welcome",
    ] {
        assert!(!matches(text), "{text}");
    }
    // A word in front of an unknown colon is part of the phrase.
    assert!(SearchExpression::parse_flower("queue:mail").is_ok());
}

#[test]
fn minus_and_not_turn_around_what_follows() {
    assert!(matches("-nowhere"));
    assert!(!matches("-welcome"));
    assert!(matches("NOT nowhere"));
    assert!(matches("welcome -state:success"));
    assert!(matches("welcome AND NOT success"));
    assert!(matches("-(nowhere OR success)"));
    assert!(!matches("-(nowhere OR welcome)"));
    assert!(matches("-\"Lee Ann\""));
    assert!(matches("NOT NOT welcome"));
    assert!(matches("-(-welcome)"));
    assert!(matches("nowhere OR -success"));
    assert!(matches("mail-low"), "a minus within a word is a letter");
    assert!(!matches("\"-welcome\""), "and so it is in quotes");
    assert!(
        matches("-runtime:>5s"),
        "what a task does not have is not over 5 s"
    );
    assert!(!matches("runtime:>5s") && !matches("runtime:<=5s"));
    for (text, expected) in [
        (
            "abc -",
            "- must be followed directly by a search term at position 4",
        ),
        (
            "abc - def",
            "- must be followed directly by a search term at position 4",
        ),
        (
            "(abc -)",
            "- must be followed directly by a search term at position 5",
        ),
        (
            "abc NOT",
            "NOT must be followed by a search term at position 4",
        ),
        (
            "NOT OR abc",
            "NOT must be followed by a search term at position 0",
        ),
        ("-OR", "- must be followed by a search term at position 0"),
        (
            "--help",
            "Two minus signs are no search; put a text that begins with them in quotes at position 0",
        ),
    ] {
        assert_eq!(parse_error(text), expected, "{text}");
    }
}

#[test]
fn more_fields_than_flowers_can_be_asked() {
    assert!(matches(
        "exception:smtpserver queue:low id:8F14 root:0a0a parent:0b0b"
    ));
    assert!(matches("traceback:\"recent call\""));
    assert!(matches("queue:=mail-low worker:=CELERY@mail-1"));
    assert!(!matches("queue:=mail"));
    assert!(!matches("queue:\"=mail-low\""), "in quotes it is a letter");
    assert!(
        !matches("\"queue:mail\""),
        "in quotes the colon is a letter"
    );
    assert!(matches("\"state:failure\""), "but not with Flower's fields");
}

#[test]
fn keys_lead_into_arguments() {
    assert!(matches("kwargs.to.address:example"));
    assert!(matches("kwargs.TO.Address:=lee@EXAMPLE.org"));
    assert!(matches("kwargs:to.address=lee@example.org"));
    assert!(matches("args.1:grü"));
    assert!(matches("kwargs.n:>16 kwargs.n:<=17"));
    assert!(!matches("kwargs.n:>17"));
    assert!(!matches("kwargs.address:example"));
    assert!(!matches("kwargs.to.address:=example"));
    assert_eq!(
        parse_error("kwargs.:x"),
        "Expected a key after the dot, such as kwargs.user.email: at position 7"
    );
    assert_eq!(
        parse_error("kwargs.n:"),
        "Search qualifier requires a value at position 0"
    );
    assert_eq!(
        parse_error("kwargs.n:>1x"),
        "Expected a number, such as >5 or <=0.25 at position 10"
    );
}

#[test]
fn numbers_and_times_are_compared() {
    for text in [
        "retries:2",
        "retries:>1",
        "retries:1..2",
        "retries:..2",
        "wait:1s",
        "wait:>=1250ms",
        "wait:1..1.25",
        "Received:2026-11-20",
        "received:2026-11-20T09:00..10:00",
        "received:>-31m",
        "received:-1h..now",
        "finished:<now",
        "received:\"2026-11-20 09:30\"",
    ] {
        assert!(matches(text), "{text}");
    }
    for text in [
        "retries:3",
        "retries:>2",
        "wait:2s",
        "wait:1..<1.25",
        "received:>-30m",
        "received:2026-11-19",
        "received:>2026-11-20",
        "started:<now",
        "eta:>1970-01-01",
        "\"retries:2\"",
    ] {
        assert!(!matches(text), "{text}");
    }
}

#[test]
fn errors_of_values_tell_where() {
    for (text, expected) in [
        (
            "abc retries:two",
            "Expected a whole number, such as 2, >2 or 1..3 at position 12",
        ),
        (
            "retries:>1.5",
            "Expected a whole number, such as 2, >2 or 1..3 at position 10",
        ),
        (
            "äöü runtime:>5x",
            "Expected a unit: ms, s, m, h or d at position 14",
        ),
        (
            "runtime:\">5x\"",
            "Expected a unit: ms, s, m, h or d at position 11",
        ),
        ("wait:", "Search qualifier requires a value at position 0"),
        (
            "wait:>",
            "Expected a duration, such as 5s, 200ms or 1h30m at position 6",
        ),
        (
            "wait:2s..1s",
            "The range ends before it starts at position 9",
        ),
        (
            "received:-1h",
            "A time from now needs > or <, such as >-1h at position 9",
        ),
        (
            "received:2026-11-31",
            "Expected a day from 01 to 30 at position 17",
        ),
        (
            "runtme:>5",
            "There is no field 'runtme'; did you mean runtime: at position 0",
        ),
        (
            "a -duration:<5",
            "There is no field 'duration'; did you mean runtime: at position 3",
        ),
    ] {
        assert_eq!(parse_error(text), expected, "{text}");
    }
    for text in [
        "foo:bar",
        "http://example.org",
        "foo:>5",
        "\"runtme:>5\"",
        "a:b:c",
    ] {
        assert!(!matches(text), "a plain word, as in Flower: {text}");
    }
}

#[test]
fn a_search_knows_whether_it_depends_on_the_time_of_asking() {
    let parse = |text| SearchExpression::parse(text).unwrap();
    let relative = parse("a OR -(b received:>-1h)");
    assert!(relative.depends_on_now());
    let resolved = relative.clone().resolve(NOW);
    assert!(!resolved.depends_on_now());
    assert_eq!(
        resolved.to_string(),
        "a OR -(b received:>2026-11-20T09:00Z)"
    );
    let later = NOW.plus_seconds(7_200.0);
    let search = parse("received:>-1h");
    assert!(search.matches(&Mail, NOW));
    assert!(!search.matches(&Mail, later));
    assert!(search.resolve(NOW).matches(&Mail, later));
}

#[test]
fn a_search_is_written_as_people_write_it() {
    for (text, expected) in [
        ("  a   AND b ", "a b"),
        ("(a OR b) AND (c d)", "(a OR b) c d"),
        ("a b OR c", "a b OR c"),
        ("NOT (a OR b)", "-(a OR b)"),
        ("a a OR a", "a"),
        ("NAME:\"Send Mail\" \"x\"", "name:\"send mail\" x"),
        ("kwargs:user=ann", "kwargs.user:=ann"),
        ("runtime:1h30m..", "runtime:>=5400s"),
        ("runtime:2s", "runtime:2s..<3s"),
        (
            "received:>-90s sent:-1d..+90.5s",
            "received:>-90s sent:-1d..+90.5s",
        ),
        (
            "eta:2026-11-20",
            "eta:2026-11-20T00:00Z..<2026-11-21T00:00Z",
        ),
        ("retries:>2", "retries:>2"),
        ("\"--x\" queue:=a", "\"--x\" queue:=a"),
    ] {
        let expression = SearchExpression::parse(text).unwrap();
        assert_eq!(expression.to_string(), expected);
        assert_eq!(SearchExpression::parse(expected).unwrap(), expression);
    }
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
