//! Fields of forms: a label, an input, and what is wrong with it right below.

use leptos::prelude::*;
use model::JsonText;

/// What is asked for in one line.
#[component]
pub fn TextField(
    /// An id that nothing else on the page has.
    id: &'static str,
    /// What it is.
    #[prop(into)]
    label: Signal<String>,
    /// What is typed.
    value: RwSignal<String>,
    /// What is wrong with it.
    #[prop(into, optional)]
    error: Signal<Option<String>>,
    /// What an empty field means.
    #[prop(into, optional)]
    placeholder: String,
    /// The kind of input.
    #[prop(default = "text")]
    kind: &'static str,
    /// The id of a list of suggestions.
    #[prop(optional)]
    list: Option<&'static str>,
    /// Whether it holds digits, so that phones show them.
    #[prop(optional)]
    is_number: bool,
    /// Whether the focus begins here.
    #[prop(optional)]
    is_first: bool,
) -> impl IntoView {
    let error_id = format!("{id}-error");
    let described = error_id.clone();
    view! {
        <div class="field">
            <label for=id>{label}</label>
            <input
                id=id
                type=kind
                list=list
                inputmode=is_number.then_some("decimal")
                placeholder=placeholder
                autocomplete="off"
                autocapitalize="off"
                spellcheck="false"
                autofocus=is_first
                step=(kind == "datetime-local").then_some("1")
                aria-invalid=move || error.with(|error| error.is_some().then_some("true"))
                aria-describedby=described
                prop:value=move || value.get()
                on:input=move |event| value.set(event_target_value(&event))
            />
            <FieldError id=error_id error />
        </div>
    }
    .into_any()
}

/// What is asked for as JSON.
#[component]
pub fn JsonField(
    /// An id that nothing else on the page has.
    id: &'static str,
    /// What it is.
    label: &'static str,
    /// What is typed.
    value: RwSignal<String>,
    /// What is wrong with it.
    #[prop(into)]
    error: Signal<Option<String>>,
) -> impl IntoView {
    let error_id = format!("{id}-error");
    let described = error_id.clone();
    // Enough lines to see what is there, not more than a screen has.
    let lines = move || value.with(|text| text.lines().count().clamp(3, 14).to_string());
    view! {
        <div class="field">
            <label for=id>{label}</label>
            <textarea
                id=id
                class="mono"
                rows=lines
                autocomplete="off"
                autocapitalize="off"
                spellcheck="false"
                aria-invalid=move || error.with(|error| error.is_some().then_some("true"))
                aria-describedby=described
                prop:value=move || value.get()
                on:input=move |event| value.set(event_target_value(&event))
            ></textarea>
            <FieldError id=error_id error />
        </div>
    }
    .into_any()
}

#[component]
fn FieldError(id: String, error: Signal<Option<String>>) -> impl IntoView {
    view! {
        <p class="field-error" id=id role="status">
            {move || error.get()}
        </p>
    }
    .into_any()
}

/// A choice of few.
#[component]
pub fn SelectField(
    /// An id that nothing else on the page has.
    id: &'static str,
    /// What it is.
    label: &'static str,
    /// The choices: value and words.
    #[prop(into)]
    choices: Vec<(&'static str, &'static str)>,
    /// What is chosen.
    value: RwSignal<String>,
) -> impl IntoView {
    let options = choices.into_iter().map(move |(key, words)| {
        let is_chosen = value.with_untracked(|value| value == key);
        view! {
            <option value=key selected=is_chosen>
                {words}
            </option>
        }
    });
    view! {
        <div class="field">
            <label for=id>{label}</label>
            <select id=id on:change=move |event| value.set(event_target_value(&event))>
                {options.collect_view()}
            </select>
        </div>
    }
    .into_any()
}

/// What a JSON text must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonKind {
    /// A list.
    List,
    /// An object.
    Object,
}

/// Reads JSON that a person typed; nothing means that it is empty.
pub fn parse_json(text: &str, kind: JsonKind) -> Result<JsonText, String> {
    if text.trim().is_empty() {
        return Ok(match kind {
            JsonKind::List => JsonText::empty_list(),
            JsonKind::Object => JsonText::empty_object(),
        });
    }
    // Untrimmed, so that the place in the error is the place in the field.
    let checked: Result<serde::de::IgnoredAny, _> = serde_json::from_str(text);
    if let Err(error) = checked {
        let (line, column) = (error.line(), error.column());
        let words = error.to_string();
        let words = words.split(" at line ").next().unwrap_or(&words);
        return Err(format!("Line {line}, column {column}: {words}"));
    }
    let json = JsonText::parse(text).map_err(|error| error.to_string())?;
    match kind {
        JsonKind::List if !json.is_list() => Err("Must be a list, such as [1, \"two\"]".to_owned()),
        JsonKind::Object if !json.is_object() => {
            Err("Must be an object, such as {\"key\": \"value\"}".to_owned())
        }
        _ => Ok(json),
    }
}

/// Reads a whole number of at least `least` that a person typed.
pub fn parse_whole(text: &str, least: u32) -> Result<u32, String> {
    match text.trim().parse::<u32>() {
        Ok(number) if number >= least => Ok(number),
        _ => Err(format!("Must be a whole number of at least {least}")),
    }
}

/// Reads seconds above zero that a person typed; nothing means none.
pub fn parse_seconds(text: &str) -> Result<Option<f64>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse::<f64>() {
        Ok(seconds) if seconds.is_finite() && seconds > 0.0 => Ok(Some(seconds)),
        _ => Err("Must be seconds above 0, such as 30 or 2.5".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_an_error_is_told_as_typed() {
        let error = parse_json("[1,\n  tru]", JsonKind::List).expect_err("it is no JSON");
        assert!(error.starts_with("Line 2, column 6: "), "{error}");
        let error = parse_json("  [1", JsonKind::List).expect_err("it is no JSON");
        assert!(error.starts_with("Line 1, column 4: "), "{error}");
    }

    #[test]
    fn arguments_are_kept_letter_by_letter() {
        let text = "[12345678901234567890123, 1e400, {\"__type__\": \"uuid\"}]";
        let read = parse_json(text, JsonKind::List).expect("it is JSON");
        assert_eq!(read.as_str(), text);
        assert_eq!(
            parse_json(" ", JsonKind::Object),
            Ok(JsonText::empty_object())
        );
    }

    #[test]
    fn a_list_is_not_an_object() {
        assert!(parse_json("[]", JsonKind::Object).is_err());
        assert!(parse_json("{}", JsonKind::List).is_err());
        assert!(parse_json("[] []", JsonKind::List).is_err());
    }

    #[test]
    fn numbers_have_bounds() {
        assert_eq!(parse_whole(" 3 ", 1), Ok(3));
        assert!(parse_whole("0", 1).is_err());
        assert!(parse_whole("1.5", 1).is_err());
        assert_eq!(parse_seconds(""), Ok(None));
        assert_eq!(parse_seconds("2.5"), Ok(Some(2.5)));
        assert!(parse_seconds("0").is_err());
        assert!(parse_seconds("inf").is_err());
    }
}
