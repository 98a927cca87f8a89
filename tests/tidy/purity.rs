//! `protocol` has no world in it: no runtime, no entropy, no disk, no standard library.

use crate::paths::paths;
use crate::tree::{self, Source, sources};
use std::process::Command;

/// Crates that bring the world in.
const WORLD: [&str; 8] =
    ["tokio", "rand", "getrandom", "quinn", "quinn-proto", "sled", "rustls", "socket2"];

/// Complaints about a list of dependencies, as `cargo tree --prefix none` prints them.
fn reaches(tree: &str) -> Vec<String> {
    let names = tree.lines().filter_map(|line| line.split(' ').next());
    let mut found: Vec<String> = names
        .filter(|name| WORLD.contains(name))
        .map(|name| format!("protocol depends on `{name}`"))
        .collect();
    found.dedup();
    found
}

/// Complaints about one file: the lines that name the standard library.
fn names_std(source: &Source) -> Vec<String> {
    let found = match paths(&source.text) {
        Ok(found) => found,
        Err(why) => return vec![format!("{}: {why}", source.path)],
    };
    found
        .iter()
        .filter(|named| named.segments[0] == "std")
        .map(|named| format!("{}:{}: names std; use core or alloc", source.path, named.line))
        .collect()
}

#[test]
fn the_world_cannot_be_reached_from_protocol() {
    let out = Command::new(env!("CARGO"))
        .args(["tree", "-p", "wasl-protocol", "-e", "normal", "--prefix", "none"])
        .args(["--locked", "--offline"])
        .current_dir(tree::root())
        .output()
        .expect("cargo runs, since it runs this");
    assert!(out.status.success(), "cargo tree: {}", String::from_utf8_lossy(&out.stderr));
    let tree = String::from_utf8_lossy(&out.stdout);
    assert!(tree.contains("blake3 v"), "cargo tree prints something else than it did");
    crate::none(&reaches(&tree));
}

#[test]
fn protocol_does_not_name_std() {
    let sources = sources();
    let protocol = sources.iter().filter(|s| s.path.starts_with("protocol/src/") && !s.tests_only);
    let complaints: Vec<String> = protocol.flat_map(names_std).collect();
    crate::none(&complaints);
}

#[cfg(test)]
mod planted {
    use super::*;

    #[test]
    fn a_runtime_below_protocol_is_refused() {
        let tree =
            "wasl-protocol v0.1.0 (/x)\nblake3 v1.8.7\ngetrandom v0.4.1\ngetrandom v0.4.1 (*)\n";
        assert_eq!(reaches(tree), ["protocol depends on `getrandom`"]);
        assert!(reaches("rand_core v0.10.0\ntokio-util-lookalike v1.0.0\n").is_empty());
    }

    #[test]
    fn std_outside_tests_is_refused() {
        let complaints = |text: &str| names_std(&Source::planted("protocol/src/a.rs", text)).len();
        assert_eq!(complaints("use std::time::Instant;"), 1);
        assert_eq!(complaints("fn f() -> std::string::String { todo() }"), 1);
        assert_eq!(complaints("#[cfg(test)]\nmod tests { use std::format; }"), 0);
    }
}
