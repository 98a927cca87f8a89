//! The store: sled 0.34. The only file that knows it.
//!
//! One tree: `r` + ordinal -> sealed row; `f` + number -> sealed run of the finder; `c` + ordinal ->
//! nothing, where that row is a conflict; `n` + entry of the inbox -> sealed note; `m2` -> how far it is
//! folded. All keys grow with time. What was folded at once is one batch. Measured: its `flush` is not
//! durable and `flush_async` deadlocks with 8 callers, so durability is [`super::guard`]'s; it may
//! panic on a damaged file, so every call is caught.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use wasl_protocol::codec;
use wasl_protocol::entry::Cursor;
use wasl_protocol::id::{Position, RecordId};
use wasl_protocol::keys::{DataKey, Random};
use wasl_protocol::units::Seq;

use super::finder::Finder;
use super::{Batch, Meta, Note, Row, View, ViewError, guard};

/// How often sled writes what changed, in milliseconds.
const FLUSH_EVERY_MS: u64 = 500;

/// Rows in sled.
pub struct SledView {
    db: Option<sled::Db>,
    dir: PathBuf,
    key: DataKey,
    inner: Mutex<Inner>,
}

struct Inner {
    meta: Meta,
    finder: Finder,
    /// The ordinals of the rows that show a conflict: as many as there are keys `c`.
    conflicts: BTreeSet<u64>,
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
            .mode(sled::Mode::HighThroughput)
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
        let finder = Finder::load(hash_key, meta.rows, |run| {
            let run = key_of(b'f', run);
            let sealed = caught(|| db.get(run))?.ok_or(ViewError::Row)?;
            key.open(&run, &sealed).map_err(|_| ViewError::Row)
        })?;
        let conflicts = numbers(&db, b'c')?.collect::<Result<_, _>>()?;
        let inner = Mutex::new(Inner { meta, finder, conflicts });
        Ok((Self { db: Some(db), dir: dir.to_owned(), key, inner }, was_there))
    }

    fn db(&self) -> &sled::Db {
        self.db.as_ref().expect("the store is open until it is closed")
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("nothing panics while it holds the lock")
    }
}

const STORE: &str = "sled";
/// Views without counts by hour had it under `m`: such a one counts as missing, and is folded again.
const META: &[u8] = b"m2";

impl View for SledView {
    fn meta(&self) -> Meta {
        self.inner().meta
    }

    fn get(&self, record: RecordId) -> Result<Option<Row>, ViewError> {
        let candidates: Vec<u64> = {
            let inner = self.inner();
            let stored = |ordinal: &u64| *ordinal < inner.meta.rows;
            inner.finder.candidates(record).filter(stored).collect()
        };
        for ordinal in candidates {
            let row = self.at(ordinal)?.ok_or(ViewError::Row)?;
            if row.record() == record {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    fn at(&self, ordinal: u64) -> Result<Option<Row>, ViewError> {
        let sealed = caught(|| self.db().get(key_of(b'r', ordinal)))?;
        sealed.map(|sealed| Row::open(ordinal, &sealed, &self.key)).transpose()
    }

    fn conflicts(&self, from: u64, limit: usize) -> Vec<u64> {
        self.inner().conflicts.range(from..).take(limit).copied().collect()
    }

    fn notes(&self) -> Result<BTreeMap<Seq, Note>, ViewError> {
        let read = |seq: Result<u64, ViewError>| {
            let seq = seq?;
            let at = key_of(b'n', seq);
            let sealed = caught(|| self.db().get(at))?.ok_or(ViewError::Row)?;
            let plain = self.key.open(&at, &sealed).map_err(|_| ViewError::Row)?;
            Ok((Seq(seq), Note::decode(&plain)?))
        };
        numbers(self.db(), b'n')?.map(read).collect()
    }

    fn apply(&self, changes: &Batch, meta: Meta) -> Result<(), ViewError> {
        let known = self.inner().finder.records();
        let mut batch = sled::Batch::default();
        let mut new = BTreeMap::new();
        for row in changes.rows.values() {
            batch.insert(&key_of(b'r', row.ordinal), row.seal(&self.key));
            if row.ordinal >= known {
                new.insert(row.ordinal, row.record());
            }
        }
        for (ordinal, shows) in self.inner().mark(changes.rows.values()) {
            if shows {
                batch.insert(&key_of(b'c', ordinal), &[]);
            } else {
                batch.remove(&key_of(b'c', ordinal));
            }
        }
        for (seq, _) in changes.notes.iter().filter(|(_, note)| note.is_none()) {
            batch.remove(&key_of(b'n', seq.0));
        }
        let mut put = |at: &[u8], plain: &[u8]| {
            batch.insert(at, self.key.seal(at, plain, *blake3::hash(plain).as_bytes()));
        };
        put(META, &meta_bytes(&meta));
        let runs: Vec<_> = {
            let finder = &mut self.inner().finder;
            for record in new.into_values() {
                finder.add(record);
            }
            finder.runs_from(known).collect()
        };
        for (run, bytes) in &runs {
            put(&key_of(b'f', *run), bytes);
        }
        for (seq, note) in
            changes.notes.iter().filter_map(|(seq, note)| Some((seq, note.as_ref()?)))
        {
            put(&key_of(b'n', seq.0), &note.encode());
        }
        caught(|| self.db().apply_batch(batch))?;
        self.inner().meta = meta;
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

impl Inner {
    /// Notes which rows show a conflict; returns where that has changed, and to what.
    fn mark<'a>(&mut self, rows: impl Iterator<Item = &'a Row>) -> Vec<(u64, bool)> {
        let mut changed = Vec::new();
        for row in rows {
            let (ordinal, shows) = (row.ordinal, row.shows_conflict());
            let other = if shows {
                self.conflicts.insert(ordinal)
            } else {
                self.conflicts.remove(&ordinal)
            };
            if other {
                changed.push((ordinal, shows));
            }
        }
        changed
    }
}

/// The key of the `number`th thing of a kind.
fn key_of(kind: u8, number: u64) -> [u8; 9] {
    let mut key = [kind; 9];
    key[1..].copy_from_slice(&number.to_be_bytes());
    key
}

/// The numbers of all the things of a kind, in order.
fn numbers(
    db: &sled::Db,
    kind: u8,
) -> Result<impl Iterator<Item = Result<u64, ViewError>>, ViewError> {
    let mut keys = caught(|| Ok(db.scan_prefix([kind]).keys()))?;
    Ok(std::iter::from_fn(move || match caught(|| keys.next().transpose()) {
        Ok(None) => None,
        Ok(Some(key)) => {
            let number = key.get(1..).and_then(|bytes| bytes.try_into().ok());
            Some(number.map(u64::from_be_bytes).ok_or(ViewError::Row))
        }
        Err(e) => Some(Err(e)),
    }))
}

type Stored = (Position, Position, Option<Cursor>, u64, u64, u64);

fn meta_bytes(meta: &Meta) -> Vec<u8> {
    let Meta { journal, inbox, cursor, rows, records, conflicts } = *meta;
    let stored: Stored = (journal, inbox, cursor, rows, records, conflicts);
    codec::encode(&stored)
}

fn meta_from(bytes: &[u8]) -> Option<Meta> {
    let (journal, inbox, cursor, rows, records, conflicts): Stored = codec::decode(bytes).ok()?;
    Some(Meta { journal, inbox, cursor, rows, records, conflicts })
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
