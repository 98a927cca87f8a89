//! How many enrollments were taken, hour by hour and workstation by workstation: a fold of our
//! journal, for the page. An hour is one of UTC: which hours make a day is for the reader to say.
//!
//! Knows nothing of records: whoever folds says which entry opened one.

use std::collections::{BTreeMap, BTreeSet};

use wasl_protocol::entry::Edit;
use wasl_protocol::json::{self, Node};
use wasl_protocol::units::{Seq, UnixMs};

use crate::view::Note;

/// How many hours are remembered, the newest ones by the entries' own clock: 31 days and nights.
const HOURS: usize = 31 * 24;

/// How many workstations are told apart in one hour; the others count as [`OTHERS`].
const WORKSTATIONS: usize = 64;

/// The longest name of a workstation, in bytes; one with a longer name counts as [`OTHERS`].
const WORKSTATION_BYTES: usize = 64;

/// Stands for the workstations that are not told apart.
pub const OTHERS: &str = "…";

/// The hours of [`Hours`] in milliseconds.
pub const MS_PER_HOUR: i64 = 3_600_000;

/// Enrollments by workstation; the empty name is of those that named none.
pub type Workstations = BTreeMap<String, u64>;

/// Enrollments by hour, counted from 1970-01-01T00:00Z, then by workstation.
pub type Hours = BTreeMap<i64, Workstations>;

/// When and where a record was opened, by the entry that opened it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    at: UnixMs,
    workstation: String,
}

impl Arrival {
    /// Of the edit that opens a record; none if it opens none.
    pub fn of(edit: &Edit) -> Option<Self> {
        edit.opening.as_ref()?;
        let capture = edit.groups.iter().find(|(group, _)| group.as_str() == "capture");
        let capture = capture.and_then(|(_, json)| json::parse(json.as_str().as_bytes()).ok());
        let workstation = match capture.as_ref().and_then(|capture| capture.get("workstation")) {
            Some(Node::Text(name)) if name.trim().len() > WORKSTATION_BYTES => OTHERS.to_owned(),
            Some(Node::Text(name)) => name.trim().to_owned(),
            _ => String::new(),
        };
        Some(Self { at: edit.at, workstation })
    }
}

/// The counts, and which of them the view lacks yet.
#[derive(Debug, Default)]
pub(super) struct Tally {
    hours: Hours,
    changed: BTreeSet<i64>,
}

impl Tally {
    /// A record was opened.
    pub(super) fn count(&mut self, Arrival { at, workstation }: Arrival) {
        let hour = at.0.div_euclid(MS_PER_HOUR);
        let workstations = self.hours.entry(hour).or_default();
        let known = workstations.contains_key(&workstation);
        let told_apart = known || workstations.len() < WORKSTATIONS;
        let name = if told_apart { workstation } else { OTHERS.to_owned() };
        *workstations.entry(name).or_default() += 1;
        self.changed.insert(hour);
        if self.hours.len() > HOURS
            && let Some((oldest, _)) = self.hours.pop_first()
        {
            self.changed.insert(oldest);
        }
    }

    /// What the view has of an hour.
    pub(super) fn stored(&mut self, hour: i64, workstations: Workstations) {
        self.hours.insert(hour, workstations);
    }

    /// All that is remembered.
    pub(super) fn hours(&self) -> &Hours {
        &self.hours
    }

    /// How many hours the view lacks.
    pub(super) fn waiting(&self) -> usize {
        self.changed.len()
    }

    /// The hours that the view lacks; it has them from now on.
    pub(super) fn take_changes(&mut self) -> impl Iterator<Item = (Seq, Option<Note>)> {
        std::mem::take(&mut self.changed).into_iter().map(|hour| {
            let note = self.hours.get(&hour).map(|counts| Note::Hour(hour, counts.clone()));
            (Note::of_hour(hour), note)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasl_protocol::id::OfficeId;
    use wasl_protocol::record::Draft;

    fn hours() -> i64 {
        HOURS.try_into().unwrap()
    }

    fn arrival(at: i64, workstation: &str) -> Arrival {
        Arrival { at: UnixMs(at), workstation: workstation.to_owned() }
    }

    /// The workstation of a posted enrollment with this `capture`.
    fn workstation(capture: &str) -> String {
        let json = format!(
            r#"{{"form_number":"1","person":{{"given_name":"a","father_name":"b",
            "grandfather_name":"c","sex":"F","birth_date":"1945-09-20"}}{capture}}}"#
        );
        let office: OfficeId = "nasr".parse().unwrap();
        let edit = Draft::parse(json.as_bytes()).unwrap().into_edit(&office, UnixMs(7));
        Arrival::of(&edit).unwrap().workstation
    }

    #[test]
    fn the_first_content_names_the_workstation() {
        assert_eq!(workstation(r#","capture":{"workstation":" ws-5 "}"#), "ws-5");
        assert_eq!(workstation(r#","capture":{"workstation":7}"#), "");
        assert_eq!(workstation(""), "");
        let long = format!(r#","capture":{{"workstation":"{}"}}"#, "w".repeat(65));
        assert_eq!(workstation(&long), OTHERS);
    }

    #[test]
    fn hours_and_workstations_are_bounded_and_every_enrollment_counts() {
        let mut tally = Tally::default();
        for n in 0..200 {
            tally.count(arrival(MS_PER_HOUR - 1, &format!("ws-{n:03}")));
        }
        let hour = &tally.hours()[&0];
        assert_eq!((hour.len(), hour[OTHERS]), (WORKSTATIONS + 1, 200 - WORKSTATIONS as u64));
        assert_eq!(hour.values().sum::<u64>(), 200);
        for n in 0..hours() {
            tally.count(arrival((n + 1) * MS_PER_HOUR, "ws-1"));
        }
        assert_eq!((tally.hours().len(), tally.hours().keys().next()), (HOURS, Some(&1)));
        let changes: BTreeMap<_, _> = tally.take_changes().collect();
        assert_eq!(changes.len(), HOURS + 1);
        assert_eq!(changes[&Note::of_hour(0)], None, "the view forgets it too");
        assert_eq!(tally.take_changes().count(), 0);
    }

    #[test]
    fn a_clock_that_was_years_off_does_not_push_out_what_is_true() {
        let mut tally = Tally::default();
        for n in 0..hours() {
            tally.count(arrival((400_000 + n) * MS_PER_HOUR, ""));
        }
        tally.count(arrival(0, ""));
        tally.count(arrival(-1, ""));
        assert_eq!(tally.hours().keys().next(), Some(&400_000));
        tally.count(arrival(i64::MAX, ""));
        assert_eq!(tally.hours().len(), HOURS);
        assert!(tally.hours().contains_key(&400_001));
    }
}
