//! A client that speaks the protocol by hand and costs next to nothing, for where there are thousands.

use std::io;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::TcpStream;

use futures_lite::AsyncReadExt;
use futures_lite::AsyncWriteExt;
use rustix::net::AddressFamily;
use rustix::net::SocketFlags;
use rustix::net::SocketType;
use rustix::net::bind;
use rustix::net::socket_with;
use serde_json::Value;
use serde_json::json;
use smol::Async;

use crate::support::GROUP;

/// A WebSocket of which only the newest message is kept.
pub struct Light {
    stream: Async<TcpStream>,
    read: Vec<u8>,
}

/// Not what a server masks with, and every client is free in its choice.
const MASK: [u8; 4] = [0x5a, 0x01, 0xc3, 0x7e];

impl Light {
    /// A WebSocket on which nothing has been said, from this address of the loopback.
    pub async fn connect(server: SocketAddr, from: Ipv4Addr) -> io::Result<Self> {
        let (family, kind) = (AddressFamily::INET, SocketType::STREAM);
        let socket = socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
        bind(&socket, &SocketAddr::from((from, 0)))?;
        let socket = Async::new(TcpStream::from(socket))?;
        connect(&socket, server).await?;
        socket.get_ref().set_nodelay(true)?;
        let mut light = Self { stream: socket, read: Vec::new() };
        let request = format!(
            "GET /v1/socket HTTP/1.1\r\nHost: {server}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
             Sec-WebSocket-Protocol: coview.v1\r\n\r\n"
        );
        light.stream.write_all(request.as_bytes()).await?;
        loop {
            if let Some(end) = light.read.windows(4).position(|four| four == b"\r\n\r\n") {
                let head: Vec<u8> = light.read.drain(..end + 4).collect();
                return if head.starts_with(b"HTTP/1.1 101 ") {
                    Ok(light)
                } else {
                    Err(io::Error::other(String::from_utf8_lossy(&head).into_owned()))
                };
            }
            light.more().await?;
        }
    }

    async fn more(&mut self) -> io::Result<()> {
        let mut buffer = [0; 1024];
        let count = self.stream.read(&mut buffer).await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.read.extend_from_slice(&buffer[..count]);
        Ok(())
    }

    pub async fn say(&mut self, message: &Value) -> io::Result<()> {
        let text = message.to_string();
        let mut frame = vec![0x81];
        match u8::try_from(text.len()) {
            Ok(len @ ..126) => frame.push(0x80 | len),
            _ => {
                frame.push(0x80 | 126);
                frame.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
            }
        }
        frame.extend(MASK);
        frame.extend(text.bytes().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        self.stream.write_all(&frame).await
    }

    /// The next message; an error when there is none any more.
    pub async fn hear(&mut self) -> io::Result<Value> {
        loop {
            if let Some((opcode, payload, len)) = frame(&self.read) {
                let message = (opcode == 1).then(|| serde_json::from_slice(payload).unwrap());
                self.read.drain(..len);
                if let Some(message) = message {
                    // What waits for the next message is not worth a buffer.
                    self.read.shrink_to_fit();
                    return Ok(message);
                }
            } else {
                self.more().await?;
            }
        }
    }

    /// Says something, and hears the answer to it.
    pub async fn ask(&mut self, message: &Value) -> io::Result<Value> {
        self.say(message).await?;
        self.hear().await
    }

    /// Says this, and is answered with a message of this type.
    pub async fn expect(&mut self, message: &Value, t: &str) -> io::Result<Value> {
        let answer = self.ask(message).await?;
        if answer["t"] == t {
            Ok(answer)
        } else {
            Err(io::Error::other(format!("instead of {t}: {answer}")))
        }
    }

    /// Says hello and who it is, and goes online. The secret to come back with.
    pub async fn go_online(&mut self, visitor: &str) -> io::Result<String> {
        let hello = json!({ "t": "hello", "re": 0, "version": 1, "group": GROUP, "app": "active" });
        let welcome = self.expect(&hello, "welcome").await?;
        let identify = json!({ "t": "identify", "re": 1, "visitor": visitor });
        self.expect(&identify, "identified").await?;
        let connect = json!({ "t": "presence_connect", "re": 2, "data": {} });
        self.expect(&connect, "presence_connected").await?;
        Ok(welcome["secret"].as_str().unwrap().to_owned())
    }
}

async fn connect(socket: &Async<TcpStream>, server: SocketAddr) -> io::Result<()> {
    use rustix::io::Errno;
    match rustix::net::connect(socket.get_ref(), &server) {
        Ok(()) => {}
        Err(Errno::INPROGRESS) => socket.writable().await?,
        Err(error) => return Err(error.into()),
    }
    socket.get_ref().take_error()?.map_or(Ok(()), Err)
}

/// Opcode, payload and length of the first frame, if all of it is there. A server masks nothing.
fn frame(bytes: &[u8]) -> Option<(u8, &[u8], usize)> {
    let (&[first, second], rest) = bytes.split_first_chunk()?;
    let (len, rest, head) = match second {
        126 => {
            let (len, rest) = rest.split_first_chunk()?;
            (usize::from(u16::from_be_bytes(*len)), rest, 4)
        }
        127 => panic!("no message of the server is so long"),
        len => (usize::from(len), rest, 2),
    };
    Some((first & 0x0f, rest.get(..len)?, head + len))
}
