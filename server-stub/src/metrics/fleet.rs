//! Which metrics there are, and what each is made of: pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use wasl_protocol::id::OfficeId;

use crate::rollout::RolloutFacts;
use crate::status::{Code, Freshness, OfficeState, OfficeStatus, Severity, Status};
use crate::store::{COMMIT_BOUNDS_NS, StoreCounts};
use wasl_shown::exposition::{Family, Figure};
use wasl_shown::process::Usage;

const MS_PER_S: f64 = 1e3;
const NS_PER_S: f64 = 1e9;

/// What is told at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told<'a> {
    pub(super) status: &'a Status,
    pub(super) rollout: Option<&'a RolloutFacts>,
    pub(super) counts: &'a StoreCounts,
    pub(super) sessions: &'a BTreeMap<OfficeId, u64>,
    pub(super) usage: Option<Usage>,
}

/// All metrics, in the order in which they are shown.
pub(super) fn families(told: &Told<'_>) -> Vec<Family> {
    let mut all = daemon(told);
    all.extend(verdict(told.status));
    all.extend(totals(told));
    all.extend(offices(told));
    all.extend(rollout(told.rollout));
    all
}

/// The process. Not `process_..`: in a textfile those would meet `node_exporter`'s own.
fn daemon(told: &Told<'_>) -> Vec<Family> {
    let Told { status, usage, .. } = told;
    vec![
        Family::gauges(
            "wasl_hq_build_info",
            "Which version runs here.",
            ["version"],
            [([status.version.clone()], 1_u64)],
        ),
        Family::gauge(
            "wasl_hq_status_timestamp_seconds",
            "When these figures were so: if it is old, nobody tells new ones.",
            moment(status.as_of),
        ),
        Family::gauge(
            "wasl_hq_process_start_time_seconds",
            "When the daemon started.",
            status.started_at.map(moment),
        ),
        Family::counter(
            "wasl_hq_process_cpu_seconds_total",
            "Processor time that the daemon has used.",
            usage.map(|usage| usage.cpu_s),
        ),
        Family::gauge(
            "wasl_hq_process_resident_memory_bytes",
            "Memory that the daemon holds.",
            usage.map(|usage| usage.resident_bytes),
        ),
        Family::gauge(
            "wasl_hq_process_open_fds",
            "Files and sockets that the daemon has open.",
            usage.map(|usage| usage.open_files),
        ),
    ]
}

/// What `wasl-hq check` says.
fn verdict(status: &Status) -> Vec<Family> {
    let mut by_severity = BTreeMap::from(["info", "warn", "crit"].map(|word| (word, 0_u64)));
    for warning in &status.warnings {
        *by_severity.entry(word(warning.severity)).or_default() += 1;
    }
    let named = Code::all().iter().flat_map(|code| {
        code.severity.iter().map(|severity| {
            let told = status.warnings.iter();
            let mut told = told.filter(|w| w.code == code.code && w.severity == *severity);
            ([code.code.to_owned(), word(*severity).to_owned()], told.next().is_some())
        })
    });
    vec![
        Family::gauges(
            "wasl_hq_warnings",
            "How many things are wrong, by how bad they are.",
            ["severity"],
            by_severity.into_iter().map(|(severity, n)| ([severity.to_owned()], n)),
        ),
        Family::gauges(
            "wasl_hq_warning",
            "Is this wrong now? `wasl-hq explain CODE` says what it means and what to do.",
            ["code", "severity"],
            named,
        ),
    ]
}

fn totals(told: &Told<'_>) -> Vec<Family> {
    let Told { status, counts, .. } = told;
    let mut held = BTreeMap::from(HELD.map(|reason| (reason.to_owned(), 0_u64)));
    held.extend(status.held.clone());
    let states = [OfficeState::Added, OfficeState::Joined, OfficeState::Revoked];
    let offices = states.map(|state| {
        let so = status.offices.iter().filter(|office| office.state == state);
        ([state.as_str().to_owned()], so.count() as u64)
    });
    vec![
        Family::gauges(
            "wasl_hq_offices",
            "Offices by how far they have come in.",
            ["state"],
            offices,
        ),
        Family::gauge("wasl_hq_records", "Records of all offices.", status.totals.records),
        Family::gauge("wasl_hq_conflicts", "Records in conflict.", status.totals.conflicts),
        Family::gauges(
            "wasl_hq_held_entries",
            "Entries stored and not applied, by what each waits for.",
            ["reason"],
            held.into_iter().map(|(reason, n)| ([reason], n)),
        ),
        Family::gauge(
            "wasl_hq_database_bytes",
            "How long the database's files are.",
            status.database.bytes,
        ),
        Family::gauge(
            "wasl_hq_disk_free_bytes",
            "Free on the database's disk.",
            status.database.free_bytes,
        ),
        Family::counter(
            "wasl_hq_appends_total",
            "Messages of entries that were appended.",
            counts.appends,
        ),
        Family::counter("wasl_hq_entries_total", "Entries that were appended.", counts.entries),
        commits(counts),
    ]
}

/// The words for why an entry is held.
const HELD: [&str; 6] =
    ["undecodable", "unknown_kind", "unauthorised", "out_of_scope", "unopened", "waits"];

fn commits(counts: &StoreCounts) -> Family {
    let bounds = COMMIT_BOUNDS_NS.iter().map(|ns| Figure::from(*ns).0 / NS_PER_S);
    let bounds = bounds.chain([f64::INFINITY]);
    Family::histogram(
        "wasl_hq_append_commit_duration_seconds",
        "How long the commit of an append takes, its fsync with it.",
        Figure::from(counts.commit_sum_ns).0 / NS_PER_S,
        bounds.zip(counts.commits).collect(),
    )
}

/// The offices that may come: a series for each.
struct PerOffice<'a>(Vec<&'a OfficeStatus>);

impl PerOffice<'_> {
    fn gauge<F: Into<Figure>>(
        &self,
        name: &'static str,
        help: &'static str,
        of: impl Fn(&OfficeStatus) -> F,
    ) -> Family {
        let values = self.0.iter().map(|office| ([office.id.to_string()], of(office)));
        Family::gauges(name, help, ["office"], values)
    }
}

fn offices(told: &Told<'_>) -> Vec<Family> {
    let here = told.status.offices.iter().filter(|o| o.state != OfficeState::Revoked);
    let per = PerOffice(here.collect());
    let freshness = per.0.iter().flat_map(|office| {
        Freshness::ALL.map(|freshness| {
            let labels = [office.id.to_string(), freshness.as_str().to_owned()];
            (labels, office.freshness == Some(freshness))
        })
    });
    let sessions = per.0.iter().map(|office| {
        let opened = told.sessions.get(&office.id).copied().unwrap_or(0);
        ([office.id.to_string()], opened)
    });
    let mut all = vec![
        Family::gauges(
            "wasl_hq_office_freshness",
            "How fresh what is known of an office is, by its own habit: one of the words is 1.",
            ["office", "freshness"],
            freshness,
        ),
        Family::counters(
            "wasl_hq_office_sessions_total",
            "Sessions that an office has opened since the start.",
            ["office"],
            sessions,
        ),
    ];
    all.extend(contact(&per));
    all.extend(holdings(&per));
    all
}

/// When and how an office was heard.
fn contact(per: &PerOffice<'_>) -> [Family; 4] {
    [
        per.gauge("wasl_hq_office_connected", "Is a session of the office live?", |office| {
            office.connected
        }),
        per.gauge(
            "wasl_hq_office_last_seen_timestamp_seconds",
            "When the office last said something.",
            |office| office.last_seen.map(moment),
        ),
        per.gauge(
            "wasl_hq_office_rtt_seconds",
            "The round trip to the office while it is connected.",
            |office| office.rtt_ms.map(|ms| Figure::from(ms).0 / MS_PER_S),
        ),
        per.gauge(
            "wasl_hq_office_clock_offset_seconds",
            "The office's clock minus ours, at its last report.",
            |office| office.clock_offset_ms.map(seconds),
        ),
    ]
}

/// What HQ has of an office.
fn holdings(per: &PerOffice<'_>) -> [Family; 5] {
    [
        per.gauge(
            "wasl_hq_office_stored_entries",
            "Entries of the office's newest journal that HQ has.",
            |office| office.stored_seq.0,
        ),
        per.gauge(
            "wasl_hq_office_backlog_entries",
            "Entries that HQ has not, of those that the office last reported.",
            |office| office.backlog,
        ),
        per.gauge(
            "wasl_hq_office_held_entries",
            "Entries of the office that are held.",
            |office| office.held,
        ),
        per.gauge("wasl_hq_office_records", "Records that the office opened.", |office| {
            office.records
        }),
        per.gauge("wasl_hq_office_conflicts", "Of those, in conflict.", |office| office.conflicts),
    ]
}

fn rollout(rollout: Option<&RolloutFacts>) -> Vec<Family> {
    let mut by_stage = BTreeMap::from(STAGES.map(|stage| ([stage.to_owned()], 0_u64)));
    let offices = rollout.map_or(&[][..], |rollout| &rollout.offices);
    for office in offices {
        *by_stage.entry([office.stage.to_owned()]).or_default() += 1;
    }
    let running = offices.iter().map(|o| ([o.office.to_string()], o.running.0));
    let stopped = rollout.is_some_and(|rollout| rollout.stopped.is_some());
    vec![
        Family::gauge(
            "wasl_hq_rollout_serial",
            "The newest config edition that was pushed.",
            rollout.map(|rollout| rollout.serial.0),
        ),
        Family::gauges(
            "wasl_hq_rollout_stage",
            "How far its rollout has come: the word that is 1.",
            ["stage"],
            rollout.map(|rollout| ([rollout.stage.clone()], 1_u64)),
        ),
        Family::gauge("wasl_hq_rollout_stopped", "Does the rollout wait for people?", stopped),
        Family::gauge(
            "wasl_hq_rollout_stage_timestamp_seconds",
            "Since when it has been there.",
            rollout.map(|rollout| Figure(seconds(rollout.since.0))),
        ),
        Family::gauges(
            "wasl_hq_rollout_offices",
            "How many offices are how far with it.",
            ["stage"],
            by_stage,
        ),
        Family::gauges(
            "wasl_hq_office_config_serial",
            "The config edition in force at an office (0: what is built in).",
            ["office"],
            running,
        ),
    ]
}

/// The words for how far an office is in a rollout.
const STAGES: [&str; 9] = [
    "NOT_TARGETED",
    "PENDING_OFFLINE",
    "OFFERED",
    "PROBATION",
    "COMMITTED",
    "REJECTED",
    "ROLLED_BACK",
    "HELD",
    "STRAGGLER",
];

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warn => "warn",
        Severity::Crit => "crit",
    }
}

/// A moment, in seconds since 1970.
fn moment(at: Timestamp) -> Figure {
    Figure(seconds(at.as_millisecond()))
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus holds nothing else")]
fn seconds(ms: i64) -> f64 {
    ms as f64 / MS_PER_S
}
