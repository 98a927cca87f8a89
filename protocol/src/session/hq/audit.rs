//! Whether the office has what HQ has of its scope: asked once both are level, or before anything of
//! the feed is sent to an office that does not know how far it has taken that.

use alloc::vec::Vec;

use super::{HqSession, Live, Output, State};
use crate::limits;
use crate::units::FeedNo;
use crate::wire::{Audit, Buckets, Differing, Listing, Message, Report};

/// How far the comparison of the office's scope has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Auditing {
    /// There is none.
    No,
    /// To be begun once both are level.
    Wanted,
    /// The office has been asked for its sums.
    Asked,
    /// The sums are being compared.
    Sums,
    /// The office has been asked for a list; the feed ended here then.
    Lists(FeedNo),
    /// All of the list has come.
    Listed(FeedNo),
}

/// With which report an office that has been asked what it has is not waited for any more.
const PATIENT_REPORTS: u64 = 2;

/// Is the office still waited for? One that reports again and has not said what it has does not know
/// how to.
pub(super) fn is_waited_for(report: &Report) -> bool {
    report.number < PATIENT_REPORTS
}

impl HqSession {
    pub(super) fn audit(&mut self, first: bool) {
        match &mut self.state {
            State::Looking(looking) => looking.audit |= first,
            State::Live(live) if live.auditing == Auditing::No => live.auditing = Auditing::Wanted,
            _ => {}
        }
    }

    /// Asks the office what it has.
    pub(super) fn ask(&mut self) {
        let State::Live(live) = &mut self.state else { return };
        live.audits += 1;
        live.auditing = Auditing::Asked;
        self.out.push_back(Output::Send(Message::Audit(Audit { number: live.audits })));
    }

    pub(super) fn differing(&mut self, buckets: Vec<u16>, upto: FeedNo) {
        let State::Live(live) = &mut self.state else { return };
        if live.auditing != Auditing::Sums {
            return;
        }
        if buckets.is_empty() {
            live.audited(upto);
        } else {
            live.auditing = Auditing::Lists(upto);
        }
        let differing = Differing { number: live.audits, buckets };
        self.out.push_back(Output::Send(Message::Differing(differing)));
    }

    pub(super) fn compared(&mut self) {
        if let State::Live(live) = &mut self.state
            && let Auditing::Listed(upto) = live.auditing
        {
            live.audited(upto);
        }
    }
}

impl Live {
    /// Has the office been asked for these?
    pub(super) fn owes(&self, buckets: &Buckets) -> bool {
        self.auditing == Auditing::Asked
            && buckets.number == self.audits
            && buckets.sums.len() == limits::BUCKETS
    }

    /// Has the office been asked for this list?
    pub(super) fn lists(&self, listing: &Listing) -> bool {
        matches!(self.auditing, Auditing::Lists(_)) && listing.number == self.audits
    }

    pub(super) fn listed(&mut self, listing: &Listing) {
        if let (true, Auditing::Lists(upto)) = (listing.last, self.auditing) {
            self.auditing = Auditing::Listed(upto);
        }
    }

    /// What the office lacked when the feed ended there stands behind that now.
    fn audited(&mut self, upto: FeedNo) {
        self.auditing = Auditing::No;
        if core::mem::take(&mut self.feed.withheld) {
            self.feed.read = self.feed.read.max(upto);
        }
        self.feed.grew = true;
    }
}
