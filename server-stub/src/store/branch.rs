//! Entries of an office that are not what HQ has under their numbers: its disk was restored or
//! cloned, and it does not know yet. They are written again into the journal in which the office
//! itself will write them (`wasl_protocol::rebirth`): nothing that was promised is refused.

use wasl_protocol::id::{JournalId, Position};
use wasl_protocol::keys::SignKey;
use wasl_protocol::rebirth::{Born, Old, RebirthError};
use wasl_protocol::wire::Entries;

use super::append::{AppendError, Appended};
use super::journals::{at, known};
use super::offices::Office;
use super::open::Store;

/// A journal that goes on from another where an office's entries differ from HQ's.
#[derive(Debug)]
pub struct Branch {
    born: Born,
    common: Position,
    sign_key: SignKey,
}

impl Branch {
    /// The journal in which they are written again.
    pub fn journal(&self) -> JournalId {
        self.born.id()
    }

    /// The last position of the old journal that HQ and the office both have.
    pub fn common(&self) -> Position {
        self.common
    }

    /// The next entries of the old journal, written again.
    ///
    /// # Errors
    /// [`AppendError::Fault`] if they are not the next ones, or do not open.
    pub fn again(&mut self, entries: &Entries) -> Result<Entries, AppendError> {
        let (after, mut frames) = (self.born.end(), Vec::new());
        for (frame, _) in entries.walk().map_err(fault)? {
            self.born.again(&frame, &mut frames)?;
        }
        Ok(self.signed(after, frames))
    }

    fn signed(&self, after: Position, frames: Vec<u8>) -> Entries {
        Entries::new(self.born.id(), after, frames, self.born.end(), &self.sign_key)
    }
}

impl Store {
    /// Begins a branch with `entries`, of which [`Store::append`] said [`AppendError::Fork`]: the
    /// first that differs and all behind it, written again.
    ///
    /// # Errors
    /// [`AppendError::Fault`] if they do not begin at a position that HQ has.
    pub async fn branch(
        &self,
        office: &Office,
        entries: &Entries,
    ) -> Result<(Branch, Entries), AppendError> {
        let id = entries.journal;
        let mut tx = self.snapshot().await?;
        let ours = known(&mut tx, id).await?.is_some_and(|known| known.office == office.id);
        if !ours || at(&mut tx, id, entries.after.seq).await? != Some(entries.after) {
            let seq = entries.after.seq;
            return Err(AppendError::Fault(format!("other entries lie before entry {seq} here")));
        }
        let (mut common, mut walked) = (entries.after, entries.walk().map_err(fault)?.into_iter());
        let mut parted = None;
        for (frame, theirs) in walked.by_ref() {
            if at(&mut tx, id, theirs.seq).await? != Some(theirs) {
                parted = Some((frame, theirs));
                break;
            }
            common = theirs;
        }
        let Some((first, head)) = parted else {
            return Err(AppendError::Fault("entries that do not differ".to_owned()));
        };
        let (genesis, key) = (self.genesis(&mut tx, id).await?, self.data_key(&mut tx, id).await?);
        let old = Old { id, key: &key, genesis: &genesis, common };
        let mut frames = Vec::new();
        let mut born = Born::begin(old, Some(head.head), JournalId::default(), &mut frames)?;
        born.again(&first, &mut frames)?;
        for (frame, _) in walked {
            born.again(&frame, &mut frames)?;
        }
        let branch = Branch { born, common, sign_key: self.keys().sign_key().clone() };
        let written = branch.signed(Position::start(branch.journal()), frames);
        Ok((branch, written))
    }

    /// Appends what a branch wrote again, as [`Store::append`] does.
    pub async fn append_again(
        &self,
        office: &Office,
        entries: Entries,
    ) -> Result<Appended, AppendError> {
        self.append_signed(office, entries, self.keys().sign_key().verify_key()).await
    }
}

impl From<RebirthError> for AppendError {
    fn from(why: RebirthError) -> Self {
        fault(why)
    }
}

fn fault(why: impl std::fmt::Display) -> AppendError {
    AppendError::Fault(format!("entries that differ from HQ's: {why}"))
}
