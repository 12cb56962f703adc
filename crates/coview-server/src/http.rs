use core::convert::Infallible;
use core::pin::Pin;
use std::sync::Arc;
use std::sync::Weak;

use coview_wire::SUBPROTOCOL;
use coview_wire::WEBSOCKET_PATH;
use futures_lite::AsyncRead;
use futures_lite::AsyncWrite;
use futures_lite::FutureExt;
use http_body_util::Full;
use hyper::Method;
use hyper::Request;
use hyper::Response;
use hyper::StatusCode;
use hyper::Version;
use hyper::body::Bytes;
use hyper::body::Incoming;
use hyper::header;
use hyper::header::HeaderMap;
use hyper::header::HeaderValue;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper::upgrade::Upgraded;
use smol::Executor;
use smol::Timer;
use smol_hyper::rt::FuturesIo;
use smol_hyper::rt::SmolTimer;
use tungstenite::handshake::derive_accept_key;

use crate::connection;
use crate::console;
use crate::metrics;
use crate::shared::Shared;

/// A byte stream: TCP, or TLS over TCP.
pub(crate) trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

pub(crate) type Stream = Pin<Box<dyn ByteStream>>;
type Io = FuturesIo<Stream>;
type Answer = Response<Full<Bytes>>;

/// Serves one HTTP request on a stream, and the WebSocket if the client asks for it.
///
/// A connection serves no second request and has no more than the time of the handshake: one that
/// asks over and over and reads no answer would be held for ever.
pub(crate) async fn serve(shared: Arc<Shared>, executor: Weak<Executor<'static>>, stream: Stream) {
    let handshake = shared.limits.handshake;
    let service = service_fn(|request| {
        let answer = answer(&shared, &executor, request);
        async move { Ok::<_, Infallible>(answer) }
    });
    let served = http1::Builder::new()
        .timer(SmolTimer::new())
        .header_read_timeout(handshake)
        .max_buf_size(16 * 1024)
        .serve_connection(FuturesIo::new(stream), service)
        .with_upgrades();
    let served = async {
        if let Err(error) = served.await {
            tracing::debug!(%error, "HTTP connection ended");
        }
    };
    let late = async {
        Timer::after(handshake).await;
        tracing::debug!("HTTP connection ended: the answer was not read in time");
    };
    served.or(late).await;
}

fn answer(
    shared: &Arc<Shared>,
    executor: &Weak<Executor<'static>>,
    request: Request<Incoming>,
) -> Answer {
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
        (true, "/healthz") => text(StatusCode::OK, "ok\n"),
        (true, "/metrics") => {
            let mut answer = text(StatusCode::OK, metrics::text(shared));
            answer.headers_mut().insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static(
                    "application/openmetrics-text; version=1.0.0; charset=utf-8",
                ),
            );
            answer
        }
        (true, WEBSOCKET_PATH) => upgrade(shared, executor, request),
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
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // One request a connection; all but the WebSocket's answer are made here.
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// Answers the WebSocket handshake, or says what is wrong with it.
fn upgrade(
    shared: &Arc<Shared>,
    executor: &Weak<Executor<'static>>,
    mut request: Request<Incoming>,
) -> Answer {
    let headers = request.headers();
    if *request.method() != Method::GET
        || request.version() != Version::HTTP_11
        || !lists(headers, header::UPGRADE, "websocket")
        || !lists(headers, header::CONNECTION, "upgrade")
    {
        let mut answer =
            text(StatusCode::UPGRADE_REQUIRED, "this is a WebSocket: connect with ws or wss\n");
        answer.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        return answer;
    }
    if !lists(headers, header::SEC_WEBSOCKET_VERSION, "13") {
        let mut answer = text(StatusCode::UPGRADE_REQUIRED, "WebSocket version 13 is needed\n");
        answer.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        return answer;
    }
    if !lists(headers, header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL) {
        return text(StatusCode::BAD_REQUEST, "ask for the subprotocol coview.v1\n");
    }
    let Some(key) = headers.get(header::SEC_WEBSOCKET_KEY) else {
        return text(StatusCode::BAD_REQUEST, "Sec-WebSocket-Key is missing\n");
    };
    if shared.is_full() {
        let mut answer = text(StatusCode::SERVICE_UNAVAILABLE, "too many connections\n");
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
        return answer;
    }
    let accept = derive_accept_key(key.as_bytes());
    let Ok(accept) = HeaderValue::from_str(&accept) else {
        return text(StatusCode::BAD_REQUEST, "Sec-WebSocket-Key cannot be used\n");
    };

    let upgraded = hyper::upgrade::on(&mut request);
    // The tasks of the server's executor know it weakly, so that it and they end together.
    if let Some(executor) = executor.upgrade() {
        executor.spawn(open_socket(Arc::clone(shared), upgraded)).detach();
    }

    let mut answer = text(StatusCode::SWITCHING_PROTOCOLS, "");
    let headers = answer.headers_mut();
    headers.clear();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    answer
}

async fn open_socket(shared: Arc<Shared>, upgraded: OnUpgrade) {
    let Ok(upgraded) = upgraded.await else { return };
    let Some((stream, read)) = stream_of(upgraded) else { return };
    if let Some((conn, outbox)) = shared.open() {
        connection::serve(shared, conn, outbox, stream, read).await;
    }
}

/// Takes the stream back from hyper, so that its own read buffer is not kept for the session.
fn stream_of(upgraded: Upgraded) -> Option<(Stream, Vec<u8>)> {
    let parts = upgraded.downcast::<Io>().ok()?;
    Some((parts.io.into_inner(), parts.read_buf.to_vec()))
}

fn lists(headers: &HeaderMap, name: header::HeaderName, word: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|listed| listed.trim().eq_ignore_ascii_case(word))
}
