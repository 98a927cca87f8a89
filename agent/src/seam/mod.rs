//! The world as the agent sees it: clock, entropy, disk. The only room that asks the system for
//! the time or for randomness; everyone else is handed a [`World`], so that a simulator can hand
//! out another one. Knows nothing of offices, journals or links.

mod clock; // what time it is
mod disk; // files that can be made durable
mod entropy; // fresh random bytes
mod lock; // one daemon for each data dir
mod memory; // what a burst took, given back

use std::fmt;
use std::sync::Arc;

pub use clock::{Clock, SystemClock};
pub use disk::{Disk, DiskFile, RealDisk, lacks_descriptors, read_whole, replace};
pub use entropy::{Entropy, SystemEntropy};
pub use lock::{DirLock, LockError};
pub use memory::{give_back, keep_little};

/// Clock, entropy and disk in one bundle. Cheap to clone.
#[derive(Clone)]
pub struct World {
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Fresh random bytes.
    pub entropy: Arc<dyn Entropy>,
    /// Files.
    pub disk: Arc<dyn Disk>,
}

impl World {
    /// The real world.
    pub fn real() -> Self {
        Self {
            clock: Arc::new(SystemClock::new()),
            entropy: Arc::new(SystemEntropy),
            disk: Arc::new(RealDisk),
        }
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("World")
    }
}
