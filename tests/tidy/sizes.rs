//! The longest file. (Functions, parameters and columns are clippy's and rustfmt's.)

use crate::tree::{Source, sources};

/// The most lines of a file, the test module at its end apart.
const FILE_LINES: usize = 500;

fn too_long(source: &Source) -> Option<String> {
    let lines = lines_without_tests(&source.text);

    (lines > FILE_LINES && !source.tests_only).then(|| {
        format!("{}: {lines} lines, at most {FILE_LINES}: split it by subject", source.path)
    })
}

/// Lines before the module of tests that stands at the end.
fn lines_without_tests(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let begins = |i: &usize| {
        lines[*i] == "#[cfg(test)]"
            && lines[i + 1..]
                .iter()
                .find(|l| !l.starts_with("#["))
                .is_some_and(|l| l.starts_with("mod "))
    };
    let Some(start) = (0..lines.len()).find(begins) else { return lines.len() };
    let end = (start..lines.len()).find(|i| lines[*i] == "}").unwrap_or(lines.len() - 1);
    if end + 1 == lines.len() { start } else { lines.len() }
}

#[test]
fn no_file_swallows_the_others() {
    let complaints: Vec<String> = sources().iter().filter_map(too_long).collect();
    crate::none(&complaints);
}

#[cfg(test)]
mod planted {
    use super::*;

    fn file(code: usize, tests: usize, after: usize) -> Option<String> {
        let text = "x;\n".repeat(code)
            + "#[cfg(test)]\nmod tests {\n"
            + &"    y;\n".repeat(tests)
            + "}\n"
            + &"z;\n".repeat(after);
        too_long(&Source::planted("agent/src/a.rs", &text))
    }

    #[test]
    fn a_file_of_501_lines_is_refused() {
        assert!(file(501, 0, 0).is_some());
        assert!(file(500, 0, 0).is_none());
    }

    #[test]
    fn only_the_tests_at_the_end_do_not_count() {
        assert!(file(400, 1_000, 0).is_none());
        assert!(file(1, 500, 1).is_some());
    }
}
