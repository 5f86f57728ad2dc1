//! Reads the text that Python's `traceback` module writes. What it does not
//! understand it keeps as text.

/// A traceback in parts.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Parsed {
    /// The class and message of the exception that was raised last.
    pub(super) exception: Option<(String, String)>,
    /// Its parts in order.
    pub(super) parts: Vec<Part>,
}

/// A part of a traceback.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Part {
    /// A frame of the application.
    Own(Frame),
    /// Frames of libraries in a row, and what is said of them when folded.
    Library {
        /// The frames.
        frames: Vec<Frame>,
        /// Such as `3 frames in celery.app.trace, celery.app.autoretry`.
        told: String,
    },
    /// Words between tracebacks, such as that one exception caused another.
    Text(String),
}

/// One frame.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Frame {
    /// The file as Python wrote it.
    pub(super) path: String,
    /// The file as it is shown.
    pub(super) file: String,
    /// The line.
    pub(super) line: String,
    /// The function.
    pub(super) function: String,
    /// The line of code; several lines of one statement are joined by line breaks.
    pub(super) code: Option<String>,
}

/// Reads a traceback. `task_name` tells where the application's files begin:
/// `shop.mail.tasks.send` lives in `shop/mail/tasks.py`.
pub(super) fn parse(text: &str, task_name: Option<&str>) -> Parsed {
    let mut frames_and_text = read(text);
    let root = frames_and_text
        .iter()
        .find_map(|item| root(item.as_ref().ok()?, task_name?));
    for frame in frames_and_text
        .iter_mut()
        .filter_map(|item| item.as_mut().ok())
    {
        frame.file = shown(&frame.path, root.as_deref());
    }
    let exception = last_exception(text);
    Parsed {
        exception,
        parts: group(frames_and_text),
    }
}

/// Returns frames, and what is no frame as text.
fn read(text: &str) -> Vec<Result<Frame, String>> {
    let mut items: Vec<Result<Frame, String>> = Vec::new();
    for line in text.lines() {
        if let Some(frame) = head(line) {
            items.push(Ok(frame));
        } else if let (Some(code), Some(Ok(frame))) = (line.strip_prefix("    "), items.last_mut())
        {
            // Markers under the code point at columns, which are lost when it is trimmed.
            if !code.trim().chars().all(|c| matches!(c, '^' | '~')) {
                match &mut frame.code {
                    Some(all) => {
                        all.push('\n');
                        all.push_str(code.trim_end());
                    }
                    None => frame.code = Some(code.trim().to_owned()),
                }
            }
        } else if line.trim() == "Traceback (most recent call last):" || line.trim().is_empty() {
            // Says nothing that the card's head does not.
        } else if let Some(Err(before)) = items.last_mut() {
            before.push('\n');
            before.push_str(line);
        } else {
            items.push(Err(line.to_owned()));
        }
    }
    items
}

/// Reads `  File "PATH", line NUMBER, in FUNCTION`.
fn head(line: &str) -> Option<Frame> {
    let rest = line.strip_prefix("  File \"")?;
    let (path, rest) = rest.split_once("\", line ")?;
    let (number, function) = match rest.split_once(", in ") {
        Some((number, function)) => (number, function),
        // A syntax error has no function.
        None => (rest, "<unknown>"),
    };
    Some(Frame {
        path: path.to_owned(),
        file: path.to_owned(),
        line: number.to_owned(),
        function: function.to_owned(),
        code: None,
    })
}

/// Returns the class without its module, and the message of the last exception.
fn last_exception(text: &str) -> Option<(String, String)> {
    let lines: Vec<&str> = text.lines().collect();
    let frame = lines.iter().rposition(|line| head(line).is_some())?;
    let at = lines
        .iter()
        .skip(frame + 1)
        .position(|line| !line.is_empty() && !line.starts_with(' '))?;
    let message: Vec<&str> = lines.into_iter().skip(frame + 1 + at).collect();
    let message = message.join("\n");
    let (kind, message) = match message.split_once(": ") {
        Some((kind, message)) if !kind.contains(char::is_whitespace) => (kind, message),
        _ => (message.trim_end_matches(':'), ""),
    };
    let kind = kind.rsplit('.').next().unwrap_or(kind);
    Some((kind.trim().to_owned(), message.trim().to_owned()))
}

/// Tells whether a file belongs to an installed package or to Python itself.
fn is_library(path: &str) -> bool {
    let path = path.replace('\\', "/");
    ["/site-packages/", "/dist-packages/", "/lib/python"]
        .iter()
        .any(|part| path.contains(part))
        || path.starts_with('<')
}

/// Returns what stands before the task's own module in the path of one of its frames.
fn root(frame: &Frame, task_name: &str) -> Option<String> {
    let (module, _) = task_name.rsplit_once('.')?;
    let module = module.replace('.', "/");
    let found = frame.path.rfind(&format!("/{module}"))?;
    (!is_library(&frame.path)).then(|| frame.path[..=found].to_owned())
}

fn shown(path: &str, root: Option<&str>) -> String {
    for packages in ["/site-packages/", "/dist-packages/"] {
        if let Some((_, inside)) = path.rsplit_once(packages) {
            return inside.to_owned();
        }
    }
    match root.and_then(|root| path.strip_prefix(root)) {
        Some(inside) => inside.to_owned(),
        None => path.to_owned(),
    }
}

/// Returns the module that a file is, such as `celery.app.trace`.
fn module(frame: &Frame) -> String {
    let file = match frame.path.rsplit_once("/lib/python") {
        // `3.13/smtplib.py`
        Some((_, rest)) if !rest.contains("-packages/") => {
            rest.split_once('/').map_or(rest, |(_, file)| file)
        }
        _ => frame.file.as_str(),
    };
    let file = file.trim_end_matches(".py").trim_end_matches("/__init__");
    file.trim_matches('/').replace('/', ".")
}

/// Folds library frames that follow each other.
fn group(items: Vec<Result<Frame, String>>) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    // The last text is the exception, which the card's head shows.
    let end = items
        .len()
        .saturating_sub(usize::from(matches!(items.last(), Some(Err(_)))));
    for item in items.into_iter().take(end) {
        match item {
            Err(text) => parts.push(Part::Text(text)),
            Ok(frame) if !is_library(&frame.path) => parts.push(Part::Own(frame)),
            Ok(frame) => match parts.last_mut() {
                Some(Part::Library { frames, .. }) => frames.push(frame),
                _ => parts.push(Part::Library {
                    frames: vec![frame],
                    told: String::new(),
                }),
            },
        }
    }
    let last = parts.len().saturating_sub(1);
    for (index, part) in parts.iter_mut().enumerate() {
        if let Part::Library { frames, told } = part {
            *told = tell(frames, index == last);
        }
    }
    parts
}

fn tell(frames: &[Frame], is_last: bool) -> String {
    let mut modules: Vec<String> = Vec::new();
    for frame in frames {
        let module = module(frame);
        if !modules.contains(&module) {
            modules.push(module);
        }
    }
    let number = crate::format::count(frames.len() as u64, "frame");
    let told = format!("{number} in {}", modules.join(", "));
    match frames.last().filter(|_| is_last) {
        Some(frame) => {
            let file = frame.path.rsplit('/').next().unwrap_or(&frame.path);
            format!(
                "{told}, raised at {file}:{} in {}",
                frame.line, frame.function
            )
        }
        None => told,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"Traceback (most recent call last):
  File "/srv/venv/lib/python3.13/site-packages/celery/app/autoretry.py", line 38, in run
    return task._orig_run(*args, **kwargs)
           ~~~~~~~~~~~~~~^^^^^^^^^^^^^^^^^
  File "/srv/shop/mail/tasks.py", line 88, in send_welcome_email
    smtp.deliver(msg, to=address)
  File "/srv/shop/mail/transport.py", line 41, in deliver
    refused = self._conn.send_message(msg, to_addrs=[to])
  File "/usr/lib/python3.13/smtplib.py", line 405, in getreply
    raise SMTPServerDisconnected("Connection unexpectedly closed: "
                                 + str(e))
smtplib.SMTPServerDisconnected: Connection unexpectedly closed: timed out
"#;

    #[test]
    fn own_frames_stand_out_and_library_frames_fold() {
        let parsed = parse(TEXT, Some("shop.mail.tasks.send_welcome_email"));
        let told: Vec<String> = parsed
            .parts
            .iter()
            .map(|part| match part {
                Part::Own(frame) => format!("{}:{}", frame.file, frame.line),
                Part::Library { told, .. } => told.clone(),
                Part::Text(text) => text.clone(),
            })
            .collect();
        assert_eq!(
            told,
            [
                "1 frame in celery.app.autoretry",
                "shop/mail/tasks.py:88",
                "shop/mail/transport.py:41",
                "1 frame in smtplib, raised at smtplib.py:405 in getreply",
            ]
        );
    }

    #[test]
    fn the_exception_is_split_from_its_message() {
        let exception = parse(TEXT, None).exception;
        let told = exception
            .as_ref()
            .map(|(kind, message)| (kind.as_str(), message.as_str()));
        assert_eq!(
            told,
            Some((
                "SMTPServerDisconnected",
                "Connection unexpectedly closed: timed out"
            ))
        );
        let bare = "  File \"a.py\", line 1, in f\n    x()\nKeyError";
        let kind = parse(bare, None).exception.map(|(kind, _)| kind);
        assert_eq!(kind.as_deref(), Some("KeyError"));
    }

    #[test]
    fn markers_are_left_out_and_statements_stay_whole() {
        let parsed = parse(TEXT, None);
        let code = parsed.parts.iter().find_map(|part| match part {
            Part::Library { frames, .. } => frames.first()?.code.clone(),
            _ => None,
        });
        assert_eq!(
            code.as_deref(),
            Some("return task._orig_run(*args, **kwargs)")
        );
    }

    #[test]
    fn chained_exceptions_keep_the_words_between() {
        let text = format!(
            "{TEXT}\nThe above exception was the direct cause of the following exception:\n\n{TEXT}"
        );
        let parsed = parse(&text, None);
        let between = parsed.parts.iter().find_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            _ => None,
        });
        assert_eq!(
            between,
            Some(
                "smtplib.SMTPServerDisconnected: Connection unexpectedly closed: timed out\n\
                 The above exception was the direct cause of the following exception:"
            )
        );
    }

    #[test]
    fn what_is_no_traceback_is_not_lost() {
        assert_eq!(parse("", None), Parsed::default());
        let parsed = parse("Worker exited prematurely\nsignal 9", None);
        assert_eq!(parsed.exception, None);
    }
}
