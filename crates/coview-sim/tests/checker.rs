//! The checker checked: each deliberately wrong observation must be caught by the rule it breaks,
//! and the right one beside it must not.
#![allow(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

use coview_hub::ConnId;
use coview_hub::Event;
use coview_hub::Hub;
use coview_hub::Input;
use coview_hub::Output;
use coview_hub::Place;
use coview_lifecycle::StateKind;
use coview_lifecycle::table::Trigger;
use coview_sim::AgentNo;
use coview_sim::Checker;
use coview_sim::ClientId;
use coview_sim::Rule;
use coview_sim::Seen;
use coview_sim::VisitorNo;
use coview_sim::town;
use coview_wire::AgentCard;
use coview_wire::AgentNotice;
use coview_wire::AskEnded;
use coview_wire::AskId;
use coview_wire::AskOutcome;
use coview_wire::ClientMessage;
use coview_wire::GroupId;
use coview_wire::Message;
use coview_wire::Moment;
use coview_wire::RequestId;
use coview_wire::ServerMessage;
use coview_wire::SessionConnected;
use coview_wire::SessionEnded;
use coview_wire::SessionGuests;
use coview_wire::SessionId;
use coview_wire::SessionKey;
use coview_wire::SessionStart;
use coview_wire::StartBy;
use coview_wire::StartId;
use coview_wire::TermsAccepted;
use coview_wire::TermsDeclined;
use coview_wire::TermsDisplayed;
use coview_wire::TermsWithdrawn;
use coview_wire::WithdrawReason;

const ANNA: ClientId = ClientId::Visitor(VisitorNo(0));
const SUE: ClientId = ClientId::Visitor(VisitorNo(1));
const GRACE: ClientId = ClientId::Agent(AgentNo(0));
const ASK: AskId = AskId::new(1);
const SESSION: SessionId = SessionId::new(2);
const KEY: &str = "123 456 786";

/// A checker under test that knows a visitor and an agent in the north and a visitor in the south.
struct Case {
    checker: Checker,
    north: GroupId,
    place: Place,
}

fn case() -> Case {
    let north = GroupId::new(town::NORTH).unwrap();
    let south = GroupId::new(town::SOUTH).unwrap();
    let mut checker = Checker::new(&town::config());
    for (client, group) in [(ANNA, &north), (SUE, &south), (GRACE, &north)] {
        checker.see(Seen::Came { client, group });
    }
    let place = a_place();
    let mut case = Case { checker, north: north.clone(), place };
    case.hub(Event::VisitorArrived { group: north, client: place });
    case
}

/// Only a hub makes places.
fn a_place() -> Place {
    let mut hub = Hub::new(town::config(), [7; 32]);
    let conn = ConnId::new(1);
    let hello = r#"{"t":"hello","re":0,"version":1,"group":"north","app":"active"}"#;
    hub.handle_input(Moment::ZERO, Input::Opened { conn, caller: coview_hub::Caller::default() });
    hub.handle_input(Moment::ZERO, Input::Text { conn, text: hello });
    loop {
        if let Output::Event(Event::VisitorArrived { client, .. }) = hub.poll_output() {
            return client;
        }
    }
}

const fn re(number: u64) -> RequestId {
    RequestId::new(number)
}

impl Case {
    fn hub(&mut self, event: Event) {
        self.checker.see(Seen::Hub { event: &event, client: Some(ANNA) });
    }

    fn says(&mut self, message: impl Into<ClientMessage>) {
        let message = message.into();
        self.checker.see(Seen::VisitorSaid { client: ANNA, message: &message });
    }

    fn hub_hears(&mut self, message: impl Into<ClientMessage>) {
        let message = message.into();
        self.checker.see(Seen::HubHeardVisitor { client: ANNA, message: &message });
    }

    fn hub_says(&mut self, client: ClientId, message: impl Into<ServerMessage>) {
        let message = message.into();
        self.checker.see(Seen::HubSaidVisitor { client, message: &message });
    }

    fn hub_tells_agent(&mut self, message: impl Into<AgentNotice>) {
        let message = message.into();
        self.checker.see(Seen::HubSaidAgent { client: GRACE, message: &message });
    }

    fn asked(&mut self) {
        self.hub(Event::Asked {
            group: self.north.clone(),
            ask: ASK,
            agent: town::agent_id("grace"),
            name: Box::from("Grace"),
            visitor: town::visitor_id("anna"),
            client: self.place,
            terms: Box::from("1"),
            language: None,
        });
    }

    fn displayed(&mut self) {
        let (group, terms) = (self.north.clone(), Box::from("1"));
        self.hub(Event::TermsDisplayed { group, ask: ASK, terms, language: None });
    }

    fn accepted(&mut self) {
        let (group, terms) = (self.north.clone(), Box::from("1"));
        self.hub(Event::Accepted { group, ask: ASK, session: SESSION, terms, language: None });
    }

    fn ended(&mut self, outcome: AskOutcome) {
        self.hub(Event::AskEnded { group: self.north.clone(), ask: ASK, outcome });
    }

    fn started(&mut self, ask: Option<AskId>) {
        self.hub(Event::SessionStarted {
            group: self.north.clone(),
            session: SESSION,
            client: self.place,
            visitor: None,
            ask,
        });
    }

    fn looks(&mut self, state: StateKind, key: Option<&str>, session: Option<SessionId>) {
        let group = self.north.clone();
        self.checker.see(Seen::Visitor { client: ANNA, group: &group, state, key, session });
    }

    /// A manual session runs and its key has gone out.
    fn manual(&mut self) {
        self.hub_hears(start(StartBy::RandomKey));
        self.started(None);
        self.hub_says(ANNA, connected(Some(KEY)));
    }

    fn one_click(&mut self) {
        self.asked();
        self.displayed();
        self.accepted();
        self.hub_hears(start(StartBy::VisitorId { ask: ASK }));
        self.started(Some(ASK));
        self.hub_says(ANNA, connected(None));
    }

    #[track_caller]
    fn holds(&self) {
        assert_eq!(self.checker.violations(), []);
    }

    #[track_caller]
    fn breaks(&self, rule: Rule) {
        let rules: Vec<Rule> = self.checker.violations().iter().map(|it| it.rule).collect();
        assert!(rules.contains(&rule), "{rule} was not found broken, only {rules:?}");
    }
}

const fn start(by: StartBy) -> SessionStart {
    SessionStart { re: re(3), start: StartId::new(1), by }
}

fn connected(key: Option<&str>) -> SessionConnected {
    let key = key.map(|key| SessionKey::parse(key).unwrap());
    SessionConnected { re: re(3), start: StartId::new(1), session: SESSION, key }
}

#[test]
fn a_key_shown_for_a_manual_session() {
    let mut right = case();
    right.manual();
    right.looks(StateKind::SharingManualAnonymous, Some(KEY), Some(SESSION));
    right.holds();

    let mut another_key = case();
    another_key.manual();
    let other = Some("000 000 000");
    another_key.looks(StateKind::SharingManualAnonymous, other, Some(SESSION));
    another_key.breaks(Rule::KeyOnlyIfManual);
}

#[test]
fn a_key_shown_on_one_click() {
    let mut right = case();
    right.one_click();
    right.looks(StateKind::SharingOneClick, None, Some(SESSION));
    right.holds();

    let mut shown = case();
    shown.one_click();
    shown.looks(StateKind::SharingOneClick, Some(KEY), Some(SESSION));
    shown.breaks(Rule::KeyOnlyIfManual);

    let mut said = case();
    said.one_click();
    said.hub_says(ANNA, connected(Some(KEY)));
    said.breaks(Rule::KeyOnlyIfManual);
}

#[test]
fn a_key_shown_with_no_session() {
    let mut wrong = case();
    wrong.looks(StateKind::Anonymous, Some(KEY), None);
    wrong.breaks(Rule::KeyOnlyIfManual);
}

#[test]
fn accepted_before_displayed() {
    let mut right = case();
    right.asked();
    right.says(TermsDisplayed { re: re(1), ask: ASK });
    right.says(TermsAccepted { re: re(2), ask: ASK });
    right.hub_hears(TermsDisplayed { re: re(1), ask: ASK });
    right.hub_hears(TermsAccepted { re: re(2), ask: ASK });
    right.displayed();
    right.accepted();
    let outcome = AskOutcome::Accepted;
    right.hub_tells_agent(AskEnded { ask: ASK, outcome, session: Some(SESSION) });
    right.holds();

    let mut app = case();
    app.says(TermsAccepted { re: re(2), ask: ASK });
    app.breaks(Rule::AcceptedAfterDisplayed);

    let mut wire = case();
    wire.hub_hears(TermsAccepted { re: re(2), ask: ASK });
    wire.breaks(Rule::AcceptedAfterDisplayed);

    let mut hub = case();
    hub.asked();
    hub.accepted();
    hub.breaks(Rule::AcceptedAfterDisplayed);
}

#[test]
fn accepted_twice() {
    let mut app = case();
    app.says(TermsDisplayed { re: re(1), ask: ASK });
    app.says(TermsAccepted { re: re(2), ask: ASK });
    app.says(TermsAccepted { re: re(3), ask: ASK });
    app.breaks(Rule::AcceptedAfterDisplayed);

    let mut said_again = case();
    said_again.hub_hears(TermsDisplayed { re: re(1), ask: ASK });
    said_again.hub_hears(TermsAccepted { re: re(2), ask: ASK });
    said_again.hub_hears(TermsAccepted { re: re(2), ask: ASK });
    said_again.holds();
    said_again.hub_hears(TermsAccepted { re: re(3), ask: ASK });
    said_again.breaks(Rule::AcceptedAfterDisplayed);

    let mut hub = case();
    hub.asked();
    hub.displayed();
    hub.accepted();
    hub.accepted();
    hub.breaks(Rule::OneOutcome);
}

#[test]
fn a_start_after_a_no() {
    for outcome in [AskOutcome::Withdrawn, AskOutcome::Expired] {
        let mut hub = case();
        hub.asked();
        hub.displayed();
        hub.ended(outcome);
        hub.holds();
        hub.started(Some(ASK));
        hub.breaks(Rule::NoStartAfterNo);
    }
    let mut declined = case();
    declined.says(TermsDisplayed { re: re(1), ask: ASK });
    declined.says(TermsDeclined { re: re(2), ask: ASK });
    declined.holds();
    declined.says(start(StartBy::VisitorId { ask: ASK }));
    declined.breaks(Rule::NoStartAfterNo);

    let mut withdrawn = case();
    withdrawn.says(TermsDisplayed { re: re(1), ask: ASK });
    let over = TermsWithdrawn { ask: ASK, reason: WithdrawReason::Agent };
    let over = ServerMessage::from(over);
    withdrawn.checker.see(Seen::VisitorTold { client: ANNA, message: &over });
    withdrawn.holds();
    withdrawn.says(TermsAccepted { re: re(2), ask: ASK });
    withdrawn.breaks(Rule::NoStartAfterNo);
}

#[test]
fn a_second_start_under_one_request() {
    let mut twice = case();
    twice.one_click();
    twice.holds();
    twice.started(Some(ASK));
    twice.breaks(Rule::NoStartAfterNo);
}

#[test]
fn sharing_without_an_accepted_request() {
    let mut wrong = case();
    wrong.manual();
    wrong.looks(StateKind::SharingOneClick, None, Some(SESSION));
    wrong.breaks(Rule::NoStartAfterNo);
}

#[test]
fn a_request_with_two_ends_or_none_it_had() {
    let mut twice = case();
    twice.asked();
    twice.ended(AskOutcome::Expired);
    twice.holds();
    twice.ended(AskOutcome::Withdrawn);
    twice.breaks(Rule::OneOutcome);

    let mut told_another = case();
    told_another.asked();
    told_another.ended(AskOutcome::Expired);
    let outcome = AskOutcome::Declined;
    told_another.hub_tells_agent(AskEnded { ask: ASK, outcome, session: None });
    told_another.breaks(Rule::OneOutcome);

    let mut sees_another = case();
    sees_another.asked();
    let asked = r#"{"t":"asked","re":1,"ask":1,"expires_ms":60000}"#;
    let asked = AgentNotice::decode(asked).unwrap();
    sees_another.checker.see(Seen::AgentTold { client: GRACE, message: &asked });
    sees_another.ended(AskOutcome::Expired);
    let outcome = AskOutcome::Accepted;
    sees_another.checker.see(Seen::AgentOutcome { client: GRACE, outcome });
    sees_another.breaks(Rule::OneOutcome);
}

#[test]
fn a_message_for_the_other_group() {
    let ended = |case: &mut Case, client| {
        let (start, reason) = (StartId::new(1), coview_wire::EndReason::Agent);
        case.hub_says(client, SessionEnded { start, session: SESSION, reason });
    };
    let mut right = case();
    right.manual();
    ended(&mut right, ANNA);
    right.holds();

    let mut crossed = case();
    crossed.manual();
    ended(&mut crossed, SUE);
    crossed.breaks(Rule::GroupsApart);
}

#[test]
fn an_agent_of_the_other_group() {
    for (group, same) in [(town::NORTH, true), (town::SOUTH, false)] {
        let mut case = case();
        case.manual();
        let card = AgentCard::new(town::agent_id("grace"), &format!("grace of {group}")).unwrap();
        case.hub_says(ANNA, SessionGuests { session: SESSION, count: 1, guests: vec![card] });
        if same { case.holds() } else { case.breaks(Rule::GroupsApart) }
    }
}

#[test]
fn a_change_of_group() {
    let mut typed = case();
    let south = GroupId::new(town::SOUTH).unwrap();
    let state = StateKind::Anonymous;
    let seen = Seen::Visitor { client: ANNA, group: &south, state, key: None, session: None };
    typed.checker.see(seen);
    typed.breaks(Rule::GroupsApart);

    let mut wire = case();
    let hello = r#"{"t":"hello","re":0,"version":1,"group":"south","app":"active"}"#;
    wire.hub_hears(ClientMessage::decode(hello).unwrap());
    wire.breaks(Rule::GroupsApart);
}

#[test]
fn the_place_of_another_client_resumed() {
    let mut wrong = case();
    let event = Event::VisitorResumed { group: wrong.north.clone(), client: wrong.place };
    wrong.checker.see(Seen::Hub { event: &event, client: Some(ANNA) });
    wrong.holds();
    wrong.checker.see(Seen::Hub { event: &event, client: Some(SUE) });
    wrong.breaks(Rule::GroupsApart);
}

#[test]
fn an_engine_that_does_not_come_to_rest() {
    let mut case = case();
    case.checker.see(Seen::Outputs { of: Some(ANNA), count: 40, limit: 40 });
    case.holds();
    case.checker.see(Seen::Outputs { of: Some(ANNA), count: 41, limit: 40 });
    case.breaks(Rule::IdleAgain);
}

#[test]
fn a_verb_the_table_does_not_have() {
    let mut case = case();
    let command = |state, trigger, possible| Seen::Command { state, trigger, possible };
    case.checker.see(command(StateKind::Anonymous, Trigger::Identify, true));
    case.checker.see(command(StateKind::Anonymous, Trigger::Accept, false));
    case.holds();
    case.checker.see(command(StateKind::TermsRequested, Trigger::Accept, true));
    case.breaks(Rule::Table);
}

#[test]
fn a_secret_that_can_be_read() {
    let text = |case: &mut Case, text: &str| {
        case.checker.see(Seen::Text { of: "a line of a log", text });
    };
    let mut key = case();
    key.manual();
    text(&mut key, "session connected re=3 session=2");
    key.holds();
    text(&mut key, "session connected key=123456786");
    key.breaks(Rule::NoSecret);
    let how = key.checker.violations().iter().map(ToString::to_string).collect::<String>();
    assert!(!how.contains("123"), "nor does the checker tell it: {how}");

    let mut secret = case();
    let welcome = r#"{"t":"welcome","re":0,"secret":"Qx0T7bWvJ3m9s2YdNf6HkA","settings":{"share_button":true,"presence":true,"key_digits":9},"timing":{"heartbeat_ms":20000,"missed_heartbeats":2,"first_reply_ms":10000,"resume_grace_ms":30000,"background_lease_ms":300000}}"#;
    secret.hub_says(ANNA, ServerMessage::decode(welcome).unwrap());
    secret.holds();
    text(&mut secret, "Welcome { secret: \"Qx0T7bWvJ3m9s2YdNf6HkA\" }");
    secret.breaks(Rule::NoSecret);

    let mut person = case();
    let hello = r#"{"t":"hello","re":0,"version":1,"group":"north","app":"active","profile":{"email":"ada.lovelace9@mail.example","phone":"+49 30 1234567"}}"#;
    person.says(ClientMessage::decode(hello).unwrap());
    text(&mut person, "somebody at mail.example, north");
    person.holds();
    text(&mut person, "phone=+49 30 1234567");
    person.breaks(Rule::NoSecret);
}

#[test]
fn a_place_that_outlasts_its_grace() {
    let kept = town::config().policy.background_lease;
    let steps = |case: &mut Case, after| {
        case.checker.at(Moment::new(after));
        case.checker.see(Seen::Outputs { of: None, count: 1, limit: 1 });
    };
    let mut gone = case();
    gone.checker.see(Seen::HubLost { client: ANNA });
    steps(&mut gone, kept);
    let (group, client) = (gone.north.clone(), gone.place);
    let reason = coview_hub::Departure::Lost;
    gone.hub(Event::VisitorGone { group, client, reason });
    steps(&mut gone, kept * 2);
    gone.holds();

    let mut back = case();
    back.checker.see(Seen::HubLost { client: ANNA });
    let (group, client) = (back.north.clone(), back.place);
    back.hub(Event::VisitorResumed { group, client });
    steps(&mut back, kept * 2);
    back.holds();

    let mut stays = case();
    stays.checker.see(Seen::HubLost { client: ANNA });
    steps(&mut stays, kept);
    stays.holds();
    steps(&mut stays, kept + core::time::Duration::from_millis(1));
    stays.breaks(Rule::NothingLeft);
}

#[test]
fn a_session_without_a_record() {
    let mut wrong = case();
    wrong.checker.see(Seen::Records { healthy: false });
    wrong.checker.see(Seen::Records { healthy: true });
    wrong.manual();
    wrong.holds();
    wrong.checker.see(Seen::Records { healthy: false });
    wrong.started(None);
    wrong.breaks(Rule::Recorded);
}

#[test]
fn a_visitor_on_somebody_elses_page() {
    let arrives = |case: &mut Case| {
        let (group, client) = (case.north.clone(), case.place);
        case.hub(Event::VisitorArrived { group, client });
    };
    let mut none = case();
    none.checker.see(Seen::Page { client: ANNA, origin: Some(town::FOREIGN_PAGE) });
    none.checker.see(Seen::Page { client: ANNA, origin: None });
    arrives(&mut none);
    none.holds();

    let mut foreign = case();
    foreign.checker.see(Seen::Page { client: ANNA, origin: Some(town::FOREIGN_PAGE) });
    arrives(&mut foreign);
    foreign.breaks(Rule::OwnPages);
}

/// What the network lost is not held against who said it; the hub's own word is.
#[test]
fn an_answer_after_a_display_that_was_lost() {
    let mut lost = case();
    let displayed = ClientMessage::from(TermsDisplayed { re: re(1), ask: ASK });
    lost.checker.see(Seen::Lost { client: ANNA, message: &displayed });
    lost.hub_hears(TermsAccepted { re: re(2), ask: ASK });
    lost.holds();
    lost.asked();
    lost.accepted();
    lost.breaks(Rule::AcceptedAfterDisplayed);
}
