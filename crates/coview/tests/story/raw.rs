//! A client that speaks protocol v1 by hand, in any order it likes.

use std::net::SocketAddr;

use async_tungstenite::WebSocketStream;
use async_tungstenite::client_async;
use async_tungstenite::tungstenite::ClientRequestBuilder;
use async_tungstenite::tungstenite::Message;
use futures_lite::StreamExt;
use serde_json::Value;
use serde_json::json;
use smol::net::TcpStream;

use crate::world::GROUP;
use crate::world::soon;

pub struct Raw {
    pub socket: WebSocketStream<TcpStream>,
}

impl Raw {
    /// A WebSocket on which nothing has been said.
    pub async fn connect(server: SocketAddr) -> Self {
        let uri = format!("ws://{server}/v1/socket").parse().unwrap();
        let request = ClientRequestBuilder::new(uri).with_sub_protocol("coview.v1");
        let tcp = soon("a TCP connection", TcpStream::connect(server)).await.unwrap();
        let (socket, _) = soon("a handshake", client_async(request, tcp)).await.unwrap();
        Self { socket }
    }

    /// A visitor of [`GROUP`] who has been welcomed.
    pub async fn visitor(server: SocketAddr) -> Self {
        let mut raw = Self::connect(server).await;
        raw.say(hello(1, GROUP)).await;
        raw.hear("welcome").await;
        raw
    }

    pub async fn say(&mut self, message: Value) {
        let text = Message::text(message.to_string());
        soon("a message to be written", self.socket.send(text)).await.unwrap();
    }

    /// The next message, which must be of this type.
    pub async fn hear(&mut self, t: &str) -> Value {
        let message = self.next().await.unwrap_or_else(|| panic!("closed instead of {t}"));
        assert_eq!(message["t"], t, "{message}");
        message
    }

    /// The next message, or `None` when the connection is closed.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            match soon("a message", self.socket.next()).await {
                Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(&text).unwrap()),
                // The library answers it, and then the stream ends.
                Some(Ok(Message::Close(_))) => {}
                Some(Err(_)) | None => return None,
                Some(Ok(other)) => panic!("{other:?}"),
            }
        }
    }
}

pub fn hello(version: u16, group: &str) -> Value {
    json!({ "t": "hello", "re": 0, "version": version, "group": group, "app": "active" })
}
