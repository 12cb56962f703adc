use core::time::Duration;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use coview_hub::*;
use coview_wire::*;
use serde_json::Value;
use serde_json::json;

use crate::bytes::Bytes;

/// The groups. Everything a client of one says has its second word in it, so that it can be seen
/// where it ends up.
const GROUPS: [(&str, &str); 2] = [("12345", "alder"), ("67890", "birch")];
/// Clients of a group: two visitors and two agents.
const SLOTS: u8 = 4;
/// The most steps of one story, and the most outputs that follow from one step.
const STEPS: usize = 400;
const OUTPUTS: usize = 10_000;
/// The time it is at the beginning.
const NOW: u64 = 1_800_000_000;

/// Plays a story of eight clients in two groups: what each says is drawn from the input, as a
/// message that may be legal, with numbers and keys that somebody was told, or as it stands. Nothing
/// of one group reaches the other, no picture reaches whom nobody let in, nothing secret is in an
/// event, and the hub is idle after each step.
pub fn hub(data: &[u8]) {
    let mut world = World::new();
    let mut bytes = Bytes::of(data);
    for _ in 0..STEPS {
        if bytes.is_empty() {
            break;
        }
        world.step(&mut bytes);
    }
    world.input(Input::Shutdown);
    let stats = world.hub.stats();
    assert_eq!((stats.connections, stats.sessions, stats.keys), (0, 0, 0), "something is left");
}

/// A client of a group, whatever connection it has.
#[derive(Default)]
struct Client {
    conn: Option<ConnId>,
    re: u64,
    start: u64,
    secret: Option<String>,
}

struct World {
    hub: Hub,
    now: Moment,
    wall: u64,
    clients: Vec<Client>,
    /// The group of each connection that is open, and the sessions it was told to be in.
    open: BTreeMap<ConnId, (usize, BTreeSet<u64>)>,
    last_conn: u64,
    /// The last few of each that anybody was told of.
    sessions: Vec<u64>,
    asks: Vec<u64>,
    joins: Vec<u64>,
    keys: Vec<String>,
    /// Keys and resume secrets, which no event may tell.
    private: BTreeSet<String>,
}

impl World {
    fn new() -> Self {
        let mut config = HubConfig::default();
        for (at, (id, tag)) in GROUPS.into_iter().enumerate() {
            let terms = Terms::new("1", &format!("The {tag} terms.")).expect("good terms");
            let mut group = GroupConfig::new(terms);
            group.proofs = Arc::new(Notes { tag });
            group.assertion_needed = at == 0;
            group.confirm_join = at == 1;
            group.key_use = if at == 0 { KeyUse::Session } else { KeyUse::Once };
            group.origins.insert(format!("https://{tag}.example.org").into());
            config.groups.insert(GroupId::new(id).expect("an id"), group);
        }
        let clients = (0..2 * SLOTS).map(|_| Client::default()).collect();
        let mut world = Self {
            hub: Hub::new(config, [7; 32]),
            now: Moment::ZERO,
            wall: NOW,
            clients,
            open: BTreeMap::new(),
            last_conn: 0,
            sessions: vec![1],
            asks: vec![1],
            joins: vec![1],
            keys: vec!["123456786".into()],
            private: BTreeSet::new(),
        };
        world.input(Input::Wall { now: UnixTime::new(NOW) });
        world
    }

    fn step(&mut self, bytes: &mut Bytes<'_>) {
        let choice = bytes.byte();
        let slot = usize::from(choice % (2 * SLOTS));
        let group = slot / usize::from(SLOTS);
        let is_agent = slot % usize::from(SLOTS) >= 2;
        let action = bytes.byte();
        match action % 40 {
            0 => self.connect(slot, bytes),
            1 => {
                if let Some(conn) = self.clients[slot].conn.take() {
                    self.open.remove(&conn);
                    self.input(Input::Closed { conn });
                }
            }
            2 => self.pass(u64::from(bytes.byte()) * 40),
            3 => self.pass(u64::from(bytes.number()) * 20),
            4 => {
                let text =
                    core::str::from_utf8(bytes.take(usize::from(choice))).unwrap_or_default();
                // Nobody else's group and no word of it is in what a client makes up.
                let foreign = GROUPS[1 - group];
                if !text.contains(foreign.0) && !text.contains(foreign.1) && !text.contains('\\') {
                    let text = text.to_owned();
                    self.say_text(slot, &text);
                }
            }
            5 => {
                let body = bytes.take(usize::from(choice % 32)).to_vec();
                self.say_bytes(slot, &body);
            }
            6 => self.picture(slot, bytes),
            7 => {
                let session = SessionId::new(pick(&self.sessions, bytes));
                let says = ViewerSays::Acknowledged(u32::from(bytes.byte()));
                self.say_bytes(slot, &ViewerSignal { session, says }.encode());
            }
            8 => {
                let session = SessionId::new(pick(&self.sessions, bytes));
                let state = MaskState::Known { areas: u32::from(bytes.byte()) };
                self.say_bytes(slot, &MaskNotice { session, state }.encode());
            }
            9 => {
                if let Some(conn) = self.clients[slot].conn {
                    self.input(Input::TooSlow { conn });
                }
            }
            10 => {
                if let Some(conn) = self.clients[slot].conn {
                    self.input(Input::PicturesDropped { conn });
                }
            }
            11 => self.input(Input::Records { healthy: !bytes.byte().is_multiple_of(4) }),
            12 if bytes.byte() == 0 => self.input(Input::Drain),
            13 => self.resume(slot, bytes),
            _ if is_agent => self.agent(slot, group, action, bytes),
            _ => self.visitor(slot, group, action, bytes),
        }
    }

    fn connect(&mut self, slot: usize, bytes: &mut Bytes<'_>) {
        let group = slot / usize::from(SLOTS);
        self.last_conn += 1;
        let conn = ConnId::new(self.last_conn);
        let page = format!("https://{}.example.org", GROUPS[group].1);
        let origin = match bytes.byte() % 8 {
            0 => Some(Origin::Own),
            1 => Some(Origin::Page(&page)),
            2 => Some(Origin::Page("https://elsewhere.example.org")),
            _ => None,
        };
        let address = Some(core::net::Ipv4Addr::new(192, 0, 2, bytes.byte() % 4).into());
        self.open.insert(conn, (group, BTreeSet::new()));
        self.clients[slot].conn = Some(conn);
        self.input(Input::Opened { conn, caller: Caller { origin, address } });
    }

    /// With the client's own secret, or with somebody else's of either group.
    fn resume(&mut self, slot: usize, bytes: &mut Bytes<'_>) {
        let group = slot / usize::from(SLOTS);
        let whose = match bytes.byte() {
            choice if choice.is_multiple_of(4) => usize::from(choice / 4) % self.clients.len(),
            _ => slot,
        };
        if let Some(secret) = self.clients[whose].secret.clone() {
            let message = json!({
                "t": "resume", "re": 0, "version": 1, "group": GROUPS[group].0, "secret": secret,
            });
            self.say_text(slot, &message.to_string());
        }
    }

    fn visitor(&mut self, slot: usize, group: usize, action: u8, bytes: &mut Bytes<'_>) {
        let (id, tag) = GROUPS[group];
        let pick_ask = pick(&self.asks, bytes);
        let pick_join = pick(&self.joins, bytes);
        let client = &mut self.clients[slot];
        client.re += 1;
        let re = client.re;
        let choice = bytes.byte();
        let who = format!("{tag}-{}", choice % 2);
        let message = match action % 20 {
            0 | 1 => {
                let profile = json!({"name": tag});
                json!({"t": "hello", "re": 0, "version": 1, "group": id, "app": "active", "profile": profile})
            }
            2 | 3 => {
                // Right, for somebody else, once, of the other group, or none.
                let other = GROUPS[usize::from(choice) % 2].1;
                let assertion = match choice % 16 {
                    0 => Value::Null,
                    1 => json!(format!("visitor {tag}-{}", choice / 16 % 2)),
                    2 => json!(format!("visitor {other}-0")),
                    3 => json!(format!("visitor {who} once{}", choice / 16)),
                    _ => json!(format!("visitor {who}")),
                };
                json!({"t": "identify", "re": re, "visitor": who, "assertion": assertion})
            }
            4 => json!({"t": "log_out", "re": re}),
            5 | 6 => json!({"t": "presence_connect", "re": re, "data": {"page": tag}}),
            7 => {
                json!({"t": "presence_update", "re": re, "data": {"page": format!("{tag} {choice}")}})
            }
            8 => json!({"t": "presence_disconnect", "re": re}),
            9 => {
                let app = if choice.is_multiple_of(2) { "active" } else { "background" };
                json!({"t": "app_moved", "re": re, "app": app})
            }
            10 => json!({"t": "terms_displayed", "re": re, "ask": pick_ask}),
            11 => json!({"t": "terms_accepted", "re": re, "ask": pick_ask}),
            12 => json!({"t": "terms_declined", "re": re, "ask": pick_ask}),
            13 | 14 => {
                client.start += 1;
                json!({"t": "session_start", "re": re, "start": client.start, "by": "random_key"})
            }
            15 => {
                client.start += 1;
                json!({"t": "session_start", "re": re, "start": client.start, "by": "visitor_id", "ask": pick_ask})
            }
            16 => json!({"t": "session_end", "re": re, "start": client.start}),
            17 => json!({"t": "join_confirmed", "re": re, "join": pick_join}),
            18 => json!({"t": "join_declined", "re": re, "join": pick_join}),
            _ if choice.is_multiple_of(8) => json!({"t": "bye"}),
            _ => json!({"t": "ping"}),
        };
        self.say_text(slot, &message.to_string());
    }

    fn agent(&mut self, slot: usize, group: usize, action: u8, bytes: &mut Bytes<'_>) {
        let (id, tag) = GROUPS[group];
        let ask = pick(&self.asks, bytes);
        let session = pick(&self.sessions, bytes);
        let key = self.keys[usize::from(bytes.byte()) % self.keys.len()].clone();
        let client = &mut self.clients[slot];
        client.re += 1;
        let re = client.re;
        let choice = bytes.byte();
        let name = format!("{tag}-agent-{}", slot % 2);
        let token = match choice % 8 {
            0 => format!("agent {name} view"),
            1 => format!("agent {name} only"),
            2 => format!("agent {name} keyless"),
            3 => format!("agent {name} once{}", choice / 16),
            4 => format!("agent {}-agent-0", GROUPS[usize::from(choice / 8) % 2].1),
            _ => format!("agent {name}"),
        };
        // Somebody of either group.
        let whom = format!("{}-{}", GROUPS[usize::from(choice / 2) % 2].1, choice % 2);
        let message = match action % 20 {
            0 | 1 => json!({"t": "sign_in", "re": 0, "version": 1, "group": id, "token": token}),
            2 => json!({"t": "renew", "re": re, "token": token}),
            3 | 4 => json!({"t": "watch", "re": re}),
            5 => json!({"t": "watch", "re": re, "visitor": whom}),
            6 => json!({"t": "unwatch", "re": re}),
            7..10 => json!({"t": "ask", "re": re, "visitor": whom}),
            10 => json!({"t": "withdraw", "re": re, "ask": ask}),
            11..14 => json!({"t": "join", "re": re, "key": key}),
            14 => json!({"t": "leave", "re": re}),
            15 => json!({"t": "leave", "re": re, "session": session}),
            16 => json!({"t": "end", "re": re, "session": session}),
            17 => {
                let agent = format!("{tag}-agent-{}", choice % 2);
                json!({"t": "eject", "re": re, "session": session, "agent": agent})
            }
            18 if choice.is_multiple_of(8) => json!({"t": "bye"}),
            18 => json!({"t": "withdraw", "re": re}),
            _ => json!({"t": "ping"}),
        };
        self.say_text(slot, &message.to_string());
    }

    fn picture(&mut self, slot: usize, bytes: &mut Bytes<'_>) {
        let session = SessionId::new(pick(&self.sessions, bytes));
        let viewers: Vec<_> =
            (0..bytes.byte() % 3 + 1).map(|_| ViewerId::new(u32::from(bytes.byte() % 8))).collect();
        let group = u8::try_from(slot / usize::from(SLOTS)).expect("two groups");
        self.say_bytes(slot, &Picture::encode(session, &viewers, &[3, group]));
    }

    fn say_text(&mut self, slot: usize, text: &str) {
        if let Some(conn) = self.clients[slot].conn {
            self.input(Input::Text { conn, text });
        }
    }

    fn say_bytes(&mut self, slot: usize, bytes: &[u8]) {
        if let Some(conn) = self.clients[slot].conn {
            self.input(Input::Binary { conn, bytes });
        }
    }

    fn pass(&mut self, millis: u64) {
        self.now = self.now + Duration::from_millis(millis);
        self.wall += millis / 1_000;
        self.input(Input::Wall { now: UnixTime::new(self.wall) });
        self.input(Input::Timeout);
    }

    fn input(&mut self, input: Input<'_>) {
        self.hub.handle_input(self.now, input);
        for outputs in 0.. {
            assert!(outputs < OUTPUTS, "not idle after {outputs} outputs");
            match self.hub.poll_output() {
                Output::Send { conn, text } => self.told(conn, &text),
                Output::SendBinary { conn, bytes } => {
                    assert!(self.open.contains_key(&conn), "said to a closed connection");
                    ViewerNotice::decode(&bytes).expect("a notice for a visitor");
                }
                Output::SendPicture { conn, bytes } => {
                    let picture = PictureRelay::decode(&bytes).expect("a picture for an agent");
                    let (group, sessions) = self.open.get(&conn).expect("sent after a close");
                    assert!(sessions.contains(&picture.session().get()), "nobody let it in");
                    if let [3, from] = picture.body() {
                        assert_eq!(usize::from(*from), *group, "a picture of another group");
                    }
                }
                Output::ForgetPictures { conn } => {
                    assert!(self.open.contains_key(&conn), "said to a closed connection");
                }
                Output::Close { conn, .. } => {
                    assert!(self.open.remove(&conn).is_some(), "closed twice");
                    if let Some(client) = self.owner(conn) {
                        client.conn = None;
                    }
                }
                Output::Event(event) => {
                    let told = format!("{event:?}");
                    let leak = self.private.iter().any(|secret| told.contains(&**secret));
                    assert!(!leak, "an event tells a key or a secret");
                }
                Output::Idle { wake_at } => {
                    assert!(wake_at.is_none_or(|wake| wake.at > self.now), "an overdue deadline");
                    break;
                }
            }
        }
    }

    /// A client is told something: it is kept for later, and holds nothing of the other group.
    fn told(&mut self, conn: ConnId, text: &str) {
        let (group, sessions) = self.open.get_mut(&conn).expect("said to a closed connection");
        assert!(text.len() <= limits::MESSAGE_BYTES, "too long to be read");
        assert!(!text.contains(GROUPS[1 - *group].1), "of another group: {text}");
        let message: Value = serde_json::from_str(text).expect("a JSON object");
        let seen = message.get("snapshot").unwrap_or(&message);
        let running = [seen.get("session"), seen.get("view")].into_iter().flatten();
        let number = |value: &Value| value.as_u64().or_else(|| value["session"].as_u64());
        for session in running.filter_map(number) {
            match message["t"].as_str() {
                Some("joined" | "resumed") => drop(sessions.insert(session)),
                Some("session_ended") => drop(sessions.remove(&session)),
                _ => {}
            }
            keep(&mut self.sessions, session);
        }
        if let Some(ask) = message["ask"].as_u64() {
            keep(&mut self.asks, ask);
        }
        if let Some(join) = message["join"].as_u64() {
            keep(&mut self.joins, join);
        }
        if let Some(key) = message["key"].as_str() {
            self.private.insert(key.to_owned());
            keep(&mut self.keys, key.to_owned());
        }
        if let Some(secret) = message["secret"].as_str() {
            self.private.insert(secret.to_owned());
            if let Some(client) = self.owner(conn) {
                client.secret = Some(secret.to_owned());
            }
        }
    }

    /// Whose newest connection this is. An older one may still be open: its client opened another.
    fn owner(&mut self, conn: ConnId) -> Option<&mut Client> {
        self.clients.iter_mut().find(|client| client.conn == Some(conn))
    }
}

fn pick(pool: &[u64], bytes: &mut Bytes<'_>) -> u64 {
    pool[usize::from(bytes.byte()) % pool.len()]
}

fn keep<T: PartialEq>(pool: &mut Vec<T>, one: T) {
    if !pool.contains(&one) {
        if pool.len() == 4 {
            pool.remove(0);
        }
        pool.push(one);
    }
}

/// Believes what a token says of itself, if it is of this group.
#[derive(Debug)]
struct Notes {
    tag: &'static str,
}

impl Notes {
    /// The second word, if the first is this and the second of this group; and the third.
    fn read<'a>(&self, what: &str, text: &'a str) -> Result<(&'a str, &'a str), ProofError> {
        let mut words = text.split(' ');
        let (Some(first), Some(id)) = (words.next(), words.next()) else {
            return Err(ProofError::Bad);
        };
        if first != what || !id.starts_with(self.tag) {
            return Err(ProofError::Bad);
        }
        Ok((id, words.next().unwrap_or_default()))
    }

    fn once(word: &str) -> Option<TokenId> {
        let number: u8 = word.strip_prefix("once")?.parse().ok()?;
        Some(TokenId([number; 16]))
    }
}

impl Proofs for Notes {
    fn agent(
        &self,
        _: &GroupId,
        token: &AgentToken,
        now: UnixTime,
    ) -> Result<AgentPass, ProofError> {
        let (id, word) = self.read("agent", token.expose_secret())?;
        let id = AgentId::new(id).map_err(|_| ProofError::Bad)?;
        let card = AgentCard::new(id, self.tag).map_err(|_| ProofError::Bad)?;
        let only = VisitorId::new(format!("{}-0", self.tag)).map_err(|_| ProofError::Bad)?;
        let rights = AgentRights {
            visitors: (word == "only").then(|| vec![only]),
            view_only: word == "view",
            manual_keys: word != "keyless",
            max_guests: (word == "view").then_some(1),
        };
        let expires = now + Duration::from_secs(600);
        Ok(AgentPass { card, rights, expires, once: Self::once(word) })
    }

    fn visitor(
        &self,
        _: &GroupId,
        assertion: &VisitorAssertion,
        now: UnixTime,
    ) -> Result<VisitorPass, ProofError> {
        let (id, word) = self.read("visitor", assertion.expose_secret())?;
        let visitor = VisitorId::new(id).map_err(|_| ProofError::Bad)?;
        let expires = now + Duration::from_secs(300);
        Ok(VisitorPass { visitor, expires, once: Self::once(word) })
    }
}

/// Stories to begin with: both ways to share, in both groups.
pub fn stories() -> Vec<(&'static str, Vec<u8>)> {
    // What a visitor or an agent reads after its action: two picks (and a key), then a choice.
    let visitor = |slot: u8, action: u8| vec![slot, action, 255, 255, 4];
    let agent = |slot: u8, action: u8| vec![slot, action, 255, 255, 255, 6];
    let connect = |slot: u8| vec![slot, 0, 7, slot];
    let picture = |slot: u8| vec![slot, 6, 255, 0, 1];
    let one_click = [
        connect(0),
        visitor(0, 20),
        visitor(0, 22),
        visitor(0, 25),
        connect(2),
        agent(2, 20),
        agent(2, 23),
        agent(2, 27),
        visitor(0, 30),
        visitor(0, 31),
        visitor(0, 35),
        picture(0),
        vec![2, 7, 255, 1],
        vec![0, 8, 255, 2],
        agent(2, 36),
    ];
    let by_key = |base: u8| {
        [
            connect(base),
            visitor(base, 20),
            visitor(base, 33),
            connect(base + 2),
            agent(base + 2, 20),
            agent(base + 2, 31),
            visitor(base, 37),
            picture(base),
            vec![base, 1],
            vec![base, 2, 100],
            connect(base),
            vec![base, 13, 1],
            visitor(base, 36),
        ]
        .concat()
    };
    vec![
        ("one-click", one_click.concat()),
        ("by-key", by_key(0)),
        ("by-key-confirmed", by_key(4)),
        ("both", [by_key(0), by_key(4), one_click.concat()].concat()),
    ]
}
