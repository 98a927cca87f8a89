//! Which metrics there are, and what each is made of: pure.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::engine::{Facts, SYNC_BOUNDS_NS};
use crate::facts::{IntakeFacts, LinkFacts, LinkPhase};
use crate::status::codes::{Code, Kind};
use crate::status::{Severity, Status, Verified};
use wasl_shown::exposition::{Family, Figure};
use wasl_shown::process::Usage;

const MS_PER_S: f64 = 1e3;
const NS_PER_S: f64 = 1e9;

/// What is told at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told<'a> {
    pub(super) status: &'a Status,
    pub(super) engine: &'a Facts,
    pub(super) link: &'a LinkFacts,
    pub(super) intake: &'a IntakeFacts,
    pub(super) usage: Option<Usage>,
}

/// All metrics, in the order in which they are shown.
pub(super) fn families(told: &Told<'_>) -> Vec<Family> {
    let mut all = daemon(told);
    all.extend(verdict(told.status));
    all.extend(intake(told));
    all.extend(journal(told));
    all.extend(sync(told.status));
    all.extend(link(told));
    all.extend(config(told.status));
    all
}

/// The process. Not `process_..`: in a textfile those would meet `node_exporter`'s own.
fn daemon(told: &Told<'_>) -> Vec<Family> {
    let Told { status, usage, .. } = told;
    let who = [status.office.id.to_string(), status.agent.version.clone()];
    vec![
        Family::gauges(
            "wasl_build_info",
            "Which office this is, and which version runs here.",
            ["office", "version"],
            [(who, 1_u64)],
        ),
        Family::gauge(
            "wasl_status_timestamp_seconds",
            "When these figures were so: if it is old, nobody tells new ones.",
            moment(status.as_of),
        ),
        Family::gauge(
            "wasl_process_start_time_seconds",
            "When the daemon started.",
            moment(status.agent.started_at),
        ),
        Family::counter(
            "wasl_process_cpu_seconds_total",
            "Processor time that the daemon has used.",
            usage.map(|usage| usage.cpu_s),
        ),
        Family::gauge(
            "wasl_process_resident_memory_bytes",
            "Memory that the daemon holds.",
            usage.map(|usage| usage.resident_bytes),
        ),
        Family::gauge(
            "wasl_process_open_fds",
            "Files and sockets that the daemon has open.",
            usage.map(|usage| usage.open_files),
        ),
    ]
}

/// What `wasl check` says.
fn verdict(status: &Status) -> Vec<Family> {
    let mut counts = BTreeMap::from(["info", "warn", "crit"].map(|severity| (severity, 0_u64)));
    for warning in &status.warnings {
        *counts.entry(word(warning.severity)).or_default() += 1;
    }
    let counts = counts.into_iter().map(|(severity, n)| ([severity.to_owned()], n));
    let named = Code::all().filter(|code| code.kind == Kind::Warning).flat_map(|code| {
        code.severity.iter().map(|severity| {
            let told = status.warnings.iter();
            let mut told = told.filter(|w| w.code == code.code && w.severity == *severity);
            ([code.code.to_owned(), word(*severity).to_owned()], told.next().is_some())
        })
    });
    vec![
        Family::gauges(
            "wasl_warnings",
            "How many things are wrong, by how bad they are: what `wasl check` goes by.",
            ["severity"],
            counts,
        ),
        Family::gauges(
            "wasl_warning",
            "Is this wrong now? `wasl explain CODE` says what it means and what to do.",
            ["code", "severity"],
            named,
        ),
        Family::gauge("wasl_synced", "Has HQ everything that was written here?", status.synced),
        Family::gauge(
            "wasl_safe_to_power_off",
            "Is everything that was acknowledged on this disk?",
            status.safe_to_power_off,
        ),
    ]
}

fn intake(told: &Told<'_>) -> Vec<Family> {
    let counts = told.intake;
    let refused = counts.refused.iter().map(|(reason, n)| ([reason.clone()], *n));
    vec![
        Family::gauge("wasl_intake_open", "Are enrollments taken?", told.status.intake_open),
        Family::counter(
            "wasl_enrollments_total",
            "New enrollments that are on disk, since the daemon started.",
            counts.enrolled,
        ),
        Family::counter(
            "wasl_enrollments_repeated_total",
            "Enrollments posted again that were there already.",
            counts.repeated,
        ),
        Family::counter("wasl_corrections_total", "Corrections on disk.", counts.corrected),
        Family::counters(
            "wasl_enrollments_refused_total",
            "Enrollments and corrections refused, by the code that the caller was told.",
            ["reason"],
            refused,
        ),
        Family::gauge(
            "wasl_intake_waiting_requests",
            "Posted records that wait for the disk.",
            counts.waiting,
        ),
    ]
}

fn journal(told: &Told<'_>) -> Vec<Family> {
    let Told { status: Status { journal, records, .. }, engine, .. } = told;
    let verified = journal.last_verify.as_ref();
    vec![
        Family::counter("wasl_turns_total", "Turns of the engine.", engine.turns),
        fsyncs(engine),
        Family::gauge("wasl_journal_bytes", "How long the journal's files are.", journal.bytes),
        Family::gauge(
            "wasl_journal_read_only",
            "Has a write failed, so that nothing more is written?",
            journal.read_only,
        ),
        Family::gauge(
            "wasl_journal_forked",
            "Do HQ's copy of the journal and this one differ?",
            engine.fork.is_some(),
        ),
        Family::gauge(
            "wasl_journal_verified_ok",
            "Did the last verification find nothing wrong?",
            verified.map(|v| v.result == Verified::OK),
        ),
        Family::gauge(
            "wasl_journal_verified_timestamp_seconds",
            "When the journal was last verified.",
            verified.map(|v| moment(v.at)),
        ),
        Family::gauge("wasl_disk_free_bytes", "Free on the journal's disk.", journal.free_bytes),
        Family::gauge(
            "wasl_disk_full_timestamp_seconds",
            "When the journal's disk will be full at its pace; not a number while it does not grow.",
            journal.fill_eta_s.map(|eta| moment(told.status.as_of).0 + Figure::from(eta).0),
        ),
        Family::gauge(
            "wasl_mirror_entries_behind",
            "Entries of the journal that the mirror lacks; not a number where none is kept.",
            journal.mirror.as_ref().map(|mirror| mirror.behind),
        ),
        Family::gauge(
            "wasl_mirror_level_timestamp_seconds",
            "When the mirror last had everything.",
            journal.mirror.as_ref().and_then(|mirror| mirror.level_at).map(moment),
        ),
        Family::gauge("wasl_records", "Records at this office.", records.total),
        Family::gauge("wasl_conflicts", "Records in conflict.", records.conflicts),
        Family::gauge(
            "wasl_records_read_only",
            "Records that only a newer version of Wasl can write.",
            records.read_only,
        ),
    ]
}

fn fsyncs(engine: &Facts) -> Family {
    let bounds = SYNC_BOUNDS_NS.iter().map(|ns| Figure::from(*ns).0 / NS_PER_S);
    let bounds = bounds.chain([f64::INFINITY]);
    Family::histogram(
        "wasl_journal_fsync_duration_seconds",
        "How long a sync of a log takes: the wait of everyone who enrolls.",
        Figure::from(engine.syncs.sum_ns).0 / NS_PER_S,
        bounds.zip(engine.syncs.counts).collect(),
    )
}

fn sync(status: &Status) -> Vec<Family> {
    let sync = &status.sync;
    let entries =
        [("written", sync.head_seq), ("stored", sync.stored_seq), ("stable", sync.stable_seq)];
    vec![
        Family::gauges(
            "wasl_journal_entries",
            "Entries of the newest journal: written here, stored at HQ, in an off-site copy.",
            ["upto"],
            entries.map(|(upto, seq)| ([upto.to_owned()], seq.0)),
        ),
        Family::gauge("wasl_backlog_entries", "Entries that HQ has not.", sync.backlog_records),
        Family::gauge("wasl_backlog_bytes", "The same in bytes.", sync.backlog_bytes),
        Family::gauge("wasl_blobs_pending", "Blobs that HQ has not.", sync.blobs_pending),
        Family::gauge(
            "wasl_oldest_unacked_timestamp_seconds",
            "When the oldest entry that HQ has not was written; not a number if HQ has all.",
            sync.oldest_unacked_at.map(moment),
        ),
        Family::gauge(
            "wasl_last_ack_timestamp_seconds",
            "When HQ's last receipt came.",
            sync.last_ack_at.map(moment),
        ),
        Family::gauge("wasl_held_entries", "Our entries that HQ holds back.", sync.held),
        Family::gauge("wasl_refused_entries", "Our entries that HQ has refused.", sync.refused),
    ]
}

fn link(told: &Told<'_>) -> Vec<Family> {
    let Told { status: Status { link, clock, .. }, link: facts, .. } = told;
    let by_word = |counts: &BTreeMap<&'static str, u64>| {
        let one = |(word, n): (&&'static str, &u64)| ([(*word).to_owned()], *n);
        counts.iter().map(one).collect::<Vec<_>>()
    };
    let way = [("sent", facts.sent_bytes), ("received", facts.received_bytes)];
    vec![
        Family::gauge("wasl_link_up", "Is a session with HQ live?", link.state == LinkPhase::Up),
        Family::gauge(
            "wasl_link_last_up_timestamp_seconds",
            "When a session was last live.",
            link.last_up_at.map(moment),
        ),
        Family::counters(
            "wasl_link_attempts_total",
            "Attempts to reach HQ by how they ended; `up` is a session.",
            ["outcome"],
            by_word(&facts.attempts_by_outcome),
        ),
        Family::counters(
            "wasl_link_sessions_ended_total",
            "Sessions that ended, by why.",
            ["reason"],
            by_word(&facts.ends_by_reason),
        ),
        Family::gauge(
            "wasl_link_rtt_seconds",
            "The round trip to HQ while the link is up.",
            link.rtt_ms.map(|ms| Figure::from(ms).0 / MS_PER_S),
        ),
        Family::counters(
            "wasl_link_bytes_total",
            "Bytes of UDP to and from HQ, in sessions.",
            ["direction"],
            way.map(|(direction, bytes)| ([direction.to_owned()], bytes)),
        ),
        Family::gauge(
            "wasl_clock_offset_seconds",
            "Our clock minus HQ's, as of the last session's begin.",
            clock.offset_ms.map(seconds),
        ),
    ]
}

fn config(status: &Status) -> Vec<Family> {
    let config = &status.config;
    let serial = |serial: Option<wasl_protocol::edition::Serial>| {
        Figure::from(serial.map(|serial| serial.0))
    };
    let serials = [("running", serial(config.running)), ("desired", serial(config.desired))];
    let attempt = config.last_attempt.as_ref();
    vec![
        Family::gauges(
            "wasl_config_serial",
            "The config edition in force (0: what is built in), and the newest that HQ wants.",
            ["which"],
            serials.map(|(which, serial)| ([which.to_owned()], serial)),
        ),
        Family::gauge(
            "wasl_config_rolled_back",
            "Did the last edition that was tried not stand?",
            attempt.is_some_and(|attempt| attempt.phase == ROLLED_BACK),
        ),
    ]
}

/// The phase of an attempt that was taken back.
const ROLLED_BACK: &str = "rolled_back";

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
