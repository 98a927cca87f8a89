//! An office in a folder, filled with enrollments.

use std::error::Error;
use std::path::Path;

use tokio::sync::oneshot;
use wasl_agent::engine::{
    Arrival, Engine, EngineConfig, Input, Prepared, VIEW_CACHE_BYTES, birth, open,
};
use wasl_agent::keystore::{Identity, KeyFile};
use wasl_agent::seam::World;
use wasl_protocol::edition::Trust;
use wasl_protocol::frame::{Kind, Sealed};
use wasl_protocol::id::{EpochId, JournalId, OfficeId, RecordId};
use wasl_protocol::join::Joined;
use wasl_protocol::keys::{SignKey, UnwrapKey};
use wasl_protocol::pack::Packer;
use wasl_protocol::record::Draft;
use wasl_protocol::units::UnixMs;

const SAMPLE: &str = include_str!("../../../tests/data/enrollments.jsonl");

/// How many enrollments share a turn.
pub const TURN: usize = 256;

pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// An office that has joined an HQ whose signing key is known.
pub struct Filled {
    pub world: World,
    pub identity: Identity,
    pub config: EngineConfig,
    pub journal: JournalId,
    pub packer: Packer,
}

impl Filled {
    /// An office without records in `top`.
    pub fn empty(top: &Path, world: World, hq: &SignKey) -> Outcome<Self> {
        let dir = top.join("office");
        let key = KeyFile::locate(&dir, Some(&top.join("key")))?;
        let identity = Identity::create(&world, &dir, &key)?;
        let joined = Joined {
            office: office(),
            name_ar: String::new(),
            name_en: String::new(),
            epoch: EpochId(1),
            hq_sign_key: hq.verify_key(),
            hq_wrap_key: UnwrapKey::from_secret(&[8; 32]).wrap_key(),
            trust: Trust::in_one(hq.verify_key()),
            clock: UnixMs(0),
        };
        let journal = birth(&world, &identity, &joined)?;
        let config = EngineConfig { hq: hq.verify_key(), view_cache_bytes: VIEW_CACHE_BYTES };
        Ok(Self { world, identity, config, journal, packer: Packer::new() })
    }

    pub fn open(&self) -> Outcome<Engine> {
        Ok(open(&self.world, &self.identity, self.config, &mut |_| {})?)
    }

    /// Enrolls so many people; the records they got.
    pub fn fill(&mut self, engine: &mut Engine, entries: usize) -> Outcome<Vec<RecordId>> {
        let sample: Vec<&str> = SAMPLE.lines().collect();
        let mut records = Vec::with_capacity(entries);
        for first in (0..entries).step_by(TURN) {
            let mut inputs = Vec::new();
            let mut answers = Vec::new();
            for i in first..entries.min(first + TURN) {
                let with = format!("\"form_number\": \"{i}-");
                let line = sample[i % sample.len()].replacen("\"form_number\": \"", &with, 1);
                let prepared = Box::new(self.prepare(engine, &line)?);
                records.push(prepared.record);
                let (answer, waits) = oneshot::channel();
                inputs.push(Input::Enroll { prepared, answer });
                answers.push(waits);
            }
            engine.turn(inputs)?;
            engine.keep_up_if_many()?;
            for answer in answers {
                answer.blocking_recv()??;
            }
        }
        Ok(records)
    }

    fn prepare(&mut self, engine: &Engine, line: &str) -> Outcome<Prepared> {
        let edit = Draft::parse(line.as_bytes())?.into_edit(&office(), UnixMs(0));
        let (key, random) = (engine.data_key(), self.world.entropy.random());
        let plain = edit.encode();
        let sealed = Sealed::new(self.journal, Kind::EDIT, &plain, key, &mut self.packer, random);
        let arrival = Arrival::of(&edit).ok_or("a draft opens a record")?;
        let opening = edit.opening.ok_or("a draft opens a record")?;
        Ok(Prepared {
            arrival,
            record: edit.record,
            form_number: opening.form_number,
            posted: opening.posted,
            groups: edit.groups.into_keys().collect(),
            sealed,
        })
    }
}

pub fn office() -> OfficeId {
    "suq-al-shuyukh".parse().expect("a valid id")
}
