//! RESP3 of Redis, in which one connection may both subscribe and publish.

use super::Decoded;
use super::Kind;
use super::Malformed;
use super::Said;
use super::Talk;
use super::Who;
use super::Wire;
use super::letter;
use super::nats::line;
use super::open_short_envelope;
use super::publish;
use super::reply;

#[derive(Debug)]
pub(super) struct Resp;

fn command(parts: &[&[u8]], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("*{}\r\n", parts.len()).as_bytes());
    for part in parts {
        out.extend_from_slice(format!("${}\r\n", part.len()).as_bytes());
        out.extend_from_slice(part);
        out.extend_from_slice(b"\r\n");
    }
}

/// The length in bytes of the first value; `None`: it is not whole.
fn whole(bytes: &[u8]) -> Result<Option<usize>, Malformed> {
    let Some((head, text)) = line(bytes) else { return Ok(None) };
    let Some((&kind, digits)) = text.split_first() else { return Err(Malformed("an empty line")) };
    let count = || number(digits).ok_or(Malformed("a length that is no number"));
    let inner = match kind {
        b'+' | b'-' | b':' | b'_' | b',' | b'#' | b'(' => 0,
        b'$' | b'=' => {
            let end = head + count()? + 2;
            return Ok((bytes.len() >= end).then_some(end));
        }
        b'*' | b'>' | b'~' => count()?,
        b'%' => 2 * count()?,
        _ => return Err(Malformed("an unknown kind of value")),
    };
    let mut end = head;
    for _ in 0..inner {
        let Some(next) = whole(&bytes[end..])? else { return Ok(None) };
        end += next;
    }
    Ok(Some(end))
}

fn number(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The last string in a value: of a pushed message this is its payload.
fn last_string(value: &[u8]) -> Option<&[u8]> {
    // `>3`, then three strings.
    let (mut at, _) = line(value)?;
    for part in 0..3 {
        let (head, text) = line(&value[at..])?;
        let length = number(text.strip_prefix(b"$")?)?;
        let start = at + head;
        if part == 2 {
            return value.get(start..start + length);
        }
        at = start + length + 2;
    }
    None
}

impl Wire for Resp {
    fn step(&self, who: Who, _: &mut Talk, step: u8, out: &mut Vec<u8>) -> bool {
        match step {
            0 => command(&[b"HELLO", b"3"], out),
            1 => {
                let channel = format!("{}{}", letter(who.role), who.index);
                command(&[b"SUBSCRIBE", channel.as_bytes()], out);
            }
            _ => return false,
        }
        true
    }

    fn decode<'a>(&self, _: Option<u8>, bytes: &'a [u8]) -> Decoded<'a> {
        let Some(length) = whole(bytes)? else { return Ok(None) };
        let value = &bytes[..length];
        let said = if value.starts_with(b">3\r\n$7\r\nmessage\r\n") {
            Said::Signal(last_string(value).ok_or(Malformed("a message without a payload"))?)
        } else if value.starts_with(b"%") || value.starts_with(b">3\r\n$9\r\nsubscribe\r\n") {
            Said::Step(value)
        } else if value.starts_with(b":") || value == b"+PONG\r\n" {
            Said::Noise
        } else {
            Said::Wrong(String::from_utf8_lossy(value).into_owned())
        };
        Ok(Some((length, said)))
    }

    fn ping(&self, out: &mut Vec<u8>) {
        command(&[b"PING"], out);
    }

    fn begin(&self, kind: Kind, who: Who, _: &mut Talk, other: u32, slot: u16, out: &mut Vec<u8>) {
        publish(kind, who, other, slot, |role, index, payload| {
            let channel = format!("{}{index}", letter(role));
            command(&[b"PUBLISH", channel.as_bytes(), payload], out);
        });
    }

    fn answer(&self, kind: Kind, _: Who, _: &mut Talk, payload: &[u8], out: &mut Vec<u8>) {
        reply(kind, payload, |role, index, payload| {
            let channel = format!("{}{index}", letter(role));
            command(&[b"PUBLISH", channel.as_bytes(), payload], out);
        });
    }

    fn finished(&self, _: Kind, _: &mut Talk, payload: &[u8]) -> Option<u16> {
        open_short_envelope(payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_lists_of_strings() {
        let mut out = Vec::new();
        command(&[b"PUBLISH", b"v7", b"hi"], &mut out);
        assert_eq!(out, b"*3\r\n$7\r\nPUBLISH\r\n$2\r\nv7\r\n$2\r\nhi\r\n");
    }

    #[test]
    fn the_answer_to_hello_is_a_map_with_a_list_in_it() {
        let bytes = b"%2\r\n$5\r\nproto\r\n:3\r\n$7\r\nmodules\r\n*0\r\n+PONG\r\n";
        let map = bytes.len() - b"+PONG\r\n".len();
        for short in 0..map {
            assert_eq!(Resp.decode(Some(0), &bytes[..short]), Ok(None), "{short}");
        }
        let Ok(Some((length, Said::Step(_)))) = Resp.decode(Some(0), bytes) else { panic!() };
        assert_eq!(length, map);
        assert_eq!(Resp.decode(None, &bytes[map..]), Ok(Some((7, Said::Noise))));
    }

    #[test]
    fn a_pushed_message_gives_its_payload() {
        let bytes = b">3\r\n$7\r\nmessage\r\n$2\r\nv7\r\n$4\r\na\r\nb\r\n";
        assert_eq!(Resp.decode(None, &bytes[..bytes.len() - 1]), Ok(None));
        assert_eq!(Resp.decode(None, bytes), Ok(Some((bytes.len(), Said::Signal(b"a\r\nb")))));
    }

    #[test]
    fn errors_and_what_is_no_value_are_told() {
        let Ok(Some((_, Said::Wrong(text)))) = Resp.decode(None, b"-NOPERM\r\n") else { panic!() };
        assert_eq!(text, "-NOPERM\r\n");
        assert!(Resp.decode(None, b"?1\r\n").is_err());
        assert!(Resp.decode(None, b"$x\r\n").is_err());
    }
}
