//! 1. Connecting without a visitor id, and every way in which it can fail.

use std::time::Instant;

use async_tungstenite::accept_hdr_async;
use async_tungstenite::tungstenite::Message;
use async_tungstenite::tungstenite::handshake::server::ErrorResponse;
use async_tungstenite::tungstenite::handshake::server::Request;
use async_tungstenite::tungstenite::handshake::server::Response;
use coview::AppState;
use coview::ClientToken;
use coview::RefusalCode;
use coview::StateKind;
use coview::smol::AgentConfig;
use coview::smol::Config;
use coview::smol::ConnectError;
use coview::smol::OpenErrorKind;
use futures_lite::StreamExt;
use serde_json::json;
use smol::Task;
use smol::net::TcpListener;

use crate::raw::Raw;
use crate::raw::hello;
use crate::world::*;

#[test]
fn story_01_connect_without_visitor_id_is_initialized_with_what_to_show() {
    story(async {
        let world = World::new();
        let visitor = world.visitor().await;
        assert_eq!(visitor.state(), StateKind::Anonymous);
        assert_eq!(visitor.group().as_str(), GROUP);
        assert_eq!(visitor.app(), AppState::Active);
        let settings = visitor.settings();
        assert!(settings.share_button);
        assert!(settings.presence);
        assert_eq!(settings.key_digits.get(), 9);

        let config = Config::new(world.url().parse().unwrap(), group(CLOSED_GROUP))
            .with_token(ClientToken::new(CLIENT_TOKEN).unwrap());
        let settings = connect(config).await.settings();
        assert!(!settings.share_button);
        assert!(!settings.presence);
        drop(visitor);
        world.stop().await;
    });
}

#[test]
fn story_01_unreachable_server_is_a_typed_error() {
    story(async {
        // No server listens on port 1 of a loopback.
        let error = fails(visitor_at("ws://127.0.0.1:1")).await;
        let ConnectError::Unreachable(open) = &error else { panic!("{error:?}") };
        assert_eq!(open.kind(), OpenErrorKind::Connect);
        assert!(error.to_string().starts_with("the server cannot be reached: no connection: "));

        let agent = coview::smol::sign_in(agent_at("ws://127.0.0.1:1", "ada"));
        let error = soon("the failure", agent).await.unwrap_err();
        assert!(matches!(error, ConnectError::Unreachable(_)), "{error:?}");
    });
}

#[test]
fn story_01_wrong_version_is_refused_and_the_connection_closed() {
    story(async {
        let world = World::new();
        for sign_in in [false, true] {
            let mut raw = Raw::connect(world.address).await;
            if sign_in {
                let token = token("ada");
                let token = token.expose_secret();
                raw.say(json!({ "t": "sign_in", "re": 0, "version": 2, "group": GROUP, "token": token }))
                    .await;
            } else {
                raw.say(hello(2, GROUP)).await;
            }
            assert_eq!(raw.hear("refused").await["code"], "version_unsupported");
            let closing = raw.hear("closing").await;
            assert_eq!(closing, json!({ "t": "closing", "reason": "refused", "retry": false }));
            assert_eq!(raw.next().await, None);
        }
        world.stop().await;

        // And as an app sees it, from a server that is newer than this client.
        let refused = json!({ "t": "refused", "re": 0, "code": "version_unsupported" });
        let (url, _server) = other_server(vec![refused.to_string()]).await;
        let error = fails(visitor_at(&url)).await;
        assert_eq!(error, ConnectError::Refused(RefusalCode::VersionUnsupported));
        assert_eq!(error.to_string(), "the server refused: this protocol version is not supported");
    });
}

#[test]
fn story_01_unknown_group_and_wrong_token_are_typed_errors() {
    story(async {
        let world = World::new();
        let url = || world.url().parse().unwrap();
        let unknown = Config::new(url(), group("99999"));
        assert_eq!(fails(unknown).await, ConnectError::Refused(RefusalCode::UnknownGroup));

        let none = Config::new(url(), group(CLOSED_GROUP));
        assert_eq!(fails(none.clone()).await, ConnectError::Refused(RefusalCode::BadToken));
        let wrong = none.with_token(ClientToken::new("another").unwrap());
        assert_eq!(fails(wrong).await, ConnectError::Refused(RefusalCode::BadToken));

        for (group_id, agent, code) in [
            ("99999", "ada", RefusalCode::UnknownGroup),
            (GROUP, "nobody", RefusalCode::BadToken),
            // An agent of another group.
            (GROUP, "eve", RefusalCode::BadToken),
        ] {
            let config = AgentConfig::new(url(), group(group_id), token(agent));
            let error = soon("the refusal", coview::smol::sign_in(config)).await.unwrap_err();
            assert_eq!(error, ConnectError::Refused(code));
        }
        world.metric_becomes("coview_connections", 0).await;
        world.stop().await;
    });
}

#[test]
fn story_01_server_that_says_nothing_is_given_up_at_the_deadline() {
    story(async {
        // It accepts the connection, and that is all.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        assert_no_answer_in_time(&url).await;

        // The same where a TLS handshake is waited for.
        assert_no_answer_in_time(&url.replace("ws:", "wss:")).await;

        // It answers the handshake of the WebSocket, and that is all.
        let (url, _server) = other_server(Vec::new()).await;
        assert_no_answer_in_time(&url).await;
    });
}

#[expect(clippy::disallowed_methods, reason = "this measures how long a failure takes")]
async fn assert_no_answer_in_time(url: &str) {
    let began = Instant::now();
    let error = fails(visitor_at(url).with_first_reply(ms(200))).await;
    assert_eq!(error, ConnectError::NoAnswer);
    assert!(began.elapsed() >= ms(200), "{:?}", began.elapsed());
}

#[test]
fn story_01_http_server_is_no_coview_server() {
    story(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let _server: Task<std::io::Result<()>> = smol::spawn(async move {
            use futures_lite::AsyncReadExt;
            use futures_lite::AsyncWriteExt;
            loop {
                let (mut tcp, _) = listener.accept().await?;
                let _ = tcp.read(&mut [0; 1024]).await?;
                tcp.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").await?;
            }
        });
        let error = fails(visitor_at(&url)).await;
        let ConnectError::Unreachable(open) = &error else { panic!("{error:?}") };
        assert_eq!(open.kind(), OpenErrorKind::Handshake);
        assert!(error.to_string().contains("not a coview server"), "{error}");

        // A coview server, but another path of it.
        let world = World::new();
        let error = fails(visitor_at(&format!("{}/elsewhere", world.url()))).await;
        let ConnectError::Unreachable(open) = &error else { panic!("{error:?}") };
        assert_eq!(open.kind(), OpenErrorKind::Handshake);
        world.stop().await;
    });
}

#[test]
fn story_01_other_protocol_or_early_close_is_a_typed_error() {
    story(async {
        let chatter = r#"{"t":"hi there"}"#.to_owned();
        let (url, _server) = other_server(vec![chatter, "not even JSON".to_owned()]).await;
        let error = fails(visitor_at(&url)).await;
        assert!(matches!(error, ConnectError::Protocol(_)), "{error:?}");

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let _server = smol::spawn(async move { while listener.accept().await.is_ok() {} });
        let error = fails(visitor_at(&url)).await;
        assert!(matches!(error, ConnectError::Unreachable(_)), "{error:?}");
    });
}

#[test]
fn story_01_first_message_must_come_and_must_be_a_greeting() {
    story(async {
        let world = World::with(|config| config.hub.policy.first_reply = ms(200));
        let mut raw = Raw::connect(world.address).await;
        raw.say(json!({ "t": "identify", "re": 1, "visitor": "customer-42" })).await;
        assert_eq!(raw.hear("refused").await["code"], "hello_first");
        assert_eq!(raw.hear("closing").await["reason"], "silent");
        assert_eq!(raw.next().await, None);
        world.stop().await;
    });
}

async fn fails(config: Config) -> ConnectError {
    soon("the failure to connect", coview::smol::connect(config)).await.unwrap_err()
}

/// A WebSocket server that answers the first message by these, and then says nothing more.
async fn other_server(answers: Vec<String>) -> (String, Task<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let serve = smol::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        let mut socket = accept_hdr_async(tcp, accept_subprotocol).await.unwrap();
        let _ = socket.next().await;
        for answer in answers {
            let _ = socket.send(Message::text(answer)).await;
        }
        while socket.next().await.is_some() {}
    });
    (url, serve)
}

#[expect(clippy::unnecessary_wraps, reason = "the library wants it so")]
#[expect(clippy::result_large_err, reason = "the library wants it so")]
fn accept_subprotocol(_: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    response.headers_mut().insert("sec-websocket-protocol", "coview.v1".parse().unwrap());
    Ok(response)
}
