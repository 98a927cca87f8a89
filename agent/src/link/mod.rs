//! QUIC to HQ: dial, join, pump, pace. Knows the engine by its handle and no other edge.

mod identity; // keys for names
mod dial; // from host:port to a connection
mod join; // the one conversation of a stranger
mod pace; // when to try again

pub use identity::{Credentials, IdentityError};
pub use join::{JoinError, Keys, join};
