//! `coview audit`: look after the logs a server keeps of consents.

use core::time::Duration;
use std::fs::File;
use std::io;
use std::io::BufReader;
use std::path::Path;
use std::path::PathBuf;

use clap::Subcommand;
use coview_audit::Digest;
use coview_audit::EraseError;
use coview_audit::Erasure;
use coview_audit::Line;
use coview_audit::Personal;
use coview_audit::PublicKey;
use coview_audit::Report;
use coview_audit::Story;
use coview_audit::Why;
use coview_wire::SessionId;
use coview_wire::UnixTime;
use coview_wire::VisitorId;
use smol::Timer;

use crate::failure::Failure;
use crate::say::BOLD;
use crate::say::DIM;
use crate::say::Event;
use crate::say::GOOD;
use crate::say::Say;
use crate::say::WARN;

const EXIT_CODES: &str = "\
Exit codes:
  0  everything is in order
  1  it is not, or something failed
  2  the command line is wrong";

/// The options of `coview audit`.
#[derive(Debug, clap::Args)]
pub(crate) struct AuditArgs {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Check that nothing in a log was changed, left out or put in, and who signed it.
    ///
    /// It needs no server and no private key. That lines at the end were cut off can be noticed only
    /// by a hash noted down before: give it with --contains.
    #[command(after_help = EXIT_CODES)]
    Verify(VerifyArgs),
    /// Tell the story of one session in words.
    #[command(after_help = EXIT_CODES)]
    Show(ShowArgs),
    /// Remove everything personal of one visitor. The log can still be verified.
    ///
    /// If a server writes the log it is asked to do this, and does within a few seconds. Backups and
    /// copies are for you to erase, with this command too.
    #[command(after_help = EXIT_CODES)]
    Erase(EraseArgs),
}

#[derive(Debug, clap::Args)]
struct VerifyArgs {
    /// The log: GROUP.jsonl in the folder `audit` of the server's data directory, or a copy
    #[arg(value_name = "FILE")]
    log: PathBuf,

    /// The public key it has to be signed by [default: the one it names itself]
    #[arg(long, value_name = "PUBLIC.pem")]
    key: Option<PathBuf>,

    /// The `hash` of a line that has to be in it
    #[arg(long, value_name = "HASH")]
    contains: Option<String>,

    /// Write a JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct ShowArgs {
    /// The log
    #[arg(value_name = "FILE")]
    log: PathBuf,

    /// The number of the session
    #[arg(long, value_name = "NUMBER")]
    session: u64,

    /// Write a JSON object for each record
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct EraseArgs {
    /// The log
    #[arg(value_name = "FILE")]
    log: PathBuf,

    /// The visitor's id
    #[arg(long, value_name = "ID")]
    visitor: VisitorId,
}

pub(crate) async fn run(args: AuditArgs) -> Result<(), Failure> {
    match args.command {
        AuditCommand::Verify(args) => verify(&args),
        AuditCommand::Show(args) => show(&args),
        AuditCommand::Erase(args) => erase(&args).await,
    }
}

fn verify(args: &VerifyArgs) -> Result<(), Failure> {
    let key = args.key.as_deref().map(PublicKey::from_pem_file).transpose();
    let key = key.map_err(|error| Failure::usage(format_args!("--key: {error}")))?;
    let contains = args.contains.as_deref().map(|text| {
        Digest::from_hex(text)
            .ok_or_else(|| Failure::usage("--contains: a hash is 64 of the characters 0-9 and a-f"))
    });
    let contains = contains.transpose()?;
    let report = open(&args.log)
        .and_then(|log| coview_audit::verify(log, key))
        .map_err(|error| unreadable(&args.log, &error))?;
    let found = match contains {
        Some(hash) => has_line(&args.log, hash).map_err(|error| unreadable(&args.log, &error))?,
        None => true,
    };
    Say::new(args.json).tell(&verified(&report));
    match &report.fault {
        Some(fault) => {
            let failure = Failure::run(format_args!("{}: {fault}", args.log.display()));
            Err(match remedy(&fault.why) {
                Some(remedy) => failure.with_remedy(remedy),
                None => failure,
            })
        }
        None if !found => Err(Failure::run(format_args!(
            "{}: no line has the hash given to --contains: the end was cut off, or it is another log",
            args.log.display()
        ))),
        None => Ok(()),
    }
}

fn has_line(log: &Path, hash: Digest) -> io::Result<bool> {
    use std::io::BufRead;
    let wanted = format!(",\"hash\":\"{hash}\"");
    for line in open(log)?.split(b'\n') {
        // A line that is no text was found by the check.
        if String::from_utf8_lossy(&line?).contains(&wanted) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn verified(report: &Report) -> Event {
    let group = report.group.as_ref().map(ToString::to_string);
    let key = report.key.as_ref().map(PublicKey::to_hex);
    let last = report.last.as_ref().map(ToString::to_string);
    let mut text = String::new();
    if report.is_intact() {
        let group = group.as_deref().unwrap_or_default();
        text.push_str(&format!("{GOOD}intact{GOOD:#}: the log of group {BOLD}{group}{BOLD:#}\n"));
    }
    let in_order = if report.is_intact() { "" } else { " in order before that" };
    text.push_str(&format!(
        "  {} lines{in_order}, {} of them signatures; {} personal fields erased\n",
        report.lines, report.heads, report.erased
    ));
    if let Some((first, last)) = &report.times {
        text.push_str(&format!("  from {first} to {last}\n"));
    }
    let unsigned = report.unsigned;
    text.push_str(&match (report.closed, unsigned) {
        // Nothing in order is not signed to its end.
        _ if report.heads == 0 && unsigned == 0 => String::new(),
        (true, _) => "  signed to the end, and closed\n".to_owned(),
        (false, 0) => "  signed to the end, and not closed: a server writes it, or it was stopped\n".to_owned(),
        (false, _) => format!(
            "  {WARN}{unsigned} lines behind the last signature{WARN:#}: who can write the file could have made them\n"
        ),
    });
    if let Some(last) = &last {
        text.push_str(&format!("  {DIM}last hash {last}{DIM:#}\n"));
    }
    if let Some(key) = &key {
        text.push_str(&format!("  {DIM}key       {key}{DIM:#}"));
    }
    Event::new("verified", text.trim_end())
        .with("intact", report.is_intact())
        .with_some("group", group)
        .with("lines", report.lines)
        .with("heads", report.heads)
        .with("unsigned", unsigned)
        .with("erased", report.erased)
        .with("closed", report.closed)
        .with_some("last", last)
        .with_some("key", key)
        .with_some("broken_line", report.fault.as_ref().map(|fault| fault.line))
        .with_some("why", report.fault.as_ref().map(|fault| fault.why.to_string()))
}

/// What can be done about a broken line, where that is not plain.
fn remedy(why: &Why) -> Option<&'static str> {
    match why {
        Why::Torn(_) => Some(
            "if a server writes the log just now, try again; after a crash the server cuts it off \
             when it starts",
        ),
        Why::Genesis => Some("is this file an audit log, and is it whole?"),
        Why::ForeignKey => {
            Some("check --key: it is `audit-key.pub.pem` of the server that wrote the log")
        }
        Why::Unreadable(_)
        | Why::Form
        | Why::Time
        | Why::TooLong
        | Why::Hash
        | Why::Commitment(_)
        | Why::Previous
        | Why::Sequence { .. }
        | Why::Signature
        | Why::HeadMissing(_)
        | Why::Erasure { .. } => Some("keep the file as it is; compare it with a copy from before"),
        _ => None,
    }
}

fn show(args: &ShowArgs) -> Result<(), Failure> {
    let session = SessionId::new(args.session);
    let story = coview_audit::story(|| open(&args.log), session)
        .map_err(|error| unreadable(&args.log, &error))?;
    let mut say = Say::new(args.json);
    for line in &story.lines {
        say.tell(&told(line));
    }
    let Story { lines, fault, .. } = &story;
    match fault {
        Some(fault) => Err(Failure::run(format_args!("{}: {fault}", args.log.display()))
            .with_remedy(
                "what the log tells from that line on cannot be relied on, nor that it is all",
            )),
        None if lines.is_empty() => Err(Failure::run(format_args!(
            "there is no session {session} in {}",
            args.log.display()
        ))
        .with_remedy("sessions have the numbers of the fields `session`")),
        None => Ok(()),
    }
}

fn told(line: &Line) -> Event {
    let event = Event::new("record", line.told())
        .with("line", line.seq)
        .with("time", &*line.time)
        .with("kind", &*line.kind)
        .with_some("session", line.session)
        .with_some("ask", line.ask);
    let event = Personal::ALL
        .into_iter()
        .fold(event, |event, field| event.with_some(field.as_str(), line.personal(field)));
    match serde_json::to_value(&line.facts) {
        Ok(facts) => event.with("facts", facts),
        Err(_) => event,
    }
}

/// How long a server may take to do what it is asked for.
const PATIENCE: u32 = 600;

async fn erase(args: &EraseArgs) -> Result<(), Failure> {
    let mut say = Say::new(false);
    let done = coview_audit::erase(&args.log, &args.visitor, now()).map_err(|error| {
        let failure = Failure::run(&error);
        if matches!(error, EraseError::Log(_)) {
            failure.with_remedy("`coview audit verify` tells more; nothing was changed")
        } else {
            failure
        }
    })?;
    match done {
        Erasure::Done { fields: 0 } => {
            say.hint(format_args!("nothing to erase: no line names {}", args.visitor));
            Ok(())
        }
        Erasure::Done { fields } => {
            say.hint(format_args!("{GOOD}erased{GOOD:#}: {fields} personal fields"));
            Ok(())
        }
        Erasure::Requested(request) => {
            say.hint(format_args!("{DIM}a server writes this log: it is asked to do it{DIM:#}"));
            for _ in 0..PATIENCE {
                if !request.exists() {
                    say.hint(format_args!("{GOOD}erased{GOOD:#} by the server"));
                    return Ok(());
                }
                Timer::after(Duration::from_millis(100)).await;
            }
            Err(Failure::run("the server has not done it yet").with_remedy(
                "see its log for why; the request stays beside the log until it is done",
            ))
        }
    }
}

fn open(path: &Path) -> io::Result<BufReader<File>> {
    Ok(BufReader::with_capacity(1 << 16, File::open(path)?))
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::run(format_args!("{}: {error}", path.display())).with_remedy(
        "the logs are GROUP.jsonl in the folder `audit` of the server's data directory",
    )
}

#[expect(clippy::disallowed_methods, reason = "the command is where the clock is read")]
fn now() -> UnixTime {
    let since = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH);
    UnixTime::new(since.map_or(0, |since| since.as_secs()))
}
