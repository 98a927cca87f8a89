//! One borrowed crate, one room: replacing it touches one place.

use crate::paths::paths;
use crate::table::{self, Table};
use crate::tree::{Source, sources};

/// Complaints about one file: borrowed crates that it names and that live elsewhere.
fn misplaced(source: &Source, homes: &Table) -> Vec<String> {
    let found = match paths(&source.text) {
        Ok(found) => found,
        Err(why) => return vec![format!("{}: {why}", source.path)],
    };
    let mut complaints: Vec<String> = found
        .iter()
        .filter_map(|named| Some((named, home(&named.segments, homes)?)))
        .filter(|(_, home)| !home.1.iter().any(|place| lies_in(&source.path, place)))
        .map(|(named, (path, home))| {
            format!("{}:{}: `{path}` lives in {}", source.path, named.line, home.join(", "))
        })
        .collect();
    complaints.dedup();
    complaints
}

/// The row whose path is the longest beginning of `segments`.
fn home<'a>(segments: &[String], homes: &'a Table) -> Option<(&'a String, &'a Vec<String>)> {
    let begins = |path: &str| {
        let mut rest = segments.iter();
        path.split("::").all(|want| rest.next().is_some_and(|s| s == want))
    };
    homes.iter().filter(|(path, _)| begins(path)).max_by_key(|(path, _)| path.len())
}

fn lies_in(file: &str, place: &str) -> bool {
    file == place || file.strip_prefix(place).is_some_and(|rest| rest.starts_with(['/', '.']))
}

#[test]
fn a_borrowed_crate_is_named_in_its_room_only() {
    let homes = table::below(&table::page(), "## Borrowed crates");
    let shipped = sources().into_iter().filter(|s| s.path.contains("/src/") && !s.tests_only);
    let complaints: Vec<String> = shipped.flat_map(|source| misplaced(&source, &homes)).collect();
    crate::none(&complaints);
}

#[test]
fn every_borrowed_crate_of_the_table_is_used_where_it_says() {
    let homes = table::below(&table::page(), "## Borrowed crates");
    let sources = sources();
    let mut complaints = Vec::new();
    for (path, places) in &homes {
        for place in places {
            let used = |s: &Source| {
                let found = paths(&s.text).unwrap_or_default();
                found.iter().any(|n| home(&n.segments, &homes).is_some_and(|h| h.0 == path))
            };
            if !sources.iter().any(|s| lies_in(&s.path, place) && used(s)) {
                complaints.push(format!("docs/architecture.md: {place} does not name `{path}`"));
            }
        }
    }
    crate::none(&complaints);
}

#[cfg(test)]
mod planted {
    use super::*;

    fn complaints(path: &str, text: &str) -> Vec<String> {
        let page = "## B\n|p|w|\n|-|-|\n|sled|agent/src/view|\n|bincode|protocol/src/codec.rs|\n\
                    |bincode::Encode|protocol/src|\n";
        let homes = table::below(page, "## B");
        misplaced(&Source::planted(path, text), &homes)
    }

    #[test]
    fn a_borrowed_crate_outside_its_room_is_refused() {
        let seen = complaints("agent/src/engine/mod.rs", "use sled::Db;");
        assert_eq!(seen, ["agent/src/engine/mod.rs:1: `sled` lives in agent/src/view"]);
        assert_eq!(complaints("agent/src/viewer.rs", "fn f() { sled::open(p) }").len(), 1);
        assert_eq!(complaints("agent/src/engine/mod.rs", "use sled as s;").len(), 1);
    }

    #[test]
    fn a_borrowed_crate_in_its_room_passes() {
        assert!(complaints("agent/src/view/sled.rs", "use sled::Db;").is_empty());
        assert!(complaints("agent/src/view.rs", "use sled::Db;").is_empty());
    }

    #[test]
    fn the_longest_path_decides() {
        assert!(
            complaints("protocol/src/id.rs", "#[derive(bincode::Encode)] struct S;").is_empty()
        );
        assert_eq!(complaints("protocol/src/id.rs", "use bincode::config::standard;").len(), 1);
        assert_eq!(complaints("agent/src/lib.rs", "use bincode::Encode;").len(), 1);
    }
}
