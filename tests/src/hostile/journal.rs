//! The bytes of a log's files, through the journal room on files in memory.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use wasl_agent::journal::{JournalError, Log, log_dir, verify};
use wasl_agent::seam::{Disk, read_whole};
use wasl_protocol::entry::{self, Genesis};
use wasl_protocol::frame::{Frame, Kind, Sealed};
use wasl_protocol::id::{Head, JournalId, Position};
use wasl_protocol::keys::{DataKey, SignKey, UnwrapKey};
use wasl_protocol::pack::Packer;
use wasl_protocol::record::VersionVector;
use wasl_protocol::units::{Seq, UnixMs};

use super::Choices;
use super::disk::Files;

const JOURNAL: JournalId = JournalId(7);
const FOLDER: &str = "/journal";

/// The bytes of a frame before its kind: length and tag.
const PREFIX_BYTES: usize = 20;

/// A choice of how the files come to be; then the first segment's bytes, or entries that are linked
/// as they should be and bytes behind them; then a second segment's.
pub(super) fn journal(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    let (linked, second) = (choices.byte() % 2 == 0, choices.byte() % 2 == 0);
    let (path, next) = (segment(1), segment(2));
    let files = Files::default();
    let first = if linked { chain(&mut choices) } else { choices.chunk().to_vec() };
    files.put(&path, first.clone());
    if second {
        let bytes = choices.chunk();
        files.put(&next, bytes.to_vec());
    }
    let disk: Arc<dyn Disk> = Arc::new(files.clone());
    let before = files.content();
    let looked = Log::open_read(&disk, Path::new(FOLDER), entry::Log::Journal, JOURNAL);
    assert!(files.content() == before, "who only reads changes nothing");
    let far = Position { seq: Seq(u64::MAX), head: Head([0; 32]) };
    let lost = open(&disk, Some(far));
    assert!(lost.is_err() && files.content() == before, "what is lost is said, and left as it is");
    let checked = verify(&*disk, Path::new(FOLDER), JOURNAL, None);
    let checked = checked.expect("files in memory can be read");
    match open(&disk, None) {
        Err(_) => assert!(looked.is_err() && files.content() == before, "refused and touched"),
        Ok((log, torn)) => {
            assert!(
                checked.is_err() || (torn.is_none() && checked.is_ok_and(|v| v.end == log.head()))
            );
            let offset = usize::try_from(log.end_bytes()).expect("small") - base(&log);
            let kept = torn.map(|torn| files.content()[&torn.kept].clone()).unwrap_or_default();
            if log.segments() == 1 {
                nothing_vanished(&files, &path, &first, (offset, &kept));
            }
            reads(log, &disk);
        }
    }
}

fn segment(ordinal: u64) -> PathBuf {
    log_dir(Path::new(FOLDER), JOURNAL).join(format!("{ordinal:08}.seg"))
}

fn open(
    disk: &Arc<dyn Disk>,
    known: Option<Position>,
) -> Result<(Log, Option<wasl_agent::journal::Torn>), JournalError> {
    Log::open(disk, Path::new(FOLDER), entry::Log::Journal, JOURNAL, known)
}

/// How many bytes of files lie before the last segment.
fn base(log: &Log) -> usize {
    (log.segments() - 1) * wasl_agent::journal::SEGMENT_BYTES
}

/// What a crash left behind is in the segment or beside it, byte for byte; only zeros are gone.
fn nothing_vanished(files: &Files, path: &Path, was: &[u8], (offset, kept): (usize, &[u8])) {
    let now = read_whole(files, path).expect("files in memory can be read");
    assert!(now[..offset] == was[..offset], "entries have changed");
    assert!(now[offset..].iter().all(|b| *b == 0), "behind the end lies nothing");
    let used = was.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
    assert!(was[offset..used.max(offset)] == *kept, "bytes have vanished");
}

/// Everything in the log can be read, it can be written to, and it opens again where it ended.
fn reads(mut log: Log, disk: &Arc<dyn Disk>) {
    let head = log.head();
    let mut at = Position::start(JOURNAL);
    while let Some(stretch) = log.read(at, 4_096).expect("files in memory can be read") {
        assert_eq!(stretch.after, at);
        let mut rest = &stretch.frames[..];
        while !rest.is_empty() {
            let frame = Frame::parse(rest).expect("a stretch is whole frames");
            at = frame.follow(&at).expect("a stretch continues the chain");
            let entry = log.entry(at.seq).expect("files in memory can be read");
            assert!(entry.is_some_and(|(bytes, after)| bytes == frame.bytes() && after == at));
            assert_eq!(log.position(at.seq).expect("readable"), Some(at));
            rest = &rest[frame.bytes().len()..];
        }
        assert_eq!(at, stretch.last);
    }
    if log.segments() == 1 {
        assert_eq!(at, head, "every entry up to the head can be read");
    }
    assert_eq!(log.bytes_after(head).expect("readable"), 0);
    drop(log.genesis());
    let sealed = Sealed::new(
        JOURNAL,
        Kind::EDIT,
        b"one more",
        &DataKey::new([3; 32]),
        &mut Packer::new(),
        [5; 32],
    );
    let next = log.append(&sealed, &VersionVector::default()).expect("there is room");
    log.commit().expect("files in memory can be written");
    drop(log);
    let (again, torn) = open(disk, None).expect("what was mended opens");
    assert_eq!((again.head(), torn), (next, None), "it opens again where it ended");
}

/// A first segment of entries that are linked as they should be, whatever they say, up to an empty
/// one; then the bytes that follow.
fn chain(choices: &mut Choices<'_>) -> Vec<u8> {
    static BORN: OnceLock<(Vec<u8>, Position)> = OnceLock::new();
    let (mut bytes, mut at) = BORN.get_or_init(born).clone();
    loop {
        let rest = choices.chunk();
        if rest.is_empty() {
            break;
        }
        at = at.after(rest);
        let length = u32::try_from(rest.len() + PREFIX_BYTES - 4).expect("a chunk is small");
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&at.head.tag().0);
        bytes.extend_from_slice(rest);
    }
    bytes.extend_from_slice(choices.chunk());
    bytes
}

/// The used bytes of a log that was just made, and its head.
fn born() -> (Vec<u8>, Position) {
    let files = Files::default();
    let disk: Arc<dyn Disk> = Arc::new(files.clone());
    let sign = SignKey::from_secret(&[1; 32]).verify_key();
    let readers = [(UnwrapKey::from_secret(&[2; 32]).wrap_key(), [4; 32])];
    let office = "nasr".parse().expect("an office's id");
    let key = DataKey::new([3; 32]);
    let keys = (&key, JOURNAL);
    let genesis = Genesis::new(entry::Log::Journal, office, UnixMs(0), sign, keys, &readers);
    let genesis = genesis.expect("the keys are keys");
    Log::create(&disk, Path::new(FOLDER), JOURNAL, &genesis).expect("files in memory can be made");
    let (log, _) = open(&disk, None).expect("what was made opens");
    let mut bytes = read_whole(&files, &segment(1)).expect("files in memory can be read");
    bytes.truncate(usize::try_from(log.end_bytes()).expect("small"));
    (bytes, log.head())
}
