//! Alert rules and the dashboard: each metric they name is exposed, each expression parses, each
//! alert has one beside it for when its metric is missing.

use std::collections::BTreeSet;

use promql_parser::parser::{Expr, parse};
use promql_parser::util::{ExprVisitor, walk_expr};
use serde_json::Value;

use super::tests::exposed;
use crate::status::codes::Code;
use wasl_shown::exposition::Format;

const ALERTS: &str = include_str!("../../packaging/alerts.yml");
const DASHBOARD: &str = include_str!("../../packaging/dashboard.json");

/// How a text names the command that explains a code.
const EXPLAIN: &str = "`wasl explain ";

fn is_known(code: &str) -> bool {
    !Code::named(code).is_empty()
}

/// The names of all series that are exposed.
fn names(text: &str) -> BTreeSet<&str> {
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples.filter_map(|line| line.split(['{', ' ']).next()).collect()
}

/// The metrics that an expression names.
fn named(expr: &str) -> Result<BTreeSet<String>, String> {
    #[derive(Default)]
    struct Names(BTreeSet<String>);
    impl ExprVisitor for Names {
        type Error = String;
        fn pre_visit(&mut self, expr: &Expr) -> Result<bool, String> {
            let selector = match expr {
                Expr::VectorSelector(selector) => selector,
                Expr::MatrixSelector(matrix) => &matrix.vs,
                _ => return Ok(true),
            };
            self.0.insert(selector.name.clone().ok_or("a selector without a name")?);
            Ok(true)
        }
    }
    let mut names = Names::default();
    walk_expr(&mut names, &parse(expr)?)?;
    Ok(names.0)
}

/// One alert of the file.
#[derive(Debug, Default)]
struct Alert<'a> {
    name: &'a str,
    expr: &'a str,
    summary: &'a str,
    description: &'a str,
}

/// The alerts of a file whose every value stands on the line of its name.
fn alerts(text: &str) -> Vec<Alert<'_>> {
    let mut alerts: Vec<Alert<'_>> = Vec::new();
    for line in text.lines().map(str::trim) {
        let Some((key, value)) = line.split_once(": ") else { continue };
        if key == "- alert" {
            alerts.push(Alert { name: value, ..Alert::default() });
            continue;
        }
        let Some(alert) = alerts.last_mut() else { continue };
        match key {
            "expr" => alert.expr = value,
            "summary" => alert.summary = value,
            "description" => alert.description = value,
            _ => {}
        }
    }
    alerts
}

/// Complaints about a file of alerts, whose metrics should be among these.
fn complaints(text: &str, exposed: &BTreeSet<&str>) -> Vec<String> {
    let all = alerts(text);
    let mut said = Vec::new();
    for alert in &all {
        let mut complain = |why: String| said.push(format!("{}: {why}", alert.name));
        let metrics = named(alert.expr).unwrap_or_else(|why| {
            complain(why);
            BTreeSet::new()
        });
        for metric in metrics.iter().filter(|metric| !exposed.contains(metric.as_str())) {
            complain(format!("nothing exposes {metric}"));
        }
        if alert.summary.is_empty() || !names_a_code(alert.description) {
            complain("its text names no code to explain".to_owned());
        }
        if alert.name.ends_with(ABSENT) {
            continue;
        }
        let beside = all.iter().find(|b| b.name.strip_suffix(ABSENT) == Some(alert.name));
        let looks = beside.filter(|b| b.expr.starts_with("absent("));
        if looks.and_then(|b| named(b.expr).ok()) != Some(metrics) {
            complain("nothing beside it says when its metric is missing".to_owned());
        }
    }
    said
}

/// How the name of an alert ends that says when a metric is missing.
const ABSENT: &str = "Absent";

fn names_a_code(description: &str) -> bool {
    let codes = description.split(EXPLAIN).skip(1).filter_map(|rest| rest.split('`').next());
    let codes: Vec<&str> = codes.collect();
    !codes.is_empty() && codes.iter().all(|code| *code == "CODE" || is_known(code))
}

#[test]
fn every_alert_names_what_is_exposed_and_what_to_do_and_has_its_absent_partner() {
    let text = exposed(Format::Classic);
    let said = complaints(ALERTS, &names(&text));
    assert!(said.is_empty(), "\n{}", said.join("\n"));
    assert!(alerts(ALERTS).len() > 20);
}

#[test]
fn a_bad_rule_is_refused() {
    let rule = |expr: &str, absent: &str, text: &str| {
        format!(
            "- alert: A\n  expr: {expr}\n  summary: s\n  description: {text}\n\
             - alert: AAbsent\n  expr: {absent}\n  summary: s\n  description: {text}\n"
        )
    };
    let known = format!("{EXPLAIN}{}`", Code::all().next().unwrap().code);
    let exposed = BTreeSet::from(["a_open"]);
    let unknown = format!("{EXPLAIN}none`");
    for (expr, absent, text, wanted) in [
        ("a_open == 0", "absent(a_open)", known.as_str(), None),
        ("a_open ==", "absent(a_open)", known.as_str(), Some("A: ")),
        ("a_shut == 0", "absent(a_shut)", known.as_str(), Some("nothing exposes a_shut")),
        ("a_open == 0", "absent(a_shut)", known.as_str(), Some("nothing exposes")),
        ("a_open == 0", "a_open == 1", known.as_str(), Some("nothing beside it")),
        ("a_open == 0", "absent(a_open)", "call somebody", Some("no code")),
        ("a_open == 0", "absent(a_open)", unknown.as_str(), Some("no code")),
    ] {
        let said = complaints(&rule(expr, absent, text), &exposed);
        match wanted {
            None => assert!(said.is_empty(), "{said:?}"),
            Some(why) => assert!(said.iter().any(|s| s.contains(why)), "{expr} {absent}: {said:?}"),
        }
    }
}

/// All values below this name, however deep.
fn below<'a>(value: &'a Value, name: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get(name));
            fields.values().for_each(|value| below(value, name, found));
        }
        Value::Array(items) => items.iter().for_each(|item| below(item, name, found)),
        _ => {}
    }
}

fn all<'a>(value: &'a Value, name: &str) -> Vec<&'a Value> {
    let mut found = Vec::new();
    below(value, name, &mut found);
    found
}

#[test]
fn the_dashboard_names_what_is_exposed_and_no_machine() {
    let text = exposed(Format::Classic);
    let exposed = names(&text);
    let board: Value = serde_json::from_str(DASHBOARD).unwrap();
    assert!(board["schemaVersion"].as_u64().unwrap() >= 41);
    let exprs = all(&board, "expr");
    assert!(exprs.len() > 20);
    for expr in exprs {
        let expr = expr.as_str().unwrap().replace("$__rate_interval", "5m");
        for metric in named(&expr).unwrap_or_else(|why| panic!("{expr}: {why}")) {
            assert!(exposed.contains(metric.as_str()), "{expr}: nothing exposes {metric}");
        }
    }
    for query in all(&board, "definition") {
        let query = query.as_str().unwrap();
        let metric = query.strip_prefix("label_values(").and_then(|q| q.split(',').next());
        assert!(metric.is_some_and(|metric| exposed.contains(metric)), "{query}");
    }
    for source in all(&board, "datasource").into_iter().filter(|source| source.is_object()) {
        assert_eq!(source["uid"], "${datasource}");
    }
    let mut ids: Vec<_> = all(&board["panels"], "id").iter().map(|id| id.as_u64()).collect();
    let panels = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), panels, "two panels share an id");
    assert!(!DASHBOARD.contains("://") && !DASHBOARD.contains("localhost"));
}
