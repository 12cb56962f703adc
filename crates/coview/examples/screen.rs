//! An app shares its own frames, with a masked field, and an agent sees them.
//!
//! It needs nothing else: server, visitor and agent are all in here.
//! `cargo run -p coview --example screen`

#![expect(clippy::print_stdout, reason = "an example prints what an app would show")]

use std::error::Error;

use coview::AgentCard;
use coview::AgentId;
use coview::AgentToken;
use coview::GroupId;
use coview::SessionKey;
use coview::Terms;
use coview::screen::AppFrames;
use coview::screen::Frame;
use coview::screen::Mask;
use coview::screen::Masks;
use coview::screen::Rect;
use coview::screen::Size;
use coview::screen::app_frames;
use coview::smol::ScreenOptions;
use coview::smol::ScreenSender;
use coview::smol::ScreenViewer;
use coview::smol::ViewerStep;
use coview_hub::Accounts;
use coview_hub::GroupConfig;
use coview_hub::HubConfig;
use coview_server::Server;
use coview_server::ServerConfig;

const SIZE: Size = Size::new(640, 400);

/// Where the app draws the customer's card number.
const CARD: Rect = Rect::new(40, 120, 240, 24);

fn main() -> Result<(), Box<dyn Error>> {
    smol::block_on(run())
}

async fn run() -> Result<(), Box<dyn Error>> {
    let (group, token) = (GroupId::new("12345")?, AgentToken::new("the-token-of-grace")?);
    let server = Server::bind(config(group.clone(), token.clone())?).await?;
    let url = server.url();
    smol::spawn(server.run(core::future::pending())).detach();

    // The app: a session by key, and a sender that takes what the app draws.
    let config = coview::smol::Config::new(url.parse()?, group.clone());
    let visitor = coview::smol::connect(config).await?;
    let mut sharing = visitor.start_manual().await?;
    let (app, source) = app_frames();
    let sender = ScreenSender::new(&mut sharing, source, ScreenOptions::default());
    let sender = smol::spawn(sender.run());
    draw(&app, 0)?;

    // The agent: types the key, sees the picture.
    let key = SessionKey::parse(&sharing.key().to_string())?;
    let config = coview::smol::AgentConfig::new(url.parse()?, group, token);
    let mut viewing = coview::smol::sign_in(config).await?.join(key).await?;
    let mut viewer = ScreenViewer::new(&mut viewing);
    let mut drawn = 0;
    while drawn < 5 {
        match viewer.next().await {
            ViewerStep::Updated { number, areas, .. } => {
                let picture = viewer.picture().ok_or("a picture was drawn")?;
                println!(
                    "update {number}: {} of {} pixels, {}: {:?}",
                    areas.iter().copied().map(Rect::pixels).sum::<usize>(),
                    picture.size().pixels(),
                    viewer.masks().first().map_or("nothing masked", |mask| &mask.label),
                    picture.pixel(CARD.x, CARD.y),
                );
                drawn += 1;
                draw(&app, drawn)?;
            }
            ViewerStep::Status(status) => println!("the source is {status}"),
            ViewerStep::OutOfStep | ViewerStep::Interrupted => println!("a whole picture comes"),
            ViewerStep::Over(why) => return Err(why.into()),
        }
    }

    // The visitor stops: so does the sender, by itself, whatever the app still draws.
    let visitor = sharing.end();
    draw(&app, 99)?;
    println!("the sender stopped: {}", sender.await);
    drop((visitor, viewing));
    Ok(())
}

/// Draws the app's page, and says what of it nobody may see, in one step.
fn draw(app: &AppFrames, step: u16) -> Result<(), Box<dyn Error>> {
    let mut frame = Frame::blank(SIZE)?;
    frame.fill(SIZE.rect(), [245, 245, 240]);
    frame.fill(Rect::new(40 + 30 * step, 40, 120, 40), [20, 110, 180]);
    frame.fill(CARD, [255, 0, 200]);
    app.push(frame, Masks::new(SIZE, vec![Mask::new(CARD, "card number")])?);
    Ok(())
}

/// A server on a free loopback port, with one group and one agent.
fn config(group: GroupId, token: AgentToken) -> Result<ServerConfig, Box<dyn Error>> {
    let mut open = GroupConfig::new(Terms::new("1", "The agent will see this app's screen.")?);
    let card = AgentCard::new(AgentId::new("grace")?, "Grace")?;
    open.proofs = std::sync::Arc::new(Accounts::default().with(token, card));
    Ok(ServerConfig::loopback(HubConfig::one_group(group, open)))
}
