//! What is told of an HQ in each state, and what `check` makes of it.

use serde_json::json;
use wasl_protocol::edition::Serial;

use crate::rollout::OfficeRollout;
use crate::settings::StatusSettings;

use super::*;

const AS_OF: &str = "2027-01-05T09:00:00Z";

/// An office that is so fresh.
fn office(id: &str, word: Freshness) -> OfficeStatus {
    let never = word == Freshness::Never;
    let habit = json!({"usual": "Sun-Thu 08-15", "learnt": true, "missed_hours": 5.0,
        "late_after_hours": 4.0, "lost_after_hours": 7.0});
    let office = json!({
        "id": id, "name_ar": "ن", "name_en": "n",
        "state": if never { "added" } else { "joined" },
        "connected": word == Freshness::Fresh, "connected_since": null, "address": null,
        "rtt_ms": null, "freshness": word, "habit": if never { json!(null) } else { habit },
        "last_seen": if never { json!(null) } else { json!("2027-01-04T07:00:00Z") },
        "added_at": "2027-01-01T00:00:00Z", "token_expires_at": null, "joined_at": null,
        "revoked_at": null, "agent_version": null, "clock_offset_ms": null, "journals": [],
        "stored_seq": 0, "backlog": null, "held": 0, "records": 0, "conflicts": 0,
    });
    serde_json::from_value(office).unwrap()
}

/// A running HQ where nothing is wrong but how these offices are.
fn status(offices: Vec<OfficeStatus>) -> Status {
    Status {
        schema: Status::SCHEMA.to_owned(),
        as_of: AS_OF.parse().unwrap(),
        running: true,
        version: "0.1.0".to_owned(),
        overall: Overall::Unknown,
        summary: String::new(),
        warming_up: false,
        epoch: wasl_protocol::id::EpochId(1),
        pid: Some(1),
        started_at: None,
        uptime_s: Some(1000),
        endpoint: None,
        totals: Totals {
            offices: offices.len() as u64,
            connected: count(&offices, |o| o.connected),
            freshness: freshness(&offices),
            records: 0,
            conflicts: 0,
            held: 0,
        },
        held: BTreeMap::new(),
        database: DatabaseStatus { bytes: 1 << 20, free_bytes: 1 << 40 },
        backup: BackupStatus::default(),
        rollout: None,
        warnings: Vec::new(),
        offices,
    }
}

/// The same with what is wrong, as it is built.
fn told(mut status: Status, rollout: Option<&RolloutFacts>) -> Status {
    status.warnings = warnings::warnings(&status, &StatusSettings::default(), rollout, None);
    status.overall = status.warnings.iter().map(|w| w.severity).max().into();
    status.summary = warnings::summary(&status);
    status
}

fn codes(status: &Status) -> Vec<&str> {
    status.warnings.iter().map(|w| &*w.code).collect()
}

/// A well HQ of which something was changed, the codes that are told, and what `check` says first.
fn row(change: impl FnOnce(&mut Status), wanted: &[&str], state: State, begin: &str) {
    let fresh = |n: u32| office(&format!("office-{n}"), Freshness::Fresh);
    let mut status = status((0..14).map(fresh).collect());
    change(&mut status);
    status.totals.freshness = freshness(&status.offices);
    let status = told(status, None);
    assert_eq!(codes(&status), wanted);
    let verdict = Verdict::of(&status);
    let line = verdict.to_string();
    assert_eq!(verdict.state, state, "{line}");
    assert!(line.starts_with(begin) && !line.contains('\n'), "{line}");
}

#[test]
fn check_answers_in_each_state_with_its_code_and_the_worst_first() {
    use Freshness::{Late, Lost, Never, Quiet};
    use State::{Critical, Ok, Warning};
    let be = |word: Freshness, n: usize| {
        move |s: &mut Status| {
            for at in 0..n {
                s.offices[at] = office(&format!("office-{at}"), word);
            }
        }
    };
    row(|_| {}, &[], Ok, "OK - HQ: all is well; 14 of 14 offices fresh | offices=14;;;0 ");
    row(be(Quiet, 14), &[], Ok, "OK - HQ: all is well; 0 of 14");
    row(be(Never, 1), &["office-never"], Ok, "OK - HQ: all is well; 13");
    let late = "WARNING - HQ: offices are late (office-0: last heard 26 h ago, usually Sun-Thu 08";
    row(be(Late, 1), &["office-late"], Warning, late);
    row(be(Lost, 2), &["office-lost"], Critical, "CRITICAL - HQ: offices are lost (office-0: ");
    let silent = "CRITICAL - HQ: most offices are silent at once (14 of 14 offices are late or";
    row(be(Lost, 14), &["offices-silent", "office-lost"], Critical, silent);
    row(|s| s.totals.conflicts = 3, &["conflicts"], Ok, "OK - HQ: all is well");
    row(|s| s.totals.conflicts = 50, &["conflicts"], Warning, "WARNING - HQ: records are in");
    let held = |s: &mut Status| s.held.extend([("waits".to_owned(), 2)]);
    row(held, &["held"], Warning, "WARNING - HQ: entries are held (2 entries stored and not");
    row(
        |s| s.database.free_bytes = 1 << 30,
        &["disk-low"],
        Warning,
        "WARNING - HQ: the database's",
    );
    row(|s| s.database.free_bytes = 1 << 20, &["disk-low"], Critical, "CRITICAL - HQ: the data");
    let stopped = "CRITICAL - HQ: headquarters is not running: no office can reach it";
    row(|s| s.running = false, &["stopped"], Critical, stopped);
    let one_off = |s: &mut Status| s.offices[0].clock_offset_ms = Some(-400_000);
    row(one_off, &["office-clock"], Warning, "WARNING - HQ: clocks of offices are off (office-0 6");
    let all_off = |s: &mut Status| {
        s.offices.iter_mut().for_each(|o| o.clock_offset_ms = Some(40_000));
    };
    let hq_off = "WARNING - HQ: the clock of headquarters seems to be off (14 offices are ahead";
    let two = |s: &mut Status, at: &str| s.offices[3].two_machines_at = Some(at.parse().unwrap());
    row(
        |s| two(s, "2027-01-03T09:00:00Z"),
        &["duplicate-identity"],
        Critical,
        "CRITICAL - HQ: two machines write as one office (office-3: last seen 48 h ago)",
    );
    row(|s| two(s, "2027-01-02T08:00:00Z"), &[], Ok, "OK - HQ: all is well");
    let copied = |s: &mut Status, at: &str| {
        let copy = BackupItem { at: at.parse().unwrap(), place: "/copy".to_owned(), entries: 1 };
        s.backup = BackupStatus { newest: Some(copy.clone()), offsite: Some(copy) };
    };
    row(|s| copied(s, "2026-12-28T10:00:00Z"), &[], Ok, "OK - HQ: all is well");
    row(
        |s| copied(s, "2026-12-28T09:00:00Z"),
        &["backup-old"],
        Warning,
        "WARNING - HQ: the database has no recent copy off-site (the last one was made 8 d ago",
    );
    row(
        |s| s.offices[0].joined_at = Some("2026-12-27T09:00:00Z".parse().unwrap()),
        &["backup-old"],
        Warning,
        "WARNING - HQ: the database has no recent copy off-site (there is none, 9 d after",
    );
    row(all_off, &["hq-clock", "office-clock"], Warning, hq_off);
}

#[test]
fn a_young_hq_tells_nothing_that_only_time_can_tell_and_all_else() {
    let offices = || (0..3).map(|n| office(&format!("office-{n}"), Freshness::Lost)).collect();
    let young = |mut status: Status| {
        status.warming_up = true;
        status.totals.conflicts = 50;
        told(status, None)
    };
    let told_then = young(status(offices()));
    assert_eq!((codes(&told_then), told_then.overall), (vec!["conflicts"], Overall::Warn));
    let told_later = told(status(offices()), None);
    assert_eq!(codes(&told_later), ["offices-silent", "office-lost"]);
}

#[test]
fn what_something_else_explains_says_so_and_only_where_that_is_told() {
    let silent: Vec<_> = (0..3).map(|n| office(&format!("o{n}"), Freshness::Lost)).collect();
    let all = told(status(silent), None);
    assert_eq!(all.warnings[1].depends_on, ["offices-silent"]);
    let two = told(status(vec![office("a", Freshness::Lost), office("b", Freshness::Fresh)]), None);
    assert!(two.warnings[0].depends_on.is_empty() && two.warnings[0].since.is_some());
}

#[test]
fn a_rollout_that_stopped_is_a_warning_with_its_time() {
    let rollout = RolloutFacts {
        serial: Serial(2),
        stage: "ABORTED".to_owned(),
        since: UnixMs(0),
        stopped: Some("stopped by an operator".to_owned()),
        now: false,
        offices: Vec::<OfficeRollout>::new(),
    };
    let status = told(status(Vec::new()), Some(&rollout));
    assert_eq!((codes(&status), status.overall), (vec!["rollout-stopped"], Overall::Warn));
    assert_eq!(status.warnings[0].since, Some(timestamp(UnixMs(0))));
}

#[test]
fn many_are_counted_and_not_all_named() {
    let late: Vec<_> = (0..9).map(|n| office(&format!("office-{n}"), Freshness::Late)).collect();
    let fresh = (0..10).map(|n| office(&format!("fresh-{n}"), Freshness::Fresh));
    let status = told(status(late.into_iter().chain(fresh).collect()), None);
    assert!(status.warnings[0].text.ends_with("; and 4 more"), "{}", status.warnings[0].text);
}
