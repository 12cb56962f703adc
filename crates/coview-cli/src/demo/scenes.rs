//! The scenes of the story, each from the state the one before left.

use coview_agent::RequestError as AgentRequestError;
use coview_agent::SignedIn;
use coview_agent::Watching;
use coview_lifecycle::Anonymous;
use coview_lifecycle::Connectivity;
use coview_lifecycle::Identified;
use coview_lifecycle::Identity;
use coview_lifecycle::PresenceConnected;
use coview_smol::Agent;
use coview_smol::ConnectError;
use coview_smol::OpenErrorKind;
use coview_smol::ScreenOptions;
use coview_smol::ScreenSender;
use coview_smol::ScreenViewer;
use coview_smol::Stopped;
use coview_smol::Visitor;
use coview_wire::AppState;
use coview_wire::AskOutcome;
use coview_wire::EndReason;
use coview_wire::KeyError;
use coview_wire::PresenceData;
use coview_wire::PresencePatch;
use coview_wire::Profile;
use coview_wire::RefusalCode;
use coview_wire::SessionKey;
use coview_wire::VisitorCard;
use coview_wire::VisitorId;
use coview_wire::WithdrawReason;
use smol::net::TcpListener;

use super::page::Page;
use super::relay::Relay;
use super::stage::Stage;
use super::stage::url;
use super::story::ADA;
use super::story::GRACE;
use super::story::PHONE;
use super::story::SERVER;
use super::story::Story;
use super::story::Told;
use super::story::VISITOR;
use super::wait;

/// The agents, free.
pub(super) struct Cast {
    pub(super) ada: Agent<SignedIn>,
    pub(super) grace: Agent<SignedIn>,
}

fn customer() -> VisitorId {
    VisitorId::new("customer-42").expect("a constant within the limits")
}

fn card(agent: &Agent<SignedIn>) -> Option<&VisitorCard> {
    agent.roster().get(&customer())
}

pub(super) async fn connect(
    story: &mut Story<'_>,
    stage: &Stage,
    network: &Relay,
) -> Told<(Visitor<Anonymous>, Cast)> {
    story.step("The app connects");
    let closed = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let nowhere = coview_smol::connect(stage.visitor_config(closed)?).await;
    let unreachable = matches!(
        &nowhere,
        Err(ConnectError::Unreachable(error)) if error.kind() == OpenErrorKind::Connect
    );
    story.fact(unreachable, VISITOR, "tries a port where no server is, and is told so at once")?;

    let group = coview_wire::GroupId::new("nobody")?;
    let config = coview_smol::Config::new(url(network.address())?, group);
    let unknown = coview_smol::connect(config).await;
    let refused = matches!(unknown, Err(ConnectError::Refused(RefusalCode::UnknownGroup)));
    story.fact(refused, SERVER, "refuses a group it does not know")?;

    let visitor = stage.visitor(network.address()).await?;
    story.did(VISITOR, format_args!("connects to group {}, not logged in", stage.group()));
    let visitor = story.see(VISITOR, visitor)?;
    story.fact(visitor.settings().share_button, VISITOR, "sees a share button")?;

    let mut ada = stage.agent(0).await?;
    let mut grace = stage.agent(1).await?;
    ada.watch(Watching::Group);
    grace.watch(Watching::Group);
    let ada = wait::free(ada, |ada| ada.roster_is_complete()).await?;
    story.fact(ada.roster().is_empty(), ADA, "signs in and watches the group: nobody is online")?;
    story.did(GRACE, "signs in too");
    Ok((visitor, Cast { ada, grace }))
}

pub(super) async fn manual(
    story: &mut Story<'_>,
    visitor: Visitor<Anonymous>,
    Cast { ada, grace }: Cast,
) -> Told<(Visitor<Anonymous>, Cast)> {
    story.step("Manual start before login");
    let sharing = visitor.start_manual().await?;
    story.did(VISITOR, "taps share");
    let sharing = story.see(VISITOR, sharing)?;
    let key = sharing.key().to_string();

    story.did(VISITOR, "reads the key out on the phone");
    let slip = SessionKey::parse(&mistyped(&key));
    story.fact(
        slip == Err(KeyError::Mistyped),
        ADA,
        format_args!("types {}: mistyped, says the check digit; no server asked", mistyped(&key)),
    )?;
    let key = SessionKey::parse(&key)?;
    let ada = ada.join(key).await?;
    story.did(ADA, "types the key and is in the session");
    let mut sharing = wait::sharing(sharing, |sharing| sharing.guests() == 1).await?;
    story.did(VISITOR, "is told: 1 agent watches");
    let (mut page, source) = Page::open()?;
    let sender = ScreenSender::new(&mut sharing, source, ScreenOptions::default());
    let sends = smol::spawn(sender.run());
    story.did(VISITOR, format_args!("shows a page; covered: {}", page.labels()));
    let mut ada = ada;
    let mut ada_sees = ScreenViewer::new(&mut ada);
    wait::seen(&mut ada_sees, &page).await?;
    let pixels = page.pixels();
    story.fact(
        page.is_seen_by(&ada_sees),
        ADA,
        format_args!("sees it: {pixels} pixels as they are, the private fields covered"),
    )?;

    let mut grace = grace.join(key).await?;
    let mut grace_sees = ScreenViewer::new(&mut grace);
    wait::seen(&mut grace_sees, &page).await?;
    story.fact(page.is_seen_by(&grace_sees), GRACE, "joins with the same key and sees it too")?;
    let sharing = wait::sharing(sharing, |sharing| sharing.guests() == 2).await?;
    story.did(VISITOR, "is told: 2 agents watch");
    page.scroll();
    story.did(VISITOR, "scrolls; what is covered moves along");
    wait::seen(&mut ada_sees, &page).await?;
    wait::seen(&mut grace_sees, &page).await?;
    let both = page.is_seen_by(&ada_sees) && page.is_seen_by(&grace_sees);
    story.fact(both, ADA, "sees it scrolled, every pixel; so does Grace")?;
    let ada = wait::viewing(ada, |ada| ada.guests() == 2).await?;

    let grace = grace.leave();
    story.did(GRACE, "leaves");
    let sharing = wait::sharing(sharing, |sharing| sharing.guests() == 1).await?;
    let ada = wait::viewing(ada, |ada| ada.guests() == 1).await?;
    story.did(VISITOR, "is told: 1 agent watches");

    let visitor = sharing.end();
    let stopped = sends.await;
    let over = matches!(stopped, Stopped::Ended | Stopped::Closed);
    story.fact(over, VISITOR, "taps stop; nothing more is sent")?;
    let visitor = story.see(VISITOR, visitor)?;
    page.scroll();
    story.did(VISITOR, "scrolls on");
    let more = wait::unseen(&mut ada_sees).await;
    story.fact(more == 0 && !page.is_seen_by(&ada_sees), ADA, "sees nothing of it")?;
    let (ada, why) = wait::ended(ada).await?;
    story.fact(why == EndReason::Visitor, ADA, format_args!("is told: {why}"))?;

    let late = ada.join(key).await;
    let refused = match late {
        Err(AgentRequestError::Refused(refused)) => refused,
        Err(AgentRequestError::Closed(reason)) => return Err(reason.into()),
        Ok(_) => return Err("a used key opened a session".into()),
    };
    let no = refused.reason == RefusalCode::NoSuchKey;
    story.fact(no, ADA, format_args!("tries the key again: {}", refused.reason))?;
    Ok((visitor, Cast { ada: refused.into_agent(), grace }))
}

/// The key with its last two different neighbours swapped, or with its last digit changed.
fn mistyped(key: &str) -> String {
    let mut digits: Vec<char> = key.chars().filter(char::is_ascii_digit).collect();
    let swap = (1..digits.len()).rev().find(|&at| digits[at - 1] != digits[at]);
    match (swap, digits.last_mut()) {
        (Some(at), _) => digits.swap(at - 1, at),
        (None, Some(last)) => *last = if *last == '0' { '1' } else { '0' },
        (None, None) => {}
    }
    digits.chunks(3).map(|three| three.iter().collect()).collect::<Vec<String>>().join(" ")
}

pub(super) async fn identify(
    story: &mut Story<'_>,
    visitor: Visitor<Anonymous>,
) -> Told<Visitor<Identified>> {
    story.step("Login");
    let wrong = VisitorId::new("customer 42").err().map(|error| error.to_string());
    story.check(wrong.is_some(), "an id with a space is no visitor id")?;
    story.did(VISITOR, format_args!("`customer 42`: {}", wrong.unwrap_or_default()));

    let visitor = visitor.identify(VisitorId::new("customer-41")?).await?;
    story.did(VISITOR, "logs in as customer-41; the group stays the one of the connection");
    let visitor = story.see(VISITOR, visitor)?;
    let visitor = visitor.log_out();
    story.did(VISITOR, "is somebody else, so logs out first");
    let visitor = story.see(VISITOR, visitor)?;
    // Whoever logs out takes the profile along.
    let vera = Identity::new(customer()).with_profile(Profile::new().with_name("Vera")?);
    let visitor = visitor.identify(vera).await?;
    story.did(VISITOR, "logs in as customer-42, and says to be Vera");
    story.see(VISITOR, visitor)
}

pub(super) async fn presence(
    story: &mut Story<'_>,
    visitor: Visitor<Identified>,
    Cast { ada, grace }: Cast,
) -> Told<(Visitor<PresenceConnected>, Cast)> {
    story.step("Presence");
    let data = PresenceData::new().with("page", "/cart")?.with("language", "en")?;
    let visitor = visitor.connect_presence_with(data).await?;
    story.did(VISITOR, "goes online, on page /cart");
    let mut visitor = story.see(VISITOR, visitor)?;
    let ada = wait::free(ada, |ada| card(ada).is_some()).await?;
    let seen = card(&ada).is_some_and(|card| {
        card.profile.name() == Some("Vera") && card.data.get("page") == Some("/cart")
    });
    story.fact(seen, ADA, "sees customer-42 online: Vera, page=/cart")?;

    visitor.update_presence(PresencePatch::new().set("page", "/checkout")?);
    story.did(VISITOR, "turns to page /checkout");
    let ada = wait::free(ada, |ada| {
        card(ada).is_some_and(|card| card.data.get("page") == Some("/checkout"))
    })
    .await?;
    let kept = card(&ada).is_some_and(|card| card.data.get("language") == Some("en"));
    story.fact(kept, ADA, "sees page=/checkout; the rest is kept")?;
    Ok((visitor, Cast { ada, grace }))
}

pub(super) async fn one_click(
    story: &mut Story<'_>,
    visitor: Visitor<PresenceConnected>,
    Cast { ada, grace }: Cast,
) -> Told<(Visitor<PresenceConnected>, Cast)> {
    story.step("One click: the visitor accepts");
    let ada = ada.ask(customer()).await?;
    story.did(ADA, "clicks on customer-42");
    let asked = wait::asked(visitor).await?;
    let (name, version) = (asked.agent().name().to_owned(), asked.terms().version().to_owned());
    let whole = name == "Ada" && !asked.terms().text().is_empty() && asked.expires_ms() > 0;
    let seconds = asked.expires_ms().div_ceil(1000);
    story.did(VISITOR, "is asked");
    let asked = story.see(VISITOR, asked)?;
    let shown = asked.terms_displayed();
    story.fact(
        whole,
        VISITOR,
        format_args!("sees that {name} asks, the terms {version}, {seconds} seconds to answer"),
    )?;
    let shown = story.see(VISITOR, shown)?;
    let ada =
        wait::requesting(ada, |ada| ada.status() >= coview_agent::AskStatus::Displayed).await?;
    story.did(ADA, "is told: displayed");

    let sharing = shown.accept().await?;
    story.did(VISITOR, "accepts");
    let sharing = story.see(VISITOR, sharing)?;
    let ada = wait::accepted(ada).await?;
    story.fact(
        ada.visitor() == Some(&customer()) && ada.session() == sharing.session(),
        ADA,
        "is told: accepted, and is in the session of customer-42 without typing",
    )?;
    let mut sharing = wait::sharing(sharing, |sharing| sharing.guests() == 1).await?;
    story.did(VISITOR, "is told: 1 agent watches");
    let (mut page, source) = Page::open()?;
    let sender = ScreenSender::new(&mut sharing, source, ScreenOptions::default());
    let sends = smol::spawn(sender.run());
    story.did(VISITOR, format_args!("shows a page; covered: {}", page.labels()));
    let mut ada = ada;
    let mut ada_sees = ScreenViewer::new(&mut ada);
    wait::seen(&mut ada_sees, &page).await?;
    page.scroll();
    wait::seen(&mut ada_sees, &page).await?;
    story.fact(
        page.is_seen_by(&ada_sees),
        ADA,
        "sees it and sees it scroll: every pixel as it is, the private fields covered",
    )?;

    let ada = ada.end()?;
    story.did(ADA, "ends the session");
    let (visitor, why) = wait::stopped(sharing).await?;
    story.fact(why == EndReason::Agent, VISITOR, format_args!("is told: {why}"))?;
    let stopped = sends.await;
    page.scroll();
    let more = wait::unseen(&mut ada_sees).await;
    let over = matches!(stopped, Stopped::Ended | Stopped::Closed) && more == 0;
    story.fact(over, VISITOR, "scrolls on; nothing of it is sent, nothing arrives")?;
    let visitor = story.see(VISITOR, visitor)?;
    Ok((visitor, Cast { ada, grace }))
}

pub(super) async fn no(
    story: &mut Story<'_>,
    visitor: Visitor<PresenceConnected>,
    Cast { ada, grace }: Cast,
) -> Told<(Visitor<PresenceConnected>, Cast)> {
    story.step("One click: the visitor declines");
    let ada = ada.ask(customer()).await?;
    story.did(ADA, "clicks on customer-42");
    let shown = wait::asked(visitor).await?.terms_displayed();
    let visitor = shown.decline();
    story.did(VISITOR, "sees the terms and declines");
    let visitor = story.see(VISITOR, visitor)?;
    let (ada, how) = wait::over(ada).await?;
    story.fact(how == AskOutcome::Declined, ADA, format_args!("is told: {how}"))?;

    story.step("One click: the agent withdraws");
    let ada = wait::free(ada, |ada| card(ada).is_some_and(|card| !card.busy)).await?;
    let ada = ada.ask(customer()).await?;
    story.did(ADA, "clicks on customer-42");
    let shown = wait::asked(visitor).await?.terms_displayed();
    story.did(VISITOR, "sees the terms");
    let ada =
        wait::requesting(ada, |ada| ada.status() >= coview_agent::AskStatus::Displayed).await?;
    let ada = ada.withdraw();
    story.did(ADA, "takes the request back");
    let (visitor, why) = wait::withdrawn(shown).await?;
    story.fact(why == WithdrawReason::Agent, VISITOR, format_args!("is told: {why}"))?;
    let visitor = story.see(VISITOR, visitor)?;
    Ok((visitor, Cast { ada, grace }))
}

/// On a server of its own, where the terms may be unanswered for a moment only.
pub(super) async fn no_answer(story: &mut Story<'_>, stage: Stage) -> Told<()> {
    story.step("One click: the visitor does not answer");
    story.did(SERVER, "is another one here, where terms wait 1 second instead of 60");
    let visitor = stage.visitor(stage.address()).await?.identify(customer()).await?;
    let visitor = visitor.connect_presence().await?;
    let ada = stage.agent(0).await?.ask(customer()).await?;
    story.did(ADA, "clicks on customer-42");
    let shown = wait::asked(visitor).await?.terms_displayed();
    story.did(VISITOR, "sees the terms and does nothing");
    let (visitor, why) = wait::withdrawn(shown).await?;
    story.fact(why == WithdrawReason::Expired, VISITOR, format_args!("is told: {why}"))?;
    let visitor = story.see(VISITOR, visitor)?;
    let (ada, how) = wait::over(ada).await?;
    story.fact(how == AskOutcome::Expired, ADA, format_args!("is told: {how}"))?;
    drop((visitor, ada));
    stage.close().await;
    Ok(())
}

pub(super) async fn fallback(
    story: &mut Story<'_>,
    visitor: Visitor<PresenceConnected>,
    Cast { ada, grace }: Cast,
) -> Told<(Visitor<PresenceConnected>, Cast)> {
    story.step("Manual start after login, as the fallback");
    let sharing = visitor.start_manual().await?;
    story.did(VISITOR, "taps share while online");
    let sharing = story.see(VISITOR, sharing)?;
    let key = SessionKey::parse(&sharing.key().to_string())?;
    let ada = ada.join(key).await?;
    story.did(ADA, "joins with the key");
    let sharing = wait::sharing(sharing, |sharing| sharing.guests() == 1).await?;
    let visitor = sharing.end();
    let (ada, why) = wait::ended(ada).await?;
    story.fact(why == EndReason::Visitor, VISITOR, "taps stop and is online again")?;
    let visitor = story.see(VISITOR, visitor)?;

    let visitor = visitor.disconnect();
    story.did(VISITOR, "goes offline");
    let visitor = story.see(VISITOR, visitor)?;
    let ada = wait::free(ada, |ada| card(ada).is_none()).await?;
    story.did(ADA, "sees customer-42 go offline");
    let sharing = visitor.start_manual().await?;
    story.did(VISITOR, "taps share while logged in, offline");
    let sharing = story.see(VISITOR, sharing)?;
    let visitor = sharing.end();
    story.did(VISITOR, "taps stop and is logged in as before");
    let visitor = story.see(VISITOR, visitor)?;

    let visitor = visitor.connect_presence().await?;
    story.did(VISITOR, "goes online again");
    let visitor = story.see(VISITOR, visitor)?;
    let ada = wait::free(ada, |ada| card(ada).is_some()).await?;
    Ok((visitor, Cast { ada, grace }))
}

pub(super) async fn races(
    story: &mut Story<'_>,
    visitor: Visitor<PresenceConnected>,
    Cast { ada, grace }: Cast,
) -> Told<(Visitor<PresenceConnected>, Cast)> {
    story.step("Races: one outcome each");
    let ada = ada.ask(customer()).await?;
    story.did(ADA, "clicks on customer-42");
    let grace = match grace.ask(customer()).await {
        Err(AgentRequestError::Refused(refused)) => {
            let busy = refused.reason == RefusalCode::VisitorBusy;
            story.fact(busy, GRACE, format_args!("clicks too: {}", refused.reason))?;
            refused.into_agent()
        }
        Err(AgentRequestError::Closed(reason)) => return Err(reason.into()),
        Ok(_) => return Err("two agents asked at the same time".into()),
    };
    // The app has not looked yet, so for it no agent asks, and it may start.
    let sharing = visitor.start_manual().await?;
    story.did(VISITOR, "taps share in the same moment");
    let sharing = story.see(VISITOR, sharing)?;
    let (ada, how) = wait::over(ada).await?;
    story.fact(how == AskOutcome::Busy, ADA, format_args!("is told: {how}"))?;

    let key = SessionKey::parse(&sharing.key().to_string())?;
    let ada = ada.join(key).await?;
    let sharing = wait::sharing(sharing, |sharing| sharing.guests() == 1).await?;
    let (visitor, ada) = (sharing.end(), ada.end()?);
    story.did(ADA, "joins with the key; then both end at once, and both are done");
    let visitor = story.see(VISITOR, visitor)?;
    let ada = wait::free(ada, |ada| card(ada).is_some_and(|card| !card.busy)).await?;
    Ok((visitor, Cast { ada, grace }))
}

pub(super) async fn two_devices(
    story: &mut Story<'_>,
    stage: &Stage,
    visitor: Visitor<PresenceConnected>,
    Cast { ada, grace }: Cast,
) -> Told<(Visitor<PresenceConnected>, Cast)> {
    story.step("A second device of the same visitor");
    let phone = stage.visitor(stage.address()).await?.identify(customer()).await?;
    let phone = phone.connect_presence().await?;
    story.fact(phone.has_focus(), PHONE, "goes online as customer-42 and has the focus")?;
    let visitor = wait::online(visitor, |visitor| !visitor.has_focus()).await?;
    story.did(VISITOR, "is told that another device has the focus");
    story.check(ada.roster().len() == 1, "agents see one card for one visitor")?;

    let ada = ada.ask(customer()).await?;
    story.did(ADA, "clicks on customer-42");
    let phone = wait::asked(phone).await?.decline();
    let (ada, how) = wait::over(ada).await?;
    story.fact(how == AskOutcome::Declined, PHONE, "is asked, and declines")?;
    drop(phone);
    story.did(PHONE, "is closed");
    let visitor = wait::online(visitor, |visitor| visitor.has_focus()).await?;
    story.did(VISITOR, "is told that it has the focus again");
    let visitor = story.see(VISITOR, visitor)?;
    Ok((visitor, Cast { ada, grace }))
}

pub(super) async fn background(
    story: &mut Story<'_>,
    mut visitor: Visitor<PresenceConnected>,
    Cast { ada, grace }: Cast,
) -> Told<(Visitor<PresenceConnected>, Cast)> {
    story.step("Background and foreground");
    let is = |app| move |ada: &Agent<SignedIn>| card(ada).is_some_and(|card| card.app == app);
    visitor.app_moved(AppState::Background);
    story.did(VISITOR, "puts the app in the background; nothing disconnects");
    let visitor = story.see(VISITOR, visitor)?;
    let ada = wait::free(ada, is(AppState::Background)).await?;
    story.did(ADA, "sees customer-42 online, app in the background");
    let mut visitor = visitor;
    visitor.app_moved(AppState::Active);
    story.did(VISITOR, "comes back");
    let ada = wait::free(ada, is(AppState::Active)).await?;
    story.did(ADA, "sees customer-42 active");
    Ok((visitor, Cast { ada, grace }))
}

pub(super) async fn network_drop(
    story: &mut Story<'_>,
    network: &Relay,
    visitor: Visitor<PresenceConnected>,
    Cast { ada, grace }: Cast,
) -> Told<(Visitor<PresenceConnected>, Cast)> {
    story.step("The network breaks while sharing, and comes back");
    let sharing = visitor.start_manual().await?;
    story.did(VISITOR, "taps share");
    let sharing = story.see(VISITOR, sharing)?;
    let (key, session) = (sharing.key().to_string(), sharing.session());
    let ada = ada.join(SessionKey::parse(&key)?).await?;
    story.did(ADA, "joins with the key");
    let sharing = wait::sharing(sharing, |sharing| sharing.guests() == 1).await?;

    network.cut();
    story.did(SERVER, "loses the visitor: the plug is pulled");
    let is = |to| move |sharing: &Visitor<_>| -> bool { sharing.connectivity() == to };
    let sharing = wait::sharing(sharing, is(Connectivity::Reconnecting)).await?;
    story.did(VISITOR, "shows *reconnecting*; its state is what it was");
    let sharing = story.see(VISITOR, sharing)?;
    let gone = |ada: &Agent<coview_agent::Viewing>| {
        ada.roster().get(&customer()).is_some_and(|card| !card.reachable)
    };
    let ada = wait::viewing(ada, gone).await?;
    story.did(ADA, "sees that the connection is gone, and stays in the session");

    network.mend();
    let sharing = wait::sharing(sharing, is(Connectivity::Connected)).await?;
    let same =
        sharing.key().to_string() == key && sharing.session() == session && sharing.guests() == 1;
    story.fact(same, VISITOR, "is back: same session, same key, same guest")?;
    let sharing = story.see(VISITOR, sharing)?;
    let ada = wait::viewing(ada, |ada| !gone(ada)).await?;
    story.check(ada.session() == session, "the agent is still in the session")?;
    let visitor = sharing.end();
    story.did(VISITOR, "taps stop");
    let (ada, why) = wait::ended(ada).await?;
    story.fact(why == EndReason::Visitor, ADA, format_args!("is told: {why}"))?;
    Ok((visitor, Cast { ada, grace }))
}

/// On a server of its own, where a place is kept for a moment only.
pub(super) async fn network_gone(story: &mut Story<'_>, stage: Stage) -> Told<()> {
    story.step("The network stays away for longer than the grace");
    story.did(SERVER, "is another one here, where a place is kept 1 second instead of 30");
    let network = Relay::to(stage.address()).await?;
    let visitor = stage.visitor(network.address()).await?.identify(customer()).await?;
    let sharing = visitor.connect_presence().await?.start_manual().await?;
    story.did(VISITOR, "is online and taps share");
    let sharing = story.see(VISITOR, sharing)?;
    let key = SessionKey::parse(&sharing.key().to_string())?;
    let ada = stage.agent(0).await?.join(key).await?;
    story.did(ADA, "joins with the key");
    network.cut();
    story.did(SERVER, "loses the visitor: the plug is pulled");
    let (ada, why) = wait::ended(ada).await?;
    story.fact(why == EndReason::VisitorLost, ADA, format_args!("is told: {why}"))?;
    network.mend();
    let (visitor, why) = wait::stopped(sharing).await?;
    story.fact(why == EndReason::VisitorLost, VISITOR, format_args!("is back and told: {why}"))?;
    let visitor = story.see(VISITOR, visitor)?;
    drop((visitor, ada));
    stage.close().await;
    Ok(())
}

pub(super) async fn leave(
    story: &mut Story<'_>,
    visitor: Visitor<PresenceConnected>,
    Cast { ada, grace }: Cast,
) -> Told<Cast> {
    story.step("The app is closed while sharing");
    let sharing = visitor.start_manual().await?;
    story.did(VISITOR, "taps share");
    let sharing = story.see(VISITOR, sharing)?;
    let ada = ada.join(SessionKey::parse(&sharing.key().to_string())?).await?;
    story.did(ADA, "joins with the key");
    drop(sharing);
    story.did(VISITOR, "closes the app");
    let (ada, why) = wait::ended(ada).await?;
    story.fact(why == EndReason::VisitorLeft, ADA, format_args!("is told: {why}"))?;
    let ada = wait::free(ada, |ada| card(ada).is_none()).await?;
    story.did(ADA, "sees customer-42 go offline");
    Ok(Cast { ada, grace })
}

pub(super) async fn curtain(story: &mut Story<'_>, stage: Stage, ada: Agent<SignedIn>) -> Told<()> {
    story.step("The server stops");
    let closed = smol::spawn(stage.close());
    story.did(SERVER, "stops: every client is told and may come back later");
    let ada = wait::free(ada, |ada| ada.connectivity() == Connectivity::Reconnecting).await?;
    story.did(ADA, "shows *reconnecting*");
    drop(ada);
    closed.await;
    story.did(SERVER, "is down");
    Ok(())
}
