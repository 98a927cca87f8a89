//! What a log promises, byte by byte, on real files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wasl_protocol::entry::{Genesis, Log as Purpose};
use wasl_protocol::frame::{Kind, Sealed};
use wasl_protocol::id::{JournalId, Position};
use wasl_protocol::keys::{DataKey, UnwrapKey, VerifyKey};
use wasl_protocol::pack::Packer;
use wasl_protocol::record::VersionVector;
use wasl_protocol::units::{Seq, UnixMs};

use super::segment::HEADER_BYTES;
use super::*;
use crate::seam::RealDisk;

mod holes; // damage in the middle

const ID: JournalId = JournalId(0xbeef);

struct Place {
    top: tempfile::TempDir,
    disk: Arc<dyn Disk>,
    key: DataKey,
    packer: Packer,
}

impl Place {
    fn new() -> Self {
        let top = tempfile::tempdir().unwrap();
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let key = DataKey::new([1; 32]);
        let reader = UnwrapKey::from_secret(&[2; 32]).wrap_key();
        let office = "nasr".parse().unwrap();
        let (sign, readers) = (VerifyKey([3; 32]), [(reader, [4; 32])]);
        let genesis =
            Genesis::new(Purpose::Journal, office, UnixMs(0), sign, (&key, ID), &readers).unwrap();
        Log::create(&disk, top.path(), ID, &genesis).unwrap();
        Self { top, disk, key, packer: Packer::new() }
    }

    fn open_known(&self, known: Option<Position>) -> Result<(Log, Option<Torn>), JournalError> {
        Log::open(&self.disk, self.top.path(), Purpose::Journal, ID, known)
    }

    fn open(&self) -> (Log, Option<Torn>) {
        self.open_known(None).unwrap()
    }

    fn segment(&self, ordinal: u64) -> PathBuf {
        segment::path(&log_dir(self.top.path(), ID), ordinal)
    }

    fn append(&mut self, log: &mut Log, bytes: usize) -> Position {
        let mut random = [0; 32];
        random[..8].copy_from_slice(&log.next().seq.0.to_le_bytes());
        // Bytes that do not compress.
        let mut plain = vec![0; bytes];
        blake3::Hasher::new_keyed(&random).finalize_xof().fill(&mut plain);
        let sealed = Sealed::new(ID, Kind::EDIT, &plain, &self.key, &mut self.packer, random);
        log.append(&sealed, &VersionVector::default()).unwrap()
    }

    fn filled(entries: usize, bytes: usize) -> (Self, Vec<Position>) {
        let mut place = Self::new();
        let (mut log, _) = place.open();
        let mut positions = vec![Position::start(ID), log.head()];
        for _ in 0..entries {
            positions.push(place.append(&mut log, bytes));
            log.commit().unwrap();
        }
        (place, positions)
    }

    fn verify(&self) -> Result<Verified, Damage> {
        verify(&*self.disk, self.top.path(), ID, None).unwrap()
    }
}

#[test]
fn what_was_committed_is_there_after_a_start_and_goes_on() {
    let (mut place, positions) = Place::filled(5, 100);
    let (mut log, torn) = place.open();
    assert_eq!((log.head(), torn), (*positions.last().unwrap(), None));
    place.append(&mut log, 10);
    assert_eq!(log.head().seq, Seq(6), "not durable before the commit");
    log.commit().unwrap();
    assert_eq!(place.verify().unwrap().end, log.head());
}

#[test]
fn a_torn_tail_is_cut_and_kept_aside_at_every_byte() {
    let (place, positions) = Place::filled(2, 20);
    let whole = fs::read(place.segment(1)).unwrap();
    let end = walk::used(&whole);
    let (log, _) = place.open();
    let last = log.load(0).unwrap().walk().last().unwrap().offset;
    drop(log);
    for cut in last + 1..end {
        let mut torn_off = whole.clone();
        torn_off[cut..].fill(0);
        fs::write(place.segment(1), &torn_off).unwrap();
        let (mut log, torn) = place.open();
        let torn = torn.expect("something was cut");
        assert_eq!(log.head(), positions[2], "cut at {cut}");
        let kept = fs::read(&torn.kept).unwrap();
        assert_eq!(kept, &torn_off[last..][..walk::used(&torn_off[last..])]);
        assert_eq!(walk::used(&fs::read(place.segment(1)).unwrap()), last);
        assert_eq!(place.verify().unwrap().end, positions[2]);
        assert_eq!(log.read(positions[2], 100).unwrap(), None);
        fs::remove_file(torn.kept).unwrap();
    }
}

#[test]
fn a_segment_file_cut_short_is_made_whole_again() {
    let (place, positions) = Place::filled(3, 50);
    let whole = fs::read(place.segment(1)).unwrap();
    let end = walk::used(&whole);
    fs::write(place.segment(1), &whole[..end]).unwrap();
    let (log, torn) = place.open();
    assert_eq!((log.head(), torn), (positions[4], None));
    assert_eq!(fs::read(place.segment(1)).unwrap(), whole);
}

#[test]
fn a_log_that_ends_before_what_was_durable_is_refused_and_not_touched() {
    let (place, positions) = Place::filled(3, 50);
    let mut bytes = fs::read(place.segment(1)).unwrap();
    let end = walk::used(&bytes);
    let last = place.open().0.load(0).unwrap().walk().last().unwrap().offset;
    bytes[last..end].fill(0);
    fs::write(place.segment(1), &bytes).unwrap();
    let refused = place.open_known(Some(positions[4])).unwrap_err();
    assert!(matches!(refused, JournalError::Lost { end: Seq(3), known: Seq(4), .. }), "{refused}");
    assert_eq!(fs::read(place.segment(1)).unwrap(), bytes);
    assert_eq!(place.open_known(Some(positions[3])).unwrap().0.head(), positions[3]);
}

#[test]
fn every_flipped_bit_is_found_at_its_entry() {
    let (place, _) = Place::filled(3, 20);
    let whole = fs::read(place.segment(1)).unwrap();
    let (log, _) = place.open();
    let starts: Vec<usize> = log.load(0).unwrap().walk().map(|step| step.offset).collect();
    let end = walk::used(&whole);
    for byte in (0..end).chain([end + 10, whole.len() - 1]) {
        let mut bad = whole.clone();
        bad[byte] ^= 1 << (byte % 8);
        fs::write(place.segment(1), &bad).unwrap();
        let damage = place.verify().unwrap_err();
        let header = byte < HEADER_BYTES;
        let nth = starts.partition_point(|start| *start <= byte);
        let want = match (header, byte < end) {
            (true, _) => (0, Seq(1)),
            (false, true) => (starts[nth - 1], Seq(nth as u64)),
            (false, false) => (end, Seq(starts.len() as u64 + 1)),
        };
        assert_eq!((damage.offset, damage.entry), want, "byte {byte}: {damage}");
        assert_eq!(damage.file, place.segment(1));
    }
}

#[test]
fn segments_follow_one_another_and_a_hole_in_one_is_named() {
    let (mut place, positions) = Place::filled(6, 1_000_000);
    let (mut log, _) = place.open();
    assert!(log.segments() >= 2);
    assert_eq!(place.verify().unwrap().end, *positions.last().unwrap());
    for at in &positions {
        assert_eq!(log.position(at.seq).unwrap(), Some(*at));
    }
    let mut at = Position::start(ID);
    while let Some(run) = log.read(at, 10).unwrap() {
        at = run.last;
    }
    assert_eq!(at, log.head());
    place.append(&mut log, 10);
    drop(log);
    let mut bytes = fs::read(place.segment(1)).unwrap();
    bytes[2_000_000] ^= 4;
    fs::write(place.segment(1), &bytes).unwrap();
    let damage = place.verify().unwrap_err();
    assert_eq!((damage.file, damage.entry), (place.segment(1), Seq(3)));
    let (mut log, torn) = place.open();
    assert!(torn.is_none(), "a hole is never cut");
    assert_eq!(log.read(positions[2], 10).unwrap(), None);
    assert_eq!(fs::read(place.segment(1)).unwrap(), bytes);
}

#[test]
fn a_segment_whose_making_was_cut_short_is_made_again() {
    for half_made in [vec![], vec![7; 40], vec![0; SEGMENT_BYTES], vec![7; HEADER_BYTES]] {
        let (mut place, positions) = Place::filled(3, 1_000_000);
        fs::write(place.segment(2), &half_made).unwrap();
        let (mut log, _) = place.open();
        assert_eq!(log.head(), *positions.last().unwrap());
        for _ in 0..3 {
            place.append(&mut log, 1_000_000);
        }
        log.commit().unwrap();
        assert_eq!(place.verify().unwrap().segments, 2);
    }
}

#[test]
fn a_missing_or_damaged_segment_in_the_middle_is_a_hole() {
    let (place, _) = Place::filled(9, 1_000_000);
    let second = fs::read(place.segment(2)).unwrap();
    let mut bad = second.clone();
    bad[50] ^= 1;
    fs::write(place.segment(2), &bad).unwrap();
    let end = place.open().0.head();
    assert_eq!(place.verify().unwrap_err().file, place.segment(2));
    fs::remove_file(place.segment(2)).unwrap();
    assert_eq!(place.open().0.head(), end, "what is behind it is there");
    assert_eq!(place.verify().unwrap_err().reason, "the segment is missing");
}

#[test]
fn while_a_daemon_appends_only_what_it_says_is_there_is_checked() {
    let (place, positions) = Place::filled(3, 50);
    let mut bytes = fs::read(place.segment(1)).unwrap();
    let end = walk::used(&bytes);
    bytes[end - 1] ^= 1;
    fs::write(place.segment(1), &bytes).unwrap();
    let upto = |seq| verify(&*place.disk, place.top.path(), ID, Some(seq)).unwrap();
    assert_eq!(upto(Seq(3)).unwrap().end, positions[3]);
    assert_eq!(upto(Seq(4)).unwrap_err().entry, Seq(4));
    assert_eq!(upto(Seq(9)).unwrap_err().entry, Seq(4));
}
