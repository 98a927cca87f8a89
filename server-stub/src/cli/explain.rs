//! `explain`: what a code means, why it comes, and what to do. It asks nobody.

use std::fmt::Write as _;

use crate::status::{Code, CodeItem, CodeList, Severity};

use super::ask::Asker;
use super::failure::{FAILED, Failure};
use super::table::table;

/// Explains one code, or lists all of them.
pub(super) fn explain(asker: &Asker, code: Option<String>) -> Result<(), Failure> {
    let Some(word) = code else {
        return asker.show(&list(Code::all().iter().map(|code| code.item()).collect()), people);
    };
    let code = Code::named(word.trim_matches(['[', ']'])).ok_or_else(|| {
        Failure::new(FAILED, &format!("explain {word}"), "headquarters has no such code")
            .help("`wasl-hq explain` lists all; codes of an office: `wasl explain` there")
    })?;
    asker.show(&list(vec![code.item()]), |list| list.items.iter().map(one).collect())
}

fn list(items: Vec<CodeItem>) -> CodeList {
    CodeList { schema: CodeList::SCHEMA.to_owned(), items }
}

fn people(list: &CodeList) -> String {
    let row = |item: &CodeItem| [item.code.clone(), severities(item), item.title.clone()];
    let rows = list.items.iter().map(row).collect();
    format!("{}\n\n`wasl-hq explain CODE` says more.", table(["code", "is", "means"], rows))
}

fn severities(item: &CodeItem) -> String {
    let word = |severity: &Severity| match severity {
        Severity::Info => "INFO",
        Severity::Warn => "WARN",
        Severity::Crit => "CRIT",
    };
    item.severity.iter().map(word).collect::<Vec<_>>().join(", ")
}

fn one(item: &CodeItem) -> String {
    let mut out = format!("{} ({}): {}\n", item.code, severities(item), item.title);
    let follows = item.depends_on.join(", ");
    for (name, text) in [
        ("means", &item.means),
        ("why", &item.why),
        ("what to do", &item.action),
        ("may follow from", &follows),
    ] {
        if !text.is_empty() {
            let _ = write!(out, "\n  {name:<17}{text}");
        }
    }
    out
}
