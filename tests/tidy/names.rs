//! Words that say nothing, and what may lie at the top of the repository.

use crate::tree;
use std::fs;

/// What a file, folder or module is not called: each could be called by what it does.
const SAY_NOTHING: [&str; 8] =
    ["util", "utils", "common", "helper", "helpers", "manager", "handler", "misc"];

/// What lies at the top, `.git`, `target` and other hidden things apart.
const TOP: [&str; 15] = [
    "agent",
    "protocol",
    "server-stub",
    "tests",
    "docs",
    "target",
    "Cargo.toml",
    "Cargo.lock",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
    "clippy.toml",
    "deny.toml",
    "rust-toolchain.toml",
    "rustfmt.toml",
];

/// The hidden ones that may be committed.
const HIDDEN: [&str; 3] = [".ci", ".git", ".gitignore"];

fn says_nothing(path: &str, text: &str) -> Vec<String> {
    let bad = |name: &str| name.split(['_', '-', '.']).any(|word| SAY_NOTHING.contains(&word));
    let modules = text.lines().filter_map(|line| {
        let line = line.trim_start().trim_start_matches("pub ").trim_start_matches("pub(crate) ");
        line.strip_prefix("mod ")?.split([' ', ';', '{']).next()
    });
    let names = path.split('/').chain(modules).filter(|name| bad(name));
    names.map(|name| format!("{path}: `{name}` does not say what it is")).collect()
}

fn strays(names: impl Iterator<Item = String>) -> Vec<String> {
    names
        .filter(|name| !TOP.contains(&name.as_str()) && !HIDDEN.contains(&name.as_str()))
        .map(|name| format!("{name}: does not belong at the top of the repository"))
        .collect()
}

#[test]
fn names_say_what_a_thing_is() {
    let complaints: Vec<String> =
        tree::sources().iter().flat_map(|s| says_nothing(&s.path, &s.text)).collect();
    crate::none(&complaints);
}

#[test]
fn nothing_else_lies_at_the_top() {
    let names = fs::read_dir(tree::root()).expect("the repository can be read");
    let names = names.filter_map(|e| e.ok()?.file_name().into_string().ok());
    // What an editor hides here is its owner's affair.
    let names = names.filter(|n| !n.starts_with('.') || HIDDEN.contains(&n.as_str()));
    crate::none(&strays(names));
}

#[cfg(test)]
mod planted {
    use super::*;

    #[test]
    fn a_name_that_says_nothing_is_refused() {
        assert_eq!(says_nothing("agent/src/util.rs", "").len(), 1);
        assert_eq!(says_nothing("agent/src/error_handler/mod.rs", "").len(), 1);
        assert_eq!(says_nothing("agent/src/lib.rs", "pub mod common; // all sorts\n").len(), 1);
        assert_eq!(says_nothing("agent/src/utility.rs", "mod commons { }\n").len(), 0);
    }

    #[test]
    fn a_stray_folder_is_refused() {
        let names = ["agent", "scripts", ".ci", ".github"].map(String::from);
        assert_eq!(strays(names.into_iter()).len(), 2);
    }
}
