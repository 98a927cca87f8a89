//! One day at fourteen offices: everybody enrolls, some links are cut and restored, all is synced.

use super::board::{Board, Row};
use super::interrupt::Interrupt;
use super::proof::Posted;
use super::stages::{DemoError, Stage, check};
use crate::clock;
use crate::sample;
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// How long an operator takes from one enrollment to the next, in the demo.
const ENROLL_EVERY: Duration = Duration::from_millis(70);

/// How often the demo asks the daemons how they are.
const LOOK_EVERY: Duration = Duration::from_millis(150);

/// How many links are cut.
const CUT: usize = 5;

/// When the links are cut and restored, in percent of all enrollments.
const CUT_AT_PERCENT: u64 = 25;
const RESTORE_AT_PERCENT: u64 = 90;

/// How long the day may take until all is enrolled and synced.
const DAY_TIMEOUT: Duration = Duration::from_secs(150);

/// What the enrolling threads tell the one that draws.
struct Progress {
    enrolled: Vec<AtomicU64>,
    stop: AtomicBool,
    posted: Mutex<Vec<Posted>>,
}

/// Enrolls the sample at all offices at once, cuts links meanwhile, and waits until all is synced.
pub fn enroll(
    stage: &Stage,
    seed: u64,
    board: &mut Board,
    interrupt: &Interrupt,
) -> Result<Vec<Posted>, DemoError> {
    let progress = Progress {
        enrolled: stage.offices.iter().map(|_| AtomicU64::new(0)).collect(),
        stop: AtomicBool::new(false),
        posted: Mutex::default(),
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..stage.offices.len())
            .map(|office| {
                let (stage, progress) = (stage, &progress);
                scope.spawn(move || operators(stage, office, progress))
            })
            .collect();
        let watched = watch(stage, seed, &progress, board, interrupt);
        progress.stop.store(true, Ordering::Relaxed);
        let ended = threads.into_iter().map(|t| t.join().expect("enrolling does not panic"));
        let ended: Result<Vec<()>, DemoError> = ended.collect();
        ended.and(watched)
    })?;
    Ok(progress.posted.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Posts one office's lines through `wasl enroll`, at the pace of people, and keeps the answers.
fn operators(stage: &Stage, index: usize, progress: &Progress) -> Result<(), DemoError> {
    let office = &stage.offices[index];
    let lines = sample::lines_of(&office.id);
    let mut command = office.at.command(&["enroll", "-"]);
    // Its own progress bar would draw over the board.
    command.stderr(File::options().create(true).append(true).open(office.at.log())?);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let stdin = child.stdin.take().expect("stdin is piped");
    let answers = BufReader::new(child.stdout.take().expect("stdout is piped"));
    let answered = thread::scope(|scope| {
        scope.spawn(|| type_in(stdin, &lines, &progress.stop));
        let mut answered = 0;
        for (answer, line) in answers.lines().map_while(Result::ok).zip(&lines) {
            let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
            let Some(id) = answer["id"].as_str() else { break };
            let posted = Posted { office: index, id: id.to_string(), line: (*line).into() };
            progress.posted.lock().unwrap_or_else(PoisonError::into_inner).push(posted);
            progress.enrolled[index].fetch_add(1, Ordering::Relaxed);
            answered += 1;
        }
        answered
    });
    child.wait()?;
    if answered == lines.len() || progress.stop.load(Ordering::Relaxed) {
        return Ok(());
    }
    progress.stop.store(true, Ordering::Relaxed);
    Err(DemoError::Unanswered { office: office.id.clone(), answered, posted: lines.len() })
}

/// Types the lines in, until all are or the demo ends.
fn type_in(mut stdin: impl Write, lines: &[&str], stop: &AtomicBool) {
    for line in lines {
        if stop.load(Ordering::Relaxed) || writeln!(stdin, "{line}").is_err() {
            return;
        }
        thread::sleep(ENROLL_EVERY);
    }
}

/// Draws, cuts and restores, until every office says that it is synced.
fn watch(
    stage: &Stage,
    seed: u64,
    progress: &Progress,
    board: &mut Board,
    interrupt: &Interrupt,
) -> Result<(), DemoError> {
    let total = sample::lines().count() as u64;
    let names = sample::offices();
    let mut cuts = Cuts::by(seed, stage.offices.len());
    let end = clock::now() + DAY_TIMEOUT;
    loop {
        check(interrupt)?;
        let enrolled: u64 = progress.enrolled.iter().map(|n| n.load(Ordering::Relaxed)).sum();
        cuts.keep_to(enrolled * 100 / total, stage, &names, board);
        let (rows, unsynced) = look(stage, progress, &names)?;
        board.show(&rows);
        if enrolled == total && unsynced.is_empty() {
            return Ok(());
        }
        if progress.stop.load(Ordering::Relaxed) || clock::now() > end {
            return Err(DemoError::NotSynced(unsynced.join(", ")));
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// Which links are cut, and whether they are now.
struct Cuts {
    unlucky: Vec<usize>,
    cut: bool,
}

impl Cuts {
    fn by(seed: u64, offices: usize) -> Self {
        let mut dice = fastrand::Rng::with_seed(seed);
        Self { unlucky: dice.choose_multiple(0..offices, CUT), cut: false }
    }

    /// Cuts and restores when it is time.
    fn keep_to(&mut self, percent: u64, stage: &Stage, names: &[sample::Office], board: &Board) {
        let cut = (CUT_AT_PERCENT..RESTORE_AT_PERCENT).contains(&percent);
        if cut == self.cut {
            return;
        }
        self.cut = cut;
        for index in &self.unlucky {
            let link = &stage.offices[*index].link;
            if cut { link.cut() } else { link.restore() }
        }
        let who: Vec<_> = self.unlucky.iter().map(|i| names[*i].name_en.as_str()).collect();
        if cut {
            board.say(&format!("the links of {} are cut; they go on enrolling", who.join(", ")));
        } else {
            board.say("the links are restored");
        }
    }
}

/// How every office is, and the names of those that are not synced.
fn look(
    stage: &Stage,
    progress: &Progress,
    names: &[sample::Office],
) -> Result<(Vec<Row>, Vec<String>), DemoError> {
    let hq = stage.hq.at.status()?;
    let at_hq = |id: &str| {
        let offices = hq["offices"].as_array().into_iter().flatten();
        let office = offices.into_iter().find(|office| office["id"] == id);
        office.and_then(|office| office["records"].as_u64()).unwrap_or_default()
    };
    let mut rows = Vec::new();
    let mut unsynced = Vec::new();
    for ((office, name), enrolled) in stage.offices.iter().zip(names).zip(&progress.enrolled) {
        let status = office.at.status()?;
        let backlog = status["sync"]["backlog_records"].as_u64().unwrap_or_default();
        let link = status["link"]["state"].as_str().unwrap_or("?");
        if status["synced"] != true {
            unsynced.push(name.name_en.clone());
        }
        rows.push(Row {
            name_en: name.name_en.clone(),
            name_ar: name.name_ar.clone(),
            enrolled: enrolled.load(Ordering::Relaxed),
            at_hq: at_hq(&office.id),
            backlog,
            link: if office.link.is_cut() { "cut".to_string() } else { link.to_string() },
        });
    }
    Ok((rows, unsynced))
}
