//! The view is a shadow: gone, cut short or garbage, it is made again from the journal.

use crate::district::{District, enroll, synced};
use std::fs;
use std::path::{Path, PathBuf};
use wasl_tests::fleet::Office;

/// Does `harm` to the view of a stopped office; nothing may be missing afterwards. Answers what the
/// daemon said when it started again.
fn survives(harm: impl Fn(&Path)) -> String {
    let district = District::new();
    let mut office = district.office("nasr");
    enroll(&office, 0..200);
    synced(&office);
    let enrolled = enroll(&office, 0..200).ids();
    assert!(office.at.stop());
    let before = fs::read(office.at.log()).unwrap().len();
    let view = office.at.dir().join("view");
    assert!(!files(&view).is_empty());
    harm(&view);
    office.at.run().unwrap();
    assert_eq!(district.agree(&office), enrolled);
    let again = enroll(&office, 0..201);
    assert!(again.answers[..200].iter().all(|answer| answer["duplicate"] == true));
    assert_eq!(district.agree(&office).len(), 201);
    said_since(&office, before)
}

fn said_since(office: &Office, bytes: usize) -> String {
    String::from_utf8_lossy(&fs::read(office.at.log()).unwrap()[bytes..]).into_owned()
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_view_that_is_gone_is_made_again() {
    let said = survives(|view| fs::remove_dir_all(view).unwrap());
    assert!(said.contains("view"), "{said}");
}

#[test]
fn a_view_cut_short_is_made_again() {
    let said = survives(|view| {
        for file in files(view) {
            let half = fs::metadata(&file).unwrap().len() / 2;
            fs::File::options().write(true).open(&file).unwrap().set_len(half).unwrap();
        }
    });
    assert!(said.contains("view"), "{said}");
}

#[test]
fn a_view_full_of_garbage_is_made_again() {
    let said = survives(|view| {
        let mut dice = fastrand::Rng::with_seed(11);
        for file in files(view) {
            let mut bytes = fs::read(&file).unwrap();
            dice.fill(&mut bytes);
            fs::write(&file, bytes).unwrap();
        }
    });
    assert!(said.contains("view"), "{said}");
}

#[test]
fn an_office_that_was_stopped_properly_does_not_rebuild() {
    let said = survives(|_| {});
    assert!(!said.contains("rebuil"), "{said}");
}

#[test]
fn a_view_thrown_away_by_command_is_made_again() {
    let district = District::new();
    let mut office = district.office("nasr");
    let enrolled = enroll(&office, 0..50).ids();
    let while_it_runs = office.at.output(&["journal", "rebuild-view"], b"").unwrap();
    assert!(!while_it_runs.status.success());
    assert!(office.at.stop());
    office.at.call(&["journal", "rebuild-view"]).unwrap();
    office.at.run().unwrap();
    assert_eq!(district.agree(&office), enrolled);
}
