//! What must hold after a crash, asked of the real programs.

use super::{CrashError, must};
use crate::fleet::{Hq, Installation, Office};
use crate::forms;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// How long an office may take until HQ has all it has, in seconds.
const SYNC_S: &str = "60";

/// Settings of an office in a hurry.
const SETTINGS: &str = "[link]\nbackoff_max_s = 1\nconnect_timeout_s = 3\n";

/// The number of the first form that is enrolled after a crash: none of before is that high.
const AFTERWARDS: usize = 90_000;

/// How many are enrolled after a crash.
const AGAIN: usize = 3;

/// HQ and an office whose daemons do not run, after a crash of one, or both.
pub(super) struct Scene {
    pub(super) hq: Hq,
    pub(super) office: Office,
}

/// What was promised before the crash.
pub(super) struct Promised {
    /// Records whose enrollment was answered.
    pub(super) answered: BTreeSet<String>,
    /// Up to which entry HQ acknowledged the office's journal.
    pub(super) stored: u64,
}

/// Makes an office impatient.
pub(super) fn hurry(office: &Installation) -> Result<(), CrashError> {
    let conf_d = office.dir().join("conf.d");
    fs::create_dir_all(&conf_d)?;
    Ok(fs::write(conf_d.join("tests.toml"), SETTINGS)?)
}

impl Scene {
    /// Starts everything, checks all that must hold, and stops it.
    pub(super) fn check(&mut self, promised: &Promised) -> Result<(), CrashError> {
        hurry(&self.office.at)?;
        self.hq.at.run()?;
        let at_hq = self.stored_at_hq()?;
        must(promised.stored <= at_hq, "I3: what HQ acknowledged is durable at HQ", || {
            format!("it acknowledged {}, and has {at_hq}", promised.stored)
        })?;
        self.office.at.run()?;
        let says = self.office.at.status()?["sync"]["stored_seq"].as_u64().unwrap_or(0);
        // The link may be up already: HQ is asked after the office.
        let at_hq = self.stored_at_hq()?;
        must(says <= at_hq, "I3: an office's receipt speaks of what HQ has", || {
            format!("the office says {says}, HQ has {at_hq}")
        })?;
        let kept = ids(&self.office.at.call(&["record", "list", "--json"])?);
        let missing = promised.answered.difference(&kept).count();
        must(missing == 0, "I1: what was answered is there", || {
            format!("{missing} of {} are missing", promised.answered.len())
        })?;
        self.enroll_again()?;
        self.agree()?;
        self.view_is_the_fold()?;
        let stopped = [self.office.at.stop(), self.hq.at.stop()];
        must(stopped == [true; 2], "both stop when they are asked to", || format!("{stopped:?}"))?;
        self.nobody_panicked()
    }

    /// How much of the office's journals HQ has, in entries.
    fn stored_at_hq(&self) -> Result<u64, CrashError> {
        let hq = self.hq.at.get(&format!("/v1/offices/{}", self.office.id))?;
        let journals = hq["journals"].as_array().cloned().unwrap_or_default();
        Ok(journals.iter().filter_map(|journal| journal["seq"].as_u64()).max().unwrap_or(0))
    }

    fn enroll_again(&self) -> Result<(), CrashError> {
        let lines = forms::lines(&self.office.id, AFTERWARDS..AFTERWARDS + AGAIN);
        let out = self.office.at.output(&["enroll", "-"], lines.as_bytes())?;
        must(out.status.success(), "enrollment goes on after a crash", || {
            String::from_utf8_lossy(&out.stderr).into_owned()
        })
    }

    /// HQ and the office have the same records in the same states, and both chains are whole.
    pub(super) fn agree(&self) -> Result<(), CrashError> {
        let (office, hq) = (&self.office.at, &self.hq.at);
        office.call(&["wait", "--synced", "--timeout", SYNC_S])?;
        let here = states(office, &[])?;
        let there = states(hq, &["--office", &self.office.id])?;
        must(here == there, "I4: both ends have equal records", || differ(&here, &there))?;
        office.call(&["journal", "verify"])?;
        hq.call(&["journal", "verify", &self.office.id])?;
        Ok(())
    }

    /// The view is thrown away and folded again: it must say the same.
    pub(super) fn view_is_the_fold(&mut self) -> Result<(), CrashError> {
        let before = states(&self.office.at, &[])?;
        must(self.office.at.stop(), "the office stops when it is asked to", String::new)?;
        self.office.at.call(&["journal", "rebuild-view"])?;
        self.office.at.run()?;
        let folded = states(&self.office.at, &[])?;
        must(before == folded, "I11: the view is the fold of the logs", || differ(&before, &folded))
    }

    pub(super) fn nobody_panicked(&self) -> Result<(), CrashError> {
        for log in [self.office.at.log(), self.hq.at.log()] {
            let said = fs::read(&log).unwrap_or_default();
            let said = String::from_utf8_lossy(&said);
            let panic = said.lines().find(|line| line.contains("panicked"));
            must(panic.is_none(), "nobody panics", || panic.unwrap_or_default().to_owned())?;
        }
        Ok(())
    }
}

/// Each record of an installation: its version vector, and its groups.
fn states(at: &Installation, filter: &[&str]) -> Result<BTreeMap<String, [Value; 2]>, CrashError> {
    let list = at.call(&[&["record", "list", "--json"], filter].concat())?;
    let mut http = at.http()?;
    let mut states = BTreeMap::new();
    for id in ids(&list) {
        let record = http.get(&format!("/v1/records/{id}"))?;
        let state = [record["version_vector"].clone(), record["groups"].clone()];
        states.insert(id, state);
    }
    Ok(states)
}

/// Which records differ, by id: values are nobody's business.
fn differ(a: &BTreeMap<String, [Value; 2]>, b: &BTreeMap<String, [Value; 2]>) -> String {
    let ids: BTreeSet<_> = a.keys().chain(b.keys()).collect();
    let other: Vec<_> = ids.into_iter().filter(|id| a.get(*id) != b.get(*id)).collect();
    format!("{} and {} records, other ones: {other:?}", a.len(), b.len())
}

/// The ids in a list.
pub(super) fn ids(list: &str) -> BTreeSet<String> {
    let list: Value = serde_json::from_str(list).unwrap_or_default();
    let items = list["items"].as_array().cloned().unwrap_or_default();
    items.iter().filter_map(|item| item["id"].as_str().map(str::to_owned)).collect()
}

/// What was written in the life of this machine becomes another life's: after a power cut nothing
/// may be believed for having been written "in this life".
pub(super) fn another_boot(dir: &Path) -> Result<(), CrashError> {
    const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
    /// Files of this size may be a note of the machine's life.
    const NOTE_BYTES: u64 = 4096;
    let boot = fs::read_to_string(BOOT_ID)?;
    let (boot, another) = (boot.trim(), "another-".repeat(5));
    for entry in fs::read_dir(dir)? {
        let (path, found) = entry.and_then(|entry| Ok((entry.path(), entry.metadata()?)))?;
        if found.is_dir() {
            another_boot(&path)?;
        } else if found.len() <= NOTE_BYTES
            && let Ok(text) = fs::read_to_string(&path)
            && text.contains(boot)
        {
            fs::write(&path, text.replace(boot, &another[..boot.len()]))?;
        }
    }
    Ok(())
}
