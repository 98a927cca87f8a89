//! The store: sled 0.34. The only file that knows it.
//!
//! One tree: `r` + ordinal -> sealed row; `i` + keyed hash of the record id -> ordinal; `m` -> how
//! far it is folded. What one turn changed is one batch. Measured: its `flush` is not durable and
//! `flush_async` deadlocks with 8 callers, so durability is [`super::guard`]'s; it may panic on a
//! damaged file, so every call is caught.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use wasl_protocol::codec;
use wasl_protocol::entry::Cursor;
use wasl_protocol::id::{Position, RecordId};
use wasl_protocol::keys::{DataKey, Random};

use super::{Meta, Row, View, ViewError, guard};

/// How often sled writes what changed, in milliseconds.
const FLUSH_EVERY_MS: u64 = 500;

/// Rows in sled.
pub struct SledView {
    db: Option<sled::Db>,
    dir: PathBuf,
    key: DataKey,
    hash_key: Random,
    meta: Mutex<Meta>,
}

impl SledView {
    /// Opens the store in `dir`, or makes it; `fresh` is what an empty one says of itself.
    pub(super) fn open(
        dir: &Path,
        secret: &Random,
        cache_bytes: u64,
        fresh: Meta,
    ) -> Result<(Self, bool), ViewError> {
        let key = DataKey::new(blake3::derive_key("wasl 2026 view rows/1", secret));
        let hash_key = blake3::derive_key("wasl 2026 view keys/1", secret);
        let config = sled::Config::default()
            .path(dir.join(STORE))
            .cache_capacity(cache_bytes)
            .flush_every_ms(Some(FLUSH_EVERY_MS));
        let (db, stored) = caught(|| {
            let db = config.open()?;
            let stored = db.get(META)?;
            Ok((db, stored))
        })?;
        let was_there = stored.is_some();
        let meta = match stored {
            Some(sealed) => {
                let plain = key.open(META, &sealed).map_err(|_| ViewError::Row)?;
                meta_from(&plain).ok_or(ViewError::Row)?
            }
            None => fresh,
        };
        Ok((
            Self { db: Some(db), dir: dir.to_owned(), key, hash_key, meta: Mutex::new(meta) },
            was_there,
        ))
    }

    fn db(&self) -> &sled::Db {
        self.db.as_ref().expect("the store is open until it is closed")
    }

    fn record_key(&self, record: RecordId) -> [u8; 17] {
        let mut key = [b'i'; 17];
        blake3::Hasher::new_keyed(&self.hash_key)
            .update(&record.0)
            .finalize_xof()
            .fill(&mut key[1..]);
        key
    }
}

const UNPOISONED: &str = "nothing panics while it holds the lock";
const STORE: &str = "sled";
const META: &[u8] = b"m";

impl View for SledView {
    fn meta(&self) -> Meta {
        *self.meta.lock().expect(UNPOISONED)
    }

    fn get(&self, record: RecordId) -> Result<Option<Row>, ViewError> {
        let key = self.record_key(record);
        let Some(found) = caught(|| self.db().get(key))? else { return Ok(None) };
        let ordinal = u64::from_be_bytes((*found).try_into().map_err(|_| ViewError::Row)?);
        let row = self.at(ordinal)?.filter(|row| row.record() == record);
        row.ok_or(ViewError::Row).map(Some)
    }

    fn at(&self, ordinal: u64) -> Result<Option<Row>, ViewError> {
        let sealed = caught(|| self.db().get(row_key(ordinal)))?;
        sealed.map(|sealed| Row::open(ordinal, &sealed, &self.key)).transpose()
    }

    fn apply(&self, rows: &mut dyn Iterator<Item = &Row>, meta: Meta) -> Result<(), ViewError> {
        let known = self.meta().records;
        let mut batch = sled::Batch::default();
        for row in rows {
            batch.insert(&row_key(row.ordinal), row.seal(&self.key));
            if row.ordinal >= known {
                batch.insert(&self.record_key(row.record()), &row.ordinal.to_be_bytes());
            }
        }
        let random = blake3::hash(&meta_bytes(&meta));
        batch.insert(META, self.key.seal(META, &meta_bytes(&meta), *random.as_bytes()));
        caught(|| self.db().apply_batch(batch))?;
        *self.meta.lock().expect(UNPOISONED) = meta;
        Ok(())
    }

    fn close(mut self: Box<Self>) -> Result<(), ViewError> {
        let db = self.db.take().expect("the store is open until it is closed");
        caught(|| db.flush())?;
        caught(|| {
            drop(db);
            Ok(())
        })?;
        guard::mark_clean(&self.dir)
    }
}

fn row_key(ordinal: u64) -> [u8; 9] {
    let mut key = [b'r'; 9];
    key[1..].copy_from_slice(&ordinal.to_be_bytes());
    key
}

type Stored = (Position, Position, Option<Cursor>, u64, u64);

fn meta_bytes(meta: &Meta) -> Vec<u8> {
    codec::encode(&(meta.journal, meta.inbox, meta.cursor, meta.records, meta.conflicts))
}

fn meta_from(bytes: &[u8]) -> Option<Meta> {
    let (journal, inbox, cursor, records, conflicts): Stored = codec::decode(bytes).ok()?;
    Some(Meta { journal, inbox, cursor, records, conflicts })
}

/// Calls sled; a panic in it is an error like any other.
fn caught<T>(call: impl FnOnce() -> sled::Result<T>) -> Result<T, ViewError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(done) => done.map_err(|e| ViewError::Store(kind(&e).to_owned())),
        Err(_) => Err(ViewError::Panicked),
    }
}

/// What went wrong, without the bytes that sled would print.
fn kind(e: &sled::Error) -> &'static str {
    match e {
        sled::Error::CollectionNotFound(_) => "a tree is missing",
        sled::Error::Unsupported(_) => "unsupported",
        sled::Error::ReportableBug(_) => "a bug in the store",
        sled::Error::Io(_) => "reading or writing failed",
        sled::Error::Corruption { .. } => "its files are damaged",
    }
}

impl fmt::Debug for SledView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SledView({} records)", self.meta().records)
    }
}
