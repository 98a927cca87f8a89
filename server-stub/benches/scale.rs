//! What one record costs among many, and what its twentieth edit costs.
//!
//! `cargo bench -p wasl-server-stub --bench scale` looks up, edits and lists conflicts among 10,000
//! records and among 1,000,000 (or as many as `WASL_SCALE_RECORDS` says), and then writes 10,000
//! records 20 times each, from three offices and HQ. As a test, or with `--smoke`, the same among
//! 200 and 1,000, and 100 records. The figures are medians.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wasl_protocol::codec;
use wasl_protocol::entry::{Edit, Genesis, Log, Opening};
use wasl_protocol::frame::{Kind, Sealed};
use wasl_protocol::id::{Dot, GroupName, JournalId, OfficeId, Position, RecordId};
use wasl_protocol::join::{JoinRequest, TransportKey};
use wasl_protocol::json::{self, Json};
use wasl_protocol::keys::{DataKey, SignKey, UnwrapKey};
use wasl_protocol::limits::ENTRIES_BYTES;
use wasl_protocol::pack::Packer;
use wasl_protocol::record::{Correction, VersionVector};
use wasl_protocol::units::UnixMs;
use wasl_protocol::wire::Entries;
use wasl_server_stub::registry::{HqKeys, mint};
use wasl_server_stub::seam::{Entropy, World};
use wasl_server_stub::store::{DATABASE, Office, Store};

const MANY: &str = "WASL_SCALE_RECORDS";
/// One record in so many is in conflict.
const CONFLICT_EVERY: u32 = 50;
/// As many as a page of the list shows.
const PAGE: u32 = 100;
/// How often each thing is measured.
const SAMPLES: u32 = 200;
/// How often each record is written, its opening and HQ's two grants counted.
const EDITS: u32 = 20;
const HQ_SECRET: [u8; 32] = [1; 32];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| args.iter().any(|a| a == flag);
    if has("--list") {
        // Asked for the ignored ones only, there is none.
        if !has("--ignored") {
            println!("scale_smoke: test");
        }
        return;
    }
    let full = has("--bench") && !has("--smoke");
    let asked = std::env::var(MANY).ok();
    let many = asked.map_or(1_000_000, |n| n.parse().expect("WASL_SCALE_RECORDS is a number"));
    let (sizes, records) = if full { ([10_000, many], 10_000) } else { ([200, 1_000], 100) };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("threads").block_on(async {
        among(sizes).await;
        many_edits(records).await;
    });
}

/// What a lookup, an edit and a page of conflicts cost among so many records.
async fn among([few, many]: [u32; 2]) {
    let (few, many) = (Costs::measure(few).await, Costs::measure(many).await);
    for (what, (a, b)) in few.0.iter().zip(&many.0).map(|(a, b)| (a.0, (a.1, b.1))) {
        println!("{what:<18} {a:>12?} {b:>12?}  ratio {:.2}", b.as_secs_f64() / a.as_secs_f64());
    }
}

/// The median of each thing.
struct Costs(Vec<(&'static str, Duration)>);

impl Costs {
    async fn measure(records: u32) -> Self {
        let hq = Hq::new().await;
        let mut writer = hq.join("nasr", 7).await;
        for n in 0..records {
            let opened = writer.open(n);
            if n % CONFLICT_EVERY == 0 {
                // Neither has seen the other.
                for text in ["one", "other"] {
                    writer.put(n, "contact", text, &VersionVector::of([opened]));
                }
            }
            writer.send_full(&hq).await;
        }
        writer.send(&hq).await;
        let conflicts = u64::from(records.div_ceil(CONFLICT_EVERY));
        assert_eq!(hq.store.totals().await.expect("counts").conflicts, conflicts);
        // Spread over all, and beside those that are in conflict.
        let samples = SAMPLES.min(records / 10);
        let step = records / samples;
        let ids: Vec<_> = (0..samples).map(|n| writer.record(n * step + 1)).collect();
        let (mut lookups, mut edits, mut pages) = (Vec::new(), Vec::new(), Vec::new());
        for id in ids {
            let start = now();
            let state = hq.store.record(id).await.expect("read").expect("there");
            lookups.push(start.elapsed());
            let groups = [(group("contact"), text("corrected"))].into();
            let correction = Correction { groups, operator: None };
            let start = now();
            hq.store.edit(id, &state.seen, correction).await.expect("stored");
            edits.push(start.elapsed());
            let start = now();
            let page = hq.store.conflicts(None, PAGE).await.expect("read");
            pages.push(start.elapsed());
            assert_eq!(page.len() as u64, conflicts.min(u64::from(PAGE)));
        }
        hq.store.close().await;
        println!("among {records} records, {conflicts} of them in conflict");
        Self(vec![
            ("a lookup", median(lookups)),
            ("an edit", median(edits)),
            ("a page of conflicts", median(pages)),
        ])
    }
}

/// Writes `records` records 20 times each, by three offices and HQ in turn.
async fn many_edits(records: u32) {
    let hq = Hq::new().await;
    let mut writers =
        [hq.join("nasr", 7).await, hq.join("fajr", 8).await, hq.join("batha", 9).await];
    let mut seen: Vec<VersionVector> = Vec::new();
    for n in 0..records {
        seen.push(VersionVector::of([writers[0].open(n)]));
        writers[0].send_full(&hq).await;
    }
    writers[0].send(&hq).await;
    let ids: Vec<_> = (0..records).map(|n| writers[0].record(n)).collect();
    for id in &ids {
        for granted in &writers[1..] {
            hq.store.grant(*id, &granted.office.id, false, None).await.expect("stored");
        }
    }
    for (id, seen) in ids.iter().zip(&mut seen) {
        seen.join(&hq.store.record(*id).await.expect("read").expect("there").seen);
    }
    println!("{records} records, {EDITS} edits each of three offices and HQ");
    let mut took = BTreeMap::new();
    for edit in 4..=EDITS {
        let writer = &mut writers[edit as usize % 3];
        let name = ["person", "contact", "address", "visit"][edit as usize / 3 % 4];
        let mut spent = Duration::ZERO;
        for n in 0..records {
            let id = ids[n as usize];
            let context = &mut seen[n as usize];
            let dot = writer.edit(id, name, &edit.to_string(), context);
            context.add(dot);
            spent += writer.send_full(&hq).await;
        }
        spent += writer.send(&hq).await;
        took.insert(edit, spent / records);
    }
    for percent in [25, 50, 100] {
        let edit = EDITS * percent / 100;
        println!("edit {edit:>2}: {:?} each", took[&edit]);
    }
    let last = hq.store.record(ids[ids.len() - 1]).await.expect("read").expect("there");
    assert_eq!(last.seen.dots().count(), 4, "as many entries as journals that wrote it");
    assert_eq!(last.seen, seen[seen.len() - 1]);
    let (_, acts) = hq.store.history(last.origin.id()).await.expect("read").expect("there");
    assert_eq!(acts.len(), EDITS as usize);
    println!("a state after that: {} bytes, a vector of 4", codec::encode(&last).len());
    hq.store.close().await;
}

struct Hq {
    store: Store,
    keys: HqKeys,
    _dir: tempfile::TempDir,
}

impl Hq {
    async fn new() -> Self {
        struct Fixed;
        impl Entropy for Fixed {
            fn random(&self) -> [u8; 32] {
                HQ_SECRET
            }
        }
        let dir = tempfile::tempdir().expect("a temporary folder");
        let fixed = World { entropy: Arc::new(Fixed), ..World::real() };
        let (keys, _) = HqKeys::generate(&fixed);
        let path = dir.path().join(DATABASE);
        let store = Store::open(&path, &keys, World::real()).await.expect("a database");
        Self { store, keys, _dir: dir }
    }

    /// An office that has joined, with a journal of this number.
    async fn join(&self, id: &str, number: u8) -> Writer {
        let (id, secret): (OfficeId, _) = (id.parse().expect("an id"), [number; 32]);
        let (sign, transport) = (SignKey::from_secret(&secret), TransportKey(secret));
        let minted = mint(id.clone(), transport, "hq:1".to_owned(), &World::real());
        let token = (minted.hash, minted.expires_at);
        self.store.add_office(&id, ("", "office"), token).await.expect("added");
        let wrap = UnwrapKey::from_secret(&secret).wrap_key();
        let request = JoinRequest::new(&minted.token, transport, &sign, wrap, "bench");
        let office = self.store.join(&request, transport, UnixMs(0)).await;
        let office = office.expect("asked").expect("let in");
        let (journal, key) = (JournalId(u64::from(number)), DataKey::new(secret));
        let readers = [(self.keys.unwrap_key().wrap_key(), [4; 32])];
        let public = sign.verify_key();
        let genesis = Genesis::new(Log::Journal, id, UnixMs(0), public, (&key, journal), &readers);
        let mut frames = Vec::new();
        let at = genesis.expect("a key for HQ").link(journal, &mut frames);
        let (packer, sent) = (Packer::new(), Position::start(journal));
        Writer { office, sign, journal, key, packer, sent, at, frames }
    }
}

/// Writes the journal of an office.
struct Writer {
    office: Office,
    sign: SignKey,
    journal: JournalId,
    key: DataKey,
    packer: Packer,
    sent: Position,
    at: Position,
    frames: Vec<u8>,
}

impl Writer {
    fn record(&self, n: u32) -> RecordId {
        RecordId::of(&self.office.id, &form(n))
    }

    /// Opens the record number `n`; the dot.
    fn open(&mut self, n: u32) -> Dot {
        let opening = Some(Opening { form_number: form(n), posted: [1; 16] });
        let groups = ["person", "contact", "address", "visit"];
        let groups = groups.map(|name| (group(name), text("first"))).into();
        let record = self.record(n);
        let edit = Edit { record, at: UnixMs(0), operator: None, opening, groups };
        self.write(&edit, &VersionVector::default())
    }

    fn put(&mut self, n: u32, name: &str, value: &str, context: &VersionVector) -> Dot {
        self.edit(self.record(n), name, value, context)
    }

    fn edit(&mut self, record: RecordId, name: &str, value: &str, context: &VersionVector) -> Dot {
        let groups = [(group(name), text(value))].into();
        let edit = Edit { record, at: UnixMs(0), operator: None, opening: None, groups };
        self.write(&edit, context)
    }

    fn write(&mut self, edit: &Edit, context: &VersionVector) -> Dot {
        let mut random = [0; 32];
        random[..8].copy_from_slice(&self.at.seq.0.to_le_bytes());
        let (packer, plain) = (&mut self.packer, edit.encode());
        let sealed = Sealed::new(self.journal, Kind::EDIT, &plain, &self.key, packer, random);
        self.at = sealed.link(&self.at, context, &mut self.frames);
        Dot { journal: self.journal, seq: self.at.seq }
    }

    /// Sends what was written, if that fills a message; how long HQ took.
    async fn send_full(&mut self, hq: &Hq) -> Duration {
        if self.frames.len() < ENTRIES_BYTES { Duration::ZERO } else { self.send(hq).await }
    }

    async fn send(&mut self, hq: &Hq) -> Duration {
        if self.frames.is_empty() {
            return Duration::ZERO;
        }
        let frames = std::mem::take(&mut self.frames);
        let after = std::mem::replace(&mut self.sent, self.at);
        let message = Entries::new(self.journal, after, frames, self.at, &self.sign);
        let start = now();
        let appended = hq.store.append(&self.office, message).await.expect("stored");
        let took = start.elapsed();
        assert_eq!((appended.stored, appended.held), (self.at, 0));
        took
    }
}

fn form(n: u32) -> wasl_protocol::id::FormNumber {
    format!("f-{n:07}").parse().expect("a form number")
}

fn group(name: &str) -> GroupName {
    name.parse().expect("a group's name")
}

/// A group of the usual size that says this.
fn text(value: &str) -> Json {
    let fields = ["given_name", "father_name", "grandfather_name", "surname", "birth_place"];
    let fields = fields.map(|name| format!("\"{name}\":\"سوق الشيوخ {value}\"")).join(",");
    Json::of(&json::parse(format!("{{{fields}}}").as_bytes()).expect("JSON"))
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort_unstable();
    all[all.len() / 2]
}

#[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
fn now() -> Instant {
    Instant::now()
}
