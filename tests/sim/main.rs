//! Worlds in one process, driven by a seed, on the real protocol.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod world; // one record at some offices and HQ, and an oracle
mod lives; // offices that are restored, or run twice
mod records; // one record at four replicas, against explicit causal histories
mod worlds; // fourteen offices and HQ
