//! The text protocol of NATS.

use super::Decoded;
use super::Kind;
use super::Malformed;
use super::Said;
use super::Talk;
use super::Who;
use super::Wire;
use super::letter;
use super::open_short_envelope;
use super::publish;
use super::reply;

#[derive(Debug)]
pub(super) struct Nats;

fn publication(subject: &str, payload: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("PUB {subject} {}\r\n", payload.len()).as_bytes());
    out.extend_from_slice(payload);
    out.extend_from_slice(b"\r\n");
}

/// A line without its end, and how many bytes it takes with it.
pub(super) fn line(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let end = bytes.windows(2).position(|two| two == b"\r\n")?;
    Some((end + 2, &bytes[..end]))
}

impl Wire for Nats {
    /// The server speaks first; what it says answers step 0, in which nothing is said.
    fn step(&self, who: Who, _: &mut Talk, step: u8, out: &mut Vec<u8>) -> bool {
        let (letter, index) = (letter(who.role), who.index);
        match step {
            0 => {}
            1 => out.extend_from_slice(
                format!(
                    "CONNECT {{\"verbose\":false,\"pedantic\":false,\"protocol\":1,\
                     \"name\":\"{letter}{index}\"}}\r\nSUB {letter}.{index} 1\r\nPING\r\n"
                )
                .as_bytes(),
            ),
            _ => return false,
        }
        true
    }

    fn decode<'a>(&self, step: Option<u8>, bytes: &'a [u8]) -> Decoded<'a> {
        let Some((head, text)) = line(bytes) else { return Ok(None) };
        if let Some(message) = text.strip_prefix(b"MSG ") {
            let length = message.rsplit(|&byte| byte == b' ').next();
            let length = length
                .and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<usize>().ok())
                .ok_or(Malformed("a message without its length"))?;
            let payload = bytes.get(head..head + length + 2);
            return Ok(payload.map(|payload| (head + length + 2, Said::Signal(&payload[..length]))));
        }
        let said = match (step, text) {
            (Some(0), text) if text.starts_with(b"INFO ") => Said::Step(text),
            (Some(_), b"PONG") => Said::Step(text),
            (_, b"PING") => Said::Beat(b"PONG\r\n"),
            // The server's lists of its other nodes.
            (None, text) if text == b"PONG" || text.starts_with(b"INFO ") => Said::Noise,
            _ => Said::Wrong(String::from_utf8_lossy(text).into_owned()),
        };
        Ok(Some((head, said)))
    }

    fn ping(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"PING\r\n");
    }

    fn begin(&self, kind: Kind, who: Who, _: &mut Talk, other: u32, slot: u16, out: &mut Vec<u8>) {
        publish(kind, who, other, slot, |role, index, payload| {
            publication(&format!("{}.{index}", letter(role)), payload, out);
        });
    }

    fn answer(&self, kind: Kind, _: Who, _: &mut Talk, payload: &[u8], out: &mut Vec<u8>) {
        reply(kind, payload, |role, index, payload| {
            publication(&format!("{}.{index}", letter(role)), payload, out);
        });
    }

    fn finished(&self, _: Kind, _: &mut Talk, payload: &[u8]) -> Option<u16> {
        open_short_envelope(payload)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Role;
    use super::*;

    #[test]
    fn the_server_speaks_first() {
        let (mut talk, mut out) = (Talk::default(), Vec::new());
        let visitor = Who { role: Role::Visitor, index: 7 };
        assert!(Nats.step(visitor, &mut talk, 0, &mut out));
        assert_eq!(out, b"");
        let info = b"INFO {\"max_payload\":1048576} \r\n";
        let Ok(Some((length, Said::Step(_)))) = Nats.decode(Some(0), info) else { panic!() };
        assert_eq!(length, info.len());
        assert!(Nats.step(visitor, &mut talk, 1, &mut out));
        assert!(out.ends_with(b"\"v7\"}\r\nSUB v.7 1\r\nPING\r\n"));
        assert_eq!(Nats.decode(Some(1), b"PONG\r\n"), Ok(Some((6, Said::Step(b"PONG")))));
        assert_eq!(Nats.decode(None, b"PONG\r\n"), Ok(Some((6, Said::Noise))));
        let beat = Said::Beat(b"PONG\r\n");
        assert_eq!(Nats.decode(Some(1), b"PING\r\n"), Ok(Some((6, beat))));
    }

    #[test]
    fn messages_are_read_by_their_length() {
        let bytes = b"MSG v.7 1 4\r\na\r\nb\r\nPONG\r\n";
        assert_eq!(Nats.decode(None, &bytes[..17]), Ok(None));
        assert_eq!(Nats.decode(None, bytes), Ok(Some((19, Said::Signal(b"a\r\nb")))));
        assert!(Nats.decode(None, b"MSG v.7 1 x\r\n").is_err());
        let Ok(Some((_, Said::Wrong(text)))) = Nats.decode(None, b"-ERR 'Stale'\r\n") else {
            panic!();
        };
        assert_eq!(text, "-ERR 'Stale'");
    }

    #[test]
    fn a_publication_names_its_length() {
        let mut out = Vec::new();
        publication("a.3", b"xyz", &mut out);
        assert_eq!(out, b"PUB a.3 3\r\nxyz\r\n");
    }
}
