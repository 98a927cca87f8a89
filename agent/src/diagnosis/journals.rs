//! Headers, positions and checks of the logs: nothing of what an entry says.

use std::path::Path;

use serde_json::{Value, json};
use wasl_protocol::entry::Log as Purpose;
use wasl_protocol::id::JournalId;
use wasl_protocol::units::Seq;

use super::Sources;
use crate::engine;
use crate::facts::timestamp;
use crate::journal::{Log, logs_in, verify};

/// The journal of a running daemon, and where it ended a moment ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Live {
    /// Which.
    pub journal: JournalId,
    /// Its last entry then.
    pub end: Seq,
}

/// All logs of the data dir; none if there is none.
pub(super) fn journals(sources: &Sources<'_>) -> Option<Value> {
    let mut items = Vec::new();
    let rooms = [
        ("journal", engine::journals(sources.dir), Purpose::Journal),
        ("inbox", engine::inboxes(sources.dir), Purpose::Inbox),
    ];
    for (name, folder, purpose) in rooms {
        for id in logs_in(&*sources.world.disk, &folder).unwrap_or_default() {
            items.push(log(sources, name, (&folder, purpose, id)));
        }
    }
    (!items.is_empty()).then(|| json!({"schema": "wasl.logs/1", "items": items}))
}

fn log(sources: &Sources<'_>, name: &str, place: (&Path, Purpose, JournalId)) -> Value {
    let (folder, purpose, id) = place;
    let disk = &sources.world.disk;
    let genesis = Log::open_read(disk, folder, purpose, id).and_then(|mut log| log.genesis());
    let born = genesis.as_ref().ok().map(|genesis| {
        json!({
            "office": genesis.office,
            "format": genesis.format,
            "born_at": timestamp(genesis.born_at),
            "readers": genesis.keys.len(),
        })
    });
    json!({"log": name, "id": id, "genesis": born, "check": check(sources, name, (folder, id))})
}

/// Every byte, checked; of a running daemon's logs, what does not change while it is read.
fn check(sources: &Sources<'_>, name: &str, (folder, id): (&Path, JournalId)) -> Value {
    let upto = sources.live.filter(|live| live.journal == id).map(|live| live.end);
    if sources.live.is_some() && name == "inbox" {
        return json!({"result": "skipped", "why": "it grows while the daemon runs"});
    }
    match verify(&*sources.world.disk, folder, id, upto) {
        Ok(Ok(good)) => json!({
            "result": "ok",
            "entries": good.end.seq,
            "head": good.end.head,
            "segments": good.segments,
        }),
        Ok(Err(damage)) => json!({
            "result": "damaged",
            "file": damage.file.file_name().map(|name| name.to_string_lossy()),
            "offset": damage.offset,
            "entry": damage.entry,
            "reason": damage.reason,
        }),
        Err(_) => json!({"result": "unreadable"}),
    }
}
