//! What backups do to a world: an office's disk is put back to an image of itself.
//!
//! Drawn from dice of their own, so that a world without them is the one it always was.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use wasl_agent::engine::EngineError;
use wasl_protocol::edition::Serial;
use wasl_protocol::entry::Cursor;
use wasl_protocol::id::{Dot, Head, JournalId, Position};
use wasl_protocol::rebirth;
use wasl_protocol::units::Seq;

use super::disk::SimDisk;
use super::net::Way;
use super::world::{Happens, World};

/// What the seed is mixed with for these dice.
pub(super) const SALT: u64 = 0x7265_7374_6f72_6573;

/// How many things people do at an office in each part of its history, at most.
const BUSY: usize = 5;

/// The head after each entry of an office's journals.
pub(super) type Heads = BTreeMap<(JournalId, Seq), Head>;

/// A copy of all that an office's disk held at a moment, and what the checks knew of it then.
pub(super) struct Image {
    disk: SimDisk,
    heads: Heads,
    slots: BTreeMap<Serial, Vec<u8>>,
    told: Option<Cursor>,
}

impl World<'_> {
    /// If that is planned, images are taken of some disks, and put back later, the same one once or
    /// twice; people write in all the histories.
    pub(super) fn plan_restores(&mut self) {
        if !self.plan.restores {
            return;
        }
        let mut dice = Rng::with_seed(self.plan.seed ^ SALT);
        for _ in 0..dice.usize(1..4) {
            let office = dice.usize(..self.offices.len());
            let mut times: Vec<u64> =
                (0..3).map(|_| dice.u64(1_000..self.dials.faults_ms)).collect();
            times.sort_unstable();
            let [taken, first, second] = times[..] else { return };
            self.at(taken, Happens::Imaged { office });
            self.at(first, Happens::PutBack { office });
            if dice.bool() {
                self.at(second, Happens::PutBack { office });
            }
            if dice.bool() {
                // The second one may hold what the restored disk wrote before it met HQ.
                let again = first + dice.u64(2_500..15_000);
                self.at(again, Happens::Imaged { office });
                self.at(dice.u64(first..again), Happens::Busy { office });
            }
            for (from, to) in [(0, taken), (taken, first), (first, second)] {
                for _ in 0..dice.usize(..=BUSY) {
                    self.at(dice.u64(from..=to), Happens::Busy { office });
                }
            }
        }
    }

    /// Somebody copies the disk of an office that runs.
    pub(super) fn take_image(&mut self, nth: usize) {
        let office = &self.offices[nth];
        if !office.counts() || office.woe.has_rotted() || office.engine.is_none() {
            return;
        }
        let Some(heads) = self.heads(nth) else { return };
        let office = &mut self.offices[nth];
        let disk = office.disk.copy();
        disk.settle();
        office.image = Some(Image { disk, heads, slots: office.slots.clone(), told: office.told });
        self.log(format_args!("an image of office {nth} is taken"));
    }

    /// The disk of an office is put back to its image.
    pub(super) fn put_back(&mut self, nth: usize) {
        let office = &self.offices[nth];
        let fit = office.counts() && !office.woe.has_rotted();
        let Some(image) = self.offices[nth].image.take().filter(|_| fit) else { return };
        if self.offices[nth].engine.is_some() {
            self.offices[nth].disk.switch_off(false);
            self.crashed(nth);
        }
        self.count("an office's disk put back");
        self.log(format_args!("office {nth} is put back to its image"));
        self.holds_only(nth, &image.heads);
        let office = &mut self.offices[nth];
        office.disk.put_back(&image.disk);
        office.woe.put_back = true;
        (office.slots, office.told) = (image.slots.clone(), image.told);
        office.image = Some(image);
        self.survey();
        if self.dice.bool() {
            let for_ms = self.dice.u64(1_000..30_000);
            self.cut_off(nth, Way::Up, for_ms);
            self.cut_off(nth, Way::Down, for_ms);
        }
    }

    /// What the disk of an office holds from now on. Behind that, and only there, its journal may go
    /// on in another way than at HQ.
    fn holds_only(&mut self, nth: usize, kept: &Heads) {
        let facts = self.offices[nth].facts.borrow().clone();
        let journals: BTreeSet<JournalId> = facts.journals.iter().map(|(id, _)| *id).collect();
        for made in self.oracle.made.values_mut().filter(|made| made.office == Some(nth)) {
            made.here &= made
                .answered
                .is_some_and(|(dot, at)| kept.get(&(dot.journal, dot.seq)) == Some(&at.head));
        }
        self.oracle.heads.retain(|dot, _| !journals.contains(&dot.0) || kept.contains_key(dot));
        self.oracle.parted.extend(journals);
    }

    /// Somebody does something at this office.
    pub(super) fn busy(&mut self, nth: usize) {
        if self.offices[nth].engine.is_none() {
            return;
        }
        if self.dice.bool() { self.enroll_at(nth) } else { self.correct_at(nth) }
    }

    /// An engine ended since its journal and HQ's differ: the next start makes that good.
    pub(super) fn ended_parted(&mut self, nth: usize, why: &EngineError) -> bool {
        let parted = matches!(why, EngineError::Diverged(_));
        if parted {
            if !self.offices[nth].woe.put_back {
                self.saw_fork(nth);
            }
            self.log(format_args!("office {nth} ends, to be born again"));
            self.offices[nth].disk.switch_off(false);
        }
        parted
    }

    /// An office goes on in a new journal. It has HQ tell the whole scope again then.
    pub(super) fn born_again(&mut self, nth: usize) {
        self.count("journal born again");
        self.log(format_args!("the journal of office {nth} is born again"));
        self.offices[nth].told = None;
    }

    /// What an office answered in a journal that was sealed before it stands in the next one now.
    pub(super) fn move_answers(&mut self, nth: usize, heads: &Heads) {
        let journals = self.offices[nth].facts.borrow().journals.clone();
        for pair in journals.windows(2) {
            let [(old, common), (new, _)] = *pair else { continue };
            for (uid, made) in &mut self.oracle.made {
                let Some((dot, _)) = made.answered.filter(|(dot, _)| dot.journal == old) else {
                    continue;
                };
                if made.office != Some(nth) || !made.here {
                    continue;
                }
                let Some(seq) = rebirth::again(common.seq, dot.seq) else { continue };
                let Some(head) = heads.get(&(new, seq)) else { continue };
                let dot = Dot { journal: new, seq };
                made.answered = Some((dot, Position { seq, head: *head }));
                self.oracle.dots.insert(dot, *uid);
            }
        }
    }
}
