//! For how long HQ has had nothing new to say, counted while there is a session: an office that is
//! cut off is no sign of anything. Kept in a small file; losing it starts the count again.

use std::path::PathBuf;
use std::sync::Arc;

use wasl_protocol::codec;
use wasl_protocol::units::{MonoMs, UnixMs};

use super::slots::Slots;
use crate::seam::{Disk, read_whole, replace};

/// The file, beside the slots.
const FILE: &str = "heard";

/// How often the count is written down while it runs, in milliseconds.
const KEEP_EVERY_MS: u64 = 600_000;

/// When HQ was last heard, and the session time since.
pub(super) struct Silence {
    disk: Arc<dyn Disk>,
    slots: Slots,
    heard_at: Option<UnixMs>,
    up_ms: u64,
    live: bool,
    counted_at: MonoMs,
    kept_at: MonoMs,
}

impl Silence {
    pub(super) fn load(disk: Arc<dyn Disk>, slots: Slots, now: MonoMs) -> Self {
        let read = slots.folder().ok().and_then(|dir| read_whole(&*disk, &dir.join(FILE)).ok());
        let read = read.and_then(|bytes| codec::decode::<(Option<UnixMs>, u64)>(&bytes).ok());
        let (heard_at, up_ms) = read.unwrap_or_default();
        Self { disk, slots, heard_at, up_ms, live: false, counted_at: now, kept_at: now }
    }

    /// HQ has said something new.
    pub(super) fn heard(&mut self, now: MonoMs, at: UnixMs) {
        self.count(now);
        (self.heard_at, self.up_ms) = (Some(at), 0);
    }

    /// A session begins, or ends.
    pub(super) fn session(&mut self, now: MonoMs, live: bool) {
        self.count(now);
        self.live = live;
    }

    /// Counts the time that has passed; true if it is time to keep the count.
    pub(super) fn count(&mut self, now: MonoMs) -> bool {
        if self.live {
            self.up_ms = self.up_ms.saturating_add(now.since_ms(self.counted_at));
        }
        self.counted_at = now;
        now.since_ms(self.kept_at) >= KEEP_EVERY_MS
    }

    /// Writes it down. Nothing depends on it but a warning.
    pub(super) fn keep(&mut self, now: MonoMs) {
        self.kept_at = now;
        let bytes = codec::encode(&(self.heard_at, self.up_ms));
        let path: std::io::Result<PathBuf> = self.slots.folder().map(|dir| dir.join(FILE));
        if let Err(e) = path.and_then(|path| replace(&*self.disk, &path, &bytes)) {
            tracing::warn!(error = %e, "for how long HQ has been silent could not be written down");
        }
    }

    /// When it said something new last.
    pub(super) fn heard_at(&self) -> Option<UnixMs> {
        self.heard_at
    }

    /// For how many seconds since then there has been a session.
    pub(super) fn up_s(&self) -> u64 {
        self.up_ms / 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seam::RealDisk;

    #[test]
    fn only_time_with_a_session_counts_and_it_counts_on_after_a_restart() {
        let top = tempfile::tempdir().unwrap();
        let disk = Arc::new(RealDisk);
        let load = || {
            let slots = Slots::new(disk.clone(), top.path());
            Silence::load(disk.clone(), slots, MonoMs(0))
        };
        let mut silence = load();
        silence.heard(MonoMs(0), UnixMs(5));
        silence.count(MonoMs(50_000));
        silence.session(MonoMs(60_000), true);
        silence.session(MonoMs(90_000), false);
        assert!(!silence.count(MonoMs(99_000)));
        assert_eq!((silence.heard_at(), silence.up_s()), (Some(UnixMs(5)), 30));
        assert!(silence.count(MonoMs(KEEP_EVERY_MS)), "it is time to keep it");
        silence.keep(MonoMs(KEEP_EVERY_MS));
        let mut again = load();
        again.session(MonoMs(0), true);
        again.count(MonoMs(10_000));
        assert_eq!((again.heard_at(), again.up_s()), (Some(UnixMs(5)), 40));
        again.heard(MonoMs(11_000), UnixMs(7));
        assert_eq!((again.heard_at(), again.up_s()), (Some(UnixMs(7)), 0));
    }
}
