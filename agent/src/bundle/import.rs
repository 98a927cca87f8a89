//! HQ's reply: checked, then told to the engine and to the config.
//!
//! Only a reply that goes on from where this disk stands is taken. A USB stick brings it twice, or
//! late: what was taken before is skipped, and what would leave a gap is refused.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wasl_protocol::bundle::{Answered, BundleError, Reader};
use wasl_protocol::entry::Cursor;
use wasl_protocol::id::{BundleId, EpochId, OfficeId};
use wasl_protocol::units::{FeedNo, Seq};
use wasl_protocol::wire::{Fetched, Message, States, Welcome};

use super::Bundles;
use crate::engine::Refused;
use crate::link::Failure;
use crate::link::driver::{check_abort, check_ack, check_news};

/// `bundle import --json`.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Imported {
    /// `wasl.bundle-import/1`.
    pub schema: String,
    /// The bundle of ours that HQ answered.
    pub answers: BundleId,
    /// Up to which entry of the newest journal HQ has said that it has it.
    pub stored: Seq,
    /// How many pieces of news were taken: record states, mostly.
    pub news: u64,
    /// How many of them were here already.
    pub known: u64,
    /// How many editions of the config were offered.
    pub editions: u64,
    /// HQ has other entries than this disk: the daemon starts again, and writes its own anew behind
    /// the last common one. The rest of the reply is to be imported after that.
    pub reborn: bool,
}

impl Imported {
    /// The name of this document.
    pub const SCHEMA: &str = "wasl.bundle-import/1";
}

/// Why a reply is not taken, or not to its end. What came before stays taken, and is right.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// It is another office's.
    #[error("it is for {0}, and this is another office")]
    Foreign(OfficeId),
    /// It is a bundle on its way to HQ.
    #[error("it is an office's bundle, for headquarters, and no reply")]
    NotAReply,
    /// This disk stands before, or elsewhere than, where the reply goes on.
    #[error(
        "it goes on from news that this disk has not, or is of an earlier life of headquarters"
    )]
    Stale,
    /// HQ, or who pretends to be it, broke the protocol.
    #[error("{0}")]
    Fault(String),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] Refused),
}

impl ImportError {
    /// The constant word for it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Bundle(BundleError::NotABundle) => "not-a-bundle",
            Self::Bundle(BundleError::Newer(_)) => "newer-bundle",
            Self::Bundle(BundleError::CutShort(_)) => "cut-short",
            Self::Bundle(BundleError::ForAnother) | Self::Foreign(_) => "foreign",
            Self::Bundle(_) | Self::Fault(_) => "damaged-bundle",
            Self::NotAReply => "not-a-reply",
            Self::Stale => "stale-reply",
            Self::Engine(_) => "not-stored",
        }
    }
}

impl From<Failure> for ImportError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Engine(refused) => Self::Engine(refused),
            other => Self::Fault(other.to_string()),
        }
    }
}

/// A reply that is being read.
#[derive(Debug)]
pub struct Import {
    bundles: Bundles,
    reader: Reader,
    answers: Option<Answered>,
    /// HQ's life in which the reply was made; none before its Welcome.
    epoch: Option<EpochId>,
    done: Imported,
}

impl Bundles {
    /// Begins to read a reply.
    pub fn import(&self) -> Import {
        let schema = Imported::SCHEMA.to_owned();
        let (answers, stored) = (BundleId([0; 16]), Seq(0));
        let (news, known, editions, reborn) = (0, 0, 0, false);
        let done = Imported { schema, answers, stored, news, known, editions, reborn };
        let (bundles, reader) = (self.clone(), Reader::default());
        Import { bundles, reader, answers: None, epoch: None, done }
    }
}

impl Import {
    /// Takes in what follows in the file.
    ///
    /// # Errors
    /// It is not for us, not HQ's, not whole, or the engine does not store it.
    pub async fn feed(&mut self, bytes: &[u8]) -> Result<(), ImportError> {
        self.reader.feed(bytes);
        if self.answers.is_none() {
            let Some(signed) = self.reader.head()? else { return Ok(()) };
            if !signed.is_reply() {
                return Err(ImportError::NotAReply);
            }
            if *signed.office() != self.bundles.office {
                return Err(ImportError::Foreign(signed.office().clone()));
            }
            let (hq, with) = (self.bundles.hq_sign_key, self.bundles.unwrap_key.clone());
            let head = self.reader.open(signed, &hq, &with)?;
            self.answers = head.answers;
            self.done.answers = head.answers.map_or(self.done.answers, |answers| answers.bundle);
        }
        while let Some(message) = self.reader.next_message()? {
            // Of what stands behind a fork nothing is believed before the journal is born again.
            if !self.done.reborn {
                self.take(message).await?;
            }
        }
        Ok(())
    }

    /// What came of it, behind the end of the file.
    ///
    /// # Errors
    /// The file is cut short.
    pub async fn end(mut self) -> Result<Imported, ImportError> {
        self.reader.end()?;
        if !self.done.reborn {
            // The engine tells its facts after the turn's answers.
            self.bundles.handle.list(0, 0).await?;
        }
        let stored = self.bundles.handle.facts().borrow().stored;
        self.done.stored = stored.map_or(Seq(0), |at| at.seq);
        Ok(self.done)
    }

    async fn take(&mut self, message: Message) -> Result<(), ImportError> {
        let Bundles { handle, config, office, hq_sign_key, world, .. } = &self.bundles;
        match (message, self.epoch) {
            (Message::Welcome(welcome), None) => self.welcomed(welcome).await?,
            (Message::Fetched(fetched), Some(_)) => self.compare(fetched).await?,
            (Message::Ack(ack), Some(_)) => {
                check_ack(&ack, hq_sign_key)?;
                handle.acked(ack, world.clock.unix()).await?;
            }
            (Message::States(states), Some(_)) => {
                let count = states.states.len() as u64;
                if self.is_known(states.upto) {
                    self.done.known += count;
                    return Ok(());
                }
                check_news(&states, office, hq_sign_key)?;
                let States { states, upto } = states;
                handle.store_news(states, upto).await?;
                self.done.news += count;
            }
            (Message::Edition(offer), Some(_)) => {
                config.offer(offer.bytes).await;
                self.done.editions += 1;
            }
            (Message::Abort(abort), Some(_)) => {
                check_abort(&abort, hq_sign_key)?;
                config.aborted(abort.serial).await;
            }
            _ => return Err(ImportError::Fault("a message out of turn".to_owned())),
        }
        Ok(())
    }

    async fn welcomed(&mut self, welcome: Welcome) -> Result<(), ImportError> {
        let handle = &self.bundles.handle;
        let facts = handle.facts().borrow().clone();
        let answered = self.answers.and_then(|answers| answers.cursor);
        if !goes_on(facts.cursor, answered, welcome.epoch) {
            return Err(ImportError::Stale);
        }
        self.epoch = Some(welcome.epoch);
        // An HQ that was put back says what it still has: the next bundle begins there.
        let newest = facts.journals.last().map(|(journal, _)| *journal);
        if facts.acked.is_some_and(|ack| ack.epoch != welcome.epoch) {
            for standing in welcome.journals {
                if Some(standing.journal) == newest {
                    handle.agree(standing).await?;
                }
            }
        }
        Ok(())
    }

    /// HQ shows what it has where our journal should go on: is it what we have?
    async fn compare(&mut self, fetched: Fetched) -> Result<(), ImportError> {
        let handle = &self.bundles.handle;
        let newest = handle.facts().borrow().journals.last().map(|(journal, _)| *journal);
        if newest != Some(fetched.journal) {
            return Ok(()); // it has been born again since
        }
        match handle.compare(fetched).await? {
            None => Err(ImportError::Fault("frames that do not follow one another".to_owned())),
            Some((_, false)) => Ok(()),
            Some((common, true)) => {
                handle.diverged(common).await?;
                self.done.reborn = true;
                Ok(())
            }
        }
    }

    fn is_known(&self, upto: Cursor) -> bool {
        let ours = self.bundles.handle.facts().borrow().cursor;
        ours.is_some_and(|ours| ours.epoch == upto.epoch && upto.feed <= ours.feed)
    }
}

/// May an office that has taken HQ's feed up to `ours` take a reply that was made in this life of
/// HQ's, and goes on from what was `answered`?
fn goes_on(ours: Option<Cursor>, answered: Option<Cursor>, epoch: EpochId) -> bool {
    let start = answered.filter(|c| c.epoch == epoch).map_or(FeedNo(0), |c| c.feed);
    match ours {
        Some(ours) if ours.epoch == epoch => ours.feed >= start,
        // A feed of another life is begun anew, if nothing newer has been heard since.
        Some(ours) => start == FeedNo(0) && answered.is_none_or(|answered| answered == ours),
        None => start == FeedNo(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_reply_that_goes_on_from_where_the_disk_stands_is_taken() {
        let at = |epoch, feed| Some(Cursor { epoch: EpochId(epoch), feed: FeedNo(feed) });
        for (ours, answered, taken) in [
            (None, None, true),
            (at(1, 5), at(1, 5), true),
            (at(1, 9), at(1, 5), true),  // the link has brought more since
            (at(1, 4), at(1, 5), false), // this disk was put back: what lies between is lacking
            (None, at(1, 5), false),     // the inbox was lost
            (at(1, 0), None, true),      // all of it comes again
            (at(7, 3), at(7, 3), true),  // HQ lives anew
            (at(8, 1), at(7, 3), false), // and has lived yet another life since
            (at(7, 3), at(1, 5), false), // or this is of the life before
        ] {
            assert_eq!(goes_on(ours, answered, EpochId(1)), taken, "{ours:?} {answered:?}");
        }
    }
}
