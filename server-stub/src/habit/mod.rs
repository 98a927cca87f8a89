//! When HQ usually hears an office, and what its silence means by that.
//!
//! Pure: it is told in which hours HQ ran and in which it heard the office. Knows nothing of SQL,
//! sessions or screens. The rule and its reasons: `docs/decisions/0009-habit.md`.

mod hours; // hours of the week, and a bit for each
mod usual; // the week as it usually is
mod judge; // what a silence means
#[cfg(test)]
mod tests; // some weeks of made-up offices

pub use hours::{Hour, Log, WEEK_BYTES, WEEKS_KEPT};
pub use judge::{Contact, Freshness, Habit, judge};
