//! How an office learns at once that HQ was killed and is back: a stateless reset (RFC 9000,
//! section 10.3) for each connection that this life of HQ does not know.
//!
//! The key must outlive the process, so it follows from HQ's transport secret; and connection ids
//! must not carry a mark of the process that made them, so they are plain randomness. Knows nothing
//! of offices.

use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::{CryptoError, HmacKey};
use quinn::{ConnectionId, ConnectionIdGenerator, EndpointConfig};

use crate::seam::World;

/// The endpoint's settings.
pub(super) fn endpoint_config(transport_secret: &[u8; 32], world: &World) -> EndpointConfig {
    let key = ResetKey(blake3::derive_key(CONTEXT, transport_secret));
    let mut config = EndpointConfig::new(Arc::new(key));
    let world = world.clone();
    config.cid_generator(move || Box::new(RandomIds(world.clone())));
    config
}

struct ResetKey([u8; 32]);

impl HmacKey for ResetKey {
    fn sign(&self, data: &[u8], out: &mut [u8]) {
        let mut h = blake3::Hasher::new_keyed(&self.0);
        h.update(data).finalize_xof().fill(out);
    }

    fn signature_len(&self) -> usize {
        blake3::OUT_LEN
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        let right = blake3::keyed_hash(&self.0, data);
        // blake3::Hash compares in constant time.
        let given = blake3::Hash::from_slice(signature).map_err(|_| CryptoError)?;
        if right == given { Ok(()) } else { Err(CryptoError) }
    }
}

struct RandomIds(World);

impl ConnectionIdGenerator for RandomIds {
    fn generate_cid(&mut self) -> ConnectionId {
        ConnectionId::new(&self.0.entropy.random()[..ID_BYTES])
    }

    fn cid_len(&self) -> usize {
        ID_BYTES
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

const ID_BYTES: usize = 8;

const CONTEXT: &str = "wasl-hq 2026 stateless reset key";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_key_signs_the_same_in_each_life_and_another_differently() {
        let (key, same, other) = (ResetKey([1; 32]), ResetKey([1; 32]), ResetKey([2; 32]));
        let mut signature = [0; blake3::OUT_LEN];
        key.sign(b"connection", &mut signature);
        same.verify(b"connection", &signature).unwrap();
        assert!(same.verify(b"another", &signature).is_err());
        assert!(other.verify(b"connection", &signature).is_err());
        assert!(same.verify(b"connection", &signature[1..]).is_err());
    }
}
