use wasl_protocol::edition::Hold;
use wasl_protocol::private::Private;

use super::*;

fn page(status: &Status) -> String {
    table(status, Look { now: timestamp(NOW), style: Style::Plain, columns: 100, full: false })
}

fn back_to(to: u64, code: &str) -> Phase {
    let (to, code, message) = (Serial(to), code.to_owned(), "a gate failed".to_owned());
    Phase::RolledBack { to, code, message }
}

#[test]
fn an_edition_that_did_not_stand_warns_until_a_newer_one_comes() {
    let fails = |w: &mut World| {
        w.config.state.fold(&step(8, Phase::Fetched));
        w.config.state.fold(&step(8, back_to(7, "intake")));
        w.config.desired = Some(Serial(8));
    };
    assert_eq!(wrong(fails), only("config-rolled-back", Severity::Warn));
    let mut world = well();
    fails(&mut world);
    let told = status(&world);
    assert_eq!(told.warnings[0].text, "edition 8 went back to 7: a gate failed (intake)");
    assert_eq!(told.config.running, Some(Serial(7)));
    let attempt = told.config.last_attempt.unwrap();
    assert_eq!((attempt.serial, attempt.phase.as_str()), (Serial(8), "rolled_back"));
    assert_eq!((attempt.code.as_deref(), attempt.at), (Some("intake"), timestamp(before(HOUR))));
    let table = page(&status(&world));
    let row = "edition 7; edition 8, rolled back (intake), came 60 min ago; headquarters wants \
               edition 8";
    let words = table.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains(row), "{table}");
    world.config.state.fold(&step(9, Phase::Fetched));
    assert_eq!(status(&world).overall, Overall::Ok);
}

#[test]
fn what_is_built_in_is_critical_only_where_an_edition_has_stood() {
    let lost = |w: &mut World| {
        w.config.state.fold(&step(7, back_to(0, "lost")));
        w.in_force.serial = Serial::BUILT_IN;
    };
    assert_eq!(wrong(lost), only("config-safe", Severity::Crit));
    let mut world = well();
    lost(&mut world);
    let told = status(&world);
    assert!(told.intake_open && told.warnings[0].text.contains("edition 7 stood here"));
    let never = |w: &mut World| {
        w.config = ConfigFacts::default();
        w.in_force.serial = Serial::BUILT_IN;
    };
    assert_eq!(wrong(never), []);
    let tried = |w: &mut World| {
        never(w);
        w.config.state.fold(&step(1, Phase::Fetched));
        w.config.state.fold(&step(1, back_to(0, "starts")));
    };
    assert_eq!(wrong(tried), only("config-rolled-back", Severity::Warn));
}

#[test]
fn silence_counts_only_while_the_link_is_up_and_by_the_thresholds_in_force() {
    let silent = |s| move |w: &mut World| w.config.silent_up_s = s;
    assert_eq!(wrong(silent(7 * DAY_S)), []);
    assert_eq!(wrong(silent(7 * DAY_S + 1)), only("config-stale", Severity::Warn));
    assert_eq!(wrong(silent(30 * DAY_S + 1)), only("config-stale", Severity::Crit));
    let sooner = |w: &mut World| {
        w.in_force.settings.config.stale_warn_days = 1;
        w.config.silent_up_s = DAY_S + 1;
    };
    assert_eq!(wrong(sooner), only("config-stale", Severity::Warn));
}

#[test]
fn a_hold_warns_until_its_time_and_does_not_tell_the_reason_to_everybody() {
    let held = |until| {
        move |w: &mut World| {
            let why = Private("exam day".to_owned());
            w.config.state.hold = Some(Hold { until, why });
        }
    };
    assert_eq!(wrong(held(NOW)), []);
    assert_eq!(wrong(held(UnixMs(NOW.0 + 1))), only("config-held", Severity::Warn));
    let mut world = well();
    held(UnixMs(NOW.0 + HOUR))(&mut world);
    let told = status(&world);
    assert_eq!(told.config.state.as_deref(), Some("held"));
    assert!(told.warnings[0].text.contains("2016-01-12 09:00Z"));
    assert!(!serde_json::to_string(&told).unwrap().contains("exam day"));
}

#[test]
fn thresholds_come_from_what_is_in_force() {
    let earlier = |w: &mut World| {
        w.in_force.settings.status.clock_warn_s = 0;
        w.link.clock_offset_ms = Some(1);
    };
    assert_eq!(wrong(earlier), only("clock-off", Severity::Warn));
}

#[test]
fn what_an_older_daemon_left_is_still_read() {
    let mut left = serde_json::to_value(status(&well())).unwrap();
    left["config"] = serde_json::json!({
        "running": null, "desired": null, "state": null, "last_attempt": null,
    });
    let read: Status = serde_json::from_value(left).unwrap();
    assert_eq!(read.config, ConfigStatus::default());
    assert!(page(&read).contains("  Config   not known\n"));
}

#[test]
fn http_that_cannot_be_served_where_the_edition_says_is_a_warning() {
    let at = "127.0.0.1:8780".parse().ok();
    assert_eq!(wrong(|w| (w.http.wanted, w.http.served) = (at, at)), []);
    let why = Some("Address already in use".to_owned());
    let told = wrong(|w| (w.http.wanted, w.http.why) = (at, why));
    assert_eq!(told, only("http-closed", Severity::Warn));
}
