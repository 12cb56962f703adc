use core::pin::Pin;
use std::io;

use async_tungstenite::WebSocketStream;
use async_tungstenite::client_async_with_config;
use async_tungstenite::tungstenite::ClientRequestBuilder;
use async_tungstenite::tungstenite::protocol::WebSocketConfig;
use coview_proto::OpenError;
use coview_proto::OpenErrorKind;
use coview_wire::SUBPROTOCOL;
use coview_wire::limits;
use futures_lite::AsyncRead;
use futures_lite::AsyncWrite;
use futures_rustls::TlsConnector;
use rustls_pki_types::ServerName;
use smol::net::TcpStream;

use crate::config::Roots;
use crate::config::ServerUrl;
use crate::head::WholeHead;

/// A byte stream: TCP, or TLS over TCP.
pub(crate) trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Bytes for T {}

pub(crate) type Socket = WebSocketStream<Pin<Box<dyn Bytes>>>;

/// Opens a WebSocket: name, TCP, TLS if asked for, handshake.
pub(crate) async fn open(
    url: ServerUrl,
    roots: Roots,
    longest: usize,
) -> Result<Socket, OpenError> {
    let address = (url.bare_host(), url.port);
    let tcp = TcpStream::connect(address).await.map_err(|error| {
        let kind = match error.raw_os_error() {
            Some(_) => OpenErrorKind::Connect,
            // The resolver's errors carry no number of the operating system.
            None => OpenErrorKind::Name,
        };
        OpenError::new(kind, error.to_string())
    })?;
    tcp.set_nodelay(true).map_err(|error| dropped(&error))?;

    let bytes: Pin<Box<dyn Bytes>> = if url.tls {
        let name = ServerName::try_from(url.bare_host().to_owned())
            .map_err(|error| OpenError::new(OpenErrorKind::Address, error.to_string()))?;
        let tls = TlsConnector::from(roots.0)
            .connect(name, tcp)
            .await
            .map_err(|error| OpenError::new(OpenErrorKind::Tls, error.to_string()))?;
        Box::pin(WholeHead::new(tls))
    } else {
        Box::pin(WholeHead::new(tcp))
    };

    let uri = url
        .to_string()
        .parse()
        .map_err(|_| OpenError::new(OpenErrorKind::Address, "the address has no URL form"))?;
    let request = ClientRequestBuilder::new(uri).with_sub_protocol(SUBPROTOCOL);
    let (socket, _) = client_async_with_config(request, bytes, Some(websocket_config(longest)))
        .await
        .map_err(|error| OpenError::new(OpenErrorKind::Handshake, error.to_string()))?;
    Ok(socket)
}

fn dropped(error: &io::Error) -> OpenError {
    OpenError::new(OpenErrorKind::Dropped, error.to_string())
}

fn websocket_config(longest: usize) -> WebSocketConfig {
    // The library's own read buffer of 128 KiB is allocated at once and would be most of the memory
    // of an app that is only online. Who is sent pictures reads them in larger pieces.
    let buffer = if longest > limits::MESSAGE_BYTES { 64 * 1024 } else { 4 * 1024 };
    WebSocketConfig::default()
        .read_buffer_size(buffer)
        .max_message_size(Some(longest))
        .max_frame_size(Some(longest))
}
