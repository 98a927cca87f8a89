//! The whole turn (parse, compress, seal, chain, sync, fold) against a raw group commit (append to
//! a preallocated file, fdatasync) of the same bytes, with the same number of caller threads, in
//! the same run. The short one as a test, or with `--smoke`.
//!
//! Then the same on a slower disk: both sides wait as long again after each sync as an office's
//! ordinary disk takes ([`SLOW_SYNC`]); this machine's may answer from a cache.
//!
//! Prints, for each number of callers: enrollments a second, the ratio, and the 99th percentile of
//! an answer. Each is the median of several rounds, in which the two sides take turns.

use std::error::Error;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use wasl_agent::engine::{EngineConfig, VIEW_CACHE_BYTES, birth, start};
use wasl_agent::intake::Door;
use wasl_agent::keystore::{Identity, KeyFile};
use wasl_agent::seam::{Clock, Disk, DiskFile, SystemClock, World};
use wasl_protocol::edition::Trust;
use wasl_protocol::frame::{Kind, Sealed};
use wasl_protocol::id::{EpochId, OfficeId, Position};
use wasl_protocol::join::Joined;
use wasl_protocol::keys::{SignKey, UnwrapKey};
use wasl_protocol::pack::Packer;
use wasl_protocol::record::{Draft, VersionVector};
use wasl_protocol::units::UnixMs;

const SAMPLE: &str = include_str!("../../tests/data/enrollments.jsonl");

/// By how much longer than here a sync takes on an ordinary disk of an office.
const SLOW_SYNC: Duration = Duration::from_millis(2);

/// How often both sides run; the median counts.
const ROUNDS: usize = 5;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let asked = |flag: &str| std::env::args().any(|arg| arg == flag);
    if asked("--list") {
        return Ok(());
    }
    // `cargo bench` says --bench; a test runs the short one.
    let smoke = asked("--smoke") || !asked("--bench");
    for slow in [Duration::ZERO, SLOW_SYNC] {
        println!("each sync takes {} ms more than here", slow.as_millis());
        println!("callers   whole/s     raw/s  ratio  p99 whole ms  p99 raw ms  ratio");
        for (callers, each) in [(1, 2000), (8, 1000), (64, 300)] {
            let each = if smoke { 20 } else { each };
            let rounds = if smoke { 1 } else { ROUNDS };
            let mut runs = Vec::new();
            for round in 0..rounds {
                runs.push(compare((callers, each, round), slow)?);
            }
            report(callers, runs);
        }
    }
    Ok(())
}

/// What one side did.
#[derive(Clone, Copy)]
struct Run {
    per_s: f64,
    p99_ms: f64,
}

fn report(callers: usize, mut runs: Vec<(Run, Run)>) {
    let speed = |(whole, raw): &(Run, Run)| whole.per_s / raw.per_s;
    runs.sort_by(|a, b| speed(a).total_cmp(&speed(b)));
    let (whole, raw) = runs[runs.len() / 2];
    let late = whole.p99_ms / raw.p99_ms;
    println!(
        "{callers:>7} {:>9.0} {:>9.0} {:>6.2} {:>13.3} {:>11.3} {late:>6.2}",
        whole.per_s,
        raw.per_s,
        whole.per_s / raw.per_s,
        whole.p99_ms,
        raw.p99_ms,
    );
}

fn compare((callers, each, round): (usize, usize, usize), slow: Duration) -> Outcome<(Run, Run)> {
    let top = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("turn-{}", std::process::id()));
    std::fs::create_dir_all(&top)?;
    let lines = lines(callers * each, round);
    let frames = frames(&lines)?;
    let raw_side = || raw(&top.join("raw"), &frames, callers, slow);
    let whole_side = || whole(&top, &lines, callers, slow);
    // In turns: neither side always finds the disk as the other left it.
    let (whole, raw) = if round % 2 == 0 {
        let raw = raw_side();
        (whole_side(), raw)
    } else {
        let whole = whole_side();
        (whole, raw_side())
    };
    std::fs::remove_dir_all(&top)?;
    Ok((whole?, raw?))
}

/// The sample's lines, each under a form number of its own.
fn lines(count: usize, round: usize) -> Vec<String> {
    let sample: Vec<&str> = SAMPLE.lines().collect();
    let line = |i: usize| {
        let with = format!("\"form_number\": \"{round}-{i}-");
        sample[i % sample.len()].replacen("\"form_number\": \"", &with, 1)
    };
    (0..count).map(line).collect()
}

fn office() -> OfficeId {
    "suq-al-shuyukh".parse().expect("a valid id")
}

/// The frames that these lines become.
fn frames(lines: &[String]) -> Outcome<Vec<Vec<u8>>> {
    let key = wasl_protocol::keys::DataKey::new([1; 32]);
    let journal = wasl_protocol::id::JournalId(1);
    let (mut packer, mut at) = (Packer::new(), Position::start(journal));
    let mut frames = Vec::new();
    for line in lines {
        let plain = Draft::parse(line.as_bytes())?.into_edit(&office(), UnixMs(0)).encode();
        let sealed = Sealed::new(journal, Kind::EDIT, &plain, &key, &mut packer, [2; 32]);
        let mut frame = Vec::new();
        at = sealed.link(&at, &VersionVector::default(), &mut frame);
        frames.push(frame);
    }
    Ok(frames)
}

/// A group commit by the first caller that finds nobody writing.
struct Group {
    file: File,
    slow: Duration,
    state: Mutex<State>,
    done: Condvar,
}

#[derive(Default)]
struct State {
    pending: Vec<u8>,
    offset: u64,
    writing: bool,
    gathering: u64,
    durable: u64,
}

impl Group {
    fn append(&self, frame: &[u8]) -> Outcome<()> {
        let mut state = self.state.lock().expect("no panic holds the lock");
        state.pending.extend_from_slice(frame);
        let mine = state.gathering + 1;
        while state.durable < mine {
            if state.writing {
                state = self.done.wait(state).expect("no panic holds the lock");
                continue;
            }
            state.writing = true;
            state.gathering += 1;
            let turn = state.gathering;
            let bytes = std::mem::take(&mut state.pending);
            let offset = state.offset;
            state.offset += bytes.len() as u64;
            drop(state);
            self.file.write_all_at(&bytes, offset)?;
            self.file.sync_data()?;
            thread::sleep(self.slow);
            state = self.state.lock().expect("no panic holds the lock");
            state.writing = false;
            state.durable = turn;
            self.done.notify_all();
        }
        Ok(())
    }
}

fn raw(path: &Path, frames: &[Vec<u8>], callers: usize, slow: Duration) -> Outcome<Run> {
    let total: usize = frames.iter().map(Vec::len).sum();
    let mut file = File::options().read(true).write(true).create(true).truncate(true).open(path)?;
    file.write_all(&vec![0; total])?;
    file.sync_all()?;
    let group = Group { file, slow, state: Mutex::default(), done: Condvar::new() };
    timed(frames.len(), callers, |_| Ok(()), |(), i| group.append(&frames[i]))
}

fn whole(top: &Path, lines: &[String], callers: usize, slow: Duration) -> Outcome<Run> {
    let (real, dir) = (World::real(), top.join("office"));
    let world = World { disk: Arc::new(SlowDisk(slow, real.disk.clone())), ..real };
    let key = KeyFile::locate(&dir, Some(&top.join("key")))?;
    let identity = Identity::create(&world, &dir, &key)?;
    let hq = SignKey::from_secret(&[7; 32]).verify_key();
    let joined = Joined {
        office: office(),
        name_ar: String::new(),
        name_en: String::new(),
        epoch: EpochId(1),
        hq_sign_key: hq,
        hq_wrap_key: UnwrapKey::from_secret(&[8; 32]).wrap_key(),
        trust: Trust::in_one(hq),
        clock: UnixMs(0),
    };
    birth(&world, &identity, &joined)?;
    let config = EngineConfig { hq, view_cache_bytes: VIEW_CACHE_BYTES };
    let running = start(&world, &identity, config, &mut |_| {})?;
    let caller = |_| {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let (office, handle) = (office(), running.handle.clone());
        Ok((runtime, Door { office, handle, world: world.clone() }))
    };
    let run = timed(lines.len(), callers, caller, |(runtime, door), i| {
        let prepared = door.prepare(Door::draft(lines[i].as_bytes())?);
        runtime.block_on(async {
            door.handle.enroll(prepared).await?.await??;
            Ok(())
        })
    });
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(running.handle.stop());
    running.thread.join().map_err(|_| "the engine panicked")??;
    run
}

/// The real disk, each sync of which takes longer.
struct SlowDisk(Duration, Arc<dyn Disk>);

impl SlowDisk {
    fn slow(&self, file: io::Result<Box<dyn DiskFile>>) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(SlowFile(self.0, file?)))
    }
}

impl Disk for SlowDisk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.slow(self.1.open(path))
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.slow(self.1.open_read(path))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.slow(self.1.create(path))
    }

    fn exists(&self, path: &Path) -> bool {
        self.1.exists(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.1.list(dir)
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.1.create_dir_all(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.1.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.1.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.1.sync_dir(dir)
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        self.1.free_bytes(path)
    }

    fn boot_id(&self) -> io::Result<String> {
        self.1.boot_id()
    }
}

/// A file of [`SlowDisk`].
struct SlowFile(Duration, Box<dyn DiskFile>);

impl DiskFile for SlowFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.1.read_at(buf, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.1.write_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        let synced = self.1.sync_data();
        thread::sleep(self.0);
        synced
    }

    fn len(&self) -> io::Result<u64> {
        self.1.len()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.1.set_len(len)
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn figures(count: usize, all_ns: u64, p99_ns: u64) -> Run {
    Run { per_s: count as f64 / (all_ns as f64 / 1e9), p99_ms: p99_ns as f64 / 1e6 }
}

/// Calls `work` with 0..count from so many threads, each with what `begin` gave it.
fn timed<C>(
    count: usize,
    callers: usize,
    begin: impl Fn(usize) -> Outcome<C> + Sync,
    work: impl Fn(&mut C, usize) -> Outcome<()> + Sync,
) -> Outcome<Run> {
    let clock = SystemClock::new();
    let (next, ready) = (AtomicUsize::new(0), std::sync::Barrier::new(callers + 1));
    let caller = &|n: usize| -> Outcome<(u64, Vec<u64>)> {
        let state = begin(n);
        ready.wait();
        let begun_ns = clock.mono_ns();
        let mut state = state?;
        let mut took_ns = Vec::new();
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            if i >= count {
                return Ok((begun_ns, took_ns));
            }
            let before_ns = clock.mono_ns();
            work(&mut state, i)?;
            took_ns.push(clock.mono_ns() - before_ns);
        }
    };
    let (all_ns, started_ns) = thread::scope(|scope| {
        let threads: Vec<_> = (0..callers).map(|n| scope.spawn(move || caller(n))).collect();
        ready.wait();
        // The first caller's clock: this thread may get its turn when most of the work is done.
        let (mut all, mut started_ns) = (Vec::new(), u64::MAX);
        for thread in threads {
            let (begun_ns, took_ns) = thread.join().map_err(|_| "a caller panicked")??;
            started_ns = started_ns.min(begun_ns);
            all.extend(took_ns);
        }
        Ok::<_, Box<dyn Error + Send + Sync>>((all, started_ns))
    })?;
    let took_ns = clock.mono_ns() - started_ns;
    let mut sorted = all_ns;
    sorted.sort_unstable();
    let p99_ns = sorted[(sorted.len() * 99 / 100).min(sorted.len() - 1)];
    Ok(figures(count, took_ns, p99_ns))
}
