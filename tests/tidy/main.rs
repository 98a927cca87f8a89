//! The gates that read the sources: what a reviewer would say twice.
//!
//! Each gate is a pure function from text to a list of complaints. It is tried twice: on planted bad
//! input, which it must refuse, and on this repository, which it must pass. The tables are read from
//! `docs/architecture.md`, so that the page and the code cannot disagree.

mod arrows; // which room may import which
mod borrowed; // one borrowed crate, one room
mod logs; // constant sentences, and fields that may be logged
mod names; // words that say nothing, and what lies at the top
mod paths; // the paths that a source file names
mod purity; // `protocol` has no world in it
mod sizes; // the longest file
mod table; // the tables of docs/architecture.md
mod tree; // the sources

/// Fails with one complaint a line.
fn none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}
