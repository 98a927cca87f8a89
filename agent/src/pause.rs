//! The link held back by an operator, for a time. Outlives the daemon: one small file in the data
//! dir. Knows nothing of the link, nor of who asks.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use wasl_protocol::private::Private;
use wasl_protocol::units::{MonoMs, UnixMs};

use crate::seam::{World, replace};

/// The longest pause, in seconds: a week.
pub const LONGEST_S: u64 = 7 * 86_400;

/// For how long the link is paused where nobody says, in seconds: nobody has to remember it.
pub const USUAL_S: u64 = 3600;

const FILE: &str = "pause.json";

/// One pause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// When it ends, by this machine's wall clock: shown, and what is left after a restart.
    pub until: UnixMs,
    /// How long it was to be, in seconds: a clock that was set back does not make it longer.
    pub for_s: u64,
    /// Why, in the operator's words.
    pub why: Private<String>,
}

/// Whether the link is paused. Cheap to clone.
#[derive(Clone)]
pub struct Pauses {
    world: World,
    path: PathBuf,
    now: Arc<watch::Sender<Option<(Pause, MonoMs)>>>,
}

impl fmt::Debug for Pauses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pauses({})", self.path.display())
    }
}

impl Pauses {
    /// What lies in the data dir; a file that does not read holds nothing back.
    pub fn open(world: &World, dir: &Path) -> Self {
        let path = dir.join(FILE);
        let found: Option<Pause> =
            std::fs::read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok());
        let found = found.map(|pause| {
            let left_ms = pause.until.0.saturating_sub(world.clock.unix().0).max(0);
            let longest_ms = pause.for_s.min(LONGEST_S) * 1000;
            let end = world.clock.mono() + left_ms.unsigned_abs().min(longest_ms);
            (pause, end)
        });
        Self { world: world.clone(), path, now: Arc::new(watch::Sender::new(found)) }
    }

    /// Pauses the link from now on, in place of what was said before.
    ///
    /// # Errors
    /// If it cannot be kept; then nothing has changed.
    pub fn pause(&self, for_s: u64, why: String) -> io::Result<Pause> {
        let for_s = for_s.min(LONGEST_S);
        let ms = for_s * 1000;
        let until = UnixMs(self.world.clock.unix().0.saturating_add_unsigned(ms));
        let pause = Pause { until, for_s, why: Private(why) };
        let text = serde_json::to_vec(&pause).map_err(io::Error::other)?;
        replace(&*self.world.disk, &self.path, &text)?;
        self.now.send_replace(Some((pause.clone(), self.world.clock.mono() + ms)));
        Ok(pause)
    }

    /// Ends the pause; answers the one that it ended.
    ///
    /// # Errors
    /// If the file cannot be taken away; then nothing has changed.
    pub fn resume(&self) -> io::Result<Option<Pause>> {
        let was = self.current().map(|(pause, _)| pause);
        self.world.disk.remove(&self.path)?;
        self.now.send_replace(None);
        Ok(was)
    }

    /// The pause that holds now, and how many milliseconds are left of it.
    pub fn current(&self) -> Option<(Pause, u64)> {
        let now = self.now.borrow();
        let (pause, end) = now.as_ref()?;
        let left_ms = end.since_ms(self.world.clock.mono());
        (left_ms > 0).then(|| (pause.clone(), left_ms))
    }

    /// Tells when something was said.
    pub fn watch(&self) -> watch::Receiver<Option<(Pause, MonoMs)>> {
        self.now.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_outlives_the_daemon_and_ends_by_itself_or_by_word() {
        let dir = tempfile::tempdir().unwrap();
        let world = World::real();
        let pauses = Pauses::open(&world, dir.path());
        assert_eq!(pauses.current(), None);
        assert_eq!(pauses.resume().unwrap(), None);
        let said = pauses.pause(600, "antenna".to_owned()).unwrap();
        let (found, left_ms) = Pauses::open(&world, dir.path()).current().unwrap();
        assert_eq!(found, said);
        assert!((590_000..=600_000).contains(&left_ms), "{left_ms}");
        pauses.pause(0, "over at once".to_owned()).unwrap();
        assert_eq!((pauses.current(), Pauses::open(&world, dir.path()).current()), (None, None));
        pauses.pause(600, "again".to_owned()).unwrap();
        assert_eq!(pauses.resume().unwrap().map(|p| p.why.0), Some("again".to_owned()));
        assert_eq!(Pauses::open(&world, dir.path()).current(), None);
    }

    #[test]
    fn a_clock_set_back_makes_no_pause_longer_and_a_torn_file_holds_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let world = World::real();
        let far = Pause { until: UnixMs(i64::MAX), for_s: 60, why: Private("x".to_owned()) };
        std::fs::write(dir.path().join(FILE), serde_json::to_vec(&far).unwrap()).unwrap();
        let (_, left_ms) = Pauses::open(&world, dir.path()).current().unwrap();
        assert!(left_ms <= 60_000, "{left_ms}");
        std::fs::write(dir.path().join(FILE), "{\"until\":").unwrap();
        assert_eq!(Pauses::open(&world, dir.path()).current(), None);
    }
}
