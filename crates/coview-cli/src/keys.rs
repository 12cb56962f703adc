//! `coview keys`: the keys that agents' tokens and visitors' assertions are signed with.

use core::fmt::Display;
use std::fs::File;
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use clap::Subcommand;
use clap::ValueEnum;
use coview_token::Algorithm;
use coview_token::SigningKey;

use crate::failure::Failure;
use crate::say::BOLD;
use crate::say::DIM;
use crate::say::Say;
use crate::serve::program;

const NEW_HELP: &str = "\
Examples:
  coview keys new --out agents            agents.key.pem and agents.pub.pem, Ed25519
  coview keys new --alg es256 --out backend/
                                          coview.key.pem and coview.pub.pem in that directory

Exit codes:
  0  everything went well
  1  something failed while running
  2  the command line is wrong, or a file is there already";

/// The options of `coview keys`.
#[derive(Debug, clap::Args)]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Make a key pair: a private key to sign with, and a public one for the server.
    ///
    /// The private key belongs to the backend that knows who its agents and customers are, and
    /// nowhere else; the server needs the public one only. No file is ever overwritten.
    #[command(after_help = NEW_HELP)]
    New(NewArgs),
}

#[derive(Debug, clap::Args)]
struct NewArgs {
    /// The kind of key
    #[arg(long, value_enum, value_name = "ALG", default_value_t = Kind::Eddsa)]
    alg: Kind,

    /// Where to: PREFIX.key.pem (the private key, which only you can read) and PREFIX.pub.pem; in a
    /// directory they are called `coview`
    #[arg(long, value_name = "PREFIX|DIR")]
    out: PathBuf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// Ed25519
    Eddsa,
    /// ECDSA on the curve P-256
    Es256,
}

pub(crate) fn run(args: KeysArgs) -> Result<(), Failure> {
    match args.command {
        KeysCommand::New(args) => new(&args),
    }
}

fn new(args: &NewArgs) -> Result<(), Failure> {
    let algorithm = match args.alg {
        Kind::Eddsa => Algorithm::EdDsa,
        Kind::Es256 => Algorithm::Es256,
    };
    let (private, public) = paths(&args.out)?;
    let key = SigningKey::generate(algorithm).map_err(Failure::run)?;
    let both = key.private_pem().zip(key.public_pem());
    let (private_pem, public_pem) = both.expect("a key pair has two halves");

    // The private key first: without it the public one is worth nothing.
    write(&private, &private_pem, true)?;
    if let Err(failure) = write(&public, &public_pem, false) {
        let _ = std::fs::remove_file(&private);
        return Err(failure);
    }

    // Absolute, so that it works from wherever the server runs. A JSON text is a TOML text too.
    let whole = std::path::absolute(&public).unwrap_or_else(|_| public.clone());
    let (key_path, public_path) = (private.display(), public.display());
    let whole = serde_json::Value::from(whole.display().to_string());
    Say::new(false).hint(format_args!(
        "{BOLD}{key_path}{BOLD:#}  the private key: for the backend that signs, and nobody else\n\
         {BOLD}{public_path}{BOLD:#}  the public key, for the server\n\n\
         {DIM}# In the group's part of the server's configuration: who signs agents' tokens{DIM:#}\n\
         [group.tokens]\n\
         keys = [{whole}]\n\n\
         {DIM}# and who signs assertions about visitors; this key, or another one{DIM:#}\n\
         [group.assertions]\n\
         keys = [{whole}]\n\n\
         {DIM}# A token to try it out{DIM:#}\n\
         {} token agent --key {} --group 12345 --id grace --name Grace",
        program(),
        quoted(&private),
    ));
    Ok(())
}

/// Where the two halves go.
fn paths(out: &Path) -> Result<(PathBuf, PathBuf), Failure> {
    let wrong = |what| Failure::usage(format_args!("--out {}: {what}", out.display()));
    let prefix = if out.is_dir() {
        out.join("coview")
    } else if out.to_string_lossy().ends_with(std::path::is_separator) {
        return Err(wrong("there is no such directory"));
    } else {
        out.to_path_buf()
    };
    let name = prefix.file_name().ok_or_else(|| wrong("this names no file"))?;
    let with = |end: &str| {
        let mut name = name.to_os_string();
        name.push(end);
        prefix.with_file_name(name)
    };
    let paths = (with(".key.pem"), with(".pub.pem"));
    for path in [&paths.0, &paths.1] {
        if path.symlink_metadata().is_ok() {
            return Err(taken(path));
        }
    }
    Ok(paths)
}

fn write(path: &Path, text: &str, private: bool) -> Result<(), Failure> {
    let wrong =
        |error: &dyn Display| Failure::usage(format_args!("--out: {}: {error}", path.display()));
    let mut file = match create(path, private) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(taken(path)),
        Err(error) => return Err(wrong(&error)),
    };
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    written.map_err(|error| {
        // Half a key would be in the way of the next try.
        let _ = std::fs::remove_file(path);
        Failure::run(format_args!("{}: {error}", path.display()))
    })
}

/// A file that was not there before, and that nobody else can read if it is private.
fn create(path: &Path, private: bool) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(if private { 0o600 } else { 0o644 });
    }
    #[cfg(not(unix))]
    let _ = private;
    options.open(path)
}

fn taken(path: &Path) -> Failure {
    Failure::usage(format_args!("--out: {} is there already", path.display()))
        .with_remedy("choose another name; a key is never overwritten")
}

/// A path as a shell takes it for one word.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) && !text.starts_with('-') {
        return text;
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}
