//! Half a session as a file: an office's bundle is taken in, and answered with a reply that is a file
//! too.
//!
//! Knows the store, and what a session asks of it; nothing of HTTP, nor of where the files are.

mod admit; // joining by file
mod import; // what an office's bundle says
mod reply; // what HQ says to it
mod report; // what came of it, for people

use crate::gateway::GatewayConfig;

pub use admit::{AdmitError, Admitted};
pub use import::{Import, ImportError};
pub use report::{BundleReport, JournalTaken, Lacking, ListedEntry, Reborn};

/// What bundles are taken in with. Cheap to clone.
#[derive(Clone)]
pub struct Bundles {
    /// What the gateway works with too.
    pub config: GatewayConfig,
}
