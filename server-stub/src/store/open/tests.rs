//! A database that is made, opened again, refused, or gone.

use super::*;

async fn store(dir: &Path, keys: &HqKeys) -> Store {
    Store::open(&dir.join(DATABASE), keys, World::real()).await.unwrap()
}

fn keys() -> HqKeys {
    HqKeys::generate(&World::real()).0
}

#[tokio::test]
async fn every_commit_of_the_writer_is_fsynced() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path(), &keys()).await;
    let get = |q: &'static str| sqlx::query_scalar::<_, i64>(q).fetch_one(store.writer());
    assert_eq!(get("PRAGMA synchronous").await.unwrap(), FULL);
    assert_eq!(store.writer().options().get_max_connections(), 1);
}

#[tokio::test]
async fn a_database_that_is_gone_is_not_begun_anew() {
    let (dir, keys) = (tempfile::tempdir().unwrap(), keys());
    let path = dir.path().join(DATABASE);
    for empty in [false, true] {
        if empty {
            std::fs::write(&path, b"").unwrap();
        }
        let opened = Store::reopen(&path, &keys, World::real()).await.err();
        assert!(matches!(opened, Some(StoreError::Gone(_))), "{opened:?}");
    }
    Store::open(&path, &keys, World::real()).await.unwrap().close().await;
    Store::reopen(&path, &keys, World::real()).await.unwrap();
}

#[tokio::test]
async fn an_engine_that_does_not_fsync_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let lax = options(&dir.path().join(DATABASE))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal);
    let writer = pool(1).connect_with(lax).await.unwrap();
    assert!(matches!(check_durable(&writer).await, Err(StoreError::NotDurable(_))));
}

#[tokio::test]
async fn an_epoch_and_hqs_own_journal_outlive_the_process() {
    let (dir, keys) = (tempfile::tempdir().unwrap(), keys());
    let first = store(dir.path(), &keys).await;
    let life = (first.epoch(), first.journal());
    first.close().await;
    let second = store(dir.path(), &keys).await;
    assert_eq!((second.epoch(), second.journal()), life);
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused_and_left_as_it_is() {
    let (dir, keys) = (tempfile::tempdir().unwrap(), keys());
    let path = dir.path().join(DATABASE);
    let first = store(dir.path(), &keys).await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum,
                 execution_time) VALUES (9999, 'later', 1, x'00', 0)";
    sqlx::query(newer).execute(first.writer()).await.unwrap();
    first.close().await;
    let names = |dir: &Path| std::fs::read_dir(dir).unwrap().count();
    let (before, count) = (std::fs::read(&path).unwrap(), names(dir.path()));
    let opened = Store::open(&path, &keys, World::real()).await.err();
    let read = Store::read_only(&path, &keys, World::real()).await.err();
    for refused in [opened, read] {
        assert!(matches!(refused, Some(StoreError::Newer { found: 9999, .. })), "{refused:?}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(names(dir.path()), count, "nothing was put beside it");
}

#[tokio::test]
async fn a_full_disk_does_not_leave_the_writer_stuck_in_a_transaction() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path(), &keys()).await;
    let writer = store.writer();
    sqlx::query("CREATE TABLE filler (bytes BLOB)").execute(writer).await.unwrap();
    // The pages that there are, and no more; for this connection, the only one that writes.
    sqlx::query("PRAGMA max_page_count = 1").execute(writer).await.unwrap();
    for _ in 0..2 {
        let mut tx = store.write().await.unwrap();
        let fill = "INSERT INTO filler VALUES (zeroblob(1000000))";
        let refused = sqlx::query(fill).execute(&mut *tx).await.unwrap_err();
        assert!(refused.to_string().contains("full"), "{refused}");
        drop(tx);
        let again = store.write().await;
        again.expect("there is a writer again").rollback().await.unwrap();
        sqlx::query("PRAGMA max_page_count = 1").execute(writer).await.unwrap();
    }
}

#[tokio::test]
async fn a_reader_of_a_stopped_hq_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (path, keys) = (dir.path().join(DATABASE), keys());
    let missing = Store::read_only(&path, &keys, World::real()).await;
    assert!(matches!(missing, Err(StoreError::Missing(_))));
    store(dir.path(), &keys).await.close().await;
    let reader = Store::read_only(&path, &keys, World::real()).await.unwrap();
    let written = sqlx::query("DELETE FROM meta").execute(reader.writer()).await;
    assert!(written.is_err());
}
