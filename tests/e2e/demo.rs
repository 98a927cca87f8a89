//! The demo: what it tells, and that it leaves nothing behind.

use crate::district::PATIENCE;
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;
use wasl_tests::clock;
use wasl_tests::process::{Daemon, finish};

/// The demo with its files below `dir`, once its offices run.
fn at_full_speed(dir: &Path, log: &Path) -> Daemon {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wasl-demo"));
    command.env("TMPDIR", dir);
    let demo = Daemon::start(command, log).unwrap();
    let runs = || demo.said().contains("14 offices have joined and run").then_some(());
    clock::until(PATIENCE, runs).unwrap_or_else(|| panic!("{}", demo.said()));
    assert_eq!(processes(dir), 15);
    demo
}

/// How many processes have a data dir below `dir` and serve.
fn processes(dir: &Path) -> usize {
    let dir = dir.to_str().unwrap();
    let all = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|e| fs::read(e.ok()?.path().join("cmdline")).ok());
    let ours = all.filter(|line| {
        let line = String::from_utf8_lossy(line);
        line.contains(dir) && line.contains("\0run\0")
    });
    ours.count()
}

#[test]
fn the_demo_shows_a_conflict_and_its_end_and_proves_that_all_ends_are_equal() {
    let dir = TempDir::new().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_wasl-demo"));
    command.env("TMPDIR", dir.path());
    let out = finish(command, b"").unwrap();
    let told = String::from_utf8(out.stderr).unwrap();
    let proven = String::from_utf8(out.stdout).unwrap();
    assert!(out.status.success(), "{told}\n{proven}");
    for said in [
        "wasl record set ",
        "wasl-hq record set ",
        "both ends show the conflict in contact; what differs: phone",
        "headquarters, clerk-1",
        "wasl-hq conflict resolve ",
        "the conflict is over at both ends",
    ] {
        assert_eq!(told.matches(said).count(), 1, "`{said}` is not once in\n{told}");
    }
    assert!(proven.contains("1344 are equal on both sides"), "{proven}");
    assert!(proven.contains("both values were kept"), "{proven}");
    assert_eq!(processes(dir.path()), 0);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_demo_that_is_interrupted_puts_everything_away() {
    let (dir, log) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let mut demo = at_full_speed(dir.path(), &log.path().join("log"));
    demo.ask_to_stop();
    let ended = clock::until(PATIENCE, || demo.ended()).expect("it ends");
    assert_eq!(ended.code(), Some(130));
    assert_eq!(processes(dir.path()), 0);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn no_process_survives_a_demo_that_is_killed() {
    let (dir, log) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    at_full_speed(dir.path(), &log.path().join("log")).kill();
    let gone = clock::until(PATIENCE, || (processes(dir.path()) == 0).then_some(()));
    assert!(gone.is_some(), "{} processes go on running", processes(dir.path()));
}
