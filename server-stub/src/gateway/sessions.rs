//! Which offices are connected. Knows nothing of what they say.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quinn::Connection;
use wasl_protocol::id::OfficeId;
use wasl_protocol::units::UnixMs;
use wasl_protocol::wire::{Bye, ByeCode, Message};

use super::limits;

/// The live sessions, one for each office at most. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Sessions {
    live: Arc<Mutex<BTreeMap<OfficeId, Live>>>,
    opened: Arc<Mutex<BTreeMap<OfficeId, u64>>>,
}

/// What there is to say of a live session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionFacts {
    /// Whose it is.
    pub office: OfficeId,
    /// From where.
    pub address: SocketAddr,
    /// Since when.
    pub since: UnixMs,
    /// When the office said something last.
    pub last_seen: UnixMs,
    /// The smoothed round-trip time.
    pub rtt: Duration,
}

#[derive(Debug)]
struct Live {
    connection: Connection,
    since: UnixMs,
    last_seen: UnixMs,
}

/// One session's place in the table; dropping it frees the place.
#[derive(Debug)]
pub(super) struct Seat {
    sessions: Sessions,
    office: OfficeId,
    id: usize,
}

impl Sessions {
    /// Ends the session of `office` at once, if there is one; says whether there was.
    pub fn end(&self, office: &OfficeId, code: ByeCode) -> bool {
        let live = self.table().remove(office);
        if let Some(live) = &live {
            close(&live.connection, Bye::now(code));
        }
        live.is_some()
    }

    /// All live sessions, in the order of their offices.
    pub fn list(&self) -> Vec<SessionFacts> {
        let table = self.table();
        let facts = table.iter().map(|(office, live)| SessionFacts {
            office: office.clone(),
            address: live.connection.remote_address(),
            since: live.since,
            last_seen: live.last_seen,
            rtt: live.connection.rtt(),
        });
        facts.collect()
    }

    /// How many sessions each office has opened since the start.
    pub fn opened(&self) -> BTreeMap<OfficeId, u64> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes a place for the office's connection. An older connection of the same office ends: the
    /// office itself may have come back from another address long before the old one times out.
    /// None: HQ is full.
    pub(super) fn sit(
        &self,
        office: &OfficeId,
        connection: &Connection,
        now: UnixMs,
    ) -> Option<Seat> {
        let mut table = self.table();
        if table.len() >= limits::SESSIONS && !table.contains_key(office) {
            return None;
        }
        let live = Live { connection: connection.clone(), since: now, last_seen: now };
        if let Some(older) = table.insert(office.clone(), live) {
            tracing::warn!(%office, was = %older.connection.remote_address(),
                now = %connection.remote_address(), "the office connected again");
            close(&older.connection, Bye::now(ByeCode::Replaced));
        }
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        *opened.entry(office.clone()).or_default() += 1;
        let (office, id) = (office.clone(), connection.stable_id());
        Some(Seat { sessions: self.clone(), office, id })
    }

    fn table(&self) -> MutexGuard<'_, BTreeMap<OfficeId, Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// When the office said something last; none if it has another session by now.
    pub(super) fn last_seen(&self) -> Option<UnixMs> {
        let table = self.sessions.table();
        let live = table.get(&self.office)?;
        (live.connection.stable_id() == self.id).then_some(live.last_seen)
    }

    /// The office said something.
    pub(super) fn seen(&self, now: UnixMs) {
        if let Some(live) = self.sessions.table().get_mut(&self.office)
            && live.connection.stable_id() == self.id
        {
            live.last_seen = now;
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut table = self.sessions.table();
        if table.get(&self.office).is_some_and(|live| live.connection.stable_id() == self.id) {
            table.remove(&self.office);
        }
    }
}

/// Ends a connection; the reason carries the whole Bye, so that nothing needs to be flushed.
pub(super) fn close(connection: &Connection, bye: Bye) {
    connection.close((bye.code as u8).into(), &Message::Bye(bye).encode());
}
