//! Version 1 of the coview protocol, without the client engine: what an app's visitor and a console's
//! agent put on the wire, written and read with as little work as the brokers' protocols.

use super::CARD;
use super::Decoded;
use super::Kind;
use super::Malformed;
use super::Role;
use super::Said;
use super::Talk;
use super::Who;
use super::Wire;
use super::websocket;
use super::websocket::Opcode;

/// The body of a picture in the relay's work: what a small change of the screen may take.
const BODY: usize = 64;

const HELLO: u8 = 1;
const ONLINE: u8 = 4;

/// The protocol, in one group of a server.
#[derive(Debug)]
pub(crate) struct Coview {
    pub(crate) group: Box<str>,
    pub(crate) host: Box<str>,
}

fn text(text: &str, out: &mut Vec<u8>) {
    websocket::frame(Opcode::Text, text.as_bytes(), out);
}

fn next(talk: &mut Talk) -> u64 {
    talk.re += 1;
    talk.re
}

/// The type of a message, which the server writes first.
fn kind(payload: &[u8]) -> Option<&[u8]> {
    let rest = payload.strip_prefix(br#"{"t":""#)?;
    rest.split(|&byte| byte == b'"').next()
}

fn after<'a>(payload: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let at = payload.windows(name.len()).position(|window| window == name.as_bytes())?;
    Some(&payload[at + name.len()..])
}

/// The number behind a name, as in `"ask":`.
fn number(payload: &[u8], name: &str) -> Option<u64> {
    let digits = after(payload, name)?.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(None, |number, digit| {
        Some(number.unwrap_or(0_u64).wrapping_mul(10).wrapping_add(u64::from(digit - b'0')))
    })
}

/// The words behind a name, up to the next quotation mark.
fn words<'a>(payload: &'a [u8], name: &str) -> Option<&'a str> {
    let rest = after(payload, name)?;
    std::str::from_utf8(rest.split(|&byte| byte == b'"').next()?).ok()
}

fn be64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

impl Wire for Coview {
    fn step(&self, who: Who, talk: &mut Talk, step: u8, out: &mut Vec<u8>) -> bool {
        let (group, index) = (&self.group, who.index);
        let proof = talk.proof.as_deref().unwrap_or_default();
        match (step, who.role) {
            (0, _) => websocket::upgrade("/v1/socket", &self.host, "coview.v1", out),
            (HELLO, role) => match (talk.secret.as_deref().filter(|_| talk.resumes), role) {
                (Some(secret), _) => text(
                    &format!(
                        r#"{{"t":"resume","re":0,"version":1,"group":"{group}","secret":"{secret}"}}"#
                    ),
                    out,
                ),
                (None, Role::Visitor) => text(
                    &format!(
                        r#"{{"t":"hello","re":0,"version":1,"group":"{group}","app":"active"}}"#
                    ),
                    out,
                ),
                (None, Role::Agent) => text(
                    &format!(
                        r#"{{"t":"sign_in","re":0,"version":1,"group":"{group}","token":"{proof}"}}"#
                    ),
                    out,
                ),
            },
            (2, Role::Visitor) => {
                let words = format!(
                    r#"{{"t":"identify","re":{},"visitor":"v{index}","assertion":"{proof}"}}"#,
                    talk.re + 1
                );
                talk.re += 1;
                text(&words, out);
            }
            (3, Role::Visitor) => {
                let re = next(talk);
                text(&format!(r#"{{"t":"presence_connect","re":{re},"data":{CARD}}}"#), out);
            }
            (_, Role::Visitor | Role::Agent) => return false,
        }
        true
    }

    fn decode<'a>(&self, step: Option<u8>, bytes: &'a [u8]) -> Decoded<'a> {
        if step == Some(0) {
            let Some((length, switches)) = websocket::response(bytes) else { return Ok(None) };
            let said = if switches {
                Said::Step(&[])
            } else {
                Said::Wrong(String::from_utf8_lossy(&bytes[..length]).into_owned())
            };
            return Ok(Some((length, said)));
        }
        let Some((length, opcode, payload)) = websocket::read(bytes)? else { return Ok(None) };
        let said = match opcode {
            Opcode::Binary => Said::Signal(payload),
            Opcode::Ping | Opcode::Pong => Said::Noise,
            Opcode::Close => Said::Wrong("the server closed the WebSocket".to_owned()),
            Opcode::Text => match kind(payload).ok_or(Malformed("a text without a type"))? {
                b"pong" => Said::Noise,
                b"welcome" | b"identified" | b"presence_connected" | b"signed_in" | b"resumed" => {
                    Said::Step(payload)
                }
                b"refused" if after(payload, "resume_failed").is_some() => Said::Step(payload),
                b"refused" | b"problem" | b"closing" => {
                    Said::Wrong(String::from_utf8_lossy(payload).into_owned())
                }
                _ => Said::Signal(payload),
            },
        };
        Ok(Some((length, said)))
    }

    fn answered(&self, talk: &mut Talk, payload: &[u8], step: u8) -> u8 {
        match kind(payload) {
            Some(b"welcome" | b"signed_in") => {
                talk.secret = words(payload, r#""secret":""#).map(Into::into);
            }
            Some(b"resumed") => return ONLINE,
            Some(b"refused") => {
                talk.resumes = false;
                return HELLO;
            }
            Some(_) | None => {}
        }
        step + 1
    }

    fn ping(&self, out: &mut Vec<u8>) {
        text(r#"{"t":"ping"}"#, out);
    }

    fn begin(&self, kind: Kind, _: Who, talk: &mut Talk, other: u32, slot: u16, out: &mut Vec<u8>) {
        match kind {
            Kind::Signal | Kind::Terms | Kind::Open => {
                let re = next(talk);
                text(&format!(r#"{{"t":"ask","re":{re},"visitor":"v{other}"}}"#), out);
            }
            Kind::Close => {
                let (re, session) = (next(talk), talk.session);
                text(&format!(r#"{{"t":"end","re":{re},"session":{session}}}"#), out);
            }
            Kind::Relay => {
                let mut picture = Vec::with_capacity(14 + BODY);
                picture.push(1);
                picture.extend_from_slice(&talk.session.to_be_bytes());
                picture.push(1);
                picture.extend_from_slice(&talk.viewer.to_be_bytes());
                picture.extend_from_slice(&u32::from(slot).to_be_bytes());
                picture.resize(14 + BODY, 0x5a);
                websocket::frame(Opcode::Binary, &picture, out);
            }
        }
    }

    fn answer(&self, work: Kind, _: Who, talk: &mut Talk, payload: &[u8], out: &mut Vec<u8>) {
        match (work, payload.first()) {
            // A picture for an agent, whose body begins with the slot.
            (Kind::Relay, Some(4)) => {
                let (Some(head), Some(slot)) = (payload.get(1..9), payload.get(9..13)) else {
                    return;
                };
                let mut signal = vec![3];
                signal.extend_from_slice(head);
                signal.push(1);
                signal.extend_from_slice(slot);
                websocket::frame(Opcode::Binary, &signal, out);
                return;
            }
            // A viewer joined the session of this visitor.
            (_, Some(2)) => {
                if payload.get(9) == Some(&1) {
                    talk.viewer = be32(payload, 10).unwrap_or_default();
                }
                return;
            }
            (_, Some(_) | None) => {}
        }
        match kind(payload) {
            Some(b"terms_requested") => {
                let Some(ask) = number(payload, r#""ask":"#) else { return };
                if matches!(work, Kind::Terms | Kind::Open) {
                    let re = next(talk);
                    text(&format!(r#"{{"t":"terms_displayed","re":{re},"ask":{ask}}}"#), out);
                }
                let re = next(talk);
                if work == Kind::Open {
                    text(&format!(r#"{{"t":"terms_accepted","re":{re},"ask":{ask}}}"#), out);
                    let re = next(talk);
                    text(
                        &format!(
                            r#"{{"t":"session_start","re":{re},"start":{re},"by":"visitor_id","ask":{ask}}}"#
                        ),
                        out,
                    );
                } else {
                    text(&format!(r#"{{"t":"terms_declined","re":{re},"ask":{ask}}}"#), out);
                }
            }
            Some(b"session_connected") => {
                talk.session = number(payload, r#""session":"#).unwrap_or_default();
            }
            Some(b"session_ended") => {
                talk.session = 0;
                talk.viewer = 0;
            }
            Some(_) | None => {}
        }
    }

    fn finished(&self, work: Kind, talk: &mut Talk, payload: &[u8]) -> Option<u16> {
        match work {
            Kind::Signal | Kind::Terms => (kind(payload) == Some(b"ask_ended")).then_some(0),
            Kind::Open => (kind(payload) == Some(b"joined")).then(|| {
                talk.session = number(payload, r#""session":"#).unwrap_or_default();
                0
            }),
            Kind::Close => (kind(payload) == Some(b"session_ended")).then(|| {
                talk.session = 0;
                0
            }),
            Kind::Relay => {
                let acknowledged = payload.first() == Some(&2)
                    && be64(payload, 1) == Some(talk.session)
                    && payload.get(9) == Some(&3);
                let slot = acknowledged.then(|| be32(payload, 14)).flatten()?;
                u16::try_from(slot).ok()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use coview_wire::AgentMessage;
    use coview_wire::ClientMessage;
    use coview_wire::Message;

    use super::*;

    const VISITOR: Who = Who { role: Role::Visitor, index: 7 };
    const AGENT: Who = Who { role: Role::Agent, index: 3 };

    fn wire() -> Coview {
        Coview { group: "12345".into(), host: "127.0.0.1:7300".into() }
    }

    /// The payloads of masked frames.
    fn unmasked(mut bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        while let Some(&second) = bytes.get(1) {
            let (head, length) = match second & 0x7f {
                126 => (4, usize::from(u16::from_be_bytes([bytes[2], bytes[3]]))),
                short => (2, usize::from(short)),
            };
            let mask: [u8; 4] = bytes[head..head + 4].try_into().unwrap();
            let payload = &bytes[head + 4..head + 4 + length];
            all.push(
                payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect(),
            );
            bytes = &bytes[head + 4 + length..];
        }
        all
    }

    fn said(act: impl FnOnce(&mut Vec<u8>)) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        act(&mut out);
        unmasked(&out)
    }

    fn proved() -> Talk {
        Talk { proof: Some("a.b.c".into()), ..Talk::default() }
    }

    #[test]
    fn all_a_visitor_says_is_of_the_protocol() {
        let (wire, mut talk) = (wire(), proved());
        for step in 1..ONLINE {
            let said = said(|out| assert!(wire.step(VISITOR, &mut talk, step, out)));
            ClientMessage::decode(std::str::from_utf8(&said[0]).unwrap()).unwrap();
        }
        assert!(!wire.step(VISITOR, &mut talk, ONLINE, &mut Vec::new()));
        let asked = br#"{"t":"terms_requested","ask":31,"agent":{}}"#;
        for (work, messages) in [(Kind::Signal, 1), (Kind::Terms, 2), (Kind::Open, 3)] {
            let said = said(|out| wire.answer(work, VISITOR, &mut talk, asked, out));
            assert_eq!(said.len(), messages);
            for text in said {
                ClientMessage::decode(std::str::from_utf8(&text).unwrap()).unwrap();
            }
        }
    }

    #[test]
    fn all_an_agent_says_is_of_the_protocol() {
        let (wire, mut talk) = (wire(), proved());
        let mut texts = said(|out| assert!(wire.step(AGENT, &mut talk, 1, out)));
        assert!(!wire.step(AGENT, &mut talk, 2, &mut Vec::new()));
        texts.extend(said(|out| wire.begin(Kind::Signal, AGENT, &mut talk, 7, 0, out)));
        texts.extend(said(|out| wire.begin(Kind::Close, AGENT, &mut talk, 7, 0, out)));
        texts.extend(said(|out| wire.ping(out)));
        assert_eq!(texts.len(), 4);
        for text in texts {
            AgentMessage::decode(std::str::from_utf8(&text).unwrap()).unwrap();
        }
    }

    #[test]
    fn a_secret_is_kept_and_a_place_that_is_gone_is_made_anew() {
        let (wire, mut talk) = (wire(), proved());
        assert_eq!(wire.answered(&mut talk, br#"{"t":"welcome","re":0,"secret":"mBc1"}"#, 1), 2);
        talk.resumes = true;
        let resume = said(|out| assert!(wire.step(VISITOR, &mut talk, 1, out)));
        assert!(resume[0].ends_with(br#""secret":"mBc1"}"#));
        assert_eq!(wire.answered(&mut talk, br#"{"t":"resumed","re":0}"#, 1), ONLINE);
        let gone = br#"{"t":"refused","re":0,"code":"resume_failed"}"#;
        assert_eq!(wire.answered(&mut talk, gone, 1), 1);
        let hello = said(|out| assert!(wire.step(VISITOR, &mut talk, 1, out)));
        assert!(hello[0].starts_with(br#"{"t":"hello""#));
    }

    #[test]
    fn a_picture_comes_back_as_an_acknowledgement_of_its_slot() {
        let (wire, mut visitor) = (wire(), Talk { session: 22, viewer: 5, ..Talk::default() });
        let picture = said(|out| wire.begin(Kind::Relay, VISITOR, &mut visitor, 3, 9, out));
        let picture = &picture[0];
        assert_eq!(picture[..14], [1, 0, 0, 0, 0, 0, 0, 0, 22, 1, 0, 0, 0, 5]);
        assert_eq!(picture.len(), 14 + BODY);
        // As the server passes it on.
        let mut passed = vec![4, 0, 0, 0, 0, 0, 0, 0, 22];
        passed.extend_from_slice(&picture[14..]);
        let mut agent = Talk { session: 22, ..Talk::default() };
        let signal = said(|out| wire.answer(Kind::Relay, AGENT, &mut agent, &passed, out));
        assert_eq!(signal, [[3, 0, 0, 0, 0, 0, 0, 0, 22, 1, 0, 0, 0, 9]]);
        let notice = [2, 0, 0, 0, 0, 0, 0, 0, 22, 3, 0, 0, 0, 5, 0, 0, 0, 9];
        assert_eq!(wire.finished(Kind::Relay, &mut visitor, &notice), Some(9));
    }

    #[test]
    fn a_session_begins_and_ends_in_both_memories() {
        let (wire, mut talk) = (wire(), Talk::default());
        let mut out = Vec::new();
        let connected = br#"{"t":"session_connected","re":5,"start":5,"session":22}"#;
        wire.answer(Kind::Open, VISITOR, &mut talk, connected, &mut out);
        let joined = [2, 0, 0, 0, 0, 0, 0, 0, 22, 1, 0, 0, 0, 5];
        wire.answer(Kind::Open, VISITOR, &mut talk, &joined, &mut out);
        assert_eq!((talk.session, talk.viewer, out.len()), (22, 5, 0));
        let ended = br#"{"t":"session_ended","start":5,"session":22,"reason":"agent"}"#;
        wire.answer(Kind::Close, VISITOR, &mut talk, ended, &mut out);
        assert_eq!((talk.session, talk.viewer), (0, 0));

        let joined = br#"{"t":"joined","session":22,"ask":3,"count":1,"guests":[]}"#;
        assert_eq!(wire.finished(Kind::Open, &mut talk, joined), Some(0));
        assert_eq!(talk.session, 22);
    }

    #[test]
    fn refusals_are_not_passed_over() {
        let refused = br#"{"t":"refused","re":3,"code":"limit_exceeded"}"#;
        let mut bytes = vec![0x81, refused.len() as u8];
        bytes.extend_from_slice(refused);
        let Ok(Some((_, Said::Wrong(text)))) = wire().decode(None, &bytes) else { panic!() };
        assert!(text.contains("limit_exceeded"));
    }
}
