//! The sources as text. Knows nothing of any gate.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The repository.
pub fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the crate lies in the repository").to_path_buf()
}

/// One file of Rust.
pub struct Source {
    /// From the repository's root, with `/`.
    pub path: String,
    pub text: String,
    /// Declared `#[cfg(test)] mod ..;`: compiled for tests only.
    pub tests_only: bool,
}

impl Source {
    /// A file that is not there, to try a gate on.
    #[cfg(test)]
    pub fn planted(path: &str, text: &str) -> Self {
        Self { path: path.into(), text: text.into(), tests_only: false }
    }

    /// The crate's folder and the module path in it: `agent`, `["link", "pump"]`. Integration tests
    /// and build scripts have none.
    pub fn module(&self) -> Option<(&str, Vec<&str>)> {
        let (krate, rest) = self.path.split_once("/src/")?;
        let rest = rest.strip_suffix(".rs")?;
        let mut modules: Vec<&str> = rest.split('/').collect();
        if matches!(modules.last(), Some(&("mod" | "lib" | "main"))) {
            modules.pop();
        }
        Some((krate, modules))
    }
}

/// Every file of Rust in the workspace.
pub fn sources() -> Vec<Source> {
    let root = root();
    let mut found = Vec::new();
    for krate in ["agent", "protocol", "server-stub", "tests"] {
        walk(&root.join(krate), &mut found);
    }
    assert!(found.len() > 40, "the sources are not where they are looked for");
    found.sort();
    let mut sources: Vec<Source> = found.iter().map(|path| source(&root, path)).collect();
    let for_tests: BTreeSet<String> = sources.iter().flat_map(declared_for_tests).collect();
    for source in &mut sources {
        source.tests_only = for_tests.contains(source.path.trim_end_matches(".rs"));
    }
    sources
}

fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a folder of the repository can be read") {
        let path = entry.expect("a folder of the repository can be read").path();
        if path.is_dir() {
            // The fuzzers' build makes files of its own.
            if !path.ends_with("target") {
                walk(&path, found);
            }
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

fn source(root: &Path, path: &Path) -> Source {
    let text = fs::read_to_string(path).expect("a source is UTF-8");
    let path = path.strip_prefix(root).expect("found below the root");
    Source { path: path.to_string_lossy().replace('\\', "/"), text, tests_only: false }
}

/// The files, without `.rs`, that this one declares for tests only.
fn declared_for_tests(source: &Source) -> Vec<String> {
    let (folder, file) = source.path.rsplit_once('/').expect("a source lies in a crate");
    let folder = match file {
        "mod.rs" | "lib.rs" | "main.rs" => folder,
        _ => source.path.trim_end_matches(".rs"),
    };
    let lines: Vec<&str> = source.text.lines().collect();
    let declared = lines.windows(2).filter(|two| two[0] == "#[cfg(test)]").filter_map(|two| {
        let name = two[1].trim_start_matches("pub(crate) ").trim_start_matches("pub ");
        name.strip_prefix("mod ")?.split_once(';').map(|(name, _)| format!("{folder}/{name}"))
    });
    declared.collect()
}

#[test]
fn a_file_for_tests_is_known_by_its_declaration() {
    let planted = Source::planted("a/src/b/mod.rs", "#[cfg(test)]\nmod pair; // both\nmod c;\n");
    assert_eq!(declared_for_tests(&planted), ["a/src/b/pair"]);
}
