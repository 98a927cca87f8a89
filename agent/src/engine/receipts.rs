//! What HQ says it has of our journal. Kept in a small file, so that it is known after a restart;
//! losing it is harmless, since the next Welcome says it again.

use std::path::{Path, PathBuf};

use wasl_protocol::codec;
use wasl_protocol::id::{JournalId, Position};
use wasl_protocol::keys::VerifyKey;
use wasl_protocol::units::UnixMs;
use wasl_protocol::wire::{Ack, Standing};

use crate::seam::{World, read_whole, replace};

/// What is in the file.
type Kept = (Option<(Ack, UnixMs)>, Option<Ack>);

/// How often the newest receipt is written down at most, in nanoseconds.
const KEEP_EVERY_NS: u64 = 5_000_000_000;

/// The newest receipt, and the one that says most of what is stable: an HQ that was restored from
/// a backup knows less of it, and what it said once holds.
#[derive(Debug)]
pub(super) struct Receipts {
    path: PathBuf,
    newest: Option<(Ack, UnixMs)>,
    stable: Option<Ack>,
    kept: bool,
    kept_at_ns: u64,
}

impl Receipts {
    /// The receipts that were kept, if HQ signed them and they are for this journal.
    pub(super) fn load(world: &World, dir: &Path, journal: JournalId, hq: &VerifyKey) -> Self {
        let path = dir.join("acks");
        let bytes = read_whole(&*world.disk, &path).ok();
        let read = bytes.and_then(|bytes| {
            // Before there was anything stable, the file held the newest one alone.
            let alone = || Some((Some(codec::decode(&bytes).ok()?), None));
            codec::decode::<Kept>(&bytes).ok().or_else(alone)
        });
        let good = |ack: &Ack| ack.journal == journal && ack.verify(hq).is_ok();
        let (newest, stable) = read.unwrap_or_default();
        let newest = newest.filter(|(ack, _)| good(ack));
        Self { path, newest, stable: stable.filter(good), kept: true, kept_at_ns: 0 }
    }

    /// Takes in a verified receipt; an older one of the same epoch says nothing new.
    pub(super) fn take(&mut self, ack: Ack, at: UnixMs) {
        if ack.stable.is_some_and(|more| self.stable().is_none_or(|known| known.seq < more.seq)) {
            self.stable = Some(ack);
            self.kept = false;
        }
        let older = |known: &Ack| known.epoch == ack.epoch && known.stored.seq > ack.stored.seq;
        if !self.newest.as_ref().is_some_and(|(known, _)| older(known)) {
            self.newest = Some((ack, at));
            self.kept = false;
        }
    }

    /// HQ stands here now. If that is less than it said, it was put back to an earlier state: what
    /// it said counts no more, but for what is stable.
    pub(super) fn stands(&mut self, standing: &Standing) {
        let more = |(ack, _): &(Ack, UnixMs)| {
            ack.journal == standing.journal && ack.stored.seq > standing.top.seq
        };
        if self.newest.as_ref().is_some_and(more) {
            self.newest = None;
            self.kept = false;
        }
    }

    /// The newest one.
    pub(super) fn newest(&self) -> Option<Ack> {
        self.newest.map(|(ack, _)| ack)
    }

    pub(super) fn stored(&self) -> Option<Position> {
        self.newest.as_ref().map(|(ack, _)| ack.stored)
    }

    pub(super) fn stable(&self) -> Option<Position> {
        self.stable.as_ref().and_then(|ack| ack.stable)
    }

    pub(super) fn last_at(&self) -> Option<UnixMs> {
        self.newest.as_ref().map(|(_, at)| *at)
    }

    /// Is the newest receipt not written down yet?
    pub(super) fn have_news(&self) -> bool {
        !self.kept
    }

    /// Writes the newest receipt down, if that is due or `now`.
    pub(super) fn keep(&mut self, world: &World, now: bool) {
        let at_ns = world.clock.mono_ns();
        let due = now || at_ns.saturating_sub(self.kept_at_ns) >= KEEP_EVERY_NS;
        if self.kept || !due {
            return;
        }
        self.kept_at_ns = at_ns;
        let kept: &Kept = &(self.newest, self.stable);
        match replace(&*world.disk, &self.path, &codec::encode(kept)) {
            Ok(()) => self.kept = true,
            Err(e) => tracing::warn!(error = %e, "the newest receipt could not be written down"),
        }
    }
}

#[cfg(test)]
mod tests {
    use wasl_protocol::id::EpochId;
    use wasl_protocol::keys::SignKey;

    use super::*;
    use crate::seam::World;

    const JOURNAL: JournalId = JournalId(5);

    fn at(seq: u64) -> Position {
        (0..seq).fold(Position::start(JOURNAL), |at, n| at.after(&n.to_le_bytes()))
    }

    fn ack(epoch: u64, stored: u64, stable: Option<u64>) -> Ack {
        let key = SignKey::from_secret(&[1; 32]);
        Ack::new(EpochId(epoch), JOURNAL, at(stored), stable.map(at), 0, &key)
    }

    #[test]
    fn what_is_stable_stays_so_whatever_an_hq_that_was_put_back_says_and_over_restarts() {
        let (world, dir) = (World::real(), tempfile::tempdir().unwrap());
        let hq = SignKey::from_secret(&[1; 32]).verify_key();
        let load = || Receipts::load(&world, dir.path(), JOURNAL, &hq);
        let mut receipts = load();
        receipts.take(ack(1, 9, Some(7)), UnixMs(1));
        receipts.take(ack(2, 4, None), UnixMs(2));
        receipts.take(ack(2, 5, Some(3)), UnixMs(3));
        assert_eq!((receipts.stored(), receipts.stable()), (Some(at(5)), Some(at(7))));
        receipts.keep(&world, true);
        assert_eq!((load().stored(), load().stable()), (Some(at(5)), Some(at(7))));
    }

    #[test]
    fn an_hq_that_stands_behind_its_receipt_has_not_got_what_it_said() {
        let dir = tempfile::tempdir().unwrap();
        let hq = SignKey::from_secret(&[1; 32]).verify_key();
        let mut receipts = Receipts::load(&World::real(), dir.path(), JOURNAL, &hq);
        receipts.take(ack(1, 9, Some(7)), UnixMs(1));
        let stands = |journal, top| Standing { journal, top, ladder: vec![], stable: None };
        for standing in [stands(JOURNAL, at(9)), stands(JournalId(6), at(1))] {
            receipts.stands(&standing);
            assert_eq!(receipts.stored(), Some(at(9)), "{standing:?}");
        }
        receipts.stands(&stands(JOURNAL, at(8)));
        assert_eq!((receipts.stored(), receipts.stable()), (None, Some(at(7))));
    }
}
