//! What a fold needs from the tables, and what it changed in them.

use sqlx::SqliteConnection;
use wasl_protocol::id::{Dot, JournalId, OfficeId, RecordId};

use super::fold::{Fold, Folded};
use super::open::{Store, StoreError};
use super::{feed, held, records};

impl Store {
    /// A fold over these records.
    pub(super) async fn fold_over(
        &self,
        conn: &mut SqliteConnection,
        ids: &[RecordId],
    ) -> Result<Fold, StoreError> {
        let states = records::load(&mut *conn, ids).await?;
        let before =
            if held::any(&mut *conn).await? { self.before(conn, ids).await? } else { Vec::new() };
        Ok(Fold::new(states, before))
    }

    /// Stores what a fold of entries of `office` in `journal` changed, and puts the news into the
    /// feeds, with that of what staff `decided`. Whose feeds have news from elsewhere: they are to
    /// be told once it is committed.
    pub(super) async fn save(
        &self,
        conn: &mut SqliteConnection,
        (office, journal): (&OfficeId, JournalId),
        folded: &Folded,
        decided: Option<(Dot, OfficeId)>,
    ) -> Result<Vec<OfficeId>, StoreError> {
        records::save(&mut *conn, &folded.records).await?;
        held::save(&mut *conn, folded, self.world().clock.unix()).await?;
        let mut elsewhere = Vec::new();
        for (reader, news) in feed::news(folded, decided) {
            feed::add(&mut *conn, self.epoch(), &reader, &news).await?;
            if reader != *office || news.iter().any(|(_, sole)| *sole != Some(journal)) {
                elsewhere.push(reader);
            }
        }
        Ok(elsewhere)
    }
}
