//! The ids that there are, for whoever was given the beginning of one.

use wasl_protocol::id::{JournalId, OfficeId, RecordId};

use super::columns::{number, office, record};
use super::open::{Store, StoreError};

impl Store {
    /// The first ids of records from `first` to `last`, at most `limit`.
    pub async fn record_ids(
        &self,
        (first, last): (RecordId, RecordId),
        limit: u32,
    ) -> Result<Vec<RecordId>, StoreError> {
        let rows =
            sqlx::query("SELECT id FROM record WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?")
                .bind(&first.0[..])
                .bind(&last.0[..])
                .bind(i64::from(limit));
        rows.fetch_all(self.readers()).await?.iter().map(|row| record(row, "id")).collect()
    }

    /// The ids of all offices, in order.
    pub async fn office_ids(&self) -> Result<Vec<OfficeId>, StoreError> {
        let rows = sqlx::query("SELECT id FROM office ORDER BY id").fetch_all(self.readers());
        rows.await?.iter().map(|row| office(row, "id")).collect()
    }

    /// The ids of all journals.
    pub async fn journal_ids(&self) -> Result<Vec<JournalId>, StoreError> {
        let rows = sqlx::query("SELECT id FROM journal").fetch_all(self.readers()).await?;
        rows.iter().map(|row| Ok(JournalId(number(row, "id")?))).collect()
    }
}
