//! How bad this world is: drawn once from its seed.

use fastrand::Rng;

use super::bugs::Bug;

/// The dials of one world.
#[derive(Clone, Debug)]
pub(super) struct Dials {
    /// How long things break, in milliseconds.
    pub(super) faults_ms: u64,
    /// How many things people do meanwhile.
    pub(super) acts: usize,
    /// How many things break.
    pub(super) strikes: usize,
    /// The one-way delay of the links, in milliseconds.
    pub(super) delay_ms: u64,
    /// How much more of it there may be, piece by piece.
    pub(super) jitter_ms: u64,
    /// Of a thousand pieces, how many are lost and sent again.
    pub(super) loss_pm: u64,
    /// How long a retransmission takes, in milliseconds.
    pub(super) again_ms: u64,
    /// The most milliseconds that a sync of an office takes.
    pub(super) sync_ms: u64,
    /// The most milliseconds that a transaction of HQ's takes.
    pub(super) commit_ms: u64,
    /// How far clocks run off, in parts per million.
    pub(super) drift_ppm: i64,
    /// Of a thousand messages, how many are followed by one of a kind that nobody knows.
    pub(super) newer_pm: u64,
}

impl Dials {
    pub(super) fn draw(dice: &mut Rng, bug: Option<Bug>) -> Self {
        let mut dials = Self {
            faults_ms: dice.u64(20_000..120_000),
            acts: dice.usize(20..60),
            strikes: dice.usize(0..16),
            delay_ms: [1, 20, 150, 300][dice.usize(..4)],
            jitter_ms: [0, 5, 100][dice.usize(..3)],
            loss_pm: [0, 10, 50, 200][dice.usize(..4)],
            again_ms: dice.u64(50..2_000),
            sync_ms: [1, 10, 10, 400][dice.usize(..4)],
            commit_ms: [1, 10, 100][dice.usize(..3)],
            drift_ppm: [0, 50, 500, -500][dice.usize(..4)],
            newer_pm: [0, 0, 20][dice.usize(..3)],
        };
        if bug.is_some() {
            // A world in which a bug is looked for is one in which much breaks.
            (dials.acts, dials.strikes) = (60, 16);
        }
        dials
    }
}
