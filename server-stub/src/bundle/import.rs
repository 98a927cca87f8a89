//! An office's bundle: the upward half of a session, taken in as it comes.
//!
//! What a session would answer with a question stands as it is: the reply says what HQ has, and the
//! office's next bundle goes on from there. Entries that differ from HQ's are written again.

use std::collections::BTreeMap;
use std::sync::Arc;

use wasl_protocol::bundle::{BundleError, Reader, Signed};
use wasl_protocol::id::{BundleId, JournalId, OfficeId, Position};
use wasl_protocol::keys::WrapKey;
use wasl_protocol::limits;
use wasl_protocol::session::hq::Input;
use wasl_protocol::units::Seq;
use wasl_protocol::wire::{Entries, Hello, Message, Returned, Welcome};

use super::Bundles;
use super::report::{BundleReport, JournalTaken, Lacking, ListedEntry, Reborn};
use crate::gateway::work::{Done, Work, do_work};
use crate::status::timestamp;
use crate::store::{AppendError, Branch, Office, StoreError};

/// Why a bundle is not taken in, or not to its end. What came before stays, and is right.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// No machine has joined as this office here.
    #[error("no machine has joined as {0} at this HQ")]
    Unknown(OfficeId),
    /// It may no longer come.
    #[error("{0} is revoked: nothing of it is taken")]
    Revoked(OfficeId),
    /// Another machine made it than the one that is the office now.
    #[error("{0} signs with another key: it was changed, or made by a machine that was replaced")]
    OtherMachine(OfficeId),
    /// It is named to be admitted and is another office's.
    #[error("it is of {0}")]
    OtherOffice(OfficeId),
    /// It is a reply on its way to an office.
    #[error("it is a reply of HQ's for {0}, and no bundle of its")]
    Reply(OfficeId),
    /// The office broke the protocol.
    #[error("{0}")]
    Fault(String),
    /// It begins where HQ, which was put back, has not come yet, or has something else.
    #[error("{0}; this HQ was put back, or the office's disk: a bundle of all is needed")]
    Elsewhere(String),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<AppendError> for ImportError {
    fn from(e: AppendError) -> Self {
        match e {
            AppendError::Store(e) => Self::Store(e),
            AppendError::Fault(why) => Self::Fault(why),
            fork @ AppendError::Fork { .. } => Self::Elsewhere(fork.to_string()),
        }
    }
}

/// A bundle that is being taken in.
pub struct Import {
    pub(super) bundles: Bundles,
    /// Taken although it may no longer come.
    admit: Option<OfficeId>,
    reader: Reader,
    pub(super) opened: Option<Opened>,
}

/// A bundle whose author is known.
pub(super) struct Opened {
    pub(super) office: Arc<Office>,
    pub(super) wrap_key: Option<WrapKey>,
    pub(super) greeted: Option<(Hello, Welcome)>,
    /// Is HQ still owed states that it signed in earlier lives?
    pub(super) returns: bool,
    /// What differs, by the journal in which it was.
    pub(super) branches: BTreeMap<JournalId, Branch>,
    pub(super) report: BundleReport,
}

impl Bundles {
    /// Begins to take in a bundle; of an office that may no longer come, only if it is named.
    pub fn import(&self, admit: Option<OfficeId>) -> Import {
        Import { bundles: self.clone(), admit, reader: Reader::default(), opened: None }
    }
}

impl Import {
    /// Takes in what follows in the file.
    ///
    /// # Errors
    /// It is not for us, not of whom it says, not whole, or the database failed.
    pub async fn feed(&mut self, bytes: &[u8]) -> Result<(), ImportError> {
        self.reader.feed(bytes);
        if self.opened.is_none() {
            let Some(signed) = self.reader.head()? else { return Ok(()) };
            self.opened = Some(self.open(signed).await?);
        }
        while let Some(message) = self.reader.next_message()? {
            self.take(message).await?;
        }
        Ok(())
    }

    /// Is this the end of the file? What has been taken in so far may be less than what it held.
    ///
    /// # Errors
    /// It is cut short.
    pub(super) fn whole(&self) -> Result<(), ImportError> {
        Ok(self.reader.end()?)
    }

    async fn open(&mut self, signed: Signed) -> Result<Opened, ImportError> {
        let id = signed.office().clone();
        if signed.is_reply() {
            return Err(ImportError::Reply(id));
        }
        if self.admit.as_ref().is_some_and(|admit| *admit != id) {
            return Err(ImportError::OtherOffice(id));
        }
        let store = &self.bundles.config.store;
        let joined = store.joined(&id).await?;
        let (author, wrap_key) = match (joined, &self.admit) {
            (Some((office, wrap_key)), None) if !office.revoked => (office, Some(wrap_key)),
            (Some((office, _)), None) => return Err(ImportError::Revoked(office.id)),
            (None, None) => return Err(ImportError::Unknown(id)),
            (_, Some(_)) => (self.former(&signed, &id).await?, None),
        };
        let with = self.bundles.config.keys.unwrap_key();
        let head = self.reader.open(signed, &author.sign_key, with);
        let head = head.map_err(|e| match e {
            BundleError::Forged => ImportError::OtherMachine(id),
            other => other.into(),
        })?;
        let report = report(head.office, head.id);
        let office = Arc::new(author);
        let (greeted, returns, branches) = (None, false, BTreeMap::new());
        Ok(Opened { office, wrap_key, greeted, returns, branches, report })
    }

    /// The machine that made a bundle, of all that ever wrote as this office.
    async fn former(&self, signed: &Signed, id: &OfficeId) -> Result<Office, ImportError> {
        let authors = self.bundles.config.store.authors(id).await?;
        let author = authors.into_iter().find(|author| signed.is_by(author));
        let sign_key = author.ok_or_else(|| ImportError::OtherMachine(id.clone()))?;
        let (name_ar, name_en) = (String::new(), String::new());
        Ok(Office { id: id.clone(), name_ar, name_en, sign_key, revoked: true, admitted: true })
    }

    async fn take(&mut self, message: Message) -> Result<(), ImportError> {
        let Some(opened) = &mut self.opened else { return Ok(()) };
        match (message, &opened.greeted) {
            (Message::Hello(hello), None) => self.greeted(hello).await,
            (Message::Returned(returned), Some(_)) if opened.returns => self.adopt(returned).await,
            // Said to an HQ that has not been put back after all.
            (Message::Returned(_), Some(_)) => Ok(()),
            (Message::Entries(entries), Some((hello, _))) => {
                if hello.journals.iter().any(|(journal, _)| *journal == entries.journal) {
                    self.append(entries).await
                } else {
                    Err(ImportError::Fault("entries of a journal that it does not name".to_owned()))
                }
            }
            _ => Err(ImportError::Fault("a message out of turn".to_owned())),
        }
    }

    async fn greeted(&mut self, hello: Hello) -> Result<(), ImportError> {
        let Some(opened) = &mut self.opened else { return Ok(()) };
        if hello.journals.is_empty() || hello.journals.len() > limits::JOURNALS {
            return Err(ImportError::Fault(
                "a greeting that names no journals, or too many".into(),
            ));
        }
        let config = &self.bundles.config;
        // An HQ that finds here that it was put back begins another life, and looks again.
        for _ in 0..LIVES {
            let work = Work::Lookup(hello.clone());
            let Done { input, .. } = do_work(config.clone(), opened.office.clone(), work).await;
            if let Some(Input::Known { welcome }) = input {
                opened.returns = hello.cursor.is_some_and(|cursor| cursor.epoch != welcome.epoch);
                opened.greeted = Some((hello, welcome));
                return Ok(());
            }
        }
        Err(StoreError::Stopping.into())
    }

    async fn adopt(&mut self, returned: Returned) -> Result<(), ImportError> {
        let Some(opened) = &mut self.opened else { return Ok(()) };
        let adopted = self.bundles.config.store.adopt(&opened.office.id, returned.states).await?;
        opened.report.adopted += adopted;
        opened.returns = !returned.last;
        Ok(())
    }

    async fn append(&mut self, entries: Entries) -> Result<(), ImportError> {
        let Some(opened) = &mut self.opened else { return Ok(()) };
        let (store, office) = (&self.bundles.config.store, &opened.office);
        let refused = |e: wasl_protocol::keys::KeyError| ImportError::Fault(e.to_string());
        entries.verify(&office.sign_key).map_err(refused)?;
        opened.report.entries += entries.last.seq - entries.after.seq;
        let (mut next, mut again) = (entries, false);
        loop {
            if let Some(branch) = opened.branches.get_mut(&next.journal) {
                (next, again) = (branch.again(&next)?, true);
                continue;
            }
            let before = store.standings(&office.id, &[start(next.journal)]).await?;
            let before = before.first().map_or(Seq(0), |standing| standing.top.seq);
            let (sent, journal) = (next.clone(), next.journal);
            let appended = if again {
                store.append_again(office, sent).await
            } else {
                store.append(office, sent).await
            };
            match appended {
                Ok(got) if got.stored.seq < next.after.seq => {
                    let (after, upto) = (got.stored.seq, next.after.seq);
                    opened.report.lacks(Lacking { journal, after, upto });
                    return Ok(());
                }
                Ok(got) => {
                    opened.report.took(JournalTaken { journal, before, stored: got.stored.seq });
                    return Ok(());
                }
                Err(AppendError::Fork { .. }) => {
                    let begun = store.branch(office, &next).await;
                    let (branch, written) = begun.map_err(|e| match e {
                        AppendError::Fault(why) => ImportError::Elsewhere(why),
                        other => other.into(),
                    })?;
                    let (common, goes_on_as) = (branch.common().seq, branch.journal());
                    opened.report.reborn.push(Reborn { journal, common, goes_on_as });
                    opened.branches.insert(journal, branch);
                    (next, again) = (written, true);
                }
                Err(e) => return Err(e.into()),
            }
        }
    }

    /// Lists what was taken of a machine that may no longer come.
    pub(super) async fn list(&mut self) -> Result<(), ImportError> {
        let Some(opened) = &mut self.opened else { return Ok(()) };
        for taken in opened.report.journals.clone() {
            let store = &self.bundles.config.store;
            let entries = store.entries(taken.journal, taken.before, taken.stored).await?;
            let listed = entries.into_iter().map(|(dot, entry)| ListedEntry {
                dot,
                record: entry.record,
                form_number: entry.form_number,
                written_at: entry.written_at.map(timestamp),
                held: entry.held,
            });
            opened.report.admitted.extend(listed);
        }
        Ok(())
    }
}

impl BundleReport {
    fn took(&mut self, taken: JournalTaken) {
        self.new += taken.stored.0.saturating_sub(taken.before.0);
        match self.journals.iter_mut().find(|known| known.journal == taken.journal) {
            Some(known) => known.stored = taken.stored,
            None => self.journals.push(taken),
        }
    }

    fn lacks(&mut self, lacking: Lacking) {
        if !self.lacking.iter().any(|known| known.journal == lacking.journal) {
            self.lacking.push(lacking);
        }
    }
}

fn report(office: OfficeId, bundle: BundleId) -> BundleReport {
    BundleReport {
        schema: BundleReport::SCHEMA.to_owned(),
        office,
        bundle,
        entries: 0,
        new: 0,
        journals: Vec::new(),
        reborn: Vec::new(),
        lacking: Vec::new(),
        adopted: 0,
        news: 0,
        more: false,
        edition: None,
        admitted: Vec::new(),
    }
}

fn start(journal: JournalId) -> (JournalId, Position) {
    (journal, Position::start(journal))
}

/// How often HQ looks where it stands before it gives up.
const LIVES: usize = 3;
