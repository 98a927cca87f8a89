//! What the mirror promises, with a second disk that hangs, fills, fails and goes away.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::sleep;
use std::time::Duration;

use wasl_protocol::entry::{Genesis, Log as Purpose};
use wasl_protocol::frame::{Kind, Sealed};
use wasl_protocol::id::{JournalId, Position};
use wasl_protocol::keys::{DataKey, UnwrapKey, VerifyKey};
use wasl_protocol::pack::Packer;
use wasl_protocol::record::VersionVector;
use wasl_protocol::units::{Seq, UnixMs};

use super::*;
use crate::journal::{Log, verify};
use crate::seam::{Disk, DiskFile, RealDisk};

const PATIENCE_S: u64 = 30;

/// What the second disk does wrong.
#[derive(Debug, Default)]
struct Faults {
    fails: AtomicBool,
    full: AtomicBool,
    same: AtomicBool,
    hangs_ms: AtomicU64,
}

/// A disk whose faults concern one folder only.
struct Second(PathBuf, Arc<Faults>);

struct SecondFile(Box<dyn DiskFile>, Option<Arc<Faults>>);

impl Second {
    fn wrap(&self, path: &Path, file: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        Box::new(SecondFile(file, self.is_second(path).then(|| self.1.clone())))
    }

    fn is_second(&self, path: &Path) -> bool {
        path.starts_with(&self.0)
    }
}

impl Disk for Second {
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.wrap(path, RealDisk.open(path)?))
    }
    fn open_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        RealDisk.open_read(path)
    }
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.wrap(path, RealDisk.create(path)?))
    }
    fn exists(&self, path: &Path) -> bool {
        RealDisk.exists(path)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(dir)
    }
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        RealDisk.create_dir_all(dir)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }
    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        let full = self.is_second(path) && self.1.full.load(Ordering::SeqCst);
        if full { Ok(0) } else { RealDisk.free_bytes(path) }
    }
    fn device(&self, path: &Path) -> io::Result<u64> {
        Ok(u64::from(self.is_second(path) && !self.1.same.load(Ordering::SeqCst)))
    }
    fn boot_id(&self) -> io::Result<String> {
        RealDisk.boot_id()
    }
}

impl DiskFile for SecondFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buf, offset)
    }
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_at(bytes, offset)
    }
    fn sync_data(&self) -> io::Result<()> {
        if let Some(faults) = &self.1 {
            sleep(Duration::from_millis(faults.hangs_ms.load(Ordering::SeqCst)));
            if faults.fails.load(Ordering::SeqCst) {
                return Err(io::Error::from_raw_os_error(5));
            }
        }
        self.0.sync_data()
    }
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
}

/// Two logs in a folder, and a folder that is another disk.
struct Place {
    _top: tempfile::TempDir,
    world: World,
    faults: Arc<Faults>,
    dir: PathBuf,
    there: PathBuf,
    logs: [Log; 2],
    before: Vec<Source>,
    key: DataKey,
    packer: Packer,
}

fn name(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Journal => "journal",
        Purpose::Inbox => "inbox",
    }
}

/// A new log of the office in its folder.
fn begin(
    world: &World,
    dir: &Path,
    (purpose, id): (Purpose, JournalId),
    key: &DataKey,
    after: Option<(JournalId, Position)>,
) -> Log {
    let readers = [(UnwrapKey::from_secret(&[2; 32]).wrap_key(), [4; 32])];
    let (office, sign) = ("nasr".parse().unwrap(), VerifyKey([3; 32]));
    let mut genesis = Genesis::new(purpose, office, UnixMs(0), sign, (key, id), &readers).unwrap();
    genesis.after = after;
    let folder = dir.join(name(purpose));
    Log::create(&world.disk, &folder, id, &genesis).unwrap();
    Log::open(&world.disk, &folder, purpose, id, None).unwrap().0
}

impl Place {
    fn new() -> Self {
        Self::of([JournalId(0xbeef), JournalId(0xcafe)])
    }

    fn of(ids: [JournalId; 2]) -> Self {
        let top = tempfile::tempdir().unwrap();
        let (dir, there) = (top.path().join("nasr"), top.path().join("stick"));
        fs::create_dir(&there).unwrap();
        let faults = Arc::new(Faults::default());
        let disk: Arc<dyn Disk> = Arc::new(Second(there.clone(), faults.clone()));
        let world = World { disk, ..World::real() };
        let key = DataKey::new([1; 32]);
        let logs = [(Purpose::Journal, ids[0]), (Purpose::Inbox, ids[1])];
        let logs = logs.map(|log| begin(&world, &dir, log, &key, None));
        fs::write(dir.join("identity.sealed"), b"sealed").unwrap();
        fs::create_dir(dir.join("config")).unwrap();
        fs::write(dir.join("config/3.edition"), b"three").unwrap();
        let (before, packer) = (Vec::new(), Packer::new());
        Self { _top: top, world, faults, dir, there, logs, before, key, packer }
    }

    fn source(&self, log: &Log) -> Source {
        Source {
            purpose: log.purpose(),
            folder: self.dir.join(name(log.purpose())),
            id: log.id(),
            end: log.head(),
            before: Vec::new(),
        }
    }

    fn sources(&self) -> Sources {
        let [journal, inbox] = self.logs.each_ref().map(|log| self.source(log));
        [Source { before: self.before.clone(), ..journal }, inbox]
    }

    /// The journal goes on in another one from here.
    fn reborn(&mut self, id: JournalId) {
        let old = self.source(&self.logs[0]);
        let after = Some((old.id, old.end));
        let journal = (Purpose::Journal, id);
        self.logs[0] = begin(&self.world, &self.dir, journal, &self.key, after);
        self.before.push(old);
    }

    /// The inbox is given up, and there is a new one.
    fn renew_inbox(&mut self, id: JournalId) {
        fs::remove_dir_all(self.dir.join("inbox")).unwrap();
        self.logs[1] = begin(&self.world, &self.dir, (Purpose::Inbox, id), &self.key, None);
    }

    fn start(&self) -> Mirror {
        Mirror::start(&self.world, &self.dir, &self.there, self.sources()).unwrap()
    }

    /// One turn, as the engine takes it.
    fn turn(&mut self, mirror: Option<&mut Mirror>, nth: usize, bytes: usize) {
        let log = &mut self.logs[nth];
        let mut random = [0; 32];
        random[..8].copy_from_slice(&log.next().seq.0.to_le_bytes());
        let mut plain = vec![0; bytes];
        blake3::Hasher::new_keyed(&random).finalize_xof().fill(&mut plain);
        let sealed = Sealed::new(log.id(), Kind::EDIT, &plain, &self.key, &mut self.packer, random);
        log.append(&sealed, &VersionVector::default()).unwrap();
        let stretch = log.pending();
        log.commit().unwrap();
        if let Some(mirror) = mirror {
            mirror.offer(log.purpose(), stretch);
            mirror.wait();
        }
    }

    fn heads(&self) -> [Position; 2] {
        self.logs.each_ref().map(Log::head)
    }

    /// What the mirror holds, every byte of it checked.
    fn there(&self) -> [Position; 2] {
        ["journal", "inbox"].map(|name| {
            let nth = usize::from(name == "inbox");
            let folder = self.there.join(name);
            verify(&RealDisk, &folder, self.logs[nth].id(), None).unwrap().unwrap().end
        })
    }
}

fn until(what: &str, mut so: impl FnMut() -> bool) {
    for _ in 0..PATIENCE_S * 100 {
        if so() {
            return;
        }
        sleep(Duration::from_millis(10));
    }
    panic!("not within {PATIENCE_S} s: {what}");
}

fn level(mirror: &Mirror, place: &Place) {
    let head = place.heads()[0].seq;
    until("level", || {
        let facts = mirror.facts();
        let facts = facts.borrow();
        facts.entries == head && facts.level_at.is_some() && facts.trouble.is_none()
    });
}

fn troubled(mirror: &Mirror, word: &str) {
    until(word, || {
        let facts = mirror.facts();
        let facts = facts.borrow();
        facts.trouble.as_ref().is_some_and(|(why, _)| why.contains(word))
    });
}

#[test]
fn each_turn_is_on_both_disks_when_it_is_answered_and_the_files_are_the_same() {
    let mut place = Place::new();
    let mut mirror = place.start();
    level(&mirror, &place);
    for nth in [0, 0, 1, 0] {
        place.turn(Some(&mut mirror), nth, 900);
        assert_eq!(place.there(), place.heads());
    }
    for _ in 0..6 {
        place.turn(Some(&mut mirror), 0, 1_000_000);
    }
    assert_eq!(place.there(), place.heads());
    for name in ["00000001.seg", "00000002.seg"] {
        let file = |top: &Path| {
            let folder = top.join("journal").join(place.logs[0].id().to_string());
            fs::read(folder.join(name)).unwrap()
        };
        assert!(file(&place.dir) == file(&place.there), "{name}");
    }
    assert_eq!(fs::read(place.there.join("identity.sealed")).unwrap(), b"sealed");
    assert_eq!(fs::read(place.there.join("config/3.edition")).unwrap(), b"three");
}

#[test]
fn a_disk_that_hangs_holds_an_answer_no_longer_than_said_and_the_next_ones_not_at_all() {
    let mut place = Place::new();
    let mut mirror = place.start();
    level(&mirror, &place);
    place.faults.hangs_ms.store(2_000, Ordering::SeqCst);
    let clock = place.world.clock.clone();
    let waited = |mirror: &mut Mirror, place: &mut Place| {
        let before = clock.mono();
        place.turn(Some(mirror), 0, 100);
        clock.mono().since_ms(before)
    };
    let first = waited(&mut mirror, &mut place);
    assert!((250..1_500).contains(&first), "{first} ms");
    let rest: u64 = (0..20).map(|_| waited(&mut mirror, &mut place)).sum();
    assert!(rest < 1_000, "{rest} ms");
    place.faults.hangs_ms.store(0, Ordering::SeqCst);
    level(&mirror, &place);
    assert_eq!(place.there(), place.heads());
}

#[test]
fn a_disk_that_fails_or_fills_is_told_and_catches_up_by_itself() {
    let mut place = Place::new();
    let mut mirror = place.start();
    level(&mirror, &place);
    place.faults.fails.store(true, Ordering::SeqCst);
    place.turn(Some(&mut mirror), 0, 100);
    troubled(&mirror, "os error 5");
    place.turn(Some(&mut mirror), 1, 100);
    place.faults.fails.store(false, Ordering::SeqCst);
    level(&mirror, &place);
    place.faults.full.store(true, Ordering::SeqCst);
    for _ in 0..6 {
        place.turn(Some(&mut mirror), 0, 1_000_000);
    }
    troubled(&mirror, "full");
    place.faults.full.store(false, Ordering::SeqCst);
    level(&mirror, &place);
    assert_eq!(place.there(), place.heads());
}

#[test]
fn a_disk_that_is_pulled_out_catches_up_when_it_is_back() {
    let mut place = Place::new();
    let mut mirror = place.start();
    level(&mirror, &place);
    let drawer = place.there.with_extension("drawer");
    fs::rename(&place.there, &drawer).unwrap();
    place.turn(Some(&mut mirror), 0, 100);
    troubled(&mirror, "is not there");
    place.turn(Some(&mut mirror), 0, 100);
    assert!(!place.there.exists(), "no folder is made where no disk is");
    fs::rename(&drawer, &place.there).unwrap();
    level(&mirror, &place);
    assert_eq!(place.there(), place.heads());
}

#[test]
fn a_journal_that_was_born_again_is_copied_with_those_before_it_and_a_new_inbox_for_the_old_one() {
    let mut place = Place::new();
    place.turn(None, 0, 500);
    let mirror = place.start();
    level(&mirror, &place);
    drop(mirror);
    place.turn(None, 0, 600); // the other disk was not plugged in
    place.reborn(JournalId(0xbeef_0002));
    place.renew_inbox(JournalId(0xcafe_0002));
    place.turn(None, 0, 700);
    let mirror = place.start();
    level(&mirror, &place);
    assert_eq!(place.there(), place.heads());
    let old = &place.before[0];
    let folder = place.there.join("journal");
    assert_eq!(verify(&RealDisk, &folder, old.id, None).unwrap().unwrap().end, old.end);
    // It is no other office's now, nor again.
    drop(mirror);
    level(&place.start(), &place);
    assert!(place.there.join("inbox/000000000000cafe.given-up").exists());
}

#[test]
fn a_torn_end_of_the_mirror_is_mended() {
    let mut place = Place::new();
    place.turn(None, 0, 500);
    let mirror = place.start();
    level(&mirror, &place);
    drop(mirror);
    let id = place.logs[0].id().to_string();
    let path = place.there.join("journal").join(id).join("00000001.seg");
    let mut bytes = fs::read(&path).unwrap();
    let end = bytes.iter().rposition(|b| *b != 0).unwrap();
    bytes[end - 100..].fill(0);
    fs::write(&path, bytes).unwrap();
    let mirror = place.start();
    level(&mirror, &place);
    assert_eq!(place.there(), place.heads());
}

#[test]
fn damage_in_the_middle_of_the_mirror_is_mended() {
    let mut place = Place::new();
    for _ in 0..9 {
        place.turn(None, 0, 900_000);
    }
    let mirror = place.start();
    level(&mirror, &place);
    drop(mirror);
    let folder = place.there.join("journal").join(place.logs[0].id().to_string());
    for (segment, byte) in [("00000001.seg", 2_000_000), ("00000002.seg", 50)] {
        let path = folder.join(segment);
        let mut bytes = fs::read(&path).unwrap();
        bytes[byte] ^= 1;
        fs::write(path, bytes).unwrap();
    }
    let mirror = place.start();
    level(&mirror, &place);
    assert_eq!(place.there(), place.heads());
}

#[test]
fn the_same_disk_another_office_and_another_history_are_refused_and_left_alone() {
    let mut place = Place::new();
    place.faults.same.store(true, Ordering::SeqCst);
    troubled(&place.start(), "same disk");
    assert_eq!(fs::read_dir(&place.there).unwrap().count(), 0);
    place.faults.same.store(false, Ordering::SeqCst);

    let other = Place::of([JournalId(1), JournalId(2)]);
    let theirs = Mirror::start(&place.world, &other.dir, &place.there, other.sources()).unwrap();
    level(&theirs, &other);
    drop(theirs);
    troubled(&place.start(), "0000000000000001");
    assert!(
        !place.there.join("identity.sealed").exists() || {
            fs::read(place.there.join("identity.sealed")).unwrap() == b"sealed"
        }
    );
    fs::remove_dir_all(&place.there).unwrap();
    fs::create_dir(&place.there).unwrap();

    let mut twin = Place::new();
    twin.turn(None, 0, 77);
    let theirs = Mirror::start(&place.world, &twin.dir, &place.there, twin.sources()).unwrap();
    level(&theirs, &twin);
    drop(theirs);
    troubled(&place.start(), "restart the daemon");
    place.turn(None, 0, 78);
    troubled(&place.start(), "another history");
    assert_eq!(place.there(), twin.heads());
}

#[test]
fn what_the_first_disk_lost_comes_back_from_the_second() {
    let mut place = Place::new();
    let mirror = place.start();
    level(&mirror, &place);
    drop(mirror);
    let folder = place.dir.join("journal").join(place.logs[0].id().to_string());
    let old = fs::read(folder.join("00000001.seg")).unwrap();
    for _ in 0..6 {
        place.turn(None, 0, 1_000_000);
    }
    let mirror = place.start();
    level(&mirror, &place);
    drop(mirror);
    let lost = place.heads()[0];
    fs::remove_file(folder.join("00000002.seg")).unwrap();
    fs::write(folder.join("00000001.seg"), old).unwrap();
    let [source, _] = place.sources();
    let (mut log, _) =
        Log::open(&place.world.disk, &source.folder, source.purpose, source.id, None).unwrap();
    assert_eq!(log.head().seq, Seq(1));
    let back = restore(&place.world.disk, &place.there, &source, &mut log).unwrap().unwrap();
    assert_eq!((back.first, back.last, log.head()), (Seq(2), lost.seq, lost));
    assert_eq!(restore(&place.world.disk, &place.there, &source, &mut log).unwrap(), None);
}
