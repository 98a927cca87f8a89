//! Numbers, spans of time, moments and amounts, in the words of one language.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

use crate::words::Words;

const SECONDS_PER_MIN: i32 = 60;

/// A moment: for machines, and by local time for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// RFC 3339, UTC.
    pub machine: String,
    /// `2016-01-12 08:30`.
    pub local: String,
}

/// Some text: what somebody types is set apart from what somebody reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Is it to be typed?
    pub typed: bool,
    /// It.
    pub text: String,
}

/// A moment by the local time that is so many minutes ahead of UTC.
pub fn moment(at: Timestamp, utc_offset_min: i16) -> Moment {
    let local = at.to_zoned(zone(utc_offset_min));
    let machine = at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    Moment { machine, local: local.strftime("%Y-%m-%d %H:%M").to_string() }
}

/// The local day of a moment: `2016-01-12`.
pub fn day(at: Timestamp, utc_offset_min: i16) -> String {
    at.to_zoned(zone(utc_offset_min)).strftime("%Y-%m-%d").to_string()
}

fn zone(utc_offset_min: i16) -> TimeZone {
    let offset = Offset::from_seconds(i32::from(utc_offset_min) * SECONDS_PER_MIN);
    TimeZone::fixed(offset.unwrap_or(Offset::UTC))
}

/// A span of time in its largest fitting unit.
pub fn span(words: &Words, s: u64) -> String {
    match s {
        0..120 => words.count("seconds", s),
        120..7_200 => words.count("minutes", s / 60),
        7_200..172_800 => words.count("hours", s / 3_600),
        _ => words.count("dates", s / 86_400),
    }
}

/// How long ago `then` was; a moment that is still to come was just now.
pub fn ago(words: &Words, then: Timestamp, now: Timestamp) -> String {
    let span = span(words, seconds(then, now));
    words.with("ago", &[("span", span.into())])
}

/// From `from` to `to`, in seconds; 0 if `to` is the earlier.
pub fn seconds(from: Timestamp, to: Timestamp) -> u64 {
    to.as_second().saturating_sub(from.as_second()).max(0).unsigned_abs()
}

/// An amount of bytes with two digits or more, in the units that both languages write alike. The
/// marks round it keep its number before its unit where the text runs the other way.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut scaled = n as f64;
    while scaled >= 1024.0 && unit + 1 < UNITS.len() {
        scaled /= 1024.0;
        unit += 1;
    }
    let amount = if unit == 0 { format!("{n} B") } else { format!("{scaled:.1} {}", UNITS[unit]) };
    format!("\u{2068}{amount}\u{2069}")
}

/// The text with what stands in backticks set apart.
pub fn pieces(text: &str) -> Vec<Piece> {
    let parts = text.split('`').enumerate();
    let pieces = parts.map(|(i, text)| Piece { typed: i % 2 == 1, text: text.to_owned() });
    pieces.filter(|piece| !piece.text.is_empty()).collect()
}

/// English as the document has it, as a sentence that begins with a capital; harmless.
pub fn sentence(text: &str) -> String {
    let text = harmless(text);
    let mut rest = text.chars();
    rest.next().map_or(String::new(), |first| first.to_uppercase().chain(rest).collect())
}

/// The text without what could turn what stands round it.
pub fn harmless(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if steers(c) { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasl_protocol::edition::WorkingHours;

    #[test]
    fn a_moment_is_told_by_the_offices_clock() {
        let at = "2016-01-12T05:34:50Z".parse().unwrap();
        let told = moment(at, 180);
        assert_eq!((&*told.machine, &*told.local), ("2016-01-12T05:34:50Z", "2016-01-12 08:34"));
        assert_eq!(moment(at, -300).local, "2016-01-12 00:34");
        assert_eq!(moment(at, i16::MAX).local, "2016-01-12 05:34", "no offset that there is");
    }

    #[test]
    fn a_moment_by_iraqs_clock_may_be_the_next_day() {
        let told = moment("2016-01-12T21:34:50Z".parse().unwrap(), WorkingHours::BAGHDAD_MIN);
        assert_eq!((&*told.machine, &*told.local), ("2016-01-12T21:34:50Z", "2016-01-13 00:34"));
    }

    #[test]
    fn a_sentence_begins_with_a_capital() {
        let told = ["the link", "`wasl sync`", "", "HQ"].map(sentence);
        assert_eq!(told, ["The link", "`wasl sync`", "", "HQ"]);
    }

    #[test]
    fn what_is_typed_is_told_from_what_is_read() {
        let piece = |typed, text: &str| Piece { typed, text: text.to_owned() };
        assert_eq!(pieces("run `wasl sync`"), [piece(false, "run "), piece(true, "wasl sync")]);
        assert_eq!(pieces("`a``b`"), [piece(true, "a"), piece(true, "b")]);
        assert_eq!(pieces("no code"), [piece(false, "no code")]);
    }
}
