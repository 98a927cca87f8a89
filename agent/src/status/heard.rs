//! When HQ was last heard, kept over restarts: an office that is switched off every night must
//! notice all the same that it has had no link for days.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use wasl_protocol::units::UnixMs;

use super::file::replace_unsynced;
use crate::facts::{LinkFacts, LinkPhase};
use crate::seam::Disk;

/// While the link is up it is written this often, in milliseconds: so much may a power cut take.
const WRITTEN_EVERY_MS: u64 = 600_000;

const FILE: &str = "heard.json";

/// The last moment of a link, as the data dir remembers it.
#[derive(Debug)]
pub(super) struct Heard {
    path: PathBuf,
    before: Option<UnixMs>,
    written: Option<UnixMs>,
}

#[derive(Serialize, Deserialize)]
struct Written {
    last_up_at: UnixMs,
}

impl Heard {
    /// What an earlier daemon of this data dir left.
    pub fn load(dir: &Path) -> Self {
        let path = dir.join(FILE);
        let text = std::fs::read(&path).ok();
        let written: Option<Written> = text.and_then(|text| serde_json::from_slice(&text).ok());
        let before = written.map(|written| written.last_up_at);
        Self { path, before, written: before }
    }

    /// Says when HQ was last heard, where this daemon has not heard it yet.
    pub fn fill(&self, link: &mut LinkFacts) {
        link.last_up_at = link.last_up_at.or(self.before);
    }

    /// Writes what this daemon has heard: now and then while the link is up, and once it is down or
    /// the daemon stops.
    pub fn keep(&mut self, disk: &dyn Disk, link: &LinkFacts, stops: bool) -> io::Result<()> {
        let Some(last) = link.last_up_at.filter(|last| Some(*last) != self.written) else {
            return Ok(());
        };
        let late = |written: UnixMs| last.0.abs_diff(written.0) >= WRITTEN_EVERY_MS;
        if link.state == LinkPhase::Up && !stops && !self.written.is_none_or(late) {
            return Ok(());
        }
        let text = serde_json::to_vec(&Written { last_up_at: last }).map_err(io::Error::other)?;
        replace_unsynced(disk, &self.path, &text)?;
        self.written = Some(last);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seam::RealDisk;

    #[test]
    fn when_hq_was_heard_outlives_the_daemon_and_is_seldom_written() {
        let dir = tempfile::tempdir().unwrap();
        let mut heard = Heard::load(dir.path());
        let up = |at: i64| {
            let (state, last_up_at) = (LinkPhase::Up, Some(UnixMs(at)));
            LinkFacts { state, last_up_at, ..LinkFacts::default() }
        };
        let left = || {
            let mut link = LinkFacts::default();
            Heard::load(dir.path()).fill(&mut link);
            link.last_up_at.map(|at| at.0)
        };
        heard.keep(&RealDisk, &LinkFacts::default(), false).unwrap();
        assert_eq!(left(), None);
        for (at, want) in [(1_000, 1_000), (601_000 - 1, 1_000), (601_000, 601_000)] {
            heard.keep(&RealDisk, &up(at), false).unwrap();
            assert_eq!(left(), Some(want));
        }
        let down = LinkFacts { state: LinkPhase::Backoff, ..up(602_000) };
        heard.keep(&RealDisk, &down, false).unwrap();
        assert_eq!(left(), Some(602_000));
        heard.keep(&RealDisk, &up(603_000), true).unwrap();
        assert_eq!(left(), Some(603_000));
        let mut own = up(7);
        heard.fill(&mut own);
        assert_eq!(own.last_up_at, Some(UnixMs(7)));
    }
}
