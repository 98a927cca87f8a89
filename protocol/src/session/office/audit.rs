//! What HQ wants to know of the scope, and the answers.

use alloc::vec::Vec;

use super::{OfficeSession, Output, State};
use crate::id::RecordId;
use crate::limits;
use crate::units::MonoMs;
use crate::wire::{Listing, Message};

impl OfficeSession {
    /// Has the sums made that HQ asked for, once the positions are agreed.
    pub(super) fn sum(&mut self) {
        if let (State::Live, Some(audit)) = (self.state, self.audit) {
            self.audit = None;
            self.out.push_back(Output::Sum(audit));
        }
    }

    pub(super) fn listed(&mut self, now: MonoMs, number: u64, mut records: Vec<(RecordId, u64)>) {
        loop {
            let rest = records.split_off(records.len().min(limits::LISTED));
            let last = rest.is_empty();
            self.send(now, Message::Listing(Listing { number, records, last }));
            if last {
                return;
            }
            records = rest;
        }
    }

    pub(super) fn send(&mut self, now: MonoMs, message: Message) {
        if self.state == State::Live {
            self.beat_at = now;
            self.out.push_back(Output::Send(message));
        }
    }
}
