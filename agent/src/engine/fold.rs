//! How one entry changes the view. The same live and in replay: the inbox first, then the journal,
//! gives what turn after turn has given.

use wasl_protocol::id::{Dot, OfficeId, RecordId, Tag};
use wasl_protocol::record::{Applied, Origin, RecordState};
use wasl_protocol::units::Seq;

use super::item::{Item, OwnEdit};
use super::replica::{Logs, Ours};
use super::rows::{Counted, Rows};
use crate::view::{Place, Row, ViewError};

/// How many of HQ's states a record's history goes back.
const TOLD: usize = 256;

/// What a fold cannot know without reading values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Undecided {
    /// Whether the several values of this record's groups differ.
    Conflict(RecordId),
    /// Of which record this entry is.
    Fate(Dot),
}

/// Folds one entry into the rows. What it left undecided, if anything: the caller has to have it
/// decided.
pub(super) fn fold(
    rows: &mut Rows,
    office: &OfficeId,
    ours: &Ours,
    item: Item,
) -> Result<Option<Undecided>, ViewError> {
    match item {
        Item::Edit(own) => return edit(rows, office, own),
        Item::State { seq, state } => return merge(rows, ours, seq, &state),
        Item::Withdrawn(record) => withdraw(rows, office, record)?,
        Item::Fate { seq, fate } => {
            let undecided = ours.holds(fate.dot).then_some(Undecided::Fate(fate.dot));
            rows.notes.fate(seq, *fate, None);
            return Ok(undecided);
        }
        Item::Newer { seq, record } => {
            tracing::warn!(%seq, "HQ sent what only a newer version of Wasl reads: it is kept");
            rows.notes.newer(seq, record);
        }
        Item::Cursor(cursor) => rows.cursor(cursor),
        Item::Config(step) => rows.notes.step(&step),
        Item::Nothing => {}
        Item::Unreadable(seq) => {
            tracing::error!(%seq, "an entry does not open: it is kept and not folded");
        }
    }
    Ok(None)
}

fn edit(
    rows: &mut Rows,
    office: &OfficeId,
    mut own: OwnEdit,
) -> Result<Option<Undecided>, ViewError> {
    let known = rows.get(own.record)?;
    let before = known.as_ref().map_or(Counted::default(), Counted::of);
    let mut row = match (known, &own.opening) {
        (Some(row), _) => row,
        (None, Some(opening)) => {
            let form_number = opening.form_number.clone();
            let origin = Origin { office: office.clone(), form_number };
            new_row(rows, RecordState::new(origin))
        }
        (None, None) => {
            tracing::error!(dot = %own.dot, "an edit of a record that is not there: not folded");
            return Ok(None);
        }
    };
    if row.opened.is_none()
        && let Some(arrival) = own.arrival.take()
    {
        row.opened = Some(own.dot);
        rows.notes.arrived(arrival);
    }
    // One behind another: what is folded counts as seen, with all before it.
    let waits = rows.held.contains_key(&own.record);
    if let Some(own) = if waits { Some(own) } else { apply(&mut row, own) } {
        rows.held.entry(own.record).or_default().push(own);
    }
    Ok(put(rows, row, before))
}

/// Applies an edit of ours; gives it back if it has seen what the row has not: the inbox lost it.
fn apply(row: &mut Row, own: OwnEdit) -> Option<OwnEdit> {
    let place = Place { tag: own.tag, inbox: None };
    let groups = own.groups.iter().map(|group| (group.clone(), place));
    let posted = own.opening.as_ref().map(|opening| opening.posted);
    let Applied::WaitsFor(dot) = row.state.apply(own.dot, &own.context, posted, groups) else {
        return None;
    };
    tracing::warn!(entry = %own.dot, waits_for = %dot, "an edit waits for news that was lost");
    Some(own)
}

fn merge(
    rows: &mut Rows,
    ours: &Ours,
    seq: Seq,
    state: &RecordState<Tag>,
) -> Result<Option<Undecided>, ViewError> {
    let theirs =
        state.map(|_, dot, tag| Place { tag: *tag, inbox: (!ours.holds(dot)).then_some(seq) });
    let record = state.origin.id();
    rows.notes.read(Some(record));
    let known = rows.get(record)?;
    let before = known.as_ref().map_or(Counted::default(), Counted::of);
    let mut row = known.unwrap_or_else(|| new_row(rows, RecordState::new(state.origin.clone())));
    let mut dots = theirs.groups.values().flat_map(|values| values.keys());
    if dots.any(|dot| !ours.holds(*dot) && !row.state.seen.covers(*dot)) {
        if row.told.len() >= TOLD {
            row.told.remove(0);
        }
        row.told.push(seq);
    }
    row.state.merge(&theirs);
    row.hidden = false;
    let mut held = rows.held.remove(&record).unwrap_or_default().into_iter();
    let waits = held.by_ref().find_map(|own| apply(&mut row, own));
    let held: Vec<_> = waits.into_iter().chain(held).collect();
    if !held.is_empty() {
        rows.held.insert(record, held);
    }
    Ok(put(rows, row, before))
}

/// A record that this office opened is always in its scope: of one, this is not said.
fn withdraw(rows: &mut Rows, office: &OfficeId, record: RecordId) -> Result<(), ViewError> {
    let row = rows.get(record)?;
    if let Some(mut row) = row.filter(|row| row.state.origin.office != *office) {
        let before = Counted::of(&row);
        row.hidden = true;
        rows.put(row, before);
    }
    Ok(())
}

fn new_row(rows: &Rows, state: RecordState<Place>) -> Row {
    let ordinal = rows.meta().rows;
    Row { ordinal, opened: None, conflict: false, hidden: false, told: Vec::new(), state }
}

/// Puts a row in whose conflict is settled where it can be without reading values.
fn put(rows: &mut Rows, mut row: Row, before: Counted) -> Option<Undecided> {
    let several = row.state.groups.values().any(|values| values.len() > 1);
    row.conflict = several;
    let undecided = several.then(|| Undecided::Conflict(row.record()));
    rows.put(row, before);
    undecided
}

/// Reads what is needed to decide what a fold left open.
pub(super) fn decide(
    logs: &mut Logs,
    rows: &mut Rows,
    undecided: Undecided,
) -> Result<(), super::EngineError> {
    match undecided {
        Undecided::Conflict(record) => {
            let Some(mut row) = rows.get(record)? else { return Ok(()) };
            if let Some(state) = logs.values(&row.state)? {
                let before = Counted::of(&row);
                row.conflict = state.in_conflict();
                rows.put(row, before);
            }
        }
        Undecided::Fate(dot) => {
            // Only what is still remembered is worth a look into the journal.
            if rows.notes.fate_of(dot).is_some()
                && let Some(own) = logs.own_edit(dot)?
            {
                rows.notes.belongs(dot, own.edit.record);
            }
        }
    }
    Ok(())
}
