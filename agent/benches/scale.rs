//! What a record costs among many. First with 10,000 records and then with `WASL_SCALE_RECORDS`
//! (1,000,000 unless told): one lookup, one durable edit, and the first page of the conflicts; the
//! median of each, and by how much the second is slower.
//!
//! Then 10,000 records of 20 edits each, by this office and three other writers: the time and the
//! memory that an edit takes in each part, which must be the same early and late, and the length of
//! the vectors. A few records as a test, or with `--smoke`.

mod filled;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{env, fs, io};

use tokio::sync::oneshot;
use wasl_agent::engine::{Change, Engine, Found, Input};
use wasl_agent::seam::{Clock, Disk, DiskFile, SystemClock, World};
use wasl_protocol::entry::{Cursor, Edit};
use wasl_protocol::frame::{Kind, Sealed};
use wasl_protocol::id::{Dot, EpochId, GroupName, JournalId, OfficeId, RecordId, Tag};
use wasl_protocol::json::{self, Json};
use wasl_protocol::keys::SignKey;
use wasl_protocol::news::{News, Says, SignedNews};
use wasl_protocol::record::{RecordState, Value, VersionVector};
use wasl_protocol::units::{FeedNo, Seq, UnixMs};

use filled::{Filled, Outcome, TURN, office};

/// How many records are in conflict, whatever the size; and how many a page shows.
const CONFLICTS: usize = 200;
const PAGE: u64 = 50;

/// How many edits each record of the second part gets, and by how many writers in turn.
const EDITS: usize = 20;
const WRITERS: usize = 4;

fn main() -> Outcome<()> {
    let asked = |flag: &str| env::args().any(|arg| arg == flag);
    if asked("--list") {
        return Ok(());
    }
    // `cargo bench` says --bench; a test runs the short one.
    let smoke = asked("--smoke") || !asked("--bench");
    let many = env::var("WASL_SCALE_RECORDS").ok().map_or(Ok(1_000_000), |n| n.parse())?;
    let (few, many, tries) = if smoke { (500, 1000, 5) } else { (10_000, many, 1000) };
    let fresh = |name: &str| -> Outcome<_> {
        let top = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let top = top.join(format!("scale-{name}-{}", std::process::id()));
        fs::create_dir_all(&top)?;
        Ok(top)
    };
    let mut costs = Vec::new();
    for records in [few, many] {
        let top = fresh("size")?;
        let cost = Bench::new(&top).and_then(|mut bench| bench.costs(records, tries));
        fs::remove_dir_all(&top)?;
        costs.push(cost?);
    }
    report(&[few, many], &costs);
    let top = fresh("edits")?;
    let edited = Bench::new(&top).and_then(|mut bench| bench.edits(if smoke { 50 } else { few }));
    fs::remove_dir_all(&top)?;
    edited
}

/// What things cost among so many records, in microseconds.
type Costs = [(&'static str, f64); 4];

fn report(sizes: &[usize; 2], costs: &[Costs]) {
    println!("{:<28} {:>9} {:>9}  ratio", "records", sizes[0], sizes[1]);
    for ((what, few), (_, many)) in costs[0].iter().zip(&costs[1]) {
        println!("{what:<28} {few:>6.0} us {many:>6.0} us {:>6.2}", many / few);
    }
}

/// An office, its engine, and how long its disk has been syncing.
struct Bench {
    filled: Filled,
    engine: Engine,
    clock: SystemClock,
    synced_ns: Arc<AtomicU64>,
    hq: SignKey,
    fed: u64,
}

impl Bench {
    fn new(top: &Path) -> Outcome<Self> {
        let (real, synced_ns) = (World::real(), Arc::<AtomicU64>::default());
        let disk = TimedDisk(synced_ns.clone(), real.disk.clone());
        let hq = SignKey::from_secret(&[7; 32]);
        let filled = Filled::empty(top, World { disk: Arc::new(disk), ..real }, &hq)?;
        let engine = filled.open()?;
        Ok(Self { filled, engine, clock: SystemClock::new(), synced_ns, hq, fed: 0 })
    }

    /// Fills the office and measures.
    fn costs(&mut self, count: usize, tries: usize) -> Outcome<Costs> {
        let records = self.filled.fill(&mut self.engine, count)?;
        let step = count / CONFLICTS;
        for some in records.iter().step_by(step).collect::<Vec<_>>().chunks(TURN) {
            let beside = some.iter().map(|record| self.told(**record, 1, false));
            let news = beside.collect::<Outcome<_>>()?;
            self.news(news)?;
        }
        self.engine.keep_up()?;
        // Scattered, and the same ones in every run.
        let scattered: Vec<_> = (0..tries).map(|n| records[n * 7919 % count]).collect();
        let lookup = |bench: &mut Self, record: &RecordId| {
            let found = |answer| Input::Record { record: *record, answer };
            let (took_ns, _) = bench.timed(found)?;
            Ok(took_ns)
        };
        let looked_up = scattered.iter().map(|r| lookup(self, r)).collect::<Outcome<Vec<u64>>>()?;
        let mut syncs = Vec::new();
        let mut edited = Vec::new();
        for record in &scattered {
            let change = self.change(*record, 0)?;
            let before_ns = self.synced_ns.load(Ordering::Relaxed);
            let (took_ns, answer) = self.timed(|answer| Input::Change { change, answer })?;
            answer?;
            let sync_ns = self.synced_ns.load(Ordering::Relaxed) - before_ns;
            edited.push(took_ns);
            syncs.push(took_ns.saturating_sub(sync_ns));
            self.engine.keep_up_if_many()?;
        }
        let mut listed = Vec::new();
        for _ in 0..tries.div_ceil(10) {
            let page = |answer| Input::Conflicts { skip: 0, limit: PAGE, answer };
            let (took_ns, (states, _)) = self.timed(page)?;
            if states.len() as u64 != PAGE {
                return Err("conflicts are missing".into());
            }
            listed.push(took_ns);
        }
        Ok([
            ("lookup", median_us(looked_up)),
            ("edit, durable", median_us(edited)),
            ("edit, its sync apart", median_us(syncs)),
            ("first page of conflicts", median_us(listed)),
        ])
    }

    /// Edits each record in turns, by one writer after another.
    fn edits(&mut self, count: usize) -> Outcome<()> {
        let records = self.filled.fill(&mut self.engine, count)?;
        self.engine.keep_up()?;
        println!("{count} records, {EDITS} edits each by {WRITERS} writers");
        let mut resident = resident_kib()?;
        let (mut took_ns, quarter) = (0, EDITS / 4);
        for round in 1..=EDITS {
            for some in records.chunks(TURN) {
                took_ns += self.round(round, some)?;
            }
            if [quarter, 2 * quarter, EDITS].contains(&round) {
                let done = count * if round == EDITS { 2 * quarter } else { quarter };
                let now = resident_kib()?;
                let (each_us, bytes) = per_edit(done, took_ns, now.saturating_sub(resident));
                let part = 100 * round / EDITS;
                println!("up to {part:>3} %  {each_us:>8.1} us  {bytes:>6.0} B of memory, an edit");
                (took_ns, resident) = (0, now);
            }
        }
        for record in &records {
            if self.found(*record)?.state.seen.dots().count() != WRITERS {
                return Err("a vector has not one entry for each writer".into());
            }
        }
        println!("each vector has {WRITERS} entries");
        Ok(())
    }

    /// One edit of each of these records; how long the engine took, in nanoseconds.
    fn round(&mut self, round: usize, records: &[RecordId]) -> Outcome<u64> {
        let writer = round % WRITERS;
        if writer != 0 {
            let told = |record| self.told(record, writer as u64, true);
            let news = records.iter().copied().map(told).collect::<Outcome<_>>()?;
            return self.news(news);
        }
        let (mut inputs, mut answers) = (Vec::new(), Vec::new());
        for record in records {
            let change = self.change(*record, round)?;
            let (answer, waits) = oneshot::channel();
            inputs.push(Input::Change { change, answer });
            answers.push(waits);
        }
        let before_ns = self.clock.mono_ns();
        self.engine.turn(inputs)?;
        self.engine.keep_up_if_many()?;
        let took_ns = self.clock.mono_ns() - before_ns;
        for answer in answers {
            answer.blocking_recv()??;
        }
        Ok(took_ns)
    }

    /// Has the engine do one thing; how long it took, in nanoseconds, and its answer.
    fn timed<T>(&mut self, input: impl FnOnce(oneshot::Sender<T>) -> Input) -> Outcome<(u64, T)> {
        let (answer, waits) = oneshot::channel();
        let input = input(answer);
        let before_ns = self.clock.mono_ns();
        self.engine.turn(vec![input])?;
        Ok((self.clock.mono_ns() - before_ns, waits.blocking_recv()?))
    }

    fn found(&mut self, record: RecordId) -> Outcome<Found> {
        let (_, found) = self.timed(|answer| Input::Record { record, answer })?;
        Ok(found.ok_or("a record is missing")?)
    }

    /// A correction by somebody who has just read the record.
    fn change(&mut self, record: RecordId, round: usize) -> Outcome<Box<Change>> {
        let read = self.found(record)?.state.seen;
        let (group, json) = written(round)?;
        let groups = [(group.clone(), json)].into();
        let edit = Edit { record, at: UnixMs(0), operator: None, opening: None, groups };
        let (key, random) = (self.engine.data_key(), self.filled.world.entropy.random());
        let (journal, packer) = (self.filled.journal, &mut self.filled.packer);
        let sealed = Sealed::new(journal, Kind::EDIT, &edit.encode(), key, packer, random);
        Ok(Box::new(Change { record, read, groups: vec![group], sealed }))
    }

    /// The record as HQ tells it after another writer's edit, who had seen all of it or nothing.
    fn told(&mut self, record: RecordId, writer: u64, saw_all: bool) -> Outcome<SignedNews> {
        let mut state: RecordState<Value> = self.found(record)?.state;
        self.fed += 1;
        let dot = Dot { journal: JournalId(writer), seq: Seq(self.fed) };
        let (group, json) = written(usize::try_from(self.fed)?)?;
        let (by, at) = (OfficeId::hq(), UnixMs(0));
        let value = Value { json, by, at, operator: None, tag: Tag::default() };
        let context = if saw_all { state.seen.clone() } else { VersionVector::default() };
        state.apply(dot, &context, None, [(group, value)]);
        let (epoch, feed) = (EpochId(1), FeedNo(self.fed));
        let (office, record, says) = (office(), Some(record), Says::State(state));
        Ok(SignedNews::sign(&News { epoch, office, feed, record, says }, &self.hq))
    }

    /// Has the engine take in news; how long that took, in nanoseconds.
    fn news(&mut self, news: Vec<SignedNews>) -> Outcome<u64> {
        let upto = Cursor { epoch: EpochId(1), feed: FeedNo(self.fed) };
        let (took_ns, ()) = self.timed(|answer| Input::News { news, upto, answer })?;
        let before_ns = self.clock.mono_ns();
        self.engine.keep_up_if_many()?;
        Ok(took_ns + self.clock.mono_ns() - before_ns)
    }
}

/// What an edit writes.
fn written(n: usize) -> Outcome<(GroupName, Json)> {
    let text = format!("{{\"phone\":\"+964780{n:07}\"}}");
    Ok(("contact".parse()?, Json::of(&json::parse(text.as_bytes())?)))
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn median_us(mut took_ns: Vec<u64>) -> f64 {
    took_ns.sort_unstable();
    took_ns[took_ns.len() / 2] as f64 / 1e3
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn per_edit(edits: usize, took_ns: u64, grown_kib: u64) -> (f64, f64) {
    (took_ns as f64 / 1e3 / edits as f64, grown_kib as f64 * 1024.0 / edits as f64)
}

/// How much memory this process has in use, in KiB.
fn resident_kib() -> Outcome<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    Ok(number.ok_or("no VmRSS")?.parse()?)
}

/// The real disk; how long its syncs take is added up.
struct TimedDisk(Arc<AtomicU64>, Arc<dyn Disk>);

impl TimedDisk {
    fn timed(&self, file: io::Result<Box<dyn DiskFile>>) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(TimedFile(self.0.clone(), SystemClock::new(), file?)))
    }
}

impl Disk for TimedDisk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.timed(self.1.open(path))
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.timed(self.1.open_read(path))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.timed(self.1.create(path))
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

/// A file of [`TimedDisk`].
struct TimedFile(Arc<AtomicU64>, SystemClock, Box<dyn DiskFile>);

impl DiskFile for TimedFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.2.read_at(buf, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.2.write_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        let before_ns = self.1.mono_ns();
        let synced = self.2.sync_data();
        self.0.fetch_add(self.1.mono_ns() - before_ns, Ordering::Relaxed);
        synced
    }

    fn len(&self) -> io::Result<u64> {
        self.2.len()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.2.set_len(len)
    }
}
