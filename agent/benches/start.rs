//! Starting with many entries: after a clean stop, after a power cut (the view is folded again), and
//! verifying every byte. A few entries as a test, or with `--smoke`; `--resident` prints the memory in use too.

use std::error::Error;
use std::path::Path;

use tokio::sync::oneshot;
use wasl_agent::engine::{
    Engine, EngineConfig, Input, Prepared, VIEW_CACHE_BYTES, birth, discard_view, journals, open,
    start,
};
use wasl_agent::journal::verify;
use wasl_agent::keystore::{Identity, KeyFile};
use wasl_agent::seam::{Clock, SystemClock, World};
use wasl_protocol::frame::{Kind, Sealed};
use wasl_protocol::id::{EpochId, JournalId, OfficeId};
use wasl_protocol::join::Joined;
use wasl_protocol::keys::{DataKey, SignKey, UnwrapKey};
use wasl_protocol::pack::Packer;
use wasl_protocol::record::Draft;
use wasl_protocol::units::UnixMs;

const SAMPLE: &str = include_str!("../../tests/data/enrollments.jsonl");

/// How many enrollments share a turn while the journal is filled.
const TURN: usize = 256;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let asked = |flag: &str| std::env::args().any(|arg| arg == flag);
    if asked("--list") {
        return Ok(());
    }
    // `cargo bench` says --bench; a test runs the short one.
    let smoke = asked("--smoke") || !asked("--bench");
    let entries = if smoke { 2_000 } else { 200_000 };
    let top = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("start-{}", std::process::id()));
    std::fs::create_dir_all(&top)?;
    let done = compare(&top, entries);
    std::fs::remove_dir_all(&top)?;
    done
}

fn compare(top: &Path, entries: usize) -> Outcome<()> {
    let (world, dir) = (World::real(), top.join("office"));
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
        clock: UnixMs(0),
    };
    let journal = birth(&world, &identity, &joined)?;
    let config = EngineConfig { hq, view_cache_bytes: VIEW_CACHE_BYTES };
    let clock = SystemClock::new();
    let timed = |what: &str, work: &mut dyn FnMut() -> Outcome<()>| -> Outcome<()> {
        let before_ns = clock.mono_ns();
        work()?;
        println!("{what:<40} {:>8} ms", (clock.mono_ns() - before_ns) / 1_000_000);
        Ok(())
    };
    let run = |what: &str, entries: usize| -> Outcome<()> {
        let mut running = None;
        timed(what, &mut || {
            running = Some(start(&world, &identity, config, &mut |_| {})?);
            Ok(())
        })?;
        let running = running.ok_or("not started")?;
        if running.handle.facts().borrow().records != entries as u64 {
            return Err("records are missing".into());
        }
        resident(what)?;
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        runtime.block_on(running.handle.stop());
        running.thread.join().map_err(|_| "the engine panicked")??;
        Ok(())
    };
    println!("{entries} entries");
    run("first start", 0)?;
    timed("enrolling", &mut || {
        let mut engine = open(&world, &identity, config, &mut |_| {})?;
        fill(&mut engine, (&world, journal), entries)
    })?;
    run("start after a kill", entries)?;
    run("start after a clean stop", entries)?;
    discard_view(&world, &dir)?;
    run("start after a power cut", entries)?;
    timed("verify", &mut || {
        let verified = verify(&*world.disk, &journals(&dir), journal, None)?;
        verified.map(|_| ()).map_err(|damage| damage.to_string().into())
    })
}

fn office() -> OfficeId {
    "suq-al-shuyukh".parse().expect("a valid id")
}

fn fill(engine: &mut Engine, at: (&World, JournalId), entries: usize) -> Outcome<()> {
    let sample: Vec<&str> = SAMPLE.lines().collect();
    let (mut packer, key) = (Packer::new(), engine.data_key().clone());
    let numbers: Vec<usize> = (0..entries).collect();
    for some in numbers.chunks(TURN) {
        let mut inputs = Vec::new();
        let mut answers = Vec::new();
        for i in some {
            let with = format!("\"form_number\": \"{i}-");
            let line = sample[i % sample.len()].replacen("\"form_number\": \"", &with, 1);
            let prepared = Box::new(prepare(&line, at, &key, &mut packer)?);
            let (answer, waits) = oneshot::channel();
            inputs.push(Input::Enroll { prepared, answer });
            answers.push(waits);
        }
        engine.turn(inputs)?;
        engine.keep_up_if_many()?;
        for answer in answers {
            answer.blocking_recv()??;
        }
    }
    Ok(())
}

fn prepare(
    line: &str,
    (world, journal): (&World, JournalId),
    key: &DataKey,
    packer: &mut Packer,
) -> Outcome<Prepared> {
    let edit = Draft::parse(line.as_bytes())?.into_edit(&office(), UnixMs(0));
    let random = world.entropy.random();
    let sealed = Sealed::new(journal, Kind::EDIT, &edit.encode(), key, packer, random);
    let opening = edit.opening.ok_or("a draft opens a record")?;
    Ok(Prepared {
        record: edit.record,
        form_number: opening.form_number,
        posted: opening.posted,
        groups: edit.groups.into_keys().collect(),
        sealed,
    })
}

/// Prints how much memory is in use, if that was asked for.
fn resident(what: &str) -> Outcome<()> {
    if std::env::args().any(|arg| arg == "--resident") {
        let status = std::fs::read_to_string("/proc/self/status")?;
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default();
        println!("  {what}: {line}");
    }
    Ok(())
}
