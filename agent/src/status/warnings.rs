//! What is wrong, and what to do: each warning from the facts that show it.

use wasl_protocol::units::UnixMs;

use super::build::{Known, Told};
use super::config::{config_held, config_rolled_back, config_safe, config_stale};
use super::document::{Severity, Verified, Warning, timestamp};
use super::table::{ago, bytes};
use crate::engine::{Facts, Refused};
use crate::facts::{LinkFacts, LinkPhase};

pub(super) const S_PER_DAY: u64 = 86_400;

/// All that is wrong, the worst first.
pub(super) fn warnings(known: &Known, told: &Told<'_>) -> Vec<Warning> {
    let Told { facts, link, .. } = *told;
    let all = [
        closed(facts),
        damaged(told.verified),
        fork(facts),
        refused(link),
        disk(told),
        unacked(told),
        link_down(known, told),
        clock(told),
        config_safe(told),
        config_stale(told),
        config_rolled_back(told),
        config_held(told),
        http_closed(told),
        held(facts),
        refused_entries(facts),
        newer(facts),
    ];
    let mut all: Vec<_> = all.into_iter().flatten().collect();
    all.sort_by_key(|w| std::cmp::Reverse(w.severity));
    all
}

pub(super) fn warning(
    code: &str,
    severity: Severity,
    title: &str,
    text: String,
    action: &str,
) -> Warning {
    let (code, title, action) = (code.to_owned(), title.to_owned(), action.to_owned());
    Warning { code, severity, since: None, title, text, action }
}

fn closed(facts: &Facts) -> Option<Warning> {
    let (code, title, text, action) = match facts.closed.as_ref()? {
        Refused::DiskFull => (
            "disk-full",
            "the disk is full: no enrollment is taken",
            format!("{} are free; intake reopens by itself", bytes(facts.free_bytes)),
            "free some space on the journal's disk",
        ),
        Refused::Poisoned => (
            "journal-failed",
            "the journal's disk failed: no enrollment is taken",
            "a write failed, so nothing after it is believed; what was answered is safe".to_owned(),
            "check the disk, then restart the daemon",
        ),
        _ => (
            "intake-closed",
            "no enrollment is taken",
            "the daemon is stopping".to_owned(),
            "start the daemon again",
        ),
    };
    Some(warning(code, Severity::Crit, title, text, action))
}

fn damaged(verified: Option<&Verified>) -> Option<Warning> {
    let verified = verified.filter(|v| v.result != Verified::OK)?;
    let (title, text) = ("the journal is damaged", verified.result.clone());
    let action = "leave the data dir as it is, copy it aside, and call headquarters";
    let mut w = warning("verify-failed", Severity::Crit, title, text, action);
    w.since = Some(verified.at);
    Some(w)
}

fn fork(facts: &Facts) -> Option<Warning> {
    let common = facts.fork?;
    Some(warning(
        "fork",
        Severity::Crit,
        "HQ has another history of this journal",
        format!("both agree up to entry {common} only: this data dir was restored or copied"),
        "leave both copies as they are and call headquarters",
    ))
}

fn refused(link: &LinkFacts) -> Option<Warning> {
    if link.state != LinkPhase::Refused {
        return None;
    }
    let text = link.last_error.as_ref().map_or("HQ gave no reason".to_owned(), |e| e.text.clone());
    let (title, action) = ("HQ refuses this office", "call headquarters: `wasl-hq office show ID`");
    let mut w = warning("refused", Severity::Crit, title, text, action);
    w.since = link.since.map(timestamp);
    Some(w)
}

fn disk(told: &Told<'_>) -> Option<Warning> {
    let (left_s, limits) = (told.clocks.fill_eta_s?, &told.in_force.settings.status);
    let severity = severity(
        left_s,
        |s| s < limits.disk_warn_days.saturating_mul(S_PER_DAY),
        |s| s < limits.disk_crit_days.saturating_mul(S_PER_DAY),
    )?;
    let text = format!("{} are free: full in {}", bytes(told.facts.free_bytes), ago(left_s));
    let action = "free some space on the journal's disk, or move the data dir to a larger one";
    Some(warning("disk-runway", severity, "the disk will soon be full", text, action))
}

fn unacked(told: &Told<'_>) -> Option<Warning> {
    let (oldest, limits) = (told.facts.oldest_unacked_at?, &told.in_force.settings.status);
    let waited_s = worked_s(told, oldest);
    let severity =
        severity(waited_s, |s| s > limits.unacked_warn_s, |s| s > limits.unacked_crit_s)?;
    let text = format!(
        "{} entries wait, the oldest for {} of working time; they are safe on this disk only",
        told.facts.backlog,
        ago(waited_s)
    );
    let title = "HQ has not had everything for long";
    let mut w = warning("unacked", severity, title, text, "bring the link up, then `wasl sync`");
    w.since = Some(timestamp(oldest));
    Some(w)
}

fn link_down(known: &Known, told: &Told<'_>) -> Option<Warning> {
    let link = told.link;
    if matches!(link.state, LinkPhase::Up | LinkPhase::Refused) {
        return None;
    }
    let started_at = UnixMs(known.agent.started_at.as_millisecond());
    let down_since = link.last_up_at.unwrap_or(started_at);
    let down_s = worked_s(told, down_since);
    if down_s <= told.in_force.settings.status.unacked_warn_s {
        return None;
    }
    let why = link.last_error.as_ref().map_or(String::new(), |e| format!(": {}", e.text));
    let text = format!("down for {} of working time{why}", ago(down_s));
    let (title, action) = ("the link to HQ is down", "check the modem or the antenna");
    let mut w = warning("link-down", Severity::Warn, title, text, action);
    w.since = Some(timestamp(down_since));
    Some(w)
}

fn clock(told: &Told<'_>) -> Option<Warning> {
    let (offset_ms, limits) = (told.link.clock_offset_ms?, &told.in_force.settings.status);
    let off_s = offset_ms.unsigned_abs() / 1000;
    let severity = severity(
        offset_ms.unsigned_abs(),
        |ms| ms > limits.clock_warn_s.saturating_mul(1000),
        |ms| ms > limits.clock_crit_s.saturating_mul(1000),
    )?;
    let way = if offset_ms > 0 { "ahead of" } else { "behind" };
    let text = format!("{} {way} HQ's; enrolling and syncing go on", ago(off_s));
    let action = "set the clock, or switch on time synchronisation";
    Some(warning("clock-off", severity, "the clock is off", text, action))
}

fn http_closed(told: &Told<'_>) -> Option<Warning> {
    let at = told.http.wanted.filter(|at| told.http.served != Some(*at))?;
    let why = told.http.why.as_deref().unwrap_or("not tried yet");
    let text = format!("{at}: {why}; enrolling over the socket goes on, and it is tried again");
    let action = "see what has that address (`ss -ltnp`), or have headquarters name another";
    Some(warning("http-closed", Severity::Warn, "HTTP is not served", text, action))
}

fn held(facts: &Facts) -> Option<Warning> {
    if facts.held == 0 {
        return None;
    }
    let text = format!("{} stored at HQ and not applied", facts.held);
    let (title, action) = ("HQ holds entries back", "see why and what to do: `wasl held list`");
    Some(warning("held", Severity::Warn, title, text, action))
}

fn refused_entries(facts: &Facts) -> Option<Warning> {
    if facts.refused == 0 {
        return None;
    }
    let text = format!("{} that do not count, by a decision of HQ's staff", facts.refused);
    let (title, action) = ("HQ has refused entries", "see the reasons: `wasl held list`");
    Some(warning("refused-entries", Severity::Warn, title, text, action))
}

fn newer(facts: &Facts) -> Option<Warning> {
    if facts.read_only == 0 {
        return None;
    }
    let (title, action) = ("a newer version writes what this one cannot read", "update the agent");
    let text = format!("{} kept as HQ sent them, not to be changed here", facts.read_only);
    Some(warning("newer", Severity::Warn, title, text, action))
}

pub(super) fn severity(
    value: u64,
    warn: impl Fn(u64) -> bool,
    crit: impl Fn(u64) -> bool,
) -> Option<Severity> {
    match (warn(value), crit(value)) {
        (_, true) => Some(Severity::Crit),
        (true, false) => Some(Severity::Warn),
        (false, false) => None,
    }
}

/// The working time since `from`, in seconds. Without working hours every hour counts.
fn worked_s(told: &Told<'_>, from: UnixMs) -> u64 {
    let to = told.clocks.now;
    let ms = match &told.in_force.settings.working_hours {
        Some(hours) => hours.between_ms(from, to),
        None => to.0.saturating_sub(from.0).max(0).unsigned_abs(),
    };
    ms / 1000
}
