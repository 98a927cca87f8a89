//! What one office and HQ cost as real processes: how fast a backlog goes up over loopback into
//! SQLite, what an idle daemon keeps in memory, how soon it is ready. The short one
//! as a test, or with `--smoke`.

use std::error::Error;
use std::fs;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use wasl_tests::clock;
use wasl_tests::fleet::{Hq, Office};
use wasl_tests::process::Binary;
use wasl_tests::sample;
use wasl_tests::wire::Wires;

/// How long anything may take before the bench gives up.
const PATIENCE: Duration = Duration::from_mins(5);

/// How long an idle daemon is left alone before its memory is read.
const IDLE: Duration = Duration::from_secs(3);

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let asked = |flag: &str| std::env::args().any(|arg| arg == flag);
    if asked("--list") {
        return Ok(());
    }
    // `cargo bench` says --bench; a test runs the short one.
    let full = asked("--bench") && !asked("--smoke");
    let (backlog, resident) = if full { (100_000, 10_000) } else { (500, 100) };
    let binary = Binary::at(env!("CARGO_BIN_EXE_wasl-demo"));
    let dir = TempDir::with_prefix("wasl-bench-")?;
    let (wires, mut hq) = (Wires::new()?, Hq::init(&binary, dir.path(), "hq")?);
    hq.at.run()?;
    let office = sample::offices().into_iter().next().ok_or("there are fourteen")?;
    let token = hq.add(&office)?.to_string();
    let link = wires.link(hq.address(), 1)?;
    let mut office = Office::stranger(&binary, dir.path(), &office.id, link);
    office.at.call(&["join", &token])?; // straight to HQ: the link is not measured here

    idle(&mut office, resident)?;
    upload(&mut hq, &mut office, resident, backlog)?;
    hq.at.stop();
    Ok(())
}

/// Lines of the sample under form numbers of their own.
fn lines(from: usize, count: usize) -> String {
    let sample: Vec<&str> = include_str!("../data/enrollments.jsonl").lines().collect();
    let line = |i: usize| {
        let with = format!("\"form_number\": \"{i}-");
        sample[i % sample.len()].replacen("\"form_number\": \"", &with, 1) + "\n"
    };
    (from..from + count).map(line).collect()
}

fn enroll(office: &Office, from: usize, count: usize) -> Outcome<()> {
    let begun = clock::now();
    let out = office.at.output(&["enroll", "-"], lines(from, count).as_bytes())?;
    if !out.status.success() {
        return Err(String::from_utf8_lossy(&out.stderr).into());
    }
    let rate = rate(count, begun.elapsed());
    println!("`wasl enroll` of {count} lines: {rate:.0} enrollments/s, each answered when durable");
    Ok(())
}

fn idle(office: &mut Office, records: usize) -> Outcome<()> {
    office.at.run()?;
    enroll(office, 0, records)?;
    office.at.call(&["wait", "--synced", "--timeout", "120"])?;
    std::thread::sleep(IDLE);
    println!("after enrolling {records} records: {} KiB resident", resident_kib(office)?);
    office.at.stop();
    let begun = clock::now();
    office.at.run()?;
    println!("ready after a clean stop: {} ms", begun.elapsed().as_millis());
    std::thread::sleep(IDLE);
    println!("idle with {records} records: {} KiB resident", resident_kib(office)?);
    Ok(())
}

fn upload(hq: &mut Hq, office: &mut Office, known: usize, backlog: usize) -> Outcome<()> {
    hq.at.stop();
    enroll(office, known, backlog)?;
    // A fresh office dials at once: the wait between two attempts is not part of the transfer.
    office.at.stop();
    hq.at.run()?;
    let begun = clock::now();
    office.at.start()?;
    let mut first = None;
    let all = known + backlog;
    let done = clock::until(PATIENCE, || {
        let records = hq.at.status().ok()?["totals"]["records"].as_u64()?;
        let records = usize::try_from(records).ok()?;
        if records > known && first.is_none() {
            first = Some((begun.elapsed(), records));
        }
        (records >= all).then(|| begun.elapsed())
    });
    let done = done.ok_or("HQ did not get all of them")?;
    println!(
        "upload of {backlog} records: {:.0}/s from the daemon's start to the last one in SQLite",
        rate(backlog, done)
    );
    if let Some((at, records)) = first.filter(|(_, records)| *records < all) {
        println!("  while it ran: {:.0}/s", rate(all - records, done.saturating_sub(at)));
    }
    println!("HQ after it: {} KiB resident", status_kib(&hq.at.status()?)?);
    office.at.call(&["wait", "--synced", "--timeout", "60"])?;
    println!("office after it: {} KiB resident", resident_kib(office)?);
    office.at.stop();
    Ok(())
}

fn resident_kib(office: &Office) -> Outcome<u64> {
    status_kib(&office.at.status()?["agent"])
}

/// The resident memory of the process whose `pid` a status names.
fn status_kib(status: &Value) -> Outcome<u64> {
    let pid = status["pid"].as_u64().ok_or("the status names no pid")?;
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).ok_or("no VmRSS")?;
    Ok(kib.trim().parse()?)
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn rate(count: usize, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}
