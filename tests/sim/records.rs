//! Random histories of one record, and all histories of a small one: nothing is lost, all end equal.
//!
//! Each rule of the design is also left out once, by name: the oracle must notice.

use std::collections::HashSet;

use wasl_protocol::codec;

use crate::world::{Entry, GROUPS, Hq, Mistake, Office, World};

fn run(seed: u64, mistake: Mistake) -> Result<(), String> {
    let mut world = World::new(3, seed, mistake);
    for _ in 0..5 + seed % 30 {
        world.step();
    }
    world.settle();
    world.check()
}

/// The first of so many seeds that violates an invariant, and which.
fn violation(runs: u64, mistake: Mistake) -> Option<String> {
    let found = (0..runs).find_map(|seed| Some((seed, run(seed, mistake).err()?)));
    found.map(|(seed, what)| format!("{mistake:?}, seed {seed}: {what}"))
}

#[test]
fn a_hundred_thousand_histories_lose_nothing_and_end_equal() {
    assert_eq!(violation(100_000, Mistake::None), None);
}

#[test]
fn each_rule_left_out_is_noticed() {
    for mistake in [
        Mistake::EntriesMergedAsStates,
        Mistake::ContextJoinedIntoSeen,
        Mistake::NoGate,
        Mistake::JournalFoldedBeforeInbox,
        Mistake::ClockAsTieBreak,
        Mistake::ReplacedValuesNotGivenBack,
        Mistake::LateEditsNotOvertaken,
        Mistake::LaterEntryDecidedFirst,
        Mistake::OriginalContexts,
        Mistake::ContextCutAtTheCommonPosition,
        Mistake::RandomRebirthId,
        Mistake::StatesFoldedBeforeAgreeing,
    ] {
        let noticed = violation(400_000, mistake);
        assert!(noticed.is_some(), "{mistake:?} was not noticed");
    }
}

/// HQ is put back to before an edit, what replaced that is released as it is, and then the edit
/// comes again from its author, for whom nothing else is news.
fn late_edit(mistake: Mistake) -> Result<(), String> {
    let mut world = World::new(2, 0, mistake);
    world.grant(1);
    world.send(1);
    let backup = world.hq.clone();
    world.edit_at_office(0, &GROUPS[..1]);
    world.give(0, false);
    world.send(1);
    world.edit_at_office(1, &GROUPS[..1]);
    let sent = std::mem::take(&mut world.hq.sent);
    let news = world.hq.news.iter().map(|(writes, _)| (*writes, true)).collect();
    world.hq = Hq { sent, news, ..backup };
    world.give(1, false);
    world.release_as_is();
    world.send(0);
    world.send(1);
    world.settle();
    world.check()
}

#[test]
fn an_edit_that_was_overtaken_is_news_to_its_author() {
    assert_eq!(late_edit(Mistake::None), Ok(()));
    let noticed = late_edit(Mistake::OvertakenEditsNotTold);
    assert!(noticed.is_err_and(|what| what.starts_with("I4")));
}

/// An office is put back, diverges and is born again; then it is put back to before that repair,
/// while another office has replaced what it had published.
fn double_restore(mistake: Mistake) -> Result<(), String> {
    let mut world = World::new(2, 0, mistake);
    world.grant(1);
    let first = world.offices[0].clone();
    world.edit_at_office(0, &GROUPS[..1]);
    world.give(0, false);
    world.put_back(0, first);
    world.edit_at_office(0, &GROUPS[..1]);
    let second = world.offices[0].clone();
    world.give_all(0);
    world.send(1);
    world.edit_at_office(1, &GROUPS[..1]);
    world.give(1, false);
    world.put_back(0, second);
    world.settle();
    world.check()
}

#[test]
fn an_office_that_is_put_back_twice_publishes_its_edits_once() {
    assert_eq!(double_restore(Mistake::None), Ok(()));
    let noticed = double_restore(Mistake::RandomRebirthId);
    assert!(noticed.is_err_and(|what| what.starts_with("I5")));
}

/// An office is born again, and then HQ is rolled back to before the position where that goes on.
fn rolled_back_after_a_rebirth(mistake: Mistake) -> Result<(), String> {
    let mut world = World::new(2, 0, mistake);
    let hq = world.hq.clone();
    world.edit_at_office(0, &GROUPS[..1]);
    let backup = world.offices[0].clone();
    world.write_elsewhere(0);
    world.give_all(0);
    world.put_back(0, backup);
    world.edit_at_office(0, &GROUPS[..1]);
    world.give_all(0);
    let news = world.hq.news.iter().map(|(writes, _)| (*writes, true)).collect();
    world.hq = Hq { sent: std::mem::take(&mut world.hq.sent), news, ..hq };
    world.settle();
    world.check()
}

#[test]
fn an_hq_that_lost_the_end_of_a_sealed_journal_is_given_it_again() {
    assert_eq!(rolled_back_after_a_rebirth(Mistake::None), Ok(()));
    let noticed = rolled_back_after_a_rebirth(Mistake::OnlyTheNewestJournalOffered);
    assert!(noticed.is_err_and(|what| what.contains("waits for ever")));
}

/// How many edits the exhaustive world makes after the record is opened: 3, or what `WASL_SIM_EDITS`
/// says. With 4 there are 838,991 worlds, and it takes two minutes.
fn edits() -> usize {
    std::env::var("WASL_SIM_EDITS").map_or(3, |n| n.parse().unwrap())
}

impl World {
    /// Every world that is one act further on: an edit anywhere of any groups, or a delivery.
    fn next(&self, edits: usize) -> Vec<Self> {
        let mut worlds = Vec::new();
        let mut after = |act: &dyn Fn(&mut Self)| {
            let mut world = self.clone();
            act(&mut world);
            worlds.push(world);
        };
        let may_edit = self.edits.len() <= edits;
        for groups in [&GROUPS[..1], &GROUPS[1..], &GROUPS[..]].iter().filter(|_| may_edit) {
            after(&|world| world.edit_at_hq(groups));
            for n in 0..self.offices.len() {
                after(&|world| world.edit_at_office(n, groups));
            }
        }
        for n in 0..self.offices.len() {
            after(&|world| world.give(n, false));
            after(&|world| world.send(n));
        }
        worlds
    }

    /// What tells this world from another: who knows what, and what is under way.
    fn mark(&self) -> Vec<u8> {
        let entries = |of: &[Entry]| -> Vec<_> {
            of.iter().map(|e| (e.dot, e.context.clone(), e.groups.clone())).collect()
        };
        let office = |o: &Office| {
            let life = o.newest();
            let written: Vec<Entry> = life.entries().cloned().collect();
            let given = self.hq.journals.get(&life.id).map_or(0, Vec::len);
            (o.state.clone(), o.history.clone(), entries(&written), given)
        };
        let offices: Vec<_> = self.offices.iter().map(office).collect();
        codec::encode(&(
            &self.hq.state,
            &self.hq.history,
            &self.hq.news,
            entries(&self.hq.waiting),
            offices,
        ))
    }
}

#[test]
fn every_order_of_edits_by_two_offices_and_hq_loses_nothing() {
    let edits = edits();
    let mut first = World::new(2, 0, Mistake::None);
    first.grant(1);
    let mut known: HashSet<Vec<u8>> = [first.mark()].into();
    let mut frontier = vec![first];
    while let Some(world) = frontier.pop() {
        let mut calm = world.clone();
        calm.settle();
        assert_eq!(calm.check(), Ok(()), "{world:?}");
        frontier.extend(world.next(edits).into_iter().filter(|next| known.insert(next.mark())));
    }
    println!("{} worlds of {edits} edits", known.len());
    assert!(known.len() > 10_000);
}
