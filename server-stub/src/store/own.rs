//! HQ's own journal: what HQ edits and decides, in the table of everybody's entries.
//!
//! Its frames are made as an office makes its own, and chained as an office's are.

use std::cell::RefCell;
use std::sync::Arc;

use sqlx::{Sqlite, SqliteConnection, Transaction};
use wasl_protocol::codec;
use wasl_protocol::entry::{Decision, Edit, Genesis, Log};
use wasl_protocol::frame::{Kind, Sealed};
use wasl_protocol::id::{Dot, JournalId, OfficeId, Position};
use wasl_protocol::keys::DataKey;
use wasl_protocol::news::SignedNews;
use wasl_protocol::pack::Packer;
use wasl_protocol::record::VersionVector;

use crate::registry::HqKeys;
use crate::seam::{Entropy, World};

use super::fold::{Fold, Folded};
use super::open::{Store, StoreError};
use super::touched::Placed;
use super::{held, journals};

thread_local! {
    /// Costly to make: one for each thread that writes entries.
    static PACKER: RefCell<Packer> = RefCell::new(Packer::new());
}

/// Begins the journal of a new life of the database.
pub(super) async fn begin(
    conn: &mut SqliteConnection,
    journal: JournalId,
    keys: &HqKeys,
    world: &World,
) -> Result<(), StoreError> {
    let (hq, now) = (OfficeId::hq(), world.clock.unix());
    let key = DataKey::new(world.entropy.random());
    let readers = [(keys.unwrap_key().wrap_key(), world.entropy.random())];
    let sign_key = keys.sign_key().verify_key();
    let genesis = Genesis::new(Log::Journal, hq.clone(), now, sign_key, (&key, journal), &readers);
    let genesis = genesis.map_err(|_| StoreError::Damaged("HQ's own wrapping key"))?;
    let mut frame = Vec::new();
    let at = genesis.link(journal, &mut frame);
    journals::meet(conn, (journal, None), &hq, now).await?;
    journals::insert(conn, journal, &[(at, &frame)]).await?;
    journals::advance(conn, journal, Position::start(journal), at).await?;
    Ok(())
}

/// Writes HQ's journal within one transaction.
pub(super) struct Pen {
    journal: JournalId,
    key: DataKey,
    entropy: Arc<dyn Entropy>,
    /// Where the journal stood before.
    from: Position,
    at: Position,
    written: Vec<(Position, Vec<u8>)>,
}

impl Store {
    /// A pen at the end of HQ's journal.
    pub(super) async fn pen(&self, conn: &mut SqliteConnection) -> Result<Pen, StoreError> {
        let journal = self.journal();
        let known = journals::known(&mut *conn, journal).await?;
        let at = known.ok_or(StoreError::Damaged("HQ's own journal is not there"))?.at;
        let key = self.data_key(conn, journal).await?;
        let entropy = Arc::clone(&self.world().entropy);
        Ok(Pen { journal, key, entropy, from: at, at, written: Vec::new() })
    }
}

impl Store {
    /// Stores what was written and what it changed, commits both, and tells whom it concerns.
    pub(super) async fn commit_own(
        &self,
        mut tx: Transaction<'static, Sqlite>,
        pen: Pen,
        fold: Fold,
    ) -> Result<Folded, StoreError> {
        self.finish(pen, &mut tx).await?;
        let folded = fold.finish();
        let writer = (&OfficeId::hq(), self.journal());
        let elsewhere = self.save(&mut tx, writer, &folded, None).await?;
        tx.commit().await?;
        held::alarm(&folded);
        self.tell(elsewhere);
        Ok(folded)
    }

    /// Stores what was written.
    pub(super) async fn finish(
        &self,
        pen: Pen,
        conn: &mut SqliteConnection,
    ) -> Result<(), StoreError> {
        pen.store(&mut *conn).await?;
        self.keep_beside(conn).await
    }
}

impl Pen {
    /// The journal that it writes.
    pub fn journal(&self) -> JournalId {
        self.journal
    }

    /// Writes an edit that saw `context`.
    pub fn edit(&mut self, edit: Edit, context: VersionVector) -> Placed {
        self.write(Kind::EDIT, &edit.encode(), &context);
        let dot = Dot { journal: self.journal, seq: self.at.seq };
        Placed { dot, tag: self.at.head.tag(), by: OfficeId::hq(), context, edit }
    }

    /// Writes what staff decided.
    pub fn decision(&mut self, decision: &Decision) {
        self.write(Kind::DECISION, &decision.encode(), &VersionVector::default());
    }

    /// Writes a state that an office gave back.
    pub fn adopted(&mut self, signed: &SignedNews) {
        self.write(Kind::ADOPTED, &codec::encode(signed), &VersionVector::default());
    }

    async fn store(self, conn: &mut SqliteConnection) -> Result<(), StoreError> {
        let frames: Vec<_> = self.written.iter().map(|(at, frame)| (*at, &frame[..])).collect();
        journals::insert(&mut *conn, self.journal, &frames).await?;
        if journals::advance(conn, self.journal, self.from, self.at).await? {
            Ok(())
        } else {
            Err(StoreError::Damaged("HQ's own journal moved by itself"))
        }
    }

    fn write(&mut self, kind: Kind, plain: &[u8], context: &VersionVector) {
        let (random, mut frame) = (self.entropy.random(), Vec::new());
        let sealed = PACKER.with_borrow_mut(|packer| {
            Sealed::new(self.journal, kind, plain, &self.key, packer, random)
        });
        self.at = sealed.link(&self.at, context, &mut frame);
        self.written.push((self.at, frame));
    }
}
