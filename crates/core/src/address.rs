//! Addresses of services and pages, parsed before anything is believed of them.
//!
//! `http://127.0.0.1:80@evil.example/` begins like an address of this machine and is one of
//! `evil.example`: what stands before the `@` is a user's name and password. So an address is
//! checked as the HTTP client will understand it, and whole.

use std::net::{Ipv4Addr, Ipv6Addr};

use http::Uri;

/// The hosts to which plain HTTP may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlainHttp {
    /// This machine, where tests and emulators listen: what is sent holds secrets.
    Here,
    /// Any, because emulators may be on any, and AWS's requests are signed.
    Anywhere,
}

/// Whether a text is the address of a service: scheme, host, and perhaps port and path.
pub fn is_service(text: &str, plain: PlainHttp) -> bool {
    !text.contains(['?', '#']) && is_page(text, plain)
}

/// Whether a text is the address of a page, which may also have a query and a fragment.
pub fn is_page(text: &str, plain: PlainHttp) -> bool {
    is_written_correctly(text)
        && text
            .parse()
            .is_ok_and(|uri: Uri| problem(&uri, plain).is_none())
}

/// Why no request may be sent to an address; none if one may.
pub fn problem(uri: &Uri, plain: PlainHttp) -> Option<&'static str> {
    let authority = uri.authority().map(http::uri::Authority::as_str);
    let authority = authority.unwrap_or_default();
    if authority.contains('@') {
        return Some("the URL has a user name in it");
    }
    let host = uri.host().unwrap_or_default();
    let port = authority.strip_prefix(host).unwrap_or_default();
    let is_number = |port: &str| port.bytes().all(|b| b.is_ascii_digit());
    let is_port = |port: &str| is_number(port) && port.parse().is_ok_and(|port: u16| port > 0);
    let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
    if !is_host(host) || !is_port {
        return Some("the URL has no valid host and port");
    }
    match uri.scheme_str() {
        Some("https") => None,
        Some("http") if plain == PlainHttp::Anywhere || is_here(host) => None,
        Some("http") => Some("plain HTTP is only for this machine"),
        _ => Some("the URL does not begin with https://"),
    }
}

fn is_here(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || ["127.0.0.1", "[::1]"].contains(&host)
}

/// A name or an IP address. What ends with a number is an IP address, whole and in decimal: a
/// resolver would take `127.1` for one, too.
fn is_host(host: &str) -> bool {
    if let Some(inside) = host.strip_prefix('[') {
        let inside = inside.strip_suffix(']');
        return inside.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
    }
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let mut labels = host.split('.');
    let is_number = |label: &str| label.bytes().all(|b| b.is_ascii_digit());
    host.parse::<Ipv4Addr>().is_ok()
        || labels
            .clone()
            .all(|label| !label.is_empty() && label.bytes().all(is_allowed))
            && labels.next_back().is_some_and(|last| !is_number(last))
}

/// Whether there are only the characters of a URL, each where it may be,
/// <https://www.rfc-editor.org/rfc/rfc3986#appendix-A>. [`Uri`] takes more, and drops a fragment.
fn is_written_correctly(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else {
        return false;
    };
    let tail = rest.find(['/', '?', '#']).map_or("", |at| &rest[at..]);
    let (before, fragment) = tail.split_once('#').unwrap_or((tail, ""));
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/?@!$&'()*+,;=%".contains(&b);
    let is_escape = |after: &str| {
        let digits = after.get(..2);
        digits.is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    [before, fragment]
        .iter()
        .all(|part| part.bytes().all(is_allowed) && part.split('%').skip(1).all(is_escape))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_that_means_this_machine_is_taken_for_one() {
        for text in [
            "http://127.0.0.1",
            "http://127.0.0.1:8080/x",
            "http://localhost/",
            "http://LOCALHOST:1/",
            "http://[::1]:5000/a/b",
        ] {
            assert!(is_service(text, PlainHttp::Here), "{text}");
        }
        for text in [
            "http://127.0.0.1:80@evil.example/",
            "http://127.0.0.1@evil.example/",
            "http://localhost:a@evil.example/",
            "http://127.0.0.1\\@evil.example/",
            "http://127.0.0.1.evil.example/",
            "http://localhost.evil.example/",
            "http://evil.example/127.0.0.1",
            "http://evil.example",
            "http://127.1/",
            "http://[::2]/",
        ] {
            assert!(!is_service(text, PlainHttp::Here), "{text}");
        }
        assert!(is_service("http://emulator:5000", PlainHttp::Anywhere));
        assert!(!is_service("http://a@emulator:5000", PlainHttp::Anywhere));
    }

    #[test]
    fn an_address_is_checked_whole() {
        let page = |text| is_page(text, PlainHttp::Here);
        for text in [
            "https://wiki.example",
            "https://wiki.example:8443/a%20b/(c)?d=e&f=g%7C#h/i?j",
            "https://192.0.2.1/",
        ] {
            assert!(page(text), "{text}");
        }
        for text in [
            "",
            "wiki.example",
            "//wiki.example/",
            "https://",
            "https:///x",
            "https:/wiki.example",
            "https://user@wiki.example/",
            "https://user:word@wiki.example/",
            "https://@wiki.example/",
            "https://wiki..example/",
            "https://.example/",
            "https://wiki.example:",
            "https://wiki.example:0/",
            "https://wiki.example:65536/",
            "https://wiki.example:+1/",
            "https://wiki.example:a/",
            "https://[::1/",
            "https://2130706433/",
            "https://wiki.example/a b",
            "https://wiki.example/a|b",
            "https://wiki.example/<a>",
            "https://wiki.example/\"a",
            "https://wiki.example/a%2",
            "https://wiki.example/a%zz",
            "https://wiki.example/a#b#c",
            "https://wiki.example/[a]",
            "https://wiki.example/é",
            "https://wiki.example/\u{202e}",
            "ftp://wiki.example/",
            "javascript:alert(1)",
            "javascript://wiki.example/",
        ] {
            assert!(!page(text), "{text}");
        }
        assert!(!is_service("https://lwa.example/?a", PlainHttp::Here));
        assert!(!is_service("https://lwa.example/#a", PlainHttp::Here));
    }
}
