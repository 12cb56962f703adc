//! coview as a peer: this program again as server and as visitor, each a process of its own, and an
//! agent on a thread of this one.

use std::error::Error;
use std::io::Write;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use async_channel::Receiver;
use async_channel::Sender;
use coview_hub::Accounts;
use coview_screen::MaskHandle;
use coview_screen::Masks;
use coview_server::Server;
use coview_server::ServerConfig;
use coview_smol::AgentConfig;
use coview_smol::Config;
use coview_smol::ScreenOptions;
use coview_smol::ScreenSender;
use coview_smol::ScreenViewer;
use coview_smol::ServerUrl;
use coview_smol::ViewerStep;
use coview_wire::AgentCard;
use coview_wire::AgentId;
use coview_wire::AgentToken;
use coview_wire::GroupId;
use coview_wire::SessionKey;
use coview_x11::Target;
use coview_x11::X11Source;
use futures_lite::FutureExt;

use crate::eye::Eye;
use crate::process::Process;

const CONFIG: &str = r#"
listen = "127.0.0.1:0"
[limits]
messages_per_second = 1000000000
bytes_per_second = 4000000000
[[group]]
id = "bench"
[group.terms]
version = "1"
text = "The agent will see this display until you stop."
"#;

/// The configuration, and the agent who may sign in.
fn config() -> ServerConfig {
    let mut config = ServerConfig::from_toml(CONFIG).expect("the configuration is right");
    let grace = AgentId::new("grace").expect("it is an id");
    let grace = AgentCard::new(grace, "Grace").expect("it is a name");
    let token = AgentToken::new("bench-token").expect("it is a token");
    for group in config.hub.groups.values_mut() {
        group.proofs = Arc::new(Accounts::default().with(token.clone(), grace.clone()));
    }
    config
}

/// What this program is started as, if not as the benchmark.
pub(crate) fn role(args: &[String]) -> Option<Result<(), Box<dyn Error>>> {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words[..] {
        ["serve"] => Some(smol::block_on(serve())),
        ["share", server, display, fps, exact] => {
            Some(smol::block_on(share(server, display, fps, exact)))
        }
        _ => None,
    }
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let server = Server::bind(config()).await?;
    println!("{}", server.url());
    std::io::stdout().flush()?;
    server.run(core::future::pending()).await;
    Ok(())
}

async fn share(server: &str, display: &str, fps: &str, exact: &str) -> Result<(), Box<dyn Error>> {
    let config = Config::new(server.parse::<ServerUrl>()?, GroupId::new("bench")?);
    let mut sharing = coview_smol::connect(config).await?.start_manual().await?;
    let source = X11Source::open(Some(display), Target::Root, MaskHandle::new(Masks::none()))?;
    let options = ScreenOptions { fps: fps.parse()?, lossy: !exact.parse::<bool>()? };
    let sender = ScreenSender::new(&mut sharing, source, options);
    println!("{}", sharing.key());
    std::io::stdout().flush()?;
    Err(sender.run().await.into())
}

/// A server and a visitor at work, and where the server is.
pub(crate) struct Started {
    pub(crate) server: Process,
    pub(crate) visitor: Process,
    pub(crate) url: String,
    key: String,
}

pub(crate) fn start(display: &str, fps: u8, exact: bool) -> Result<Started, Box<dyn Error>> {
    let this = std::env::current_exe()?;
    let mut server = Process::start(Command::new(&this).arg("serve"))?;
    let url = server.lines().next().ok_or("the server ended")??;
    let (fps, exact) = (fps.to_string(), exact.to_string());
    let mut visitor =
        Process::start(Command::new(&this).args(["share", &url, display, &fps, &exact]))?;
    let key = visitor.lines().next().ok_or("the visitor ended")??;
    Ok(Started { server, visitor, url, key })
}

/// An agent who watches.
#[derive(Debug)]
pub(crate) struct Viewer {
    pub(crate) eye: Arc<Eye>,
    ask: Option<Sender<mpsc::Sender<Vec<u8>>>>,
    watching: Option<JoinHandle<Result<(), String>>>,
}

impl Viewer {
    pub(crate) fn new(started: &Started) -> Self {
        let eye = Arc::new(Eye::default());
        let (ask, asked) = async_channel::unbounded();
        let (url, key, eyes) = (started.url.clone(), started.key.clone(), Arc::clone(&eye));
        let watching = std::thread::spawn(move || {
            smol::block_on(watch(&url, &key, &eyes, &asked)).map_err(|error| error.to_string())
        });
        Self { eye, ask: Some(ask), watching: Some(watching) }
    }

    /// Blue, green, red and a byte that means nothing.
    pub(crate) fn picture(&self) -> Result<Vec<u8>, Box<dyn Error>> {
        let (answer, answered) = mpsc::channel();
        self.ask.as_ref().ok_or("the viewer is gone")?.try_send(answer)?;
        Ok(answered.recv_timeout(Duration::from_secs(5))?)
    }

    pub(crate) fn failed(&mut self) -> Option<String> {
        let ended = self.watching.take_if(|watching| watching.is_finished())?;
        match ended.join() {
            Ok(Ok(())) => Some("the viewer ended".to_owned()),
            Ok(Err(why)) => Some(why),
            Err(_) => Some("the viewer panicked".to_owned()),
        }
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.ask = None;
        if let Some(watching) = self.watching.take() {
            let _ = watching.join();
        }
    }
}

enum Happened {
    Step(ViewerStep),
    Asked(mpsc::Sender<Vec<u8>>),
    Ended,
}

async fn watch(
    url: &str,
    key: &str,
    eye: &Eye,
    asked: &Receiver<mpsc::Sender<Vec<u8>>>,
) -> Result<(), Box<dyn Error>> {
    let (group, token) = (GroupId::new("bench")?, AgentToken::new("bench-token")?);
    let agent = coview_smol::sign_in(AgentConfig::new(url.parse()?, group, token)).await?;
    let mut viewing = agent.join(SessionKey::parse(key)?).await?;
    let mut viewer = ScreenViewer::new(&mut viewing);
    loop {
        let happened = async { Happened::Step(viewer.next().await) }
            .or(async { asked.recv().await.map_or(Happened::Ended, Happened::Asked) })
            .await;
        match happened {
            Happened::Step(ViewerStep::Updated { .. }) => {
                if let Some(picture) = viewer.picture() {
                    eye.look(picture.pixels());
                }
            }
            Happened::Step(ViewerStep::Over(why)) => return Err(why.into()),
            Happened::Step(
                ViewerStep::Status(_) | ViewerStep::OutOfStep | ViewerStep::Interrupted,
            ) => {}
            Happened::Asked(answer) => {
                let pixels = viewer.picture().map(|picture| picture.pixels().to_vec());
                let mut pixels = pixels.unwrap_or_default();
                for pixel in pixels.as_chunks_mut::<4>().0 {
                    pixel.swap(0, 2);
                }
                let _ = answer.send(pixels);
            }
            Happened::Ended => return Ok(()),
        }
    }
}
