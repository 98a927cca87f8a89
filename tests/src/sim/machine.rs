//! What a machine has of the world beside its disk: clocks that may lie, and dice.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use fastrand::Rng;
use wasl_protocol::units::{MonoMs, UnixMs};

/// When the simulation begins, in milliseconds since 1970: an autumn day of 2026.
const BEGINNING_MS: i64 = 1_790_000_000_000;

const NS_PER_MS: u64 = 1_000_000;

/// The true time, in milliseconds since the simulation began. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Time(Arc<AtomicU64>);

impl Time {
    pub(super) fn now_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, now_ms: u64) {
        self.0.store(now_ms, Ordering::Relaxed);
    }
}

/// A machine's clocks: the wall clock is off by `offset_ms` and both run off by `drift_ppm`.
#[derive(Clone, Debug)]
pub(super) struct SimClock {
    time: Time,
    offset_ms: Arc<AtomicI64>,
    drift_ppm: i64,
}

impl SimClock {
    pub(super) fn new(time: &Time, drift_ppm: i64) -> Self {
        Self { time: time.clone(), offset_ms: Arc::default(), drift_ppm }
    }

    /// The wall clock jumps.
    pub(super) fn jump(&self, by_ms: i64) {
        self.offset_ms.fetch_add(by_ms, Ordering::Relaxed);
    }

    /// What this machine takes for the time since the beginning, in milliseconds.
    pub(super) fn mono(&self) -> MonoMs {
        let now = i64::try_from(self.time.now_ms()).unwrap_or(i64::MAX);
        let drifted =
            now + now / 1_000_000 * self.drift_ppm + now % 1_000_000 * self.drift_ppm / 1_000_000;
        MonoMs(drifted.unsigned_abs())
    }

    pub(super) fn unix(&self) -> UnixMs {
        let mono = i64::try_from(self.mono().0).unwrap_or(i64::MAX);
        UnixMs(BEGINNING_MS + mono + self.offset_ms.load(Ordering::Relaxed))
    }
}

impl wasl_agent::seam::Clock for SimClock {
    fn unix(&self) -> UnixMs {
        self.unix()
    }

    fn mono_ns(&self) -> u64 {
        self.mono().0 * NS_PER_MS
    }
}

impl wasl_server_stub::seam::Clock for SimClock {
    fn unix(&self) -> UnixMs {
        self.unix()
    }

    fn mono(&self) -> MonoMs {
        self.mono()
    }
}

/// A machine's dice: the same for the same seed.
#[derive(Clone, Debug)]
pub(super) struct Dice(Arc<Mutex<Rng>>);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Rng::with_seed(seed))))
    }

    fn draw(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill(&mut bytes);
        bytes
    }
}

impl wasl_agent::seam::Entropy for Dice {
    fn random(&self) -> [u8; 32] {
        self.draw()
    }
}

impl wasl_server_stub::seam::Entropy for Dice {
    fn random(&self) -> [u8; 32] {
        self.draw()
    }
}
