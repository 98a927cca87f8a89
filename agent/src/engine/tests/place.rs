//! An office in a temporary folder, and a disk that fails on demand.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::oneshot;
use wasl_protocol::edition::Trust;
use wasl_protocol::entry::Edit;
use wasl_protocol::frame::{Kind, Sealed};
use wasl_protocol::id::{Dot, EpochId, OfficeId, Position, RecordId, Tag};
use wasl_protocol::join::{Joined, TransportKey};
use wasl_protocol::json::Json;
use wasl_protocol::keys::{SignKey, UnwrapKey};
use wasl_protocol::news::{News, Says, SignedNews};
use wasl_protocol::pack::Packer;
use wasl_protocol::record::{Correction, Draft, Origin, RecordState, Value, VersionVector};
use wasl_protocol::units::{FeedNo, Seq, UnixMs};

use crate::engine::{
    Arrival, Change, Engine, EngineConfig, EngineError, Enrolled, Found, Input, Listed, Notice,
    Prepared, Refused, VIEW_CACHE_BYTES, birth, open,
};
use crate::keystore::{Identity, KeyFile};
use crate::seam::{Disk, DiskFile, RealDisk, World};
use crate::view::Doubt;

/// What the disk is told to do wrong.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) sync_fails: AtomicBool,
    /// If not 0: so many bytes are free.
    pub(super) free_bytes: AtomicU64,
    pub(super) rebooted: AtomicBool,
}

pub(super) struct FaultyDisk(Arc<Faults>);

struct FaultyFile(Box<dyn DiskFile>, Arc<Faults>);

impl FaultyDisk {
    fn wrap(&self, file: io::Result<Box<dyn DiskFile>>) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(FaultyFile(file?, self.0.clone())))
    }
}

impl Disk for FaultyDisk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.wrap(RealDisk.open(path))
    }
    fn open_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.wrap(RealDisk.open_read(path))
    }
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.wrap(RealDisk.create(path))
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
        match self.0.free_bytes.load(Ordering::SeqCst) {
            0 => RealDisk.free_bytes(path),
            free => Ok(free),
        }
    }
    fn boot_id(&self) -> io::Result<String> {
        let boot = if self.0.rebooted.load(Ordering::SeqCst) { "second" } else { "first" };
        Ok(boot.to_owned())
    }
}

impl DiskFile for FaultyFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buf, offset)
    }
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_at(bytes, offset)
    }
    fn sync_data(&self) -> io::Result<()> {
        if self.1.sync_fails.load(Ordering::SeqCst) {
            return Err(io::Error::from_raw_os_error(5));
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

/// An office that has joined.
pub(super) struct Place {
    _top: tempfile::TempDir,
    pub(super) dir: PathBuf,
    pub(super) world: World,
    pub(super) faults: Arc<Faults>,
    pub(super) identity: Identity,
    pub(super) hq: SignKey,
}

pub(super) fn office() -> OfficeId {
    "nasr".parse().unwrap()
}

/// What signs config.
pub(super) fn config_key() -> SignKey {
    SignKey::from_secret(&[6; 32])
}

impl Place {
    pub(super) fn new() -> Self {
        let top = tempfile::tempdir().unwrap();
        let dir = top.path().join("nasr");
        let faults = Arc::new(Faults::default());
        let world = World { disk: Arc::new(FaultyDisk(faults.clone())), ..World::real() };
        let key = KeyFile::locate(&dir, Some(&top.path().join("key"))).unwrap();
        let identity = Identity::create(&world, &dir, &key).unwrap();
        let hq = SignKey::from_secret(&[7; 32]);
        let joined = Joined {
            office: office(),
            name_ar: "النصر".into(),
            name_en: "Al-Nasr".into(),
            epoch: EpochId(1),
            hq_sign_key: hq.verify_key(),
            hq_wrap_key: UnwrapKey::from_secret(&[8; 32]).wrap_key(),
            trust: Trust::in_one(config_key().verify_key()),
            clock: UnixMs(0),
        };
        birth(&world, &identity, &joined).unwrap();
        identity.joined(&world, &joined, TransportKey([9; 32]), &[]).unwrap();
        Self { _top: top, dir, world, faults, identity, hq }
    }

    pub(super) fn try_open(&self) -> Result<(Engine, Vec<Notice>), EngineError> {
        let config = EngineConfig { hq: self.hq.verify_key(), view_cache_bytes: VIEW_CACHE_BYTES };
        let mut notices = Vec::new();
        let engine = open(&self.world, &self.identity, config, &mut |n| notices.push(n))?;
        Ok((engine, notices))
    }

    pub(super) fn open(&self) -> Engine {
        self.try_open().unwrap().0
    }

    /// The file of the journal's first segment.
    pub(super) fn segment(&self) -> PathBuf {
        let journal = self.dir.join("journal");
        let id = RealDisk.list(&journal).unwrap().remove(0);
        journal.join(id).join("00000001.seg")
    }
}

/// Why the view was folded again at a start.
pub(super) fn doubts(notices: &[Notice]) -> Vec<Doubt> {
    let doubt = |n: &Notice| match n {
        Notice::ViewRebuild { doubt, .. } => Some(doubt.clone()),
        _ => None,
    };
    notices.iter().filter_map(doubt).collect()
}

/// An enrollment under this form number; `name` makes the content differ.
pub(super) fn prepared(engine: &Engine, form: &str, name: &str) -> Prepared {
    let json = format!(
        r#"{{"form_number":"{form}","person":{{"given_name":"{name}","father_name":"حسن",
        "grandfather_name":"زيد","sex":"F","birth_date":"1945-09-20"}},"contact":{{"phone":"7"}}}}"#
    );
    let edit = Draft::parse(json.as_bytes()).unwrap().into_edit(&office(), UnixMs(1000));
    let (journal, key) = (engine.store.logs.journal.id(), &engine.store.logs.journal_key);
    let mut packer = Packer::new(); // costly, and there are few entries in a test
    let random = engine.world.entropy.random();
    let sealed = Sealed::new(journal, Kind::EDIT, &edit.encode(), key, &mut packer, random);
    let arrival = Arrival::of(&edit).unwrap();
    let opening = edit.opening.unwrap();
    Prepared {
        arrival,
        record: edit.record,
        form_number: opening.form_number,
        posted: opening.posted,
        groups: edit.groups.into_keys().collect(),
        sealed,
    }
}

/// A correction of one group by somebody who had read `read`.
pub(super) fn change(
    engine: &Engine,
    form: &str,
    read: VersionVector,
    json: &str,
) -> (Input, oneshot::Receiver<Result<Position, Refused>>) {
    change_of(engine, record(form), read, json)
}

/// The same, of any record.
pub(super) fn change_of(
    engine: &Engine,
    record: RecordId,
    read: VersionVector,
    json: &str,
) -> (Input, oneshot::Receiver<Result<Position, Refused>>) {
    let Correction { groups, operator } = Correction::parse(json.as_bytes(), &office()).unwrap();
    let named = groups.keys().cloned().collect();
    let edit = Edit { record, at: UnixMs(2000), operator, opening: None, groups };
    let (journal, key) = (engine.store.logs.journal.id(), &engine.store.logs.journal_key);
    let (mut packer, random) = (Packer::new(), engine.world.entropy.random());
    let sealed = Sealed::new(journal, Kind::EDIT, &edit.encode(), key, &mut packer, random);
    let (answer, waits) = oneshot::channel();
    let change = Box::new(Change { record, read, groups: named, sealed });
    (Input::Change { change, answer }, waits)
}

pub(super) type Answer = oneshot::Receiver<Result<Enrolled, Refused>>;

pub(super) fn enroll(prepared: Prepared) -> (Input, Answer) {
    let (answer, waits) = oneshot::channel();
    (Input::Enroll { prepared: Box::new(prepared), answer }, waits)
}

/// Enrolls in a turn of its own.
pub(super) fn post(engine: &mut Engine, form: &str, name: &str) -> Result<Enrolled, Refused> {
    let (input, answer) = enroll(prepared(engine, form, name));
    engine.turn(vec![input]).unwrap();
    answer.blocking_recv().unwrap()
}

/// Enrolls in one turn each, and folds.
pub(super) fn enroll_all(engine: &mut Engine, forms: impl IntoIterator<Item = u32>) {
    for form in forms {
        post(engine, &form.to_string(), "آيات").unwrap();
        engine.keep_up().unwrap();
    }
}

pub(super) fn record(form: &str) -> RecordId {
    RecordId::of(&office(), &form.parse().unwrap())
}

/// What the engine answers to one input.
pub(super) fn ask<T>(
    engine: &mut Engine,
    input: impl FnOnce(oneshot::Sender<T>) -> Input,
) -> Option<T> {
    let (answer, waits) = oneshot::channel();
    engine.turn(vec![input(answer)]).unwrap();
    waits.blocking_recv().ok()
}

pub(super) fn found_of(engine: &mut Engine, record: RecordId) -> Option<Found> {
    ask(engine, |answer| Input::Record { record, answer }).unwrap()
}

pub(super) fn found(engine: &mut Engine, form: &str) -> Option<Found> {
    found_of(engine, record(form))
}

pub(super) fn listed(engine: &mut Engine) -> Vec<Listed> {
    let list = |answer| Input::List { skip: 0, limit: u64::MAX, answer };
    ask(engine, list).unwrap().0
}

/// Every record with its values, for comparing.
pub(super) fn everything(engine: &mut Engine) -> Vec<(RecordId, RecordState<Value>)> {
    let ids: Vec<RecordId> = listed(engine).into_iter().map(|l| l.record).collect();
    let mut all: Vec<_> =
        ids.into_iter().map(|id| (id, found_of(engine, id).unwrap().state)).collect();
    all.sort_by_key(|(id, _)| *id);
    all
}

/// A state as HQ signs it: what we have, and HQ's `national_number` (or another group) beside it.
pub(super) fn hq_state(
    place: &Place,
    ours: Option<RecordState<Value>>,
    form: &str,
    (group, dot, json): (&str, Dot, &str),
) -> SignedNews {
    let origin = Origin { office: office(), form_number: form.parse().unwrap() };
    let mut state = ours.unwrap_or_else(|| RecordState::new(origin));
    let value = value(&OfficeId::hq(), json, 5);
    state.groups.entry(group.parse().unwrap()).or_default().insert(dot, value);
    state.seen.add(dot);
    news(place, Some(record(form)), Says::State(state))
}

/// A value that another one wrote.
pub(super) fn value(by: &OfficeId, json: &str, at: i64) -> Value {
    let json = Json::of(&wasl_protocol::json::parse(json.as_bytes()).unwrap());
    Value { json, by: by.clone(), at: UnixMs(at), operator: None, tag: Tag::default() }
}

/// News as HQ signs it.
pub(super) fn news(place: &Place, record: Option<RecordId>, says: Says) -> SignedNews {
    let (epoch, office, feed) = (EpochId(1), office(), FeedNo(1));
    SignedNews::sign(&News { epoch, office, feed, record, says }, &place.hq)
}

pub(super) fn hq_dot(seq: u64) -> Dot {
    Dot { journal: wasl_protocol::id::JournalId(0xabc), seq: Seq(seq) }
}

pub(super) fn store_news(engine: &mut Engine, news: Vec<SignedNews>, upto: u64) -> bool {
    let upto = wasl_protocol::entry::Cursor { epoch: EpochId(1), feed: FeedNo(upto) };
    ask(engine, |answer| Input::News { news, upto, answer }).is_some()
}
