//! What cannot be read in a search, and where.

use crate::components::icon::{Glyph, Icon};
use leptos::prelude::*;
use model::SearchError;

/// What cannot be read in a search, and where.
#[component]
pub fn Unreadable(
    /// The search.
    text: String,
    /// What is wrong with it.
    wrong: SearchError,
) -> impl IntoView {
    // A search that is wrong as a whole has no position.
    let position = wrong.position;
    let (before, marked, after) = split_at_trouble(&text, position);
    let fact = match position {
        Some(position) => format!(
            "Search can’t be read at character {}",
            position.saturating_add(1)
        ),
        None => "Search can’t be read".to_owned(),
    };
    view! {
        <div class="search-error">
            <Icon glyph=Glyph::Close />
            <div>
                <p>
                    <strong>{fact}</strong>
                </p>
                <p class="search-error-text">
                    {before}
                    <mark>{marked}</mark>
                    {after}
                </p>
                <p>{wrong.message} ". The rows show the last good search."</p>
            </div>
        </div>
    }
    .into_any()
}

/// Splits a search around what is wrong: from the position to the end of the word.
/// Without a position it is wrong as a whole.
fn split_at_trouble(text: &str, position: Option<usize>) -> (String, String, String) {
    let Some(position) = position else {
        return (String::new(), text.to_owned(), String::new());
    };
    let before: String = text.chars().take(position).collect();
    let rest: Vec<char> = text.chars().skip(position).collect();
    let mut is_quoted = false;
    let is_end = |letter: &char| {
        is_quoted ^= *letter == '"';
        !is_quoted && (letter.is_whitespace() || matches!(letter, '(' | ')'))
    };
    // A parenthesis may be what is wrong itself; at the end, something is missing.
    let length = rest.iter().position(is_end).unwrap_or(rest.len()).max(1);
    let marked = match rest.get(..length) {
        Some(marked) => marked.iter().collect(),
        None => " ".to_owned(),
    };
    let after = rest.iter().skip(length).collect();
    (before, marked, after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_that_is_wrong_is_marked() {
        let split = |text, position| {
            let (before, marked, after) = split_at_trouble(text, position);
            format!("{before}[{marked}]{after}")
        };
        assert_eq!(
            split("a runtime:>5x OR b", Some(12)),
            "a runtime:>5[x] OR b"
        );
        assert_eq!(split("ä (b", Some(2)), "ä [(]b");
        assert_eq!(split("a (b", Some(3)), "a ([b]");
        assert_eq!(split("a \"b c\" d", Some(2)), "a [\"b c\"] d");
        assert_eq!(split("(name:a:)", Some(6)), "(name:[a:])");
        assert_eq!(split("wait:>", Some(6)), "wait:>[ ]");
        assert_eq!(split("a b", None), "[a b]");
    }
}
