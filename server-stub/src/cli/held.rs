//! `held list / show / release / refuse`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use wasl_protocol::id::Dot;
use wasl_protocol::private::Private;

use crate::console::{HeldDocument, HeldItem, HeldList, Refusal, Release, VerdictReport};

use super::args::HeldCommand;
use super::ask::Asker;
use super::beside::side_by_side;
use super::failure::Failure;
use super::table::{ago, facts, indented, or_dash, table};

/// Does what was said about held entries.
pub(super) async fn held(asker: &Asker, command: HeldCommand) -> Result<(), Failure> {
    match command {
        HeldCommand::List => list(asker).await,
        HeldCommand::Show { dot } => {
            let entry: HeldDocument = asker.get(&format!("/v1/held/{dot}")).await?;
            asker.show(&entry, one)
        }
        HeldCommand::Release { dot, as_is, by } => {
            let release = Release { as_is, operator: by.operator() };
            let path = format!("/v1/held/{dot}/release");
            let entry: HeldDocument = asker.post(&path, &release).await?;
            asker.show(&entry, |e| format!("{dot} of {} counts now", e.item.office))
        }
        HeldCommand::Refuse { dot, reason, by } => {
            let refusal = Refusal { reason: Private(reason), operator: by.operator() };
            let path = format!("/v1/held/{dot}/refuse");
            let entry: HeldDocument = asker.post(&path, &refusal).await?;
            asker.show(&entry, |e| {
                format!("{dot} does not count; {} will be told why", e.item.office)
            })
        }
    }
}

async fn list(asker: &Asker) -> Result<(), Failure> {
    let mut list: HeldList = asker.get("/v1/held").await?;
    while let Some(after) = list.next {
        let page: HeldList = asker.get(&format!("/v1/held?after={after}")).await?;
        list.items.extend(page.items);
        list.next = page.next;
    }
    asker.show(&list, people)
}

fn people(list: &HeldList) -> String {
    if list.items.is_empty() {
        return "No entry is held.".to_owned();
    }
    let held: BTreeSet<Dot> = list.items.iter().map(|i| i.dot).collect();
    let row = |i: &HeldItem| {
        [
            i.dot.to_string(),
            i.office.to_string(),
            ago(Some(i.at), list.as_of),
            why(i, &held),
            about(i),
        ]
    };
    let rows = list.items.iter().map(row).collect();
    let mut out = table(["entry", "office", "since", "why", "form number: groups"], rows);
    out.push_str("\n\n`wasl-hq held show ENTRY` shows one beside its record.");
    let kinds: BTreeMap<&str, &HeldItem> =
        list.items.iter().map(|i| (i.reason.as_str(), i)).collect();
    for (reason, item) in kinds {
        // What each waits for stands in its row.
        let text = if item.waits_for.is_some() { "it saw what HQ has not" } else { &item.text };
        let advice = what_to_do(item, "ENTRY", 2);
        let _ = write!(out, "\n\n{reason}: {text}\n{advice}");
    }
    out
}

fn why(item: &HeldItem, held: &BTreeSet<Dot>) -> String {
    match item.waits_for {
        Some(dot) if held.contains(&dot) => format!("waits for {dot}, held too"),
        Some(dot) => format!("waits for {dot}"),
        None => item.reason.clone(),
    }
}

/// Which record, and which of its groups.
fn about(item: &HeldItem) -> String {
    let record = item.form_number.as_ref().map(ToString::to_string);
    let record = record.or_else(|| item.record.map(|id| id.to_string()));
    let groups: Vec<_> = item.groups.iter().map(ToString::to_string).collect();
    let groups = if groups.is_empty() { "-".to_owned() } else { groups.join(", ") };
    format!("{}: {groups}", or_dash(record))
}

/// What staff can do about an entry of this kind, indented by so much.
fn what_to_do(item: &HeldItem, entry: &str, indent: usize) -> String {
    let refuse = format!("wasl-hq held refuse {entry} --reason TEXT");
    let release = format!("wasl-hq held release {entry}");
    let (advice, commands) = match item.reason.as_str() {
        "waits" => (
            "it is applied by itself when that comes; if that is held too, decide on it first; \
             if it is lost:",
            vec![format!("{release} --as-is")],
        ),
        "unauthorised" => ("an alarm: ask the office who wrote it, then", vec![refuse, release]),
        "undecodable" | "unknown_kind" => {
            ("a newer wasl-hq may read it: upgrade and release it, or", vec![refuse])
        }
        _ => ("ask the office what happened, then", vec![release, refuse]),
    };
    let lines = commands.iter().map(|command| format!("   {command}"));
    let lines = std::iter::once(format!("-> {advice}")).chain(lines);
    indented(&lines.collect::<Vec<_>>().join("\n"), indent)
}

fn one(entry: &HeldDocument) -> String {
    let item = &entry.item;
    let mut rows = vec![
        ("entry", item.dot.to_string()),
        ("office", item.office.to_string()),
        ("record", or_dash(item.record)),
        ("form number", or_dash(item.form_number.as_ref())),
        ("since", ago(Some(item.at), entry.as_of)),
        ("why", item.text.clone()),
    ];
    match &item.verdict {
        None => {}
        Some(VerdictReport::Released { as_is: false }) => {
            rows.push(("decided", "released".to_owned()));
        }
        Some(VerdictReport::Released { as_is: true }) => {
            rows.push(("decided", "released as it is".to_owned()));
        }
        Some(VerdictReport::Refused { reason }) => {
            rows.push(("decided", format!("refused: {}", reason.0)));
        }
    }
    let mut out = vec![facts(rows)];
    for (group, beside) in &entry.says {
        let held = if item.verdict.is_none() { "held" } else { "was held" };
        let mut columns = vec![(held, &beside.held)];
        columns.extend(beside.now.iter().map(|said| ("the record's", said)));
        out.push(format!("{group}\n{}", indented(&side_by_side(&columns), 2)));
    }
    if item.verdict.is_none() {
        out.push(what_to_do(item, &item.dot.to_string(), 0));
    }
    out.join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const ALARM: &str = "00c1a5b2d3e4f506:7";

    fn item(dot: &str, reason: &str, waits_for: Option<&str>) -> Value {
        let mut item = json!({"dot": dot, "office": "chibayish", "record": null,
            "form_number": "chibayish-20260112-0001", "at": "2026-01-12T09:00:00Z",
            "reason": reason, "text": "why", "groups": ["contact"]});
        if let Some(dot) = waits_for {
            item["waits_for"] = json!(dot);
        }
        item
    }

    #[test]
    fn the_list_says_why_and_since_when_and_what_waits_for_what_and_what_to_do() {
        let (second, third) = ("00c1a5b2d3e4f506:8", "00c1a5b2d3e4f506:9");
        let items = [
            item(ALARM, "unauthorised", None),
            item(second, "waits", Some(ALARM)),
            item(third, "waits", Some("10c1a5b2d3e4f506:1")),
        ];
        let list =
            json!({"schema": HeldList::SCHEMA, "as_of": "2026-01-12T11:00:00Z", "items": items});
        let text = people(&serde_json::from_value(list).unwrap());
        let lines: Vec<_> = text.lines().collect();
        let starts = format!("{ALARM}  chibayish  2 h ago  unauthorised");
        assert!(lines[1].starts_with(&starts), "{text}");
        assert!(lines[2].contains(&format!("waits for {ALARM}, held too")), "{text}");
        assert!(lines[3].contains("waits for 10c1a5b2d3e4f506:1  "), "{text}");
        for advice in ["unauthorised: why\n  -> an alarm", "waits: it saw", "--as-is"] {
            assert!(text.contains(advice), "{text}");
        }
    }

    #[test]
    fn an_entry_is_shown_beside_the_record_with_what_can_be_done_or_was() {
        let said = |office: &str, number: u32| json!({"dot": ALARM, "office": office, "at": 0, "operator": null, "value": {"n": number}});
        let mut entry = item(ALARM, "unauthorised", None);
        entry["schema"] = json!(HeldDocument::SCHEMA);
        entry["as_of"] = entry["at"].clone();
        entry["says"] =
            json!({"national_number": {"held": said("chibayish", 666), "now": [said("hq", 1)]}});
        let shown = |entry: &Value| one(&serde_json::from_value(entry.clone()).unwrap());
        let text = shown(&entry);
        let row = text.lines().find(|l| l.contains("* n")).unwrap();
        assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["*", "n", "666", "1"]);
        assert!(text.contains(&format!("held refuse {ALARM}")), "{text}");
        entry["verdict"] = json!({"what": "refused", "reason": "offices give no numbers"});
        let text = shown(&entry);
        assert!(
            text.contains("refused: offices give no numbers") && !text.contains("->"),
            "{text}"
        );
    }
}
