//! Record states: the fold of all entries, one row a record.

use std::collections::BTreeMap;

use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};
use wasl_protocol::codec;
use wasl_protocol::id::{Dot, FormNumber, JournalId, OfficeId, RecordId};
use wasl_protocol::record::{Origin, RecordState, Value};
use wasl_protocol::units::Seq;

use super::columns::{number, office, record, statements};
use super::open::{Store, StoreError};
use super::touched::Touched;

/// The version of a stored state's bytes: their first byte. In this one a checksum follows: the
/// database engine does not notice when a disk changes a byte of a row.
const STATE_FORMAT: u8 = 2;

/// The version before it, without a checksum. Such a row gets one when it is written next.
const UNCHECKED_FORMAT: u8 = 1;

/// The size of a stored state's checksum: the start of its BLAKE3.
const CHECKSUM_BYTES: usize = 16;

const DAMAGED: StoreError = StoreError::Damaged("a record's state");

/// One line of a list of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The record.
    pub id: RecordId,
    /// The office that opened it.
    pub office: OfficeId,
    /// The number on the citizen's form.
    pub form_number: FormNumber,
    /// Is it in conflict?
    pub in_conflict: bool,
}

/// How much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Records.
    pub records: u64,
    /// Records in conflict.
    pub conflicts: u64,
    /// Entries that are held.
    pub held: u64,
}

impl Store {
    /// The state of one record.
    pub async fn record(&self, id: RecordId) -> Result<Option<RecordState<Value>>, StoreError> {
        let row = sqlx::query("SELECT state FROM record WHERE id = ?");
        let row = row.bind(&id.0[..]).fetch_optional(self.readers()).await?;
        row.map(|r| own(id, decode(r.try_get(0)?)?)).transpose()
    }

    /// Records in the order of their ids, of one office or of all: at most `limit`, after `after`.
    pub async fn records(
        &self,
        of: Option<&OfficeId>,
        after: Option<RecordId>,
        limit: u32,
    ) -> Result<Vec<Line>, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new(
            "SELECT id, office, form_number, in_conflict FROM record WHERE id > ",
        );
        query.push_bind(after.map(|id| id.0.to_vec()).unwrap_or_default());
        if let Some(of) = of {
            query.push(" AND office = ").push_bind(of.as_str());
        }
        query.push(" ORDER BY id LIMIT ").push_bind(i64::from(limit));
        let rows = query.build().fetch_all(self.readers()).await?;
        let line = |row: &_| {
            let form: &str = Row::try_get(row, "form_number")?;
            let form_number = form.parse().map_err(|_| StoreError::Damaged("a form number"))?;
            let origin = Origin { office: office(row, "office")?, form_number };
            let id = record(row, "id")?;
            if origin.id() != id {
                return Err(StoreError::Damaged("a record's office or form number"));
            }
            let in_conflict = number(row, "in_conflict")? != 0;
            Ok(Line { id, office: origin.office, form_number: origin.form_number, in_conflict })
        };
        rows.iter().map(line).collect()
    }

    /// Records in conflict, in the order of their ids: at most `limit`, after `after`.
    pub async fn conflicts(
        &self,
        after: Option<RecordId>,
        limit: u32,
    ) -> Result<Vec<RecordState<Value>>, StoreError> {
        let rows = sqlx::query(
            "SELECT state FROM record WHERE in_conflict = 1 AND id > ? ORDER BY id LIMIT ?",
        );
        let rows = rows.bind(after.map(|id| id.0.to_vec()).unwrap_or_default());
        let rows = rows.bind(i64::from(limit)).fetch_all(self.readers()).await?;
        rows.iter().map(|row| decode(row.try_get("state")?)).collect()
    }

    /// How much there is.
    pub async fn totals(&self) -> Result<Totals, StoreError> {
        let row = sqlx::query(
            "SELECT (SELECT count(*) FROM record) AS records,
             (SELECT count(*) FROM record WHERE in_conflict = 1) AS conflicts,
             (SELECT count(*) FROM held WHERE verdict IS NULL) AS held",
        );
        let row = row.fetch_one(self.readers()).await?;
        Ok(Totals {
            records: number(&row, "records")?,
            conflicts: number(&row, "conflicts")?,
            held: number(&row, "held")?,
        })
    }
}

/// Those of these records that HQ knows.
pub(super) async fn load(
    conn: &mut SqliteConnection,
    ids: &[RecordId],
) -> Result<BTreeMap<RecordId, Touched>, StoreError> {
    let mut records = BTreeMap::new();
    for part in statements(ids.len()) {
        let mut query =
            QueryBuilder::<Sqlite>::new("SELECT id, state, dots FROM record WHERE id IN (");
        let mut list = query.separated(", ");
        for id in &ids[part] {
            list.push_bind(&id.0[..]);
        }
        query.push(")");
        for row in query.build().fetch_all(&mut *conn).await? {
            let id = record(&row, "id")?;
            let state = own(id, decode(row.try_get("state")?)?)?;
            let dots = decode_dots(row.try_get("dots")?)?;
            records.insert(id, Touched::new(state, dots));
        }
    }
    Ok(records)
}

/// Stores these records.
pub(super) async fn save(
    conn: &mut SqliteConnection,
    records: &BTreeMap<RecordId, Touched>,
) -> Result<(), StoreError> {
    let rows: Vec<_> = records.iter().collect();
    for part in statements(rows.len()) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "INSERT INTO record (id, office, form_number, in_conflict, state, dots) ",
        );
        query.push_values(&rows[part], |mut row, (id, touched)| {
            let origin = &touched.state.origin;
            row.push_bind(&id.0[..])
                .push_bind(origin.office.as_str())
                .push_bind(origin.form_number.as_str())
                .push_bind(i64::from(touched.state.in_conflict()))
                .push_bind(encode(&touched.state))
                .push_bind(encode_dots(&touched.dots));
        });
        query.push(
            " ON CONFLICT (id) DO UPDATE SET in_conflict = excluded.in_conflict,
             state = excluded.state, dots = excluded.dots",
        );
        query.build().execute(&mut *conn).await?;
    }
    Ok(())
}

/// A record's edits, compact: each journal once, then for each edit which of those, and its number.
fn encode_dots(dots: &[Dot]) -> Vec<u8> {
    let mut journals: Vec<JournalId> = Vec::new();
    let mut places = Vec::with_capacity(dots.len());
    for dot in dots {
        let place = journals.iter().position(|journal| *journal == dot.journal);
        let place = place.unwrap_or_else(|| {
            journals.push(dot.journal);
            journals.len() - 1
        });
        places.push((place as u64, dot.seq));
    }
    codec::encode(&(journals, places))
}

/// A record's edits, in the order in which they were taken in.
pub(super) fn decode_dots(bytes: &[u8]) -> Result<Vec<Dot>, StoreError> {
    const DAMAGED: StoreError = StoreError::Damaged("the list of a record's edits");
    let (journals, places): (Vec<JournalId>, Vec<(u64, Seq)>) =
        codec::decode(bytes).map_err(|_| DAMAGED)?;
    let dot = |(place, seq): &(u64, Seq)| {
        let journal = usize::try_from(*place).ok().and_then(|place| journals.get(place));
        Ok(Dot { journal: *journal.ok_or(DAMAGED)?, seq: *seq })
    };
    places.iter().map(dot).collect()
}

/// A stored state.
pub(super) fn decode(bytes: &[u8]) -> Result<RecordState<Value>, StoreError> {
    let state = match bytes.split_first().ok_or(DAMAGED)? {
        (&STATE_FORMAT, rest) => {
            let (sum, state) = rest.split_first_chunk().ok_or(DAMAGED)?;
            if *sum != checksum(state) {
                return Err(DAMAGED);
            }
            state
        }
        (&UNCHECKED_FORMAT, state) => state,
        _ => return Err(DAMAGED),
    };
    codec::decode(state).map_err(|_| DAMAGED)
}

/// A state that was stored under this id.
fn own(id: RecordId, state: RecordState<Value>) -> Result<RecordState<Value>, StoreError> {
    if state.origin.id() == id { Ok(state) } else { Err(DAMAGED) }
}

fn encode(state: &RecordState<Value>) -> Vec<u8> {
    let state = codec::encode(state);
    [&[STATE_FORMAT], &checksum(&state)[..], &state].concat()
}

fn checksum(state: &[u8]) -> [u8; CHECKSUM_BYTES] {
    *blake3::hash(state).as_bytes().first_chunk().expect("a hash is longer than its start")
}
