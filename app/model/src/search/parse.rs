//! From text to expression.

use super::{
    MAX_CHARACTERS, MAX_DEPTH, MAX_TOKENS, Needle, SearchError, SearchExpression, SearchField,
    SearchTerm,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Open,
    Close,
    And,
    Or,
    Word,
    End,
}

#[derive(Clone, Debug)]
struct Token {
    kind: Kind,
    text: String,
    position: usize,
}

fn error(message: impl Into<String>, position: usize) -> SearchError {
    SearchError {
        position: Some(position),
        message: message.into(),
    }
}

fn error_of_all(message: String) -> SearchError {
    SearchError {
        position: None,
        message,
    }
}

/// Reads a search whose words to look for have at least `shortest` characters.
pub(super) fn parse(text: &str, shortest: usize) -> Result<SearchExpression, SearchError> {
    if text.trim().chars().count() > MAX_CHARACTERS {
        return Err(error_of_all(format!(
            "Query exceeds {MAX_CHARACTERS} characters"
        )));
    }
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
        shortest,
    };
    if parser.current().kind == Kind::End {
        return Ok(SearchExpression::All);
    }
    let expression = parser.any_of(0)?;
    let rest = parser.current();
    if rest.kind != Kind::End {
        return Err(unexpected(rest));
    }
    Ok(expression)
}

fn unexpected(token: &Token) -> SearchError {
    error(format!("Unexpected '{}'", token.text), token.position)
}

/// Splits the text; the last token is always `End`.
fn tokens(text: &str) -> Result<Vec<Token>, SearchError> {
    let letters: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&letter) = letters.get(at) {
        if letter.is_whitespace() {
            at += 1;
            continue;
        }
        let position = at;
        let (kind, text) = match letter {
            '(' | ')' => {
                at += 1;
                let kind = if letter == '(' {
                    Kind::Open
                } else {
                    Kind::Close
                };
                (kind, letter.to_string())
            }
            _ => word(&letters, &mut at)?,
        };
        tokens.push(Token {
            kind,
            text,
            position,
        });
        if tokens.len() > MAX_TOKENS {
            return Err(error_of_all(format!("Query exceeds {MAX_TOKENS} tokens")));
        }
    }
    tokens.push(Token {
        kind: Kind::End,
        text: String::new(),
        position: letters.len(),
    });
    Ok(tokens)
}

/// Reads a word up to a space or parenthesis outside quotes.
fn word(letters: &[char], at: &mut usize) -> Result<(Kind, String), SearchError> {
    let position = *at;
    let mut text = String::new();
    let (mut is_quoted, mut is_open) = (false, false);
    while let Some(&letter) = letters.get(*at) {
        match (letter, letters.get(*at + 1)) {
            ('\\', Some(&next @ ('"' | '\\'))) => {
                text.push(next);
                *at += 1;
            }
            ('"', _) => {
                is_quoted = true;
                is_open = !is_open;
            }
            _ if !is_open && (letter.is_whitespace() || matches!(letter, '(' | ')')) => break,
            _ => text.push(letter),
        }
        *at += 1;
    }
    if is_open {
        return Err(error("Unterminated quoted phrase", position));
    }
    if text.is_empty() {
        return Err(error("Empty search term", position));
    }
    let kind = match text.as_str() {
        _ if is_quoted => Kind::Word,
        "AND" => Kind::And,
        "OR" => Kind::Or,
        "NOT" => return Err(error("NOT is not supported", position)),
        _ => Kind::Word,
    };
    Ok((kind, text))
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    shortest: usize,
}

impl Parser {
    fn current(&self) -> &Token {
        // `at` never passes the `End` at the end of the list.
        &self.tokens[self.at]
    }

    fn advance(&mut self) -> Token {
        let token = self.current().clone();
        if token.kind != Kind::End {
            self.at += 1;
        }
        token
    }

    /// Passes over an operator, which a term must follow.
    fn operator(&mut self) -> Result<(), SearchError> {
        let operator = self.advance();
        match self.current().kind {
            Kind::Word | Kind::Open => Ok(()),
            _ => Err(error(
                format!("{} must be followed by a search term", operator.text),
                operator.position,
            )),
        }
    }

    fn any_of(&mut self, depth: usize) -> Result<SearchExpression, SearchError> {
        let mut parts = vec![self.all_of(depth)?];
        while self.current().kind == Kind::Or {
            self.operator()?;
            parts.push(self.all_of(depth)?);
        }
        Ok(single_or(parts, SearchExpression::Or))
    }

    fn all_of(&mut self, depth: usize) -> Result<SearchExpression, SearchError> {
        let mut parts = vec![self.primary(depth)?];
        loop {
            match self.current().kind {
                Kind::End | Kind::Close | Kind::Or => break,
                Kind::And => self.operator()?,
                Kind::Word | Kind::Open => {}
            }
            parts.push(self.primary(depth)?);
        }
        Ok(single_or(parts, SearchExpression::And))
    }

    fn primary(&mut self, depth: usize) -> Result<SearchExpression, SearchError> {
        let token = self.advance();
        match token.kind {
            Kind::Word => self.term(&token).map(SearchExpression::Term),
            Kind::Open => {
                if depth >= MAX_DEPTH {
                    return Err(error(
                        format!("Query nesting exceeds {MAX_DEPTH} levels"),
                        token.position,
                    ));
                }
                if self.current().kind == Kind::Close {
                    return Err(error("Empty group", token.position));
                }
                let inner = self.any_of(depth + 1)?;
                if self.current().kind != Kind::Close {
                    return Err(error("Missing closing parenthesis", token.position));
                }
                self.advance();
                Ok(inner)
            }
            _ => Err(error("Expected a search term", token.position)),
        }
    }

    fn term(&self, token: &Token) -> Result<SearchTerm, SearchError> {
        let (field, value) = match token.text.split_once(':') {
            Some((name, value)) => match qualifier(name) {
                Some(field) => (Some(field), value),
                None => (None, token.text.as_str()),
            },
            None => (None, token.text.as_str()),
        };
        if field.is_none() && value.starts_with('-') {
            return Err(error("Negation with '-' is not supported", token.position));
        }
        if value.is_empty() {
            return Err(error("Search qualifier requires a value", token.position));
        }
        match (field, value.split_once('=')) {
            (Some(SearchField::State), _) => return Ok(SearchTerm::State(Needle::new(value))),
            (Some(SearchField::Kwargs), Some((key, value))) => {
                return Ok(SearchTerm::Kwarg {
                    key: Needle::new(key.trim()),
                    value: Needle::new(value.trim()),
                });
            }
            _ => {}
        }
        if value.trim().chars().count() < self.shortest {
            let message = match self.shortest {
                1 => "A search term must not be blank".to_owned(),
                least => format!("Substring search terms must contain at least {least} characters"),
            };
            return Err(error(message, token.position));
        }
        let needle = Needle::new(value);
        Ok(match field {
            Some(field) => SearchTerm::Contains(field, needle),
            None => SearchTerm::Any(needle),
        })
    }
}

fn qualifier(name: &str) -> Option<SearchField> {
    [
        ("name", SearchField::Name),
        ("state", SearchField::State),
        ("worker", SearchField::Worker),
        ("args", SearchField::Args),
        ("kwargs", SearchField::Kwargs),
        ("result", SearchField::Result),
    ]
    .into_iter()
    .find(|(known, _)| name.eq_ignore_ascii_case(known))
    .map(|(_, field)| field)
}

fn single_or(
    mut parts: Vec<SearchExpression>,
    many: fn(Vec<SearchExpression>) -> SearchExpression,
) -> SearchExpression {
    match parts.len() {
        1 => parts.remove(0),
        _ => many(parts),
    }
}
