//! What one office's daemon costs while nothing happens: memory, processor, bytes on the wire; and
//! what a full listing leaves behind. An hour; the short one as a test, or with `--smoke`.

use std::error::Error;
use std::fs;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use wasl_tests::clock;
use wasl_tests::fleet::{Hq, Office};
use wasl_tests::process::Binary;
use wasl_tests::sample;
use wasl_tests::wire::Wires;

/// How long what a burst took may stay before the daemon counts as idle.
const SETTLES: Duration = Duration::from_secs(30);

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let asked = |flag: &str| std::env::args().any(|arg| arg == flag);
    if asked("--list") {
        return Ok(());
    }
    // `cargo bench` says --bench; a test runs the short one.
    let full = asked("--bench") && !asked("--smoke");
    let (records, idle, listed, settles) = if full {
        (10_000, Duration::from_hours(1), 100_000, SETTLES)
    } else {
        (100, Duration::from_secs(2), 200, Duration::ZERO)
    };
    let binary = Binary::at(env!("CARGO_BIN_EXE_wasl-demo"));
    let dir = TempDir::with_prefix("wasl-bench-")?;
    let (wires, mut hq) = (Wires::new()?, Hq::init(&binary, dir.path(), "hq")?);
    hq.at.run()?;
    let office = sample::offices().into_iter().next().ok_or("there are fourteen")?;
    let link = wires.link(hq.address(), 1)?;
    let mut office = Office::join(&binary, dir.path(), hq.add(&office)?, link)?;
    office.at.run()?;

    enroll(&office, 0, records)?;
    println!(
        "{records} records enrolled and synced in one go: {} KiB resident",
        resident(&office)?
    );
    sleep(settles);
    println!("{} s later: {} KiB resident", settles.as_secs(), resident(&office)?);
    office.at.stop();
    office.at.run()?;
    office.at.call(&["wait", "--synced", "--timeout", "60"])?;
    watch(&office, idle)?;

    enroll(&office, records, listed - records)?;
    let all = office.at.call(&["record", "list", "--json"])?;
    println!("a listing of {listed} records has {} bytes", all.len());
    println!("right after it: {} KiB resident", resident(&office)?);
    sleep(settles);
    println!("{} s later: {} KiB resident", settles.as_secs(), resident(&office)?);
    office.at.stop();
    office.at.run()?;
    println!("after a start with them: {} KiB resident", resident(&office)?);
    office.at.call(&["record", "list", "--json"])?;
    println!("and a full listing: {} KiB resident", resident(&office)?);
    office.at.stop();
    hq.at.stop();
    Ok(())
}

/// Lines of the sample under form numbers of their own; waits until HQ has them.
fn enroll(office: &Office, from: usize, count: usize) -> Outcome<()> {
    let sample: Vec<_> = sample::lines().collect();
    let line = |i: usize| {
        let with = format!("\"form_number\": \"{i}-");
        sample[i % sample.len()].replacen("\"form_number\": \"", &with, 1) + "\n"
    };
    let lines: String = (from..from + count).map(line).collect();
    let out = office.at.output(&["enroll", "-"], lines.as_bytes())?;
    if !out.status.success() {
        return Err(String::from_utf8_lossy(&out.stderr).into());
    }
    office.at.call(&["wait", "--synced", "--timeout", "600"])?;
    Ok(())
}

/// Leaves the daemon alone and says what it took.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn watch(office: &Office, idle: Duration) -> Outcome<()> {
    let (begun, ticks, bytes) = (clock::now(), ticks(office)?, office.link.bytes());
    sleep(idle);
    let took = begun.elapsed().as_secs_f64();
    let ticks = self::ticks(office)? - ticks;
    let bytes = office.link.bytes() - bytes;
    let per_second = rustix::param::clock_ticks_per_second() as f64;
    println!(
        "idle for {took:.0} s: {} KiB resident, {:.3} % of a core, {:.0} bytes/min on the wire",
        resident(office)?,
        ticks as f64 / per_second / took * 100.0,
        bytes as f64 / took * 60.0,
    );
    Ok(())
}

/// Processor time of the daemon so far, in clock ticks (`man 5 proc`, fields 14 and 15).
fn ticks(office: &Office) -> Outcome<u64> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid(office)?))?;
    let (_, fields) = stat.rsplit_once(')').ok_or("no stat")?;
    let field = |at: usize| -> Outcome<u64> {
        Ok(fields.split_whitespace().nth(at - 3).ok_or("a short stat")?.parse()?)
    };
    Ok(field(14)? + field(15)?)
}

fn resident(office: &Office) -> Outcome<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", pid(office)?))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).ok_or("no VmRSS")?;
    Ok(kib.trim().parse()?)
}

fn pid(office: &Office) -> Outcome<u64> {
    let status: Value = office.at.status()?;
    Ok(status["agent"]["pid"].as_u64().ok_or("the status names no pid")?)
}
