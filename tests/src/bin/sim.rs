//! `sim --seeds N`: lets that many simulated worlds happen, and says what was done to them and
//! whether anything did not hold.

use std::process::ExitCode;

use clap::Parser;
use wasl_tests::sim::{Campaign, District, Plan, campaign, simulate};

/// Simulated worlds: fourteen offices and HQ, from one seed each.
#[derive(Debug, Parser)]
struct Args {
    /// How many worlds.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// Disks are put back to earlier images of themselves, and copied.
    #[arg(long)]
    restores: bool,
    /// On how many threads.
    #[arg(long, default_value_t = 2)]
    threads: u64,
    /// Print the trace of the first seed alone, line by line, on stderr.
    #[arg(long)]
    trace: bool,
}

/// How many worlds go by between two lines.
const BLOCK: u64 = 500;

fn main() -> ExitCode {
    let args = Args::parse();
    let district = District::new();
    let plan = Plan { restores: args.restores, trace: args.trace, ..Plan::default() };
    if args.trace {
        let outcome = simulate(&district, &Plan { seed: args.first, ..plan });
        return if outcome.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let Campaign { worlds, counted, failed, took_s, .. } = in_blocks(&district, &plan, &args);
    println!("{:<48} {:>12}", "what was done", "how often");
    for (what, times) in &counted {
        println!("{what:<48} {times:>12}");
    }
    println!("\n{worlds} worlds in {took_s} s, {} with a violation", failed.len());
    for outcome in &failed {
        eprintln!("\nseed {}", outcome.seed);
        outcome.tail.iter().for_each(|line| eprintln!("{line}"));
        for violation in &outcome.violations {
            eprintln!("{}: {}", violation.invariant, violation.what);
        }
    }
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The whole campaign, which may take an hour: block by block, with a line on stderr after each, up
/// to the first block in which something did not hold.
fn in_blocks(district: &District, plan: &Plan, args: &Args) -> Campaign {
    let end = args.first + args.seeds;
    let mut all = Campaign::default();
    while all.failed.is_empty() && args.first + all.worlds < end {
        let first = args.first + all.worlds;
        all.add(campaign(district, plan, (first, BLOCK.min(end - first)), args.threads));
        eprintln!("{} worlds, {} with a violation", all.worlds, all.failed.len());
    }
    all
}
