//! What comes from HQ: news and receipts. What contradicts our own journal is a fork: nothing of it
//! is folded, and the journal is born again behind what nothing contradicts.

use wasl_protocol::codec;
use wasl_protocol::entry::Cursor;
use wasl_protocol::frame::{Kind, Sealed};
use wasl_protocol::news::SignedNews;
use wasl_protocol::record::VersionVector;
use wasl_protocol::units::{Seq, UnixMs};
use wasl_protocol::wire::{Ack, Standing};

use super::EngineError;
use super::item::Item;
use super::rebirth::{ask_for, is_asked_for};
use super::turn::Engine;
use crate::journal::AppendError;

impl Engine {
    /// Writes news to the inbox and folds it; false if it is not taken.
    ///
    /// # Errors
    /// [`EngineError::Diverged`] if it contradicts our journal: the next start makes that good.
    pub(super) fn news(&mut self, news: &[SignedNews], upto: Cursor) -> Result<bool, EngineError> {
        let first = self.store.logs.inbox.next().seq.next();
        let mut items = Vec::with_capacity(news.len());
        let mut parted: Option<Seq> = None;
        for (signed, seq) in news.iter().zip((first.0..).map(Seq)) {
            let Ok(news) = signed.trusted() else {
                items.push(Item::Unreadable(seq));
                continue;
            };
            if let Some(common) = self.store.contradicts(&news)? {
                parted = Some(parted.map_or(common, |known| known.min(common)));
            }
            items.push(Item::of_news(seq, news));
        }
        if let Some(common) = parted {
            self.parts(common)?;
            return Ok(false);
        }
        if self.facts.fork.is_some() || !self.append_news(news, upto)? {
            return Ok(false);
        }
        self.commit()?;
        for item in items {
            self.fold(item)?;
        }
        self.fold(Item::Cursor(upto))?;
        self.store.rows.inbox_folded(self.store.logs.inbox.head());
        Ok(true)
    }

    /// False if there is no room for it now: HQ sends it again.
    fn append_news(&mut self, news: &[SignedNews], upto: Cursor) -> Result<bool, EngineError> {
        let plains = news.iter().map(|n| (Kind::NEWS, codec::encode(n)));
        for (kind, plain) in plains.chain([(Kind::CURSOR, codec::encode(&upto))]) {
            let (id, key) = (self.store.logs.inbox.id(), &self.store.logs.inbox_key);
            let random = self.world.entropy.random();
            let sealed = Sealed::new(id, kind, &plain, key, &mut self.packer, random);
            match self.store.logs.inbox.append(&sealed, &VersionVector::default()) {
                Ok(_) => {}
                Err(AppendError::Full) => {
                    tracing::warn!("news is not taken: the disk is full");
                    self.commit()?;
                    return Ok(false);
                }
                Err(AppendError::NoDescriptor(error)) => {
                    tracing::warn!(%error, "news is not taken: no file can be opened now");
                    self.commit()?;
                    return Ok(false);
                }
                Err(AppendError::Failed(e)) => return Err(EngineError::Poisoned(e)),
            }
        }
        Ok(true)
    }

    pub(super) fn acked(&mut self, ack: Ack, at: UnixMs) -> Result<(), EngineError> {
        if ack.journal != self.store.logs.journal.id() {
            return Ok(());
        }
        let ours = self.store.logs.journal.position(ack.stored.seq)?;
        // In a hole nobody here knows better than HQ's signature.
        let unreadable = ours.is_none() && ack.stored.seq <= self.store.logs.journal.head().seq;
        if ours == Some(ack.stored) || unreadable {
            self.receipts.take(ack, at);
        } else {
            let end = self.store.logs.journal.head().seq;
            self.forked(Seq(ack.stored.seq.0.saturating_sub(1)).min(end));
        }
        Ok(())
    }

    /// HQ's news contradict our newest journal behind `common`, though its copy of that does not: this
    /// disk and HQ were both put back, and other offices know numbers that were given out twice.
    /// The next start goes on in another journal; if it could not, this is an alarm.
    fn parts(&mut self, common: Seq) -> Result<(), EngineError> {
        self.forked(common);
        self.commit()?;
        let position = self.store.logs.journal.position(common)?;
        let Some(common) = position.filter(|at| at.seq > Seq(0)) else { return Ok(()) };
        if is_asked_for(&self.world, &self.mending.dir)? {
            return Ok(());
        }
        ask_for(&self.world, &self.mending.dir, (self.store.logs.journal.id(), common))?;
        Err(EngineError::Diverged(common.seq))
    }

    /// HQ stands here. If it has nothing in our newest journal that is not ours, then the two differ
    /// no more: it was put back since.
    pub(super) fn stands(&mut self, standing: &Standing) {
        self.receipts.stands(standing);
        let journal = &mut self.store.logs.journal;
        if self.facts.fork.is_some()
            && standing.journal == journal.id()
            && journal.position(standing.top.seq).is_ok_and(|ours| ours == Some(standing.top))
        {
            tracing::warn!("HQ's copy of the journal does not differ from ours any more");
            self.facts.fork = None;
        }
    }

    pub(super) fn forked(&mut self, common: Seq) {
        if self.facts.fork.is_none() {
            tracing::error!(%common, "HQ's copy of the journal differs from ours after this entry");
        }
        self.facts.fork = Some(self.facts.fork.map_or(common, |known| known.min(common)));
    }
}
