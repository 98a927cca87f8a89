//! `conflict list / resolve`.

use serde_json::{Map, Value};
use wasl_protocol::id::{Dot, GroupName, RecordId};
use wasl_protocol::private::Private;
use wasl_protocol::record::{ConflictReport, Owner, SiblingReport, owner};

use crate::console::ConflictList;

use super::args::{Choice, ConflictCommand};
use super::ask::Asker;
use super::beside::side_by_side;
use super::edit::{self, read, write};
use super::failure::{FAILED, Failure};
use super::named::{self, NamedDot};
use super::table::indented;

/// Does what was said about conflicts.
pub(super) async fn conflict(asker: &Asker, command: ConflictCommand) -> Result<(), Failure> {
    match command {
        ConflictCommand::List => list(asker).await,
        ConflictCommand::Resolve { id, group, choice, by } => {
            let id = named::record(asker, &id).await?;
            resolve(asker, (id, &group), choice, by.operator()).await
        }
    }
}

async fn list(asker: &Asker) -> Result<(), Failure> {
    let mut list: ConflictList = asker.get("/v1/conflicts").await?;
    while let Some(after) = list.next {
        let page: ConflictList = asker.get(&format!("/v1/conflicts?after={after}")).await?;
        list.items.extend(page.items);
        list.next = page.next;
    }
    asker.show(&list, |list| match &list.items[..] {
        [] => "No record is in conflict.".to_owned(),
        items => people(items),
    })
}

fn people(items: &[ConflictReport]) -> String {
    let mut out: Vec<String> = items.iter().map(one).collect();
    let many =
        if items.len() == 1 { "1 record is" } else { &format!("{} records are", items.len()) };
    out.push(format!(
        "{many} in conflict; fields that differ have a *.\n\
         `wasl-hq conflict resolve RECORD GROUP --take DOT` keeps one value (or write another: \
         --value JSON);\n`wasl-hq record history RECORD` keeps all of them."
    ));
    out.join("\n\n")
}

fn one(record: &ConflictReport) -> String {
    let ConflictReport { id, form_number, office, groups } = record;
    let mut out = vec![format!("record {id}   office {office}   form {form_number}")];
    for (group, conflict) in groups {
        let only =
            if owner(group) == Owner::Office { "; headquarters may only choose" } else { "" };
        out.push(format!("  {group}: {} values{only}", conflict.siblings.len()));
        out.push(indented(&side_by_side(&columns(&conflict.siblings)), 4));
    }
    out.join("\n")
}

/// The values of a conflict under their titles: the first is the one that is shown elsewhere.
pub(super) fn columns(siblings: &[SiblingReport]) -> Vec<(&str, &SiblingReport)> {
    let title = |n| if n == 0 { "shown" } else { "beside it" };
    siblings.iter().enumerate().map(|(n, said)| (title(n), said)).collect()
}

async fn resolve(
    asker: &Asker,
    (id, group): (RecordId, &GroupName),
    choice: Choice,
    by: Option<Private<String>>,
) -> Result<(), Failure> {
    let read = read(asker, id).await?;
    let siblings = siblings(id, &read, group)?;
    let (take, value) = match choice.take {
        Some(dot) => taken(id, group, &dot, &siblings).map(|(dot, value)| (Some(dot), value))?,
        None => (None, edit::value(&choice.value.unwrap_or_default())),
    };
    let groups = Map::from_iter([(group.to_string(), value)]);
    let record = write(asker, (id, &read), groups, by).await?;
    asker.show(&record, |_| {
        let counts = take.map_or("the new value".to_owned(), |dot| format!("{dot}"));
        let others = siblings.iter().filter(|said| Some(said.dot) != take);
        let others: Vec<_> = others.map(dot_and_office).collect();
        format!("{group} of {id}: {counts} counts; no longer: {}", others.join(", "))
    })
}

/// The values of a group in conflict.
fn siblings(id: RecordId, read: &Value, group: &GroupName) -> Result<Vec<SiblingReport>, Failure> {
    let siblings = |report: &Value| {
        let all: Option<Vec<SiblingReport>> =
            serde_json::from_value(report["siblings"].clone()).ok();
        all.filter(|all| !all.is_empty())
    };
    if let Some(all) = siblings(&read["groups"][group.as_str()]) {
        return Ok(all);
    }
    let what = format!("{group} of {id}");
    let groups = read["groups"].as_object().into_iter().flatten();
    let others: Vec<_> = groups.filter(|(_, r)| siblings(r).is_some()).map(|(n, _)| n).collect();
    let failure = Failure::new(FAILED, &what, "not in conflict");
    Err(match &others[..] {
        [] => failure.help(format!(
            "no group of this record is: `wasl-hq record set {id} {group}.FIELD=VALUE` changes it"
        )),
        [..] => failure.help(format!(
            "of this record these are: {}",
            others.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ")
        )),
    })
}

fn taken(
    id: RecordId,
    group: &GroupName,
    named: &NamedDot,
    siblings: &[SiblingReport],
) -> Result<(Dot, Value), Failure> {
    let fitting: Vec<_> = siblings.iter().filter(|said| named.fits(said.dot)).collect();
    if let [taken] = fitting[..] {
        return Ok((taken.dot, taken.value.clone()));
    }
    let dots: Vec<_> = siblings.iter().map(dot_and_office).collect();
    let why = if fitting.is_empty() { "it has no value by" } else { "several values are by" };
    Err(Failure::new(FAILED, &format!("{group} of {id}"), format!("{why} {named}"))
        .help(format!("take one of these: {}", dots.join(", "))))
}

fn dot_and_office(said: &SiblingReport) -> String {
    format!("{} ({})", said.dot, said.office)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ONE: &str = "00c1a5b2d3e4f506:3";
    const TWO: &str = "10c1a5b2d3e4f506:2";

    fn record() -> Value {
        let said = |dot, office, phone| json!({"dot": dot, "office": office, "at": 0, "operator": null, "value": {"phone": phone}});
        json!({"groups": {
            "contact": {"siblings": [said(TWO, "hq", "2"), said(ONE, "nasr", "1")]},
            "person": {"value": {}, "siblings": []},
        }})
    }

    fn ids() -> (RecordId, GroupName, GroupName) {
        (RecordId([7; 16]), "contact".parse().unwrap(), "person".parse().unwrap())
    }

    #[test]
    fn a_resolution_takes_the_value_that_its_dot_names() {
        let (id, contact, _) = ids();
        let siblings = siblings(id, &record(), &contact).unwrap();
        let take = |dot: &str| taken(id, &contact, &dot.parse().unwrap(), &siblings);
        assert_eq!(take(ONE).unwrap(), (ONE.parse().unwrap(), json!({"phone": "1"})));
        assert_eq!(take("00c1:3").unwrap(), take(ONE).unwrap());
        let refused = format!("{:?}", take("00c1a5b2d3e4f506:4").unwrap_err());
        assert!(refused.contains(&format!("{TWO} (hq), {ONE} (nasr)")), "{refused}");
    }

    #[test]
    fn what_is_not_in_conflict_is_not_resolved_and_what_is_is_named() {
        let (id, contact, person) = ids();
        let refused = format!("{:?}", siblings(id, &record(), &person).unwrap_err());
        assert!(
            refused.contains("not in conflict") && refused.contains("are: contact"),
            "{refused}"
        );
        let none = siblings(id, &json!({"groups": {}}), &contact).unwrap_err();
        assert!(format!("{none:?}").contains("record set"), "{none:?}");
    }
}
