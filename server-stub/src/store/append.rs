//! Compare-and-append: one message's entries, their records and their feeds, in one transaction.

use sqlx::SqliteConnection;
use wasl_protocol::edition::Step;
use wasl_protocol::entry::Genesis;
use wasl_protocol::id::{Dot, JournalId, Position, RecordId};
use wasl_protocol::keys::VerifyKey;
use wasl_protocol::units::UnixMs;
use wasl_protocol::wire::Entries;

use super::fold::Folded;
use super::journals::{self, Known};
use super::offices::Office;
use super::open::{Store, StoreError};
use super::read::{self, Opened, Says};
use super::{held, offices};

/// How many journals one office may begin in a day: a machine that is reinstalled now and then.
pub(super) const BIRTHS_A_DAY: i64 = 16;

/// A day, in milliseconds.
pub(super) const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What HQ has of the journal after an append: fsynced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Up to where HQ has it.
    pub stored: Position,
    /// Up to where it is in a copy declared off-site.
    pub stable: Option<Position>,
    /// How many entries of the office are held.
    pub held: u64,
}

/// Entries that were not appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The office broke the protocol, or extends what it may not. Nothing to retry.
    #[error("refused: {0}")]
    Fault(String),
    /// The office's journal and HQ's differ where they should agree.
    #[error("the journals differ at entry {}", ours.seq)]
    Fork {
        /// What HQ has there.
        ours: Position,
        /// What the office says.
        theirs: Position,
    },
    /// HQ could not store them: they are not stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for AppendError {
    fn from(e: sqlx::Error) -> Self {
        Self::Store(e.into())
    }
}

impl Store {
    /// Appends those entries of a message that HQ does not have; idempotent. What is returned is
    /// durable. Entries that leave a gap are not appended: the answer says where HQ stands.
    pub async fn append(&self, office: &Office, entries: Entries) -> Result<Appended, AppendError> {
        self.append_signed(office, entries, office.sign_key).await
    }

    /// The same for entries that the holder of `signer` signed.
    pub(super) async fn append_signed(
        &self,
        office: &Office,
        entries: Entries,
        signer: VerifyKey,
    ) -> Result<Appended, AppendError> {
        let (journal, after, last) = (entries.journal, entries.after, entries.last);
        let mut conn = self.readers().acquire().await?;
        let known = journals::known(&mut conn, journal).await?;
        if known.as_ref().is_some_and(|k| k.office != office.id) {
            return Err(AppendError::Fault("a journal of another office".to_owned()));
        }
        let have = known.as_ref().map_or_else(|| Position::start(journal), |k| k.at);
        if after.seq > have.seq {
            drop(conn);
            return self.standing(office, journal).await;
        }
        let key = match known {
            Some(_) => Some(self.data_key(&mut conn, journal).await?),
            None => None,
        };
        let opened = {
            let (office, unwrap) = (office.clone(), self.unwrap_key().clone());
            tokio::task::spawn_blocking(move || {
                read::open((&office, signer), entries, have, key, &unwrap)
            })
        };
        let opened = opened.await.map_err(|_| StoreError::Stopping)??;
        agrees(&mut conn, journal, opened.common).await?;
        drop(conn);
        if opened.items.is_empty() {
            return self.standing(office, journal).await;
        }
        self.commit(office, journal, (known.as_ref(), have, last), opened).await
    }

    async fn commit(
        &self,
        office: &Office,
        journal: JournalId,
        (known, have, last): (Option<&Known>, Position, Position),
        opened: Opened,
    ) -> Result<Appended, AppendError> {
        let mut tx = self.write().await?;
        // Within the transaction: once `revoke` has returned, nothing of that office comes in.
        if !office.admitted && offices::revoked(&mut tx, office).await? {
            return Err(AppendError::Fault("the office is revoked".to_owned()));
        }
        if known.is_none() {
            if journals::known(&mut tx, journal).await?.is_some() {
                return self.standing(office, journal).await;
            }
            if let Some(Says::Genesis(genesis)) = opened.items.first().map(|i| &i.says) {
                self.admit(&mut tx, office, journal, genesis).await?;
            }
        }
        if !journals::advance(&mut tx, journal, have, last).await? {
            // Another connection of the same office was faster: the answer says where HQ stands.
            return self.standing(office, journal).await;
        }
        journals::grew(&mut tx, journal, self.world().clock.unix()).await?;
        let frame = |item: &read::Item| (item.at, &opened.frames[item.frame.clone()]);
        let frames: Vec<_> = opened.items.iter().map(frame).collect();
        journals::insert(&mut tx, journal, &frames).await?;
        let steps = steps(&opened.items);
        let folded = self.fold(&mut tx, office, journal, opened.items).await?;
        let elsewhere = self.save(&mut tx, (&office.id, journal), &folded, None).await?;
        let told = self.take_steps(&mut tx, &office.id, &steps).await?;
        let held = held::count(&mut tx, &office.id).await?;
        let before_ns = self.world().clock.mono_ns();
        tx.commit().await?;
        let took_ns = self.world().clock.mono_ns().saturating_sub(before_ns);
        self.counted().appended(frames.len() as u64, took_ns);
        if known.is_none() {
            self.remember(journal, opened.key)?;
        }
        held::alarm(&folded);
        self.tell(elsewhere);
        self.tell_config(told);
        Ok(Appended { stored: last, stable: known.and_then(|k| k.stable), held })
    }

    /// A new journal of this office: few a day, and going on from nothing that HQ does not have.
    async fn admit(
        &self,
        conn: &mut SqliteConnection,
        office: &Office,
        journal: JournalId,
        genesis: &Genesis,
    ) -> Result<(), AppendError> {
        let now = self.world().clock.unix();
        let births = journals::births(conn, &office.id, UnixMs(now.0 - DAY_MS)).await?;
        if births >= BIRTHS_A_DAY {
            return Err(AppendError::Fault(format!("more than {BIRTHS_A_DAY} journals in a day")));
        }
        if let Some((before, position)) = genesis.after {
            let ours = journals::known(conn, before).await?.filter(|k| k.office == office.id);
            if ours.is_none() || journals::at(conn, before, position.seq).await? != Some(position) {
                return Err(AppendError::Fault("goes on from a position HQ has not".to_owned()));
            }
        }
        let continues = genesis.after.map(|(before, _)| before);
        Ok(journals::meet(conn, (journal, continues), &office.id, now).await?)
    }

    async fn fold(
        &self,
        conn: &mut SqliteConnection,
        office: &Office,
        journal: JournalId,
        items: Vec<read::Item>,
    ) -> Result<Folded, StoreError> {
        let touched = |item: &read::Item| match &item.says {
            Says::Edit(edit) => Some(edit.edit.record),
            Says::Held(_, record) => *record,
            Says::Genesis(_) | Says::Config(_) => None,
        };
        let mut ids: Vec<RecordId> = items.iter().filter_map(touched).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut fold = self.fold_over(conn, &ids).await?;
        for item in items {
            match item.says {
                Says::Genesis(_) | Says::Config(_) => {}
                Says::Edit(edit) => fold.take(*edit),
                Says::Held(why, record) => {
                    fold.hold(Dot { journal, seq: item.at.seq }, &office.id, record, why);
                }
            }
        }
        Ok(fold.finish())
    }

    /// What HQ has of a journal of the office, as it is committed.
    async fn standing(&self, office: &Office, journal: JournalId) -> Result<Appended, AppendError> {
        let mut conn = self.readers().acquire().await?;
        let known = journals::known(&mut conn, journal).await?;
        let held = held::count(&mut conn, &office.id).await?;
        let stored = known.as_ref().map_or_else(|| Position::start(journal), |k| k.at);
        Ok(Appended { stored, stable: known.and_then(|k| k.stable), held })
    }
}

/// The config steps among these entries, in their order.
fn steps(items: &[read::Item]) -> Vec<Step> {
    let step = |item: &read::Item| match &item.says {
        Says::Config(step) => Some((**step).clone()),
        _ => None,
    };
    items.iter().filter_map(step).collect()
}

/// The last position of the message that lies within what HQ has must be HQ's too.
async fn agrees(
    conn: &mut SqliteConnection,
    journal: JournalId,
    theirs: Position,
) -> Result<(), AppendError> {
    match journals::at(conn, journal, theirs.seq).await? {
        Some(ours) if ours == theirs => Ok(()),
        Some(ours) => Err(AppendError::Fork { ours, theirs }),
        None => Err(StoreError::Damaged("an entry is missing in a journal").into()),
    }
}
