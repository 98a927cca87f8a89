//! Fourteen offices and HQ in simulated worlds: everything holds in all of them, and every planted
//! bug is caught by the invariant that it breaks.

use std::sync::LazyLock;

use wasl_tests::sim::{Bug, District, Outcome, Plan, campaign, simulate};

static DISTRICT: LazyLock<District> = LazyLock::new(District::new);

/// How many worlds each run of the tests goes through.
const SEEDS: u64 = 500;

/// A world waits for HQ's store now and then, so this is more than there are cores.
const THREADS: u64 = 4;

/// In how many worlds at most a planted bug must be caught.
const BUDGET: u64 = 200;

/// Seeds that failed once, one a line, with what each was.
const FAILED_ONCE: &str = include_str!("../seeds/sim.txt");

fn world(seed: u64, bug: Option<Bug>) -> Outcome {
    let restores = bug.is_some_and(Bug::needs_restores);
    simulate(&DISTRICT, &Plan { seed, restores, bug, ..Plan::default() })
}

fn told(outcome: &Outcome) -> String {
    let violations = outcome.violations.iter().map(|v| format!("{}: {}", v.invariant, v.what));
    let violations: Vec<_> = violations.collect();
    format!(
        "seed {}\n{}\n{}\nsee it: cargo run -p wasl-tests --bin sim -- --first {} --trace",
        outcome.seed,
        outcome.tail.join("\n"),
        violations.join("\n"),
        outcome.seed
    )
}

#[test]
fn seeds_that_failed_once_hold_now() {
    let seeds = FAILED_ONCE.lines().filter_map(|line| line.split_whitespace().next());
    for seed in seeds.filter(|word| !word.starts_with('#')) {
        let outcome = world(seed.parse().expect("a seed is a number"), None);
        assert!(outcome.violations.is_empty(), "{}", told(&outcome));
    }
}

#[test]
fn whatever_breaks_nothing_answered_is_lost_and_all_come_level() {
    let done = campaign(&DISTRICT, &Plan::default(), (1, SEEDS), THREADS);
    for (what, times) in &done.counted {
        println!("{what:<48} {times:>10}");
    }
    println!("{} worlds in {} s", done.worlds, done.took_s);
    let failed: Vec<String> = done.failed.iter().map(told).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
    assert_eq!(done.worlds, SEEDS);
    assert!(done.counted["enrollment answered"] > 5 * SEEDS, "people were busy");
}

#[test]
fn the_same_seed_twice_is_the_same_world() {
    for seed in 1..=10 {
        let (first, second) = (world(seed, None), world(seed, None));
        assert_eq!((first.trace, first.steps), (second.trace, second.steps), "seed {seed}");
    }
    assert_ne!(world(1, None).trace, world(2, None).trace);
}

/// In which world the bug was caught by the invariant that it breaks.
fn caught(bug: Bug) -> Option<u64> {
    (1..=BUDGET)
        .find(|seed| world(*seed, Some(bug)).violations.iter().any(|v| v.invariant == bug.breaks()))
}

#[test]
fn each_planted_bug_is_caught_by_the_invariant_that_it_breaks() {
    for bug in Bug::ALL {
        let seed = caught(bug);
        assert!(seed.is_some(), "{bug:?} was not caught in {BUDGET} worlds");
        println!("{bug:?} breaks {}: caught in world {}", bug.breaks(), seed.unwrap_or_default());
    }
}
