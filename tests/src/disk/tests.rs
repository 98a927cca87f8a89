use super::*;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;

/// How many cuts a claim is held against.
const CUTS: u64 = 300;

/// A small program that keeps one note, answers whoever asked, and may be careless.
struct Notes {
    syncs_file: bool,
    syncs_folder: bool,
    renames: bool,
}

const CAREFUL: Notes = Notes { syncs_file: true, syncs_folder: true, renames: true };

impl Notes {
    /// Keeps `text` as the note; it has answered when this returns.
    fn keep(&self, dir: &Path, text: &str) {
        let (note, aside) = (dir.join("note"), dir.join("note.new"));
        let path = if self.renames { &aside } else { &note };
        let mut file = File::create(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        if self.syncs_file {
            file.sync_data().unwrap();
        }
        if self.renames {
            fs::rename(&aside, &note).unwrap();
        }
        if self.syncs_folder {
            File::open(dir).unwrap().sync_all().unwrap();
        }
    }
}

/// How many of the cuts at random moments lose a note that was answered before, or bring back
/// something that nobody wrote.
fn lost(program: &Notes) -> Option<u64> {
    let disk = mount_or_say("a power cut under a small program")?;
    let texts = ["first".repeat(300), "second".repeat(300), "third".repeat(400)];
    let mut answered = vec![(disk.now(), None)];
    for text in &texts {
        program.keep(disk.dir(), text);
        answered.push((disk.now(), Some(text)));
    }
    let log = disk.log();
    let mut dice = fastrand::Rng::with_seed(1);
    let wrong = |seed: &u64| {
        let at = Moment(dice.usize(0..=log.now().0));
        let known = answered.iter().rposition(|(when, _)| *when <= at).unwrap();
        let found = note_after(&log, &Cut::of_all(at, *seed));
        let may = &answered[known..(known + 2).min(answered.len())];
        !may.iter().any(|(_, text)| text.map(String::as_str) == found.as_deref())
    };
    Some((0..CUTS).filter(wrong).count() as u64)
}

fn note_after(log: &Log, cut: &Cut) -> Option<String> {
    let into = tempfile::tempdir().unwrap();
    image(log, cut, into.path()).unwrap();
    let bytes = fs::read(into.path().join("note")).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[test]
fn a_program_that_syncs_what_it_must_loses_nothing() {
    assert_eq!(lost(&CAREFUL).unwrap_or(0), 0);
}

#[test]
fn a_program_that_forgets_to_sync_its_file_is_caught() {
    let Some(lost) = lost(&Notes { syncs_file: false, ..CAREFUL }) else { return };
    assert!(lost > CUTS / 20, "{lost} of {CUTS}");
}

#[test]
fn a_program_that_forgets_to_sync_the_folder_is_caught() {
    let Some(lost) = lost(&Notes { syncs_folder: false, ..CAREFUL }) else { return };
    assert!(lost > CUTS / 20, "{lost} of {CUTS}");
}

#[test]
fn a_program_that_writes_over_its_only_copy_is_caught() {
    let Some(lost) = lost(&Notes { renames: false, ..CAREFUL }) else { return };
    assert!(lost > CUTS / 20, "{lost} of {CUTS}");
}

#[test]
fn the_same_cut_leaves_the_same_disk() {
    let Some(disk) = mount_or_say("the same cut twice") else { return };
    let file = File::create(disk.dir().join("note")).unwrap();
    for sector in 0..64 {
        file.write_all_at(&[sector; 700], u64::from(sector) * 300).unwrap();
    }
    let log = disk.log();
    for seed in 0..CUTS {
        let cut = Cut::of_all(log.now(), seed);
        assert_eq!(note_after(&log, &cut), note_after(&log, &cut));
    }
}

#[test]
fn a_large_write_that_was_not_synced_is_torn_in_some_cut_and_whole_in_another() {
    let Some(disk) = mount_or_say("torn writes") else { return };
    let file = File::create(disk.dir().join("note")).unwrap();
    File::open(disk.dir()).unwrap().sync_all().unwrap();
    file.write_all_at(&[b'a'; 8192], 0).unwrap();
    file.sync_data().unwrap();
    file.write_all_at(&[b'b'; 8192], 0).unwrap();
    let log = disk.log();
    let (mut old, mut new, mut torn) = (0, 0, 0);
    for seed in 0..CUTS {
        let found = note_after(&log, &Cut::of_all(log.now(), seed)).unwrap();
        assert_eq!(found.len(), 8192);
        match (found.contains('a'), found.contains('b')) {
            (true, false) => old += 1,
            (false, true) => new += 1,
            _ => torn += 1,
        }
    }
    assert!(old > 20 && new > 20 && torn > 20, "{old} old, {new} new, {torn} torn");
}

#[test]
fn who_is_spared_loses_nothing() {
    let Some(disk) = mount_or_say("two machines on one disk") else { return };
    for machine in ["hq", "nasr"] {
        fs::create_dir(disk.dir().join(machine)).unwrap();
        fs::write(disk.dir().join(machine).join("note"), "never synced").unwrap();
    }
    let log = disk.log();
    let mut lost = 0;
    for seed in 0..CUTS {
        let into = tempfile::tempdir().unwrap();
        let cut = Cut { spared: |top| top == "hq", ..Cut::of_all(log.now(), seed) };
        image(&log, &cut, into.path()).unwrap();
        let note = |machine: &str| fs::read(into.path().join(machine).join("note"));
        assert_eq!(note("hq").unwrap(), b"never synced");
        lost += u64::from(note("nasr").is_err());
    }
    assert!(lost > 0);
}

#[test]
fn faults_reach_the_programs() {
    let Some(disk) = mount_or_say("faults") else { return };
    let path = disk.dir().join("note");
    let file = File::create(&path).unwrap();
    file.write_all_at(b"abc", 0).unwrap();
    let errno = |done: io::Result<()>| done.unwrap_err().raw_os_error();
    disk.set_faults(Faults { sync_fails: true, ..Faults::default() });
    assert_eq!(errno(file.sync_data()), Some(rustix::io::Errno::IO.raw_os_error()));
    disk.set_faults(Faults { write_fails: true, ..Faults::default() });
    assert_eq!(errno(file.write_all_at(b"d", 3)), Some(rustix::io::Errno::IO.raw_os_error()));
    disk.set_faults(Faults { room_bytes: Some(3), ..Faults::default() });
    assert_eq!(errno(file.write_all_at(b"d", 3)), Some(rustix::io::Errno::NOSPC.raw_os_error()));
    file.write_all_at(b"x", 0).unwrap();
    disk.set_faults(Faults { room_nodes: Some(1), ..Faults::default() });
    let another = File::create(disk.dir().join("another")).map(drop);
    assert_eq!(errno(another), Some(rustix::io::Errno::NOSPC.raw_os_error()));
    disk.set_faults(Faults { read_only: true, ..Faults::default() });
    let opened = File::options().write(true).open(&path).map(drop);
    assert_eq!(errno(opened), Some(rustix::io::Errno::ROFS.raw_os_error()));
    let flipped = Flipped { path: "note".into(), bit: 8 };
    disk.set_faults(Faults { flipped: Some(flipped), ..Faults::default() });
    assert_eq!(fs::read(&path).unwrap(), b"xcc");
    disk.set_faults(Faults::default());
    assert_eq!(fs::read(&path).unwrap(), b"xbc");
}
