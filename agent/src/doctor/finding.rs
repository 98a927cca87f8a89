//! One result of the doctor's.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a check found.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// It is as it should be.
    Ok,
    /// It could not be checked, or does not concern this machine.
    Skipped,
    /// It works, and will not always.
    Warn,
    /// It does not work.
    Fail,
}

impl Level {
    /// As it stands in a table.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Skipped => "SKIPPED",
            Self::Warn => "WARN",
            Self::Fail => "FAIL",
        }
    }
}

/// One finding. It never holds personal data.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Finding {
    /// Which check: a constant word.
    pub code: String,
    /// How it ended.
    pub level: Level,
    /// What was found.
    pub what: String,
    /// What to do; none where there is nothing to do.
    pub fix: Option<String>,
}

impl Finding {
    pub(super) fn ok(code: &str, what: impl Into<String>) -> Self {
        Self { code: code.to_owned(), level: Level::Ok, what: what.into(), fix: None }
    }

    pub(super) fn skipped(code: &str, why: impl Into<String>) -> Self {
        Self { level: Level::Skipped, ..Self::ok(code, why) }
    }

    pub(super) fn warn(code: &str, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { level: Level::Warn, fix: Some(fix.into()), ..Self::ok(code, what) }
    }

    pub(super) fn fail(code: &str, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { level: Level::Fail, fix: Some(fix.into()), ..Self::ok(code, what) }
    }
}
