//! The tables of `docs/architecture.md`.

use crate::tree;
use std::collections::BTreeMap;
use std::fs;

/// A table of two columns; the right one is a list.
pub type Table = BTreeMap<String, Vec<String>>;

/// The page with the tables.
pub fn page() -> String {
    fs::read_to_string(tree::root().join("docs/architecture.md")).expect("the page is there")
}

/// The rows of the first table below `heading`, which is a whole line of the page.
pub fn below(page: &str, heading: &str) -> Table {
    let mut lines = page.lines().skip_while(|line| *line != heading).skip(1);
    let mut lines = lines.by_ref().skip_while(|line| !line.starts_with('|'));
    let _names_and_rule = (lines.next(), lines.next());
    let table: Table = lines.take_while(|line| line.starts_with('|')).map(row).collect();
    assert!(!table.is_empty(), "docs/architecture.md has no table below `{heading}`");
    table
}

fn row(line: &str) -> (String, Vec<String>) {
    let mut cells = line.trim_matches('|').splitn(2, '|').map(str::trim);
    let left = cells.next().unwrap_or_default().to_string();
    let right = cells.next().unwrap_or_default();
    (left, right.split(',').map(str::trim).filter(|w| !w.is_empty()).map(String::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_below_a_heading_ends_with_it() {
        let page = "## A\n\n|x|y|\n|---|---|\n| a | b, c |\n| d | |\n\n## B\n|x|y|\n|-|-|\n|e|f|\n";
        let table = below(page, "## A");
        assert_eq!(table["a"], ["b", "c"]);
        assert!(table["d"].is_empty());
        assert_eq!(table.len(), 2);
    }

    #[test]
    #[should_panic(expected = "has no table below")]
    fn a_missing_table_is_not_an_empty_one() {
        below("## A\n", "## C");
    }
}
