//! Every state of headquarters as a page, in both languages: documents in, HTML out.

use serde_json::{Value, json};
use wasl_protocol::edition::Serial;
use wasl_protocol::units::UnixMs;

use super::*;
use crate::rollout::OfficeRollout;
use crate::status::{Code, Freshness, Overall, Severity, Warning};

fn office(id: &str, freshness: &str) -> Value {
    json!({
        "id": id, "name_ar": "الناصرية", "name_en": "Nasiriyah", "state": "joined",
        "connected": freshness == "FRESH", "connected_since": null, "address": null,
        "rtt_ms": null, "freshness": freshness,
        "habit": {
            "usual": "Sun-Thu 08-15", "learnt": true, "missed_hours": 3.5,
            "late_after_hours": 2.0, "lost_after_hours": 7.0
        },
        "last_seen": "2016-01-12T07:00:00Z", "added_at": "2016-01-01T09:00:00Z",
        "token_expires_at": null, "joined_at": "2016-01-01T09:00:00Z", "revoked_at": null,
        "agent_version": "0.1.0", "clock_offset_ms": 12, "journals": [], "stored_seq": 97,
        "backlog": 4, "held": 0, "records": 96, "conflicts": 0
    })
}

/// Headquarters with these offices, as of 2016-01-12 at 12:00 in Nasiriyah.
fn hq(offices: &[Value]) -> Status {
    serde_json::from_value(json!({
        "schema": "wasl-hq.status/1", "as_of": "2016-01-12T09:00:00Z", "running": true,
        "version": "0.1.0", "overall": "ok", "summary": "", "warming_up": false,
        "epoch": "0000000000000001", "pid": 1, "started_at": "2016-01-12T05:00:00Z",
        "uptime_s": 14400, "endpoint": "hq.example:4433",
        "totals": {
            "offices": 14, "connected": 12, "freshness": {"FRESH": 12, "LATE": 2},
            "records": 1344, "conflicts": 0, "held": 0
        },
        "held": {}, "database": {"bytes": 9_000_000, "free_bytes": 36_000_000_000_u64},
        "rollout": null, "warnings": [], "offices": offices
    }))
    .unwrap()
}

fn rollout() -> RolloutFacts {
    let office = OfficeRollout {
        office: "nasr".parse().unwrap(),
        stage: "PROBATION",
        running: Serial(6),
        desired: Some(Serial(7)),
        last_attempt: None,
        floor: Serial(6),
        connected: true,
    };
    RolloutFacts {
        serial: Serial(7),
        stage: "WAVE 2".to_owned(),
        since: UnixMs(1_452_582_000_000),
        stopped: None,
        now: false,
        offices: vec![office],
    }
}

/// Both pages, without the marks that keep a variable from turning the text round it.
fn both(status: &Status, rollout: Option<&RolloutFacts>) -> [String; 2] {
    [Language::Ar, Language::En].map(|language| {
        let html = Page { status, rollout, language }.html();
        html.replace(['\u{2068}', '\u{2069}'], "")
    })
}

#[track_caller]
fn says(html: &str, wanted: &[&str]) {
    for wanted in wanted {
        assert!(html.contains(wanted), "{wanted:?} is not in\n{html}");
    }
}

#[test]
fn headquarters_that_is_well_says_so_in_both_languages() {
    let [arabic, english] = both(&hq(&[office("nasr", "FRESH")]), Some(&rollout()));
    says(
        &arabic,
        &[
            r#"<html lang="ar" dir="rtl">"#,
            r#"class="verdict ok""#,
            "كل شيء على ما يرام",
            "المتصل 12 من 14",
            "1344 سجل",
            "حاضر",
            "الإصدار 7: الدفعة 2",
            "سيتسلم 7",
            "قيد التجربة",
        ],
    );
    says(
        &english,
        &[r#"<html lang="en" dir="ltr">"#, "Nothing is wrong", "12 of 14 connected", "Wave 2"],
    );
    whole(&arabic);
    whole(&english);
}

#[test]
fn only_fresh_facts_have_colour_and_the_others_are_the_last_known() {
    for freshness in Freshness::ALL {
        let [arabic, english] = both(&hq(&[office("nasr", freshness.as_str())]), None);
        let fresh = freshness == Freshness::Fresh;
        assert_eq!(english.contains(r#"<tr role="row" class="fresh">"#), fresh);
        assert_eq!(english.contains("last known 2 hours ago"), !fresh);
        let counts = matches!(freshness, Freshness::Late | Freshness::Lost);
        assert_eq!(english.contains("3.5 usual hours missed, late from 2.0"), counts);
        whole(&arabic);
        whole(&english);
    }
    let mut gone = office("nasr", "LOST");
    (gone["state"], gone["freshness"], gone["backlog"]) =
        (json!("revoked"), json!(null), json!(null));
    let [arabic, english] = both(&hq(&[gone]), None);
    says(&arabic, &["أُلغي", "لم يُنشر أي إصدار"]);
    says(&english, &["Revoked", "not known", "No edition has been pushed"]);
}

#[test]
fn every_code_and_every_severity_is_told_in_both_languages() {
    for code in Code::all() {
        for severity in code.severity {
            let mut status = hq(&[]);
            let cause = code.depends_on.first().map(|cause| (*cause).to_owned());
            status.warnings = vec![Warning {
                code: code.code.to_owned(),
                severity: *severity,
                since: None,
                title: code.title.to_owned(),
                text: "this case".to_owned(),
                action: code.action.to_owned(),
                depends_on: cause.into_iter().collect(),
            }];
            status.overall = Overall::from(Some(*severity));
            let [arabic, english] = both(&status, None);
            says(&english, &[&wasl_shown::sentence::sentence(code.title).replace('\'', "&#39;")]);
            assert!(!arabic.contains(code.title), "{}: not in Arabic", code.code);
            for html in [&arabic, &english] {
                assert!(!html.contains("<h3 lang="), "{}: not in the page's language", code.code);
                whole(html);
            }
            let wrong = *severity > Severity::Info && code.depends_on.is_empty();
            assert_eq!(english.contains("Nothing is wrong"), !wrong, "{}", code.code);
        }
    }
}

#[test]
fn every_stage_of_a_rollout_has_its_words() {
    let stages = "SIGNED CANARY SOAK COMPLETE PAUSED ABORTED SUPERSEDED";
    for stage in stages.split_whitespace() {
        let rollout = RolloutFacts { stage: stage.to_owned(), ..rollout() };
        for html in both(&hq(&[]), Some(&rollout)) {
            assert!(!html.contains(stage), "{stage}: no words for it");
            whole(&html);
        }
    }
    let stages = [
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
    for stage in stages {
        let mut rollout = rollout();
        rollout.offices[0].stage = stage;
        for html in both(&hq(&[office("nasr", "FRESH")]), Some(&rollout)) {
            assert!(!html.contains(stage), "{stage}: no words for it");
        }
    }
}

#[test]
fn what_is_held_and_in_conflict_says_how_to_see_it() {
    let mut status = hq(&[]);
    (status.totals.conflicts, status.totals.held) = (2, 3);
    status.held = [("waits".to_owned(), 3)].into();
    let [arabic, english] = both(&status, None);
    says(&arabic, &["سجلان متعارضان", "3 قيود", "<code dir=\"ltr\">wasl-hq held list</code>"]);
    says(&english, &["2 records in conflict", "3 entries", "3 × <code dir=\"ltr\">waits</code>"]);
}

#[test]
fn hostile_names_stay_text() {
    let mut hostile = office("nasr", "LATE");
    hostile["name_ar"] = json!("</th><script>alert(1)</script>\u{202e}سوق");
    hostile["name_en"] = json!("\"><img src=x onerror=alert(1)>");
    hostile["habit"]["usual"] = json!("<b onclick=1>");
    for html in both(&hq(&[hostile]), None) {
        for text in ["<script", "<img", "<b on", "\u{202e}"] {
            assert!(!html.contains(text), "{text:?} in {html}");
        }
        says(&html, &["&#60;script&#62;", "\u{fffd}"]);
        whole(&html);
    }
}

/// Asserts what holds for every page: no message is missing, nothing is from elsewhere, nothing
/// runs, and what is opened is closed.
#[track_caller]
fn whole(html: &str) {
    for forbidden in ["http:", "https:", "//", "<script", " style=", " on", "<form", "<img", "url("]
    {
        let found = html.match_indices(forbidden).any(|(at, _)| inside_a_tag(html, at));
        assert!(!found, "{forbidden:?} in {html}");
    }
    assert!(!html.contains('['), "a message is missing in {html}");
    for tag in ["section", "p", "h2", "h3", "li", "ul", "dl", "dd", "tr", "td", "table", "bdi"] {
        let opened = html.matches(&format!("<{tag}>")).count();
        let opened = opened + html.matches(&format!("<{tag} ")).count();
        assert_eq!(opened, html.matches(&format!("</{tag}>")).count(), "<{tag}> in {html}");
    }
}

fn inside_a_tag(html: &str, at: usize) -> bool {
    let (opened, closed) = (html[..=at].rfind('<'), html[..at].rfind('>'));
    opened > closed
}

#[test]
fn the_style_loads_nothing() {
    for forbidden in ["@import", "url(", "http", "expression"] {
        assert!(!CSS.contains(forbidden), "{forbidden} in the style");
    }
}
