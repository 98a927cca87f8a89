//! Crashes of the real programs, as many as asked for: `crash office-power --times 300`.

use clap::{Parser, ValueEnum};
use std::process::ExitCode;
use wasl_tests::crash::{Campaign, Victim, run};
use wasl_tests::process::Binary;

/// Power cuts and kills of the real programs, and what must hold after each.
#[derive(Parser)]
struct Args {
    /// What crashes, and how.
    what: What,
    /// How often.
    #[arg(long, default_value_t = 30)]
    times: u64,
    /// What chooses the moments.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// The office's power fails.
    OfficePower,
    /// HQ's power fails.
    HqPower,
    /// Both fail at once.
    BothPower,
    /// The office's power fails, and its disk had lied: this must be found out.
    OfficeLiedTo,
    /// `kill -9` of the office's daemon.
    OfficeKill,
    /// `kill -9` of HQ's daemon.
    HqKill,
}

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().collect();
    wasl_tests::programs::called_as(&args).unwrap_or_else(|| crash(&Args::parse_from(args)))
}

fn crash(args: &Args) -> ExitCode {
    let campaign = match args.what {
        What::OfficePower => Campaign::Power(Victim::Office),
        What::HqPower => Campaign::Power(Victim::Hq),
        What::BothPower => Campaign::Power(Victim::Both),
        What::OfficeLiedTo => Campaign::Power(Victim::OfficeLiedTo),
        What::OfficeKill => Campaign::KillOffice,
        What::HqKill => Campaign::KillHq,
    };
    let bar = indicatif::ProgressBar::new(args.times);
    let done = std::env::current_exe().map_err(Into::into).and_then(|own| {
        let of = (args.times, args.seed);
        run(&Binary::at(own), campaign, of, |done| bar.set_position(done))
    });
    bar.finish_and_clear();
    match done {
        Err(e) => {
            eprintln!("error: the campaign did not run: {e}");
            ExitCode::FAILURE
        }
        Ok(outcome) => {
            for wrong in &outcome.wrong {
                println!("!! {wrong}");
            }
            let (crashes, answered) = (outcome.crashes, outcome.answered);
            let (wrong, took_s) = (outcome.wrong.len(), outcome.took.as_secs());
            println!(
                "{crashes} crashes, {answered} answered enrollments, {wrong} wrong, {took_s} s"
            );
            if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
    }
}
