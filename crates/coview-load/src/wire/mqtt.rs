//! MQTT 3.1.1: a last will, a retained word that the visitor is online, quality of service 0.

use super::CARD;
use super::Decoded;
use super::Kind;
use super::Malformed;
use super::Role;
use super::Said;
use super::Talk;
use super::Who;
use super::Wire;
use super::letter;
use super::open_short_envelope;
use super::publish;
use super::reply;

#[derive(Debug)]
pub(super) struct Mqtt {
    /// In seconds, told to the server: it gives up a client that is silent for 1.5 times as long.
    pub(super) keep_alive: u16,
}

fn text(text: &str, out: &mut Vec<u8>) {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// A packet: its first byte, the length of the rest in groups of seven bits, the rest.
fn packet(first: u8, rest: &[u8], out: &mut Vec<u8>) {
    out.push(first);
    let mut length = rest.len();
    loop {
        let low = (length & 0x7f) as u8;
        length >>= 7;
        if length == 0 {
            out.push(low);
            break;
        }
        out.push(low | 0x80);
    }
    out.extend_from_slice(rest);
}

fn publication(topic: &str, retain: bool, payload: &[u8], out: &mut Vec<u8>) {
    let mut rest = Vec::with_capacity(2 + topic.len() + payload.len());
    text(topic, &mut rest);
    rest.extend_from_slice(payload);
    packet(0x30 | u8::from(retain), &rest, out);
}

impl Wire for Mqtt {
    fn step(&self, who: Who, _: &mut Talk, step: u8, out: &mut Vec<u8>) -> bool {
        let (letter, index) = (letter(who.role), who.index);
        let presence = format!("p/{index}");
        match step {
            0 => {
                let clean_session = 0x02;
                let will_retained = 0x04 | 0x20;
                let will = who.role == Role::Visitor;
                let mut rest = Vec::new();
                text("MQTT", &mut rest);
                rest.extend_from_slice(&[4, clean_session | if will { will_retained } else { 0 }]);
                rest.extend_from_slice(&self.keep_alive.to_be_bytes());
                text(&format!("{letter}{index}"), &mut rest);
                if will {
                    text(&presence, &mut rest);
                    text("offline", &mut rest);
                }
                packet(0x10, &rest, out);
            }
            1 => {
                if who.role == Role::Visitor {
                    publication(&presence, true, CARD.as_bytes(), out);
                }
                let mut rest = vec![0, 1];
                text(&format!("{letter}/{index}"), &mut rest);
                rest.push(0);
                packet(0x82, &rest, out);
            }
            _ => return false,
        }
        true
    }

    fn decode<'a>(&self, _: Option<u8>, bytes: &'a [u8]) -> Decoded<'a> {
        let Some(&first) = bytes.first() else { return Ok(None) };
        let (mut length, mut head) = (0_usize, 1);
        loop {
            let Some(&byte) = bytes.get(head) else { return Ok(None) };
            length |= usize::from(byte & 0x7f) << (7 * (head - 1));
            head += 1;
            if byte & 0x80 == 0 {
                break;
            }
            if head == 5 {
                return Err(Malformed("a remaining length of more than four bytes"));
            }
        }
        let Some(rest) = bytes.get(head..head + length) else { return Ok(None) };
        let said = match first >> 4 {
            2 if rest == [0, 0] => Said::Step(rest),
            9 if rest == [0, 1, 0] => Said::Step(rest),
            2 | 9 => Said::Wrong(format!("refused by packet {first:#x}: {rest:?}")),
            3 => {
                let Some((length, rest)) = rest.split_first_chunk() else {
                    return Err(Malformed("a publication without a topic"));
                };
                let topic = usize::from(u16::from_be_bytes(*length));
                let payload = rest.get(topic..);
                Said::Signal(payload.ok_or(Malformed("a topic longer than its publication"))?)
            }
            13 => Said::Noise,
            _ => Said::Wrong(format!("an unexpected packet {first:#x}")),
        };
        Ok(Some((head + length, said)))
    }

    fn ping(&self, out: &mut Vec<u8>) {
        packet(0xc0, &[], out);
    }

    fn begin(&self, kind: Kind, who: Who, _: &mut Talk, other: u32, slot: u16, out: &mut Vec<u8>) {
        publish(kind, who, other, slot, |role, index, payload| {
            publication(&format!("{}/{index}", letter(role)), false, payload, out);
        });
    }

    fn answer(&self, kind: Kind, _: Who, _: &mut Talk, payload: &[u8], out: &mut Vec<u8>) {
        reply(kind, payload, |role, index, payload| {
            publication(&format!("{}/{index}", letter(role)), false, payload, out);
        });
    }

    fn finished(&self, _: Kind, _: &mut Talk, payload: &[u8]) -> Option<u16> {
        open_short_envelope(payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIRE: Mqtt = Mqtt { keep_alive: 60 };
    const VISITOR: Who = Who { role: Role::Visitor, index: 7 };

    #[test]
    fn a_visitor_connects_with_a_will_says_that_it_is_online_and_subscribes() {
        let (mut talk, mut out) = (Talk::default(), Vec::new());
        assert!(WIRE.step(VISITOR, &mut talk, 0, &mut out));
        assert_eq!(out, b"\x10\x1c\0\x04MQTT\x04\x26\0\x3c\0\x02v7\0\x03p/7\0\x07offline");
        out.clear();
        assert!(WIRE.step(VISITOR, &mut talk, 1, &mut out));
        assert_eq!(out, b"\x31\x17\0\x03p/7{\"page\":\"/basket\"}\x82\x08\0\x01\0\x03v/7\0");
        assert!(!WIRE.step(VISITOR, &mut talk, 2, &mut out));
    }

    #[test]
    fn packets_are_read_when_they_are_whole() {
        let bytes = b"\x30\x05\0\x03v/7";
        assert_eq!(WIRE.decode(None, &bytes[..6]), Ok(None));
        assert_eq!(WIRE.decode(None, bytes), Ok(Some((7, Said::Signal(b"")))));
        assert_eq!(WIRE.decode(Some(0), b"\x20\x02\0\0"), Ok(Some((4, Said::Step(&[0, 0])))));
        assert_eq!(WIRE.decode(None, b"\xd0\0"), Ok(Some((2, Said::Noise))));
        let Ok(Some((4, Said::Wrong(_)))) = WIRE.decode(Some(0), b"\x20\x02\0\x05") else {
            panic!("not authorized is not a step");
        };
        assert!(WIRE.decode(None, b"\x30\xff\xff\xff\xff\x01").is_err());
    }

    #[test]
    fn a_signal_is_answered_to_whoever_sent_it() {
        let (mut talk, mut out) = (Talk::default(), Vec::new());
        let agent = Who { role: Role::Agent, index: 3 };
        WIRE.begin(Kind::Signal, agent, &mut talk, 7, 9, &mut out);
        let Ok(Some((length, Said::Signal(payload)))) = WIRE.decode(None, &out) else { panic!() };
        assert_eq!((length, payload.len()), (out.len(), 228));
        let mut back = Vec::new();
        WIRE.answer(Kind::Signal, VISITOR, &mut talk, payload, &mut back);
        assert!(back.starts_with(b"\x30\x3d\0\x03a/3"), "{back:?}");
        let Ok(Some((_, Said::Signal(payload)))) = WIRE.decode(None, &back) else { panic!() };
        assert_eq!(WIRE.finished(Kind::Signal, &mut talk, payload), Some(9));
    }
}
