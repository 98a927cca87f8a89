//! The command line: one file a command. Results go to stdout, everything else to stderr.
//!
//! It knows nothing of SQL nor of QUIC: what it asks and tells goes through the console's routes.

mod args; // what can be said
mod failure; // what is said when it cannot be done
mod ask; // the console: over its socket, or over the database of a stopped HQ
mod named; // ids as people type them
mod owner; // root works for the data dir's owner
mod table; // what people read
mod stick; // files that a person carries
mod init; // keys and database
mod journal; // journal verify
mod office; // office add, list, show, token, revoke
mod receipt; // receipt verify
mod record; // record get, list, history
mod edit; // record set, void, grant
mod beside; // values side by side
mod conflict; // conflict list, resolve
mod held; // held list, show, release, refuse
mod config; // config check, sign, push, status, history, revert, abort, export, schema
mod bundle; // bundle import
mod backup; // a copy of everything
mod restore; // and back
mod schemas; // the JSON Schemas of the documents
mod run; // the daemon
mod status; // how it is
mod check; // the same for monitoring systems
mod explain; // what a code means

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use crate::seam::World;
use args::{Args, Command};
use ask::Asker;
use failure::{Failure, USAGE};
pub use schemas::schemas;

/// The whole command line, for manuals and completions.
pub fn command() -> clap::Command {
    <Args as clap::CommandFactory>::command()
}

/// Runs `wasl-hq` with these arguments, the program's name first.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let words: Vec<OsString> = args.into_iter().collect();
    let args = match Args::try_parse_from(&words) {
        Ok(args) => args,
        Err(e) => {
            // Nothing can be done about a closed stdout or stderr.
            let _ = e.print();
            if e.use_stderr() && check::is_meant(&words) {
                return check::misused();
            }
            return ExitCode::from(if e.use_stderr() { USAGE } else { 0 });
        }
    };
    if matches!(args.command, Command::Check) {
        return check::check(&args.data_dir);
    }
    match dispatch(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell(),
    }
}

fn dispatch(args: Args) -> Result<(), Failure> {
    let dir = args.data_dir;
    let world = World::real();
    match args.command {
        Command::Init(init) => run::short(init::init(&dir, &init, &world)),
        Command::Restore(options) => {
            run::short(restore::restore(&dir, &options, (&world, args.json)))
        }
        Command::Run(options) => run::run(&dir, &options, world),
        command => {
            let asker = Asker::new(dir, world, args.json);
            run::short(ask(&asker, command))
        }
    }
}

async fn ask(asker: &Asker, command: Command) -> Result<(), Failure> {
    match command {
        Command::Office(command) => office::office(asker, command).await,
        Command::Record(command) => record::record(asker, command).await,
        Command::Receipt(command) => receipt::receipt(asker, command).await,
        Command::Conflict(command) => conflict::conflict(asker, command).await,
        Command::Held(command) => held::held(asker, command).await,
        Command::Config(command) => config::config(asker, command).await,
        Command::Journal(command) => journal::journal(asker, command).await,
        Command::Bundle(command) => bundle::bundle(asker, command).await,
        Command::Backup(options) => backup::backup(asker, &options).await,
        Command::Status(options) => status::status(asker, &options).await,
        Command::Explain { code } => explain::explain(asker, code),
        Command::Init(_) | Command::Restore(_) | Command::Run(_) | Command::Check => {
            unreachable!("dispatched before")
        }
    }
}
