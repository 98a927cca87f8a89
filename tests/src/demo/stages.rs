//! The acts of the demo, one behind the other.

use super::Options;
use super::board::Board;
use super::interrupt::Interrupt;
use super::proof::Proven;
use super::{day, hands, proof, summary};
use crate::clock;
use crate::fleet::{FleetError, Hq, Office};
use crate::process::{Binary, ProcessError};
use crate::sample;
use crate::wire::Wires;
use std::path::Path;
use std::thread;
use std::time::Duration;

/// How often a demo that goes on running looks whether it should end.
const LISTEN_EVERY: Duration = Duration::from_millis(100);

/// How many offices join at once.
const JOIN_AT_ONCE: usize = 4;

/// Why the demo did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// Somebody pressed Ctrl-C.
    #[error("interrupted")]
    Interrupted,
    /// The fleet.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// A process.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A file or socket.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// An enrollment was not answered.
    #[error("{office}: {answered} of {posted} enrollments were answered")]
    Unanswered {
        /// Where.
        office: String,
        /// How many were.
        answered: usize,
        /// How many should have been.
        posted: usize,
    },
    /// Not synced in time.
    #[error("not synced in time: {0}")]
    NotSynced(String),
    /// What was to be proven is not so.
    #[error("HQ and the offices differ: {0}")]
    Different(String),
    /// The conflict did not come, or did not end.
    #[error("two hands on one record: {0}")]
    Story(String),
}

/// Everything that runs. Dropped in this order: offices, HQ, links, files.
pub struct Stage {
    /// The fourteen.
    pub offices: Vec<Office>,
    /// Headquarters.
    pub hq: Hq,
    /// What carries the offices' links.
    _wires: Wires,
    /// Where all of it lies.
    pub dir: tempfile::TempDir,
}

/// Plays the demo.
pub fn play(options: &Options) -> Result<(), DemoError> {
    let started = clock::now();
    let interrupt = Interrupt::listen()?;
    let mut board = Board::new((sample::lines().count() / sample::offices().len()) as u64);
    let mut stage = set_up(&board, &interrupt)?;
    let mut posted = day::enroll(&stage, options.seed, &mut board, &interrupt)?;
    board.clear();
    board.say("every office says that it is synced; comparing every record with HQ's");
    let proven = proof::compare(&stage.hq, &stage.offices, &posted)?;
    summary::print_offices(&stage, &posted, &proven);
    refute(&proven, posted.len())?;
    let story = hands::tell(&stage, &mut posted, options.seed, (&board, &interrupt))?;
    board.say("comparing every record again");
    let proven = proof::compare(&stage.hq, &stage.offices, &posted)?;
    refute(&proven, posted.len())?;
    summary::print(&stage, (&posted, &proven), &story, started.elapsed())?;
    if options.keep {
        summary::print_what_to_try(&stage)?;
        while !interrupt.asked() {
            thread::sleep(LISTEN_EVERY);
        }
    }
    strike(&mut stage);
    Ok(())
}

/// Ends the demo if this does not prove that all ends are equal.
fn refute(proven: &[Proven], expected: usize) -> Result<(), DemoError> {
    proof::refuted(proven, expected).map_or(Ok(()), |why| Err(DemoError::Different(why)))
}

/// Stops the offices, all at once, then HQ. The files go with the stage.
fn strike(stage: &mut Stage) {
    for office in &mut stage.offices {
        office.at.ask_to_stop();
    }
    for office in &mut stage.offices {
        office.at.stop();
    }
    stage.hq.at.stop();
}

/// Ends the demo if somebody asked for it.
pub fn check(interrupt: &Interrupt) -> Result<(), DemoError> {
    if interrupt.asked() { Err(DemoError::Interrupted) } else { Ok(()) }
}

/// Starts HQ and the offices.
fn set_up(board: &Board, interrupt: &Interrupt) -> Result<Stage, DemoError> {
    let binary = Binary::at(std::env::current_exe()?);
    let dir = tempfile::Builder::new().prefix("wasl-demo-").tempdir()?;
    let wires = Wires::new()?;
    let mut hq = Hq::init(&binary, dir.path(), "hq")?;
    hq.at.run()?;
    board.say(&format!("headquarters listens on {}", hq.address()));
    let sample = sample::offices();
    let mut offices = Vec::new();
    for (turn, some) in sample.chunks(JOIN_AT_ONCE).enumerate() {
        check(interrupt)?;
        let joined = thread::scope(|scope| {
            let join = |(place, office)| {
                let seed = (turn * JOIN_AT_ONCE + place) as u64;
                join(&binary, dir.path(), &hq, &wires, (office, seed))
            };
            let threads: Vec<_> =
                some.iter().enumerate().map(|one| scope.spawn(move || join(one))).collect();
            threads.into_iter().map(|t| t.join().expect("joining does not panic")).collect()
        });
        let joined: Result<Vec<Office>, FleetError> = joined;
        offices.extend(joined?);
    }
    for office in &mut offices {
        office.at.start()?;
    }
    for office in &mut offices {
        check(interrupt)?;
        office.at.ready()?;
    }
    board.say(&format!("{} offices have joined and run", offices.len()));
    Ok(Stage { offices, hq, _wires: wires, dir })
}

fn join(
    binary: &Binary,
    root: &Path,
    hq: &Hq,
    wires: &Wires,
    (office, seed): (&sample::Office, u64),
) -> Result<Office, FleetError> {
    let token = hq.add(office)?;
    let link = wires.link(hq.address(), seed)?;
    Office::join(binary, root, token, link)
}
