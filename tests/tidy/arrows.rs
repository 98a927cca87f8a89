//! Which room may import which.

use crate::paths::paths;
use crate::table::{self, Table};
use crate::tree::{Source, sources};
use std::collections::BTreeMap;

/// Our crates: their name in the tables, and in paths.
const CRATES: [(&str, &str); 4] = [
    ("agent", "wasl_agent"),
    ("server-stub", "wasl_server_stub"),
    ("protocol", "wasl_protocol"),
    ("shown", "wasl_shown"),
];

/// Where each crate lies, and the heading of its table.
const TABLES: [(&str, &str); 5] = [
    ("agent", "### agent"),
    ("server-stub", "### server-stub"),
    ("protocol", "### protocol"),
    ("protocol/shown", "### shown"),
    ("tests", "### tests"),
];

/// Complaints about one file: rooms it names and may not, by its crate's table.
fn forbidden(source: &Source, rooms: &Table) -> Vec<String> {
    let Some((_, modules)) = source.module() else { return Vec::new() };
    let Some(room) = modules.first() else { return Vec::new() };
    let Some(allowed) = rooms.get(*room) else {
        return vec![format!("{}: room `{room}` has no row in the import table", source.path)];
    };
    let found = match paths(&source.text) {
        Ok(found) => found,
        Err(why) => return vec![format!("{}: {why}", source.path)],
    };
    let mut complaints: Vec<String> = found
        .iter()
        .filter_map(|named| Some((named.line, room_of(&named.segments, &modules)?)))
        .filter(|(_, other)| other != room && !allowed.contains(other))
        .filter(|(_, other)| {
            rooms.contains_key(other) || CRATES.iter().any(|(dir, _)| dir == other)
        })
        .map(|(line, other)| format!("{}:{line}: `{room}` may not import `{other}`", source.path))
        .collect();
    complaints.dedup();
    complaints
}

/// The room, or other crate of ours, that a path leads to from within `modules`.
fn room_of(segments: &[String], modules: &[&str]) -> Option<String> {
    let first = segments.first()?;
    if let Some((folder, _)) = CRATES.iter().find(|(_, name)| name == first) {
        return Some((*folder).to_string());
    }
    match first.as_str() {
        "crate" => segments.get(1).cloned(),
        "super" => {
            let up = segments.iter().take_while(|s| *s == "super").count();
            if up < modules.len() {
                Some(modules[0].to_string())
            } else {
                segments.get(up).cloned()
            }
        }
        _ => None,
    }
}

#[test]
fn a_room_imports_only_what_the_table_allows() {
    let page = table::page();
    let tables: BTreeMap<&str, Table> =
        TABLES.map(|(krate, heading)| (krate, table::below(&page, heading))).into();
    let complaints: Vec<String> = sources()
        .iter()
        .filter(|source| !source.tests_only)
        .filter_map(|source| Some((source, source.module()?.0)))
        .flat_map(|(source, krate)| forbidden(source, &tables[krate]))
        .collect();
    crate::none(&complaints);
}

#[test]
fn every_room_of_the_table_exists() {
    let page = table::page();
    let sources = sources();
    let mut complaints = Vec::new();
    for (krate, heading) in TABLES {
        for (room, allowed) in table::below(&page, heading) {
            let lives = |s: &Source| {
                s.module().is_some_and(|(k, m)| k == krate && m.first() == Some(&room.as_str()))
            };
            if !sources.iter().any(lives) {
                complaints.push(format!("docs/architecture.md: {krate} has no room `{room}`"));
            }
            if allowed.contains(&room) {
                complaints.push(format!("docs/architecture.md: `{room}` imports itself"));
            }
        }
    }
    crate::none(&complaints);
}

#[cfg(test)]
mod planted {
    use super::*;

    fn rooms() -> Table {
        let page = "### agent\n|r|i|\n|-|-|\n|link|engine, protocol|\n|engine|protocol|\n|intake|engine|\n";
        table::below(page, "### agent")
    }

    fn complaints(path: &str, text: &str) -> Vec<String> {
        forbidden(&Source::planted(path, text), &rooms())
    }

    #[test]
    fn an_edge_that_names_another_edge_is_refused() {
        let seen = complaints("agent/src/link/pump.rs", "use crate::{engine::Handle, intake::X};");
        assert_eq!(seen, ["agent/src/link/pump.rs:1: `link` may not import `intake`"]);
    }

    #[test]
    fn the_way_round_by_super_is_seen() {
        assert_eq!(complaints("agent/src/link/pump.rs", "use super::super::intake::X;").len(), 1);
        assert_eq!(complaints("agent/src/link/mod.rs", "fn f() { super::intake::f() }").len(), 1);
        assert_eq!(complaints("agent/src/link/pump.rs", "use super::pace::Pace;").len(), 0);
    }

    #[test]
    fn a_room_below_does_not_name_one_above() {
        assert_eq!(complaints("agent/src/engine/mod.rs", "fn f(l: crate::link::L) {}").len(), 1);
    }

    #[test]
    fn the_agent_does_not_name_the_server() {
        let seen = complaints("agent/src/link/mod.rs", "use wasl_server_stub::Hq;");
        assert_eq!(seen, ["agent/src/link/mod.rs:1: `link` may not import `server-stub`"]);
    }

    #[test]
    fn a_room_without_a_row_is_refused() {
        assert_eq!(complaints("agent/src/cellar.rs", "").len(), 1);
    }
}
