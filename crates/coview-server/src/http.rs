use core::convert::Infallible;
use core::future::poll_fn;
use core::future::ready;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use coview_wire::SUBPROTOCOL;
use coview_wire::WEBSOCKET_PATH;
use http_body_util::Full;
use hyper::Method;
use hyper::Request;
use hyper::Response;
use hyper::StatusCode;
use hyper::Version;
use hyper::body::Body as _;
use hyper::body::Bytes;
use hyper::body::Incoming;
use hyper::header;
use hyper::header::HeaderMap;
use hyper::header::HeaderName;
use hyper::header::HeaderValue;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use smol_hyper::rt::FuturesIo;
use tungstenite::handshake::derive_accept_key;

use crate::console;
use crate::front::Admitted;
use crate::metrics;
use crate::origins::Page;
use crate::shared::Shared;
use crate::stream::Stream;

type Answer = Response<Full<Bytes>>;

/// The most headers a request may have, and the most bytes it may have before its body; browsers
/// behind two proxies need a third of either.
const HEADERS: usize = 64;
const HEAD_BYTES: usize = 16 * 1024;

/// Who is behind a WebSocket, as far as its handshake tells.
pub(crate) struct Client {
    pub(crate) page: Option<Page>,
    pub(crate) address: IpAddr,
    pub(crate) admitted: Admitted,
}

/// What became of a connection whose client asked for the WebSocket, and was answered.
pub(crate) struct Upgraded {
    pub(crate) client: Client,
    pub(crate) stream: Stream,
    /// What was read of the stream already.
    pub(crate) read: Vec<u8>,
}

/// Serves one HTTP request on a stream, and gives the stream back if it is a WebSocket from then on.
///
/// A connection serves no second request: one that asks over and over and reads no answer would be
/// held for ever. Whoever calls this gives it the time of a handshake.
pub(crate) async fn serve(shared: &Arc<Shared>, stream: Stream, from: IpAddr) -> Option<Upgraded> {
    let client = Mutex::new(None);
    let service = service_fn(|request: Request<Incoming>| {
        let local = is_localhost(request.headers());
        let (mut answer, upgraded) = answer(shared, from, &request);
        protect(answer.headers_mut());
        if let Some(hsts) = shared.front.hsts.as_ref().filter(|_| !local) {
            answer.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, hsts.clone());
        }
        *client.lock().unwrap_or_else(PoisonError::into_inner) = upgraded;
        ready(Ok::<_, Infallible>(answer))
    });
    let mut served = http1::Builder::new()
        // The caller's time is for the headers, too.
        .header_read_timeout(None)
        .max_headers(HEADERS)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(FuturesIo::new(stream), service);
    if let Err(error) = poll_fn(|cx| served.poll_without_shutdown(cx)).await {
        tracing::debug!(%error, "HTTP connection ended");
        return None;
    }
    let upgraded = client.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(client) = upgraded {
        // With the stream taken back, hyper's own buffers are not kept for the session.
        let parts = served.into_parts();
        let read = parts.read_buf.to_vec();
        return Some(Upgraded { client, stream: parts.io.into_inner(), read });
    }
    if let Err(error) = served.await {
        tracing::debug!(%error, "HTTP connection ended");
    }
    None
}

/// Adds to an answer what no browser should be without.
fn protect(headers: &mut HeaderMap) {
    const PROTECTION: [(HeaderName, &str); 7] = [
        // Only the console's files may load anything; they say so themselves.
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("permissions-policy"), console::PERMISSIONS_POLICY),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in PROTECTION {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

/// Whether the client came by a name that means each machine's own: what a browser remembers of it
/// would hold for every other server there, too.
fn is_localhost(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name.eq_ignore_ascii_case("localhost")
}

/// The answer, and who is behind the WebSocket if it is one.
fn answer(
    shared: &Arc<Shared>,
    from: IpAddr,
    request: &Request<Incoming>,
) -> (Answer, Option<Client>) {
    let get = matches!(*request.method(), Method::GET | Method::HEAD);
    let in_the_clear = request.uri().query().is_some_and(names_a_secret);
    if get && !in_the_clear && request.uri().path() == WEBSOCKET_PATH {
        return match upgrade(shared, from, request) {
            Ok((answer, client)) => (answer, Some(client)),
            Err(answer) => (*answer, None),
        };
    }
    (page(shared, from, request), None)
}

fn page(shared: &Arc<Shared>, from: IpAddr, request: &Request<Incoming>) -> Answer {
    // Addresses are kept by browsers and written down by proxies.
    if request.uri().query().is_some_and(names_a_secret) {
        return text(
            StatusCode::BAD_REQUEST,
            "a token, a key or a secret has no place in an address: it stays in histories and logs \
             from here on; make a new one, and send it in a message\n",
        );
    }
    let get = matches!(*request.method(), Method::GET | Method::HEAD);
    match (get, request.uri().path()) {
        (true, "/") => text(
            StatusCode::OK,
            concat!(
                "coview ",
                env!("CARGO_PKG_VERSION"),
                ": consented screen sharing between a visitor inside an app and a support agent.\n",
                "Clients connect to the WebSocket at /v1/socket, subprotocol coview.v1.\n",
                "Agents find their console at /console.\n",
            ),
        ),
        (true, "/healthz") => match (shared.draining(), shared.no_records()) {
            (None, None) => text(StatusCode::OK, "ok\n"),
            (Some(_), _) => text(StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
            // Why is in the server's log: it names a file.
            (None, Some(_)) => text(
                StatusCode::SERVICE_UNAVAILABLE,
                "the audit log cannot be written: nothing new begins until it can\n",
            ),
        },
        (true, "/metrics")
            if shared.front.shows_metrics_to(shared.front.source(from, request.headers())) =>
        {
            let mut answer = text(StatusCode::OK, metrics::text(shared));
            answer.headers_mut().insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static(
                    "application/openmetrics-text; version=1.0.0; charset=utf-8",
                ),
            );
            answer
        }
        (true, _) => console::answer(request.uri(), request.headers())
            .unwrap_or_else(|| text(StatusCode::NOT_FOUND, "not found\n")),
        (false, _) => {
            let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered here\n");
            answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            answer
        }
    }
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // One request a connection; all but the WebSocket's answer are made here.
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// Whether a query has a parameter with a name that secrets go by.
fn names_a_secret(query: &str) -> bool {
    const NAMES: [&str; 6] =
        ["token", "access_token", "client_token", "assertion", "secret", "key"];
    query.split('&').any(|pair| {
        let name = pair.split('=').next().unwrap_or(pair);
        NAMES.iter().any(|secret| name.eq_ignore_ascii_case(secret))
    })
}

/// Answers the WebSocket handshake, or says what is wrong with it.
fn upgrade(
    shared: &Arc<Shared>,
    from: IpAddr,
    request: &Request<Incoming>,
) -> Result<(Answer, Client), Box<Answer>> {
    let headers = request.headers();
    if *request.method() != Method::GET
        || request.version() != Version::HTTP_11
        || !lists(headers, header::UPGRADE, "websocket")
        || !lists(headers, header::CONNECTION, "upgrade")
    {
        let mut answer =
            text(StatusCode::UPGRADE_REQUIRED, "this is a WebSocket: connect with ws or wss\n");
        answer.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        return Err(answer.into());
    }
    // Where it ends and the first frame begins, a proxy may see otherwise.
    if !request.body().is_end_stream() {
        let why = "a request for a WebSocket has no body\n";
        return Err(text(StatusCode::BAD_REQUEST, why).into());
    }
    if !lists(headers, header::SEC_WEBSOCKET_VERSION, "13") {
        let mut answer = text(StatusCode::UPGRADE_REQUIRED, "WebSocket version 13 is needed\n");
        answer.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        return Err(answer.into());
    }
    if !lists(headers, header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL) {
        let why = "ask for the subprotocol coview.v1\n";
        return Err(text(StatusCode::BAD_REQUEST, why).into());
    }
    let Some(key) = headers.get(header::SEC_WEBSOCKET_KEY) else {
        return Err(text(StatusCode::BAD_REQUEST, "Sec-WebSocket-Key is missing\n").into());
    };
    let later = |status, why: &'static str| {
        let mut answer = text(status, why);
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
        answer
    };
    if shared.draining().is_some_and(|since| since >= shared.limits.drain_accept) {
        return Err(later(StatusCode::SERVICE_UNAVAILABLE, "draining\n").into());
    }
    if shared.is_full() {
        return Err(later(StatusCode::SERVICE_UNAVAILABLE, "too many connections\n").into());
    }
    let source = shared.front.source(from, headers);
    let Some(admitted) = shared.admit_client(source) else {
        let why = "too many connections from your address\n";
        return Err(later(StatusCode::TOO_MANY_REQUESTS, why).into());
    };
    let accept = derive_accept_key(key.as_bytes());
    let Ok(accept) = HeaderValue::from_str(&accept) else {
        let why = "Sec-WebSocket-Key cannot be used\n";
        return Err(text(StatusCode::BAD_REQUEST, why).into());
    };
    let page = shared.front.own.of_request(headers);
    let client = Client { page, address: source.address, admitted };

    let mut answer = text(StatusCode::SWITCHING_PROTOCOLS, "");
    let headers = answer.headers_mut();
    headers.clear();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    Ok((answer, client))
}

fn lists(headers: &HeaderMap, name: HeaderName, word: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|listed| listed.trim().eq_ignore_ascii_case(word))
}
