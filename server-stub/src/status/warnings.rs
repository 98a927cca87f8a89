//! What is wrong, and what to do: each warning from the facts that show it.

mod config; // rollouts, and offices that went back
mod offices; // who is silent, and whose clock is off

use std::collections::BTreeSet;

use jiff::Timestamp;
use wasl_protocol::id::OfficeId;
use wasl_protocol::news::Held;

use crate::rollout::RolloutFacts;
use crate::settings::StatusSettings;
use crate::store::{HeldTotals, Store, StoreError};

use super::codes::{self, Code};
use super::document::{Severity, Status, Warning};
use super::{Freshness, timestamp};

/// How many held entries are looked through at a time for whose they are.
const PAGE_ENTRIES: u32 = 1000;

/// How many pages of them at most: status answers quickly, however much is held.
const PAGES: u32 = 10;

/// How many offices a warning names.
const NAMED: usize = 5;

const MIB: u64 = 1 << 20;

/// A day, in seconds.
const DAY_S: i64 = 24 * 3600;

/// All that is wrong with what `status` says otherwise, the worst first, causes before what they
/// explain.
pub(super) fn warnings(
    status: &Status,
    limits: &StatusSettings,
    rollout: Option<&RolloutFacts>,
    overstepped: Option<&Overstepped>,
) -> Vec<Warning> {
    let mut all: Vec<_> = [stopped(status), disk(status, limits), held_back(&status.held)]
        .into_iter()
        .flatten()
        .collect();
    all.extend(overstepped.map(alarm));
    all.extend(conflicts(status.totals.conflicts, limits));
    all.extend(backup(status, limits));
    all.extend(offices::warnings(status, limits));
    if let Some(rollout) = rollout {
        all.extend(config::warnings(rollout, status.warming_up));
    }
    let code = |w: &Warning| Code::named(&w.code);
    if status.warming_up {
        all.retain(|w| !code(w).is_some_and(|code| code.by_time));
    }
    let told: BTreeSet<String> = all.iter().map(|w| w.code.clone()).collect();
    for warning in &mut all {
        warning.depends_on.retain(|cause| told.contains(cause));
    }
    let place = |w: &Warning| Code::all().iter().position(|code| code.code == w.code);
    all.sort_by_key(|w| (std::cmp::Reverse(w.severity), place(w)));
    all
}

/// All in one line: what is wrong first, what something else explains left out.
pub(super) fn summary(status: &Status) -> String {
    if !status.running {
        return "not running; what follows is what its database holds".to_owned();
    }
    let wrong = status.warnings.iter();
    let mut wrong = wrong.filter(|w| w.severity > Severity::Info && w.depends_on.is_empty());
    if let Some(first) = wrong.next() {
        let more = wrong.count();
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        return format!("{}{more}", first.title);
    }
    let fresh = status.totals.freshness.get(&Freshness::Fresh).copied().unwrap_or(0);
    match status.totals.offices {
        0 => "no offices yet".to_owned(),
        _ if status.warming_up => "just started; offices are coming back".to_owned(),
        offices => format!("all is well; {fresh} of {} fresh", count(offices, "office")),
    }
}

fn warning(code: &Code, severity: Severity, text: String) -> Warning {
    debug_assert!(code.severity.contains(&severity), "{} is never {severity:?}", code.code);
    Warning {
        code: code.code.to_owned(),
        severity,
        since: None,
        title: code.title.to_owned(),
        text,
        action: code.action.to_owned(),
        depends_on: code.depends_on.iter().map(|cause| (*cause).to_owned()).collect(),
    }
}

fn since(mut warning: Warning, since: Option<Timestamp>) -> Warning {
    warning.since = since;
    warning
}

fn stopped(status: &Status) -> Option<Warning> {
    let text = || "what is shown is what its database holds, as of when it ended".to_owned();
    (!status.running).then(|| warning(&codes::STOPPED, Severity::Crit, text()))
}

fn disk(status: &Status, limits: &StatusSettings) -> Option<Warning> {
    let free = status.database.free_bytes / MIB;
    let severity = match free {
        free if free < limits.disk_crit_mib => Severity::Crit,
        free if free < limits.disk_warn_mib => Severity::Warn,
        _ => return None,
    };
    let text = format!("{free} MiB are free; the database takes {}", status.database.bytes / MIB);
    Some(warning(&codes::DISK_LOW, severity, text + " MiB"))
}

fn conflicts(records: u64, limits: &StatusSettings) -> Option<Warning> {
    let many = records >= limits.conflicts_warn;
    let severity = if many { Severity::Warn } else { Severity::Info };
    let text = format!("{}; every value is kept until somebody chooses", count(records, "record"));
    (records > 0).then(|| warning(&codes::CONFLICTS, severity, text))
}

fn backup(status: &Status, limits: &StatusSettings) -> Option<Warning> {
    // Without any copy: from when there was something to copy.
    let offsite = status.backup.offsite.as_ref();
    let since_at = match offsite {
        Some(copy) => copy.at,
        None => status.offices.iter().filter_map(|office| office.joined_at).min()?,
    };
    let days = (status.as_of.as_second() - since_at.as_second()) / DAY_S;
    let text = match offsite {
        Some(copy) => format!("the last one was made {days} d ago ({})", copy.place),
        None => format!("there is none, {days} d after the first office joined"),
    };
    (days >= limits.backup_warn_days.into())
        .then(|| since(warning(&codes::BACKUP_OLD, Severity::Warn, text), Some(since_at)))
}

fn held_back(held: &HeldTotals) -> Option<Warning> {
    let reasons = held.iter().filter(|(reason, _)| *reason != Held::Unauthorised.as_str());
    let entries: u64 = reasons.clone().map(|(_, n)| n).sum();
    let reasons: Vec<_> = reasons.map(|(reason, n)| format!("{n} {reason}")).collect();
    let text =
        format!("{} stored and not applied: {}", count(entries, "entry"), reasons.join(", "));
    (entries > 0).then(|| warning(&codes::HELD, Severity::Warn, text))
}

/// Entries that their authors may not have written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Overstepped {
    /// How many.
    entries: u64,
    /// Whose.
    offices: BTreeSet<OfficeId>,
    /// Since when the first of them is held.
    since: Option<Timestamp>,
}

fn alarm(overstepped: &Overstepped) -> Warning {
    let offices: Vec<_> = overstepped.offices.iter().map(ToString::to_string).collect();
    let entries = count(overstepped.entries, "entry");
    let text = format!("{entries}, held and not applied, by {}", offices.join(", "));
    since(warning(&codes::HELD_UNAUTHORISED, Severity::Crit, text), overstepped.since)
}

/// The entries that their authors may not have written, if there are any.
pub(super) async fn overstepped(
    store: &Store,
    held: &HeldTotals,
) -> Result<Option<Overstepped>, StoreError> {
    let entries = held.get(Held::Unauthorised.as_str()).copied().unwrap_or(0);
    if entries == 0 {
        return Ok(None);
    }
    let mut found = Overstepped { entries, ..Overstepped::default() };
    let (mut seen, mut after) = (0, None);
    for _ in 0..PAGES {
        let page = store.held(after, PAGE_ENTRIES).await?;
        after = page.last().map(|entry| entry.dot);
        let whole = page.len() < PAGE_ENTRIES as usize;
        for entry in page.into_iter().filter(|entry| entry.held == Held::Unauthorised) {
            let at = timestamp(entry.at);
            found.since = Some(found.since.map_or(at, |since| since.min(at)));
            found.offices.insert(entry.office);
            seen += 1;
        }
        if whole || seen >= entries {
            break;
        }
    }
    Ok(Some(found))
}

/// Some of them by name, and how many more there are.
fn named(all: &[String], between: &str) -> String {
    let more = all.len().saturating_sub(NAMED);
    let more = if more > 0 { format!("{between}and {more} more") } else { String::new() };
    format!("{}{more}", all[..all.len().min(NAMED)].join(between))
}

/// So many of them, in words.
fn count(n: u64, what: &str) -> String {
    match (n, what) {
        (1, what) => format!("1 {what}"),
        (n, "entry") => format!("{n} entries"),
        (n, what) => format!("{n} {what}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_conflicts_are_a_remark_and_many_are_a_warning() {
        let limits = StatusSettings::default();
        let (few, many) = (limits.conflicts_warn - 1, limits.conflicts_warn);
        let [few, many] = [few, many].map(|n| conflicts(n, &limits).unwrap().severity);
        assert_eq!((few, many), (Severity::Info, Severity::Warn));
        assert!(conflicts(1, &limits).unwrap().text.starts_with("1 record;"));
        assert_eq!(conflicts(0, &limits), None);
    }

    #[test]
    fn what_is_held_is_told_by_reason_and_the_alarm_is_told_apart() {
        let held = [("unauthorised", 4), ("waits", 2), ("unopened", 1)];
        let held: HeldTotals = held.into_iter().map(|(why, n)| (why.to_owned(), n)).collect();
        let told = held_back(&held).unwrap();
        assert_eq!(told.text, "3 entries stored and not applied: 1 unopened, 2 waits");
        let offices = ["rifai", "nasr"].into_iter().map(|id| id.parse().unwrap()).collect();
        let alarm = alarm(&Overstepped { entries: 4, offices, since: None });
        assert_eq!((alarm.severity, &*alarm.code), (Severity::Crit, "held-unauthorised"));
        assert!(alarm.text.ends_with("by nasr, rifai"), "{}", alarm.text);
    }
}
