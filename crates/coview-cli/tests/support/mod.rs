//! Running the command as a person or a script does: a process, its input, its output, deadlines.

#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test uses a part of it")]

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::process::Child;
use std::process::ChildStdin;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::mpsc::channel;
use std::time::Duration;

use serde_json::Value;

/// No line takes as long; only a test that fails waits for it.
const LINE: Duration = Duration::from_secs(30);

pub const GROUP: &str = "12345";

/// The command, with nothing of the caller's environment that could change what it says.
pub fn coview(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_coview"));
    command
        .args(args)
        .env_remove("COVIEW_LOG")
        .env_remove("COVIEW_TOKEN")
        .env_remove("COVIEW_CLIENT_TOKEN")
        .env_remove("RUST_LOG")
        .env("NO_COLOR", "1")
        .stdin(Stdio::null());
    command
}

/// What a command that ends by itself said.
pub struct Done {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

pub fn done(mut command: Command) -> Done {
    let output = command.output().expect("the command can be run");
    let text = |bytes| String::from_utf8(bytes).expect("the command writes UTF-8");
    Done { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

pub fn run(args: &[&str]) -> Done {
    done(coview(args))
}

/// A running process one can talk to.
pub struct Running {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    errors: Receiver<String>,
    /// Everything it has written so far, as far as it was waited for.
    pub heard: Vec<String>,
}

impl Running {
    pub fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command can be started");
        let lines = read(child.stdout.take().expect("it is piped"));
        let errors = read(child.stderr.take().expect("it is piped"));
        Self { input: child.stdin.take(), child, lines, errors, heard: Vec::new() }
    }

    pub fn say(&mut self, line: &str) {
        let input = self.input.as_mut().expect("the input is open");
        writeln!(input, "{line}").expect("the process reads");
    }

    /// The end of the input.
    pub fn say_no_more(&mut self) {
        self.input = None;
    }

    /// The next line for which this is so.
    pub fn line(&mut self, is_it: impl Fn(&str) -> bool) -> String {
        loop {
            match self.lines.recv_timeout(LINE) {
                Ok(line) => {
                    self.heard.push(line.clone());
                    if is_it(&line) {
                        return line;
                    }
                }
                Err(RecvTimeoutError::Timeout) => panic!("no such line; it said {:#?}", self.heard),
                Err(RecvTimeoutError::Disconnected) => {
                    let errors: Vec<_> = self.errors.iter().collect();
                    panic!("it ended; it said {:#?} and {errors:#?}", self.heard)
                }
            }
        }
    }

    /// The next event of this name, for a process with `--json`.
    pub fn event(&mut self, name: &str) -> Value {
        let line = self.line(|line| {
            let event: Value = serde_json::from_str(line).expect("every line is JSON");
            event["event"] == name
        });
        serde_json::from_str(&line).expect("every line is JSON")
    }

    /// The next line on standard error for which this is so.
    pub fn error_line(&mut self, is_it: impl Fn(&str) -> bool) -> String {
        loop {
            let line = self.errors.recv_timeout(LINE).expect("there is such a line");
            if is_it(&line) {
                return line;
            }
        }
    }

    /// The number of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ctrl-C.
    pub fn interrupt(&self) {
        self.signal("-INT");
    }

    /// A signal, as the command `kill` calls it.
    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status()
            .expect("there is a kill command");
        assert!(sent.success());
    }

    /// Waits for the end of the process: its exit code and what it said on standard error.
    pub fn end(mut self) -> (ExitStatus, Vec<String>, Vec<String>) {
        loop {
            match self.lines.recv_timeout(LINE) {
                Ok(line) => self.heard.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end: {:#?}", self.heard),
            }
        }
        let errors = self.errors.iter().collect();
        let status = self.child.wait().expect("it can be waited for");
        (status, core::mem::take(&mut self.heard), errors)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Nothing outlives a test that failed; one that ended cannot be killed, which is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(from: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines() {
            let Ok(line) = line else { return };
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// The address in the line that says where the server listens.
pub fn url(listening: &str) -> String {
    let rest = listening.strip_prefix("listening on ").expect("it says where it listens");
    rest.split(';').next().unwrap_or_default().to_owned()
}

/// What a browser gets from there: the head and the body.
pub fn get(url: &str) -> (String, String) {
    let rest = url.strip_prefix("http://").expect("it is an address for a browser");
    let (address, path) = rest.split_once('/').expect("it has a path");
    let mut stream = TcpStream::connect(address).expect("somebody listens");
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")
        .expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("it speaks HTTP");
    (head.to_owned(), body.to_owned())
}

/// `coview serve` to try things out.
pub struct Serve {
    pub process: Running,
    pub url: String,
    pub tokens: Vec<String>,
}

pub fn serve() -> Serve {
    let mut process = Running::start(coview(&["serve", "--listen", "127.0.0.1:0"]));
    let listening = process.line(|line| line.starts_with("listening on "));
    let url = url(&listening);
    let mut tokens = Vec::new();
    for _ in 0..2 {
        let line = process.line(|line| line.contains("coview agent "));
        let token = line.split("--token ").nth(1).and_then(|rest| rest.split(' ').next());
        tokens.push(token.expect("the command to paste has a token").to_owned());
    }
    Serve { process, url, tokens }
}

impl Serve {
    pub fn share(&self, more: &[&str]) -> Running {
        let args = ["share", "--server", &self.url, "--group", GROUP, "--json"];
        let mut visitor = Running::start(coview(&[&args, more].concat()));
        visitor.event("connected");
        visitor
    }

    pub fn agent(&self, which: usize) -> Running {
        self.agent_with(which, &[])
    }

    pub fn agent_with(&self, which: usize, more: &[&str]) -> Running {
        let args = ["agent", "--server", &self.url, "--group", GROUP, "--json"];
        let mut command = coview(&[&args, more].concat());
        command.env("COVIEW_TOKEN", &self.tokens[which]);
        let mut agent = Running::start(command);
        agent.event("signed_in");
        agent.event("roster");
        agent
    }
}
