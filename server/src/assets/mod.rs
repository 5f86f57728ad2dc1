//! Files for browsers, carried by the binary: the bundle under an address that
//! holds the hash of its content, the public files under their own names.

mod encoding;

use crate::state::AppState;
use axum::{
    body::{Body, Bytes},
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use encoding::Encoding;
use rust_embed::{EmbeddedFile, RustEmbed};
use sha2::{Digest, Sha256};
use std::{borrow::Cow, collections::BTreeMap, fmt::Write};

/// The content of an address with a hash never changes.
const FOREVER: &str = "public, max-age=31536000, immutable";
/// A file under its own name may be another one after an update.
pub(crate) const REVALIDATE: &str = "no-cache";
/// The bundle's folder.
const BUNDLE: &str = "pkg/";

/// What the host tool `bundle` has built; read from disk by debug builds,
/// embedded by release builds. It may be missing, see [`Assets::has_bundle`].
#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../target/site/"]
#[allow_missing = true]
struct Site;

/// One file in every encoding there is of it.
#[derive(Debug)]
pub(crate) struct Asset {
    content_type: HeaderValue,
    /// Start of the content's hash, for entity tags.
    tag: String,
    plain: Bytes,
    gzip: Option<Bytes>,
    brotli: Option<Bytes>,
}

/// All files, ready to be served.
#[derive(Debug)]
pub struct Assets {
    files: BTreeMap<String, Asset>,
    hash: String,
}

impl Assets {
    /// Takes over the files that the binary carries.
    pub fn load() -> Self {
        Self::from_files(Site::iter().filter_map(|name| {
            let EmbeddedFile { data, .. } = Site::get(&name)?;
            let bytes = match data {
                Cow::Borrowed(bytes) => Bytes::from_static(bytes),
                Cow::Owned(bytes) => bytes.into(),
            };
            Some((name.into_owned(), bytes))
        }))
    }

    /// Takes over files by name; `x.gz` and `x.br` are `x` in other encodings.
    pub fn from_files(files: impl IntoIterator<Item = (String, Bytes)>) -> Self {
        let mut all: BTreeMap<String, Bytes> = files.into_iter().collect();
        let names: Vec<String> = all
            .keys()
            .filter(|name| {
                let original = name.strip_suffix(".gz").or(name.strip_suffix(".br"));
                !original.is_some_and(|original| all.contains_key(original))
            })
            .cloned()
            .collect();
        let mut bundle = Sha256::new();
        let mut files = BTreeMap::new();
        for name in names {
            let (gzip, brotli) = (
                all.remove(&format!("{name}.gz")),
                all.remove(&format!("{name}.br")),
            );
            let Some(plain) = all.remove(&name) else {
                continue;
            };
            let hash = Sha256::digest(&plain);
            if name.starts_with(BUNDLE) {
                bundle.update(name.as_bytes());
                bundle.update(hash);
            }
            let asset = Asset {
                content_type: content_type(&name),
                tag: short_hex(&hash),
                plain,
                gzip,
                brotli,
            };
            files.insert(name, asset);
        }
        Self {
            files,
            hash: short_hex(&bundle.finalize()),
        }
    }

    /// Returns the hash of the bundle's content.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Tells whether there is code for browsers.
    pub fn has_bundle(&self) -> bool {
        self.files.keys().any(|name| name.starts_with(BUNDLE))
    }

    /// Returns the public file at a path such as `/favicon.svg`.
    pub(crate) fn public(&self, path: &str) -> Option<&Asset> {
        let name = path.strip_prefix('/')?;
        self.files.get(name).filter(|_| !name.starts_with(BUNDLE))
    }
}

/// `GET /pkg/<hash>/<file>`: a file of the bundle.
pub(crate) async fn bundle(
    State(state): State<AppState>,
    Path((hash, path)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let assets = &state.assets;
    match assets.files.get(&format!("{BUNDLE}{path}")) {
        Some(file) if hash == assets.hash => answer(file, FOREVER, &headers),
        // Another hash: a page that an older binary has sent.
        _ => (StatusCode::NOT_FOUND, "Not found").into_response(),
    }
}

/// Sends a file in the encoding the client likes best, or tells it that what
/// it has is still right.
pub(crate) fn answer(file: &Asset, cache_control: &'static str, request: &HeaderMap) -> Response {
    let accepted = Encoding::choose(request, |encoding| file.body(encoding).is_some());
    let (encoding, body) = match file.body(accepted) {
        Some(body) => (accepted, body),
        None => (Encoding::Identity, &file.plain),
    };
    let tag = match encoding.name() {
        Some(name) => format!("\"{}-{name}\"", file.tag),
        None => format!("\"{}\"", file.tag),
    };
    let is_known = is_match(request, &tag);

    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static(cache_control),
    );
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(header::ETAG, tag);
    }
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    headers.insert(header::CONTENT_TYPE, file.content_type.clone());
    if let Some(name) = encoding.name() {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
    }
    *response.body_mut() = Body::from(body.clone());
    response
}

impl Asset {
    fn body(&self, encoding: Encoding) -> Option<&Bytes> {
        match encoding {
            Encoding::Brotli => self.brotli.as_ref(),
            Encoding::Gzip => self.gzip.as_ref(),
            Encoding::Identity => Some(&self.plain),
        }
    }
}

/// Tells whether `If-None-Match` names this tag.
fn is_match(request: &HeaderMap, tag: &str) -> bool {
    request
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|known| known.trim().trim_start_matches("W/"))
        .any(|known| known == "*" || known == tag)
}

fn content_type(name: &str) -> HeaderValue {
    let guess = mime_guess::from_path(name).first_or_octet_stream();
    let is_text = guess.type_() == "text"
        || matches!(guess.subtype().as_str(), "javascript" | "json")
        || guess.suffix().is_some();
    let text = if is_text {
        format!("{guess}; charset=utf-8")
    } else {
        guess.to_string()
    };
    HeaderValue::try_from(text)
        .unwrap_or_else(|_| HeaderValue::from_static("application/octet-stream"))
}

fn short_hex(hash: &[u8]) -> String {
    hash.iter().take(8).fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
