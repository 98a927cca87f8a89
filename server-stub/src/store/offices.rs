//! Who may come: tokens, keys, revocation, reports.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use wasl_protocol::entry::Cursor;
use wasl_protocol::id::{JournalId, OfficeId, Position};
use wasl_protocol::join::{JoinRefusal, JoinRequest, TransportKey};
use wasl_protocol::keys::{VerifyKey, WrapKey};
use wasl_protocol::units::{Seq, UnixMs};
use wasl_protocol::wire::Report;

use crate::registry::SecretHash;

use super::columns::{bytes32, moment, number, office, position, sql};
use super::open::{Store, StoreError};

/// An office that has joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Office {
    /// Its id.
    pub id: OfficeId,
    /// Its name in Arabic.
    pub name_ar: String,
    /// Its name in English.
    pub name_en: String,
    /// The key that signs its heads.
    pub sign_key: VerifyKey,
    /// May it no longer come?
    pub revoked: bool,
    /// Do its entries count although it may no longer come? A person says so, of one bundle.
    pub admitted: bool,
}

/// What came of adding an office, or of asking for a new token for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// The token is good now, and any earlier one is not.
    Yes,
    /// The office is there already.
    Exists,
    /// There is no such office.
    Unknown,
    /// It has joined: a token would let a second machine in.
    Joined,
    /// It is revoked.
    Revoked,
}

/// What HQ knows of one office, for people.
#[derive(Clone, Debug)]
pub struct OfficeFacts {
    /// Its id.
    pub id: OfficeId,
    /// Its name in Arabic.
    pub name_ar: String,
    /// Its name in English.
    pub name_en: String,
    /// When it was added.
    pub added_at: UnixMs,
    /// Until when its last token is good.
    pub token_expires_at: UnixMs,
    /// When it joined.
    pub joined_at: Option<UnixMs>,
    /// When it was revoked.
    pub revoked_at: Option<UnixMs>,
    /// The transport key it joined with.
    pub transport_key: Option<TransportKey>,
    /// The agent's version when it joined.
    pub agent_version: Option<String>,
    /// When it last reported.
    pub last_seen: Option<UnixMs>,
    /// How far its clock was ahead of HQ's then, in milliseconds.
    pub clock_offset_ms: Option<i64>,
    /// Where its newest journal ended then.
    pub reported_seq: Option<Seq>,
    /// How far it has taken its feed, and where that ends.
    pub feed: (u64, u64),
    /// Its journals, oldest first, and how far HQ has each.
    pub journals: Vec<(JournalId, Position)>,
    /// When a journal last grew although another goes on from it: two machines write as this office.
    pub two_machines_at: Option<UnixMs>,
    /// When what it has of its scope was last compared with what HQ has; 0: it is to be.
    pub audited_at: Option<UnixMs>,
    /// How many records were sent again after all those comparisons.
    pub audit_again: u64,
    /// How many of its entries are held.
    pub held: u64,
    /// How many records it opened.
    pub records: u64,
    /// How many of those are in conflict.
    pub conflicts: u64,
}

impl Store {
    /// The office that joined with this transport key.
    pub async fn office_by_key(&self, key: TransportKey) -> Result<Option<Office>, StoreError> {
        let found = sqlx::query(
            "SELECT id, name_ar, name_en, sign_key, revoked_at FROM office WHERE transport_key = ?",
        );
        let row = found.bind(&key.0[..]).fetch_optional(self.readers()).await?;
        row.as_ref().map(joined_office).transpose()
    }

    /// The machine that has joined as this office, and the key to which is sealed what it may read.
    /// None: no machine has, or there is no such office.
    pub async fn joined(&self, id: &OfficeId) -> Result<Option<(Office, WrapKey)>, StoreError> {
        let found = sqlx::query(
            "SELECT id, name_ar, name_en, sign_key, wrap_key, revoked_at FROM office
             WHERE id = ? AND sign_key IS NOT NULL",
        );
        let row = found.bind(id.as_str()).fetch_optional(self.readers()).await?;
        let both = |row: SqliteRow| Ok((joined_office(&row)?, WrapKey(bytes32(&row, "wrap_key")?)));
        row.map(both).transpose()
    }

    /// Lets an office in that shows a good token, and the same machine again however often.
    ///
    /// The caller's connection proves that the office holds `transport`.
    pub async fn join(
        &self,
        request: &JoinRequest,
        transport: TransportKey,
        now: UnixMs,
    ) -> Result<Result<Office, JoinRefusal>, StoreError> {
        if request.verify(transport).is_err() {
            return Ok(Err(JoinRefusal::Malformed));
        }
        let mut tx = self.write().await?;
        if let Some(refusal) = refuse(&mut tx, request, transport, now).await? {
            return Ok(Err(refusal));
        }
        sqlx::query(
            "UPDATE office SET transport_key = ?, sign_key = ?, wrap_key = ?, agent_version = ?,
             joined_at = coalesce(joined_at, ?) WHERE id = ?",
        )
        .bind(&transport.0[..])
        .bind(&request.sign_key.0[..])
        .bind(&request.wrap_key.0[..])
        .bind(&request.version)
        .bind(now.0)
        .bind(request.office.as_str())
        .execute(&mut *tx)
        .await?;
        let row = sqlx::query(
            "SELECT id, name_ar, name_en, sign_key, revoked_at FROM office WHERE id = ?",
        );
        let row = row.bind(request.office.as_str()).fetch_one(&mut *tx).await?;
        let joined = joined_office(&row)?;
        self.keep_beside(&mut tx).await?;
        tx.commit().await?;
        Ok(Ok(joined))
    }

    /// Adds an office that may join with the token of this hash.
    pub async fn add_office(
        &self,
        id: &OfficeId,
        names: (&str, &str),
        token: (SecretHash, UnixMs),
    ) -> Result<Added, StoreError> {
        if id.is_hq() {
            return Ok(Added::Exists);
        }
        let done = sqlx::query(
            "INSERT INTO office (id, name_ar, name_en, added_at, token_hash, token_expires_at)
             VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
        )
        .bind(id.as_str())
        .bind(names.0)
        .bind(names.1)
        .bind(self.world().clock.unix().0)
        .bind(&token.0.0[..])
        .bind(token.1.0);
        let mut tx = self.write().await?;
        let rows = done.execute(&mut *tx).await?.rows_affected();
        self.keep_beside(&mut tx).await?;
        tx.commit().await?;
        Ok(if rows == 1 { Added::Yes } else { Added::Exists })
    }

    /// Replaces the token of an office that has not joined.
    pub async fn new_token(
        &self,
        id: &OfficeId,
        hash: SecretHash,
        expires_at: UnixMs,
    ) -> Result<Added, StoreError> {
        let mut tx = self.write().await?;
        let row = sqlx::query("SELECT joined_at, revoked_at FROM office WHERE id = ?");
        let Some(row) = row.bind(id.as_str()).fetch_optional(&mut *tx).await? else {
            return Ok(Added::Unknown);
        };
        if moment(&row, "revoked_at")?.is_some() {
            return Ok(Added::Revoked);
        }
        if moment(&row, "joined_at")?.is_some() {
            return Ok(Added::Joined);
        }
        set_token(&mut tx, id.as_str(), hash, expires_at).await?;
        tx.commit().await?;
        Ok(Added::Yes)
    }

    /// Revokes an office for good: durable when this returns. False if there is no such office.
    pub async fn revoke(&self, id: &OfficeId) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let done =
            sqlx::query("UPDATE office SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?")
                .bind(self.world().clock.unix().0)
                .bind(id.as_str())
                .execute(&mut *tx)
                .await?;
        self.keep_beside(&mut tx).await?;
        tx.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    /// Has another machine take the place of an office's: whoever shows the token of this hash joins
    /// as that office, and the machine before it is let in no more. Durable when this returns. Its
    /// journals and records stay. False if there is no such office.
    pub async fn replace(
        &self,
        id: &OfficeId,
        hash: SecretHash,
        expires_at: UnixMs,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let there = exists(&mut tx, id).await?;
        forget_machine(&mut tx, id.as_str()).await?;
        set_token(&mut tx, id.as_str(), hash, expires_at).await?;
        self.keep_beside(&mut tx).await?;
        tx.commit().await?;
        Ok(there)
    }

    /// Notes how far an office has taken its feed. A cursor of another epoch is of no use.
    pub async fn cursor_moved(&self, office: &OfficeId, cursor: Cursor) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        sqlx::query("UPDATE office SET cursor_epoch = ?, cursor_feed = ? WHERE id = ?")
            .bind(cursor.epoch.0.cast_signed())
            .bind(sql(cursor.feed.0))
            .bind(office.as_str())
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    /// Notes an office's heartbeat, which came at `at` by HQ's clock.
    pub async fn reported(
        &self,
        office: &OfficeId,
        report: &Report,
        at: UnixMs,
    ) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        sqlx::query(
            "UPDATE office SET seen_at = ?, clock_offset_ms = ?, head_seq = ? WHERE id = ?",
        )
        .bind(at.0)
        .bind(report.clock.0.saturating_sub(at.0))
        .bind(sql(report.head.seq.0))
        .bind(office.as_str())
        .execute(&mut *tx)
        .await?;
        Ok(tx.commit().await?)
    }

    /// What is known of every office, in the order in which they were added.
    pub async fn offices(&self) -> Result<Vec<OfficeFacts>, StoreError> {
        let mut tx = self.snapshot().await?;
        let rows = sqlx::query(
            "SELECT o.*,
             (SELECT count(*) FROM held h WHERE h.office = o.id AND h.verdict IS NULL) AS held_count,
             (SELECT count(*) FROM record r WHERE r.office = o.id) AS record_count,
             (SELECT count(*) FROM record r WHERE r.office = o.id AND r.in_conflict = 1)
                 AS conflict_count
             FROM office o ORDER BY o.added_at, o.id",
        );
        let rows = rows.fetch_all(&mut *tx).await?;
        let mut offices = rows.iter().map(facts).collect::<Result<Vec<_>, _>>()?;
        let rows = sqlx::query(
            "SELECT id, office, seq, head, two_machines_at FROM journal ORDER BY met_at, id",
        );
        for row in rows.fetch_all(&mut *tx).await? {
            let (writer, journal) = (office(&row, "office")?, JournalId(number(&row, "id")?));
            if let Some(of) = offices.iter_mut().find(|o| o.id == writer) {
                of.journals.push((journal, position(&row)?));
                let beside = row.try_get::<Option<i64>, _>("two_machines_at")?;
                of.two_machines_at = of.two_machines_at.max(beside.map(UnixMs));
            }
        }
        Ok(offices)
    }

    /// What is known of one office.
    pub async fn office_facts(&self, id: &OfficeId) -> Result<Option<OfficeFacts>, StoreError> {
        // Fourteen offices, or a few hundred: one path for one and for all.
        Ok(self.offices().await?.into_iter().find(|o| o.id == *id))
    }
}

/// Is there such an office?
pub(super) async fn exists(conn: &mut SqliteConnection, id: &OfficeId) -> Result<bool, StoreError> {
    let row = sqlx::query("SELECT 1 FROM office WHERE id = ?");
    Ok(row.bind(id.as_str()).fetch_optional(conn).await?.is_some())
}

/// Only whoever shows the token of this hash may join as this office from now on.
pub(super) async fn set_token(
    conn: &mut SqliteConnection,
    id: &str,
    hash: SecretHash,
    expires_at: UnixMs,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE office SET token_hash = ?, token_expires_at = ? WHERE id = ?")
        .bind(&hash.0[..])
        .bind(expires_at.0)
        .bind(id)
        .execute(conn)
        .await?;
    Ok(())
}

/// The machine that joined as this office is nobody any more: another one may.
pub(super) async fn forget_machine(
    conn: &mut SqliteConnection,
    id: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE office SET transport_key = NULL, sign_key = NULL, wrap_key = NULL,
         agent_version = NULL, joined_at = NULL, revoked_at = NULL, cursor_epoch = NULL,
         cursor_feed = 0, seen_at = NULL, clock_offset_ms = NULL, head_seq = NULL WHERE id = ?",
    )
    .bind(id)
    .execute(conn)
    .await?;
    Ok(())
}

/// May this office no longer come: is it revoked, or is another machine in its place?
pub(super) async fn revoked(
    conn: &mut SqliteConnection,
    office: &Office,
) -> Result<bool, StoreError> {
    let row = sqlx::query("SELECT sign_key, revoked_at FROM office WHERE id = ?");
    let Some(row) = row.bind(office.id.as_str()).fetch_optional(conn).await? else {
        return Ok(true);
    };
    let same = row.try_get::<Option<&[u8]>, _>("sign_key")? == Some(&office.sign_key.0[..]);
    Ok(!same || moment(&row, "revoked_at")?.is_some())
}

/// Why this request is not let in, if it is not.
async fn refuse(
    conn: &mut SqliteConnection,
    request: &JoinRequest,
    transport: TransportKey,
    now: UnixMs,
) -> Result<Option<JoinRefusal>, StoreError> {
    let row = sqlx::query(
        "SELECT token_hash, token_expires_at, transport_key, sign_key, wrap_key, revoked_at
         FROM office WHERE id = ?",
    );
    let Some(row) = row.bind(request.office.as_str()).fetch_optional(&mut *conn).await? else {
        return Ok(Some(JoinRefusal::Unknown));
    };
    if bytes32(&row, "token_hash")? != SecretHash::of(&request.secret).0 {
        return Ok(Some(JoinRefusal::Unknown));
    }
    if moment(&row, "revoked_at")?.is_some() {
        return Ok(Some(JoinRefusal::Revoked));
    }
    if row.try_get::<Option<&[u8]>, _>("transport_key")?.is_some() {
        // The answer to the first request may have been lost: the same machine asks again.
        let same = bytes32(&row, "transport_key")? == transport.0
            && bytes32(&row, "sign_key")? == request.sign_key.0
            && bytes32(&row, "wrap_key")? == request.wrap_key.0;
        return Ok((!same).then_some(JoinRefusal::Used));
    }
    if moment(&row, "token_expires_at")?.is_none_or(|until| now >= until) {
        return Ok(Some(JoinRefusal::Expired));
    }
    let elsewhere = sqlx::query("SELECT 1 FROM office WHERE transport_key = ?");
    let elsewhere = elsewhere.bind(&transport.0[..]).fetch_optional(conn).await?;
    Ok(elsewhere.map(|_| JoinRefusal::Used))
}

fn joined_office(row: &SqliteRow) -> Result<Office, StoreError> {
    Ok(Office {
        id: office(row, "id")?,
        name_ar: row.try_get("name_ar")?,
        name_en: row.try_get("name_en")?,
        sign_key: VerifyKey(bytes32(row, "sign_key")?),
        revoked: moment(row, "revoked_at")?.is_some(),
        admitted: false,
    })
}

fn facts(row: &SqliteRow) -> Result<OfficeFacts, StoreError> {
    let must = |at: Option<UnixMs>| at.ok_or(StoreError::Damaged("a moment that must be there"));
    let joined = row.try_get::<Option<&[u8]>, _>("transport_key")?.is_some();
    Ok(OfficeFacts {
        id: office(row, "id")?,
        name_ar: row.try_get("name_ar")?,
        name_en: row.try_get("name_en")?,
        added_at: must(moment(row, "added_at")?)?,
        token_expires_at: must(moment(row, "token_expires_at")?)?,
        joined_at: moment(row, "joined_at")?,
        revoked_at: moment(row, "revoked_at")?,
        transport_key: joined
            .then(|| bytes32(row, "transport_key").map(TransportKey))
            .transpose()?,
        agent_version: row.try_get("agent_version")?,
        last_seen: moment(row, "seen_at")?,
        clock_offset_ms: row.try_get("clock_offset_ms")?,
        reported_seq: row.try_get::<Option<i64>, _>("head_seq")?.map(|n| Seq(n.cast_unsigned())),
        feed: (number(row, "cursor_feed")?, number(row, "feed_head")?),
        journals: Vec::new(),
        two_machines_at: None,
        audited_at: moment(row, "audited_at")?,
        audit_again: number(row, "audit_again")?,
        held: number(row, "held_count")?,
        records: number(row, "record_count")?,
        conflicts: number(row, "conflict_count")?,
    })
}
