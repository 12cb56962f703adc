//! Where a request comes from, if proxies that are believed brought it.

use std::net::IpAddr;
use std::net::SocketAddr;

use hyper::header::HeaderMap;
use hyper::header::HeaderName;

use crate::network::Network;
use crate::network::plain;

/// The proxies before the server, and what they say about where a request comes from.
///
/// Nothing is believed by default: anybody can send such a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Whose word is believed.
    pub trusted: Vec<Network>,
    /// In which header they say it. Any other one is passed over.
    pub header: ForwardHeader,
}

impl Default for Proxy {
    fn default() -> Self {
        Self { trusted: Vec::new(), header: ForwardHeader::XForwardedFor }
    }
}

/// The header in which a proxy says whom a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ForwardHeader {
    /// `X-Forwarded-For: client, proxy`, to which each proxy appends.
    XForwardedFor,
    /// `Forwarded: for=client, for=proxy` of RFC 7239, to which each proxy appends.
    Forwarded,
    /// `X-Real-IP: client`, which the proxy sets.
    XRealIp,
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED: HeaderName = HeaderName::from_static("forwarded");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// Headers that a proxy adds, whichever is configured.
const OF_PROXIES: [HeaderName; 4] =
    [X_FORWARDED_FOR, FORWARDED, X_REAL_IP, HeaderName::from_static("via")];

impl ForwardHeader {
    const fn name(self) -> HeaderName {
        match self {
            Self::XForwardedFor => X_FORWARDED_FOR,
            Self::Forwarded => FORWARDED,
            Self::XRealIp => X_REAL_IP,
        }
    }
}

/// Where a request comes from, as far as can be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) address: IpAddr,
    pub(crate) how: How,
}

/// How the address is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// It is the other end of the socket, and nothing says that somebody is behind it.
    Direct,
    /// A proxy that is believed vouches for it.
    Forwarded,
    /// It is the other end of the socket. Somebody may be behind it: there is a header nobody
    /// vouches for, or one that cannot be read.
    Unclear,
}

impl Proxy {
    /// Whether the word of this address is believed.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(address))
    }

    /// Whom the request comes from: seen from the server, the first hop that is not a proxy
    /// which is believed. What stands beyond that hop anybody may have written.
    pub(crate) fn source(&self, peer: IpAddr, headers: &HeaderMap) -> Source {
        let peer = plain(peer);
        if !self.trusts(peer) || !headers.contains_key(self.header.name()) {
            // A proxy that is believed and says it in another header than the configured one brings
            // somebody, too: taken for the proxy itself, anybody would pass for this machine.
            let behind = OF_PROXIES.iter().any(|name| headers.contains_key(name));
            let how = if behind { How::Unclear } else { How::Direct };
            return Source { address: peer, how };
        }
        match self.hop(headers) {
            Some(address) => Source { address, how: How::Forwarded },
            None => Source { address: peer, how: How::Unclear },
        }
    }

    fn hop(&self, headers: &HeaderMap) -> Option<IpAddr> {
        let name = self.header.name();
        let mut values = Vec::new();
        for value in headers.get_all(&name) {
            values.push(value.to_str().ok()?);
        }
        let hops = match self.header {
            ForwardHeader::XRealIp => {
                let [one] = values[..] else { return None };
                return address(one.trim());
            }
            // Several headers of one name are one list.
            ForwardHeader::XForwardedFor => {
                values.into_iter().flat_map(|it| it.split(',')).map(address).collect()
            }
            ForwardHeader::Forwarded => forwarded(&values)?,
        };
        let mut last = None;
        for hop in hops.into_iter().rev() {
            // A hop that cannot be read hides those before it, too.
            let hop = hop?;
            last = Some(hop);
            if !self.trusts(hop) {
                break;
            }
        }
        last
    }
}

/// The `for` of each element; `None` if the list as a whole cannot be read.
fn forwarded(values: &[&str]) -> Option<Vec<Option<IpAddr>>> {
    let mut hops = Vec::new();
    for value in values {
        for element in split_unquoted(value, ',')? {
            let mut hop = None;
            for pair in split_unquoted(element, ';')? {
                let Some((name, value)) = pair.split_once('=') else { continue };
                if name.trim().eq_ignore_ascii_case("for") {
                    // One that stands twice is nobody's.
                    if hop.is_some() {
                        return None;
                    }
                    let value = value.trim();
                    let quoted = value.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
                    hop = Some(address(quoted.unwrap_or(value)));
                }
            }
            hops.push(hop.flatten());
        }
    }
    Some(hops)
}

/// Splits where the character stands outside of quotes; `None` if a quote has no end.
fn split_unquoted(text: &str, at: char) -> Option<Vec<&str>> {
    let (mut parts, mut begin) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (index, character) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if quoted && character == '\\' {
            escaped = true;
        } else if character == '"' {
            quoted = !quoted;
        } else if character == at && !quoted {
            parts.push(&text[begin..index]);
            begin = index + 1;
        }
    }
    parts.push(&text[begin..]);
    (!quoted).then_some(parts)
}

/// An address as proxies write it: alone, with a port, or in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let found = match text.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
        Some(inner) => IpAddr::V6(inner.parse().ok()?),
        None => match text.parse() {
            Ok(alone) => alone,
            Err(_) => text.parse::<SocketAddr>().ok()?.ip(),
        },
    };
    Some(plain(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY: &str = "127.0.0.1";

    fn source(
        header: ForwardHeader,
        peer: &str,
        headers: &[(&'static str, &str)],
    ) -> (String, How) {
        let trusted = ["127.0.0.1", "10.0.0.0/8"].map(|it| it.parse().unwrap()).to_vec();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        let Source { address, how } = Proxy { trusted, header }.source(peer.parse().unwrap(), &map);
        (address.to_string(), how)
    }

    fn x_forwarded_for(values: &[&str]) -> (String, How) {
        let headers: Vec<_> = values.iter().map(|it| ("x-forwarded-for", *it)).collect();
        source(ForwardHeader::XForwardedFor, PROXY, &headers)
    }

    fn forwarded(value: &str) -> (String, How) {
        source(ForwardHeader::Forwarded, PROXY, &[("forwarded", value)])
    }

    #[test]
    fn a_stranger_who_says_to_be_somebody_else_is_not_believed() {
        for header in
            [ForwardHeader::XForwardedFor, ForwardHeader::Forwarded, ForwardHeader::XRealIp]
        {
            let headers = [
                ("x-forwarded-for", "192.0.2.1"),
                ("forwarded", "for=192.0.2.1"),
                ("x-real-ip", "192.0.2.1"),
            ];
            let (address, how) = source(header, "203.0.113.9", &headers);
            assert_eq!((address.as_str(), how), ("203.0.113.9", How::Unclear));
        }
        let (address, how) = source(ForwardHeader::XRealIp, "203.0.113.9", &[]);
        assert_eq!((address.as_str(), how), ("203.0.113.9", How::Direct));
    }

    #[test]
    fn a_header_that_is_not_the_configured_one_is_not_read_and_shows_that_somebody_is_behind() {
        for headers in [
            &[("x-real-ip", "192.0.2.1"), ("forwarded", "for=192.0.2.2")][..],
            &[("x-real-ip", "192.0.2.1")],
            &[("via", "1.1 proxy")],
        ] {
            let (address, how) = source(ForwardHeader::XForwardedFor, PROXY, headers);
            assert_eq!((address.as_str(), how), (PROXY, How::Unclear));
        }
        let (address, how) = source(ForwardHeader::XForwardedFor, PROXY, &[]);
        assert_eq!((address.as_str(), how), (PROXY, How::Direct), "the proxy itself");
    }

    #[test]
    fn the_rightmost_hop_that_is_no_proxy_is_the_client() {
        for values in [
            &["192.0.2.1"][..],
            &["198.51.100.66, 192.0.2.1"],
            &["198.51.100.66", "192.0.2.1, 10.1.1.1"],
            &["garbage, 127.0.0.1, , 192.0.2.1, 10.1.1.1 ,10.2.2.2"],
            &["192.0.2.1:4711"],
            &["::ffff:192.0.2.1"],
        ] {
            assert_eq!(x_forwarded_for(values), ("192.0.2.1".to_owned(), How::Forwarded));
        }
        assert_eq!(x_forwarded_for(&["[2001:db8::1]:443"]).0, "2001:db8::1");
        assert_eq!(x_forwarded_for(&["10.1.1.1, 10.2.2.2"]).0, "10.1.1.1", "all are proxies");
    }

    #[test]
    fn garbage_from_a_proxy_hides_the_client_and_invents_none() {
        for values in [
            &[""][..],
            &[","],
            &["192.0.2.1,"],
            &["192.0.2.1, unknown"],
            &["192.0.2.1", "unix:"],
            &["192.0.2.1.example"],
            &["[192.0.2.1]"],
            &["192.0.2.1:99999"],
            &["192.0.2.1, 010.0.0.1"],
        ] {
            assert_eq!(x_forwarded_for(values), (PROXY.to_owned(), How::Unclear), "{values:?}");
        }
    }

    #[test]
    fn forwarded_is_read_with_its_quotes() {
        for value in [
            "for=192.0.2.1",
            "For=\"192.0.2.1:4711\";proto=https;by=10.0.0.1",
            "for=\"_a,for=198.51.100.66\", for=192.0.2.1;host=\"a;b\"",
            "for=192.0.2.1, for=10.1.1.1",
        ] {
            let expected = ("192.0.2.1".to_owned(), How::Forwarded);
            assert_eq!(forwarded(value), expected, "{value}");
        }
        assert_eq!(forwarded("for=\"[2001:db8::1]:443\"").0, "2001:db8::1");
        for value in [
            "for=_hidden",
            "for=unknown",
            "for=\"192.0.2.1",
            "for=192.0.2.1;for=192.0.2.2",
            "proto=https",
            "for=\"192.0.2.1\\\", for=\"",
        ] {
            assert_eq!(forwarded(value), (PROXY.to_owned(), How::Unclear), "{value}");
        }
    }

    #[test]
    fn a_real_ip_that_stands_twice_is_nobody() {
        let once = [("x-real-ip", "192.0.2.1")];
        let twice = [("x-real-ip", "198.51.100.66"), ("x-real-ip", "192.0.2.1")];
        let list = [("x-real-ip", "198.51.100.66, 192.0.2.1")];
        let source = |headers| source(ForwardHeader::XRealIp, PROXY, headers);
        assert_eq!(source(&once), ("192.0.2.1".to_owned(), How::Forwarded));
        assert_eq!(source(&twice), (PROXY.to_owned(), How::Unclear));
        assert_eq!(source(&list), (PROXY.to_owned(), How::Unclear));
    }
}
