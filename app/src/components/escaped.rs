//! Foreign text in which nothing hides: control characters are written out,
//! so that neither a terminal's escape codes nor a change of direction fool the reader.

use leptos::prelude::*;

/// A piece of text: as it is, or written out.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Plain(String),
    Written(String),
}

/// Preformatted text with its control characters written out.
#[component]
pub fn Escaped(
    /// The text.
    text: String,
) -> impl IntoView {
    let pieces = pieces(&text)
        .into_iter()
        .map(|piece| match piece {
            Piece::Plain(text) => text.into_any(),
            Piece::Written(text) => view! { <span class="code-byte">{text}</span> }.into_any(),
        })
        .collect_view();
    view! {
        <pre class="code" tabindex="0">
            {pieces}
        </pre>
    }
    .into_any()
}

fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for letter in text.chars() {
        match written(letter) {
            Some(code) => match pieces.last_mut() {
                Some(Piece::Written(last)) => last.push_str(&code),
                _ => pieces.push(Piece::Written(code)),
            },
            None => match pieces.last_mut() {
                Some(Piece::Plain(last)) => last.push(letter),
                _ => pieces.push(Piece::Plain(letter.to_string())),
            },
        }
    }
    pieces
}

/// Returns how a character is written that would not be seen, or would change
/// how others are seen.
fn written(letter: char) -> Option<String> {
    match letter {
        '\n' => Some("\\n\n".to_owned()),
        '\t' => Some("\\t".to_owned()),
        '\r' => Some("\\r".to_owned()),
        letter if letter.is_control() => Some(format!("\\x{:02x}", u32::from(letter))),
        // Zero width, direction and other format characters, and the byte order mark.
        '\u{00ad}'
        | '\u{061c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}'
        | '\u{feff}' => Some(format!("\\u{:04x}", u32::from(letter))),
        // What was no UTF-8 on arrival.
        '\u{fffd}' => Some("\u{fffd}".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_foreign_text_is_invisible() {
        let plain = |text: &str| Piece::Plain(text.to_owned());
        let code = |text: &str| Piece::Written(text.to_owned());
        assert_eq!(
            pieces("a\u{1b}[31m\0\u{7}é\u{202e}x\u{fffd}"),
            [
                plain("a"),
                code("\\x1b"),
                plain("[31m"),
                code("\\x00\\x07"),
                plain("é"),
                code("\\u202e"),
                plain("x"),
                code("\u{fffd}"),
            ]
        );
        assert_eq!(pieces("<b>&amp;"), [plain("<b>&amp;")]);
    }

    #[test]
    fn a_line_break_is_written_and_still_breaks_the_line() {
        let code = |text: &str| Piece::Written(text.to_owned());
        let plain = |text: &str| Piece::Plain(text.to_owned());
        assert_eq!(
            pieces("a\r\nb\tc"),
            [
                plain("a"),
                code("\\r\\n\n"),
                plain("b"),
                code("\\t"),
                plain("c")
            ]
        );
    }
}
