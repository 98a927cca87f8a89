//! How many records a second HQ stores, and how many the same SQL statements alone.
//!
//! `cargo bench -p wasl-server-stub --bench append` stores 100,000; as a test, or with `--smoke`,
//! it stores 2,000. `--records N` stores N. Prints a digest of what HQ has then: the same for the
//! same size, whatever the machine.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqliteRow, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, QueryBuilder, Row, Sqlite, SqliteConnection};
use wasl_protocol::entry::{Genesis, Log};
use wasl_protocol::frame::{Kind, Sealed};
use wasl_protocol::id::{JournalId, OfficeId, Position};
use wasl_protocol::join::{JoinRequest, TransportKey};
use wasl_protocol::keys::{DataKey, SignKey, UnwrapKey};
use wasl_protocol::limits::ENTRIES_BYTES;
use wasl_protocol::pack::Packer;
use wasl_protocol::record::{Draft, VersionVector};
use wasl_protocol::units::UnixMs;
use wasl_protocol::wire::Entries;
use wasl_server_stub::registry::{HqKeys, mint};
use wasl_server_stub::seam::{Entropy, World};
use wasl_server_stub::store::{DATABASE, Office, Store};

const FULL: u32 = 100_000;
const SMOKE: u32 = 2_000;
const STATEMENT_ROWS: usize = 64;
const JOURNAL: JournalId = JournalId(7);
const HQ_SECRET: [u8; 32] = [1; 32];
const OFFICE_SECRET: [u8; 32] = [2; 32];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| args.iter().any(|a| a == flag);
    if has("--list") {
        // Asked for the ignored ones only, there is none.
        if !has("--ignored") {
            println!("append_smoke: test");
        }
        return;
    }
    let asked = args.iter().skip_while(|a| *a != "--records").nth(1);
    let full = has("--bench") && !has("--smoke");
    let size = if full { FULL } else { SMOKE };
    let records = asked.map_or(size, |n| n.parse().expect("--records takes a number"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("threads").block_on(bench(records));
}

async fn bench(records: u32) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let ours = dir.path().join(DATABASE);
    let store = Store::open(&ours, &hq_keys(), World::real()).await.expect("a database");
    let office = join(&store).await;
    let messages = messages(&office.id, records);
    let frames: usize = messages.iter().map(|m| m.frames.len()).sum();
    println!("{records} records, {frames} bytes of frames, {} messages", messages.len());

    let mut parts = Vec::with_capacity(messages.len());
    let start = now();
    for message in messages {
        let first = message.after.seq.0;
        let appended = store.append(&office, message).await.expect("stored");
        parts.push(first..appended.stored.seq.0);
    }
    let whole = start.elapsed();
    assert_eq!(store.totals().await.expect("counts").records, u64::from(records));
    store.close().await;

    let alone = statements_alone(&ours, &dir.path().join("alone.db"), &parts).await;
    let rate = |took: Duration| f64::from(records) / took.as_secs_f64();
    println!("append:           {:>9.0} records/s  {whole:?}", rate(whole));
    println!("statements alone: {:>9.0} records/s  {alone:?}", rate(alone));
    println!("ratio:            {:>9.2}", rate(whole) / rate(alone));
    println!("digest:           {}", digest(&ours).await);
}

#[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
fn now() -> Instant {
    Instant::now()
}

/// The same keys each time, so that the digest is the same.
fn hq_keys() -> HqKeys {
    struct Fixed;
    impl Entropy for Fixed {
        fn random(&self) -> [u8; 32] {
            HQ_SECRET
        }
    }
    HqKeys::generate(&World { entropy: Arc::new(Fixed), ..World::real() }).0
}

async fn join(store: &Store) -> Office {
    let id: OfficeId = "nasr".parse().expect("an id");
    let (sign, transport) = (SignKey::from_secret(&OFFICE_SECRET), TransportKey(OFFICE_SECRET));
    let minted = mint(id.clone(), transport, "hq:1".to_owned(), &World::real());
    let token = (minted.hash, minted.expires_at);
    store.add_office(&id, ("النصر", "Al-Nasr"), token).await.expect("added");
    let wrap = UnwrapKey::from_secret(&OFFICE_SECRET).wrap_key();
    let request = JoinRequest::new(&minted.token, transport, &sign, wrap, "bench");
    store.join(&request, transport, UnixMs(0)).await.expect("asked").expect("let in")
}

/// The journal of an office that enrolled so many, as it sends it.
fn messages(office: &OfficeId, records: u32) -> Vec<Entries> {
    let sign = SignKey::from_secret(&OFFICE_SECRET);
    let key = DataKey::new([3; 32]);
    let readers = [(UnwrapKey::from_secret(&HQ_SECRET).wrap_key(), [4; 32])];
    let genesis = Genesis::new(
        Log::Journal,
        office.clone(),
        UnixMs(0),
        sign.verify_key(),
        (&key, JOURNAL),
        &readers,
    );
    let (mut packer, none) = (Packer::new(), VersionVector::default());
    let (mut messages, mut frames) = (Vec::new(), Vec::new());
    let mut after = Position::start(JOURNAL);
    let mut at = genesis.expect("a key for HQ").link(JOURNAL, &mut frames);
    for n in 0..records {
        let mut random = [0; 32];
        random[..8].copy_from_slice(&u64::from(n).to_le_bytes());
        let draft = Draft::parse(enrollment(n).as_bytes()).expect("an enrollment");
        let plain = draft.into_edit(office, UnixMs(i64::from(n))).encode();
        let sealed = Sealed::new(JOURNAL, Kind::EDIT, &plain, &key, &mut packer, random);
        if frames.len() + sealed.frame_bytes() > ENTRIES_BYTES {
            let full = std::mem::take(&mut frames);
            messages.push(Entries::new(JOURNAL, after, full, at, &sign));
            after = at;
        }
        at = sealed.link(&at, &none, &mut frames);
    }
    messages.push(Entries::new(JOURNAL, after, frames, at, &sign));
    messages
}

/// An enrollment of the usual size.
fn enrollment(n: u32) -> String {
    format!(
        r#"{{"form_number":"nasr-20160112-{n:06}","person":{{"given_name":"آيات","father_name":"حسن",
        "grandfather_name":"زيد","surname":"الطائي","mother_name":"حوراء","sex":"F","birth_date":
        "1945-09-20","birth_place":"سوق الشيوخ","marital_status":"divorced","blood_group":"B+"}},
        "contact":{{"phone":"+96478{n:08}"}},"civil_registry":{{"governorate":"ذي قار","office":
        "سوق الشيوخ","register":"{n}","page":"850404"}},"address":{{"district":"سوق الشيوخ",
        "mahalla":"الصدور","zuqaq":"87","house":"{n}"}},"household":[{{"given_name":"وفاء",
        "relation":"parent","birth_year":1974}},{{"given_name":"نعمة","relation":"sibling",
        "birth_year":1987}}],"visit":{{"appointment_date":"2016-01-12","queue":{n}}},"capture":
        {{"priority_class":"general","operator":"op-06","workstation":"ws-5","captured_at":
        "2016-01-12T08:34:50+03:00"}}}}"#
    )
}

/// Puts the rows of `from` into a new database of the same schema, message by message, by the
/// statements that `append` uses; how long that took.
async fn statements_alone(from: &Path, to: &Path, parts: &[Range<u64>]) -> Duration {
    let store = Store::open(to, &hq_keys(), World::real()).await;
    let store = store.expect("a database");
    join(&store).await;
    store.close().await;
    let open = |path: &Path| {
        let options = SqliteConnectOptions::new().filename(path);
        let options = options.synchronous(SqliteSynchronous::Full);
        options.pragma("cache_size", "-32768").pragma("wal_autocheckpoint", "16384")
    };
    let mut from = open(from).connect().await.expect("the rows");
    let mut to = open(to).connect().await.expect("an empty database");
    sqlx::query(
        "INSERT INTO journal (id, office, met_at, seq, head) SELECT ?, id, 0, 0, x'' FROM office",
    )
    .bind(JOURNAL.0.cast_signed())
    .execute(&mut to)
    .await
    .expect("a journal");
    let mut took = Duration::ZERO;
    for part in parts {
        let rows = Rows::read(&mut from, part).await.expect("rows");
        let start = now();
        rows.write(&mut to).await.expect("written");
        took += start.elapsed();
    }
    took
}

/// What one message adds.
struct Rows {
    entries: Vec<SqliteRow>,
    records: Vec<SqliteRow>,
}

impl Rows {
    async fn read(from: &mut SqliteConnection, part: &Range<u64>) -> sqlx::Result<Self> {
        let entries = sqlx::query(
            "SELECT * FROM entry WHERE journal = ? AND seq > ? AND seq <= ? ORDER BY seq",
        );
        let (first, last) = (part.start.cast_signed(), part.end.cast_signed());
        let entries = entries
            .bind(JOURNAL.0.cast_signed())
            .bind(first)
            .bind(last)
            .fetch_all(&mut *from)
            .await?;
        // The first entry is Genesis, and every other opens one record.
        let records = sqlx::query(
            "SELECT r.*, f.feed_no, f.sole_journal FROM feed f JOIN record r ON r.id = f.about
             WHERE f.feed_no > ? AND f.feed_no <= ? ORDER BY f.feed_no",
        );
        let records = records.bind(first.max(1) - 1).bind(last - 1).fetch_all(from).await?;
        Ok(Self { entries, records })
    }

    async fn write(&self, to: &mut SqliteConnection) -> sqlx::Result<()> {
        let mut tx = to.begin_with("BEGIN IMMEDIATE").await?;
        let last = self.entries.last().expect("a message has entries");
        let moved = sqlx::query("UPDATE journal SET seq = ?, head = ? WHERE id = ?");
        let moved = moved.bind(get::<i64>(last, "seq")).bind(get::<Vec<u8>>(last, "head"));
        moved.bind(JOURNAL.0.cast_signed()).execute(&mut *tx).await?;
        for rows in parts(&self.entries) {
            let mut insert = QueryBuilder::<Sqlite>::new("INSERT INTO entry ");
            insert.push_values(rows, |mut list, row| {
                list.push_bind(get::<i64>(row, "journal")).push_bind(get::<i64>(row, "seq"));
                list.push_bind(get::<&[u8]>(row, "head")).push_bind(get::<&[u8]>(row, "frame"));
            });
            insert.build().execute(&mut *tx).await?;
        }
        for rows in parts(&self.records) {
            let mut find =
                QueryBuilder::<Sqlite>::new("SELECT id, state FROM record WHERE id IN (");
            let mut ids = find.separated(", ");
            for row in rows {
                ids.push_bind(get::<&[u8]>(row, "id"));
            }
            find.push(")").build().fetch_all(&mut *tx).await?;
        }
        for rows in parts(&self.records) {
            let mut insert = QueryBuilder::<Sqlite>::new("INSERT INTO record ");
            insert.push_values(rows, |mut list, row| {
                list.push_bind(get::<&[u8]>(row, "id")).push_bind(get::<&str>(row, "office"));
                list.push_bind(get::<&str>(row, "form_number"));
                list.push_bind(get::<i64>(row, "in_conflict"));
                list.push_bind(get::<&[u8]>(row, "state")).push_bind(get::<&[u8]>(row, "dots"));
            });
            insert.push(" ON CONFLICT (id) DO UPDATE SET state = excluded.state");
            insert.build().execute(&mut *tx).await?;
        }
        for rows in parts(&self.records) {
            let mut insert = QueryBuilder::<Sqlite>::new(
                "INSERT INTO feed (office, about, feed_no, sole_journal) ",
            );
            insert.push_values(rows, |mut list, row| {
                list.push_bind(get::<&str>(row, "office")).push_bind(get::<&[u8]>(row, "id"));
                list.push_bind(get::<i64>(row, "feed_no"));
                list.push_bind(get::<Option<i64>>(row, "sole_journal"));
            });
            insert.push(" ON CONFLICT (office, about) DO UPDATE SET feed_no = excluded.feed_no");
            insert.build().execute(&mut *tx).await?;
        }
        let counter = sqlx::query("UPDATE office SET feed_head = feed_head + ?");
        let rows = i64::try_from(self.records.len()).expect("a message's worth");
        counter.bind(rows).execute(&mut *tx).await?;
        tx.commit().await
    }
}

/// As many rows a statement as the store's own.
fn parts(rows: &[SqliteRow]) -> impl Iterator<Item = &[SqliteRow]> {
    let whole = rows.len() / STATEMENT_ROWS * STATEMENT_ROWS;
    rows[..whole].chunks(STATEMENT_ROWS).chain(rows[whole..].chunks(1))
}

fn get<'r, T>(row: &'r SqliteRow, column: &str) -> T
where
    T: sqlx::Decode<'r, Sqlite> + sqlx::Type<Sqlite>,
{
    row.try_get(column).expect("a column of the schema")
}

async fn digest(path: &Path) -> blake3::Hash {
    let open = SqliteConnectOptions::new().filename(path).connect().await;
    let query = sqlx::query("SELECT id, state FROM record ORDER BY id");
    let rows = query.fetch_all(&mut open.expect("the rows")).await.expect("rows");
    let mut h = blake3::Hasher::new();
    for row in &rows {
        h.update(get::<&[u8]>(row, "id")).update(get::<&[u8]>(row, "state"));
    }
    h.finalize()
}
