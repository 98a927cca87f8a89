//! The store's promises, on entries as an office writes them.

mod appending;
mod auditing;
mod back;
mod deciding;
mod desk;
mod editing;
mod feeding;
mod hearing;
mod holding;
mod joining;
mod receipts;
mod rot;
mod rolling;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tempfile::TempDir;
use wasl_protocol::entry::{Edit, Genesis, Log, Opening};
use wasl_protocol::frame::{Kind, Sealed};
use wasl_protocol::id::{Dot, GroupName, JournalId, OfficeId, Position, RecordId};
use wasl_protocol::join::{JoinRequest, TransportKey};
use wasl_protocol::json::Json;
use wasl_protocol::keys::{DataKey, SignKey, UnwrapKey};
use wasl_protocol::pack::Packer;
use wasl_protocol::record::VersionVector;
use wasl_protocol::units::{MonoMs, Seq, UnixMs};
use wasl_protocol::wire::Entries;

use super::{AppendError, Appended, DATABASE, Office, Store};
use crate::registry::{HqKeys, Minted, TOKEN_LIFE_MS, mint};
use crate::seam::{Clock, Entropy, World};

/// A clock that is set by hand.
#[derive(Default)]
struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn unix(&self) -> UnixMs {
        UnixMs(self.0.load(Ordering::Relaxed))
    }

    fn mono(&self) -> MonoMs {
        MonoMs(self.0.load(Ordering::Relaxed).cast_unsigned())
    }
}

/// Every HQ here has the same keys, so that the same entries have the same frames.
struct Sevens;

impl Entropy for Sevens {
    fn random(&self) -> [u8; 32] {
        [7; 32]
    }
}

/// An HQ with nothing in it.
struct Hq {
    store: Store,
    clock: Arc<HandClock>,
    keys: HqKeys,
    unwrap: UnwrapKey,
    dir: TempDir,
}

impl Hq {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(HandClock::default());
        let world = World { clock: clock.clone(), ..World::real() };
        let (keys, _) = HqKeys::generate(&World { entropy: Arc::new(Sevens), ..world.clone() });
        let unwrap = keys.unwrap_key().clone();
        let store = Store::open(&dir.path().join(DATABASE), &keys, world).await.unwrap();
        Self { store, clock, keys, unwrap, dir }
    }

    fn pass(&self, ms: i64) {
        self.clock.0.fetch_add(ms, Ordering::Relaxed);
    }

    async fn add(&self, id: &str) -> Minted {
        let id: OfficeId = id.parse().unwrap();
        let token = mint(id.clone(), TransportKey([0; 32]), "hq:1".to_owned(), self.store.world());
        let kept = (token.hash, token.expires_at);
        self.store.add_office(&id, ("ن", "n"), kept).await.unwrap();
        token
    }

    /// An office that has joined, with a journal whose Genesis waits to be sent.
    async fn join(&self, id: &str) -> (Office, Pen) {
        let token = self.add(id).await;
        let seed = *blake3::hash(id.as_bytes()).as_bytes();
        let sign = SignKey::from_secret(&seed);
        let transport = TransportKey(seed);
        let wrap = UnwrapKey::from_secret(&seed).wrap_key();
        let request = JoinRequest::new(&token.token, transport, &sign, wrap, "0.1.0");
        let now = self.store.world().clock.unix();
        let office = self.store.join(&request, transport, now).await.unwrap().unwrap();
        let pen = Pen::new(&office.id, sign, self.unwrap.wrap_key(), u64::from(seed[0]) + 1);
        (office, pen)
    }

    /// How many entries of offices are stored.
    async fn entries(&self) -> i64 {
        let query = sqlx::query_scalar(
            "SELECT count(*) FROM entry e JOIN journal j ON j.id = e.journal WHERE j.office <> 'hq'",
        );
        query.fetch_one(self.store.readers()).await.unwrap()
    }

    /// The rows of one table.
    async fn count(&self, table: &str) -> i64 {
        let query = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        sqlx::query_scalar(query).fetch_one(self.store.readers()).await.unwrap()
    }
}

/// An edit of one group.
fn edit(record: RecordId, group: &str, text: &str) -> Edit {
    let value = serde_json::json!({ "given_name": text }).to_string();
    let value = Json::of(&wasl_protocol::json::parse(value.as_bytes()).unwrap());
    let groups = [(group.parse().unwrap(), value)].into();
    Edit { record, at: UnixMs(5), operator: None, opening: None, groups }
}

/// Writes one journal of an office.
struct Pen {
    office: OfficeId,
    sign: SignKey,
    journal: JournalId,
    key: DataKey,
    packer: Packer,
    sent: Position,
    at: Position,
    frames: Vec<u8>,
}

impl Pen {
    fn new(
        office: &OfficeId,
        sign: SignKey,
        hq: wasl_protocol::keys::WrapKey,
        journal: u64,
    ) -> Self {
        let journal = JournalId(journal);
        let key = DataKey::new([9; 32]);
        let born = UnixMs(0);
        let (log, readers) = (Log::Journal, [(hq, [3; 32])]);
        let genesis =
            Genesis::new(log, office.clone(), born, sign.verify_key(), (&key, journal), &readers);
        let mut frames = Vec::new();
        let at = genesis.unwrap().link(journal, &mut frames);
        let (office, packer, sent) = (office.clone(), Packer::new(), Position::start(journal));
        Self { office, sign, journal, key, packer, sent, at, frames }
    }

    /// Another machine that goes on from here.
    fn twin(&self) -> Self {
        let (office, sign, key) = (self.office.clone(), self.sign.clone(), self.key.clone());
        let (packer, frames) = (Packer::new(), self.frames.clone());
        Self { office, sign, key, packer, frames, ..*self }
    }

    fn record(&self, form: &str) -> RecordId {
        RecordId::of(&self.office, &form.parse().unwrap())
    }

    /// The edit that opens a record.
    fn opening(&self, form: &str) -> Edit {
        let opening = Opening { form_number: form.parse().unwrap(), posted: [1; 16] };
        Edit { opening: Some(opening), ..edit(self.record(form), "person", "first") }
    }

    /// Writes an entry of any kind; its dot.
    fn write(&mut self, kind: Kind, plain: &[u8], context: &VersionVector) -> Dot {
        let sealed = Sealed::new(self.journal, kind, plain, &self.key, &mut self.packer, [4; 32]);
        self.at = sealed.link(&self.at, context, &mut self.frames);
        Dot { journal: self.journal, seq: self.at.seq }
    }

    /// Writes an edit that saw `context`; its dot.
    fn put(&mut self, edit: &Edit, context: impl IntoIterator<Item = Dot>) -> Dot {
        self.write(Kind::EDIT, &edit.encode(), &VersionVector::of(context))
    }

    /// Opens a record; the dot.
    fn enroll(&mut self, form: &str) -> Dot {
        let edit = self.opening(form);
        self.put(&edit, [])
    }

    /// What has been written since the last time, as a message.
    fn message(&mut self) -> Entries {
        let frames = std::mem::take(&mut self.frames);
        let after = std::mem::replace(&mut self.sent, self.at);
        Entries::new(self.journal, after, frames, self.at, &self.sign)
    }

    /// Sends what has been written since the last time.
    async fn send(&mut self, hq: &Hq, office: &Office) -> Result<Appended, AppendError> {
        let message = self.message();
        hq.store.append(office, message).await
    }
}

fn seq(appended: &Appended) -> Seq {
    appended.stored.seq
}
