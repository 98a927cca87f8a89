//! What staff decide about entries that are held.

use wasl_protocol::entry::{Decision, Edit, Opening, Verdict};
use wasl_protocol::id::{Dot, OfficeId, RecordId};
use wasl_protocol::news::Held;
use wasl_protocol::private::Private;

use super::fold::Fold;
use super::held::{self, HeldEntry};
use super::open::{Store, StoreError};
use super::own::Pen;
use super::touched::Placed;

/// A decision that cannot be made. Nothing is written then.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// No such entry was ever held.
    #[error("no such entry was held")]
    Unknown,
    /// It has been decided on, or what it waited for has come.
    #[error("it has been decided on")]
    Decided,
    /// It saw an edit that HQ does not have.
    #[error("it waits for {0}")]
    WaitsFor(Dot),
    /// An earlier entry of the same journal and record is held too.
    #[error("{0} is earlier in the same journal")]
    Earlier(Dot),
    /// This version cannot read it.
    #[error("this version cannot read it")]
    Unreadable,
    /// Nobody opened its record, and it does not open it.
    #[error("nobody opened its record")]
    Unopened,
    /// HQ could not store the decision: it is not stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Releases a held entry, or refuses it; what it is then.
    pub async fn decide(
        &self,
        dot: Dot,
        verdict: Verdict,
        operator: Option<Private<String>>,
    ) -> Result<HeldEntry, DecideError> {
        let mut tx = self.write().await?;
        let office = match held::find(&mut tx, dot).await? {
            None => return Err(DecideError::Unknown),
            Some((_, true)) => return Err(DecideError::Decided),
            Some((office, false)) => office,
        };
        let edit = self.stored_edit(&mut tx, dot).await?.ok().map(without_foreign_opening);
        let records: Vec<_> = edit.iter().map(|edit| edit.edit.record).collect();
        let mut fold = self.fold_over(&mut tx, &records).await?;
        let mut pen = self.pen(&mut tx).await?;
        let at = self.world().clock.unix();
        let decision = Decision { dot, at, operator, verdict };
        pen.decision(&decision);
        if let Some(earlier) = records.iter().find_map(|record| fold.earlier(dot, *record)) {
            return Err(DecideError::Earlier(earlier));
        }
        match (&decision.verdict, edit) {
            (Verdict::Release { as_is }, Some(edit)) if edit.is_whole() => {
                fold.release(&edit, *as_is)?;
            }
            (Verdict::Release { .. }, _) => return Err(DecideError::Unreadable),
            (Verdict::Refuse { .. }, Some(edit)) => {
                refuse(&mut fold, &mut pen, &edit, &decision)?;
            }
            (Verdict::Refuse { .. }, None) => {}
        }
        self.finish(pen, &mut tx).await?;
        let record = records.first().copied();
        held::decided(&mut tx, (dot, record), &decision.verdict, at).await?;
        let folded = fold.finish();
        let writer = (&OfficeId::hq(), self.journal());
        let elsewhere = self.save(&mut tx, writer, &folded, Some((dot, office))).await?;
        tx.commit().await.map_err(StoreError::from)?;
        held::alarm(&folded);
        self.tell(elsewhere);
        self.held_entry(dot).await?.ok_or(DecideError::Unknown)
    }
}

/// Accounts for a refused edit, and writes again what it had replaced at its author's.
fn refuse(
    fold: &mut Fold,
    pen: &mut Pen,
    edit: &Placed,
    decision: &Decision,
) -> Result<(), DecideError> {
    let record = edit.edit.record;
    let again = fold.refuse(edit, pen.journal())?;
    let mut context = edit.context.clone();
    context.add(edit.dot);
    for groups in again {
        let (at, operator) = (decision.at, decision.operator.clone());
        let edit = Edit { record, at, operator, opening: None, groups };
        fold.take(pen.edit(edit, context.clone()));
    }
    fold.drain(record);
    Ok(())
}

/// An edit that claims to open a record which cannot be its author's opens nothing.
fn without_foreign_opening(mut edit: Placed) -> Placed {
    let own = |o: &Opening| RecordId::of(&edit.by, &o.form_number) == edit.edit.record;
    edit.edit.opening = edit.edit.opening.take().filter(own);
    edit
}

impl From<Held> for DecideError {
    fn from(why: Held) -> Self {
        match why {
            Held::WaitsFor(dot) => Self::WaitsFor(dot),
            Held::Unopened | Held::OutOfScope | Held::Unauthorised => Self::Unopened,
            Held::Undecodable | Held::UnknownKind => Self::Unreadable,
        }
    }
}
