//! The agent's console: one page and its modules, embedded in the program.

use std::sync::LazyLock;

use http_body_util::Full;
use hyper::Response;
use hyper::StatusCode;
use hyper::Uri;
use hyper::body::Bytes;
use hyper::header;
use hyper::header::HeaderMap;
use hyper::header::HeaderName;
use hyper::header::HeaderValue;

/// Where the page is; its files are below.
pub(crate) const PATH: &str = "/console";

/// Only what this server serves is loaded, run or connected to, nothing inline, and no other page
/// may frame it. The one policy of trusted types is for the URL of the timer's worker.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types coview";

/// The console uses none of what a browser would have to ask a person for.
pub(crate) const PERMISSIONS_POLICY: &str = "accelerometer=(), autoplay=(), camera=(), \
    display-capture=(), fullscreen=(self), geolocation=(), gyroscope=(), magnetometer=(), \
    microphone=(), midi=(), payment=(), publickey-credentials-get=(), usb=()";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// A file of the console. Its path begins after [`PATH`]; the page itself has the empty one.
struct File {
    path: &'static str,
    media_type: &'static str,
    bytes: &'static [u8],
}

macro_rules! files {
    ($($path:literal, $media_type:ident, $name:literal;)*) => {
        [$(File {
            path: $path,
            media_type: $media_type,
            bytes: include_bytes!(concat!("../console/", $name)),
        }),*]
    };
}

static FILES: [File; 14] = files![
    "", HTML, "index.html";
    "/console.css", CSS, "console.css";
    "/icon.svg", SVG, "icon.svg";
    "/app.js", JS, "app.js";
    "/client.js", JS, "client.js";
    "/connect.js", JS, "connect.js";
    "/dom.js", JS, "dom.js";
    "/facts.js", JS, "facts.js";
    "/home.js", JS, "home.js";
    "/key.js", JS, "key.js";
    "/picture.js", JS, "picture.js";
    "/timer.js", JS, "timer.js";
    "/viewer.js", JS, "viewer.js";
    "/words.js", JS, "words.js";
];

/// The entity tags of [`FILES`], in their order. They change when a file does, so that a browser
/// asks before it uses what it keeps and never mixes files of two versions.
static TAGS: LazyLock<Vec<HeaderValue>> = LazyLock::new(|| FILES.iter().map(tag).collect());

/// Answers a GET or HEAD for what is below [`PATH`]; `None` if there is no such file.
pub(crate) fn answer(uri: &Uri, asked: &HeaderMap) -> Option<Response<Full<Bytes>>> {
    let path = uri.path().strip_prefix(PATH)?;
    if path == "/" {
        return Some(to_the_page(uri.query()));
    }
    let at = FILES.iter().position(|file| file.path == path)?;
    let (file, tag) = (FILES.get(at)?, TAGS.get(at)?);

    let known = asked
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        // A proxy that compresses makes the tag a weak one; for a GET that is as good.
        .map(|listed| listed.trim().trim_start_matches("W/"))
        .any(|listed| listed == "*" || listed.as_bytes() == tag.as_bytes());
    let mut answer = if known {
        let mut answer = Response::new(Full::default());
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        answer
    } else {
        let mut answer = Response::new(Full::new(Bytes::from_static(file.bytes)));
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.media_type));
        answer
    };
    let headers = answer.headers_mut();
    headers.insert(header::ETAG, tag.clone());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    protect(headers);
    Some(answer)
}

/// The page names its files relative to `/console`, and works below any path of a proxy so. The
/// group that is to be filled in goes along.
fn to_the_page(query: Option<&str>) -> Response<Full<Bytes>> {
    const PAGE: &str = "../console";
    let page = query.and_then(|query| HeaderValue::try_from(format!("{PAGE}?{query}")).ok());
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::PERMANENT_REDIRECT;
    let headers = answer.headers_mut();
    headers.insert(header::LOCATION, page.unwrap_or_else(|| HeaderValue::from_static(PAGE)));
    protect(headers);
    answer
}

fn protect(headers: &mut HeaderMap) {
    const HEADERS: [(HeaderName, &str); 2] = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        // One request a connection, as everywhere on this port.
        (header::CONNECTION, "close"),
    ];
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// FNV-1a, 64 bits: enough to tell one version of a file from another.
fn tag(file: &File) -> HeaderValue {
    let hash = file.bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    HeaderValue::try_from(format!("\"{hash:016x}\"")).expect("hexadecimal digits are ASCII")
}
