//! The command line: one file a command. Results on stdout, everything else on stderr.

mod client; // talks to the running daemon
mod hear; // how the office is, from whoever can tell
mod read; // what is only read, of a stopped daemon too
mod owner; // root works as the data dir's owner
mod plain; // values and moments for people
mod siblings; // values in conflict, side by side
mod upload; // a file as the body of a request
mod bundle; // wasl bundle
mod check; // wasl check
mod config; // wasl config
mod conflict; // wasl conflict
mod diagnose; // wasl diagnose
mod doctor; // wasl doctor
mod edit; // wasl record set and void
mod enroll; // wasl enroll
mod explain; // wasl explain
mod failure; // how a command fails
mod held; // wasl held
mod history; // wasl record history
mod join; // wasl join
mod journal; // wasl journal
mod receipt; // wasl record receipt
mod pause; // wasl pause and wasl resume
mod record; // wasl record
mod retire; // wasl retire
mod schemas; // the JSON Schemas of the documents
mod run; // wasl run
mod status; // wasl status
mod wait; // wasl wait and wasl sync

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use failure::{Exit, Failure};
pub use schemas::schemas;

/// Where an installation is, unless told otherwise: where the unit file puts it.
const DATA_DIR: &str = "/var/lib/wasl";

/// wasl: enrollments that never wait for the link.
#[derive(Debug, Parser)]
#[command(name = "wasl", version, about, propagate_version = true)]
struct Args {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: Command,
}

/// Which installation, and how results are printed.
#[derive(Clone, Debug, clap::Args)]
pub struct Place {
    /// The installation's data dir
    #[arg(long, global = true, env = "WASL_DATA_DIR", value_name = "DIR", default_value = DATA_DIR)]
    pub data_dir: PathBuf,
    /// The key that opens the office's secrets [default: the systemd credential wasl.key, else
    /// DIR.key beside the data dir]
    #[arg(long, global = true, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Print one JSON document instead of a table
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make this machine an office: keys, journal, and a place at headquarters
    Join(join::Args),
    /// Run the daemon
    Run(run::Args),
    /// Journal enrollments, one line of JSON each
    Enroll(enroll::Args),
    /// Read and correct records
    #[command(subcommand)]
    Record(record::Command),
    /// See the config in force, bring an edition, take one back
    #[command(subcommand)]
    Config(config::Command),
    /// Carry what headquarters has not, and its reply, as files: for weeks without a link
    #[command(subcommand)]
    Bundle(bundle::Command),
    /// See and end conflicts
    #[command(subcommand)]
    Conflict(conflict::Command),
    /// See what headquarters did not apply
    #[command(subcommand)]
    Held(held::Command),
    /// Say whether the office is well and synced
    Status(status::Args),
    /// Say the same in one line, for a monitoring system: exits 0 (OK) to 3 (UNKNOWN)
    Check,
    /// Say what a code means, why it comes, and what to do
    Explain(explain::Args),
    /// Look for what is wrong with this machine, and say what to do
    Doctor,
    /// Write an archive for whoever helps from afar; nothing of any citizen is in it
    Diagnose(diagnose::Args),
    /// Try the link now and wait until headquarters has everything
    Sync(wait::SyncArgs),
    /// Hold the link back for a time; enrolling goes on
    Pause(pause::Args),
    /// Let the link go on
    Resume,
    /// Wait until something is so
    Wait(wait::WaitArgs),
    /// Check or rebuild what lies on disk
    #[command(subcommand)]
    Journal(journal::Command),
    /// Say that this data dir may be deleted; refused while anything in it is not stable
    Retire,
}

/// The whole command line, for manuals and completions.
pub fn command() -> clap::Command {
    <Args as clap::CommandFactory>::command()
}

/// Runs `wasl` with these arguments, the program's name first.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let words: Vec<OsString> = args.into_iter().collect();
    let args = match Args::try_parse_from(&words) {
        Ok(args) => args,
        Err(e) => {
            let _ = e.print();
            if e.use_stderr() && check::is_meant(&words) {
                return check::misused();
            }
            let usage = ExitCode::from(Exit::Usage as u8);
            return if e.use_stderr() { usage } else { ExitCode::SUCCESS };
        }
    };
    let place = &args.place;
    let done = match args.command {
        Command::Join(args) => join::join(place, &args),
        Command::Run(args) => run::run(place, &args),
        Command::Enroll(args) => enroll::enroll(place, &args),
        Command::Record(command) => record::record(place, &command),
        Command::Config(command) => config::config(place, &command),
        Command::Bundle(command) => bundle::bundle(place, &command),
        Command::Conflict(command) => conflict::conflict(place, &command),
        Command::Held(command) => held::held(place, &command),
        Command::Status(args) => status::status(place, &args),
        Command::Check => return check::check(place),
        Command::Explain(args) => explain::explain(place, &args),
        Command::Diagnose(args) => diagnose::diagnose(place, &args),
        Command::Doctor => doctor::doctor(place),
        Command::Sync(args) => wait::sync(place, &args),
        Command::Pause(args) => pause::pause(place, &args),
        Command::Resume => pause::resume(place),
        Command::Wait(args) => wait::wait(place, &args),
        Command::Journal(command) => journal::journal(place, &command),
        Command::Retire => retire::retire(place),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell(),
    }
}

/// Runs a command that talks. What still waits for input when it is done is left behind.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Failure::io("the runtime does not start", &e))?;
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    done
}

/// Prints a result; a reader that has gone away is a failure like any other.
fn print(text: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|e| Failure::io("stdout", &e))
}

/// Prints one JSON document.
fn print_json(document: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(document);
    let text = text.map_err(|e| Failure::new(Exit::Failed, format!("no JSON: {e}")))?;
    print(&(text + "\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Args, clap::Error> {
        Args::try_parse_from(line.split(' '))
    }

    fn exit(line: &str) -> ExitCode {
        main(line.split(' ').map(OsString::from))
    }

    #[test]
    fn the_data_dir_is_accepted_before_and_after_the_subcommand() {
        for line in [
            "wasl --data-dir /a record list --json",
            "wasl record --data-dir /a list --json",
            "wasl --json record list --data-dir /a",
        ] {
            let args = parse(line).unwrap();
            assert_eq!(args.place.data_dir, PathBuf::from("/a"), "{line}");
            assert!(args.place.json, "{line}");
        }
        let default = parse("wasl status").unwrap().place.data_dir;
        let set = std::env::var_os("WASL_DATA_DIR").map(PathBuf::from);
        assert_eq!(default, set.unwrap_or_else(|| DATA_DIR.into()));
    }

    #[test]
    fn a_command_line_that_makes_no_sense_exits_64() {
        let usage = format!("{:?}", ExitCode::from(64));
        for line in [
            "wasl",
            "wasl frobnicate",
            "wasl wait",
            "wasl wait --synced --link",
            "wasl wait --config newest",
            "wasl config",
            "wasl config import",
            "wasl config hold --until tomorrow --why exams",
            "wasl config hold --until 2026-05-01T12:00:00+03:00",
            "wasl join",
            "wasl record get",
            "wasl record void 00000000000000000000000000000000",
            "wasl conflict resolve 00000000000000000000000000000000 contact",
            "wasl conflict resolve 00000000000000000000000000000000 contact --value {",
            "wasl held",
            "wasl sync --timeout soon",
            "wasl run --http here",
        ] {
            assert_eq!(format!("{:?}", exit(line)), usage, "{line}");
        }
        let done = format!("{:?}", ExitCode::SUCCESS);
        assert_eq!(format!("{:?}", exit("wasl --help")), done);
        assert_eq!(format!("{:?}", exit("wasl --version")), done);
    }

    #[test]
    fn the_command_line_holds_together() {
        <Args as clap::CommandFactory>::command().debug_assert();
    }
}
