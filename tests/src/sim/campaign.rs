//! Many worlds, one after another on a few threads.

use std::collections::BTreeMap;
use std::thread;

use super::{District, Outcome, Plan, simulate};
use crate::clock;

/// What came of many worlds.
#[derive(Debug, Default)]
pub struct Campaign {
    /// How many there were.
    pub worlds: u64,
    /// What was done to them, and how often.
    pub counted: BTreeMap<&'static str, u64>,
    /// Those in which something did not hold, at most five.
    pub failed: Vec<Outcome>,
    /// How many things happened in them.
    pub steps: u64,
    /// How long they lasted in their own time, in milliseconds.
    pub simulated_ms: u64,
    /// How long they took, in seconds.
    pub took_s: u64,
}

impl Campaign {
    /// What came of these and of more worlds, one after another.
    pub fn add(&mut self, more: Self) {
        self.worlds += more.worlds;
        self.steps += more.steps;
        self.simulated_ms += more.simulated_ms;
        self.took_s += more.took_s;
        self.failed.extend(more.failed);
        for (what, times) in more.counted {
            *self.counted.entry(what).or_default() += times;
        }
    }
}

/// How many failures are kept for a report.
const KEPT: usize = 5;

/// Lets the worlds of these seeds happen, all after one plan: the first one, and how many.
///
/// # Panics
/// If a world does.
pub fn campaign(
    district: &District,
    plan: &Plan,
    (first, seeds): (u64, u64),
    threads: u64,
) -> Campaign {
    let began = clock::now();
    let threads = threads.max(1);
    let parts = thread::scope(|scope| {
        let part = |nth| {
            scope.spawn(move || {
                some(
                    district,
                    plan,
                    (first..first + seeds).skip(nth).step_by(usize::try_from(threads).unwrap_or(1)),
                )
            })
        };
        let parts: Vec<_> = (0..usize::try_from(threads).unwrap_or(1)).map(part).collect();
        let joined = parts.into_iter().map(|part| part.join().expect("no world panics"));
        joined.collect::<Vec<_>>()
    });
    let mut all = Campaign::default();
    for part in parts {
        all.add(part);
    }
    all.took_s = began.elapsed().as_secs();
    all.failed.sort_by_key(|outcome| outcome.seed);
    all
}

fn some(district: &District, plan: &Plan, seeds: impl Iterator<Item = u64>) -> Campaign {
    let mut some = Campaign::default();
    for seed in seeds {
        let outcome = simulate(district, &Plan { seed, ..plan.clone() });
        some.worlds += 1;
        some.steps += outcome.steps;
        some.simulated_ms += outcome.simulated_ms;
        for (what, times) in &outcome.counted {
            *some.counted.entry(what).or_default() += times;
        }
        if !outcome.violations.is_empty() {
            some.failed.push(outcome);
            if some.failed.len() >= KEPT {
                break;
            }
        }
    }
    some
}
