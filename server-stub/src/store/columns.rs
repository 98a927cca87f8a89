//! Values in and out of columns, and the sizes of statements.

use std::ops::Range;

use sqlx::sqlite::SqliteRow;
use sqlx::{ColumnIndex, Row};
use wasl_protocol::id::{Dot, Head, JournalId, OfficeId, Position, RecordId};
use wasl_protocol::units::{Seq, UnixMs};

use super::open::StoreError;

/// How many rows one statement carries: few different sizes, so that each is prepared once.
const STATEMENT_ROWS: [usize; 3] = [64, 8, 1];

/// Splits `rows` rows into statements.
pub(super) fn statements(rows: usize) -> impl Iterator<Item = Range<usize>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let size = STATEMENT_ROWS.into_iter().find(|size| *size <= rows - from)?;
        from += size;
        Some(from - size..from)
    })
}

/// A count or number that the schema bounds far below 2^63, as SQL has it.
pub(super) fn sql(number: u64) -> i64 {
    number.cast_signed()
}

/// A 64-bit id as SQL has it: the signed integer with the same bits.
pub(super) fn sql_id(id: JournalId) -> i64 {
    id.0.cast_signed()
}

/// A dot as 16 bytes that sort as dots do.
pub(super) fn dot_bytes(dot: Dot) -> [u8; 16] {
    (u128::from(dot.journal.0) << 64 | u128::from(dot.seq.0)).to_be_bytes()
}

/// A column that is a dot.
pub(super) fn dot<I>(row: &SqliteRow, column: I) -> Result<Dot, StoreError>
where
    I: ColumnIndex<SqliteRow>,
{
    let bytes: [u8; 16] =
        row.try_get::<&[u8], _>(column)?.try_into().map_err(|_| StoreError::Damaged("a dot"))?;
    let (journal, seq) = bytes.split_at(8);
    let number = |half: &[u8]| half.iter().fold(0, |n, byte| n << 8 | u64::from(*byte));
    Ok(Dot { journal: JournalId(number(journal)), seq: Seq(number(seq)) })
}

/// A column of 32 bytes.
pub(super) fn bytes32<I>(row: &SqliteRow, column: I) -> Result<[u8; 32], StoreError>
where
    I: ColumnIndex<SqliteRow>,
{
    row.try_get::<&[u8], _>(column)?.try_into().map_err(|_| StoreError::Damaged("a 32-byte column"))
}

/// A column that is a number of ours.
pub(super) fn number<I>(row: &SqliteRow, column: I) -> Result<u64, StoreError>
where
    I: ColumnIndex<SqliteRow>,
{
    Ok(row.try_get::<i64, _>(column)?.cast_unsigned())
}

/// A column that is a moment, or nothing.
pub(super) fn moment<I>(row: &SqliteRow, column: I) -> Result<Option<UnixMs>, StoreError>
where
    I: ColumnIndex<SqliteRow>,
{
    Ok(row.try_get::<Option<i64>, _>(column)?.map(UnixMs))
}

/// The columns `seq` and `head`.
pub(super) fn position(row: &SqliteRow) -> Result<Position, StoreError> {
    Ok(Position { seq: Seq(number(row, "seq")?), head: Head(bytes32(row, "head")?) })
}

/// A column that is an office's id.
pub(super) fn office<I>(row: &SqliteRow, column: I) -> Result<OfficeId, StoreError>
where
    I: ColumnIndex<SqliteRow>,
{
    let text: &str = row.try_get(column)?;
    text.parse().map_err(|_| StoreError::Damaged("an office id"))
}

/// A column that is a record's id.
pub(super) fn record<I>(row: &SqliteRow, column: I) -> Result<RecordId, StoreError>
where
    I: ColumnIndex<SqliteRow>,
{
    let bytes: &[u8] = row.try_get(column)?;
    bytes.try_into().map(RecordId).map_err(|_| StoreError::Damaged("a record id"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_carry_every_row_once_in_few_sizes() {
        for rows in [0, 1, 7, 8, 63, 64, 700] {
            let parts: Vec<_> = statements(rows).collect();
            assert_eq!(
                parts.iter().flat_map(Range::clone).collect::<Vec<_>>(),
                (0..rows).collect::<Vec<_>>()
            );
            assert!(parts.iter().all(|p| STATEMENT_ROWS.contains(&p.len())));
        }
    }
}
