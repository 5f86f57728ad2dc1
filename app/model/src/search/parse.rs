//! From text to expression.

use super::{
    FLOWER_MIN_CHARACTERS, MAX_CHARACTERS, MAX_DEPTH, Needle, NumberField, PathTerm, Qualifier,
    SearchError, SearchExpression, SearchField, SearchTerm, ValueTest,
    field::near_miss,
    lex::{Kind, Letter, Token, text_of, tokens},
    number,
    range::Trouble,
    time,
};

impl SearchExpression {
    /// Reads a search text; a blank one matches everything.
    pub fn parse(text: &str) -> Result<Self, SearchError> {
        parse(text, false)
    }

    /// Reads a search text under Flower's rules: its fields only, no negation,
    /// words to look for have three characters or more, and positions count
    /// from the first character that is no space.
    pub fn parse_flower(text: &str) -> Result<Self, SearchError> {
        parse(text.trim(), true)
    }
}

fn parse(text: &str, is_flower: bool) -> Result<SearchExpression, SearchError> {
    if text.trim().chars().count() > MAX_CHARACTERS {
        return Err(SearchError::of_all(format!(
            "Query exceeds {MAX_CHARACTERS} characters"
        )));
    }
    let mut parser = Parser {
        tokens: tokens(text, is_flower)?,
        at: 0,
        is_flower,
    };
    if parser.current().kind == Kind::End {
        return Ok(SearchExpression::All);
    }
    let expression = parser.any_of(0)?;
    let rest = parser.current();
    if rest.kind != Kind::End {
        let message = format!("Unexpected '{}'", rest.text());
        return Err(SearchError::at(rest.position, message));
    }
    Ok(expression)
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    is_flower: bool,
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

    /// Checks that a term follows an operator that was passed over.
    fn need_term_after(&self, operator: &Token) -> Result<(), SearchError> {
        match self.current().kind {
            Kind::Word | Kind::Open | Kind::Not => Ok(()),
            _ => Err(SearchError::at(
                operator.position,
                format!("{} must be followed by a search term", operator.text()),
            )),
        }
    }

    fn any_of(&mut self, depth: usize) -> Result<SearchExpression, SearchError> {
        let mut parts = vec![self.all_of(depth)?];
        while self.current().kind == Kind::Or {
            let operator = self.advance();
            self.need_term_after(&operator)?;
            parts.push(self.all_of(depth)?);
        }
        Ok(combine(parts, Kind::Or))
    }

    fn all_of(&mut self, depth: usize) -> Result<SearchExpression, SearchError> {
        let mut parts = vec![self.negated(depth)?];
        loop {
            match self.current().kind {
                Kind::End | Kind::Close | Kind::Or => break,
                Kind::And => {
                    let operator = self.advance();
                    self.need_term_after(&operator)?;
                }
                Kind::Word | Kind::Open | Kind::Not => {}
            }
            parts.push(self.negated(depth)?);
        }
        Ok(combine(parts, Kind::And))
    }

    fn negated(&mut self, depth: usize) -> Result<SearchExpression, SearchError> {
        let mut is_negated = false;
        while self.current().kind == Kind::Not {
            let operator = self.advance();
            self.need_term_after(&operator)?;
            is_negated = !is_negated;
        }
        let expression = self.primary(depth)?;
        Ok(match expression {
            SearchExpression::Not(inner) if is_negated => *inner,
            expression if is_negated => SearchExpression::Not(Box::new(expression)),
            expression => expression,
        })
    }

    fn primary(&mut self, depth: usize) -> Result<SearchExpression, SearchError> {
        let token = self.advance();
        match token.kind {
            Kind::Word if self.is_flower => flower_term(&token).map(SearchExpression::Term),
            Kind::Word => term(&token).map(SearchExpression::Term),
            Kind::Open => {
                if depth >= MAX_DEPTH {
                    return Err(SearchError::at(
                        token.position,
                        format!("Query nesting exceeds {MAX_DEPTH} levels"),
                    ));
                }
                if self.current().kind == Kind::Close {
                    return Err(SearchError::at(token.position, "Empty group"));
                }
                let inner = self.any_of(depth + 1)?;
                if self.current().kind != Kind::Close {
                    let message = "Missing closing parenthesis";
                    return Err(SearchError::at(token.position, message));
                }
                self.advance();
                Ok(inner)
            }
            _ => Err(SearchError::at(token.position, "Expected a search term")),
        }
    }
}

/// Joins parts without nesting and repetition, as Flower does (`_combine`).
fn combine(parts: Vec<SearchExpression>, kind: Kind) -> SearchExpression {
    let mut flat = Vec::with_capacity(parts.len());
    let mut add = |part| {
        if !flat.contains(&part) {
            flat.push(part);
        }
    };
    for part in parts {
        match (part, kind) {
            (SearchExpression::And(parts), Kind::And) | (SearchExpression::Or(parts), Kind::Or) => {
                parts.into_iter().for_each(&mut add);
            }
            (part, _) => add(part),
        }
    }
    match (flat.len(), kind) {
        (1, _) => flat.remove(0),
        (_, Kind::Or) => SearchExpression::Or(flat),
        _ => SearchExpression::And(flat),
    }
}

const NEEDS_VALUE: &str = "Search qualifier requires a value";

/// Reads a word as Flower does (`_parse_term` in `flower/utils/search.py`).
fn flower_term(token: &Token) -> Result<SearchTerm, SearchError> {
    let fail = |message: &str| Err(SearchError::at(token.position, message));
    let text = token.text();
    let (field, value) = match flower_field(&text) {
        Some((field, value)) => (Some(field), value),
        None => (None, text.as_str()),
    };
    if field.is_none() && value.starts_with('-') {
        return fail("Negation with '-' is not supported");
    }
    if value.is_empty() {
        return fail(NEEDS_VALUE);
    }
    if field == Some(SearchField::State) {
        return Ok(SearchTerm::Equals(SearchField::State, Needle::new(value)));
    }
    if field == Some(SearchField::Kwargs)
        && let Some((key, value)) = value.split_once('=')
    {
        return Ok(SearchTerm::Path(PathTerm::flower(key.trim(), value.trim())));
    }
    if value.trim().chars().count() < FLOWER_MIN_CHARACTERS {
        return fail(&format!(
            "Substring search terms must contain at least {FLOWER_MIN_CHARACTERS} characters"
        ));
    }
    let needle = Needle::new(value);
    Ok(match field {
        Some(field) => SearchTerm::Contains(field, needle),
        None => SearchTerm::Any {
            fields: &SearchField::FLOWER,
            needle,
        },
    })
}

fn flower_field(text: &str) -> Option<(SearchField, &str)> {
    let (name, value) = text.split_once(':')?;
    match Qualifier::from_name(name)? {
        Qualifier::Text(field) if Qualifier::Text(field).is_flower() => Some((field, value)),
        _ => None,
    }
}

/// What a word asks about.
pub(super) enum Subject<'t> {
    /// All fields; the word as a whole is looked for.
    Word,
    Field(Qualifier, &'t [Letter]),
    Path(SearchField, String, &'t [Letter]),
}

/// Reads a word of our own language.
fn term(token: &Token) -> Result<SearchTerm, SearchError> {
    match subject(&token.letters)? {
        Subject::Word => {
            check_name(token)?;
            Ok(SearchTerm::Any {
                fields: &SearchField::WORDS,
                needle: needle(&token.letters, token.position)?,
            })
        }
        Subject::Path(field, path, value) => path_term(field, &path, value, token.position),
        Subject::Field(qualifier, value) => field_term(qualifier, value, token.position),
    }
}

fn field_term(
    qualifier: Qualifier,
    letters: &[Letter],
    position: usize,
) -> Result<SearchTerm, SearchError> {
    let value = text_of(letters);
    if value.is_empty() {
        return Err(SearchError::at(position, NEEDS_VALUE));
    }
    let place = |trouble: Trouble| place(letters, &value, trouble);
    Ok(match qualifier {
        Qualifier::Text(SearchField::State) => {
            SearchTerm::Equals(SearchField::State, Needle::new(&value))
        }
        Qualifier::Text(SearchField::Kwargs) if value.contains('=') => {
            let (key, value) = value.split_once('=').unwrap_or_default();
            let test = ValueTest::Equals(Needle::new(value.trim()));
            SearchTerm::Path(PathTerm::new(SearchField::Kwargs, key.trim(), test))
        }
        Qualifier::Text(field) => match after_equals(letters) {
            Some([]) => return Err(SearchError::at(position, NEEDS_VALUE)),
            Some(name) if field.is_name() => SearchTerm::Equals(field, Needle::new(&text_of(name))),
            _ => SearchTerm::Contains(field, needle(letters, position)?),
        },
        Qualifier::Number(NumberField::Retries) => {
            let range = number::whole_numbers(&value).map_err(place)?;
            SearchTerm::Number(NumberField::Retries, range)
        }
        Qualifier::Number(field) => {
            SearchTerm::Number(field, number::durations(&value).map_err(place)?)
        }
        Qualifier::Time(field) => SearchTerm::Time(field, time::times(&value).map_err(place)?),
    })
}

fn path_term(
    field: SearchField,
    path: &str,
    letters: &[Letter],
    position: usize,
) -> Result<SearchTerm, SearchError> {
    let value = text_of(letters);
    let test = if value.is_empty() {
        return Err(SearchError::at(position, NEEDS_VALUE));
    } else if let Some(value) = after_equals(letters) {
        ValueTest::Equals(Needle::new(&text_of(value)))
    } else if begins_with_operator(letters) {
        let range = number::comparison(&value);
        ValueTest::Number(range.map_err(|trouble| place(letters, &value, trouble))?)
    } else {
        ValueTest::Contains(needle(letters, position)?)
    };
    Ok(SearchTerm::Path(PathTerm::new(field, path, test)))
}

/// Finds out what a word asks about.
///
/// Flower takes the first colon after one of its fields, quoted or not. Its
/// quotes keep other colons together, and so do ours with the other fields.
pub(super) fn subject(letters: &[Letter]) -> Result<Subject<'_>, SearchError> {
    let is_colon = |letter: &Letter| letter.letter == ':';
    let Some(colon) = letters.iter().position(is_colon) else {
        return Ok(Subject::Word);
    };
    let known = Qualifier::from_name(&text_of(&letters[..colon]));
    if let Some(field) = known.filter(|known| known.is_flower()) {
        return Ok(Subject::Field(field, &letters[colon + 1..]));
    }
    let is_plain_colon = |letter: &Letter| is_colon(letter) && !letter.is_quoted;
    let Some(colon) = letters.iter().position(is_plain_colon) else {
        return Ok(Subject::Word);
    };
    let (name, value) = (&letters[..colon], &letters[colon + 1..]);
    if name.first().is_none_or(|letter| letter.is_quoted) {
        return Ok(Subject::Word);
    }
    let is_plain_dot = |letter: &Letter| letter.letter == '.' && !letter.is_quoted;
    let Some(dot) = name.iter().position(is_plain_dot) else {
        let known = Qualifier::from_name(&text_of(name));
        return Ok(known.map_or(Subject::Word, |known| Subject::Field(known, value)));
    };
    match Qualifier::from_name(&text_of(&name[..dot])) {
        Some(Qualifier::Text(field)) if field.has_keys() => {
            let path = text_of(&name[dot + 1..]);
            if path.is_empty() {
                let at = letters[colon].at;
                return Err(SearchError::at(
                    at,
                    "Expected a key after the dot, such as kwargs.user.email:",
                ));
            }
            Ok(Subject::Path(field, path, value))
        }
        _ => Ok(Subject::Word),
    }
}

/// Refuses `runtme:>5`, which nobody means as a word.
fn check_name(token: &Token) -> Result<(), SearchError> {
    let is_colon = |letter: &Letter| letter.letter == ':' && !letter.is_quoted;
    let Some(colon) = token.letters.iter().position(is_colon) else {
        return Ok(());
    };
    let (name, value) = (&token.letters[..colon], &token.letters[colon + 1..]);
    if !begins_with_operator(value) {
        return Ok(());
    }
    match near_miss(&text_of(name)) {
        Some(meant) => Err(SearchError::at(
            token.position,
            format!(
                "There is no field '{}'; did you mean {}:",
                text_of(name),
                meant.as_str()
            ),
        )),
        None => Ok(()),
    }
}

fn begins_with_operator(value: &[Letter]) -> bool {
    value
        .first()
        .is_some_and(|first| !first.is_quoted && matches!(first.letter, '<' | '>'))
}

/// Returns what follows an equals sign at the start.
fn after_equals(value: &[Letter]) -> Option<&[Letter]> {
    match value.split_first() {
        Some((first, rest)) if first.letter == '=' && !first.is_quoted => Some(rest),
        _ => None,
    }
}

fn needle(letters: &[Letter], position: usize) -> Result<Needle, SearchError> {
    let text = text_of(letters);
    if text.trim().is_empty() {
        let message = "A search term must not be blank";
        return Err(SearchError::at(position, message));
    }
    Ok(Needle::new(&text))
}

/// Finds the place of a trouble in the search text.
fn place(letters: &[Letter], value: &str, trouble: Trouble) -> SearchError {
    let index = value
        .char_indices()
        .take_while(|(byte, _)| *byte < trouble.at)
        .count();
    let position = match (letters.get(index), letters.last()) {
        (Some(letter), _) => letter.at,
        // Something is missing at the end.
        (None, Some(last)) => last.at + 1,
        (None, None) => 0,
    };
    SearchError::at(position, trouble.message)
}
