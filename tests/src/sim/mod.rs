//! Worlds in one process: fourteen offices and HQ on the real protocol, engine, journal, fold, link
//! driver and HQ logic, with a simulated clock, disk, network and dice. One seed decides
//! everything: the same seed twice is the same world.
//!
//! First things break, and what must always hold is checked; then nothing breaks any more, and
//! both sides must come level within a bounded time. It knows nothing of QUIC, HTTP or sled: real
//! programs on real files are killed elsewhere.

mod bugs; // what is planted, to see that it is caught
mod dials; // how bad a world is
mod machine; // clocks that lie, and dice
mod disk; // a disk with two images
mod district; // fourteen offices that have joined
mod world; // what happens next
mod net; // links that lose, delay, cut
mod woe; // what has befallen an office
mod office; // one office: engine, driver, and who waits for them
mod session; // the office's end of a session
mod editions; // the office's config
mod hq; // headquarters: store and drivers
mod acts; // what people do
mod strikes; // what breaks
mod restores; // offices' disks that are put back
mod miscarriages; // journals that a planted bug has born wrong
mod rollbacks; // HQ's database put back
mod survivors; // what is still somewhere after that
mod oracle; // what people were answered
mod checks; // what must hold
mod campaign; // many worlds

use std::collections::BTreeMap;

pub use bugs::Bug;
pub use campaign::{Campaign, campaign};
pub use district::District;

/// What to simulate.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Decides everything.
    pub seed: u64,
    /// Are disks put back to earlier images of themselves?
    pub restores: bool,
    /// What is planted.
    pub bug: Option<Bug>,
    /// Is the trace to be printed, line by line, on stderr?
    pub trace: bool,
}

/// Something that must hold and does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The invariant's name: I1 to I13.
    pub invariant: &'static str,
    /// What was seen.
    pub what: String,
}

/// What came of a world.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// What did not hold.
    pub violations: Vec<Violation>,
    /// The hash of its trace.
    pub trace: [u8; 32],
    /// The last lines of its trace.
    pub tail: Vec<String>,
    /// What was done to it, and how often.
    pub counted: BTreeMap<&'static str, u64>,
    /// How many things happened.
    pub steps: u64,
    /// How long it lasted, in its own milliseconds.
    pub simulated_ms: u64,
}

/// Lets the world of this plan happen.
pub fn simulate(district: &District, plan: &Plan) -> Outcome {
    world::World::new(district, plan).run()
}
