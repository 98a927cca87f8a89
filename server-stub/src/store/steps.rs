//! Where the config steps in its journal leave each office.

use std::collections::BTreeSet;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use wasl_protocol::edition::{ConfigState, Step};
use wasl_protocol::id::OfficeId;

use crate::rollout::OfficeNow;

use super::columns::{moment, office, sql};
use super::open::{Store, StoreError};

impl Store {
    /// Takes in config steps of `office`, in the order of its journal. Whom that concerns: they are
    /// to be told once it is committed.
    pub(super) async fn take_steps(
        &self,
        conn: &mut SqliteConnection,
        office: &OfficeId,
        steps: &[Step],
    ) -> Result<BTreeSet<OfficeId>, StoreError> {
        let Some(last) = steps.last() else { return Ok(BTreeSet::new()) };
        let mut state = of(&mut *conn, office).await?.state;
        for step in steps {
            state.fold(step);
        }
        sqlx::query(
            "INSERT INTO office_config (office, state, stepped_at, floor, running)
             VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (office) DO UPDATE SET state = excluded.state,
                 stepped_at = excluded.stepped_at, floor = excluded.floor,
                 running = excluded.running",
        )
        .bind(office.as_str())
        .bind(state.encode())
        .bind(last.at.0)
        .bind(sql(state.floor.0))
        .bind(sql(state.running().0))
        .execute(&mut *conn)
        .await?;
        let mut told = self.drive(conn, 0).await?;
        told.insert(office.clone());
        Ok(told)
    }

    /// Every office that may come, in the order of their ids.
    pub(super) async fn offices_now(
        &self,
        conn: &mut SqliteConnection,
    ) -> Result<Vec<OfficeNow>, StoreError> {
        let rows = sqlx::query(
            "SELECT o.id, c.state, c.stepped_at FROM office o
             LEFT JOIN office_config c ON c.office = o.id
             WHERE o.revoked_at IS NULL ORDER BY o.id",
        );
        let rows = rows.fetch_all(conn).await?;
        let connected = self.connected();
        rows.iter().map(|row| office_now(row, &connected)).collect()
    }
}

/// A connected office, with what HQ knows of it by now.
pub(super) async fn of(
    conn: &mut SqliteConnection,
    id: &OfficeId,
) -> Result<OfficeNow, StoreError> {
    let row = sqlx::query("SELECT state, stepped_at FROM office_config WHERE office = ?");
    let row = row.bind(id.as_str()).fetch_optional(conn).await?;
    let state = row.as_ref().map(state).transpose()?.unwrap_or_default();
    let stepped_at = row.as_ref().map(|row| moment(row, "stepped_at")).transpose()?.flatten();
    Ok(OfficeNow { id: id.clone(), connected: true, state, stepped_at })
}

fn office_now(row: &SqliteRow, connected: &BTreeSet<OfficeId>) -> Result<OfficeNow, StoreError> {
    let id = office(row, "id")?;
    let stepped_at = moment(row, "stepped_at")?;
    let state = if stepped_at.is_some() { state(row)? } else { ConfigState::default() };
    Ok(OfficeNow { connected: connected.contains(&id), id, state, stepped_at })
}

fn state(row: &SqliteRow) -> Result<ConfigState, StoreError> {
    ConfigState::decode(row.try_get("state")?)
        .map_err(|_| StoreError::Damaged("where its steps leave an office"))
}
