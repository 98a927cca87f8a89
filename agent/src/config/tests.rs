//! An office's real journal and slots: what is in force, whatever happens on the way.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use wasl_protocol::edition::{ConfigState, Gate, Phase, Rejection, Serial, Trust};
use wasl_protocol::id::EpochId;
use wasl_protocol::join::Joined;
use wasl_protocol::keys::{SignKey, UnwrapKey};
use wasl_protocol::units::UnixMs;

use super::sample::{edition, key, reach, signed, start, tried};
use super::{Config, ConfigError, ConfigFacts, ImportError};
use crate::engine::{self, EngineConfig, Refused, Running, VIEW_CACHE_BYTES};
use crate::keystore::{Identity, KeyFile};
use crate::seam::{Disk, DiskFile, RealDisk, World};

const PATIENCE: Duration = Duration::from_secs(20);

/// A disk whose power is cut after so many changes; negative: never.
struct CutDisk(Arc<AtomicI64>);
struct CutFile(Box<dyn DiskFile>, Arc<AtomicI64>);

fn powered(left: &AtomicI64) -> io::Result<()> {
    let spend = |left: i64| if left > 0 { Some(left - 1) } else { None };
    match left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, spend) {
        Err(0) => Err(io::Error::from_raw_os_error(5)),
        _ => Ok(()),
    }
}

impl CutDisk {
    fn wrap(&self, file: io::Result<Box<dyn DiskFile>>) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(CutFile(file?, self.0.clone())))
    }
}

impl Disk for CutDisk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.wrap(RealDisk.open(path))
    }
    fn open_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.wrap(RealDisk.open_read(path))
    }
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        powered(&self.0)?;
        self.wrap(RealDisk.create(path))
    }
    fn exists(&self, path: &Path) -> bool {
        RealDisk.exists(path)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(dir)
    }
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        powered(&self.0)?;
        RealDisk.create_dir_all(dir)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        powered(&self.0)?;
        RealDisk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        powered(&self.0)?;
        RealDisk.remove(path)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        powered(&self.0)?;
        RealDisk.sync_dir(dir)
    }
    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        RealDisk.free_bytes(path)
    }
    fn boot_id(&self) -> io::Result<String> {
        RealDisk.boot_id()
    }
}

impl DiskFile for CutFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buf, offset)
    }
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        powered(&self.1)?;
        self.0.write_at(bytes, offset)
    }
    fn sync_data(&self) -> io::Result<()> {
        powered(&self.1)?;
        self.0.sync_data()
    }
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        powered(&self.1)?;
        self.0.set_len(len)
    }
}

/// A joined office: its engine and its config run.
struct Office {
    _top: tempfile::TempDir,
    dir: PathBuf,
    world: World,
    left: Arc<AtomicI64>,
    identity: Identity,
    /// Where HQ answers.
    answers: Arc<Mutex<BTreeSet<String>>>,
    daemon: Option<Daemon>,
}

struct Daemon {
    engine: Running,
    config: Config,
    task: JoinHandle<()>,
    _stop: watch::Sender<bool>,
}

impl Office {
    async fn new() -> Self {
        let top = tempfile::tempdir().unwrap();
        let dir = top.path().join("nasr");
        let left = Arc::new(AtomicI64::new(-1));
        let world = World { disk: Arc::new(CutDisk(left.clone())), ..World::real() };
        let key_file = KeyFile::locate(&dir, Some(&top.path().join("key"))).unwrap();
        let identity = Identity::create(&world, &dir, &key_file).unwrap();
        let joined = Joined {
            office: "nasr".parse().unwrap(),
            name_ar: "النصر".into(),
            name_en: "Al-Nasr".into(),
            epoch: EpochId(1),
            hq_sign_key: SignKey::from_secret(&[7; 32]).verify_key(),
            hq_wrap_key: UnwrapKey::from_secret(&[8; 32]).wrap_key(),
            trust: Trust::in_one(key().verify_key()),
            clock: UnixMs(0),
        };
        engine::birth(&world, &identity, &joined).unwrap();
        let answers = Arc::default();
        let mut office = Self { _top: top, dir, world, left, identity, answers, daemon: None };
        office.boot().await;
        office
    }

    async fn boot(&mut self) {
        let hq = SignKey::from_secret(&[7; 32]).verify_key();
        let config = EngineConfig { hq, view_cache_bytes: VIEW_CACHE_BYTES };
        let engine = engine::start(&self.world, &self.identity, config, &mut |_| {}).unwrap();
        let answers = self.answers.clone();
        let reach = reach(move |endpoint| answers.lock().unwrap().contains(endpoint));
        let started = start(&self.world, &self.dir, &engine.handle, reach).await;
        let (config, task, stop) = started;
        self.daemon = Some(Daemon { engine, config, task, _stop: stop });
    }

    /// The daemon is gone, and the power is back.
    async fn reboot(&mut self) {
        let Daemon { engine, task, config, .. } = self.daemon.take().unwrap();
        task.abort();
        let _ = task.await;
        drop(config);
        drop(engine.handle);
        tokio::task::spawn_blocking(move || drop(engine.thread.join())).await.unwrap();
        self.left.store(-1, Ordering::SeqCst);
        self.boot().await;
    }

    fn config(&self) -> &Config {
        &self.daemon.as_ref().unwrap().config
    }

    fn serial(&self) -> Serial {
        self.config().in_force().borrow().serial
    }

    fn state(&self) -> ConfigState {
        self.config().facts().borrow().state.clone()
    }

    fn phase(&self) -> &'static str {
        self.state().attempt.map_or("nothing", |attempt| attempt.phase.as_str())
    }

    async fn until(&self, so: impl Fn(&ConfigFacts) -> bool) {
        let mut facts = self.config().facts();
        timeout(PATIENCE, facts.wait_for(|facts| so(facts))).await.expect("in time").unwrap();
    }

    async fn committed(&self, serial: u64) {
        self.until(|facts| facts.state.good == Serial(serial)).await;
    }

    /// Takes an edition that changes nothing but its number, and keeps it.
    async fn commit(&self, serial: u64) {
        let bytes = signed(&edition(serial, |_| {}));
        assert_eq!(self.config().import(bytes).await, Ok(Serial(serial)));
        self.committed(serial).await;
    }

    /// Waits until this edition is kept, or the disk has failed.
    async fn committed_or_dead(&self, serial: u64) {
        let mut engine = self.daemon.as_ref().unwrap().engine.handle.facts();
        let dead = engine.wait_for(|facts| facts.closed == Some(Refused::Poisoned));
        let mut facts = self.config().facts();
        let kept = facts.wait_for(|facts| facts.state.good == Serial(serial));
        tokio::select! {
            Ok(_) = kept => {}
            dead = timeout(PATIENCE, dead) => drop(dead.expect("in time")),
        }
    }
}

#[tokio::test]
async fn an_edition_is_in_force_live_and_after_a_restart() {
    let mut office = Office::new().await;
    assert_eq!(office.serial(), Serial::BUILT_IN);
    let mut in_force = office.config().in_force();
    in_force.borrow_and_update();
    office.config().offer(signed(&edition(7, |s| s.link.heartbeat_s = 5))).await;
    office.committed(7).await;
    in_force.changed().await.unwrap();
    assert_eq!(in_force.borrow().settings.link.heartbeat_s, 5);
    office.reboot().await;
    assert_eq!(office.serial(), Serial(7));
    assert_eq!(office.config().in_force().borrow().settings.link.heartbeat_s, 5);
    assert_eq!((office.state().floor, office.phase()), (Serial(7), "committed"));
    assert_eq!(office.config().facts().borrow().desired, Some(Serial(7)));
}

#[tokio::test]
async fn after_a_power_cut_anywhere_exactly_one_edition_is_in_force_and_the_way_goes_on() {
    let mut seen = BTreeSet::new();
    for cut in 0.. {
        assert!(cut < 200, "it never came through");
        let mut office = Office::new().await;
        office.commit(5).await;
        office.left.store(cut, Ordering::SeqCst);
        office.config().offer(signed(&edition(8, |_| {}))).await;
        office.committed_or_dead(8).await;
        let through = office.left.load(Ordering::SeqCst) > 0;
        office.reboot().await;
        let (serial, state) = (office.serial(), office.state());
        assert_eq!(serial, state.running(), "cut after {cut}");
        assert!([Serial(5), Serial(8)].contains(&serial), "cut after {cut}: {serial}");
        seen.insert(state.attempt.unwrap().phase.as_str());
        office.config().offer(signed(&edition(8, |_| {}))).await;
        office.committed(8).await;
        assert_eq!(office.serial(), Serial(8), "cut after {cut}");
        if through {
            break;
        }
    }
    assert!(seen.contains("committed") && seen.len() > 1, "{seen:?}");
}

#[tokio::test]
async fn what_runs_is_built_in_when_even_the_good_edition_is_lost() {
    let other = signed(&edition(5, |s| s.day.capacity = 1));
    let torn = signed(&edition(5, |_| {}))[..100].to_vec();
    for damage in [other, torn] {
        let mut office = Office::new().await;
        office.commit(5).await;
        std::fs::write(office.dir.join("config/5.edition"), damage).unwrap();
        office.reboot().await;
        assert_eq!((office.serial(), office.phase()), (Serial::BUILT_IN, "rolled_back"));
        assert_eq!((office.state().good, office.state().floor), (Serial(0), Serial(5)));
        office.commit(6).await;
        assert_eq!(office.serial(), Serial(6));
    }
}

#[tokio::test]
async fn an_edition_on_trial_whose_slot_is_lost_gives_way_to_the_good_one() {
    let mut office = Office::new().await;
    office.commit(5).await;
    let imported = office.config().import(tried(edition(6, |_| {}))).await;
    assert_eq!((imported, office.serial()), (Ok(Serial(6)), Serial(6)));
    std::fs::remove_file(office.dir.join("config/6.edition")).unwrap();
    office.reboot().await;
    office.until(|facts| !facts.state.back.is_empty()).await;
    assert_eq!((office.serial(), office.phase()), (Serial(5), "rolled_back"));
}

#[tokio::test]
async fn who_brings_an_edition_is_told_what_came_of_it() {
    let office = Office::new().await;
    let config = office.config();
    config.clock(UnixMs(10_000_001)).await;
    let refused = |why| Err(ImportError::Refused(why));
    let late = config.import(signed(&edition(5, |_| {}))).await;
    assert_eq!(late, refused(Rejection::Expired));
    config.clock(UnixMs(0)).await;
    assert_eq!(config.import(b"nonsense".to_vec()).await, refused(Rejection::Malformed));
    let bad = config.import(signed(&edition(5, |s| s.link.heartbeat_s = 0))).await.unwrap_err();
    assert_eq!(bad.code(), "settings");
    assert_eq!((office.serial(), office.phase()), (Serial(0), "rejected"));
    office.commit(5).await;
    let twice = config.import(signed(&edition(5, |_| {}))).await;
    assert_eq!(twice, Ok(Serial(5)));
    let (serial, floor) = (Serial(4), Serial(5));
    let old = config.import(signed(&edition(4, |_| {}))).await;
    assert_eq!(old, refused(Rejection::OldSerial { serial, floor }));
    let mut stricter = edition(9, |_| {});
    stricter.scope.except.insert("nasr".parse().unwrap());
    assert_eq!(config.import(signed(&stricter)).await, refused(Rejection::Scope));
}

#[tokio::test]
async fn the_operator_takes_a_trial_back_and_nothing_else() {
    let office = Office::new().await;
    let config = office.config();
    assert_eq!(config.roll_back("slow".to_owned()).await, Err(ConfigError::NoTrial));
    config.import(tried(edition(5, |_| {}))).await.unwrap();
    config.roll_back("slow".to_owned()).await.unwrap();
    assert_eq!((office.serial(), office.phase()), (Serial(0), "rolled_back"));
    config.offer(tried(edition(5, |_| {}))).await;
    assert_eq!(config.unhold().await, Ok(()));
    assert_eq!(office.serial(), Serial(0), "it is not tried again by itself");
    assert_eq!(config.import(tried(edition(5, |_| {}))).await, Ok(Serial(5)));
    config.aborted(Serial(5)).await;
    office.until(|facts| facts.state.running() == Serial(0)).await;
    assert_eq!(office.serial(), Serial(0));
}

#[tokio::test]
async fn while_it_is_held_only_a_person_brings_an_edition_in() {
    let office = Office::new().await;
    let config = office.config();
    config.hold(UnixMs(i64::MAX), "exam day".to_owned()).await.unwrap();
    config.offer(signed(&edition(5, |_| {}))).await;
    office.until(|facts| facts.desired == Some(Serial(5))).await;
    assert_eq!(office.serial(), Serial(0));
    office.commit(4).await;
    config.unhold().await.unwrap();
    office.committed(5).await;
    assert_eq!((office.serial(), office.state().hold), (Serial(5), None));
}

#[tokio::test]
async fn where_hq_would_be_looked_for_is_tried_before_anything_changes() {
    let office = Office::new().await;
    let config = office.config();
    let moved =
        |serial| tried(edition(serial, |s| s.link.endpoints = vec!["new.example:1".to_owned()]));
    config.session(true).await;
    let gone = Rejection::Endpoint("new.example:1".to_owned());
    assert_eq!(config.import(moved(5)).await, Err(ImportError::Refused(gone)));
    office.answers.lock().unwrap().insert("new.example:1".to_owned());
    assert_eq!(config.import(moved(6)).await, Ok(Serial(6)));
    let attempt = office.state().attempt.unwrap();
    assert_eq!(attempt.phase, Phase::Probation { linked: true });
}

#[tokio::test]
async fn a_gate_that_fails_takes_the_edition_back() {
    let office = Office::new().await;
    office.commit(5).await;
    let mut edition = edition(6, |_| {});
    (edition.probation.confirm_s, edition.probation.gate_s) = (60, 1);
    let imported = office.config().import(signed(&edition)).await;
    assert_eq!(imported, Ok(Serial(6)));
    office.config().gate(Gate::Intake, false).await;
    office.until(|facts| facts.state.running() == Serial(5)).await;
    let attempt = office.state().attempt.unwrap();
    assert_eq!(attempt.phase.why().unwrap().0, "intake");
    assert_eq!(office.serial(), Serial(5));
}

#[tokio::test]
async fn this_machine_may_be_stricter_than_the_edition_and_says_so() {
    let mut office = Office::new().await;
    let conf_d = office.dir.join("conf.d");
    std::fs::create_dir(&conf_d).unwrap();
    std::fs::write(conf_d.join("10.toml"), "[link]\nheartbeat_s = 7\n").unwrap();
    office.reboot().await;
    assert_eq!(office.config().in_force().borrow().settings.link.heartbeat_s, 7);
    let slow = |s: &mut wasl_protocol::edition::OfficeSettings| s.link.heartbeat_s = 30;
    office.config().import(signed(&edition(5, slow))).await.unwrap();
    let strict = office.config().explain("link.heartbeat_s").unwrap();
    assert_eq!((strict.layer.as_str(), strict.value), ("conf.d", 7.into()));
    let set = office.config().explain("day.capacity").unwrap();
    assert_eq!((set.layer.as_str(), set.serial), ("edition", Some(Serial(5))));
    assert_eq!(set.signed_by.len(), 1);
    assert_eq!(set.reason.as_deref(), Some("a test"));
}
