use wasl_protocol::edition::{ConfigState, EditionHash, Phase, Serial, Step};
use wasl_protocol::id::{Head, JournalId, Position};
use wasl_protocol::units::{Seq, UnixMs};

use super::document::timestamp;
use super::*;
use crate::config::{ConfigFacts, InForce};
use crate::engine::{Facts, Refused};
use crate::facts::{HttpFacts, LinkError, LinkFacts, LinkPhase};
use crate::settings::Tighten;

mod config; // what is wrong with the config

const S: i64 = 1000;
const HOUR: i64 = 3600 * S;
const DAY_S: u64 = 86_400;

/// 2016-01-12, a Tuesday, at 11:00 in Nasiriyah.
const NOW: UnixMs = UnixMs(1_452_585_600 * S);

/// An office that is well; each test makes one thing wrong.
struct World {
    known: Known,
    facts: Facts,
    link: LinkFacts,
    config: ConfigFacts,
    in_force: InForce,
    http: HttpFacts,
    fill_eta_s: Option<u64>,
    verified: Option<Verified>,
}

fn at(seq: u64) -> Position {
    Position { seq: Seq(seq), head: Head([7; 32]) }
}

fn before(ms: i64) -> UnixMs {
    UnixMs(NOW.0 - ms)
}

fn well() -> World {
    let office = OfficeStatus {
        id: "suq-al-shuyukh".parse().unwrap(),
        name_ar: "سوق الشيوخ".into(),
        name_en: "Suq Al-Shuyukh".into(),
    };
    let agent = AgentStatus {
        version: "0.1.0".into(),
        pid: 4711,
        started_at: timestamp(before(50 * HOUR)),
    };
    let identity = IdentityStatus { key: "0102030405060708".into(), key_store: "file".into() };
    let facts = Facts {
        journals: vec![(JournalId(5), at(1345))],
        stored: Some(at(1345)),
        last_ack_at: Some(before(40 * S)),
        records: 1344,
        journal_bytes: 4 << 20,
        free_bytes: 34 << 30,
        fsync_p99_ms: 0.42,
        ..Facts::default()
    };
    let link = LinkFacts {
        state: LinkPhase::Up,
        since: Some(before(3 * HOUR)),
        endpoint: Some("hq.example:4433".into()),
        rtt_ms: Some(612),
        last_up_at: Some(NOW),
        clock_offset_ms: Some(-80),
        level_at: Some(before(40 * S)),
        ..LinkFacts::default()
    };
    let known = Known { office, agent, identity };
    let in_force = InForce { serial: Serial(7), ..InForce::built_in(&Tighten::default()) };
    let config =
        ConfigFacts { state: stood(7), desired: Some(Serial(7)), ..ConfigFacts::default() };
    let http = HttpFacts::default();
    World { known, facts, link, config, in_force, http, fill_eta_s: None, verified: None }
}

/// Where an office is whose edition has stood.
fn stood(serial: u64) -> ConfigState {
    let mut state = ConfigState::default();
    for phase in [Phase::Fetched, Phase::Committed] {
        state.fold(&step(serial, phase));
    }
    state
}

fn step(serial: u64, phase: Phase) -> Step {
    Step { serial: Serial(serial), hash: EditionHash::default(), at: before(HOUR), phase }
}

fn status(world: &World) -> Status {
    let clocks = Clocks { now: NOW, fill_eta_s: world.fill_eta_s, sync_eta_s: Some(0) };
    let World { known, facts, link, config, in_force, http, verified, .. } = world;
    let verified = verified.as_ref();
    build(known, &Told { facts, link, config, in_force, http, verified, clocks })
}

/// The codes and severities of what is wrong once `harm` is done to a well office.
fn wrong(harm: impl FnOnce(&mut World)) -> Vec<(String, Severity)> {
    let mut world = well();
    harm(&mut world);
    status(&world).warnings.into_iter().map(|w| (w.code, w.severity)).collect()
}

fn only(code: &str, severity: Severity) -> Vec<(String, Severity)> {
    vec![(code.to_owned(), severity)]
}

#[test]
fn an_office_that_is_well_says_so_and_nothing_else() {
    let status = status(&well());
    assert_eq!((status.overall, status.warnings.len()), (Overall::Ok, 0));
    assert!(status.synced && status.safe_to_power_off && status.intake_open);
    assert_eq!(status.summary, "HQ has everything");
}

#[test]
fn waiting_for_hq_is_wrong_only_after_hours() {
    let waits = |ms| {
        move |w: &mut World| {
            (w.facts.backlog, w.facts.oldest_unacked_at) = (3, Some(before(ms)));
        }
    };
    assert_eq!(wrong(waits(4 * HOUR)), []);
    assert_eq!(wrong(waits(4 * HOUR + S)), only("unacked", Severity::Warn));
    assert_eq!(wrong(waits(24 * HOUR)), only("unacked", Severity::Warn));
    assert_eq!(wrong(waits(24 * HOUR + S)), only("unacked", Severity::Crit));
}

#[test]
fn with_working_hours_nights_do_not_count() {
    let hours = "days = [\"mon\", \"tue\"]\nfrom = \"08:00\"\nto = \"15:00\"";
    let harm = |ms| {
        wrong(move |w: &mut World| {
            w.in_force.settings.working_hours = Some(toml::from_str(hours).unwrap());
            (w.facts.backlog, w.facts.oldest_unacked_at) = (3, Some(before(ms)));
        })
    };
    // It is 11:00: three hours of today, one hour of yesterday from 14:00 on.
    assert_eq!(harm(21 * HOUR), []);
    assert_eq!(harm(21 * HOUR + S), only("unacked", Severity::Warn));
}

#[test]
fn a_link_that_is_down_is_wrong_only_after_hours() {
    let down = |ms| {
        move |w: &mut World| {
            w.link.state = LinkPhase::Backoff;
            w.link.last_up_at = Some(before(ms));
        }
    };
    assert_eq!(wrong(down(4 * HOUR)), []);
    assert_eq!(wrong(down(4 * HOUR + S)), only("link-down", Severity::Warn));
    // A daemon that never had a link counts from its start, 50 hours ago.
    let never = |w: &mut World| (w.link.state, w.link.last_up_at) = (LinkPhase::Backoff, None);
    assert_eq!(wrong(never), only("link-down", Severity::Warn));
}

#[test]
fn a_clock_that_is_off_warns_and_intake_stays_open() {
    let off = |ms| move |w: &mut World| w.link.clock_offset_ms = Some(ms);
    assert_eq!(wrong(off(30 * S)), []);
    assert_eq!(wrong(off(-30 * S - 1)), only("clock-off", Severity::Warn));
    assert_eq!(wrong(off(300 * S + 1)), only("clock-off", Severity::Crit));
    let mut world = well();
    off(i64::MIN)(&mut world);
    assert!(status(&world).intake_open);
}

#[test]
fn a_disk_that_fills_warns_days_before() {
    let fills = |s| move |w: &mut World| w.fill_eta_s = Some(s);
    assert_eq!(wrong(fills(14 * DAY_S)), []);
    assert_eq!(wrong(fills(14 * DAY_S - 1)), only("disk-runway", Severity::Warn));
    assert_eq!(wrong(fills(3 * DAY_S - 1)), only("disk-runway", Severity::Crit));
}

#[test]
fn closed_intake_a_fork_and_a_refusal_are_critical_at_once() {
    let closed = |why: Refused| move |w: &mut World| w.facts.closed = Some(why);
    assert_eq!(wrong(closed(Refused::DiskFull)), only("disk-full", Severity::Crit));
    assert_eq!(wrong(closed(Refused::Poisoned)), only("journal-failed", Severity::Crit));
    assert_eq!(wrong(|w| w.facts.fork = Some(Seq(7))), only("fork", Severity::Crit));
    let refused = |w: &mut World| w.link.state = LinkPhase::Refused;
    assert_eq!(wrong(refused), only("refused", Severity::Crit));
    let mut world = well();
    world.facts.closed = Some(Refused::Poisoned);
    let status = status(&world);
    assert!(!status.safe_to_power_off && !status.intake_open && status.journal.read_only);
}

#[test]
fn a_failed_verification_is_critical_until_one_succeeds() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(last_verified(dir.path()), None);
    for (result, want) in
        [("byte 7", only("verify-failed", Severity::Crit)), (Verified::OK, vec![])]
    {
        let found = Verified { at: timestamp(NOW), result: result.to_owned() };
        note_verified(&crate::seam::RealDisk, dir.path(), &found).unwrap();
        assert_eq!(last_verified(dir.path()), Some(found));
        assert_eq!(wrong(|w| w.verified = last_verified(dir.path())), want);
    }
}

#[test]
fn the_worst_comes_first_and_gives_the_verdict() {
    let both = |w: &mut World| {
        w.facts.held = 2;
        w.facts.closed = Some(Refused::DiskFull);
    };
    let codes: Vec<_> = wrong(both).into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, ["disk-full", "held"]);
    let mut world = well();
    both(&mut world);
    let status = status(&world);
    assert_eq!(status.overall, Overall::Crit);
    assert_eq!(status.summary, "the disk is full: no enrollment is taken, and 1 more");
}

#[test]
fn held_and_refused_entries_and_newer_records_warn_and_say_what_to_do() {
    assert_eq!(wrong(|w| w.facts.held = 1), only("held", Severity::Warn));
    assert_eq!(wrong(|w| w.facts.refused = 1), only("refused-entries", Severity::Warn));
    assert_eq!(wrong(|w| w.facts.read_only = 1), only("newer", Severity::Warn));
    let mut world = well();
    (world.facts.held, world.facts.refused, world.facts.read_only) = (2, 3, 4);
    let status = status(&world);
    assert_eq!((status.sync.held, status.sync.refused, status.records.read_only), (2, 3, 4));
    for (warning, (n, way)) in status.warnings.iter().zip([
        ("2", "`wasl held list`"),
        ("3", "`wasl held list`"),
        ("4", "update the agent"),
    ]) {
        assert!(warning.text.starts_with(n) && warning.action.contains(way), "{warning:?}");
    }
}

#[test]
fn conflicts_are_counted_and_the_table_says_how_to_see_them() {
    let mut world = well();
    world.facts.conflicts = 2;
    let status = status(&world);
    assert_eq!((status.records.conflicts, status.overall), (2, Overall::Ok));
    let told = table(&status, timestamp(NOW), Style::Plain);
    let row = "  Records  1,344, 2 in conflict (see them: `wasl conflict list`)\n";
    assert!(told.contains(row), "{told}");
}

#[test]
fn an_office_is_not_synced_before_hq_has_sent_what_it_had() {
    let mut world = well();
    world.link.level_at = Some(before(4 * HOUR));
    assert!(!status(&world).synced);
    world.link.level_at = world.link.since;
    assert!(status(&world).synced);
    world.facts.backlog = 1;
    assert!(!status(&world).synced);
}

#[test]
fn the_document_has_the_promised_fields_and_comes_back() {
    let document = serde_json::to_value(status(&well())).unwrap();
    let text = |pointer: &str| document.pointer(pointer).unwrap().to_string();
    assert_eq!(text("/schema"), "\"wasl.status/1\"");
    assert_eq!(text("/overall"), "\"ok\"");
    assert_eq!(text("/as_of"), "\"2016-01-12T08:00:00Z\"");
    assert_eq!(text("/link/state"), "\"up\"");
    assert_eq!(text("/sync/journal"), "\"0000000000000005\"");
    assert_eq!(text("/sync/head_seq"), "1345");
    for null in ["/link/last_error", "/sync/oldest_unacked_at", "/journal/last_verify"] {
        assert_eq!(text(null), "null", "{null}");
    }
    let back: Status = serde_json::from_value(document).unwrap();
    assert_eq!(back, status(&well()));
}

#[test]
fn the_table_is_a_verdict_and_seven_lines() {
    let now = timestamp(UnixMs(NOW.0 + 2 * S));
    let told = table(&status(&well()), now, Style::Plain);
    let want = "\
OK  Suq Al-Shuyukh (suq-al-shuyukh, سوق الشيوخ): HQ has everything
  Link     up for 3 h, hq.example:4433, round trip 612 ms
  Sync     HQ has 1,345 of 1,345 entries; last receipt 42 s ago
  Records  1,344, 0 in conflict
  Journal  4.0 MiB, 34.0 GiB free, slowest syncs 0.4 ms
  Config   edition 7, committed, came 60 min ago
  Clock    80 ms from HQ's
  Agent    wasl 0.1.0, process 4711, started 2 days ago; told 2 s ago
";
    assert_eq!(told, want);
}

#[test]
fn the_table_adds_what_is_wrong_and_what_to_do() {
    let mut world = well();
    world.link.state = LinkPhase::Backoff;
    world.link.since = Some(before(5 * HOUR));
    world.link.last_up_at = world.link.since;
    world.link.next_attempt_at = Some(UnixMs(NOW.0 + 30 * S));
    let text = "nobody answers".to_owned();
    world.link.last_error = Some(LinkError { code: "timeout".into(), text });
    (world.facts.backlog, world.facts.backlog_bytes) = (300, 150_000);
    (world.facts.stored, world.facts.last_ack_at) = (Some(at(1045)), None);
    world.facts.oldest_unacked_at = Some(before(5 * HOUR));
    let told = table(&status(&world), timestamp(NOW), Style::Plain);
    let want = "\
WARNING  Suq Al-Shuyukh (suq-al-shuyukh, سوق الشيوخ): HQ has not had everything for long, and 1 more
  Link     waiting to try again for 5 h, hq.example:4433, next attempt in 30 s (nobody answers)
  Sync     HQ has 1,045 of 1,345 entries, 146.5 KiB to send, done in 0 s; no receipt yet
  Records  1,344, 0 in conflict
  Journal  4.0 MiB, 34.0 GiB free, slowest syncs 0.4 ms
  Config   edition 7, committed, came 60 min ago
  Clock    80 ms from HQ's
  Agent    wasl 0.1.0, process 4711, started 2 days ago; told 0 s ago

WARN  HQ has not had everything for long [unacked]: 300 entries wait, the oldest for 5 h of working time; they are safe on this disk only
      -> bring the link up, then `wasl sync`

WARN  the link to HQ is down [link-down]: down for 5 h of working time: nobody answers
      -> check the modem or the antenna
";
    assert_eq!(told, want);
}

#[test]
fn a_name_cannot_steer_the_terminal_and_colour_is_only_on_request() {
    let mut world = well();
    world.known.office.name_en = "Nasr\u{1b}[2J\u{202e}".into();
    let plain = table(&status(&world), timestamp(NOW), Style::Plain);
    assert!(!plain.contains('\u{1b}') && !plain.contains('\u{202e}'), "{plain}");
    let coloured = table(&status(&well()), timestamp(NOW), Style::Coloured);
    assert!(coloured.starts_with("\u{1b}[1;32mOK\u{1b}[0m  Suq"), "{coloured}");
}

#[test]
fn a_stopped_daemons_last_word_is_unknown() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(newest(dir.path(), NOW), Err(StatusFileError::None(_))));
    let path = place(dir.path(), None);
    let disk = crate::seam::RealDisk;
    write(&disk, &path, &status(&well())).unwrap();
    write(&disk, &path, &status(&well())).unwrap();
    let (left, age_ms) = newest(dir.path(), UnixMs(NOW.0 + 31 * S)).unwrap();
    assert_eq!((left.clone(), age_ms), (status(&well()), 31 * S));
    assert!(age_ms > STALE_AFTER_MS);
    let told = left.no_longer("STALE: the daemon is stopped".into());
    assert_eq!((told.overall, told.intake_open), (Overall::Unknown, false));
    std::fs::write(&path, "{").unwrap();
    assert!(matches!(newest(dir.path(), NOW), Err(StatusFileError::Malformed { .. })));
}
