//! Every metric keeps to the conventions of the field, in the exposition of a real store.

use std::collections::{BTreeMap, BTreeSet};

use wasl_protocol::edition::Serial;
use wasl_protocol::units::UnixMs;

use super::Sources;
use super::fleet::{Told, families};
use crate::gateway::Sessions;
use crate::registry::{HqKeys, SecretHash};
use crate::rollout::{OfficeRollout, RolloutFacts};
use crate::seam::World;
use crate::settings::StatusSettings;
use crate::status::{Running, Status};
use crate::store::{DATABASE, Store, StoreCounts};
use wasl_shown::exposition::{Format, text};

fn running() -> Running {
    Running {
        started_at: UnixMs(0),
        endpoint: "hq:4433".to_owned(),
        sessions: Sessions::default(),
        limits: StatusSettings::default(),
    }
}

async fn store(dir: &std::path::Path) -> Store {
    let world = World::real();
    let (keys, _) = HqKeys::generate(&world);
    let store = Store::open(&dir.join(DATABASE), &keys, world).await.unwrap();
    let token = (SecretHash([0; 32]), UnixMs(0));
    let id = "nasr".parse().unwrap();
    store.add_office(&id, ("النصر", "An-Nasr"), token).await.unwrap();
    store
}

/// What is exposed when there is something to say of everything.
pub(super) fn exposed(format: Format) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path()).await;
        let status = Status::build(&store, Some(&running()), UnixMs(1_000)).await.unwrap();
        let rollout = RolloutFacts {
            serial: Serial(7),
            stage: "WAVE 1".to_owned(),
            since: UnixMs(2_500),
            stopped: None,
            now: false,
            offices: vec![OfficeRollout {
                office: "nasr".parse().unwrap(),
                stage: "ROLLED_BACK",
                running: Serial(6),
                desired: None,
                last_attempt: None,
                floor: Serial(7),
                connected: true,
            }],
        };
        let mut counts = StoreCounts { appends: 2, entries: 5, ..StoreCounts::default() };
        (counts.commits[1], counts.commit_sum_ns) = (2, 1_500_000);
        let told = Told {
            status: &status,
            rollout: Some(&rollout),
            counts: &counts,
            sessions: &BTreeMap::from([("nasr".parse().unwrap(), 3)]),
            usage: None,
        };
        text(families(&told), format)
    })
}

fn value(text: &str, series: &str) -> String {
    let line = text.lines().find(|l| l.strip_prefix(series).is_some_and(|l| l.starts_with(' ')));
    line.unwrap_or_else(|| panic!("no {series} in\n{text}"))[series.len() + 1..].to_owned()
}

#[test]
fn facts_are_told_in_base_units() {
    let text = exposed(Format::Classic);
    for (series, wanted) in [
        ("wasl_hq_status_timestamp_seconds", "1.0"),
        ("wasl_hq_offices{state=\"added\"}", "1.0"),
        ("wasl_hq_office_freshness{office=\"nasr\",freshness=\"NEVER\"}", "1.0"),
        ("wasl_hq_office_freshness{office=\"nasr\",freshness=\"LOST\"}", "0.0"),
        ("wasl_hq_office_connected{office=\"nasr\"}", "0.0"),
        ("wasl_hq_office_last_seen_timestamp_seconds{office=\"nasr\"}", "NaN"),
        ("wasl_hq_office_sessions_total{office=\"nasr\"}", "3.0"),
        ("wasl_hq_held_entries{reason=\"waits\"}", "0.0"),
        ("wasl_hq_append_commit_duration_seconds_bucket{le=\"0.001\"}", "2"),
        ("wasl_hq_append_commit_duration_seconds_sum", "0.0015"),
        ("wasl_hq_rollout_stage{stage=\"WAVE 1\"}", "1.0"),
        ("wasl_hq_rollout_stage_timestamp_seconds", "2.5"),
        ("wasl_hq_rollout_offices{stage=\"ROLLED_BACK\"}", "1.0"),
        ("wasl_hq_office_config_serial{office=\"nasr\"}", "6.0"),
        ("wasl_hq_process_open_fds", "NaN"),
    ] {
        assert_eq!(value(&text, series), wanted, "{series}");
    }
}

#[tokio::test]
async fn a_scrape_of_a_new_headquarters_has_no_office_and_no_rollout() {
    let dir = tempfile::tempdir().unwrap();
    let (store, world) = (store(dir.path()).await, World::real());
    let sources = Sources { store, world, running: running() };
    let text = sources.text(Format::OpenMetrics).await.unwrap();
    assert!(text.ends_with("# EOF\n"));
    assert_eq!(value(&text, "wasl_hq_rollout_serial"), "NaN");
    assert_eq!(value(&text, "wasl_hq_entries_total"), "0.0");
}

/// What each label may be: more would be a series for each of something unbounded.
const LABELS: [&str; 8] =
    ["office", "version", "severity", "code", "reason", "state", "stage", "freshness"];

#[test]
fn every_metric_has_a_sentence_a_conventional_name_and_few_labels() {
    let text = exposed(Format::Classic);
    let mut said = Vec::new();
    let helped: BTreeSet<&str> = text
        .lines()
        .filter_map(|l| l.strip_prefix("# HELP ")?.split_once(' '))
        .filter(|(_, help)| help.ends_with(['.', '?']))
        .map(|(name, _)| name)
        .collect();
    for (name, kind) in text.lines().filter_map(|l| l.strip_prefix("# TYPE ")?.split_once(' ')) {
        let moment = name.contains("timestamp") && !name.ends_with("_timestamp_seconds");
        let suffix = (kind == "counter") != name.ends_with("_total");
        if !name.starts_with("wasl_hq_") || suffix || moment || !helped.contains(name) {
            said.push(name);
        }
    }
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let labels = line.split_once('{').map_or("", |(_, l)| l.split_once('}').unwrap().0);
        let labels = labels.split(',').filter_map(|l| l.split_once('='));
        if labels.into_iter().any(|(label, _)| label != "le" && !LABELS.contains(&label)) {
            said.push(line);
        }
    }
    assert!(said.is_empty(), "{said:?}");
}
