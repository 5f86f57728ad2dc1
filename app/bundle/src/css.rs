//! One stylesheet out of many: imports put in place, comments and indentation
//! taken away. Nothing else is changed, so what is written is what is served.

use anyhow::{Context, Result, bail, ensure};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Returns the text of `main` with every `@import "…";` replaced by that file.
pub(crate) fn inline(main: &Path) -> Result<String> {
    let mut text = String::new();
    append(main, &mut Vec::new(), &mut text)?;
    Ok(text)
}

/// Appends a stylesheet; `open` holds the files whose imports led here.
fn append(file: &Path, open: &mut Vec<PathBuf>, text: &mut String) -> Result<()> {
    let source =
        fs::read_to_string(file).with_context(|| format!("failed to read {}", file.display()))?;
    let name = file
        .canonicalize()
        .with_context(|| format!("failed to find {}", file.display()))?;
    ensure!(!open.contains(&name), "{} imports itself", file.display());
    open.push(name);
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut is_past_imports = false;
    for line in strip(&source).lines() {
        let Some(rest) = line.strip_prefix("@import") else {
            check_urls(line).with_context(|| format!("in {}", file.display()))?;
            is_past_imports |= !line.starts_with("@layer") && !line.starts_with("@charset");
            text.push_str(line);
            text.push('\n');
            continue;
        };
        // Browsers pass over an import that follows a rule.
        ensure!(
            !is_past_imports,
            "{}: {line} stands below a rule",
            file.display()
        );
        let target = rest
            .trim()
            .strip_suffix(';')
            .map(str::trim)
            .and_then(|target| target.strip_prefix('"')?.strip_suffix('"'));
        let Some(target) = target else {
            bail!(
                "{}: {line} is not of the form @import \"./file.css\";",
                file.display()
            );
        };
        append(&folder.join(target), open, text)
            .with_context(|| format!("imported by {}", file.display()))?;
    }
    open.pop();
    Ok(())
}

/// Refuses addresses that would point elsewhere once the file is put in place.
fn check_urls(line: &str) -> Result<()> {
    for (_, rest) in line
        .match_indices("url(")
        .map(|(at, s)| (at, &line[at + s.len()..]))
    {
        let target = rest.trim_start_matches(['"', '\'', ' ']);
        ensure!(
            ["/", "#", "data:"]
                .iter()
                .any(|start| target.starts_with(start)),
            "the address in {line:?} is relative; begin it with /"
        );
    }
    Ok(())
}

/// Takes away comments, indentation and blank lines, but nothing within quotes.
fn strip(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    let mut quote = None;
    while let Some(letter) = rest.chars().next() {
        if quote.is_none() && rest.starts_with("/*") {
            let end = rest[2..].find("*/").map_or(rest.len(), |at| at + 4);
            rest = &rest[end..];
            // A comment separates words without being a space: `a/**/b`.
            let is_glue = |letter: Option<char>| letter.is_some_and(|c| !c.is_whitespace());
            if is_glue(out.chars().next_back()) && is_glue(rest.chars().next()) {
                out.push_str("/**/");
            }
            continue;
        }
        rest = &rest[letter.len_utf8()..];
        match quote {
            Some(open) => {
                out.push(letter);
                if letter == '\\' {
                    if let Some(escaped) = rest.chars().next() {
                        out.push(escaped);
                        rest = &rest[escaped.len_utf8()..];
                    }
                } else if letter == open {
                    quote = None;
                }
            }
            None if letter.is_whitespace() => {
                let is_line_start = out.is_empty() || out.ends_with('\n');
                if letter == '\n' {
                    out.truncate(out.trim_end_matches([' ', '\t', '\r']).len());
                    if !out.is_empty() && !out.ends_with('\n') {
                        out.push('\n');
                    }
                } else if !is_line_start {
                    out.push(letter);
                }
            }
            None => {
                if matches!(letter, '"' | '\'') {
                    quote = Some(letter);
                }
                out.push(letter);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        folder
    }

    #[test]
    fn imports_are_put_in_place_in_order() {
        let folder = folder(&[
            (
                "main.css",
                "@import \"./b.css\";\n@import \"./parts/a.css\";\nmain {}\n",
            ),
            ("b.css", "b {}"),
            ("parts/a.css", "@import \"./c.css\";\na {}"),
            ("parts/c.css", "c {}"),
        ]);
        let text = inline(&folder.path().join("main.css")).expect("a stylesheet");
        assert_eq!(text, "b {}\nc {}\na {}\nmain {}\n");
    }

    #[test]
    fn a_missing_import_names_both_files() {
        let folder = folder(&[("main.css", "@import \"./gone.css\";\n")]);
        let error = inline(&folder.path().join("main.css")).expect_err("an error");
        let text = format!("{error:#}");
        assert!(
            text.contains("gone.css") && text.contains("main.css"),
            "{text}"
        );
    }

    #[test]
    fn a_circle_of_imports_is_an_error() {
        let folder = folder(&[
            ("main.css", "@import \"./b.css\";\n"),
            ("b.css", "@import \"./main.css\";\n"),
        ]);
        let error = inline(&folder.path().join("main.css")).expect_err("an error");
        assert!(format!("{error:#}").contains("imports itself"));
    }

    #[test]
    fn an_import_that_browsers_would_pass_over_is_an_error() {
        let folder = folder(&[
            ("main.css", "a {}\n@import \"./b.css\";\n"),
            ("b.css", "b {}\n"),
        ]);
        let error = inline(&folder.path().join("main.css")).expect_err("an error");
        assert!(format!("{error:#}").contains("below a rule"));
    }

    #[test]
    fn relative_addresses_are_refused() {
        assert!(check_urls("a { background: url(\"./x.svg\") }").is_err());
        assert!(check_urls("a { background: url(x.svg) }").is_err());
        check_urls("a { mask: url(\"/x.svg\"), url(data:image/svg+xml,x), url('#y') }")
            .expect("absolute addresses");
    }

    #[test]
    fn only_comments_and_empty_space_are_taken_away() {
        let source = "/* head\n */\n\na {\n    color: red; /* why */\n    content: \"/* no */  \\\" x\";\n}\n\
                      p/**/.x > q {}\n";
        assert_eq!(
            strip(source),
            "a {\ncolor: red;\ncontent: \"/* no */  \\\" x\";\n}\np/**/.x > q {}\n"
        );
    }

    #[test]
    fn an_unfinished_comment_or_string_ends_with_the_file() {
        assert_eq!(strip("a {} /* b"), "a {} ");
        assert_eq!(strip("a { content: \"b\\"), "a { content: \"b\\");
    }
}
