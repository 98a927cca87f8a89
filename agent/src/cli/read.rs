//! What is only read: from the running daemon, or, where it is stopped, from its logs, folded in
//! memory. Nothing on disk is changed.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use wasl_protocol::id::RecordId;
use wasl_protocol::named::{Meant, Named};

use super::client::{Client, NoDaemon, talk};
use super::{Exit, Failure, Place, block_on};
use crate::engine::Archive;
use crate::format;
use crate::keystore::{Identity, KeyFile, Office};
use crate::seam::World;

/// Asks the daemon, or the logs of a stopped one.
pub(super) fn read<T>(
    place: &Place,
    ask: impl AsyncFnOnce(Client) -> Result<T, Failure>,
    stopped: impl FnOnce(&mut Archive) -> Result<T, Failure>,
) -> Result<T, Failure> {
    match block_on(async { Ok(talk(&place.data_dir, ask).await) })? {
        Ok(answer) => answer,
        Err(NoDaemon::Stopped(_)) => stopped(&mut open(place)?),
        Err(NoDaemon::Failed(failure)) => Err(failure),
    }
}

pub(super) fn open(place: &Place) -> Result<Archive, Failure> {
    let (world, dir) = (World::real(), &place.data_dir);
    format::check(&world, dir)?;
    let key = KeyFile::locate(dir, place.key_file.as_deref())?;
    let identity = Identity::load(&world, dir, &key)?;
    Office::load(&world, &identity)?;
    eprintln!("{}: the daemon is stopped; reading its logs", dir.display());
    Ok(Archive::open(&world, &identity)?)
}

/// One page of a list.
#[derive(serde::Deserialize)]
struct Page<T> {
    items: Vec<T>,
    next: Option<u64>,
}

/// All items of a list that comes in pages.
pub(super) async fn all_pages<T: DeserializeOwned>(
    mut client: Client,
    what: &str,
    path: &str,
) -> Result<Vec<T>, Failure> {
    let (mut items, mut next) = (Vec::new(), Some(0));
    while let Some(skip) = next {
        let page: Page<T> = client.document(what, &format!("{path}?skip={skip}")).await?;
        items.extend(page.items);
        next = page.next;
    }
    Ok(items)
}

/// A report made of the logs, as the daemon would have sent it.
pub(super) fn document<E: std::fmt::Display>(
    what: &str,
    report: Result<impl Serialize, E>,
) -> Result<Value, Failure> {
    let damaged = |e: &dyn std::fmt::Display| {
        Failure::new(Exit::Failed, format!("{what}: the record is damaged: {e}"))
            .help("wasl journal verify names the place")
    };
    serde_json::to_value(report.map_err(|e| damaged(&e))?).map_err(|e| damaged(&e))
}

/// The record that is meant, in the logs of a stopped daemon.
pub(super) fn find(what: &str, archive: &mut Archive, named: &Named) -> Result<RecordId, Failure> {
    if let Some(record) = named.whole() {
        return Ok(record);
    }
    let (listed, _) = archive.list(0, u64::MAX)?;
    match named.meant(listed.into_iter().map(|l| l.record).filter(|id| named.fits(*id))) {
        Meant::One(record) => Ok(record),
        Meant::Nothing => Err(no_such_record(what)),
        Meant::Several(records) => {
            Err(Failure::new(Exit::Failed, format!("{what}: {}", named.several(&records))))
        }
    }
}

/// The office has no such record.
pub(super) fn no_such_record(what: &str) -> Failure {
    Failure::new(Exit::Failed, format!("{what}: this office has no such record"))
        .help("`wasl record list` shows those that it has")
}
