//! What comes from HQ: record states and receipts. What contradicts our own journal is a fork: an
//! alarm, and nothing of it is folded.

use wasl_protocol::codec;
use wasl_protocol::entry::{Cursor, SignedState, StateFor};
use wasl_protocol::frame::{Kind, Sealed};
use wasl_protocol::record::VersionVector;
use wasl_protocol::units::{Seq, UnixMs};
use wasl_protocol::wire::Ack;

use super::EngineError;
use super::item::Item;
use super::turn::Engine;
use crate::journal::AppendError;

impl Engine {
    /// Writes states to the inbox and folds them; false if they are not taken.
    pub(super) fn states(
        &mut self,
        states: &[SignedState],
        upto: Cursor,
    ) -> Result<bool, EngineError> {
        let mut read = Vec::new();
        for signed in states {
            let Ok(state) = signed.trusted() else {
                tracing::error!("a state that HQ signed does not decode: kept, not folded");
                continue;
            };
            if let Some(common) = self.store.contradicts(&state)? {
                self.forked(common);
                return Ok(false);
            }
            read.push(state);
        }
        if self.facts.fork.is_some() {
            return Ok(false);
        }
        if !self.append_states(states, upto)? {
            return Ok(false);
        }
        self.commit()?;
        self.fold_states(read, states.len() as u64, upto)?;
        Ok(true)
    }

    /// False if the disk is full: HQ sends them again.
    fn append_states(&mut self, states: &[SignedState], upto: Cursor) -> Result<bool, EngineError> {
        let plains = states.iter().map(|s| (Kind::STATE, codec::encode(s)));
        for (kind, plain) in plains.chain([(Kind::CURSOR, codec::encode(&upto))]) {
            let (id, key) = (self.store.logs.inbox.id(), &self.store.logs.inbox_key);
            let random = self.world.entropy.random();
            let sealed = Sealed::new(id, kind, &plain, key, &mut self.packer, random);
            match self.store.logs.inbox.append(&sealed, &VersionVector::default()) {
                Ok(_) => {}
                Err(AppendError::Full) => {
                    tracing::warn!("states are not taken: the disk is full");
                    self.commit()?;
                    return Ok(false);
                }
                Err(AppendError::Failed(e)) => return Err(EngineError::Poisoned(e)),
            }
        }
        Ok(true)
    }

    fn fold_states(
        &mut self,
        states: Vec<StateFor>,
        count: u64,
        upto: Cursor,
    ) -> Result<(), EngineError> {
        let end = self.store.logs.inbox.head();
        let first = Seq(end.seq.0 - count);
        let mut at = first;
        for state in states {
            let tags = state.state.map(|_, _, value| value.tag);
            self.fold(Item::State { seq: at, state: Box::new(tags) })?;
            at = at.next();
        }
        self.fold(Item::Cursor(upto))?;
        self.store.rows.inbox_folded(end);
        Ok(())
    }

    pub(super) fn acked(&mut self, ack: Ack, at: UnixMs) -> Result<(), EngineError> {
        if ack.journal != self.store.logs.journal.id() {
            return Ok(());
        }
        let ours = self.store.logs.journal.position(ack.stored.seq)?;
        if ours == Some(ack.stored) {
            self.receipts.take(ack, at);
        } else {
            let end = self.store.logs.journal.head().seq;
            self.forked(Seq(ack.stored.seq.0.saturating_sub(1)).min(end));
        }
        Ok(())
    }

    pub(super) fn forked(&mut self, common: Seq) {
        if self.facts.fork.is_none() {
            tracing::error!(%common, "HQ's copy of the journal differs from ours after this entry");
        }
        self.facts.fork = Some(self.facts.fork.map_or(common, |known| known.min(common)));
    }
}
