//! Starting with many entries: after a clean stop, after a power cut (the view is folded again), and
//! verifying every byte. A few entries as a test, or with `--smoke`; `--resident` prints the memory in use too.

mod filled;

use std::path::Path;

use wasl_agent::engine::{discard_view, journals, start};
use wasl_agent::journal::verify;
use wasl_agent::seam::{Clock, SystemClock, World};
use wasl_protocol::keys::SignKey;

use filled::{Filled, Outcome};

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
    let mut office = Filled::empty(top, World::real(), &SignKey::from_secret(&[7; 32]))?;
    let (world, identity) = (office.world.clone(), office.identity.clone());
    let (dir, config, journal) = (identity.dir(), office.config, office.journal);
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
        let mut engine = office.open()?;
        office.fill(&mut engine, entries).map(|_| ())
    })?;
    run("start after a kill", entries)?;
    run("start after a clean stop", entries)?;
    discard_view(&world, dir)?;
    run("start after a power cut", entries)?;
    timed("verify", &mut || {
        let verified = verify(&*world.disk, &journals(dir), journal, None)?;
        verified.map(|_| ()).map_err(|damage| damage.to_string().into())
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
