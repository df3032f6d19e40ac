//! Pages of other sites that may read and write here, as their browsers ask before they let them (CORS).

use std::fmt;
use std::str::FromStr;

use axum::http::{HeaderName, HeaderValue, Method, Uri, header};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::limits::PREFLIGHT_KEPT;

/// Where a page comes from, such as `https://app.example`; or `*`, wherever it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(HeaderValue);

/// A text that is no origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an origin is `https://` or `http://` and a host, as in `https://app.example`; or `*` for all"
)]
pub struct OriginError;

/// Of a name or an address with a port, and of nothing else that may stand there.
fn is_of_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte)
}

const ANY: &str = "*";

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        if text != ANY {
            let uri: Uri = text.parse().map_err(|_not_one| OriginError)?;
            let scheme = uri.scheme_str().ok_or(OriginError)?;
            let authority = uri.authority().ok_or(OriginError)?;
            // As a browser writes it, with nothing before or behind.
            let is_bare = text == format!("{scheme}://{authority}").to_ascii_lowercase();
            if !is_bare
                || !["http", "https"].contains(&scheme)
                || !authority.as_str().bytes().all(is_of_host)
            {
                return Err(OriginError);
            }
        }
        HeaderValue::from_str(text).map(Self).map_err(|_not_visible| OriginError)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.to_str().unwrap_or_default())
    }
}

/// The origins that may.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origins(Vec<Origin>);

impl Origins {
    pub(crate) fn new(origins: Vec<Origin>) -> Self {
        Self(origins)
    }

    /// True for every one of them when all may.
    pub(crate) fn allow(&self, origin: &HeaderValue) -> bool {
        self.allow_any() || self.0.iter().any(|Origin(allowed)| allowed == origin)
    }

    fn allow_any(&self) -> bool {
        self.0.iter().any(|Origin(allowed)| allowed == ANY)
    }

    /// What answers browsers that ask; `None` when no page may.
    pub(crate) fn layer(&self) -> Option<CorsLayer> {
        if self.0.is_empty() {
            return None;
        }
        let allowed = if self.allow_any() {
            AllowOrigin::any()
        } else {
            AllowOrigin::list(self.0.iter().map(|Origin(origin)| origin.clone()))
        };
        // Keys are sent in a header by the page itself, so browsers need not send what they keep (cookies).
        let layer = CorsLayer::new()
            .allow_origin(allowed)
            .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE])
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers([
                HeaderName::from_static("arrw-next"),
                HeaderName::from_static("arrw-gaps"),
                HeaderName::from_static("x-request-id"),
                header::RETRY_AFTER,
            ])
            .max_age(PREFLIGHT_KEPT);
        Some(layer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_and_a_host() {
        let fine = ["*", "https://app.example", "http://localhost:3000", "http://[::1]:80"];
        for text in fine {
            assert_eq!(text.parse::<Origin>().unwrap().to_string(), text);
        }
        let wrong = [
            "",
            "null",
            "app.example",
            "https://app.example/",
            "https://app.example/path",
            "https://App.example",
            "HTTPS://app.example",
            "https://user@app.example",
            "https://*.example",
            "ftp://app.example",
            "https://",
            "https://a b",
            "https://app.example?x",
        ];
        for text in wrong {
            assert_eq!(text.parse::<Origin>(), Err(OriginError), "{text}");
        }
    }
}
