//! Servers, started with a configuration that was made for them.

use core::net::Ipv4Addr;
use core::net::SocketAddrV4;
use core::time::Duration;
use std::fs;
use std::io;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::thread::sleep;

use coview_token::Algorithm;
use coview_token::SigningKey;

use super::pin::Core;
use super::pin::Pin;
use crate::process::now;
use crate::record::Variant;
use crate::wire::Peer;

pub(crate) const GROUP: &str = "12345";

/// Programs that may be called, and where their files go.
#[derive(Debug)]
pub(crate) struct Workshop {
    pub(crate) folder: PathBuf,
    pub(crate) coview: PathBuf,
    pub(crate) pin: Pin,
}

/// What a client needs to know to connect.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub(crate) address: SocketAddrV4,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) agents: PathBuf,
    pub(crate) visitors: PathBuf,
}

/// A server that runs, killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    program: PathBuf,
    arguments: Vec<String>,
    pin: Pin,
    pub(crate) access: Access,
}

impl Workshop {
    /// Makes the keys and the certificate all servers use.
    pub(crate) fn furnish(&self) -> Result<(), String> {
        let key = SigningKey::generate(Algorithm::EdDsa).map_err(told)?;
        let pem = key.private_pem().ok_or("a key without a form to keep")?;
        self.write("agents.key.pem", &pem)?;
        self.write("agents.pub.pem", &key.public_pem().ok_or("a key without a public half")?)?;
        self.write("visitors.secret", "0123456789abcdef0123456789abcdef0123456789abcdef")?;
        let certified =
            rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).map_err(told)?;
        self.write("tls.pem", &certified.cert.pem())?;
        self.write("tls.key", &certified.signing_key.serialize_pem())
    }

    /// Writes a file nobody else can read.
    fn write(&self, name: &str, text: &str) -> Result<(), String> {
        let path = self.path(name);
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let written = options.open(&path).and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| format!("{}: {error}", path.display()))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Starts a server and waits until it listens.
    pub(crate) fn start(&self, peer: Peer, variant: Variant) -> Result<Server, String> {
        let port = free_port().map_err(|error| format!("no free port: {error}"))?;
        let tls = variant == Variant::Tls;
        let visitors = match variant {
            Variant::Ed25519 => "agents.key.pem",
            Variant::Plain | Variant::Tls | Variant::Audit => "visitors.secret",
        };
        let folder = self.folder.display();
        let (program, arguments) = match peer {
            Peer::Coview => {
                let name = format!("coview-{port}.toml");
                self.write(&name, &coview_toml(port, variant, &format!("data-{port}")))?;
                let file = self.path(&name).display().to_string();
                let words = ["serve", "--config", &file, "--log", "error"];
                (self.coview.clone(), words.map(str::to_owned).to_vec())
            }
            Peer::Mosquitto => {
                let name = format!("mosquitto-{port}.conf");
                let listener = if tls {
                    format!("certfile {folder}/tls.pem\nkeyfile {folder}/tls.key\n")
                } else {
                    String::new()
                };
                self.write(
                    &name,
                    &format!(
                        "user root\nlog_dest none\npersistence false\nsys_interval 0\n\
                         allow_anonymous true\nset_tcp_nodelay true\n\
                         listener {port} 127.0.0.1\n{listener}"
                    ),
                )?;
                let file = self.path(&name).display().to_string();
                (found("mosquitto")?, vec!["-c".to_owned(), file])
            }
            Peer::Nats => {
                let name = format!("nats-{port}.conf");
                self.write(
                    &name,
                    &format!(
                        "listen: 127.0.0.1:{port}\nmax_connections: 100000\nping_interval: \"10m\"\n"
                    ),
                )?;
                let file = self.path(&name).display().to_string();
                let log = self.path("nats.log").display().to_string();
                let words = ["--config".to_owned(), file, "--log".to_owned(), log];
                (found("nats-server")?, words.to_vec())
            }
            Peer::Redis => {
                let ports = if tls {
                    format!(
                        "port 0\ntls-port {port}\ntls-cert-file {folder}/tls.pem\n\
                         tls-key-file {folder}/tls.key\ntls-ca-cert-file {folder}/tls.pem\n\
                         tls-auth-clients no\n"
                    )
                } else {
                    format!("port {port}\n")
                };
                let name = format!("redis-{port}.conf");
                self.write(
                    &name,
                    &format!(
                        "{ports}bind 127.0.0.1\nprotected-mode no\nsave \"\"\nappendonly no\n\
                         maxclients 100000\ndir {folder}\n"
                    ),
                )?;
                (found("redis-server")?, vec![self.path(&name).display().to_string()])
            }
        };
        let access = Access {
            address: SocketAddrV4::new(Ipv4Addr::LOCALHOST, port),
            ca: tls.then(|| self.path("tls.pem")),
            agents: self.path("agents.key.pem"),
            visitors: self.path(visitors),
        };
        let child = spawn(&program, &arguments, self.pin)?;
        let mut server = Server { child, program, arguments, pin: self.pin, access };
        server.until_it_listens()?;
        Ok(server)
    }
}

impl Server {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn until_it_listens(&mut self) -> Result<(), String> {
        let patience = now() + Duration::from_secs(20);
        while TcpStream::connect(self.access.address).is_err() {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("{} ended at once: {status}", self.program.display()));
            }
            if now() > patience {
                return Err(format!("{} does not listen", self.program.display()));
            }
            sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// Kills it as the kernel would, and starts it again on the same port, without waiting for it.
    pub(crate) fn kill_and_restart(&mut self) -> Result<(), String> {
        self.child.kill().map_err(told)?;
        self.child.wait().map_err(told)?;
        self.child = spawn(&self.program, &self.arguments, self.pin)?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(program: &Path, arguments: &[String], pin: Pin) -> Result<Child, String> {
    pin.command(Core::Servers, program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("{}: {error}", program.display()))
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Where a program is, if it is installed.
pub(crate) fn found(program: &str) -> Result<PathBuf, String> {
    #[expect(clippy::disallowed_methods, reason = "programs are looked for where a shell would")]
    let path = std::env::var("PATH").unwrap_or_default();
    path.split(':')
        .chain(["/usr/sbin", "/usr/local/sbin"])
        .map(|folder| Path::new(folder).join(program))
        .find(|path| path.is_file())
        .ok_or_else(|| format!("there is no {program}"))
}

/// The version a server says it has.
pub(crate) fn version(peer: Peer, coview: &Path) -> Result<String, String> {
    let (program, words) = match peer {
        Peer::Coview => (coview.to_owned(), "--version"),
        Peer::Mosquitto => (found("mosquitto")?, "-h"),
        Peer::Nats => (found("nats-server")?, "--version"),
        Peer::Redis => (found("redis-server")?, "--version"),
    };
    let output = Command::new(&program)
        .arg(words)
        .output()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let digits = |word: &str| {
        let word = word.trim_start_matches(['v', '=']);
        word.starts_with(|first: char| first.is_ascii_digit()).then(|| word.to_owned())
    };
    let first = text.split_whitespace().find_map(digits);
    first.ok_or_else(|| format!("{} does not tell its version", program.display()))
}

/// What an operator would write for so many clients, with the limits of a busy benchmark: all of them
/// are on, and those that such work would run into are raised.
fn coview_toml(port: u16, variant: Variant, data: &str) -> String {
    let tls = match variant {
        Variant::Tls => "[tls]\ncertificate = \"tls.pem\"\nkey = \"tls.key\"\n",
        Variant::Plain | Variant::Audit | Variant::Ed25519 => "",
    };
    let data = match variant {
        Variant::Audit => format!("data = \"{data}\"\n"),
        Variant::Plain | Variant::Tls | Variant::Ed25519 => String::new(),
    };
    let assertions = match variant {
        Variant::Ed25519 => "keys = [\"agents.pub.pem\"]",
        Variant::Plain | Variant::Tls | Variant::Audit => "secret_file = \"visitors.secret\"",
    };
    format!(
        r#"listen = "127.0.0.1:{port}"
{data}{tls}
[limits]
connections = 20000
messages_per_second = 1000000
bytes_per_second = 1073741824

[policy]
begins_per_minute = 1000000000
asks_in_vain = 1000000000

[[group]]
id = "{GROUP}"

[group.terms]
version = "2026-11"
language = "en"
text = "The support agent will see what this app shows until you stop."

[group.tokens]
keys = ["agents.pub.pem"]

[group.assertions]
needed = true
{assertions}
"#
    )
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}
