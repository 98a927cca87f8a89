//! Records and news, and the plaintexts of entries: what stands behind a signature or a seal that
//! holds.

use wasl_protocol::codec;
use wasl_protocol::edition::{ConfigState, Step};
use wasl_protocol::entry::{Decision, Edit};
use wasl_protocol::id::{Dot, FormNumber, JournalId, OfficeId, Tag};
use wasl_protocol::keys::SignKey;
use wasl_protocol::news::{Says, SignedNews};
use wasl_protocol::record::{
    Applied, Blobs, HqState, Origin, RecordState, Value, VersionVector, conflict_report, report,
};
use wasl_protocol::units::{Seq, UnixMs};

use super::{Choices, comes_back};

type State = RecordState<Value>;

/// The secret of the golden files.
const SIGN_KEY: [u8; 32] = [1; 32];

/// A choice of what it is, then its bytes.
pub(super) fn state(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    match choices.byte() % 4 {
        0 => two_states(choices.chunk(), choices.0),
        1 => {
            if let Ok(signed) = codec::decode::<SignedNews>(choices.0) {
                comes_back!(&signed, SignedNews, choices.0.len());
                news(&signed);
            }
        }
        2 => says(choices.0),
        _ => edits(choices),
    }
}

/// News that HQ signed.
pub(super) fn news(signed: &SignedNews) {
    let key = SignKey::from_secret(&SIGN_KEY);
    let _ = signed.verify(&key.verify_key());
    let Ok(news) = signed.trusted() else { return };
    let again = SignedNews::sign(&news, &key);
    assert!(
        again.verify(&key.verify_key()).as_ref() == Ok(&news),
        "signed again, it is other news"
    );
    if let Says::State(state) = &news.says {
        assert_eq!(news.record, Some(state.origin.id()), "filed under its own record");
        shown(state);
    }
}

/// The plaintext of an entry: whichever kind it is taken for.
pub(super) fn says(plain: &[u8]) {
    if let Ok(edit) = Edit::decode(plain) {
        comes_back!(&edit, Edit, plain.len());
        for by in ["nasr", "hq"] {
            let by: OfficeId = by.parse().expect("an office's id");
            if edit.admit(&by).is_ok() {
                assert!(!edit.groups.is_empty());
                let mut state = opened(&by);
                let before = state.clone();
                apply(&mut state, 1, &edit, &VersionVector::default());
                assert!(state != before, "an admitted edit says something");
                shown(&state);
            }
        }
    }
    if let Ok(decision) = Decision::decode(plain) {
        assert!(Decision::decode(&decision.encode()).as_ref() == Ok(&decision));
    }
    if let Ok(step) = Step::decode(plain) {
        assert!(Step::decode(&step.encode()).as_ref() == Ok(&step));
        let mut state = ConfigState::default();
        state.fold(&step);
        assert!(ConfigState::decode(&state.encode()).as_ref() == Ok(&state));
    }
    if let Ok(state) = ConfigState::decode(plain) {
        assert!(ConfigState::decode(&state.encode()).as_ref() == Ok(&state));
    }
}

/// A state can be shown, or it is said that it is damaged.
fn shown(state: &State) {
    if let Ok(report) = report(state, HqState::Stored, Blobs::None) {
        assert_eq!(report.conflict, state.in_conflict());
        assert!(conflict_report(state).is_ok());
    }
}

/// Two states as they may come down the link, merged in both orders.
fn two_states(one: &[u8], other: &[u8]) {
    let read = |bytes: &[u8]| codec::decode::<State>(bytes).ok();
    let Some(a) = read(one) else { return };
    comes_back!(&a, State, one.len());
    shown(&a);
    let merged = |a: &State, b: &State| {
        let mut both = a.clone();
        both.merge(b);
        both
    };
    assert!(merged(&a, &a).seen == a.seen, "a state adds nothing to itself");
    let Some(b) = read(other).filter(|b| b.origin == a.origin && holds(b)) else { return };
    let (ab, ba) = (merged(&a, &b), merged(&b, &a));
    assert!(ab.seen == ba.seen && ab.posted == ba.posted);
    if holds(&a) && agree(&a, &b) {
        assert!(ab == ba, "the order of merging matters");
        assert!(merged(&ab, &b) == ab, "merged twice is not merged once");
        shown(&ab);
    }
}

/// The invariant of a state: every dot in it is accounted for, and no group is empty.
fn holds(state: &State) -> bool {
    let covered = |d: &Dot| state.seen.covers(*d);
    state.groups.values().all(|values| !values.is_empty() && values.keys().all(covered))
}

/// Has each dot that both have the same value in both (I2)?
fn agree(a: &State, b: &State) -> bool {
    a.groups.iter().all(|(group, values)| {
        let theirs = b.groups.get(group);
        values.iter().all(|(dot, value)| {
            theirs.and_then(|theirs| theirs.get(dot)).is_none_or(|other| other == value)
        })
    })
}

fn opened(office: &OfficeId) -> State {
    let form_number: FormNumber = "n-1".parse().expect("a form number");
    RecordState::new(Origin { office: office.clone(), form_number })
}

fn apply(state: &mut State, seq: u64, edit: &Edit, context: &VersionVector) -> Applied {
    let by: OfficeId = "nasr".parse().expect("an office's id");
    let value = |json| Value {
        json,
        by: by.clone(),
        at: UnixMs(0),
        operator: edit.operator.clone(),
        tag: Tag([0; 16]),
    };
    let dot = Dot { journal: JournalId(1 + seq % 3), seq: Seq(seq) };
    let opening = edit.opening.as_ref().map(|opening| opening.posted);
    let groups = edit.groups.iter().map(|(group, json)| (group.clone(), value(json.clone())));
    let applied = state.apply(dot, context, opening, groups);
    if applied == Applied::Yes {
        assert!(state.seen.covers(dot) && holds(state));
        assert!(edit.groups.keys().all(|group| state.groups[group].contains_key(&dot)));
    }
    applied
}

/// Edits with contexts of any form, one behind the other: an edit is applied, dropped by its dot, or
/// waits, and what waits changes nothing.
fn edits(mut choices: Choices<'_>) {
    let mut state = opened(&"nasr".parse().expect("an office's id"));
    for seq in 1..=MOST_EDITS {
        if !choices.are_left() {
            break;
        }
        let context = codec::decode(choices.chunk()).unwrap_or_default();
        let Ok(edit) = Edit::decode(choices.chunk()) else { continue };
        let before = state.clone();
        match apply(&mut state, seq, &edit, &context) {
            Applied::Yes => {
                let again = apply(&mut state, seq, &edit, &context);
                assert_eq!(again, Applied::Covered, "a dot counts once");
            }
            Applied::Covered => assert!(state == before),
            Applied::WaitsFor(dot) => {
                assert!(state == before && !state.seen.covers(dot) && context.covers(dot));
            }
        }
    }
    shown(&state);
}

/// The most edits in one input.
const MOST_EDITS: u64 = 32;
