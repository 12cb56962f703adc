//! Tokens and assertions that everybody can read, and a checker of them: `signed` stands for a
//! signature.

use std::time::Duration;

use coview_hub::*;
use coview_wire::*;

/// When the wall clock of these tests begins, before [`World`](super::World) is told otherwise.
pub const NOON: UnixTime = UnixTime::new(1_800_000_000);

pub fn after(seconds: u64) -> UnixTime {
    NOON + Duration::from_secs(seconds)
}

/// What a token or an assertion says. It is good for an hour from [`NOON`] and has no number, unless
/// something else is said.
#[derive(Clone, Debug)]
pub struct Claims {
    audience: &'static str,
    group: String,
    who: String,
    expires: UnixTime,
    number: Option<u8>,
    visitors: Option<Vec<String>>,
    view_only: bool,
    manual_keys: bool,
    max_guests: Option<u32>,
    signed: bool,
}

impl Claims {
    fn of(audience: &'static str, who: &str) -> Self {
        Self {
            audience,
            group: super::GROUP.to_owned(),
            who: who.to_owned(),
            expires: after(3_600),
            number: None,
            visitors: None,
            view_only: false,
            manual_keys: true,
            max_guests: None,
            signed: true,
        }
    }

    pub fn agent(who: &str) -> Self {
        Self::of("agent", who)
    }

    pub fn visitor(who: &str) -> Self {
        Self::of("visitor", who)
    }

    pub fn group(self, group: &str) -> Self {
        Self { group: group.to_owned(), ..self }
    }

    pub fn expires(self, seconds: u64) -> Self {
        Self { expires: after(seconds), ..self }
    }

    /// It may be used once, and this tells it from others.
    pub fn once(self, number: u8) -> Self {
        Self { number: Some(number), ..self }
    }

    pub fn only(self, visitors: &[&str]) -> Self {
        Self { visitors: Some(visitors.iter().map(|it| (*it).to_owned()).collect()), ..self }
    }

    pub fn view_only(self) -> Self {
        Self { view_only: true, ..self }
    }

    pub fn without_keys(self) -> Self {
        Self { manual_keys: false, ..self }
    }

    pub fn max_guests(self, most: u32) -> Self {
        Self { max_guests: Some(most), ..self }
    }

    pub fn forged(self) -> Self {
        Self { signed: false, ..self }
    }

    fn text(&self) -> String {
        let number = self.number.map_or_else(|| "-".to_owned(), |number| number.to_string());
        let visitors = self.visitors.as_ref().map_or_else(|| "*".to_owned(), |it| it.join(","));
        let most = self.max_guests.map_or_else(|| "-".to_owned(), |most| most.to_string());
        let signed = if self.signed { "signed" } else { "s1gned" };
        format!(
            "{}/{}/{}/{}/{number}/{visitors}/{}/{}/{most}/{signed}",
            self.audience,
            self.group,
            self.who,
            self.expires.get(),
            self.view_only,
            self.manual_keys,
        )
    }

    pub fn token(&self) -> AgentToken {
        AgentToken::new(self.text()).unwrap()
    }

    pub fn assertion(&self) -> VisitorAssertion {
        VisitorAssertion::new(self.text()).unwrap()
    }
}

/// Believes what is signed, for its group and purpose, until it expires.
#[derive(Debug)]
pub struct Checker;

impl Checker {
    fn read(
        text: &str,
        audience: &str,
        group: &GroupId,
        now: UnixTime,
    ) -> Result<[String; 10], ProofError> {
        let fields: Vec<String> = text.split('/').map(str::to_owned).collect();
        let fields: [String; 10] = fields.try_into().map_err(|_| ProofError::Bad)?;
        if fields[9] != "signed" || fields[0] != audience || fields[1] != group.as_str() {
            return Err(ProofError::Bad);
        }
        if Self::expires(&fields[3])? <= now {
            return Err(ProofError::Expired);
        }
        Ok(fields)
    }

    fn expires(text: &str) -> Result<UnixTime, ProofError> {
        text.parse().map(UnixTime::new).map_err(|_| ProofError::Bad)
    }

    fn once(number: &str) -> Option<TokenId> {
        number.parse().ok().map(|number| TokenId([number; 16]))
    }
}

impl Proofs for Checker {
    fn agent(
        &self,
        group: &GroupId,
        token: &AgentToken,
        now: UnixTime,
    ) -> Result<AgentPass, ProofError> {
        let [_, _, who, expires, number, visitors, view_only, keys, most, _] =
            Self::read(token.expose_secret(), "agent", group, now)?;
        let agent = AgentId::new(&*who).map_err(|_| ProofError::Bad)?;
        let visitors = match &*visitors {
            "*" => None,
            named => Some(
                named
                    .split(',')
                    .filter(|name| !name.is_empty())
                    .map(VisitorId::new)
                    .collect::<Result<_, _>>()
                    .map_err(|_| ProofError::Bad)?,
            ),
        };
        let name = format!("Agent {who}");
        Ok(AgentPass {
            card: AgentCard::new(agent, &name).map_err(|_| ProofError::Bad)?,
            rights: AgentRights {
                visitors,
                view_only: view_only == "true",
                manual_keys: keys == "true",
                max_guests: most.parse().ok(),
            },
            expires: Self::expires(&expires)?,
            once: Self::once(&number),
        })
    }

    fn visitor(
        &self,
        group: &GroupId,
        assertion: &VisitorAssertion,
        now: UnixTime,
    ) -> Result<VisitorPass, ProofError> {
        let [_, _, who, expires, number, ..] =
            Self::read(assertion.expose_secret(), "visitor", group, now)?;
        let visitor = VisitorId::new(&*who).map_err(|_| ProofError::Bad)?;
        Ok(VisitorPass { visitor, expires: Self::expires(&expires)?, once: Self::once(&number) })
    }
}

/// Both groups demand proofs, of agents and of visitors.
pub fn strict() -> HubConfig {
    let mut config = super::config();
    for group in config.groups.values_mut() {
        group.assertion_needed = true;
        group.proofs = std::sync::Arc::new(Checker);
    }
    config
}

impl super::World {
    /// Both groups demand proofs, and it is noon.
    pub fn strict() -> Self {
        Self::strict_with(|_| {})
    }

    pub fn strict_with(change: impl Fn(&mut GroupConfig)) -> Self {
        let mut config = strict();
        config.groups.values_mut().for_each(change);
        let mut world = Self::with(config);
        world.input(Input::Wall { now: NOON });
        world
    }

    /// A connection from this page.
    pub fn open_page(&mut self, origin: Origin<'_>) -> ConnId {
        self.open_as(Caller { origin: Some(origin), address: None })
    }

    /// The first message of an agent, on any connection.
    pub fn show_token(&mut self, conn: ConnId, group_name: &str, claims: &Claims) {
        let (re, group) = (RequestId::new(0), super::group(group_name));
        self.call(conn, SignIn { re, version: 1, group, token: claims.token() });
    }

    /// An agent whose token is accepted.
    pub fn signed_in(&mut self, claims: &Claims) -> ConnId {
        let conn = self.open();
        self.show_token(conn, &claims.group, claims);
        let AgentNotice::SignedIn(it) = self.notice(conn) else { panic!("not signed in") };
        self.known(conn, &claims.group, it.secret);
        conn
    }

    /// An agent whose token is not accepted, and who is sent away for good.
    pub fn not_signed_in(&mut self, group_name: &str, claims: &Claims) -> RefusalCode {
        let conn = self.open();
        self.show_token(conn, group_name, claims);
        let code = self.refused(conn);
        self.closing(conn, CloseReason::Refused, false);
        code
    }

    pub fn renew(&mut self, conn: ConnId, claims: &Claims) {
        let re = self.next_re(conn);
        self.call(conn, Renew { re, token: claims.token() });
    }

    pub fn identify_as(&mut self, conn: ConnId, name: &str, assertion: Option<&Claims>) {
        let re = self.next_re(conn);
        let assertion = assertion.map(Claims::assertion);
        self.say(conn, Identify { re, visitor: super::visitor_id(name), assertion, profile: None });
    }

    /// A visitor whose assertion is accepted.
    pub fn proved(&mut self, claims: &Claims) -> ConnId {
        let conn = self.visitor_in(&claims.group);
        self.identify_as(conn, &claims.who.clone(), Some(claims));
        let ServerMessage::Identified(_) = self.hear(conn) else { panic!("not identified") };
        conn
    }

    /// A visitor who proved its id and is online.
    pub fn proved_online(&mut self, name: &str) -> ConnId {
        self.proved_online_in(super::GROUP, name)
    }

    pub fn proved_online_in(&mut self, group_name: &str, name: &str) -> ConnId {
        let conn = self.proved(&Claims::visitor(name).group(group_name));
        self.connect_presence(conn);
        let ServerMessage::PresenceConnected(_) = self.hear(conn) else { panic!("not online") };
        conn
    }

    /// Takes up a place with whatever secret, in whatever group, from wherever.
    pub fn resume_with(&mut self, conn: ConnId, group_name: &str, secret: &str) {
        let (re, secret) = (RequestId::new(0), ResumeSecret::new(secret).unwrap());
        self.say(conn, Resume { re, version: 1, group: super::group(group_name), secret });
    }
}
