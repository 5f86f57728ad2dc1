//! An export on its way: rows are written where that may take a while, and
//! sent as fast as the client reads. Whoever goes away ends the work, and a
//! file that could not be finished never looks complete: its connection breaks.

use super::{
    ask::Ask,
    write::{Sheet, iso},
};
use crate::state::AppState;
use axum::{
    body::{Body, Bytes},
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use futures::{StreamExt, stream};
use model::{ErrorKind, Timestamp, WireError, export::Column};
use std::{
    io,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_util::sync::CancellationToken;

/// A chunk is sent once it has so many bytes.
const CHUNK_BYTES: usize = 64 << 10;

/// Chunks that wait for the client.
const CHUNKS_AHEAD: usize = 2;

/// What the writer tells: a chunk, an error, or that all is written.
type News = Option<io::Result<Bytes>>;

/// Returns the right to one of the exports at a time.
pub(super) fn permit(state: &AppState) -> Result<OwnedSemaphorePermit, WireError> {
    Arc::clone(&state.exports).try_acquire_owned().map_err(|_| {
        WireError::new(
            ErrorKind::Unavailable,
            "Too many exports are under way; try again when one has ended.",
        )
    })
}

/// Answers with a file of the rows that `parts` brings.
pub(super) fn answer<C: Column>(
    ask: Ask<C>,
    what: &str,
    parts: impl Iterator<Item = Vec<C::Row>> + Send + 'static,
    permit: OwnedSemaphorePermit,
    stop: CancellationToken,
) -> Response
where
    C::Row: Send,
{
    let name = file_name(what, ask.format.as_str());
    let content_type = Sheet::content_type(ask.format);
    let (send, news) = mpsc::channel::<News>(CHUNKS_AHEAD);
    tokio::task::spawn_blocking(move || {
        let end = match write(&ask, parts, &send, &stop) {
            Ok(true) => None,
            // The client is gone, and nobody reads the end.
            Ok(false) => return,
            Err(error) => {
                tracing::warn!(%error, "an export broke off");
                Some(Err(error))
            }
        };
        // The client may go at the very end.
        send.blocking_send(end).unwrap_or_default();
        drop(permit);
    });
    let chunks = stream::unfold(Some(news), |news| async {
        let mut news = news?;
        match news.recv().await {
            Some(None) => None,
            Some(Some(Ok(chunk))) => Some((Ok(chunk), Some(news))),
            Some(Some(Err(error))) => Some((Err(error), None)),
            // The writer ended without a word.
            None => Some((Err(io::Error::other("the export broke off")), None)),
        }
    });
    let disposition = HeaderValue::from_str(&disposition(&name));
    let mut response = (
        [(header::CONTENT_TYPE, HeaderValue::from_static(content_type))],
        // Compression asks once more after the end, which `unfold` does not stand.
        Body::from_stream(chunks.fuse()),
    )
        .into_response();
    let headers = response.headers_mut();
    if let Ok(disposition) = disposition {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx would otherwise keep the file until it is whole.
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    response
}

/// Writes everything; `false` if the client went away.
fn write<C: Column>(
    ask: &Ask<C>,
    parts: impl Iterator<Item = Vec<C::Row>>,
    send: &mpsc::Sender<News>,
    stop: &CancellationToken,
) -> io::Result<bool> {
    let names = ask.columns.iter().map(|column| column.as_str()).collect();
    let mut sheet = Sheet::new(ask.format, names);
    let mut out = Vec::with_capacity(CHUNK_BYTES * 2);
    sheet.head(ask.has_bom, &mut out)?;
    for part in parts {
        if stop.is_cancelled() {
            return Err(io::Error::other("the dashboard ends"));
        }
        let cells = |row: &C::Row| ask.columns.iter().map(|column| column.cell(row)).collect();
        sheet.rows(part.iter().map(cells), &mut out)?;
        if out.len() >= CHUNK_BYTES {
            let chunk = Bytes::copy_from_slice(&out);
            out.clear();
            if send.blocking_send(Some(Ok(chunk))).is_err() {
                return Ok(false);
            }
        } else if send.is_closed() {
            return Ok(false);
        }
    }
    sheet.tail(&mut out);
    Ok(send.blocking_send(Some(Ok(out.into()))).is_ok())
}

/// Returns a name that says what it is, such as
/// `celeriac-tasks-failure-2026-11-20T20-15Z.csv`.
fn file_name(what: &str, end: &str) -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let micros = since.map_or(0, |since| {
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    });
    name_at(what, end, Timestamp(micros))
}

fn name_at(what: &str, end: &str, now: Timestamp) -> String {
    let minute: String = iso(now).chars().take("2026-11-20T20:15".len()).collect();
    let minute = minute.replace(':', "-");
    format!("celeriac-{}-{minute}Z.{end}", what.to_lowercase())
}

/// Names the file in both ways (RFC 6266, RFC 8187): what is no ASCII is left
/// out of the first.
fn disposition(name: &str) -> String {
    let is_plain = |letter: &char| letter.is_ascii_alphanumeric() || "-._".contains(*letter);
    let plain: String = name.chars().filter(is_plain).collect();
    let encoded: String = name
        .bytes()
        .map(|byte| match byte {
            byte if is_plain(&char::from(byte)) => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect();
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::export::AuditColumn;
    use tokio::sync::Semaphore;

    #[tokio::test]
    async fn an_export_that_breaks_off_does_not_look_complete() {
        let ask = Ask::<AuditColumn>::read("format=json").expect("an ask");
        let exports = Arc::new(Semaphore::new(1));
        let permit = Arc::clone(&exports).try_acquire_owned().expect("a permit");
        let parts = (0..3).map(|part| match part {
            2 => panic!("as the test wants"),
            _ => Vec::new(),
        });
        let response = answer(ask, "audit", parts, permit, CancellationToken::new());
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await;
        assert!(body.is_err());
        assert_eq!(exports.available_permits(), 1, "the next one may begin");
    }

    #[test]
    fn a_name_says_what_it_is() {
        let now = Timestamp(1_795_162_505_924_187);
        let name = name_at("tasks-FAILURE", "csv", now);
        assert_eq!(name, "celeriac-tasks-failure-2026-11-20T08-15Z.csv");
        assert_eq!(
            disposition(&name),
            format!("attachment; filename=\"{name}\"; filename*=UTF-8''{name}")
        );
        assert_eq!(
            disposition("a \"ü\"\r\n.csv"),
            "attachment; filename=\"a.csv\"; filename*=UTF-8''a%20%22%C3%BC%22%0D%0A.csv"
        );
    }
}
