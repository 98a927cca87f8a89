//! In which hours HQ ran, and in which it heard each office. What that says is the habit's affair.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{Row, SqliteConnection};
use wasl_protocol::id::OfficeId;
use wasl_protocol::units::UnixMs;

use crate::habit::{Hour, Log, WEEK_BYTES, WEEKS_KEPT};

use super::columns::office;
use super::open::{Store, StoreError};

/// In which hours of the last weeks HQ ran, and in which it heard each office.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// HQ itself.
    pub ran: Log,
    /// The offices; one that was never heard is not there.
    pub offices: BTreeMap<OfficeId, Log>,
}

impl Store {
    /// Notes that HQ ran in this hour, and heard these offices in it. Weeks that are too old go.
    pub async fn note_heard(
        &self,
        hour: Hour,
        offices: &BTreeSet<OfficeId>,
    ) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        note(&mut tx, hour, &OfficeId::hq()).await?;
        for id in offices {
            note(&mut tx, hour, id).await?;
            // When its session ends that is told again. A HQ that is killed before knows it so far.
            saw(&mut tx, id, self.world().clock.unix()).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Notes when an office was heard last.
    pub async fn seen(&self, office: &OfficeId, at: UnixMs) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        saw(&mut tx, office, at).await?;
        Ok(tx.commit().await?)
    }

    /// What was noted.
    pub async fn heard(&self) -> Result<Heard, StoreError> {
        let rows = sqlx::query("SELECT office, week, hours FROM heard");
        let mut heard = Heard::default();
        for row in rows.fetch_all(self.readers()).await? {
            let (id, week) = (office(&row, "office")?, row.try_get("week")?);
            let hours = hours(row.try_get("hours")?)?;
            let hq = id.is_hq();
            let log = if hq { &mut heard.ran } else { heard.offices.entry(id).or_default() };
            log.put(week, hours);
        }
        Ok(heard)
    }
}

async fn saw(conn: &mut SqliteConnection, id: &OfficeId, at: UnixMs) -> Result<(), StoreError> {
    let done = sqlx::query("UPDATE office SET seen_at = ? WHERE id = ?");
    done.bind(at.0).bind(id.as_str()).execute(conn).await?;
    Ok(())
}

async fn note(conn: &mut SqliteConnection, hour: Hour, id: &OfficeId) -> Result<(), StoreError> {
    let week = hour.week();
    let row = sqlx::query_scalar("SELECT hours FROM heard WHERE office = ? AND week = ?");
    let row: Option<Vec<u8>> = row.bind(id.as_str()).bind(week).fetch_optional(&mut *conn).await?;
    let mut log = Log::default();
    if let Some(row) = row {
        log.put(week, hours(&row)?);
    }
    log.mark(hour);
    sqlx::query(
        "INSERT INTO heard (office, week, hours) VALUES (?, ?, ?)
         ON CONFLICT (office, week) DO UPDATE SET hours = excluded.hours",
    )
    .bind(id.as_str())
    .bind(week)
    .bind(&log.week(week)[..])
    .execute(&mut *conn)
    .await?;
    sqlx::query("DELETE FROM heard WHERE office = ? AND week < ?")
        .bind(id.as_str())
        .bind(week - WEEKS_KEPT)
        .execute(conn)
        .await?;
    Ok(())
}

fn hours(bytes: &[u8]) -> Result<[u8; WEEK_BYTES], StoreError> {
    bytes.try_into().map_err(|_| StoreError::Damaged("the hours of a week"))
}
