//! What HQ says it has of our journal. Kept in a small file, so that it is known after a restart;
//! losing it is harmless, since the next Welcome says it again.

use std::path::{Path, PathBuf};

use wasl_protocol::codec;
use wasl_protocol::id::{JournalId, Position};
use wasl_protocol::keys::VerifyKey;
use wasl_protocol::units::UnixMs;
use wasl_protocol::wire::Ack;

use crate::seam::{World, read_whole, replace};

/// How often the newest receipt is written down at most, in nanoseconds.
const KEEP_EVERY_NS: u64 = 5_000_000_000;

/// The newest receipt.
#[derive(Debug)]
pub(super) struct Receipts {
    path: PathBuf,
    newest: Option<(Ack, UnixMs)>,
    kept: bool,
    kept_at_ns: u64,
}

impl Receipts {
    /// The receipt that was kept, if HQ signed it and it is for this journal.
    pub(super) fn load(world: &World, dir: &Path, journal: JournalId, hq: &VerifyKey) -> Self {
        let path = dir.join("acks");
        let bytes = read_whole(&*world.disk, &path).ok();
        let read = bytes.and_then(|bytes| codec::decode::<(Ack, UnixMs)>(&bytes).ok());
        let newest = read.filter(|(ack, _)| ack.journal == journal && ack.verify(hq).is_ok());
        Self { path, newest, kept: true, kept_at_ns: 0 }
    }

    /// Takes in a verified receipt; an older one of the same epoch says nothing new.
    pub(super) fn take(&mut self, ack: Ack, at: UnixMs) {
        let older = |known: &Ack| known.epoch == ack.epoch && known.stored.seq > ack.stored.seq;
        if !self.newest.as_ref().is_some_and(|(known, _)| older(known)) {
            self.newest = Some((ack, at));
            self.kept = false;
        }
    }

    pub(super) fn stored(&self) -> Option<Position> {
        self.newest.as_ref().map(|(ack, _)| ack.stored)
    }

    pub(super) fn stable(&self) -> Option<Position> {
        self.newest.as_ref().and_then(|(ack, _)| ack.stable)
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
        let Some(newest) = &self.newest else { return };
        self.kept_at_ns = at_ns;
        match replace(&*world.disk, &self.path, &codec::encode(newest)) {
            Ok(()) => self.kept = true,
            Err(e) => tracing::warn!(error = %e, "the newest receipt could not be written down"),
        }
    }
}
