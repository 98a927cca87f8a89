//! What was written into a record, edit by edit.

use std::collections::BTreeMap;

use sqlx::Row;
use wasl_protocol::id::RecordId;
use wasl_protocol::record::{Act, Counts, Origin};

use super::columns::office;
use super::open::{Store, StoreError};
use super::{held, records};

impl Store {
    /// Where a record comes from, and its edits: those that count and those that were refused in
    /// the order in which HQ took them in, then those that are held.
    pub async fn history(
        &self,
        record: RecordId,
    ) -> Result<Option<(Origin, Vec<Act>)>, StoreError> {
        let mut tx = self.snapshot().await?;
        let row = sqlx::query("SELECT office, form_number, dots FROM record WHERE id = ?");
        let Some(row) = row.bind(&record.0[..]).fetch_optional(&mut *tx).await? else {
            return Ok(None);
        };
        let form: &str = row.try_get("form_number")?;
        let form_number = form.parse().map_err(|_| StoreError::Damaged("a form number"))?;
        let origin = Origin { office: office(&row, "office")?, form_number };
        let uncounted = self.uncounted(&mut tx, record).await?;
        let mut uncounted: BTreeMap<_, _> =
            uncounted.into_iter().filter_map(|entry| Some((entry.dot, entry.act?))).collect();
        let mut acts = Vec::new();
        for dot in records::decode_dots(row.try_get("dots")?)? {
            acts.push(if let Some(refused) = uncounted.remove(&dot) {
                refused
            } else {
                let edit = self.stored_edit(&mut tx, dot).await?;
                let edit = edit.map_err(|_| StoreError::Damaged("an edit that was applied"))?;
                held::act(edit, Counts::Applied)
            });
        }
        acts.extend(uncounted.into_values());
        Ok(Some((origin, acts)))
    }
}
