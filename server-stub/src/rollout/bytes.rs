//! A rollout as it is stored.

use std::collections::BTreeSet;

use wasl_protocol::codec::{self, DecodeError};
use wasl_protocol::edition::{Scope, Serial};
use wasl_protocol::id::OfficeId;
use wasl_protocol::units::UnixMs;

use super::Plan;
use super::machine::{Open, Rollout, Spent, Stage};

/// The layout: the first byte.
const FORMAT: u8 = 1;

type Bytes = (
    (Serial, Scope, UnixMs, u64),
    (BTreeSet<OfficeId>, Option<OfficeId>, bool),
    (u8, u32, UnixMs, Option<String>),
    (BTreeSet<OfficeId>, Option<BTreeSet<OfficeId>>),
    (u64, u64),
);

impl Rollout {
    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let Self { serial, scope, not_after, soak_ms, plan, spent, .. } = self.clone();
        let (tag, wave) = match self.stage {
            Stage::Signed => (1, 0),
            Stage::Canary => (2, 0),
            Stage::Wave(number) => (3, number),
            Stage::Complete => (4, 0),
            Stage::Aborted => (5, 0),
            Stage::Superseded => (6, 0),
        };
        let open = match &self.open {
            Open::These(offices) => Some(offices.clone()),
            Open::Rest => None,
        };
        let bytes: Bytes = (
            (serial, scope, not_after, soak_ms),
            (plan.only, plan.canary, plan.now),
            (tag, wave, self.since, self.stopped.clone()),
            (self.earlier.clone(), open),
            (spent.age_ms, spent.soaked_ms),
        );
        [&[FORMAT], &codec::encode(&bytes)[..]].concat()
    }

    /// The rollout in these bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let body = bytes.strip_prefix(&[FORMAT]).ok_or(DecodeError::Malformed)?;
        let (what, plan, stage, offices, (age_ms, soaked_ms)): Bytes = codec::decode(body)?;
        let (serial, scope, not_after, soak_ms) = what;
        let (only, canary, now) = plan;
        let (tag, wave, since, stopped) = stage;
        let (earlier, open) = offices;
        let stage = match tag {
            1 => Stage::Signed,
            2 => Stage::Canary,
            3 => Stage::Wave(wave),
            4 => Stage::Complete,
            5 => Stage::Aborted,
            6 => Stage::Superseded,
            _ => return Err(DecodeError::Malformed),
        };
        Ok(Self {
            serial,
            scope,
            not_after,
            soak_ms,
            plan: Plan { only, canary, now },
            stage,
            since,
            stopped,
            earlier,
            open: open.map_or(Open::Rest, Open::These),
            spent: Spent { age_ms, soaked_ms },
        })
    }
}
