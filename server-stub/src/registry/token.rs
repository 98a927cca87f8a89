//! Join tokens: HQ gives out a secret and keeps only its hash.

use wasl_protocol::id::OfficeId;
use wasl_protocol::join::{JoinToken, TransportKey};
use wasl_protocol::units::UnixMs;

use crate::seam::World;

/// How long a token is good for, by HQ's clock, in milliseconds.
pub const TOKEN_LIFE_MS: i64 = 24 * 60 * 60 * 1000;

/// What HQ keeps of a token's secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretHash(pub [u8; 32]);

impl SecretHash {
    /// The hash of a token's secret.
    pub fn of(secret: &[u8; 16]) -> Self {
        let mut h = blake3::Hasher::new();
        h.update(b"wasl join secret/1\0").update(secret);
        Self(*h.finalize().as_bytes())
    }
}

/// A token to give out, and what HQ keeps of it.
pub struct Minted {
    /// For the office.
    pub token: JoinToken,
    /// For the registry.
    pub hash: SecretHash,
    /// Until when it is good.
    pub expires_at: UnixMs,
}

/// A fresh token for `office`, which finds HQ at `endpoint` and knows it by `hq`.
pub fn mint(office: OfficeId, hq: TransportKey, endpoint: String, world: &World) -> Minted {
    let random = world.entropy.random();
    let mut secret = [0; 16];
    secret.copy_from_slice(&random[..16]);
    Minted {
        token: JoinToken { office, hq, endpoints: vec![endpoint], secret },
        hash: SecretHash::of(&secret),
        expires_at: UnixMs(world.clock.unix().0 + TOKEN_LIFE_MS),
    }
}
