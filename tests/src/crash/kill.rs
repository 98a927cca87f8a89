//! `kill -9` of the real daemons at random moments, under load, on an ordinary folder.

use super::check::{Scene, hurry, ids};
use super::load::Clients;
use super::{CrashError, must};
use crate::disk::Moment;
use crate::fleet::{Hq, Office};
use crate::process::Binary;
use crate::sample;
use crate::wire::Wires;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;
use tempfile::TempDir;

/// How many enroll at once.
const CLIENTS: u64 = 3;

/// How long a daemon lives at most.
const LIFE_MS: u64 = 80;

/// After how many kills everything is compared.
const LOOKED_AT: u64 = 100;

/// Kills the daemon of the office, or of HQ, so many times. Answers how many enrollments were
/// answered; none of them is missing.
pub(super) fn kill(
    binary: &Binary,
    office_dies: bool,
    kills: u64,
    seed: u64,
) -> Result<usize, CrashError> {
    let dir = TempDir::with_prefix("wasl-kill-")?;
    let wires = Wires::new()?;
    let mut hq = Hq::init(binary, dir.path(), "hq")?;
    hq.at.run()?;
    let sample = sample::offices().into_iter().next();
    let sample = sample.ok_or(CrashError::Impossible("there are no offices".into()))?;
    let link = wires.link(hq.address(), seed)?;
    let office = Office::join(binary, dir.path(), hq.add(&sample)?, link)?;
    hurry(&office.at)?;
    let mut scene = Scene { hq, office };
    scene.office.at.run()?;
    let now = || Moment(0);
    let clients = Clients::start(CLIENTS, scene.office.at.dir(), &scene.office.id, Arc::new(now));
    let died = die(&mut scene, office_dies, (kills, seed));
    let heard = clients.end();
    died?;
    let answered: BTreeSet<String> = heard.answered.into_iter().map(|a| a.id).collect();
    scene.agree()?;
    let kept = ids(&scene.office.at.call(&["record", "list", "--json"])?);
    let missing = answered.difference(&kept).count();
    must(missing == 0, "I1: what was answered is there", || {
        format!("{missing} of {} are missing after {kills} kills", answered.len())
    })?;
    scene.view_is_the_fold()?;
    scene.nobody_panicked()?;
    Ok(answered.len())
}

fn die(scene: &mut Scene, office_dies: bool, (kills, seed): (u64, u64)) -> Result<(), CrashError> {
    let mut dice = fastrand::Rng::with_seed(seed);
    for n in 1..=kills {
        sleep(Duration::from_millis(dice.u64(0..=LIFE_MS)));
        let victim = if office_dies { &mut scene.office.at } else { &mut scene.hq.at };
        victim.kill();
        victim.start()?;
        // Some are killed before they are ready.
        let looked_at = n % LOOKED_AT == 0;
        if looked_at || dice.u8(0..8) > 0 {
            victim.ready()?;
        }
        if looked_at {
            scene.nobody_panicked()?;
        }
    }
    let victim = if office_dies { &mut scene.office.at } else { &mut scene.hq.at };
    victim.kill();
    victim.run()?;
    Ok(())
}
