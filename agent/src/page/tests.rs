//! Every state of an office as a page, in both languages: documents in, HTML out.

use serde_json::json;

use super::*;
use crate::status::codes::{Code, Kind};
use crate::status::{Overall, Severity, Warning};

/// An office that is well, as of 2016-01-12 at 12:00 in Nasiriyah.
fn well() -> Status {
    serde_json::from_value(json!({
        "schema": "wasl.status/1", "overall": "ok", "summary": "HQ has everything",
        "synced": true, "safe_to_power_off": true, "intake_open": true,
        "as_of": "2016-01-12T09:00:00Z",
        "office": {
            "id": "suq-al-shuyukh", "name_ar": "سوق الشيوخ", "name_en": "Suq Al-Shuyukh"
        },
        "agent": {"version": "0.1.0", "pid": 4711, "started_at": "2016-01-12T05:00:00Z"},
        "link": {
            "state": "up", "since": "2016-01-12T07:00:00Z", "endpoint": "hq.example:4433",
            "rtt_ms": 612, "last_up_at": "2016-01-12T09:00:00Z", "last_error": null,
            "next_attempt_at": null, "attempts": 0
        },
        "sync": {
            "journal": "0000000000000005", "head_seq": 1345, "stored_seq": 1345, "stable_seq": 0,
            "backlog_records": 0, "backlog_bytes": 0, "blobs_pending": 0,
            "oldest_unacked_at": null, "last_ack_at": "2016-01-12T08:59:20Z", "eta_s": 0,
            "held": 0, "refused": 0, "level_at": "2016-01-12T08:59:20Z", "level_kicks": 0
        },
        "records": {"total": 1344, "conflicts": 0, "read_only": 0},
        "journal": {
            "bytes": 4_194_304, "free_bytes": 36_507_222_016_u64, "fill_eta_s": null,
            "fsync_p99_ms": 0.42, "last_verify": null, "read_only": false, "mirror": null
        },
        "config": {"running": 7, "desired": 7, "state": "committed", "last_attempt": null},
        "identity": {"key": "0102030405060708", "key_store": "file"},
        "clock": {"offset_ms": -80, "trust": "ok"},
        "warnings": []
    }))
    .unwrap()
}

/// An office without a link since 30 hours, and with 2 entries that wait.
fn cut_off() -> Status {
    let mut status = well();
    status.overall = Overall::Crit;
    status.synced = false;
    status.link.state = crate::facts::LinkPhase::Backoff;
    status.link.since = Some("2016-01-11T03:00:00Z".parse().unwrap());
    status.link.last_up_at = status.link.since;
    status.link.next_attempt_at = Some("2016-01-12T09:00:45Z".parse().unwrap());
    status.sync.backlog_records = 2;
    status.sync.backlog_bytes = 3000;
    status.sync.oldest_unacked_at = status.link.since;
    status.warnings =
        vec![warning("link-down", Severity::Warn), warning("unacked", Severity::Crit)];
    status.warnings[1].depends_on = vec!["link-down".to_owned()];
    status
}

fn warning(code: &str, severity: Severity) -> Warning {
    let known = Code::named(code)[0];
    Warning {
        code: code.to_owned(),
        severity,
        since: Some("2016-01-11T03:00:00Z".parse().unwrap()),
        title: known.title.to_owned(),
        text: "this case".to_owned(),
        action: known.action.to_owned(),
        depends_on: Vec::new(),
    }
}

/// 40 at noon of the day before, then 3, 11 and 2 today.
fn hours() -> Hours {
    let midnight = 1_452_546_000_000 / crate::engine::MS_PER_HOUR;
    let counts = |all: &[(&str, u64)]| all.iter().map(|(ws, n)| ((*ws).to_owned(), *n)).collect();
    [
        (midnight - 12, counts(&[("ws-1", 40)])),
        (midnight + 8, counts(&[("ws-1", 3), ("", 1)])),
        (midnight + 9, counts(&[("ws-2", 11), ("", 1)])),
    ]
    .into()
}

/// The page, without the marks that keep a variable from turning the text round it.
fn page(status: &Status, hours: Option<&Hours>, language: Language) -> String {
    let html = Page { status, hours, language, utc_offset_min: 180 }.html();
    html.replace(['\u{2068}', '\u{2069}'], "")
}

/// Both pages of an office with [`hours`].
fn both(status: &Status) -> [String; 2] {
    [Language::Ar, Language::En].map(|language| page(status, Some(&hours()), language))
}

#[track_caller]
fn says(html: &str, wanted: &[&str]) {
    for wanted in wanted {
        assert!(html.contains(wanted), "{wanted:?} is not in\n{html}");
    }
}

#[test]
fn an_office_that_is_well_says_so_in_both_languages() {
    let [arabic, english] = both(&well());
    says(
        &arabic,
        &[
            r#"<html lang="ar" dir="rtl">"#,
            "<h1><bdi>سوق الشيوخ</bdi></h1>",
            r#"class="verdict ok""#,
            "سليم",
            "وصل كل شيء إلى المقر العام",
            r#"<a href="/?lang=en" lang="en" hreflang="en" dir="ltr">"#,
            "1344 سجل",
            "16 تسجيلاً",
            "2016-01-12 12:00",
            "لا شيء. كل شيء على ما يرام.",
        ],
    );
    says(
        &english,
        &[
            r#"<html lang="en" dir="ltr">"#,
            "<h1><bdi>Suq Al-Shuyukh</bdi></h1>",
            "Headquarters has everything",
            "16 enrollments",
            "56 enrollments in 30 days; most on 2016\u{2060}-\u{2060}01\u{2060}-\u{2060}11: 40",
            "round trip 612 ms",
        ],
    );
}

#[test]
fn what_is_wrong_stands_with_its_cause_its_age_and_what_to_do() {
    let [arabic, english] = both(&cut_off());
    says(
        &arabic,
        &[
            r#"class="verdict crit""#,
            "يلزم التدخل الآن",
            "الاتصال بالمقر العام منقطع",
            "قيدان",
            "أقدمها منذ 30 ساعة",
            "المحاولة التالية بعد 45 ثانية",
            "افحص المودم أو الهوائي، ثم نفّذ <code dir=\"ltr\">wasl sync</code>",
            "سببه الاتصال بالمقر العام منقطع",
            r#"<p class="more" lang="en" dir="ltr">this case</p>"#,
        ],
    );
    says(&english, &["The link to HQ is down", "2 entries", "the oldest 30 hours ago"]);
    assert!(!arabic.contains("وأمر آخر"), "what something else explains does not count again");
}

#[test]
fn every_warning_and_every_severity_is_told_in_both_languages() {
    for code in Code::all().filter(|code| code.kind == Kind::Warning) {
        for severity in code.severity {
            let mut status = well();
            status.warnings = vec![warning(code.code, *severity)];
            status.overall = match severity {
                Severity::Info => Overall::Ok,
                Severity::Warn => Overall::Warn,
                Severity::Crit => Overall::Crit,
            };
            let [arabic, english] = both(&status);
            says(
                &english,
                &[&wasl_shown::sentence::sentence(code.title).replace('\'', "&#39;"), "Code"],
            );
            assert!(!arabic.contains(code.title), "{}: not in Arabic", code.code);
            for html in [&arabic, &english] {
                assert!(!html.contains("<h3 lang="), "{}: not in the page's language", code.code);
                whole(html);
            }
        }
    }
}

#[test]
fn a_warning_of_another_version_is_shown_as_it_came() {
    let mut status = well();
    let mut odd = warning("held", Severity::Warn);
    (odd.code, odd.title) = ("never-heard-of".into(), "something <new>".into());
    status.warnings = vec![odd];
    let [arabic, _] = both(&status);
    says(&arabic, &[r#"<h3 lang="en" dir="ltr">"#, "Something &#60;new&#62;", "never-heard-of"]);
}

#[test]
fn every_state_of_link_and_config_has_its_words() {
    use crate::facts::LinkPhase::{Backoff, Connecting, Down, Paused, Refused, Up};
    for state in [Up, Connecting, Backoff, Down, Refused, Paused] {
        let mut status = well();
        status.link.state = state;
        for html in both(&status) {
            whole(&html);
        }
    }
    let words = "idle fetched verified staged applying probation committed rejected rolled_back \
                 superseded held unheld";
    for word in words.split_whitespace() {
        let mut status = well();
        status.config.state = Some(word.to_owned());
        status.config.desired = Some(wasl_protocol::edition::Serial(8));
        for html in both(&status) {
            whole(&html);
            assert!(!html.contains(&format!(">{word}<")), "{word}: no words for it");
        }
    }
    let mut status = well();
    status.overall = Overall::Unknown;
    (status.safe_to_power_off, status.intake_open) = (false, false);
    (status.journal.fill_eta_s, status.clock.offset_ms) = (Some(86_400 * 9), Some(-90_000));
    (status.sync.held, status.sync.refused, status.records.conflicts) = (1, 3, 2);
    let [arabic, english] = both(&status);
    says(&arabic, &["يحتجز المقر العام قيداً واحداً", "رفض المقر العام 3 قيود", "سجلان متعارضان"]);
    says(&english, &["Not safe: the disk failed", "full in 9 days", "90 seconds behind"]);
    whole(&arabic);
    whole(&english);
}

#[test]
fn counts_that_are_not_known_are_not_shown_as_none() {
    says(&page(&well(), None, Language::En), &["The counts are not known at the moment."]);
    let nobody = page(&well(), Some(&Hours::new()), Language::En);
    says(&nobody, &["Nobody has been enrolled today.", "in the last 30 days."]);
    whole(&nobody);
}

#[test]
fn hostile_names_stay_text() {
    let mut status = well();
    status.office.name_ar = "<script>alert(1)</script>\u{202e}سوق".to_owned();
    status.office.name_en = "\"><img src=x onerror=alert(1)>".to_owned();
    let mut odd = cut_off().warnings.remove(0);
    odd.text = "\u{2067}</p><script>".to_owned();
    status.warnings = vec![odd];
    let name = "</th><script>\u{202e}".to_owned();
    let hours = hours().into_keys().map(|hour| (hour, [(name.clone(), 1)].into())).collect();
    for language in [Language::Ar, Language::En] {
        let html = page(&status, Some(&hours), language);
        for hostile in ["<script", "<img", "\u{202e}", "\u{2067}"] {
            assert!(!html.contains(hostile), "{hostile:?} in {html}");
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
    for tag in ["section", "p", "h2", "h3", "li", "ul", "dl", "dd", "tr", "table", "svg", "bdi"] {
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
