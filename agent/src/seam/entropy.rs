//! Fresh random bytes.

use wasl_protocol::keys::Random;

/// A source of randomness fit for keys.
pub trait Entropy: Send + Sync {
    /// 32 bytes that nobody can guess.
    fn random(&self) -> Random;

    /// A random 64-bit id.
    fn random_u64(&self) -> u64 {
        let random = self.random();
        let first = random.first_chunk().expect("32 bytes hold 8");
        u64::from_le_bytes(*first)
    }
}

/// The system's generator.
#[derive(Debug)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    /// # Panics
    /// If the system has no randomness to give: nothing safe can be done then.
    #[expect(clippy::disallowed_methods, reason = "the seam is where randomness is read")]
    fn random(&self) -> Random {
        let mut random = [0; 32];
        getrandom::fill(&mut random).expect("the system's generator works");
        random
    }
}
