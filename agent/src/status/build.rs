//! Facts in, document out: pure.

use wasl_protocol::edition::StatusSettings;
use wasl_protocol::id::Position;
use wasl_protocol::units::{Seq, UnixMs};

use super::document::{
    AgentStatus, ClockStatus, ConfigStatus, IdentityStatus, JournalStatus, LinkStatus,
    MirrorStatus, OfficeStatus, Overall, RecordsStatus, Severity, Status, SyncStatus, Thresholds,
    Verified, Warning, timestamp,
};
use super::warnings::{S_PER_DAY, WARMUP_MS, warnings, worked_s};
use crate::config::{ConfigFacts, InForce};
use crate::engine::{Facts, Refused};
use crate::facts::{HttpFacts, LinkFacts, LinkPhase, MirrorFacts, clock_trust, config_word};

/// What does not change while a daemon runs.
#[derive(Clone, Debug)]
pub struct Known {
    /// The office.
    pub office: OfficeStatus,
    /// The daemon.
    pub agent: AgentStatus,
    /// The keys.
    pub identity: IdentityStatus,
}

/// What is told at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// By the engine.
    pub facts: &'a Facts,
    /// By the link.
    pub link: &'a LinkFacts,
    /// By config.
    pub config: &'a ConfigFacts,
    /// What is in force: the thresholds, and the working hours.
    pub in_force: &'a InForce,
    /// By intake, of HTTP.
    pub http: &'a HttpFacts,
    /// By the mirror, where there is one.
    pub mirror: Option<&'a MirrorFacts>,
    /// What the last verification of the journals found.
    pub verified: Option<&'a Verified>,
    /// By the clocks.
    pub clocks: Clocks,
}

/// The time, and what it has shown of the pace of things.
#[derive(Clone, Copy, Debug)]
pub struct Clocks {
    /// The wall clock.
    pub now: UnixMs,
    /// In how many seconds the disk will be full.
    pub fill_eta_s: Option<u64>,
    /// In how many seconds HQ will have everything.
    pub sync_eta_s: Option<u64>,
    /// For how long the daemon has run, in milliseconds.
    pub up_ms: u64,
}

/// The document.
pub fn build(known: &Known, told: &Told<'_>) -> Status {
    let Told { facts, link, clocks, .. } = *told;
    let failed = facts.closed == Some(Refused::Poisoned);
    let warnings = warnings(known, told);
    let level = link.state != LinkPhase::Up || link.level_at >= link.since;
    let level = level && !news_lost(told);
    let synced = facts.backlog == 0 && facts.fork.is_none() && level;
    Status {
        schema: Status::SCHEMA.to_owned(),
        overall: overall(&warnings),
        summary: summary(&warnings, told),
        synced,
        safe_to_power_off: !failed,
        intake_open: facts.closed.is_none(),
        as_of: timestamp(clocks.now),
        stopped_at: None,
        office: known.office.clone(),
        agent: known.agent.clone(),
        link: link_status(link),
        sync: sync_status(told),
        records: RecordsStatus {
            total: facts.records,
            conflicts: facts.conflicts,
            read_only: facts.read_only,
        },
        journal: JournalStatus {
            bytes: facts.journal_bytes,
            free_bytes: facts.free_bytes,
            fill_eta_s: clocks.fill_eta_s,
            fsync_p99_ms: facts.fsync_p99_ms,
            last_verify: told.verified.cloned(),
            read_only: failed,
            mirror: mirror(told),
        },
        config: config_status(told),
        identity: known.identity.clone(),
        clock: clock_status(told),
        thresholds: Some(thresholds(&told.in_force.settings.status)),
        warnings,
    }
}

/// Does this office lack news that it once had? Until HQ has been level with it since the start.
pub(super) fn news_lost(told: &Told<'_>) -> bool {
    told.facts.news_lost && told.link.level_at.is_none()
}

fn overall(warnings: &[Warning]) -> Overall {
    match warnings.iter().map(|w| w.severity).max() {
        None | Some(Severity::Info) => Overall::Ok,
        Some(Severity::Warn) => Overall::Warn,
        Some(Severity::Crit) => Overall::Crit,
    }
}

/// What is wrong, or how far the work is. What something else explains does not count again.
fn summary(warnings: &[Warning], told: &Told<'_>) -> String {
    let mut wrong =
        warnings.iter().filter(|w| w.severity > Severity::Info && w.depends_on.is_empty());
    if let Some(worst) = wrong.next() {
        let more = match wrong.count() {
            0 => String::new(),
            n => format!(", and {n} more"),
        };
        return format!("{}{more}", worst.title);
    }
    let starting = match told.clocks.up_ms {
        up_ms @ 0..WARMUP_MS => format!("starting: {} s; ", up_ms / 1000),
        _ => String::new(),
    };
    let so_far = match (told.facts.backlog, told.link.state) {
        (0, LinkPhase::Up) => "HQ has everything".to_owned(),
        (0, _) => "HQ has everything that was written here; no link now".to_owned(),
        (n, LinkPhase::Up) => format!("syncing: {n} to go"),
        (n, _) => format!("no link now: {n} wait here, safe on disk"),
    };
    starting + &so_far
}

fn thresholds(limits: &StatusSettings) -> Thresholds {
    Thresholds {
        unacked_warn_s: limits.unacked_warn_s,
        unacked_crit_s: limits.unacked_crit_s,
        disk_warn_s: limits.disk_warn_days.saturating_mul(S_PER_DAY),
        disk_crit_s: limits.disk_crit_days.saturating_mul(S_PER_DAY),
        clock_warn_s: limits.clock_warn_s,
        clock_crit_s: limits.clock_crit_s,
    }
}

fn link_status(link: &LinkFacts) -> LinkStatus {
    LinkStatus {
        state: link.state,
        since: link.since.map(timestamp),
        endpoint: link.endpoint.clone(),
        rtt_ms: link.rtt_ms,
        last_up_at: link.last_up_at.map(timestamp),
        last_error: link.last_error.clone(),
        next_attempt_at: link.next_attempt_at.map(timestamp),
        attempts: link.attempts,
    }
}

fn sync_status(told: &Told<'_>) -> SyncStatus {
    let Told { facts, link, clocks, .. } = *told;
    let seq = |at: Option<Position>| at.map_or(Seq(0), |p| p.seq);
    SyncStatus {
        journal: facts.journals.last().map(|(id, _)| *id),
        head_seq: seq(facts.journals.last().map(|(_, at)| *at)),
        stored_seq: seq(facts.stored),
        stable_seq: seq(facts.stable),
        backlog_records: facts.backlog,
        backlog_bytes: facts.backlog_bytes,
        blobs_pending: 0, // no entry of this version names a blob
        oldest_unacked_at: facts.oldest_unacked_at.map(timestamp),
        oldest_unacked_work_s: facts.oldest_unacked_at.map(|at| worked_s(told, at)),
        last_ack_at: facts.last_ack_at.map(timestamp),
        eta_s: clocks.sync_eta_s,
        held: facts.held,
        refused: facts.refused,
        level_at: link.level_at.map(timestamp),
        level_kicks: link.level_kicks,
    }
}

/// How many entries of the journal the mirror lacks.
pub(super) fn mirror_lacks(told: &Told<'_>, mirror: &MirrorFacts) -> u64 {
    let head = told.facts.journals.last().map_or(Seq(0), |(_, at)| at.seq);
    head.0.saturating_sub(mirror.entries.0)
}

fn mirror(told: &Told<'_>) -> Option<MirrorStatus> {
    let mirror = told.mirror?;
    let behind = mirror_lacks(told, mirror);
    Some(MirrorStatus {
        place: mirror.place.display().to_string(),
        level: behind == 0 && mirror.trouble.is_none(),
        behind,
        level_at: mirror.level_at.map(timestamp),
        trouble: mirror.trouble.as_ref().map(|(why, _)| why.clone()),
    })
}

fn config_status(told: &Told<'_>) -> ConfigStatus {
    let ConfigFacts { state, desired, news_at, .. } = told.config;
    ConfigStatus {
        running: Some(told.in_force.serial),
        desired: *desired,
        state: Some(config_word(state, told.clocks.now).to_owned()),
        last_attempt: state.attempt.as_ref().map(Into::into),
        news_at: news_at.map(timestamp),
    }
}

fn clock_status(told: &Told<'_>) -> ClockStatus {
    let warn_s = told.in_force.settings.status.clock_warn_s;
    let offset_ms = told.link.clock_offset_ms;
    ClockStatus { offset_ms, trust: clock_trust(offset_ms, warn_s).to_owned() }
}
