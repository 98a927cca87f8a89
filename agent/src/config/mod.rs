//! The config in force: which edition, which layers, and the way from one edition to the next.
//!
//! One task drives the pure machine of `protocol::edition` with the disk, the journal and the link.
//! Every edge reads its settings from one watch, live. Whatever goes wrong here, there is something
//! in force: at worst what is built in. Knows nothing of QUIC, of HTTP, or of what a setting does.

mod handle; // what the edges hold
mod in_force; // what the layers make together
mod slots; // editions on disk
mod silence; // for how long HQ has had nothing new to say
mod imports; // who brought an edition by hand, and waits
mod driver; // does what the machine wants

#[cfg(test)]
pub(crate) mod sample; // editions for tests
#[cfg(test)]
mod tests; // an office's real journal and slots, and the power cut

pub use driver::{Reach, Start};
pub use handle::{Config, ConfigError, ConfigFacts, ImportError};
pub use in_force::{EditionLayer, Explained, InForce, Layers};
