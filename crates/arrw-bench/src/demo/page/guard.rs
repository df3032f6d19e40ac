//! Who may see the page, and who may press its button.

use std::net::{IpAddr, SocketAddr};

use hyper::HeaderMap;
use hyper::header::{HOST, HeaderName, ORIGIN};

/// What a browser says of where a request comes from.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether a request names this machine: a name of somebody else that leads here is a trick.
pub(super) fn is_asked_by_its_name(headers: &HeaderMap, page: SocketAddr) -> bool {
    let Some(host) = text(headers, &HOST) else { return false };
    let (name, port) = host.rsplit_once(':').unwrap_or((host, "80"));
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    let is_ours = name.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    is_ours && port.parse() == Ok(page.port())
}

/// Whether a request that changes something comes from the page itself. Nobody else may send it, programs neither.
pub(super) fn is_of_the_page(headers: &HeaderMap) -> bool {
    let (Some(host), Some(origin)) = (text(headers, &HOST), text(headers, &ORIGIN)) else {
        return false;
    };
    let is_same = origin.strip_prefix("http://").is_some_and(|of| of.eq_ignore_ascii_case(host));
    let site = text(headers, &FETCH_SITE);
    is_same && (!headers.contains_key(FETCH_SITE) || site == Some("same-origin"))
}

/// A header that is there once.
fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut all = headers.get_all(name).iter();
    match (all.next(), all.next()) {
        (Some(value), None) => value.to_str().ok(),
        (None, _) | (Some(_), Some(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn only_names_of_this_machine_are_answered() {
        let page = "127.0.0.1:7680".parse().unwrap();
        let check = |host: &'static str| is_asked_by_its_name(&headers(&[("host", host)]), page);
        for host in ["127.0.0.1:7680", "localhost:7680", "[::1]:7680", "127.0.0.9:7680"] {
            assert!(check(host), "{host}");
        }
        let foreign = ["evil.example:7680", "127.0.0.1:80", "127.0.0.1", "10.0.0.1:7680", ""];
        for host in foreign {
            assert!(!check(host), "{host}");
        }
        assert!(!is_asked_by_its_name(&headers(&[]), page));
        let twice = [("host", "127.0.0.1:7680"), ("host", "evil.example:7680")];
        assert!(!is_asked_by_its_name(&headers(&twice), page));
    }

    #[test]
    fn only_the_page_presses_its_button() {
        let check = |origin: &'static str, site: Option<&'static str>| {
            let mut all = vec![("host", "127.0.0.1:7680"), ("origin", origin)];
            all.extend(site.map(|site| ("sec-fetch-site", site)));
            is_of_the_page(&headers(&all))
        };
        assert!(check("http://127.0.0.1:7680", None));
        assert!(check("http://127.0.0.1:7680", Some("same-origin")));
        for site in ["cross-site", "same-site", "none"] {
            assert!(!check("http://127.0.0.1:7680", Some(site)), "{site}");
        }
        for origin in
            ["http://evil.example", "http://127.0.0.1:7681", "null", "https://127.0.0.1:7680"]
        {
            assert!(!check(origin, None), "{origin}");
        }
        assert!(!is_of_the_page(&headers(&[("host", "127.0.0.1:7680")])));
    }
}
