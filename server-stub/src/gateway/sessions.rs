//! Which offices are connected, and how each is told to end. Knows nothing of what they say, and
//! touches no connection: one whose QUIC broke must not take the others' table with it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quinn::Connection;
use tokio::sync::watch;
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
    /// From where it spoke last.
    pub address: SocketAddr,
    /// Since when.
    pub since: UnixMs,
    /// When the office said something last.
    pub last_seen: UnixMs,
    /// The smoothed round-trip time, as of then.
    pub rtt: Duration,
}

#[derive(Debug)]
struct Live {
    facts: SessionFacts,
    /// Tells the session's own task to end.
    end: watch::Sender<Option<ByeCode>>,
}

/// One session's place in the table; dropping it frees the place.
#[derive(Debug)]
pub(super) struct Seat {
    sessions: Sessions,
    office: OfficeId,
    end: watch::Receiver<Option<ByeCode>>,
}

impl Sessions {
    /// Tells the session of `office` to end, if there is one; says whether there was.
    pub fn end(&self, office: &OfficeId, code: ByeCode) -> bool {
        let live = self.table().remove(office);
        if let Some(live) = &live {
            live.end.send_replace(Some(code));
        }
        live.is_some()
    }

    /// All live sessions, in the order of their offices.
    pub fn list(&self) -> Vec<SessionFacts> {
        self.table().values().map(|live| live.facts.clone()).collect()
    }

    /// How many sessions each office has opened since the start.
    pub fn opened(&self) -> BTreeMap<OfficeId, u64> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes a place for a session that begins like this. An older session of the same office ends:
    /// the office itself may have come back from another address long before the old one times
    /// out. None: HQ is full.
    pub(super) fn sit(&self, facts: SessionFacts) -> Option<Seat> {
        let (office, address) = (facts.office.clone(), facts.address);
        let mut table = self.table();
        if table.len() >= limits::SESSIONS && !table.contains_key(&office) {
            return None;
        }
        let (sender, end) = watch::channel(None);
        if let Some(older) = table.insert(office.clone(), Live { facts, end: sender }) {
            tracing::warn!(%office, was = %older.facts.address, now = %address,
                "the office connected again");
            older.end.send_replace(Some(ByeCode::Replaced));
        }
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        *opened.entry(office.clone()).or_default() += 1;
        Some(Seat { sessions: self.clone(), office, end })
    }

    fn table(&self) -> MutexGuard<'_, BTreeMap<OfficeId, Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Returns once the session is to end, with the reason.
    pub(super) async fn told_to_end(&self) -> ByeCode {
        let mut end = self.end.clone();
        let told = end.wait_for(Option::is_some).await;
        told.ok().and_then(|code| *code).unwrap_or(ByeCode::Done)
    }

    /// When the office said something last; none if this is not its session any more.
    pub(super) fn last_seen(&self) -> Option<UnixMs> {
        self.own(&mut self.sessions.table()).map(|live| live.facts.last_seen)
    }

    /// The office said something, from there.
    pub(super) fn seen(&self, now: UnixMs, address: SocketAddr, rtt: Duration) {
        if let Some(live) = self.own(&mut self.sessions.table()) {
            let facts = &mut live.facts;
            (facts.last_seen, facts.address, facts.rtt) = (now, address, rtt);
        }
    }

    fn own<'a>(&self, table: &'a mut BTreeMap<OfficeId, Live>) -> Option<&'a mut Live> {
        table.get_mut(&self.office).filter(|live| self.end.same_channel(&live.end.subscribe()))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut table = self.sessions.table();
        if self.own(&mut table).is_some() {
            table.remove(&self.office);
        }
    }
}

/// Ends a connection; the reason carries the whole Bye, so that nothing needs to be flushed.
pub(super) fn close(connection: &Connection, bye: Bye) {
    connection.close((bye.code as u8).into(), &Message::Bye(bye).encode());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(port: u16) -> SessionFacts {
        SessionFacts {
            office: "nasr".parse().unwrap(),
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            since: UnixMs(0),
            last_seen: UnixMs(0),
            rtt: Duration::ZERO,
        }
    }

    #[tokio::test]
    async fn an_older_session_that_is_stuck_keeps_no_newer_one_out_and_takes_no_place_with_it() {
        let sessions = Sessions::default();
        // Nobody drives it any more: its QUIC broke.
        let stuck = sessions.sit(from(1)).unwrap();
        let newer = sessions.sit(from(2)).unwrap();
        assert_eq!(stuck.told_to_end().await, ByeCode::Replaced);
        stuck.seen(UnixMs(5), from(1).address, Duration::ZERO);
        assert_eq!(stuck.last_seen(), None);
        drop(stuck);
        assert_eq!(sessions.list(), [from(2)]);
        newer.seen(UnixMs(7), from(3).address, Duration::from_millis(9));
        assert_eq!(newer.last_seen(), Some(UnixMs(7)));
        drop(newer);
        assert_eq!(sessions.list(), []);
    }
}
