//! The database file: made, opened, checked, and its epoch.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::migrate::MigrateError;
use sqlx::pool::PoolConnectionMetadata;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{Connection as _, Sqlite, SqliteConnection, Transaction};
use tokio::sync::broadcast;
use wasl_protocol::edition::Trust;
use wasl_protocol::id::{EpochId, JournalId, OfficeId};
use wasl_protocol::keys::{DataKey, UnwrapKey};

use crate::registry::HqKeys;
use crate::seam::World;

use super::beside::Beside;
use super::columns::number;
use super::counts::{Counted, StoreCounts};
use super::lives::{self, Life, StandingNews};
use super::rollouts::Watched;

/// The name of the database in the data dir.
pub const DATABASE: &str = "hq.db";

/// How long a statement waits for another process's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// How many connections read at the same time.
const READERS: u32 = 4;

/// How much of the database the writer keeps in memory: the indexes by record id are met at random.
/// As SQLite wants it: negative, in KiB.
const WRITER_CACHE: &str = "-32768";

/// How many pages the write-ahead log gathers (64 MiB) before they go to their places: the pages of
/// the random indexes are written many times, and need their places only once.
const CHECKPOINT_PAGES: &str = "16384";

/// How many notices of news wait for a slow session: one that missed some looks at its whole feed.
const NEWS_WAITING: usize = 256;

/// SQLite's number for `synchronous=FULL`.
const FULL: i64 = 2;

static SCHEMA: sqlx::migrate::Migrator = sqlx::migrate!("./schema");

/// What the database did not do. Whose fault: ours or the disk's, never a peer's.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no database.
    #[error("{}: no database here", .0.display())]
    Missing(PathBuf),
    /// The database engine.
    #[error("the database failed: {0}")]
    Sql(#[from] sqlx::Error),
    /// There was a database, and it is not there any more, or empty.
    #[error("{}: the database is gone, and its HQ's keys are here", .0.display())]
    Gone(PathBuf),
    /// A newer version wrote it. Nothing was changed.
    #[error("{}: a newer version of Wasl wrote this database (schema {found}, this one knows {KNOWN})", path.display(), KNOWN = known())]
    Newer {
        /// The database.
        path: PathBuf,
        /// The newest change of its schema.
        found: i64,
    },
    /// The file is not what the engine wrote.
    #[error("{}: the database is damaged: {why}", path.display())]
    Broken {
        /// The database.
        path: PathBuf,
        /// What the engine says.
        why: sqlx::Error,
    },
    /// The schema.
    #[error("the database's schema does not fit this version: {0}")]
    Schema(#[from] MigrateError),
    /// The engine does not promise what an Ack promises.
    #[error("the database is not durable: {0}")]
    NotDurable(&'static str),
    /// A copy of a database is not whole.
    #[error("{}: the copy is not whole: {why}", path.display())]
    Copy {
        /// The copy.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A row holds what was never written.
    #[error("the database is damaged: {0}")]
    Damaged(&'static str),
    /// Work was cut off because the process stops.
    #[error("HQ is stopping")]
    Stopping,
}

impl StoreError {
    /// Is what is stored other than what was written?
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Damaged(_) | Self::Broken { .. } | Self::Gone(_) => true,
            Self::Sql(e) | Self::Schema(MigrateError::Execute(e)) => is_corrupt(e),
            _ => false,
        }
    }

    /// What the reader of [`StoreError::is_damage`] can do.
    pub const DAMAGE_HELP: &str = "stop HQ, copy its data dir aside as it is, and put hq.db back \
        from a backup; `wasl-hq journal verify OFFICE` names the first bad entry of an office";

    /// The same, with the file's name where the file is at fault.
    fn of(self, path: &Path) -> Self {
        let path = path.to_owned();
        match self {
            Self::Sql(why) | Self::Schema(MigrateError::Execute(why)) if is_corrupt(&why) => {
                Self::Broken { path, why }
            }
            e => e,
        }
    }
}

/// Does SQLite say that the file is malformed, or no database at all?
fn is_corrupt(e: &sqlx::Error) -> bool {
    const CORRUPT: u32 = 11;
    const NOT_A_DATABASE: u32 = 26;
    let code = e.as_database_error().and_then(|e| e.code()?.parse::<u32>().ok());
    // The upper bits of a code say more than is asked here.
    code.is_some_and(|code| [CORRUPT, NOT_A_DATABASE].contains(&(code & 0xff)))
}

/// HQ's database. Cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    writer: SqlitePool,
    readers: SqlitePool,
    life: Mutex<Life>,
    keys: HqKeys,
    /// None where nothing is written.
    beside: Option<Beside>,
    /// Who may sign config.
    trust: Trust,
    world: World,
    data_keys: Mutex<BTreeMap<JournalId, DataKey>>,
    news: broadcast::Sender<OfficeId>,
    config_news: broadcast::Sender<OfficeId>,
    standing_news: broadcast::Sender<StandingNews>,
    watched: Watched,
    counted: Counted,
}

impl Store {
    /// Opens the database of an HQ that has one: none is made where it is missing, since HQ would
    /// begin anew with the keys of one that had promised something.
    pub async fn reopen(path: &Path, keys: &HqKeys, world: World) -> Result<Self, StoreError> {
        if std::fs::metadata(path).map_or(0, |found| found.len()) == 0 {
            return Err(StoreError::Gone(path.to_owned()));
        }
        Self::open(path, keys, world).await
    }

    /// Makes the database at `path`, or opens it; `keys` open the journals and sign HQ's own.
    pub async fn open(path: &Path, keys: &HqKeys, world: World) -> Result<Self, StoreError> {
        Self::opened(path, keys, world).await.map_err(|e| e.of(path))
    }

    async fn opened(path: &Path, keys: &HqKeys, world: World) -> Result<Self, StoreError> {
        refuse_newer(path).await?;
        create_private(path)?;
        let options = options(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("cache_size", WRITER_CACHE)
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES);
        let writer = pool(1).before_acquire(unless_stuck).connect_with(options).await?;
        check_durable(&writer).await?;
        SCHEMA.run(&writer).await?;
        let beside = Beside::of(path);
        let life = lives::opened(&writer, &beside, keys, &world).await?;
        let readers = pool(READERS).connect_with(self::options(path).read_only(true)).await?;
        Ok(Self::new((writer, readers), (life, Some(beside)), keys, world))
    }

    /// Opens the database of a stopped HQ for reading: nothing in it can change.
    pub async fn read_only(path: &Path, keys: &HqKeys, world: World) -> Result<Self, StoreError> {
        Self::opened_to_read(path, keys, world).await.map_err(|e| e.of(path))
    }

    async fn opened_to_read(path: &Path, keys: &HqKeys, world: World) -> Result<Self, StoreError> {
        if !path.exists() {
            return Err(StoreError::Missing(path.to_owned()));
        }
        refuse_newer(path).await?;
        let readers = pool(READERS).connect_with(options(path).read_only(true)).await?;
        let life = life(&mut *readers.acquire().await?).await?;
        let life = life.ok_or_else(|| StoreError::Missing(path.to_owned()))?;
        Ok(Self::new((readers.clone(), readers), (life, None), keys, world))
    }

    fn new(
        (writer, readers): (SqlitePool, SqlitePool),
        (life, beside): (Life, Option<Beside>),
        keys: &HqKeys,
        world: World,
    ) -> Self {
        Self(Arc::new(Inner {
            writer,
            readers,
            life: Mutex::new(life),
            keys: keys.clone(),
            beside,
            trust: Trust::in_one(keys.config_key()),
            world,
            data_keys: Mutex::new(BTreeMap::new()),
            news: broadcast::Sender::new(NEWS_WAITING),
            config_news: broadcast::Sender::new(NEWS_WAITING),
            standing_news: broadcast::Sender::new(NEWS_WAITING),
            watched: Watched::default(),
            counted: Counted::default(),
        }))
    }

    /// Which life of HQ's database this is.
    pub fn epoch(&self) -> EpochId {
        self.life().epoch
    }

    /// The journal that this database writes itself.
    pub fn journal(&self) -> JournalId {
        self.life().journal
    }

    fn life(&self) -> Life {
        *self.0.life.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on this is the life; the sessions are told.
    pub(super) fn lives_on(&self, life: Life) {
        *self.0.life.lock().unwrap_or_else(PoisonError::into_inner) = life;
        // No session listens: there is none to end.
        let _ = self.0.standing_news.send(StandingNews::Life);
    }

    /// Has the file beside the database say what this transaction, of this life, will have done.
    pub(super) async fn beside(
        &self,
        conn: &mut SqliteConnection,
        life: Life,
    ) -> Result<(), StoreError> {
        match &self.0.beside {
            Some(beside) => beside.keep(conn, (life.epoch, life.journal)).await,
            None => Ok(()),
        }
    }

    /// The same in the present life.
    pub(super) async fn keep_beside(&self, conn: &mut SqliteConnection) -> Result<(), StoreError> {
        self.beside(conn, self.life()).await
    }

    /// What was appended since the start.
    pub fn counts(&self) -> StoreCounts {
        self.0.counted.now()
    }

    pub(super) fn counted(&self) -> &Counted {
        &self.0.counted
    }

    /// Tells of each office whose feed has news that did not come from itself.
    pub fn feed_grew(&self) -> broadcast::Receiver<OfficeId> {
        self.0.news.subscribe()
    }

    /// Tells of each office for which there may be an edition, or the end of one: see
    /// [`Store::config_for`].
    pub fn config_news(&self) -> broadcast::Receiver<OfficeId> {
        self.0.config_news.subscribe()
    }

    /// Tells what concerns all sessions.
    pub fn standing_news(&self) -> broadcast::Receiver<StandingNews> {
        self.0.standing_news.subscribe()
    }

    /// Ends all connections; what is committed is in the main file then.
    pub async fn close(&self) {
        self.0.readers.close().await;
        self.0.writer.close().await;
    }

    pub(super) async fn write(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.0.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    pub(super) async fn snapshot(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.0.readers.begin().await?)
    }

    pub(super) fn readers(&self) -> &SqlitePool {
        &self.0.readers
    }

    pub(super) fn world(&self) -> &World {
        &self.0.world
    }

    pub(super) fn keys(&self) -> &HqKeys {
        &self.0.keys
    }

    pub(super) fn unwrap_key(&self) -> &UnwrapKey {
        self.0.keys.unwrap_key()
    }

    pub(super) fn trust(&self) -> &Trust {
        &self.0.trust
    }

    pub(super) fn watched(&self) -> &Watched {
        &self.0.watched
    }

    pub(super) fn data_keys(&self) -> &Mutex<BTreeMap<JournalId, DataKey>> {
        &self.0.data_keys
    }

    /// Tells the sessions of these offices that their feeds have news.
    pub(super) fn tell(&self, offices: Vec<OfficeId>) {
        for office in offices {
            // No session listens: whoever connects next looks at its feed first.
            let _ = self.0.news.send(office);
        }
    }

    /// Tells the sessions of these offices to look what there is for them.
    pub(super) fn tell_config(&self, offices: BTreeSet<OfficeId>) {
        for office in offices {
            // No session listens: whoever connects next looks first.
            let _ = self.0.config_news.send(office);
        }
    }

    /// Tells all sessions that more is stable than was.
    pub(super) fn tell_stable(&self) {
        // No session listens: whoever connects next is told with the first receipts.
        let _ = self.0.standing_news.send(StandingNews::Stable);
    }

    #[cfg(test)]
    pub(super) fn writer(&self) -> &SqlitePool {
        &self.0.writer
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({})", self.epoch())
    }
}

/// Records are in it: only its owner reads it. SQLite gives its other files the same mode.
pub(super) fn create_private(path: &Path) -> Result<(), StoreError> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
    Ok(file.map(drop).map_err(sqlx::Error::Io)?)
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(path).busy_timeout(BUSY_TIMEOUT)
}

fn pool(connections: u32) -> SqlitePoolOptions {
    // Connections cost nothing to keep and settings live in them: none ever ends by age.
    SqlitePoolOptions::new().max_connections(connections).idle_timeout(None).max_lifetime(None)
}

/// Is this connection fit for another transaction? A full disk makes SQLite roll back by itself; the
/// library then fails to, and believes for ever that a transaction is open. Such a connection is
/// closed, and another is made.
fn unless_stuck(
    connection: &mut SqliteConnection,
    _: PoolConnectionMetadata,
) -> BoxFuture<'_, Result<bool, sqlx::Error>> {
    let stuck = connection.is_in_transaction();
    if stuck {
        tracing::warn!("the writing connection is stuck in a transaction: it is made again");
    }
    Box::pin(std::future::ready(Ok(!stuck)))
}

/// The newest change of the schema that this version knows.
fn known() -> i64 {
    SCHEMA.iter().map(|change| change.version).max().unwrap_or_default()
}

/// Refuses a database that a newer version wrote, before anything of it is touched.
pub(super) async fn refuse_newer(path: &Path) -> Result<(), StoreError> {
    // An empty file is one that `init` was about to fill.
    if std::fs::metadata(path).map_or(0, |found| found.len()) == 0 {
        return Ok(());
    }
    // One that was closed says all in its main file.
    if let Ok(Some(found)) = newest(untouched(path)).await
        && found > known()
    {
        return Err(StoreError::Newer { path: path.to_owned(), found });
    }
    match newest(options(path)).await {
        Ok(Some(found)) if found > known() => {
            Err(StoreError::Newer { path: path.to_owned(), found })
        }
        // A database without that table, or a damaged one: opening it says better what is wrong.
        Ok(_) | Err(sqlx::Error::Database(_)) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

/// Reads nothing but the main file, and makes no others beside it, as a reader of a database with a
/// write-ahead log does.
fn untouched(path: &Path) -> SqliteConnectOptions {
    options(path).immutable(true)
}

/// A reader of a database that nobody writes.
pub(super) async fn reader_of_copy(path: &Path) -> Result<SqlitePool, StoreError> {
    Ok(pool(1).connect_with(untouched(path).read_only(true)).await?)
}

/// The newest change of the schema that a database has seen.
async fn newest(options: SqliteConnectOptions) -> Result<Option<i64>, sqlx::Error> {
    let reader = pool(1).connect_with(options.read_only(true)).await?;
    let newest = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations");
    let found = newest.fetch_one(&reader).await;
    reader.close().await;
    found
}

/// An Ack says "fsynced": the engine must, at every commit.
async fn check_durable(writer: &SqlitePool) -> Result<(), StoreError> {
    let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(writer).await?;
    if synchronous < FULL {
        return Err(StoreError::NotDurable("SQLite's synchronous is not FULL"));
    }
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(writer).await?;
    if mode != "wal" {
        return Err(StoreError::NotDurable("SQLite could not turn its write-ahead log on"));
    }
    Ok(())
}

pub(super) async fn life(conn: &mut SqliteConnection) -> Result<Option<Life>, StoreError> {
    let row = sqlx::query("SELECT epoch, journal FROM meta").fetch_optional(conn).await?;
    let id = |row: &SqliteRow, column| number(row, column);
    row.map(|r| {
        Ok(Life { epoch: EpochId(id(&r, "epoch")?), journal: JournalId(id(&r, "journal")?) })
    })
    .transpose()
}

#[cfg(test)]
mod tests;
