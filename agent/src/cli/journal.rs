//! `wasl journal verify` and `wasl journal rebuild-view`.

use schemars::JsonSchema;
use serde::Serialize;
use wasl_protocol::id::{Head, JournalId};
use wasl_protocol::units::Seq;

use super::client::{Client, NoDaemon, talk};
use super::owner::become_owner;
use super::{Exit, Failure, Place, block_on, print, print_json};
use crate::engine;
use crate::format;
use crate::journal::{Damage, JournalError, Verified, logs_in, verify};
use crate::keystore::KeystoreError;
use crate::seam::{DirLock, World};
use crate::status::{self, Status, note_verified, timestamp};

/// What to do with the logs.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Check every byte of every journal
    Verify,
    /// Throw the view away; the next `wasl run` folds it again from the logs
    RebuildView,
}

/// Checks the journals, or discards the view.
pub fn journal(place: &Place, command: &Command) -> Result<(), Failure> {
    become_owner(place, false)?;
    format::check(&World::real(), &place.data_dir)?;
    match command {
        Command::Verify => verify_all(place),
        Command::RebuildView => rebuild_view(place),
    }
}

/// One line of `journal verify --json`.
#[derive(Debug, Serialize, JsonSchema)]
struct Item {
    log: &'static str,
    journal: JournalId,
    entries: Option<Seq>,
    head: Option<Head>,
    result: &'static str,
    file: Option<String>,
    offset: Option<usize>,
    entry: Option<Seq>,
    reason: Option<String>,
}

impl Item {
    fn new(log: &'static str, journal: JournalId, checked: &Result<Verified, Damage>) -> Self {
        let (good, bad) = (checked.as_ref().ok(), checked.as_ref().err());
        Self {
            log,
            journal,
            entries: good.map(|v| v.end.seq),
            head: good.map(|v| v.end.head),
            result: if good.is_some() { "ok" } else { "damaged" },
            file: bad.map(|d| d.file.display().to_string()),
            offset: bad.map(|d| d.offset),
            entry: bad.map(|d| d.entry),
            reason: bad.map(|d| d.reason.clone()),
        }
    }

    fn line(&self) -> String {
        let Self { log, journal, .. } = self;
        match (self.entries, self.head) {
            (Some(entries), Some(head)) => {
                format!("{log} {journal}: ok, {entries} entries, head {head}\n")
            }
            _ => format!("{log} {journal}: damaged\n"),
        }
    }
}

/// `journal verify --json`.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Verification {
    schema: &'static str,
    items: Vec<Item>,
}

fn verify_all(place: &Place) -> Result<(), Failure> {
    let (world, dir) = (World::real(), &place.data_dir);
    let live = ends_of_a_live_journal(place)?;
    let (mut items, mut worst) = (Vec::new(), None);
    for (log, folder) in [("journal", engine::journals(dir)), ("inbox", engine::inboxes(dir))] {
        for id in logs_in(&*world.disk, &folder).map_err(unreadable)? {
            let upto = live.filter(|(journal, _)| *journal == id).map(|(_, seq)| seq);
            // A running daemon's inbox grows while it is read, and its end is not told.
            if live.is_some() && log == "inbox" {
                continue;
            }
            let checked = verify(&*world.disk, &folder, id, upto).map_err(unreadable)?;
            items.push(Item::new(log, id, &checked));
            worst = worst.or(checked.err());
        }
    }
    if items.is_empty() {
        return Err(KeystoreError::NotJoined(dir.clone()).into());
    }
    if place.json {
        print_json(&Verification { schema: "wasl.verify/1", items })?;
    } else {
        print(&items.iter().map(Item::line).collect::<String>())?;
    }
    note(place, &world, worst.as_ref());
    worst.map_or(Ok(()), |damage| {
        Err(Failure::new(Exit::Failed, format!("journal verify: {damage}"))
            .help("leave the data dir as it is, copy it aside, and call headquarters"))
    })
}

/// Leaves the result for `status`. On a disk that cannot be written to it is only printed.
fn note(place: &Place, world: &World, worst: Option<&Damage>) {
    let result = worst.map_or(status::Verified::OK.to_owned(), ToString::to_string);
    let found = status::Verified { at: timestamp(world.clock.unix()), result };
    if let Err(why) = note_verified(&*world.disk, &place.data_dir, &found) {
        eprintln!("`wasl status` will not know of this verification: {why}");
    }
}

/// The journal of the running daemon and where it ended a moment ago; none if it is stopped.
fn ends_of_a_live_journal(place: &Place) -> Result<Option<(JournalId, Seq)>, Failure> {
    let work =
        async |mut client: Client| client.document::<Status>("journal verify", "/v1/status").await;
    match block_on(async { Ok(talk(&place.data_dir, work).await) })? {
        Ok(status) => {
            let sync = status?.sync;
            Ok(sync.journal.map(|journal| (journal, sync.head_seq)))
        }
        Err(NoDaemon::Stopped(_)) => Ok(None),
        Err(NoDaemon::Failed(failure)) => Err(failure),
    }
}

fn rebuild_view(place: &Place) -> Result<(), Failure> {
    let (world, dir) = (World::real(), &place.data_dir);
    if logs_in(&*world.disk, &engine::journals(dir)).map_err(unreadable)?.is_empty() {
        return Err(KeystoreError::NotJoined(dir.clone()).into());
    }
    let _lock = DirLock::take(dir)?;
    engine::discard_view(&world, dir)?;
    eprintln!("the view is discarded; `wasl run` folds it again from the journal and the inbox");
    Ok(())
}

fn unreadable(e: JournalError) -> Failure {
    let message = format!("journal: {e}");
    match e {
        JournalError::Io { source, .. } => Failure::io(message, &source),
        _ => Failure::new(Exit::Failed, message).help(e.help()),
    }
}
