//! What is wrong with offices: who is silent, and whose clock is off.

use jiff::Timestamp;

use crate::habit::Freshness;
use crate::settings::StatusSettings;

use super::super::codes::{self, Code};
use super::super::document::{OfficeStatus, Severity, Status, Warning};
use super::{DAY_S, count, named, since, warning};

/// Fewer offices than this have nothing in common.
const SOME: usize = 3;

/// What there is to say of the offices.
pub(super) fn warnings(status: &Status, limits: &StatusSettings) -> Vec<Warning> {
    let mut all = silence(status);
    all.extend(two_machines(status));
    all.extend(clocks(status, limits));
    all
}

/// Told until two machines have not written as one office for some days: what is closed on Friday
/// is still there on Sunday.
fn two_machines(status: &Status) -> Option<Warning> {
    let lately = |at: &Timestamp| status.as_of.as_second() - at.as_second() < 3 * DAY_S;
    let of: Vec<_> = status
        .offices
        .iter()
        .filter_map(|office| Some((office, office.two_machines_at.filter(lately)?)))
        .collect();
    let told: Vec<_> = of
        .iter()
        .map(|(office, at)| {
            let hours = (status.as_of.as_second() - at.as_second()).max(0) / 3600;
            format!("{}: last seen {hours} h ago", office.id)
        })
        .collect();
    (!told.is_empty())
        .then(|| warning(&codes::DUPLICATE_IDENTITY, Severity::Crit, named(&told, "; ")))
}

fn silence(status: &Status) -> Vec<Warning> {
    let of = |word: Freshness| -> Vec<&OfficeStatus> {
        status.offices.iter().filter(|office| office.freshness == Some(word)).collect()
    };
    let (late, lost, never) = (of(Freshness::Late), of(Freshness::Lost), of(Freshness::Never));
    let judged = status.offices.iter().filter(|office| office.habit.is_some()).count();
    let silent = late.len() + lost.len();
    let mut all = Vec::new();
    if judged >= SOME && silent * 2 > judged {
        let severity = if lost.len() * 2 > judged { Severity::Crit } else { Severity::Warn };
        let text = format!("{silent} of {judged} offices are late or lost at the same time");
        all.push(warning(&codes::OFFICES_SILENT, severity, text));
    }
    all.extend(silent_ones(&codes::OFFICE_LOST, Severity::Crit, &lost, status));
    all.extend(silent_ones(&codes::OFFICE_LATE, Severity::Warn, &late, status));
    if !never.is_empty() {
        let ids: Vec<_> = never.iter().map(|office| office.id.to_string()).collect();
        let first = never.iter().map(|office| office.added_at).min();
        all.push(since(warning(&codes::OFFICE_NEVER, Severity::Info, named(&ids, ", ")), first));
    }
    all
}

fn silent_ones(
    code: &Code,
    severity: Severity,
    offices: &[&OfficeStatus],
    status: &Status,
) -> Option<Warning> {
    let told: Vec<_> = offices.iter().map(|office| silent_one(office, status)).collect();
    let first = offices.iter().filter_map(|office| office.last_seen.or(office.joined_at)).min();
    (!told.is_empty()).then(|| since(warning(code, severity, named(&told, "; ")), first))
}

/// `nasr: last heard 26 h ago, usually Sun-Thu 08-15`
fn silent_one(office: &OfficeStatus, status: &Status) -> String {
    let last = office.last_seen.or(office.joined_at).unwrap_or(office.added_at);
    let hours = (status.as_of.as_second() - last.as_second()).max(0) / 3600;
    let ago = match hours {
        0..48 => format!("{hours} h"),
        _ => format!("{} d", hours / 24),
    };
    match &office.habit {
        Some(habit) if habit.learnt => {
            format!("{}: last heard {ago} ago, usually {}", office.id, habit.usual)
        }
        _ => format!("{}: last heard {ago} ago, too new to have a habit", office.id),
    }
}

fn clocks(status: &Status, limits: &StatusSettings) -> Vec<Warning> {
    let joined = status.offices.iter().filter(|office| office.habit.is_some());
    let known: Vec<_> =
        joined.filter_map(|office| Some((office, office.clock_offset_ms?))).collect();
    let off_s = |ms: i64| ms.unsigned_abs() / 1000;
    let off: Vec<_> =
        known.iter().filter(|(_, ms)| off_s(*ms) > limits.clock_warn_s).copied().collect();
    let ahead = off.iter().filter(|(_, ms)| *ms > 0).count();
    let most = ahead.max(off.len() - ahead);
    let mut all = Vec::new();
    if known.len() >= SOME && most * 2 > known.len() {
        let way = if ahead == most { "ahead of" } else { "behind" };
        let text = format!("{} are {way} it", count(most as u64, "office"));
        all.push(warning(&codes::HQ_CLOCK, Severity::Warn, text));
    }
    let worst = off.iter().map(|(_, ms)| off_s(*ms)).max();
    if let Some(worst) = worst {
        let told: Vec<_> = off.iter().map(|(office, ms)| off_by(office, *ms)).collect();
        let severity = if worst > limits.clock_crit_s { Severity::Warn } else { Severity::Info };
        all.push(warning(&codes::OFFICE_CLOCK, severity, named(&told, ", ")));
    }
    all
}

/// `nasr 40 s behind`
fn off_by(office: &OfficeStatus, ms: i64) -> String {
    const UNITS: [(u64, &str); 3] = [(86_400, "d"), (3600, "h"), (60, "min")];
    let (s, way) = (ms.unsigned_abs() / 1000, if ms > 0 { "ahead" } else { "behind" });
    match UNITS.iter().find(|(unit, _)| s >= *unit * 2) {
        Some((unit, name)) => format!("{} {} {name} {way}", office.id, s / unit),
        None => format!("{} {s} s {way}", office.id),
    }
}
