//! `record get / list`.

use serde_json::Value;

use crate::console::RecordList;

use super::args::RecordCommand;
use super::ask::Asker;
use super::failure::Failure;
use super::table::{harmless, table};

/// Does what was said about records.
pub(super) async fn record(asker: &Asker, command: RecordCommand) -> Result<(), Failure> {
    match command {
        RecordCommand::Get { id } => {
            let record: Value = asker.get(&format!("/v1/records/{id}")).await?;
            asker.show(&record, people)?;
        }
        RecordCommand::List { office } => {
            let of = office.map(|o| format!("office={o}&")).unwrap_or_default();
            let mut list: RecordList = asker.get(&format!("/v1/records?{of}")).await?;
            while let Some(after) = list.next {
                let page = format!("/v1/records?{of}after={after}");
                let page: RecordList = asker.get(&page).await?;
                list.items.extend(page.items);
                list.next = page.next;
            }
            asker.show(&list, lines)?;
        }
    }
    Ok(())
}

fn lines(list: &RecordList) -> String {
    let row = |r: &crate::console::RecordLine| {
        let conflict = if r.conflict { "conflict" } else { "-" };
        [r.id.to_string(), r.office.to_string(), conflict.to_owned(), r.form_number.to_string()]
    };
    table(["record", "office", "conflict", "form number"], list.items.iter().map(row).collect())
}

/// The record, group by group; each value on one line, as JSON.
fn people(record: &Value) -> String {
    let text = |field: &str| record[field].as_str().unwrap_or("-").to_owned();
    let mut out = vec![
        format!("record       {}", text("id")),
        format!("form number  {}", text("form_number")),
        format!("office       {}", text("office")),
        format!("conflict     {}", if record["conflict"] == true { "yes" } else { "no" }),
        format!("at HQ        {}", text("hq")),
    ];
    for (name, group) in record["groups"].as_object().into_iter().flatten() {
        out.push(format!("{name}  ({})", group["dot"].as_str().unwrap_or("-")));
        match group["value"].as_object() {
            Some(fields) => out.extend(fields.iter().map(|(f, v)| format!("  {f}: {}", plain(v)))),
            None => out.push(format!("  {}", plain(&group["value"]))),
        }
        for s in group["siblings"].as_array().into_iter().flatten() {
            let office = s["office"].as_str().unwrap_or("-");
            out.push(format!("  sibling by {office}: {}", s["value"]));
        }
    }
    harmless(&out.join("\n"))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}
