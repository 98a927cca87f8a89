//! Every input that is kept, and what follows from it by small changes, from a fixed seed.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use fastrand::Rng;

use super::{TARGETS, Target, target};

/// How many changed inputs each target is given. A fuzzer tries as many in a second.
const CHANGED: usize = 2_000;

/// The same for the target whose every input writes whole segments.
const CHANGED_JOURNALS: usize = 150;

/// The longest changed input, in bytes.
const LONGEST_BYTES: usize = 64 * 1024;

pub(super) fn corpora() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpora")
}

/// The inputs that are kept for a target, with their names, in order.
fn kept(target: Target) -> Vec<(String, Vec<u8>)> {
    let folder = corpora().join(target.name);
    let mut all: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into(), fs::read(path).unwrap()))
        .collect();
    all.sort();
    all
}

/// Runs one input; says which it was if something does not hold.
fn try_one(target: Target, input: &[u8], what: &str) {
    if catch_unwind(AssertUnwindSafe(|| (target.run)(input))).is_err() {
        let path = std::env::temp_dir().join(format!("wasl-hostile-{}", target.name));
        fs::write(&path, input).unwrap();
        panic!("{}: {what}: the input is in {}", target.name, path.display());
    }
}

/// One small change, or a few.
fn change(input: &mut Vec<u8>, other: &[u8], dice: &mut Rng) {
    for _ in 0..dice.usize(1..=4) {
        let at = dice.usize(..=input.len());
        match dice.u8(0..8) {
            0 if at < input.len() => input[at] ^= 1 << dice.u8(0..8),
            1 if at < input.len() => {
                input[at] = *dice.choice(&[0, 1, 0x7f, 0x80, 250, 251, 253, 255]).unwrap();
            }
            2 if at < input.len() => input[at] = dice.u8(..),
            3 => input.insert(at, dice.u8(..)),
            4 => input.truncate(at),
            5 => drop(input.drain(at..(at + dice.usize(..16)).min(input.len()))),
            6 => {
                let end = (at + dice.usize(..64)).min(input.len());
                let twice = input[at..end].to_vec();
                input.splice(at..at, twice);
            }
            7 if !other.is_empty() => {
                let from = dice.usize(..other.len());
                let end = (from + dice.usize(1..128)).min(other.len());
                input.splice(at..at, other[from..end].iter().copied());
            }
            _ => {}
        }
    }
    input.truncate(LONGEST_BYTES);
}

fn replay(name: &str, changed: usize) {
    let target = target(name);
    let kept = kept(target);
    assert!(!kept.is_empty(), "{name}: no input is kept");
    (target.run)(b"");
    for (name, input) in &kept {
        try_one(target, input, name);
    }
    let mut dice = Rng::with_seed(7);
    for n in 0..changed {
        let mut input = dice.choice(&kept).unwrap().1.clone();
        let other = &dice.choice(&kept).unwrap().1;
        change(&mut input, other, &mut dice);
        try_one(target, &input, &format!("change {n}"));
    }
}

#[test]
fn every_target_has_a_corpus_and_every_corpus_a_target() {
    let folders = fs::read_dir(corpora()).unwrap().map(|entry| entry.unwrap().file_name());
    let mut folders: Vec<String> = folders.map(|name| name.into_string().unwrap()).collect();
    let mut names = TARGETS.map(|target| target.name.to_owned()).to_vec();
    folders.sort();
    names.sort();
    assert_eq!(folders, names);
}

#[test]
fn a_frame_of_any_bytes_is_refused_or_has_one_meaning() {
    replay("frame", CHANGED);
}

#[test]
fn a_message_of_any_bytes_is_refused_or_has_one_meaning() {
    replay("message", CHANGED);
}

#[test]
fn a_record_of_any_bytes_is_refused_or_merges_by_the_laws() {
    replay("state", CHANGED);
}

#[test]
fn an_edition_of_any_bytes_is_refused_or_allowed() {
    replay("edition", CHANGED);
}

#[test]
fn a_token_of_any_text_is_refused_or_says_the_same_printed() {
    replay("token", CHANGED);
}

#[test]
fn a_bundle_of_any_bytes_is_refused_or_the_same_however_it_comes() {
    replay("bundle", CHANGED);
}

#[test]
fn an_enrollment_of_any_text_is_refused_at_the_door_or_never_held() {
    replay("enrollment", CHANGED);
}

#[test]
fn a_segment_of_any_bytes_is_refused_untouched_or_read_whole() {
    replay("journal", CHANGED_JOURNALS);
}

#[test]
fn a_session_of_any_inputs_stays_bounded_and_awake_until_it_ends() {
    replay("session", CHANGED);
}
