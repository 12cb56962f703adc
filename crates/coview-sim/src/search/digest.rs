//! What makes two states the same.

use core::fmt;
use core::fmt::Write;
use core::hash::Hasher;
use std::hash::DefaultHasher;

use coview_wire::AskId;
use coview_wire::JoinId;
use coview_wire::SessionId;
use coview_wire::StartId;

use crate::checker::shown::Known;
use crate::client::AgentNo;
use crate::client::ClientId;

/// The name of a state: the hash of everything that decides what can happen from it on. Of a million
/// states two get the same by accident with a chance of one in thirty million.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Digest(u64);

/// Whose request numbers are in a piece of a state. All other numbers are the hub's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Whose {
    Nobody,
    Visitor,
    Agent(usize),
}

impl From<ClientId> for Whose {
    fn from(client: ClientId) -> Self {
        match client {
            ClientId::Visitor(_) => Self::Visitor,
            ClientId::Agent(AgentNo(no)) => Self::Agent(no),
        }
    }
}

/// What a number is the number of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Ask,
    Conn,
    Join,
    Place,
    Presence,
    Request,
    Session,
    Start,
    Viewer,
}

/// A piece of a state, read: its words as a hash, and its numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Read {
    words: u64,
    numbers: Vec<(Kind, u64)>,
}

impl Read {
    pub(super) fn of(text: &str) -> Self {
        let mut numbers = Vec::new();
        let mut hasher = DefaultHasher::new();
        read(text, &mut hasher, |kind, number| numbers.push((kind, number)));
        Self { words: hasher.finish(), numbers }
    }
}

/// A state as it is written out, piece by piece.
pub(super) struct Writing {
    hasher: DefaultHasher,
    numbers: Vec<(Kind, Whose, u64)>,
    scratch: String,
}

impl Writing {
    pub(super) fn new() -> Self {
        let numbers = Vec::with_capacity(256);
        Self { hasher: DefaultHasher::new(), numbers, scratch: String::with_capacity(1024) }
    }

    /// Writes a piece.
    pub(super) fn piece(&mut self, whose: Whose, piece: fmt::Arguments<'_>) {
        self.scratch.clear();
        self.scratch.write_fmt(piece).expect("writing to a String cannot fail");
        let (hasher, numbers) = (&mut self.hasher, &mut self.numbers);
        read(&self.scratch, hasher, |kind, number| numbers.push(named(kind, whose, number)));
        hasher.write_u8(b'\n');
    }

    /// Writes a piece that was read before.
    pub(super) fn known_piece(&mut self, whose: Whose, piece: &Read) {
        self.hasher.write_u64(piece.words);
        self.numbers.extend(piece.numbers.iter().map(|(kind, it)| named(*kind, whose, *it)));
    }

    /// The numbers that somebody knows, or that are under way.
    pub(super) fn known(&self) -> Known {
        let mut known = Known::default();
        for (kind, _, number) in &self.numbers {
            match kind {
                Kind::Ask => drop(known.asks.insert(AskId::new(*number))),
                Kind::Join => drop(known.joins.insert(JoinId::new(*number))),
                Kind::Session => drop(known.sessions.insert(SessionId::new(*number))),
                Kind::Start => drop(known.starts.insert(StartId::new(*number))),
                Kind::Conn | Kind::Place | Kind::Presence | Kind::Request | Kind::Viewer => {}
            }
        }
        known
    }

    /// The digest of all pieces. Each number counts as its place among those of its kind that are
    /// there: numbers are compared and counted up and nothing else, so their order is all that
    /// matters, and the next one is above all there are. Request number 0 is the engine's own, so it
    /// is always there.
    pub(super) fn digest(mut self) -> Digest {
        let mut names = self.numbers.clone();
        names.extend(
            [Whose::Nobody, Whose::Visitor, Whose::Agent(0), Whose::Agent(1)]
                .map(|whose| (Kind::Request, whose, 0)),
        );
        names.sort_unstable();
        names.dedup();
        for name in &self.numbers {
            let first = names.partition_point(|it| (it.0, it.1) < (name.0, name.1));
            let place = names.partition_point(|it| it < name);
            self.hasher.write_usize(place - first);
        }
        Digest(self.hasher.finish())
    }
}

fn named(kind: Kind, whose: Whose, number: u64) -> (Kind, Whose, u64) {
    let whose = if kind == Kind::Request { whose } else { Whose::Nobody };
    (kind, whose, number)
}

/// Hashes the words of a text, and finds its numbers: digits in brackets behind the name of a kind.
fn read(text: &str, hasher: &mut impl Hasher, mut found: impl FnMut(Kind, u64)) {
    let bytes = text.as_bytes();
    let mut from = 0;
    for (at, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'(') {
        let Some(kind) = kind(&bytes[..at]) else { continue };
        let digits = bytes[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let end = at + 1 + digits;
        if digits > 0 && bytes.get(end) == Some(&b')') {
            let number = bytes[at + 1..end].iter().fold(0_u64, |number, digit| {
                number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'))
            });
            found(kind, number);
            words(&bytes[from..=at], hasher);
            from = end;
        }
    }
    words(&bytes[from..], hasher);
}

/// Hashes words, but for numbers of more than ten digits: those are the milliseconds until a sign-in
/// is over, which goes on with the time, decides nothing but when, and is later than all else.
fn words(bytes: &[u8], hasher: &mut impl Hasher) {
    let (mut from, mut at) = (0, 0);
    while at < bytes.len() {
        let digits = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits > 10 {
            hasher.write(&bytes[from..at]);
            from = at + digits;
        }
        at += digits.max(1);
    }
    hasher.write(&bytes[from..]);
}

/// The kind of number whose name these bytes end with.
fn kind(before: &[u8]) -> Option<Kind> {
    let start = before.iter().rposition(|byte| !byte.is_ascii_alphabetic()).map_or(0, |at| at + 1);
    Some(match &before[start..] {
        b"AskId" => Kind::Ask,
        b"ConnId" => Kind::Conn,
        b"JoinId" => Kind::Join,
        b"Place" => Kind::Place,
        b"PresenceId" => Kind::Presence,
        b"RequestId" => Kind::Request,
        b"SessionId" => Kind::Session,
        b"StartId" => Kind::Start,
        b"ViewerId" => Kind::Viewer,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(pieces: &[(Whose, &str)]) -> Digest {
        let mut writing = Writing::new();
        for (whose, piece) in pieces {
            writing.piece(*whose, format_args!("{piece}"));
        }
        writing.digest()
    }

    #[test]
    fn numbers_count_by_their_order_and_words_as_they_are() {
        use Whose::Nobody;
        let of = |text| digest(&[(Nobody, text)]);
        let one = of("AskId(7) waits, AskId(9) is over, SessionId(7)");
        assert_eq!(one, of("AskId(8) waits, AskId(10) is over, SessionId(1)"));
        assert_ne!(one, of("AskId(9) waits, AskId(7) is over, SessionId(7)"), "another order");
        assert_ne!(one, of("AskId(7) waits, AskId(7) is over, SessionId(7)"), "one of both");
        assert_ne!(one, of("AskId(7) waits, AskId(9) is on, SessionId(7)"), "another word");
        assert_ne!(of("count 7"), of("count 9"), "a number of no kind is a word");
        assert_ne!(of("RequestId(0)"), of("RequestId(1)"), "the engine's own number");
        assert_eq!(of("RequestId(3)"), of("RequestId(4)"));
    }

    #[test]
    fn request_numbers_are_a_clients_own() {
        use Whose::Agent;
        use Whose::Visitor;
        let apart = [(Visitor, "RequestId(5)"), (Agent(0), "RequestId(3)")];
        assert_eq!(
            digest(&apart),
            digest(&[(Visitor, "RequestId(3)"), (Agent(0), "RequestId(5)")])
        );
        let together = [(Visitor, "RequestId(5)"), (Visitor, "RequestId(3)")];
        assert_ne!(digest(&apart), digest(&together));
    }

    #[test]
    fn what_is_known_are_the_numbers_that_are_there() {
        let mut writing = Writing::new();
        writing.piece(Whose::Nobody, format_args!("AskId(3)"));
        writing.known_piece(Whose::Visitor, &Read::of("StartId(4) RequestId(5)"));
        let known = writing.known();
        assert!(known.asks.contains(&AskId::new(3)) && known.starts.contains(&StartId::new(4)));
        assert!(known.sessions.is_empty() && known.joins.is_empty());
    }
}
