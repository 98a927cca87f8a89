//! What ails an office, and what may leave it for whoever helps.

use crate::config::author::{Author, word};
use crate::district::{District, enroll, synced};
use crate::forms;
use crate::hands::refusal;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use wasl_protocol::private::Private;
use wasl_tests::fleet::Installation;

/// What nobody who reads a diagnosis may learn.
const OPERATOR: &str = "Zahra-Operator";
const REASON: &str = "call-Zahra-07801234567";
const AUTHOR: &str = "Karrar-Author";
const BLOCKED: &str = "Mahdi-Blocked";

/// The exit code and the findings.
fn doctor(at: &Installation) -> (Option<i32>, Vec<Value>) {
    let out = at.output(&["doctor", "--json"], b"").unwrap();
    let told: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(told["schema"], "wasl.doctor/1");
    (out.status.code(), told["items"].as_array().unwrap().clone())
}

fn level(findings: &[Value], code: &str) -> String {
    let finding = findings.iter().find(|finding| finding["code"] == code);
    finding.unwrap_or_else(|| panic!("no {code}: {findings:?}"))["level"].as_str().unwrap().into()
}

#[test]
fn the_doctor_finds_a_well_office_well_running_or_stopped_and_names_what_is_cut() {
    let district = District::new();
    let mut office = district.office("rifai");
    synced(&office);
    let (code, found) = doctor(&office.at);
    assert_eq!(code, Some(0), "{found:#?}");
    for check in ["daemon", "data-dir", "fsync", "names", "hq-udp", "path-size", "key", "socket"] {
        assert_eq!(level(&found, check), "ok", "{found:#?}");
    }
    assert_eq!(office.at.status().unwrap()["link"]["state"], "up", "the session went on");
    assert!(office.at.stop());
    let names = |dir: &Path| {
        let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    };
    let before = names(office.at.dir());
    office.link.cut();
    let (code, found) = doctor(&office.at);
    assert_eq!((code, level(&found, "hq-udp").as_str()), (Some(1), "fail"));
    assert_eq!((level(&found, "daemon").as_str(), level(&found, "key").as_str()), ("warn", "ok"));
    assert_eq!(names(office.at.dir()), before, "nothing is changed");
    let table = office.at.output(&["doctor"], b"").unwrap();
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.contains("FAIL     hq-udp") && table.contains("fix: let UDP to port"), "{table}");
}

/// Unpacks an archive; every file's name and text.
fn unpacked(file: &Path, to: &Path) -> Vec<(String, String)> {
    fs::create_dir(to).unwrap();
    let done = Command::new("tar").arg("-xzf").arg(file).arg("-C").arg(to).status().unwrap();
    assert!(done.success());
    let folder = to.join("wasl-diagnosis");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect()
}

/// Nothing planted is in any of the files, and what helps is.
fn holds_nobody(files: &[(String, String)], office: &str) {
    let planted = [
        forms::GIVEN_NAME,
        "حسن",
        "+96478",
        &forms::number(office, 3),
        OPERATOR,
        REASON,
        AUTHOR,
        BLOCKED,
        // Shorter ones stand in hashes by chance.
        "07801234567",
    ];
    for (name, text) in files {
        for word in planted {
            assert!(!text.contains(word), "{word} in {name}: {text}");
        }
    }
    let text = |name: &str| {
        let file = files.iter().find(|(n, _)| n == name);
        serde_json::from_str::<Value>(&file.unwrap_or_else(|| panic!("no {name}")).1).unwrap()
    };
    assert_eq!(text("manifest.json")["files"].as_array().unwrap().len(), files.len() - 1);
    assert_eq!(text("status.json")["office"]["id"], office);
    let logs = text("journals.json");
    assert_eq!(logs["items"][0]["check"]["result"], "ok", "{logs:#}");
    assert_eq!(logs["items"][0]["genesis"]["office"], office);
    assert!(!text("doctor.json")["items"].as_array().unwrap().is_empty());
}

#[test]
fn a_diagnosis_holds_what_helps_and_nobodys_name_number_or_words() {
    let district = District::new();
    let mut office = district.office("nasr");
    let ids = enroll(&office, 0..5).ids();
    let id = ids.first().unwrap();
    let set = ["record", "set", id, "contact.phone=+9647801234567", "--by", OPERATOR];
    office.at.call(&set).unwrap();
    office.at.call(&["record", "void", id, "--why", REASON, "--by", OPERATOR]).unwrap();
    let author = Author::of(&district.hq);
    let rules = json!({"fields": {
        "mandatory": ["person.given_name"],
        "patterns": {"contact.phone": "[+]9647[0-9]+"},
        "blocked": {"person.given_name": [BLOCKED]},
    }});
    let mut edition = author.edition(1, &rules);
    edition.author = Private(AUTHOR.to_owned());
    REASON.clone_into(&mut edition.reason);
    synced(&office);
    office.at.call(&["config", "import", word(&author.file(&edition))]).unwrap();
    let until = "2099-01-01T00:00:00Z";
    office.at.call(&["config", "hold", "--until", until, "--why", REASON]).unwrap();

    let file = district.root().join("d.tar.gz");
    let previewed = office.at.call(&["diagnose", "--preview"]).unwrap();
    assert!(previewed.contains("journals.json") && !file.exists(), "{previewed}");
    office.at.call(&["diagnose", word(&file)]).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let files = unpacked(&file, &district.root().join("running"));
    holds_nobody(&files, "nasr");
    let config = &files.iter().find(|(name, _)| name == "config.json").unwrap().1;
    assert!(config.contains("person.given_name") && config.contains("contact.phone"), "{config}");
    assert!(refusal(&office.at, &["diagnose", word(&file)]).contains("is there already"));

    assert!(office.at.stop());
    let file = district.root().join("stopped.tar.gz");
    office.at.call(&["diagnose", "--yes", word(&file)]).unwrap();
    holds_nobody(&unpacked(&file, &district.root().join("stopped")), "nasr");
}
