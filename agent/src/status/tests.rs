use wasl_protocol::edition::{ConfigState, EditionHash, Phase, Serial, Step};
use wasl_protocol::id::{Head, JournalId, Position};
use wasl_protocol::units::{Seq, UnixMs};

use super::document::timestamp;
use super::*;
use crate::config::{ConfigFacts, InForce};
use crate::engine::{Facts, Refused};
use crate::facts::{HttpFacts, LinkError, LinkFacts, LinkPhase, MirrorFacts};
use crate::settings::Tighten;

mod config; // what is wrong with the config
mod states; // every state an office can be in, and what check says of it
mod table; // what people see

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
    mirror: Option<MirrorFacts>,
    fill_eta_s: Option<u64>,
    verified: Option<Verified>,
    up_ms: u64,
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
    let (fill_eta_s, verified, up_ms) = (None, None, 50 * 3_600_000);
    let mirror = None;
    World { known, facts, link, config, in_force, http, mirror, fill_eta_s, verified, up_ms }
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
    let (fill_eta_s, up_ms) = (world.fill_eta_s, world.up_ms);
    let clocks = Clocks { now: NOW, fill_eta_s, sync_eta_s: Some(0), up_ms };
    let World { known, facts, link, config, in_force, http, mirror, verified, .. } = world;
    let (verified, mirror) = (verified.as_ref(), mirror.as_ref());
    build(known, &Told { facts, link, config, in_force, http, mirror, verified, clocks })
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
fn a_mirror_that_takes_nothing_is_told_at_once_and_one_that_is_late_after_a_minute() {
    let mirror = |entries, level_ago_ms, why: Option<&str>| MirrorFacts {
        place: "/media/stick/wasl".into(),
        entries: Seq(entries),
        level_at: Some(before(level_ago_ms)),
        trouble: why.map(|why| (why.to_owned(), before(5 * S))),
    };
    for (mirror, told) in [
        (mirror(1345, HOUR, None), false),
        (mirror(1340, 50 * S, None), false),
        (mirror(1340, 70 * S, None), true),
        (mirror(1345, 0, Some("its disk is full")), true),
    ] {
        let want = if told { only("mirror", Severity::Warn) } else { vec![] };
        let behind = 1345 - mirror.entries.0;
        let mut world = well();
        world.mirror = Some(mirror);
        let status = status(&world);
        assert_eq!(wrong(|w| w.mirror = world.mirror.clone()), want);
        let shown = status.journal.mirror.unwrap();
        assert_eq!((shown.behind, shown.level), (behind, behind == 0 && shown.trouble.is_none()));
    }
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
fn conflicts_are_counted_and_are_work_for_people_not_an_illness() {
    let mut world = well();
    world.facts.conflicts = 2;
    let status = status(&world);
    assert_eq!((status.records.conflicts, status.overall), (2, Overall::Ok));
    assert_eq!(status.summary, "HQ has everything");
    assert_eq!(wrong(|w| w.facts.conflicts = 2), only("conflicts", Severity::Info));
}

#[test]
fn what_something_else_explains_comes_behind_it_and_does_not_count_again() {
    let mut world = well();
    world.link.state = LinkPhase::Backoff;
    world.link.last_up_at = Some(before(30 * HOUR));
    (world.facts.backlog, world.facts.oldest_unacked_at) = (3, Some(before(30 * HOUR)));
    world.facts.held = 1;
    let told = status(&world);
    let order: Vec<_> = told.warnings.iter().map(|w| (w.code.as_str(), w.severity)).collect();
    // The link only warns, but for its sake HQ has not had anything for a day.
    let want =
        [("link-down", Severity::Warn), ("unacked", Severity::Crit), ("held", Severity::Warn)];
    assert_eq!(order, want);
    assert_eq!(told.warnings[1].depends_on, ["link-down"]);
    assert!(told.warnings[0].depends_on.is_empty() && told.warnings[2].depends_on.is_empty());
    assert_eq!(told.overall, Overall::Crit);
    assert_eq!(told.summary, "the link to HQ is down, and 1 more");
}

#[test]
fn nothing_cries_in_the_first_minute_but_what_time_cannot_mend() {
    let starting = |harm: &dyn Fn(&mut World)| {
        let mut world = well();
        harm(&mut world);
        world.up_ms = WARMUP_MS - 1;
        status(&world)
    };
    let by_time = starting(&|w| {
        w.link.state = LinkPhase::Backoff;
        (w.link.last_up_at, w.link.clock_offset_ms) = (None, Some(3600 * S));
        (w.facts.backlog, w.facts.oldest_unacked_at) = (3, Some(before(30 * HOUR)));
        (w.fill_eta_s, w.config.silent_up_s) = (Some(1), 31 * DAY_S);
        w.http.wanted = "127.0.0.1:8780".parse().ok();
    });
    assert_eq!((by_time.overall, by_time.warnings.len()), (Overall::Ok, 0));
    assert_eq!(by_time.summary, "starting: 59 s; no link now: 3 wait here, safe on disk");
    assert_eq!(by_time.clock.trust, "off");
    for harm in [
        (|w: &mut World| w.facts.closed = Some(Refused::Poisoned)) as fn(&mut World),
        |w| w.facts.closed = Some(Refused::DiskFull),
        |w| w.facts.fork = Some(Seq(7)),
        |w| w.link.state = LinkPhase::Refused,
        |w| w.verified = Some(Verified { at: timestamp(NOW), result: "byte 7".to_owned() }),
    ] {
        assert_eq!(starting(&harm).overall, Overall::Crit);
    }
}

#[test]
fn since_is_remembered_while_a_warning_is_told_and_no_longer() {
    let mut seen = since::FirstSeen::default();
    let mut told_at = |held: u64, at: i64| {
        let mut world = well();
        world.facts.held = held;
        let mut status = status(&world);
        status.as_of = timestamp(UnixMs(NOW.0 + at));
        seen.fill(&mut status);
        status.warnings.first().map(|w| w.since.unwrap())
    };
    let at = |ms: i64| Some(timestamp(UnixMs(NOW.0 + ms)));
    assert_eq!([told_at(1, S), told_at(1, 9 * S)], [at(S), at(S)]);
    assert_eq!([told_at(0, 10 * S), told_at(1, 11 * S)], [None, at(11 * S)]);
    // A clock that was set back does not make a warning begin in the future.
    assert_eq!(told_at(1, -HOUR), at(-HOUR));
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
fn an_office_that_lost_news_is_not_synced_until_hq_was_level_with_it_again() {
    let mut world = well();
    (world.facts.news_lost, world.link.level_at) = (true, None);
    world.link.state = LinkPhase::Backoff;
    let told = status(&world);
    assert!(!told.synced && told.warnings.iter().any(|w| w.code == "news-lost"));
    world.link = well().link;
    let told = status(&world);
    assert!(told.synced && told.warnings.is_empty());
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
    std::fs::write(&path, r#"{"schema":"wasl.status/2","overall":{"word":"ok"}}"#).unwrap();
    let refused = newest(dir.path(), NOW);
    assert!(matches!(refused, Err(StatusFileError::OtherVersion { schema, .. })
        if schema == "wasl.status/2"));
}
