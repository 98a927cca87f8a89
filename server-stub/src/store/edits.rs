//! HQ's own edits, and which offices see a record.

use sqlx::{Sqlite, Transaction};
use wasl_protocol::entry::Edit;
use wasl_protocol::id::{GroupName, OfficeId, RecordId};
use wasl_protocol::private::Private;
use wasl_protocol::record::{
    Correction, GRANTS, RecordState, Value, VersionVector, granting, grants, may_put,
};

use super::fold::Fold;
use super::offices;
use super::open::{Store, StoreError};

/// An edit of HQ's that is not made. Nothing is written then.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// HQ has no such record.
    #[error("no such record")]
    Unknown,
    /// The group holds a value that the caller has not read: read again, then decide again.
    #[error("{0}: changed since it was read")]
    Stale(GroupName),
    /// An office's group: HQ may only choose among the values that stand in it.
    #[error("{0}: offices write this group; headquarters may only choose among its siblings")]
    NotYours(GroupName),
    /// There is no such office.
    #[error("{0}: no such office")]
    NoOffice(OfficeId),
    /// HQ could not store it: it is not stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Makes an edit of HQ's, for a caller that has read `read` of the record; the state after it.
    pub async fn edit(
        &self,
        record: RecordId,
        read: &VersionVector,
        correction: Correction,
    ) -> Result<RecordState<Value>, EditError> {
        let mut tx = self.write().await?;
        let fold = self.fold_over(&mut tx, &[record]).await?;
        let state = fold.state(record).ok_or(EditError::Unknown)?;
        let Correction { groups, operator } = correction;
        if let Some(group) = state.unread(read, groups.keys()) {
            return Err(EditError::Stale(group.clone()));
        }
        let hq = OfficeId::hq();
        if let Some((group, _)) = groups.iter().find(|value| !may_put(&hq, *value, state)) {
            return Err(EditError::NotYours(group.clone()));
        }
        let at = self.world().clock.unix();
        self.write_edit(tx, fold, Edit { record, at, operator, opening: None, groups }).await
    }

    /// Puts a record into the scope of `office`, or, if the grant `ends`, takes it out; the state
    /// after it. Nothing is written if nothing changes.
    pub async fn grant(
        &self,
        record: RecordId,
        office: &OfficeId,
        ends: bool,
        operator: Option<Private<String>>,
    ) -> Result<RecordState<Value>, EditError> {
        let mut tx = self.write().await?;
        if !offices::exists(&mut tx, office).await? {
            return Err(EditError::NoOffice(office.clone()));
        }
        let fold = self.fold_over(&mut tx, &[record]).await?;
        let state = fold.state(record).ok_or(EditError::Unknown)?;
        let mut granted = grants(state);
        let changes = if ends {
            granted.remove(office)
        } else {
            state.origin.office != *office && granted.insert(office.clone())
        };
        if !changes {
            return Ok(state.clone());
        }
        let group = GRANTS.parse().map_err(|_| StoreError::Damaged("the group of grants"))?;
        let (at, groups) = (self.world().clock.unix(), [(group, granting(&granted))].into());
        self.write_edit(tx, fold, Edit { record, at, operator, opening: None, groups }).await
    }

    /// Writes an edit that saw all that HQ has, and folds it.
    async fn write_edit(
        &self,
        mut tx: Transaction<'static, Sqlite>,
        mut fold: Fold,
        edit: Edit,
    ) -> Result<RecordState<Value>, EditError> {
        let record = edit.record;
        let seen = fold.state(record).map(|state| state.seen.clone()).unwrap_or_default();
        let mut pen = self.pen(&mut tx).await?;
        fold.take(pen.edit(edit, seen));
        let folded = self.commit_own(tx, pen, fold).await?;
        let state = folded.records.into_iter().find(|(id, _)| *id == record);
        Ok(state.ok_or(EditError::Unknown)?.1.state)
    }
}
