//! Many crashes, counted.

use super::kill::kill;
use super::power::Recording;
pub use super::power::Victim;
use super::{CrashError, must};
use crate::clock;
use crate::process::Binary;
use std::time::Duration;

/// How many cuts are taken of one recorded day.
const CUTS_A_DAY: u64 = 15;

/// What is done, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Campaign {
    /// Power cuts.
    Power(Victim),
    /// `kill -9` of the office's daemon.
    KillOffice,
    /// `kill -9` of HQ's daemon.
    KillHq,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// How many crashes there were.
    pub crashes: u64,
    /// How many enrollments were answered before them, in all recorded days.
    pub answered: usize,
    /// How long it took.
    pub took: Duration,
    /// What went wrong.
    pub wrong: Vec<CrashError>,
}

/// Runs a campaign of so many crashes; `progress` hears how many there were so far.
pub fn run(
    binary: &Binary,
    campaign: Campaign,
    (crashes, seed): (u64, u64),
    mut progress: impl FnMut(u64),
) -> Result<Outcome, CrashError> {
    let begun = clock::now();
    let mut outcome = Outcome { crashes: 0, answered: 0, took: Duration::ZERO, wrong: Vec::new() };
    match campaign {
        Campaign::Power(victim) => {
            cuts(binary, victim, (crashes, seed), |done, answered, wrong| {
                outcome.crashes = done;
                outcome.answered += answered;
                outcome.wrong.extend(wrong);
                progress(done);
            })?;
        }
        Campaign::KillOffice | Campaign::KillHq => {
            match kill(binary, campaign == Campaign::KillOffice, crashes, seed) {
                Ok(answered) => outcome.answered = answered,
                Err(e) => outcome.wrong.push(e),
            }
            outcome.crashes = crashes;
        }
    }
    outcome.took = clock::now() - begun;
    Ok(outcome)
}

fn cuts(
    binary: &Binary,
    victim: Victim,
    (crashes, seed): (u64, u64),
    mut tell: impl FnMut(u64, usize, Option<CrashError>),
) -> Result<(), CrashError> {
    let mut dice = fastrand::Rng::with_seed(seed);
    let mut done = 0;
    while done < crashes {
        let day = Recording::make(binary, dice.u64(..))?;
        let enough = "the load of a day is worth cutting";
        must(day.answered() > 10, enough, || format!("{} answers", day.answered()))?;
        let mut answered = day.answered();
        for _ in 0..CUTS_A_DAY.min(crashes - done) {
            let (at, seed) = (day.moment(&mut dice), dice.u64(..));
            let wrong = day.cut(victim, at, seed).err();
            done += 1;
            tell(done, std::mem::take(&mut answered), wrong);
        }
    }
    Ok(())
}
