//! Damage in the middle: appending goes on, and the same bytes come back from another copy.

use super::*;
use crate::journal::MendError;

/// A log of several segments, one that has not been damaged, and what is wrong with the first.
struct Pair {
    place: Place,
    copy: tempfile::TempDir,
    end: Position,
}

impl Pair {
    fn new(entries: usize, bytes: usize) -> Self {
        let (place, positions) = Place::filled(entries, bytes);
        let copy = tempfile::tempdir().unwrap();
        let to = log_dir(copy.path(), ID);
        fs::create_dir_all(&to).unwrap();
        for name in place.disk.list(&log_dir(place.top.path(), ID)).unwrap() {
            fs::copy(log_dir(place.top.path(), ID).join(&name), to.join(&name)).unwrap();
        }
        Self { place, copy, end: *positions.last().unwrap() }
    }

    fn holes(&self, end: Position) -> Vec<Hole> {
        let log = (Purpose::Journal, ID);
        holes(&*self.place.disk, self.place.top.path(), log, end, &|| {}).unwrap()
    }

    /// Fills every hole from the copy; answers how many bytes that took.
    fn fill(&self, log: &mut Log) -> usize {
        let mut copy =
            Log::open_read(&self.place.disk, self.copy.path(), Purpose::Journal, ID).unwrap();
        let mut brought = 0;
        for hole in self.holes(log.head()) {
            let mut mender = log.mender(hole).unwrap();
            while let Some(after) = mender.lacks() {
                let run = copy.read(after, 1).unwrap().expect("the copy has it");
                brought += run.frames.len();
                mender.take(&run.frames).unwrap();
            }
            log.install(mender).unwrap();
        }
        brought
    }

    fn all_positions(&self, log: &mut Log) {
        for seq in 0..=self.end.seq.0 {
            assert!(log.position(Seq(seq)).unwrap().is_some(), "{seq}");
        }
    }
}

fn damage(path: &Path, harm: impl Fn(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    harm(&mut bytes);
    fs::write(path, bytes).unwrap();
}

#[test]
fn appending_goes_on_beside_damage_of_every_kind_and_the_same_bytes_come_back() {
    type Harm = (&'static str, fn(&Place));
    let harms: [Harm; 7] = [
        ("a flipped bit", |p| damage(&p.segment(1), |b| b[2_000_000] ^= 4)),
        ("a zeroed page", |p| damage(&p.segment(2), |b| b[1_000_000..1_004_096].fill(0))),
        ("a zeroed end", |p| damage(&p.segment(2), |b| b[3_000_000..].fill(0))),
        ("a truncated file", |p| damage(&p.segment(1), |b| b.truncate(1_500_000))),
        ("a flipped bit in a header", |p| damage(&p.segment(2), |b| b[50] ^= 1)),
        ("a missing file", |p| fs::remove_file(p.segment(2)).unwrap()),
        ("two missing files", |p| {
            fs::remove_file(p.segment(1)).unwrap();
            fs::remove_file(p.segment(2)).unwrap();
        }),
    ];
    for (what, harm) in harms {
        let mut pair = Pair::new(14, 900_000);
        harm(&pair.place);
        let (mut log, torn) = pair.place.open_known(Some(pair.end)).unwrap();
        assert_eq!((log.head(), torn), (pair.end, None), "{what}");
        pair.place.append(&mut log, 100);
        log.commit().unwrap();
        assert!(pair.place.verify().is_err(), "{what}");
        let found = pair.holes(log.head());
        assert_eq!(found.len(), 1, "{what}: {found:?}");
        pair.fill(&mut log);
        assert_eq!(pair.place.verify().unwrap().end, log.head(), "{what}");
        pair.all_positions(&mut log);
        for ordinal in [1, 2] {
            let copy = segment::path(&log_dir(pair.copy.path(), ID), ordinal);
            assert!(fs::read(copy).unwrap() == fs::read(pair.place.segment(ordinal)).unwrap());
        }
        assert_eq!(pair.holes(log.head()), []);
        drop(log);
        assert_eq!(pair.place.open().0.head().seq, pair.end.seq.next(), "{what}");
    }
}

#[test]
fn what_is_good_in_a_damaged_file_is_not_brought_again_and_the_file_is_kept() {
    let pair = Pair::new(9, 900_000);
    damage(&pair.place.segment(1), |bytes| bytes[1_900_000] ^= 1);
    let (mut log, _) = pair.place.open();
    assert!(pair.fill(&mut log) < 1_000_000, "one entry");
    assert_eq!(pair.place.verify().unwrap().end, pair.end);
    let kept = pair.place.segment(1).with_added_extension("damaged-1");
    assert_eq!(fs::read(kept).unwrap().len(), SEGMENT_BYTES);
}

#[test]
fn frames_of_another_history_fill_nothing() {
    let pair = Pair::new(9, 900_000);
    damage(&pair.place.segment(1), |bytes| bytes[1_900_000] ^= 1);
    let before = fs::read(pair.place.segment(1)).unwrap();
    let (log, _) = pair.place.open();
    let hole = pair.holes(log.head())[0];
    let mut mender = log.mender(hole).unwrap();
    let good = {
        let mut copy =
            Log::open_read(&pair.place.disk, pair.copy.path(), Purpose::Journal, ID).unwrap();
        copy.read(hole.after, 1).unwrap().unwrap().frames
    };
    let mut flipped = good;
    flipped[500_000] ^= 1;
    assert!(matches!(mender.take(&flipped), Err(MendError::OtherHistory)));
    // A chain of somebody's own making, as long as the hole.
    let mut mender = log.mender(hole).unwrap();
    let (mut at, mut last) = (hole.after, Ok(()));
    while at.seq < hole.until.seq && last.is_ok() {
        let sealed =
            Sealed::new(ID, Kind::EDIT, b"forged", &pair.place.key, &mut Packer::new(), [9; 32]);
        let mut frame = Vec::new();
        at = sealed.link(&at, &VersionVector::default(), &mut frame);
        last = mender.take(&frame);
    }
    assert!(matches!(last, Err(MendError::OtherHistory)), "{last:?}");
    assert!(fs::read(pair.place.segment(1)).unwrap() == before, "nothing was changed");
    assert_eq!(log.head(), pair.end);
}

#[test]
fn damage_in_the_last_segment_before_a_known_entry_is_a_hole_and_no_end() {
    for (entry, known) in [(3, 5), (3, 9), (9, 9)] {
        let mut pair = Pair::new(8, 300);
        let starts: Vec<usize> = {
            let (log, _) = pair.place.open();
            log.load(0).unwrap().walk().map(|step| step.offset).collect()
        };
        let known = pair.place.open().0.position(Seq(known)).unwrap();
        damage(&pair.place.segment(1), |bytes| bytes[starts[entry - 1] + 60] ^= 1);
        let (mut log, torn) = pair.place.open_known(known).unwrap();
        assert_eq!((log.head(), torn), (pair.end, None), "entry {entry}, {known:?}");
        pair.place.append(&mut log, 100);
        log.commit().unwrap();
        let holes = pair.holes(log.head());
        assert_eq!((holes[0].after.seq.0, Some(holes[0].until)), (entry as u64 - 1, known));
        pair.fill(&mut log);
        assert_eq!(pair.place.verify().unwrap().end, log.head());
        pair.all_positions(&mut log);
        drop(log);
        assert_eq!(pair.place.open().0.head().seq, pair.end.seq.next());
    }
}

#[test]
fn a_last_segment_with_a_damaged_header_is_written_again() {
    let pair = Pair::new(8, 900_000);
    damage(&pair.place.segment(2), |bytes| bytes[30] ^= 1);
    let (log, torn) = pair.place.open();
    assert_eq!((log.head(), torn), (pair.end, None));
    assert_eq!(pair.place.verify().unwrap().end, pair.end);
}
