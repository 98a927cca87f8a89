//! Every constant word that this office tells of what is wrong: what it means, why it comes, and
//! what to do. `wasl explain` prints it, and a warning takes its title and its action from here.
//!
//! It knows nothing of facts: which of them shows what is decided in `warnings.rs`.

mod config; // why an edition is not in force
mod link; // why there is no session
mod warning; // what `status` warns of

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document::Severity;

pub use warning::*;

/// Where a code is met.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// In `warnings` of the status.
    Warning,
    /// In `link.last_error` of the status.
    Link,
    /// In what became of an edition.
    Config,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Warning => "warning",
            Self::Link => "link",
            Self::Config => "config",
        })
    }
}

/// One constant word and what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Code {
    /// The word.
    pub code: &'static str,
    /// Where it is met.
    pub kind: Kind,
    /// How bad it may be; nothing for a word that is no warning.
    pub severity: &'static [Severity],
    /// What is so, in few words.
    pub title: &'static str,
    /// What it means, and what goes on all the same.
    pub means: &'static str,
    /// Why it comes.
    pub why: &'static str,
    /// What to do.
    pub action: &'static str,
    /// The codes that explain it where they are told too.
    pub depends_on: &'static [&'static str],
    /// Can only time tell? Then it is withheld in a daemon's first minute.
    pub by_time: bool,
}

impl Code {
    /// All codes: warnings, then the link's, then config's.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        warning::ALL.iter().copied().chain(link::ALL).chain(config::ALL)
    }

    /// The codes that are this word: the same one may be met in more than one place.
    pub fn named(word: &str) -> Vec<&'static Self> {
        Self::all().filter(|code| code.code == word).collect()
    }

    /// The words that look like this one, the likest first.
    pub fn near(word: &str) -> Vec<&'static str> {
        let far = |code: &str| {
            let part = code.contains(word) || word.contains(code);
            if part { 0 } else { distance(code, word) }
        };
        let limit = (word.chars().count() / 3).max(2);
        let mut near: Vec<_> = Self::all().map(|code| (far(code.code), code.code)).collect();
        near.retain(|(distance, _)| *distance <= limit);
        near.sort_unstable();
        near.dedup();
        near.into_iter().map(|(_, code)| code).take(NEAR).collect()
    }
}

/// How many words that look alike are named.
const NEAR: usize = 5;

/// How many letters have to be put in, taken out or exchanged to make one word of the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut before = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let exchanged = before + usize::from(x != *y);
            before = row[j + 1];
            row[j + 1] = exchanged.min(row[j] + 1).min(before + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_word_is_explained_once_in_each_place_and_says_everything() {
        let mut seen = BTreeSet::new();
        for code in Code::all() {
            assert!(seen.insert((code.code, code.kind)), "{} twice", code.code);
            for text in [code.title, code.means, code.why, code.action] {
                assert!(!text.is_empty() && !text.ends_with('.'), "{}: {text:?}", code.code);
            }
            assert_eq!(code.severity.is_empty(), code.kind != Kind::Warning, "{}", code.code);
        }
    }

    #[test]
    fn what_explains_a_cause_explains_what_it_causes_and_nothing_explains_itself() {
        for code in warning::ALL {
            for cause in code.depends_on {
                let causes = Code::named(cause);
                let cause = causes.iter().find(|c| c.kind == Kind::Warning).unwrap();
                assert!(cause.depends_on.iter().all(|c| code.depends_on.contains(c)), "{code:?}");
                assert!(cause.code != code.code && !cause.depends_on.contains(&code.code));
            }
        }
    }

    #[test]
    fn a_mistyped_word_finds_its_like() {
        assert_eq!(Code::near("lnik-down")[0], "link-down");
        assert!(Code::near("disk").starts_with(&["disk-full", "disk-runway"]));
        assert!(Code::near("qqqqqqqqqqqq").is_empty());
    }
}
