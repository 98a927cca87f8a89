//! Since when each warning has been told, for those whose facts do not say it themselves.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::document::Status;

/// When each code that is told now was first told. It holds no more than there are codes.
#[derive(Debug, Default)]
pub(super) struct FirstSeen(BTreeMap<String, Timestamp>);

impl FirstSeen {
    /// Dates what has no date, and forgets what is no longer told.
    pub(super) fn fill(&mut self, status: &mut Status) {
        let told: BTreeMap<_, _> = status
            .warnings
            .iter()
            .map(|w| {
                let first = self.0.get(&w.code).copied();
                (w.code.clone(), first.unwrap_or(status.as_of).min(status.as_of))
            })
            .collect();
        for w in &mut status.warnings {
            w.since = w.since.or(told.get(&w.code).copied());
        }
        self.0 = told;
    }
}
