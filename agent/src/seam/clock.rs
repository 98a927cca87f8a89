//! What time it is.

use std::time::{Instant, SystemTime};

use wasl_protocol::units::{MonoMs, UnixMs};

/// Two clocks: one for people, which may lie, and one that only goes forward.
pub trait Clock: Send + Sync {
    /// The wall clock. Shown and recorded; never decides anything.
    fn unix(&self) -> UnixMs;

    /// The monotonic clock, in nanoseconds from an arbitrary start.
    fn mono_ns(&self) -> u64;

    /// The monotonic clock in the session's unit.
    fn mono(&self) -> MonoMs {
        MonoMs(self.mono_ns() / 1_000_000)
    }
}

/// The system's clocks.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
    offset_ms: i64,
}

/// By how many seconds the wall clock is shown off, for tests of clocks that lie. It decides
/// nothing, as no wall clock does.
const OFFSET_S: &str = "WASL_CLOCK_OFFSET_S";

impl SystemClock {
    /// The system's clocks; the monotonic one starts now.
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
        let ms = |d: std::time::Duration| i64::try_from(d.as_millis()).unwrap_or(i64::MAX);
        let now = match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => ms(since),
            Err(before) => -ms(before.duration()),
        };
        UnixMs(now.saturating_add(self.offset_ms))
    }

    fn mono_ns(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}
