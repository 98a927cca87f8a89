//! Half a session as a file, for weeks without a link: what HQ lacks goes out, HQ's reply comes in.
//!
//! Knows the engine and the config by their handles, and no other edge; nothing of HTTP, nor of
//! where the files are.

mod export; // the office's bundle
mod import; // HQ's reply

use std::fmt;

use wasl_protocol::id::OfficeId;
use wasl_protocol::keys::{SignKey, UnwrapKey, VerifyKey, WrapKey};

use crate::config::Config;
use crate::engine::Handle;
use crate::seam::World;

pub use export::{Export, ExportError, Exported};
pub use import::{Import, ImportError, Imported};

/// What bundles are made and read with. Cheap to clone.
#[derive(Clone)]
pub struct Bundles {
    /// Clock and entropy.
    pub world: World,
    /// The engine.
    pub handle: Handle,
    /// What is in force, and where editions go that HQ offers.
    pub config: Config,
    /// Our own id.
    pub office: OfficeId,
    /// Signs what goes out.
    pub sign_key: SignKey,
    /// Opens what is sealed to this office.
    pub unwrap_key: UnwrapKey,
    /// What HQ signs with.
    pub hq_sign_key: VerifyKey,
    /// To it is sealed what is for HQ.
    pub hq_wrap_key: WrapKey,
}

impl fmt::Debug for Bundles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bundles({})", self.office)
    }
}
