//! What was written into a record, edit by edit.

use std::collections::BTreeMap;

use sqlx::Row;
use wasl_protocol::id::{Dot, RecordId};
use wasl_protocol::record::{Act, Counts, Origin, RecordState, Value};

use super::columns::office;
use super::open::{Store, StoreError};
use super::{held, records};

impl Store {
    /// Where a record comes from, and its edits: those that count and those that were refused in
    /// the order in which HQ took them in, then those that came back with a state that HQ had lost
    /// and that nothing has replaced since, then those that are held.
    pub async fn history(
        &self,
        record: RecordId,
    ) -> Result<Option<(Origin, Vec<Act>)>, StoreError> {
        let mut tx = self.snapshot().await?;
        let row = sqlx::query("SELECT office, form_number, dots, state FROM record WHERE id = ?");
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
        let dots = records::decode_dots(row.try_get("dots")?)?;
        let state = records::decode(row.try_get("state")?)?;
        let given_back = given_back(state, &dots);
        for dot in dots {
            acts.push(if let Some(refused) = uncounted.remove(&dot) {
                refused
            } else {
                let edit = self.stored_edit(&mut tx, dot).await?;
                let edit = edit.map_err(|_| StoreError::Damaged("an edit that was applied"))?;
                held::act(edit, Counts::Applied)
            });
        }
        acts.extend(given_back);
        acts.extend(uncounted.into_values());
        Ok(Some((origin, acts)))
    }
}

/// The edits behind the values that none of these entries wrote: an office gave them back.
fn given_back(state: RecordState<Value>, entries: &[Dot]) -> Vec<Act> {
    let mut acts = BTreeMap::<Dot, Act>::new();
    for (group, values) in state.groups {
        for (dot, value) in values.into_iter().filter(|(dot, _)| !entries.contains(dot)) {
            let Value { json, by, at, operator, .. } = value;
            let (counts, groups) = (Counts::Applied, BTreeMap::new());
            let empty = Act { dot, by, at, operator, counts, groups };
            acts.entry(dot).or_insert(empty).groups.insert(group.clone(), json);
        }
    }
    acts.into_values().collect()
}
