//! HQ's database put back to an earlier copy of itself, with or without the file beside it.

use std::collections::BTreeMap;
use std::fs;

use fastrand::Rng;
use wasl_protocol::id::{JournalId, Position};
use wasl_server_stub::store::Store;

use super::checks::GONE_MS;
use super::restores::SALT;
use super::world::{Happens, World};

/// All files of HQ's database and of its copy, by how their names end.
pub(super) const ENDINGS: [&str; 6] = ["", "-wal", "-shm", BESIDE, IMAGE, IMAGE_BESIDE];
const BESIDE: &str = ".beside";
const IMAGE: &str = ".image";
const IMAGE_BESIDE: &str = ".image.beside";

/// A copy of HQ's database, which lies beside it, and what the checks have to know of it.
pub(super) struct Image {
    ends: BTreeMap<JournalId, Position>,
    editions: usize,
}

impl World<'_> {
    /// In half of the worlds with restores a copy of HQ's database is made, and put back once or
    /// twice; often an office's disk is put back at that time too.
    pub(super) fn plan_rollbacks(&mut self) {
        if !self.plan.restores {
            return;
        }
        let mut dice = Rng::with_seed(self.plan.seed ^ SALT.rotate_left(8));
        if dice.bool() {
            return;
        }
        let mut times: Vec<u64> = (0..3).map(|_| dice.u64(1_000..self.dials.faults_ms)).collect();
        times.sort_unstable();
        let [taken, first, second] = times[..] else { return };
        self.at(taken, Happens::HqImaged);
        self.at(first, Happens::HqPutBack { beside: dice.u8(..4) == 0 });
        if dice.bool() {
            self.at(second, Happens::HqPutBack { beside: dice.u8(..4) == 0 });
        }
        if dice.bool() {
            let office = dice.usize(..self.offices.len());
            self.at(dice.u64(..first), Happens::Imaged { office });
            self.at(first + dice.u64(..5_000), Happens::PutBack { office });
            for _ in 0..4 {
                self.at(dice.u64(..self.dials.faults_ms), Happens::Busy { office });
            }
        }
    }

    /// Somebody copies HQ's database while HQ works.
    pub(super) fn take_hq_image(&mut self) {
        let Some(store) = self.store() else { return };
        let _ = fs::remove_file(self.hq.file(IMAGE)); // there may be none
        let copied = self.runtime.block_on(store.copy(&self.hq.file(IMAGE)));
        let facts = copied.expect("a whole database can be copied");
        fs::copy(self.hq.file(BESIDE), self.hq.file(IMAGE_BESIDE)).expect("the file beside it");
        let ends = facts.ends.into_iter().collect();
        self.hq.image = Some(Image { ends, editions: self.hq.editions.len() });
        self.log(format_args!("a copy of HQ's database is made"));
    }

    /// HQ's database is put back to its copy; with the file beside it, HQ learns only from offices
    /// that it was.
    pub(super) fn put_back_hq(&mut self, beside: bool) {
        let Some(Image { ends, editions }) = &self.hq.image else { return };
        let (ends, editions) = (ends.clone(), *editions);
        let epoch = self.hq.epoch();
        self.hq_crash();
        for ending in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(self.hq.file(ending)); // the last two may not be there
        }
        let place = |from, to| {
            fs::copy(self.hq.file(from), self.hq.file(to)).expect("the copy is still there");
        };
        place(IMAGE, "");
        if beside {
            place(IMAGE_BESIDE, BESIDE);
            self.hq.unaware = epoch;
        }
        self.count(if beside { "HQ put back with the file beside it" } else { "HQ put back" });
        self.log(format_args!("HQ is put back to its copy; with the file beside it: {beside}"));
        self.hq.editions.truncate(editions);
        let has = |journal, seq| ends.get(&journal).is_some_and(|end: &Position| seq <= end.seq);
        self.oracle.taken.retain(|(journal, seq), _| has(*journal, *seq));
        let of_offices = ends.into_iter().filter(|(id, _)| self.oracle.acked.contains_key(id));
        self.oracle.kept = of_offices.collect();
    }

    /// The store, if staff may write to it: not while HQ may not know yet that it was put back.
    pub(super) fn staff(&self) -> Option<Store> {
        let known_by_now = self.time.now_ms() >= self.dials.faults_ms + GONE_MS;
        let unaware = self.hq.unaware.is_some() && self.hq.unaware == self.hq.epoch();
        self.store().filter(|_| known_by_now || !unaware)
    }
}
