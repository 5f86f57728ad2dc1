//! Which encoding of a file a client wants (RFC 9110 §12.5.3).

use axum::http::{HeaderMap, header};

/// An encoding in which files are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Brotli.
    Brotli,
    /// Gzip.
    Gzip,
    /// As it is.
    Identity,
}

impl Encoding {
    /// Smallest first, so that it wins where a client likes several alike.
    const ALL: [Self; 3] = [Self::Brotli, Self::Gzip, Self::Identity];

    /// Returns the value of `Content-Encoding`, if there is to be one.
    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            Self::Brotli => Some("br"),
            Self::Gzip => Some("gzip"),
            Self::Identity => None,
        }
    }

    /// Chooses the encoding that the client likes best among those there are.
    ///
    /// A client that refuses all of them gets the file as it is: an answer it
    /// may be able to use is better than none.
    pub(super) fn choose(request: &HeaderMap, is_there: impl Fn(Self) -> bool) -> Self {
        let mut best = (Self::Identity, 0.0);
        for encoding in Self::ALL {
            let quality = encoding.quality(request);
            if is_there(encoding) && quality > best.1 {
                best = (encoding, quality);
            }
        }
        best.0
    }

    /// Returns how much the client likes this encoding, from 0 to 1.
    fn quality(self, request: &HeaderMap) -> f32 {
        let mut any = None;
        for value in request.get_all(header::ACCEPT_ENCODING) {
            let parts = value.to_str().unwrap_or_default().split(',');
            for part in parts {
                let (name, rest) = part.split_once(';').unwrap_or((part, ""));
                let quality = match rest.trim().strip_prefix("q=") {
                    Some(number) => number.trim().parse().unwrap_or(0.0),
                    None => 1.0,
                };
                let name = name.trim();
                if name == "*" {
                    any = Some(quality);
                } else if name.eq_ignore_ascii_case(self.name().unwrap_or("identity")) {
                    return quality;
                }
            }
        }
        match (self, any) {
            (_, Some(quality)) => quality,
            // Always acceptable unless refused, but anything named is better.
            (Self::Identity, None) => f32::MIN_POSITIVE,
            (_, None) => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Encoding::{Brotli, Gzip, Identity};

    fn choose(accept: Option<&'static str>, there: &[Encoding]) -> Encoding {
        let mut request = HeaderMap::new();
        if let Some(accept) = accept {
            request.insert(
                header::ACCEPT_ENCODING,
                accept.parse().expect("a header value"),
            );
        }
        Encoding::choose(&request, |encoding| there.contains(&encoding))
    }

    #[test]
    fn the_client_decides_among_what_is_there() {
        let all = &Encoding::ALL;
        for (accept, there, expected) in [
            (None, &all[..], Identity),
            (Some(""), all, Identity),
            (Some("gzip, deflate, br, zstd"), all, Brotli),
            (Some("gzip, deflate, br, zstd"), &[Gzip, Identity], Gzip),
            (Some("gzip, br"), &[Identity], Identity),
            (Some("br;q=0.5, GZIP;q=0.8"), all, Gzip),
            (Some("br;q=0, gzip;q=0"), all, Identity),
            (Some("*"), all, Brotli),
            (Some("*;q=0.1, identity"), all, Identity),
            (Some("br;q=0, *"), all, Gzip),
            (Some("identity;q=0, *;q=0"), all, Identity),
            (Some("br ; q=1.0,gzip"), all, Brotli),
            (Some("br;q=nonsense, gzip;q=0.1"), all, Gzip),
        ] {
            assert_eq!(choose(accept, there), expected, "{accept:?} of {there:?}");
        }
    }
}
