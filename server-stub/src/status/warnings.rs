//! What is wrong, and what to do.

mod config; // rollouts, and offices that went back

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use wasl_protocol::id::OfficeId;
use wasl_protocol::news::Held;

use crate::store::{HeldTotals, Store, StoreError};

/// From how many records in conflict on the queue is more than a remark.
const MANY_CONFLICTS: u64 = 50;

/// How many held entries are looked through at a time for whose they are.
const PAGE_ENTRIES: u32 = 1000;

/// How many pages of them at most: status answers quickly, however much is held.
const PAGES: u32 = 10;

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Somebody has work to do.
    Info,
    /// It gets worse if nobody does anything.
    Warn,
    /// Somebody must look now.
    Crit,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// What, for programs: a constant word.
    pub code: String,
    /// How bad.
    pub severity: Severity,
    /// What, in few words.
    pub title: String,
    /// This case.
    pub text: String,
    /// What to do.
    pub action: String,
}

/// All that is wrong, the worst first.
pub(super) async fn warnings(
    store: &Store,
    held: &HeldTotals,
    in_conflict: u64,
) -> Result<Vec<Warning>, StoreError> {
    let unauthorised = held.get(Held::Unauthorised.as_str()).copied().unwrap_or(0);
    let others: u64 = held.values().sum::<u64>() - unauthorised;
    let mut all = Vec::new();
    if unauthorised > 0 {
        all.push(overstepped(unauthorised, &who_overstepped(store, unauthorised).await?));
    }
    if others > 0 {
        all.push(held_back(others, held));
    }
    if in_conflict > 0 {
        all.push(conflicts(in_conflict));
    }
    if let Some(rollout) = store.rollout(None).await? {
        all.extend(config::warnings(&rollout));
    }
    all.sort_by_key(|w| std::cmp::Reverse(w.severity));
    Ok(all)
}

fn warning(code: &str, severity: Severity, title: &str, text: String, action: &str) -> Warning {
    let (code, title, action) = (code.to_owned(), title.to_owned(), action.to_owned());
    Warning { code, severity, title, text, action }
}

fn conflicts(records: u64) -> Warning {
    let many = records >= MANY_CONFLICTS;
    let severity = if many { Severity::Warn } else { Severity::Info };
    let text = format!("{}; every value is kept until somebody chooses", count(records, "record"));
    let action = "`wasl-hq conflict list` shows their values side by side";
    warning("conflicts", severity, "records are in conflict", text, action)
}

fn held_back(entries: u64, held: &HeldTotals) -> Warning {
    let reasons = held.iter().filter(|(reason, _)| *reason != Held::Unauthorised.as_str());
    let reasons: Vec<_> = reasons.map(|(reason, n)| format!("{n} {reason}")).collect();
    let text =
        format!("{} stored and not applied: {}", count(entries, "entry"), reasons.join(", "));
    let action = "`wasl-hq held list` says what each waits for";
    warning("held", Severity::Warn, "entries are held", text, action)
}

fn overstepped(entries: u64, offices: &BTreeSet<OfficeId>) -> Warning {
    let offices: Vec<_> = offices.iter().map(ToString::to_string).collect();
    let text =
        format!("{}, held and not applied, by {}", count(entries, "entry"), offices.join(", "));
    let title = "an office wrote what only headquarters may write";
    let action = "ask the office who wrote it; `wasl-hq held list`, then `held refuse`; \
                  `wasl-hq office revoke ID` ends its access";
    warning("held-unauthorised", Severity::Crit, title, text, action)
}

/// The offices of the entries that their authors may not have written.
async fn who_overstepped(store: &Store, entries: u64) -> Result<BTreeSet<OfficeId>, StoreError> {
    let (mut offices, mut found, mut after) = (BTreeSet::new(), 0, None);
    for _ in 0..PAGES {
        let page = store.held(after, PAGE_ENTRIES).await?;
        after = page.last().map(|entry| entry.dot);
        let whole = page.len() < PAGE_ENTRIES as usize;
        for entry in page.into_iter().filter(|entry| entry.held == Held::Unauthorised) {
            offices.insert(entry.office);
            found += 1;
        }
        if whole || found >= entries {
            break;
        }
    }
    Ok(offices)
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
        let (few, many) = (conflicts(MANY_CONFLICTS - 1), conflicts(MANY_CONFLICTS));
        assert_eq!((few.severity, many.severity), (Severity::Info, Severity::Warn));
        assert!(conflicts(1).text.starts_with("1 record;"));
    }

    #[test]
    fn what_is_held_is_told_by_reason_and_the_alarm_is_told_apart() {
        let held = [("unauthorised", 4), ("waits", 2), ("unopened", 1)];
        let held: HeldTotals = held.into_iter().map(|(why, n)| (why.to_owned(), n)).collect();
        let told = held_back(3, &held);
        assert_eq!(told.text, "3 entries stored and not applied: 1 unopened, 2 waits");
        let offices = ["rifai", "nasr"].into_iter().map(|id| id.parse().unwrap()).collect();
        let alarm = overstepped(4, &offices);
        assert_eq!((alarm.severity, &*alarm.code), (Severity::Crit, "held-unauthorised"));
        assert!(alarm.text.ends_with("by nasr, rifai"), "{}", alarm.text);
    }
}
