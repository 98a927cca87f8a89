//! The office's bundle: Hello, and all that HQ has not acknowledged.

use std::collections::VecDeque;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wasl_protocol::bundle::Writer;
use wasl_protocol::id::{BundleId, EpochId, JournalId, Position};
use wasl_protocol::keys::KeyError;
use wasl_protocol::limits;
use wasl_protocol::units::Seq;
use wasl_protocol::wire::{Entries, Message, Returned};

use super::Bundles;
use crate::engine::{Facts, Handle, Refused, Signed};
use crate::link::driver::hello;

/// `bundle export --json`.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Exported {
    /// `wasl.bundle-export/1`.
    pub schema: String,
    /// The bundle's id: HQ's reply names it.
    pub bundle: BundleId,
    /// How many entries are in it.
    pub entries: u64,
    /// Up to which entry of the newest journal.
    pub upto: Seq,
    /// Does it hold the journals from their beginning?
    pub whole: bool,
}

impl Exported {
    /// The name of this document.
    pub const SCHEMA: &str = "wasl.bundle-export/1";
}

/// Why no bundle is made. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// HQ's key is none.
    #[error("nothing can be sealed to headquarters: {0}")]
    Key(#[from] KeyError),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] Refused),
}

/// A bundle that is being written.
#[derive(Debug)]
pub struct Export {
    handle: Handle,
    bundles: Bundles,
    writer: Option<Writer>,
    /// What has been written and not been taken yet.
    out: Vec<u8>,
    /// HQ's life now and the place in the inbox, while what it signed in earlier ones is to go out.
    give_back: Option<(EpochId, Seq)>,
    /// The journals, oldest first: from where to where.
    lanes: VecDeque<(JournalId, Position, Position)>,
}

impl Bundles {
    /// Begins a bundle of what HQ has not acknowledged; of the journals `whole`, for an HQ that
    /// lacks what it once had.
    ///
    /// # Errors
    /// HQ's key is none.
    pub fn export(&self, whole: bool) -> Result<(Exported, Export), ExportError> {
        let facts = self.handle.facts().borrow().clone();
        let draws = [(); 3].map(|()| self.world.entropy.random());
        let (from, mut out) = ((self.office.clone(), None), Vec::new());
        let begun = Writer::begin(from, self.hq_wrap_key, &self.sign_key, draws, &mut out);
        let (mut writer, bundle) = begun?;
        let serial = self.config.in_force().borrow().serial.0;
        let hello = hello(&facts, serial, self.world.clock.unix());
        writer.put(&Message::Hello(hello), &mut out);
        let lanes = lanes(&facts, whole);
        let exported = Exported {
            schema: Exported::SCHEMA.to_owned(),
            bundle,
            entries: lanes.iter().map(|(_, from, to)| to.seq - from.seq).sum(),
            upto: facts.journals.last().map_or(Seq(0), |(_, head)| head.seq),
            whole,
        };
        let (handle, bundles, writer) = (self.handle.clone(), self.clone(), Some(writer));
        let give_back = lives_anew(&facts).map(|epoch| (epoch, Seq(0)));
        Ok((exported, Export { handle, bundles, writer, out, give_back, lanes }))
    }
}

impl Export {
    /// What follows in the file; none: that was all.
    ///
    /// # Errors
    /// The engine has stopped: what was written so far is no bundle.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Refused> {
        while self.out.is_empty() {
            let Some(message) = self.message().await? else {
                let Some(writer) = self.writer.take() else { return Ok(None) };
                writer.finish(&mut self.out);
                break;
            };
            if let Some(writer) = &mut self.writer {
                writer.put(&message, &mut self.out);
            }
        }
        Ok(Some(std::mem::take(&mut self.out)))
    }

    /// The next message; none: there are no more.
    async fn message(&mut self) -> Result<Option<Message>, Refused> {
        if let Some((epoch, after)) = self.give_back {
            let Signed { states, upto } = self.handle.signed(epoch, after).await?;
            self.give_back = upto.map(|upto| (epoch, upto));
            return Ok(Some(Message::Returned(Returned { states, last: upto.is_none() })));
        }
        while let Some((journal, after, head)) = self.lanes.pop_front() {
            if after.seq >= head.seq {
                continue;
            }
            // Behind a hole nothing is sent before it is filled.
            let run = self.handle.read(journal, after, limits::ENTRIES_BYTES).await?;
            let Some(run) = run else { continue };
            self.lanes.push_front((journal, run.last, head));
            let key = &self.bundles.sign_key;
            let entries = Entries::new(journal, run.after, run.frames, run.last, key);
            return Ok(Some(Message::Entries(entries)));
        }
        Ok(None)
    }
}

/// From where to where each journal goes out, oldest first.
fn lanes(facts: &Arc<Facts>, whole: bool) -> VecDeque<(JournalId, Position, Position)> {
    let newest = facts.journals.last().map(|(journal, _)| *journal);
    let lane = |(journal, head): &(JournalId, Position)| {
        let start = Position::start(*journal);
        // The older ones are complete at HQ but for an accident, which is what `whole` is for.
        let from = match facts.stored {
            _ if whole => start,
            stored if Some(*journal) == newest => stored.unwrap_or(start),
            _ => *head,
        };
        (*journal, from, *head)
    };
    facts.journals.iter().map(lane).collect()
}

/// HQ's life now, if it is another one than that in which the feed was taken: HQ was put back, and
/// is given back what it signed and lost.
fn lives_anew(facts: &Facts) -> Option<EpochId> {
    let (taken, newest) = (facts.cursor?.epoch, facts.acked?.epoch);
    (taken != newest).then_some(newest)
}
