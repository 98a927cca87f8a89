//! What a silence means.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wasl_protocol::units::UnixMs;

use super::hours::{Hour, Log, WEEK_H, WEEKS_KEPT};
use super::usual::{HOUR_M, Usual};

/// What was heard within this time is as good as new: an hour is the grain of a habit.
const FRESH_MS: i64 = 3_600_000;

/// An office is late after so much of its usual time, if its days are not short.
const LATE_M: u32 = 4 * HOUR_M;

/// Where its days are short: after so many tenths of one.
const LATE_TENTHS: u32 = 6;

/// However little it is heard, one hour of it must have been missed.
const LATE_LEAST_M: u32 = HOUR_M;

/// How many tenths of its usual longest silence are late, and lost.
const SILENCE_TENTHS: [u32; 2] = [20, 30];

/// A usual silence counts for no more than so many of its days.
const SILENCE_DAYS: u32 = 2;

/// It is never lost before so many tenths of what makes it late.
const LOST_TENTHS: u32 = 15;

/// How fresh is what HQ knows of an office, by the office's own habit?
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum Freshness {
    /// It is connected, or was heard within the hour.
    Fresh,
    /// It was heard longer ago, and nothing in its habit says that this is much: a night.
    Quiet,
    /// It has missed more of its usual hours than it does.
    Late,
    /// It has missed a whole usual day.
    Lost,
    /// It was added and never came.
    Never,
}

impl Freshness {
    /// All, the best first.
    pub const ALL: [Self; 5] = [Self::Fresh, Self::Quiet, Self::Late, Self::Lost, Self::Never];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "FRESH",
            Self::Quiet => "QUIET",
            Self::Late => "LATE",
            Self::Lost => "LOST",
            Self::Never => "NEVER",
        }
    }
}

/// When an office was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Is it connected now?
    pub connected: bool,
    /// When it was heard last.
    pub last: UnixMs,
}

/// The habit of one office, and its silence by that. Hours are thousandths (`_m`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Habit {
    /// When it is usually heard, in words.
    pub usual: String,
    /// Does that come from what it did? Else from what offices do.
    pub learnt: bool,
    /// How many of its usual hours have passed since it was heard, those apart in which HQ did not
    /// run.
    pub missed_m: u32,
    /// From how many on it is late.
    pub late_m: u32,
    /// From how many on it is lost.
    pub lost_m: u32,
    /// What that makes it.
    pub freshness: Freshness,
}

/// Judges an office's silence at `now`: `ran` are the hours in which HQ ran, `heard` those in which
/// it heard the office.
pub fn judge(ran: &Log, heard: &Log, contact: Contact, now: UnixMs) -> Habit {
    let (last, this) = (Hour::of(contact.last), Hour::of(now));
    let usual = Usual::learn(ran, heard, last);
    let since = last.back(-1).max(this.back((WEEKS_KEPT + 1) * WEEK_H));
    let missed = since.until(this).filter(|hour| ran.has(*hour)).map(|hour| usual.often_m(hour));
    let missed_m = missed.sum();
    let (late_m, lost_m) = limits(&usual);
    let freshness = match missed_m {
        _ if contact.connected || now.0 - contact.last.0 < FRESH_MS => Freshness::Fresh,
        missed_m if missed_m >= lost_m => Freshness::Lost,
        missed_m if missed_m >= late_m => Freshness::Late,
        _ => Freshness::Quiet,
    };
    let (usual, learnt) = (usual.words(), usual.learnt);
    Habit { usual, learnt, missed_m, late_m, lost_m, freshness }
}

/// From how much of its usual time on an office of this habit is late, and lost.
fn limits(usual: &Usual) -> (u32, u32) {
    let day_m = usual.day_m();
    let silence_m = usual.silence_m.min(SILENCE_DAYS * day_m);
    let [silent, very] = SILENCE_TENTHS.map(|tenths| silence_m * tenths / 10);
    let late_m = LATE_M.min(day_m * LATE_TENTHS / 10).max(LATE_LEAST_M).max(silent);
    (late_m, day_m.max(late_m * LOST_TENTHS / 10).max(very))
}
