//! Any mix of what operators and HQ do: the view folded again is the one that was live (I11).

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use proptest::prelude::*;
use wasl_protocol::id::{Dot, OfficeId, RecordId};
use wasl_protocol::news::{Fate, Held, Says, SignedNews, What};
use wasl_protocol::private::Private;
use wasl_protocol::record::{Act, Origin, RecordState, Value, VersionVector};
use wasl_protocol::units::{Seq, UnixMs};

use super::place::*;
use crate::engine::{Engine, Found, HeldEntry, Hours, Input, Listed};
use crate::view::Row;

#[derive(Clone, Copy, Debug)]
enum Deed {
    Enroll(u8),
    Edit(u8, bool),
    /// HQ takes in what we have of a record.
    Sync(u8),
    /// HQ edits it, having seen all it has or nothing.
    HqEdit(u8, bool, bool),
    Tell(u8),
    TellAgain(prop::sample::Index),
    Withdraw(u8),
    Newer(Option<u8>),
    Fate(prop::sample::Index, u8),
    KeepUp,
}

fn deed() -> impl Strategy<Value = Deed> {
    let record = || 0..RECORDS;
    prop_oneof![
        3 => (0..OWN).prop_map(Deed::Enroll),
        4 => (record(), any::<bool>()).prop_map(|(r, g)| Deed::Edit(r, g)),
        3 => record().prop_map(Deed::Sync),
        4 => (record(), any::<bool>(), any::<bool>()).prop_map(|(r, g, s)| Deed::HqEdit(r, g, s)),
        6 => record().prop_map(Deed::Tell),
        2 => any::<prop::sample::Index>().prop_map(Deed::TellAgain),
        2 => record().prop_map(Deed::Withdraw),
        1 => prop::option::of(record()).prop_map(Deed::Newer),
        3 => (any::<prop::sample::Index>(), 0..4u8).prop_map(|(i, what)| Deed::Fate(i, what)),
        1 => Just(Deed::KeepUp),
    ]
}

/// So many records are of this office, and the rest of another.
const OWN: u8 = 3;
const RECORDS: u8 = 5;

fn origin(record: u8) -> Origin {
    let office = if record < OWN { office() } else { "rifai".parse().unwrap() };
    Origin { office, form_number: record.to_string().parse().unwrap() }
}

/// The office, and a pretend HQ that never forgets.
struct Mix {
    place: Place,
    engine: Engine,
    hq: BTreeMap<u8, RecordState<Value>>,
    sent: Vec<SignedNews>,
    hq_seq: u64,
}

impl Mix {
    fn say(&mut self, news: SignedNews) {
        self.sent.push(news.clone());
        assert!(store_news(&mut self.engine, vec![news], self.sent.len() as u64));
    }

    fn at_hq(&mut self, record: u8) -> &mut RecordState<Value> {
        self.hq.entry(record).or_insert_with(|| RecordState::new(origin(record)))
    }

    fn deed(&mut self, deed: Deed) {
        match deed {
            Deed::Enroll(form) => {
                let (input, _) = enroll(prepared(&self.engine, &form.to_string(), "آيات"));
                self.engine.turn(vec![input]).unwrap();
            }
            Deed::Edit(record, contact) => self.edit(record, contact),
            Deed::Sync(record) => {
                if let Some(found) = found_of(&mut self.engine, origin(record).id()) {
                    self.at_hq(record).merge(&found.state);
                }
            }
            Deed::HqEdit(record, contact, saw_all) => self.hq_edit(record, contact, saw_all),
            Deed::Tell(record) => {
                let says = Says::State(self.at_hq(record).clone());
                self.say(news(&self.place, Some(origin(record).id()), says));
            }
            Deed::TellAgain(index) => {
                if !self.sent.is_empty() {
                    self.say(index.get(&self.sent).clone());
                }
            }
            Deed::Withdraw(record) => {
                self.say(news(&self.place, Some(origin(record).id()), Says::Withdrawn));
            }
            Deed::Newer(record) => {
                let record = record.map(|record| origin(record).id());
                self.say(news(&self.place, record, Says::Newer(vec![77])));
            }
            Deed::Fate(index, what) => self.fate(index, what),
            Deed::KeepUp => self.engine.keep_up().unwrap(),
        }
    }

    fn edit(&mut self, record: u8, contact: bool) {
        let id = origin(record).id();
        let read = found_of(&mut self.engine, id).map(|found| found.state.seen);
        let json = if contact {
            r#"{"groups":{"contact":{"phone":"1"},"address":{"house":"2"}}}"#
        } else {
            r#"{"groups":{"visit":{"kind":"renewal"}}}"#
        };
        let (input, _) = change_of(&self.engine, id, read.unwrap_or_default(), json);
        self.engine.turn(vec![input]).unwrap();
    }

    fn hq_edit(&mut self, record: u8, contact: bool, saw_all: bool) {
        self.hq_seq += 1;
        let dot = hq_dot(self.hq_seq);
        let group = if contact { "contact" } else { "national_number" };
        let json = format!(r#"{{"phone":"{}"}}"#, self.hq_seq % 3);
        let groups = [(group.parse().unwrap(), value(&OfficeId::hq(), &json, 5))];
        let state = self.at_hq(record);
        let context = if saw_all { state.seen.clone() } else { VersionVector::default() };
        state.apply(dot, &context, None, groups);
    }

    fn fate(&mut self, index: prop::sample::Index, what: u8) {
        let journal = &self.engine.store.logs.journal;
        let last = usize::try_from(journal.head().seq.0).unwrap();
        let seq = Seq(index.index(last) as u64 + 1);
        let dot = Dot { journal: journal.id(), seq };
        let what = match what {
            0 => What::Held(Held::Unauthorised),
            1 => What::Held(Held::WaitsFor(hq_dot(1))),
            2 => What::Released,
            _ => What::Refused { reason: Private("no".to_owned()) },
        };
        let fate = Fate { dot, at: UnixMs(seq.0.cast_signed()), what };
        self.say(news(&self.place, None, Says::Fate(fate)));
    }
}

/// All that can be asked, and the rows themselves; the order of arrival apart, which is not part of
/// the truth.
type Told = (
    Vec<Listed>,
    Vec<(RecordId, RecordState<Value>, bool)>,
    Vec<Option<(Origin, Vec<Act>)>>,
    Vec<Row>,
    Vec<RecordId>,
    Vec<HeldEntry>,
    [u64; 4],
    Hours,
);

fn told(engine: &mut Engine) -> Told {
    let mut list = listed(engine);
    list.sort_by_key(|listed| listed.record);
    let ids: Vec<RecordId> = (0..RECORDS).map(|record| origin(record).id()).collect();
    let found = |id: &RecordId| {
        let Found { state, read_only, .. } = found_of(engine, *id)?;
        Some((*id, state, read_only))
    };
    let found = ids.iter().filter_map(found).collect();
    let history =
        |id: &RecordId| ask(engine, |answer| Input::History { record: *id, answer }).unwrap();
    let histories = ids.iter().map(history).collect();
    let row = |id: &RecordId| engine.store.rows.get(*id).unwrap();
    let rows = ids.iter().filter_map(row).map(|row| Row { ordinal: 0, ..row }).collect();
    let in_conflict = |answer| Input::Conflicts { skip: 0, limit: 99, answer };
    let (states, _) = ask(engine, in_conflict).unwrap();
    let mut conflicts: Vec<RecordId> = states.iter().map(|state| state.origin.id()).collect();
    conflicts.sort();
    let held = ask(engine, |answer| Input::Held { answer }).unwrap();
    let facts = &engine.facts;
    let counts = [facts.records, facts.conflicts, facts.refused, facts.read_only];
    let hours = ask(engine, |answer| Input::Hours { answer }).unwrap();
    (list, found, histories, rows, conflicts, held, counts, hours)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    // proves I11
    #[test]
    fn the_view_folded_again_is_the_live_one(deeds in prop::collection::vec(deed(), 1..60)) {
        let place = Place::new();
        let engine = place.open();
        let mut mix = Mix { place, engine, hq: BTreeMap::new(), sent: Vec::new(), hq_seq: 0 };
        for deed in deeds {
            mix.deed(deed);
        }
        let live = told(&mut mix.engine);
        prop_assert_eq!(live.0.iter().filter(|l| l.conflict).count(), live.4.len());
        prop_assert_eq!(vec![live.0.len() as u64, live.4.len() as u64], live.6[..2].to_vec());
        let opened = live.3.iter().filter(|row| row.opened.is_some()).count() as u64;
        let counted: u64 = live.7.values().flat_map(|of| of.values()).sum();
        prop_assert_eq!(counted, opened, "a duplicate or a correction is no enrollment");
        let Mix { place, engine, .. } = mix;
        drop(engine);
        let mut killed = place.open();
        prop_assert_eq!(&told(&mut killed), &live, "after a kill");
        killed.store.rows.close().unwrap();
        place.faults.rebooted.store(true, Ordering::SeqCst);
        prop_assert_eq!(&told(&mut place.open()), &live, "after a clean stop");
        place.faults.rebooted.store(false, Ordering::SeqCst);
        prop_assert_eq!(&told(&mut place.open()), &live, "folded again");
    }
}
