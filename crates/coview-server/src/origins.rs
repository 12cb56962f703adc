//! The origins of web pages: which are the server's own, and how one is written.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use coview_hub::Origin;
use hyper::header;
use hyper::header::HeaderMap;
use thiserror::Error;

/// Why a text is no origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum OriginError {
    #[error("an origin is a scheme and a host, as in https://app.example.org")]
    Form,
    #[error("an origin ends with the host or the port: leave out the path, also a lone slash")]
    Path,
    #[error("name each origin; there is no wildcard")]
    Wildcard,
}

/// An origin as browsers write it: in lower case, without the port that goes without saying.
pub(crate) fn normal(text: &str) -> Result<Box<str>, OriginError> {
    if text.contains('*') {
        return Err(OriginError::Wildcard);
    }
    let (scheme, host) = text.split_once("://").ok_or(OriginError::Form)?;
    let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.chars().all(letters) {
        return Err(OriginError::Form);
    }
    if host.contains(['/', '?', '#']) {
        return Err(OriginError::Path);
    }
    // What stands in a host, an address in brackets, or a port. A user's name does not.
    let plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '[' | ']' | ':');
    if host.is_empty() || !host.chars().all(plain) {
        return Err(OriginError::Form);
    }
    let (scheme, mut host) = (scheme.to_ascii_lowercase(), host.to_ascii_lowercase());
    let usual = match scheme.as_str() {
        "http" => ":80",
        "https" => ":443",
        _ => "",
    };
    if let Some(short) = host.strip_suffix(usual) {
        host.truncate(short.len());
    }
    Ok(format!("{scheme}://{host}").into())
}

/// The origins of the pages this server serves itself.
#[derive(Clone, Debug)]
pub(crate) struct Own(BTreeSet<Box<str>>);

impl Own {
    /// Those that are configured; if none is, what a browser on this machine calls the address.
    pub(crate) fn new(configured: &BTreeSet<Box<str>>, listens: SocketAddr, tls: bool) -> Self {
        if !configured.is_empty() {
            return Self(configured.clone());
        }
        let scheme = if tls { "https" } else { "http" };
        let (ip, port) = (listens.ip(), listens.port());
        let mut hosts = vec![listens.to_string()];
        if ip.is_loopback() || ip.is_unspecified() {
            hosts.extend(["127.0.0.1", "[::1]", "localhost"].map(|host| format!("{host}:{port}")));
        }
        Self(hosts.iter().filter_map(|host| normal(&format!("{scheme}://{host}")).ok()).collect())
    }

    /// Where the page is from that makes this request; `None` if no browser does.
    ///
    /// `null`, an origin that cannot be read, and more than one are a page nobody has listed.
    pub(crate) fn of_request(&self, headers: &HeaderMap) -> Option<Page> {
        let mut given = headers.get_all(header::ORIGIN).iter();
        let first = given.next()?;
        if given.next().is_some() {
            return Some(Page::Foreign(Box::default()));
        }
        let origin = first.to_str().ok().and_then(|it| normal(it).ok()).unwrap_or_default();
        Some(if self.0.contains(&origin) { Page::Own } else { Page::Foreign(origin) })
    }
}

/// The page that makes a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    Own,
    Foreign(Box<str>),
}

impl Page {
    pub(crate) fn origin(&self) -> Origin<'_> {
        match self {
            Self::Own => Origin::Own,
            Self::Foreign(origin) => Origin::Page(origin),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(configured: &[&str], listens: &str) -> Own {
        let configured = configured.iter().map(|it| normal(it).unwrap()).collect();
        Own::new(&configured, listens.parse().unwrap(), false)
    }

    fn page(own: &Own, origins: &[&str]) -> Option<Page> {
        let mut headers = HeaderMap::new();
        for origin in origins {
            headers.append(header::ORIGIN, origin.parse().unwrap());
        }
        own.of_request(&headers)
    }

    #[test]
    fn an_origin_is_written_one_way() {
        for (text, written) in [
            ("https://App.Example.org", "https://app.example.org"),
            ("https://app.example.org:443", "https://app.example.org"),
            ("http://app.example.org:443", "http://app.example.org:443"),
            ("HTTP://[::1]:80", "http://[::1]"),
            ("capacitor://localhost", "capacitor://localhost"),
        ] {
            assert_eq!(normal(text).as_deref(), Ok(written), "{text}");
        }
    }

    #[test]
    fn what_is_no_origin_says_why() {
        for (text, error) in [
            ("", OriginError::Form),
            ("null", OriginError::Form),
            ("app.example.org", OriginError::Form),
            ("https://", OriginError::Form),
            ("https://me@app.example.org", OriginError::Form),
            ("https://app.example.org ", OriginError::Form),
            ("1x://app", OriginError::Form),
            ("https://app.example.org/", OriginError::Path),
            ("https://*.example.org", OriginError::Wildcard),
            ("*", OriginError::Wildcard),
        ] {
            assert_eq!(normal(text), Err(error), "{text}");
        }
    }

    #[test]
    fn a_page_of_the_server_is_told_from_any_other() {
        let loopback = own(&[], "127.0.0.1:7300");
        for origin in ["http://127.0.0.1:7300", "http://localhost:7300", "http://[::1]:7300"] {
            assert_eq!(page(&loopback, &[origin]), Some(Page::Own), "{origin}");
        }
        for origin in [
            "https://localhost:7300",
            "http://localhost",
            "http://localhost:7301",
            "http://evil.example:7300",
            "null",
            "",
        ] {
            assert!(matches!(page(&loopback, &[origin]), Some(Page::Foreign(_))), "{origin}");
        }
        assert_eq!(page(&loopback, &[]), None, "no browser");

        let named = own(&["https://support.example.org"], "127.0.0.1:7300");
        assert_eq!(page(&named, &["https://support.example.org"]), Some(Page::Own));
        assert!(matches!(page(&named, &["http://localhost:7300"]), Some(Page::Foreign(_))));
    }

    #[test]
    fn two_origins_are_nobodys() {
        let own = own(&[], "127.0.0.1:7300");
        let origin = "http://127.0.0.1:7300";
        assert_eq!(page(&own, &[origin, origin]), Some(Page::Foreign("".into())));
    }
}
