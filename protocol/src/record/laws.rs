//! The laws of apply and merge, on states that random histories reach.

use alloc::vec::Vec;
use proptest::prelude::*;

use crate::id::{Dot, GroupName, JournalId};
use crate::record::{Applied, Origin, RecordState, VersionVector};
use crate::units::Seq;

type State = RecordState<u64>;

#[derive(Clone, Debug)]
struct Entry {
    dot: Dot,
    context: VersionVector,
    groups: Vec<GroupName>,
}

impl Entry {
    fn apply_to(&self, state: &mut State) -> Applied {
        let groups = self.groups.iter().map(|g| (g.clone(), self.dot.seq.0));
        state.apply(self.dot, &self.context, None, groups)
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Edit { at: usize, groups: u8 },
    Merge { from: usize, to: usize },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..3usize, 1..4u8).prop_map(|(at, groups)| Step::Edit { at, groups }),
        (0..3usize, 0..3usize).prop_map(|(from, to)| Step::Merge { from, to }),
    ]
}

fn empty() -> State {
    RecordState::new(Origin { office: "nasr".parse().unwrap(), form_number: "1".parse().unwrap() })
}

/// Three replicas that edit and merge; and all entries they wrote, in the order of writing.
fn history(steps: &[Step]) -> (Vec<State>, Vec<Entry>) {
    let mut replicas = alloc::vec![empty(), empty(), empty()];
    let mut entries = Vec::new();
    for (i, step) in steps.iter().enumerate() {
        match *step {
            Step::Edit { at, groups } => {
                let dot = Dot { journal: JournalId(at as u64 + 1), seq: Seq(i as u64 + 1) };
                let names = ["p", "q"].iter().enumerate().filter(|(n, _)| groups >> n & 1 == 1);
                let groups = names.map(|(_, g)| g.parse().unwrap()).collect();
                let entry = Entry { dot, context: replicas[at].seen.clone(), groups };
                assert_eq!(entry.apply_to(&mut replicas[at]), Applied::Yes);
                entries.push(entry);
            }
            Step::Merge { from, to } => {
                let theirs = replicas[from].clone();
                replicas[to].merge(&theirs);
            }
        }
    }
    (replicas, entries)
}

fn merged(a: &State, b: &State) -> State {
    let mut m = a.clone();
    m.merge(b);
    m
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn merge_is_commutative_associative_idempotent_and_monotone(
        steps in proptest::collection::vec(step(), 0..24)
    ) {
        let (r, _) = history(&steps);
        prop_assert_eq!(merged(&r[0], &r[1]), merged(&r[1], &r[0]));
        prop_assert_eq!(
            merged(&merged(&r[0], &r[1]), &r[2]),
            merged(&r[0], &merged(&r[1], &r[2]))
        );
        prop_assert_eq!(&merged(&r[0], &r[0]), &r[0]);
        let m = merged(&r[0], &r[1]);
        prop_assert_eq!(m.seen.lacks(&r[0].seen), None);
        prop_assert_eq!(merged(&m, &r[0]), m);
    }

    #[test]
    fn applying_the_entries_of_all_is_merging_the_states_of_all(
        steps in proptest::collection::vec(step(), 0..24)
    ) {
        let (r, entries) = history(&steps);
        let mut hq = empty();
        for entry in &entries {
            prop_assert_eq!(entry.apply_to(&mut hq), Applied::Yes);
            prop_assert_eq!(entry.apply_to(&mut hq), Applied::Covered);
        }
        prop_assert_eq!(hq, merged(&merged(&r[0], &r[1]), &r[2]));
    }

    #[test]
    fn an_entry_that_saw_more_waits_and_whatever_the_order_none_is_lost(
        steps in proptest::collection::vec(step(), 0..24), swaps in any::<u64>()
    ) {
        let (r, entries) = history(&steps);
        let mut waiting = entries;
        for i in 1..waiting.len() {
            waiting.swap(i, usize::try_from(swaps >> (i % 60)).unwrap_or(0) % (i + 1));
        }
        let mut hq = empty();
        while !waiting.is_empty() {
            let before = waiting.len();
            waiting.retain(|e| matches!(e.apply_to(&mut hq), Applied::WaitsFor(_)));
            prop_assert!(waiting.len() < before, "held for ever");
        }
        prop_assert_eq!(hq, merged(&merged(&r[0], &r[1]), &r[2]));
    }
}

#[test]
fn concurrent_edits_of_one_group_keep_both_values_until_one_saw_both() {
    let edit = |state: &mut State, journal, seq| {
        let dot = Dot { journal: JournalId(journal), seq: Seq(seq) };
        let (context, groups) = (state.seen.clone(), alloc::vec!["p".parse().unwrap()]);
        Entry { dot, context, groups }.apply_to(state)
    };
    let (mut a, mut b) = (empty(), empty());
    edit(&mut a, 1, 1);
    edit(&mut b, 2, 1);
    a.merge(&b);
    let p: GroupName = "p".parse().unwrap();
    assert_eq!(a.groups[&p].len(), 2);
    edit(&mut a, 1, 2);
    assert_eq!(a.groups[&p].len(), 1);
    b.merge(&a);
    assert_eq!(a, b);
}
