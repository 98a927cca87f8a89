//! The world: clock, entropy, and files that must not be lost.
//!
//! It knows nothing of what they are for.

mod file; // files that are whole and fsynced, or not there

use std::fmt;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use wasl_protocol::units::{MonoMs, UnixMs};

pub use file::{replace, sync_folder, write_new};

/// What time it is.
pub trait Clock: Send + Sync {
    /// By the wall clock, which may be wrong or step.
    fn unix(&self) -> UnixMs;
    /// By a clock that only goes forward, from an arbitrary start.
    fn mono(&self) -> MonoMs;
    /// The same in nanoseconds, where the clock is that fine.
    fn mono_ns(&self) -> u64 {
        self.mono().0.saturating_mul(NS_PER_MS)
    }
}

const NS_PER_MS: u64 = 1_000_000;

/// Where randomness comes from.
pub trait Entropy: Send + Sync {
    /// 32 bytes that nobody can guess.
    fn random(&self) -> [u8; 32];
}

/// Clock and entropy in one. Cheap to clone.
#[derive(Clone)]
pub struct World {
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The entropy.
    pub entropy: Arc<dyn Entropy>,
}

impl World {
    /// The machine's own clock and entropy.
    pub fn real() -> Self {
        Self { clock: Arc::new(SystemClock::new()), entropy: Arc::new(SystemEntropy) }
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("World")
    }
}

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
    offset_ms: i64,
}

/// By how many seconds the wall clock is shown off, for tests of clocks that lie. It decides
/// nothing, as no wall clock does.
const OFFSET_S: &str = "WASL_CLOCK_OFFSET_S";

impl SystemClock {
    /// A clock whose monotonic time starts now.
    #[expect(clippy::disallowed_methods, reason = "the seam is where the clock is read")]
    pub fn new() -> Self {
        let offset_s = std::env::var(OFFSET_S).ok().and_then(|s| s.parse::<i64>().ok());
        Self { start: Instant::now(), offset_ms: offset_s.unwrap_or(0).saturating_mul(1000) }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the seam is where the clock is read")]
    fn unix(&self) -> UnixMs {
        let millis = |d: std::time::Duration| i64::try_from(d.as_millis()).unwrap_or(i64::MAX);
        let now = match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => millis(after),
            Err(before) => -millis(before.duration()),
        };
        UnixMs(now.saturating_add(self.offset_ms))
    }

    fn mono(&self) -> MonoMs {
        MonoMs(u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    fn mono_ns(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// The operating system's entropy.
#[derive(Debug)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    /// # Panics
    /// If the operating system has none: nothing can be done safely without it.
    #[expect(clippy::disallowed_methods, reason = "the seam is where randomness is drawn")]
    fn random(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).expect("the operating system gives entropy");
        bytes
    }
}
