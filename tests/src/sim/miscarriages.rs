//! Planted bugs of a rebirth: the journal that the product has born again is taken away, and another
//! one is put in its place.

use std::sync::Arc;

use wasl_agent::engine::{self, Engine, EngineError};
use wasl_agent::journal::{Log, Walk, log_dir};
use wasl_agent::seam::Disk;
use wasl_protocol::entry::{Genesis, Log as Purpose};
use wasl_protocol::frame::{Frame, Sealed};
use wasl_protocol::id::{JournalId, Position};
use wasl_protocol::rebirth::{Born, Old};

use super::bugs::Bug;
use super::world::World;

/// More than the entries of any journal of these worlds have, in bytes.
const ALL_BYTES: usize = 1 << 26;

impl World<'_> {
    /// The office's engine on a journal that was born wrong, in the place of `right`.
    ///
    /// # Panics
    /// If a trap closes meanwhile: there is none while a bug of a rebirth is looked for.
    pub(super) fn born_wrong(
        &mut self,
        nth: usize,
        right: JournalId,
    ) -> Result<Engine, EngineError> {
        let fresh = JournalId(self.dice.u64(..));
        let office = &self.offices[nth];
        office.disk.disarm();
        let identity = &self.district.members[nth].identity;
        let folder = engine::journals(identity.dir());
        let disk: Arc<dyn Disk> = Arc::new(office.disk.clone());
        let open = |id| Log::open_read(&disk, &folder, Purpose::Journal, id);
        let genesis = open(right)?.genesis()?;
        let (old_id, common) = genesis.after.expect("it goes on from another one");
        let mut old = open(old_id)?;
        let genesis = old.genesis()?;
        let key = genesis.data_key(old_id, &identity.unwrap_key()).expect("it is ours");
        let random_id = self.has(Bug::RandomRebirthId);
        let first = if random_id { None } else { old.position(common.seq.next())? };
        let sealed = Old { id: old_id, key: &key, genesis: &genesis, common };
        let mut frames = Vec::new();
        let first = first.map(|at| at.head);
        let mut born = Born::begin(sealed, first, fresh, &mut frames).expect("it was once");
        let genesis = Frame::parse(&frames).ok().and_then(|frame| Genesis::read(&frame).ok());
        disk.remove(&log_dir(&folder, right)).expect("a simulated disk");
        Log::create(&disk, &folder, born.id(), &genesis.expect("it has just been written"))?;
        let (mut new, _) = Log::open(&disk, &folder, Purpose::Journal, born.id(), None)?;
        let mut at = common;
        while let Some(stretch) = old.read(at, ALL_BYTES)? {
            for step in Walk::new(&stretch.frames, 0, at) {
                let end = if random_id {
                    again(&mut born, &step.frame, new.next())
                } else {
                    as_it_was(&mut born, &step.frame, new.next())
                };
                new.extend(&end.0, end.1.seq).expect("a simulated disk");
            }
            new.commit().expect("a simulated disk");
            at = stretch.last;
        }
        engine::open_in_memory(&office.world, identity, &self.hq_key, &mut |_| {})
    }
}

/// An entry written again as it is to be.
fn again(born: &mut Born, frame: &Frame<'_>, _: Position) -> (Vec<u8>, Position) {
    let mut out = Vec::new();
    let end = born.again(frame, &mut out).expect("it was once");
    (out, end)
}

/// An entry written again with the context that it had.
fn as_it_was(born: &mut Born, frame: &Frame<'_>, before: Position) -> (Vec<u8>, Position) {
    let (translated, _) = again(born, frame, before);
    let translated = Frame::parse(&translated).expect("it has just been written");
    let to = (born.id(), born.key());
    let sealed = Sealed::again(&translated, to, to, [7; 32]).expect("it has just been sealed");
    let mut out = Vec::new();
    let end = sealed.link(&before, &frame.context, &mut out);
    (out, end)
}
