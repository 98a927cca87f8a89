//! How soon an edition that is pushed with `--now` is in force at thirteen linked offices, over
//! links with a satellite's delay, beside the round trip of those links. The short one as a test,
//! or with `--smoke`.

use std::error::Error;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use wasl_tests::clock;
use wasl_tests::fleet::{Hq, Office};
use wasl_tests::process::Binary;
use wasl_tests::sample;
use wasl_tests::wire::{Weather, Wires};

/// How long anything may take before the bench gives up.
const PATIENCE: Duration = Duration::from_mins(2);

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let asked = |flag: &str| std::env::args().any(|arg| arg == flag);
    if asked("--list") {
        return Ok(());
    }
    // `cargo bench` says --bench; a test runs the short one.
    let full = asked("--bench") && !asked("--smoke");
    let (many, one_way, runs) =
        if full { (13, Duration::from_millis(300), 5) } else { (2, Duration::from_millis(20), 1) };
    let binary = Binary::at(env!("CARGO_BIN_EXE_wasl-demo"));
    let dir = TempDir::with_prefix("wasl-bench-")?;
    let (wires, mut hq) = (Wires::new()?, Hq::init(&binary, dir.path(), "hq")?);
    hq.at.run()?;
    let mut offices = Vec::new();
    for (at, office) in sample::offices().into_iter().take(many).enumerate() {
        let link = wires.link(hq.address(), at as u64)?;
        let mut office = Office::join(&binary, dir.path(), hq.add(&office)?, link)?;
        office.at.run()?;
        offices.push(office);
    }
    for office in &offices {
        office.at.call(&["wait", "--synced", "--timeout", "60"])?;
        office.link.set(Weather { delay: one_way, ..Weather::default() });
    }
    // The link's own measure of the delay needs a few round trips.
    thread::sleep(one_way * 8);
    println!("{many} linked offices, round trip {} ms", one_way.as_millis() * 2);
    for serial in 1..=runs {
        push(&hq, &offices, serial, one_way)?;
    }
    let lines = if full { 1_000 } else { 20 };
    for (n, cap_kbit_s) in (1..).zip([0, 64, 16]) {
        upload(&hq, &offices[0], runs + n, cap_kbit_s, lines)?;
    }
    for office in &mut offices {
        office.at.stop();
    }
    hq.at.stop();
    Ok(())
}

fn push(hq: &Hq, offices: &[Office], serial: u64, one_way: Duration) -> Outcome<()> {
    let before: u64 = offices.iter().map(|office| office.link.bytes()).sum();
    let file = sign(hq, serial, &format!("[settings.day]\ncapacity = {}\n", 90 + serial))?;
    let begun = clock::now();
    hq.at.call(&["config", "push", &file, "--now"])?;
    let pushed = begun.elapsed();
    let in_force: Vec<_> = thread::scope(|scope| {
        let waits = |office| scope.spawn(move || in_force(office, serial, begun));
        let waits: Vec<_> = offices.iter().map(waits).collect();
        waits.into_iter().map(|wait| wait.join().expect("it does not panic")).collect()
    });
    let mut in_force = in_force.into_iter().collect::<Outcome<Vec<_>>>()?;
    in_force.sort_unstable();
    let told = clock::until(PATIENCE, || {
        let told = rollout(hq, serial).ok()?;
        let rows = told["offices"].as_array()?.clone();
        let on = |row: &&Value| row["running"] == serial;
        (rows.iter().filter(on).count() == offices.len()).then(|| begun.elapsed())
    });
    let told = told.ok_or("HQ was not told by all of them")?;
    let bytes = offices.iter().map(|office| office.link.bytes()).sum::<u64>() - before;
    let trips = |took: Duration| took.as_secs_f64() / (one_way.as_secs_f64() * 2.0);
    let (first, last) = (in_force[0], in_force[in_force.len() - 1]);
    println!(
        "edition {serial}: pushed in {} ms; in force after {} ms (first) and {} ms (last, {:.2} \
         round trips); HQ told by all after {} ms ({:.2}); {} bytes a link",
        pushed.as_millis(),
        first.as_millis(),
        last.as_millis(),
        trips(last),
        told.as_millis(),
        trips(told),
        bytes / offices.len() as u64,
    );
    Ok(())
}

/// How fast records go up under a cap; 0: none.
fn upload(hq: &Hq, office: &Office, serial: u64, cap_kbit_s: u64, lines: usize) -> Outcome<()> {
    let file = sign(hq, serial, &format!("[settings.bandwidth]\nrecords_kbit_s = {cap_kbit_s}\n"))?;
    hq.at.call(&["config", "push", &file, "--now"])?;
    in_force(office, serial, clock::now())?;
    office.link.cut();
    let backlog = clock::until(PATIENCE, || {
        let status = office.at.status().ok()?;
        (status["link"]["state"] != "up").then_some(())
    });
    backlog.ok_or("the office does not notice the cut")?;
    let sample: Vec<_> = sample::lines().collect();
    let line = |n: usize| {
        let with = format!("\"form_number\": \"{serial}-{n}-");
        sample[n % sample.len()].replacen("\"form_number\": \"", &with, 1) + "\n"
    };
    let text: String = (0..lines).map(line).collect();
    office.at.output(&["enroll", "-"], text.as_bytes())?;
    let bytes = office.at.status()?["sync"]["backlog_bytes"].as_u64().ok_or("no backlog")?;
    office.link.restore();
    office.at.call(&["wait", "--link", "--timeout", "120"])?;
    let begun = clock::now();
    office.at.call(&["wait", "--synced", "--timeout", "600"])?;
    let took = begun.elapsed();
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let kbit_s = bytes as f64 * 8.0 / 1000.0 / took.as_secs_f64();
    println!("cap {cap_kbit_s} kbit/s: {bytes} bytes of entries in {took:.1?}: {kbit_s:.0} kbit/s");
    Ok(())
}

/// Writes an edition and signs it with the key that `init` wrote; answers the file's name.
fn sign(hq: &Hq, serial: u64, settings: &str) -> Outcome<String> {
    let root = hq.at.dir().parent().ok_or("the data dir lies in a folder")?;
    let draft = root.join(format!("{serial}.toml"));
    let signed = root.join(format!("{serial}.edition"));
    let text = format!(
        "[edition]\nserial = {serial}\nauthor = \"bench\"\nreason = \"bench\"\n\
         [edition.probation]\nsoak_s = 0\nconfirm_s = 0\n{settings}"
    );
    std::fs::write(&draft, text)?;
    let key = format!("{}.config-key", hq.at.dir().display());
    let (draft, signed) = (draft.display().to_string(), signed.display().to_string());
    hq.at.call(&["config", "sign", &draft, "--key", &key, "-o", &signed])?;
    Ok(signed)
}

fn in_force(office: &Office, serial: u64, begun: Instant) -> Outcome<Duration> {
    let mut http = office.at.http()?;
    loop {
        if http.get("/v1/config")?["running"] == serial {
            return Ok(begun.elapsed());
        }
        if begun.elapsed() > PATIENCE {
            return Err("an office does not take it".into());
        }
        thread::sleep(Duration::from_millis(5));
    }
}

fn rollout(hq: &Hq, serial: u64) -> Outcome<Value> {
    Ok(hq.at.get(&format!("/v1/config/rollout?serial={serial}"))?)
}
