//! HQ's reply: where it stands, receipts, and what the office has yet to hear.

use wasl_protocol::bundle::{Answered, Writer};
use wasl_protocol::edition::Serial;
use wasl_protocol::entry::Cursor;
use wasl_protocol::id::JournalId;
use wasl_protocol::keys::{KeyError, WrapKey};
use wasl_protocol::limits;
use wasl_protocol::units::FeedNo;
use wasl_protocol::wire::{Abort, Fetched, Hello, Message, Offer, Welcome};

use super::import::{Import, ImportError, Opened};
use super::report::BundleReport;
use crate::gateway::work::{Done, Work, do_work, look_for_config, read_feed};
use crate::store::StoreError;

/// How many bytes of states one reply holds: beyond that the next one goes on.
const REPLY_BYTES: u64 = 32 * 1024 * 1024;

impl Import {
    /// What came of the bundle, and the reply; none for a machine that may no longer come.
    ///
    /// # Errors
    /// The bundle is cut short, or the database failed.
    pub async fn end(mut self) -> Result<(BundleReport, Option<Vec<u8>>), ImportError> {
        self.whole()?;
        let unfinished = || ImportError::Fault("a bundle without a greeting".to_owned());
        let opened = self.opened.as_ref().ok_or_else(unfinished)?;
        let Some(wrap_key) = opened.wrap_key else {
            self.list().await?;
            let report = self.opened.ok_or_else(unfinished)?.report;
            return Ok((report, None));
        };
        let greeted = opened.greeted.clone().ok_or_else(unfinished)?;
        let reply = self.reply(wrap_key, greeted).await?;
        let report = self.opened.ok_or_else(unfinished)?.report;
        Ok((report, Some(reply)))
    }

    async fn reply(
        &mut self,
        to: WrapKey,
        (hello, welcome): (Hello, Welcome),
    ) -> Result<Vec<u8>, ImportError> {
        let Some(opened) = &mut self.opened else { return Ok(Vec::new()) };
        let config = &self.bundles.config;
        let fork = fork(opened, &hello, &welcome);
        // An office that is born again has all of its scope sent anew.
        let cursor = hello.cursor.filter(|_| fork.is_none());
        let answers = Answered { bundle: opened.report.bundle, cursor };
        let draws = [(); 3].map(|()| config.world.entropy.random());
        let (from, mut out) = ((opened.office.id.clone(), Some(answers)), Vec::new());
        let begun = Writer::begin(from, to, config.keys.sign_key(), draws, &mut out);
        let (mut writer, _) = begun.map_err(|e: KeyError| ImportError::Fault(e.to_string()))?;
        writer.put(&Message::Welcome(welcome.clone()), &mut out);
        let forked = fork.is_some();
        if let Some((journal, after)) = fork {
            let frames = config.store.frames(&opened.office.id, journal, after).await?;
            writer.put(&Message::Fetched(Fetched { journal, after, frames }), &mut out);
        }
        let reborn = opened.report.reborn.iter().map(|reborn| reborn.goes_on_as);
        let journals = hello.journals.iter().map(|(journal, _)| *journal).chain(reborn).collect();
        let work = Work::Receipts(journals);
        let Done { receipts, .. } = do_work(config.clone(), opened.office.clone(), work).await;
        for receipt in receipts {
            writer.put(&Message::Ack(receipt), &mut out);
        }
        // To an HQ that lacks what it once signed it is given back first.
        if !forked && !opened.returns {
            self.put_states((&hello, &welcome), (&mut writer, &mut out)).await?;
        }
        self.put_config(Serial(hello.edition), (&mut writer, &mut out)).await?;
        writer.finish(&mut out);
        Ok(out)
    }

    async fn put_states(
        &mut self,
        (hello, welcome): (&Hello, &Welcome),
        (writer, out): (&mut Writer, &mut Vec<u8>),
    ) -> Result<(), ImportError> {
        let Some(opened) = &mut self.opened else { return Ok(()) };
        let (config, office) = (&self.bundles.config, &opened.office);
        let ends = welcome.journals.iter().zip(&hello.journals);
        let whole = ends.filter(|(hqs, (_, end))| hqs.top.seq <= end.seq);
        let whole: Vec<JournalId> = whole.map(|(hqs, _)| hqs.journal).collect();
        let taken = hello.cursor.filter(|cursor| cursor.epoch == welcome.epoch);
        let mut after = taken.map_or(FeedNo(0), |cursor: Cursor| cursor.feed);
        let mut sent_bytes = 0;
        loop {
            let read = read_feed(
                config.clone(),
                office.clone(),
                whole.clone(),
                after,
                limits::STATES_BYTES,
            );
            let stretch = read.await.map_err(|_| StoreError::Stopping)?;
            let (upto, drained) = (stretch.states.upto.feed, stretch.drained);
            sent_bytes += stretch.bytes;
            opened.report.news += stretch.states.states.len() as u64;
            if upto > after {
                writer.put(&Message::States(stretch.states), out);
            }
            after = upto;
            opened.report.more = !drained;
            if drained || sent_bytes > REPLY_BYTES {
                return Ok(());
            }
        }
    }

    async fn put_config(
        &mut self,
        has: Serial,
        (writer, out): (&mut Writer, &mut Vec<u8>),
    ) -> Result<(), ImportError> {
        let Some(opened) = &mut self.opened else { return Ok(()) };
        let config = &self.bundles.config;
        let found = look_for_config(config.clone(), opened.office.clone()).await;
        let found = found.map_err(|_| StoreError::Stopping)?;
        if let Some((serial, bytes)) = found.offer.filter(|(serial, _)| *serial != has) {
            writer.put(&Message::Edition(Offer { bytes }), out);
            opened.report.edition = Some(serial);
        }
        if let Some(serial) = found.abort {
            writer.put(&Message::Abort(Abort::new(serial, config.keys.sign_key())), out);
        }
        Ok(())
    }
}

/// Behind which position of the office's newest journal HQ has something else, or more: the office
/// compares that with its own.
fn fork(
    opened: &Opened,
    hello: &Hello,
    welcome: &Welcome,
) -> Option<(JournalId, wasl_protocol::id::Position)> {
    let (newest, head) = *hello.journals.last()?;
    if let Some(branch) = opened.branches.get(&newest) {
        return Some((newest, branch.common()));
    }
    let standing = welcome.journals.last().filter(|standing| standing.journal == newest)?;
    let longer = standing.top.seq > head.seq && standing.ladder.first() == Some(&head);
    longer.then_some((newest, head))
}
