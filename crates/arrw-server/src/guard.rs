//! Keeps out what a browser was tricked into: names that lead here (DNS rebinding), and writes from other
//! sites.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::app::App;
use crate::cors::{Origin, Origins};
use crate::problem::{Code, Problem};

/// Names under which the server may be asked, and other sites whose pages may ask.
#[derive(Debug)]
pub(crate) struct Sites {
    listen: IpAddr,
    names: Vec<String>,
    pub(crate) origins: Origins,
}

impl Sites {
    pub(crate) fn new(address: SocketAddr, mut names: Vec<String>, origins: Vec<Origin>) -> Self {
        names.iter_mut().for_each(|name| name.make_ascii_lowercase());
        Self { listen: address.ip(), names, origins: Origins::new(origins) }
    }

    /// True when `authority`, a host with or without a port, is one of ours.
    pub(crate) fn allow(&self, authority: &str) -> bool {
        let Ok(authority) = authority.parse::<Authority>() else { return false };
        let host = authority.host().to_ascii_lowercase();
        if host == "localhost" || self.names.contains(&host) {
            return true;
        }
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        // An address is nobody's to redirect; which of ours it is, is for the system to know.
        bare.parse::<IpAddr>()
            .is_ok_and(|ip| ip.is_loopback() || ip == self.listen || self.listen.is_unspecified())
    }
}

/// Refuses a request that a browser should not have sent.
pub(crate) async fn check(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    check_host(&app.sites, &request)?;
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        check_site(&app.sites, request.headers())?;
    }
    Ok(next.run(request).await)
}

fn check_host(sites: &Sites, request: &Request) -> Result<(), Problem> {
    let mut named = request.headers().get_all(header::HOST).iter();
    let host = match (named.next(), named.next()) {
        (Some(host), None) => host.to_str().ok(),
        (None, _) => request.uri().authority().map(Authority::as_str),
        (Some(_), Some(_)) => None,
    };
    check_name(sites, host)
}

/// Refuses a name that is not ours.
pub(crate) fn check_name(sites: &Sites, host: Option<&str>) -> Result<(), Problem> {
    match host {
        Some(host) if sites.allow(host) => Ok(()),
        Some(host) => {
            let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
            Err(Problem::new(Code::Host, format!("`{host}` is not a name of this server"))
                .hint(format!("ask under its address, or start it with `--host {name}`")))
        }
        None => Err(Problem::new(Code::Host, "the request needs one `Host` header")),
    }
}

/// Refuses a request of a page of another site, but for those that are listed.
pub(crate) fn check_site(sites: &Sites, headers: &HeaderMap) -> Result<(), Problem> {
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    check_page(sites, site, headers.get(header::ORIGIN))
}

/// Refuses pages of other sites, but for those that are listed. `site` is what the browser says of the page, `origin` where it
/// is from.
pub(crate) fn check_page(
    sites: &Sites,
    site: Option<&[u8]>,
    origin: Option<&HeaderValue>,
) -> Result<(), Problem> {
    if origin.is_some_and(|origin| sites.origins.allow(origin)) {
        return Ok(());
    }
    let is_ours = origin.is_none_or(|origin| {
        let origin = origin.to_str().unwrap_or_default();
        origin.split_once("://").is_some_and(|(_, authority)| sites.allow(authority))
    });
    if site != Some(b"cross-site") && is_ours {
        return Ok(());
    }
    Err(Problem::new(Code::CrossSite, "a page of another site may not write here")
        .hint("send it from your server, or start arrwDB with `--origin` and the page's origin"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_names_are_allowed() {
        let check = |listen: &str, allowed: &[&str], refused: &[&str]| {
            let names = vec!["Db.example".to_owned()];
            let sites = Sites::new(listen.parse().unwrap(), names, Vec::new());
            for host in allowed {
                assert!(sites.allow(host), "{listen}: {host}");
            }
            for host in refused {
                assert!(!sites.allow(host), "{listen}: {host}");
            }
        };
        let ours = ["localhost", "LOCALHOST:7650", "127.0.0.1:1", "[::1]:7650", "db.example:80"];
        let foreign =
            ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil", "a b", "8.8.8.8"];
        check("127.0.0.1:7650", &ours, &foreign);
        check("10.0.0.7:7650", &["10.0.0.7:7650", "localhost"], &["10.0.0.8", "evil.example"]);
        check("0.0.0.0:7650", &["10.0.0.7:7650", "8.8.8.8"], &["evil.example"]);
    }
}
