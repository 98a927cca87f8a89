//! Who is who: HQ's own keys, and the tokens by which offices become known.
//!
//! It knows nothing of SQL (what is known of each office lies in `store`) nor of connections.

mod keys; // HQ's keys
mod token; // join tokens

pub use keys::{ConfigSecret, HqKeys, KEYS_FILE, RegistryError};
pub use token::{Minted, SecretHash, TOKEN_LIFE_MS, mint};
