//! A journal whose end is not the one that HQ has: how it is born again.
//!
//! The office was restored from a backup, or cloned, and wrote on. At the last common position the
//! old journal is sealed; what diverges from there is written again, in its order, into a new one,
//! right behind its Genesis. The new id follows from where and how they diverge: whoever repairs,
//! and however often, gives the same edits the same dots.
//!
//! Knows nothing of disks, of sessions, or of why the journals differ.

mod written; // its bytes

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::frame::Frame;
use crate::id::{Head, JournalId, Position, RecordId};
use crate::record::VersionVector;
use crate::units::Seq;

pub use written::{Born, Old, RebirthError};

/// The id of the journal that goes on from `old` at `common`, where `first` is the head of the first
/// entry that diverges.
///
/// Where none diverges, nothing is written again and no dot has to be met: any new id will do.
pub fn reborn(old: JournalId, common: Position, first: Head) -> JournalId {
    let mut h = blake3::Hasher::new();
    h.update(b"wasl rebirth\0").update(&old.0.to_le_bytes());
    h.update(&common.seq.0.to_le_bytes()).update(&common.head.0).update(&first.0);
    let mut id = [0; 8];
    id.copy_from_slice(&h.finalize().as_bytes()[..8]);
    JournalId(u64::from_le_bytes(id))
}

/// Compares HQ's `frames` of a journal, which follow `after`, with what is there under the same
/// numbers in `ours`: the last position that is the same, and whether what follows in `frames` is
/// not. None if `frames` are no chain behind `after`.
///
/// # Errors
/// Those of `ours`.
pub fn last_common<E>(
    after: Position,
    mut frames: &[u8],
    mut ours: impl FnMut(Seq) -> Result<Option<Position>, E>,
) -> Result<Option<(Position, bool)>, E> {
    let (mut common, mut at, mut parted) = (after, after, false);
    while !frames.is_empty() {
        let Ok(frame) = Frame::parse(frames) else { return Ok(None) };
        let Ok(next) = frame.follow(&at) else { return Ok(None) };
        parted = parted || ours(next.seq)? != Some(next);
        if !parted {
            common = next;
        }
        at = next;
        frames = &frames[frame.bytes().len()..];
    }
    Ok(Some((common, parted)))
}

/// The number in the new journal of the entry that was `was` in the old one, sealed at `common`;
/// none for what both have. The first behind the Genesis was the first behind `common`.
pub fn again(common: Seq, was: Seq) -> Option<Seq> {
    (was > common).then(|| Seq((was - common).saturating_add(1)))
}

/// What every edit that diverges has seen, in the words of the new journal.
///
/// What an edit saw of the old journal behind the common position is not what HQ has under those
/// numbers: kept as it is, it would silently overwrite that.
#[derive(Debug)]
pub struct Rebirth {
    old: JournalId,
    common: Seq,
    new: JournalId,
    records: BTreeMap<RecordId, Diverging>,
}

/// One record's edits that diverge.
#[derive(Debug)]
struct Diverging {
    /// Its newest edit that both have, as the first that diverges saw it; 0 for none.
    base: Seq,
    /// Their numbers in the old journal, growing.
    edits: Vec<Seq>,
}

impl Rebirth {
    /// The journal `new` goes on from `old` at `common`.
    pub fn new(old: JournalId, common: Seq, new: JournalId) -> Self {
        Self { old, common, new, records: BTreeMap::new() }
    }

    /// The context with which the edit `was` of `record` is written again. Edits come in the order
    /// of the old journal, all behind the common position.
    ///
    /// `old: n` above the common position becomes `new: m`, the newest edit of this record up to n,
    /// and `old: b`, the newest before those: what is covered of a record is counted by the entries
    /// that touched it, and HQ would wait for ever for any other number.
    pub fn context(
        &mut self,
        record: RecordId,
        was: Seq,
        context: &VersionVector,
    ) -> VersionVector {
        let seen = context.up_to(self.old);
        let first = || Diverging { base: seen.min(self.common), edits: Vec::new() };
        let known = self.records.entry(record).or_insert_with(first);
        let mut translated = context.clone();
        if seen > self.common {
            translated.set(self.old, known.base);
            let newest = known.edits.iter().rev().find(|edit| **edit <= seen);
            let newest = newest.and_then(|edit| again(self.common, *edit));
            translated.set(self.new, newest.unwrap_or_default());
        }
        known.edits.push(was);
        translated
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Dot;

    const OLD: JournalId = JournalId(1);
    const NEW: JournalId = JournalId(2);

    fn seen(old: u64, new: u64) -> VersionVector {
        let mut vector = VersionVector::default();
        vector.set(OLD, Seq(old));
        vector.set(NEW, Seq(new));
        vector.set(JournalId(9), Seq(5));
        vector
    }

    #[test]
    fn what_both_have_is_seen_as_before_and_what_diverges_under_its_new_number() {
        let (a, b) = (RecordId([1; 16]), RecordId([2; 16]));
        let mut rebirth = Rebirth::new(OLD, Seq(10), NEW);
        assert_eq!(rebirth.context(a, Seq(11), &seen(4, 0)), seen(4, 0));
        assert_eq!(rebirth.context(b, Seq(12), &seen(10, 0)), seen(10, 0));
        assert_eq!(rebirth.context(a, Seq(13), &seen(11, 0)), seen(4, 2));
        assert_eq!(rebirth.context(b, Seq(14), &seen(12, 0)), seen(10, 3));
        assert_eq!(rebirth.context(a, Seq(15), &seen(13, 0)), seen(4, 4));
    }

    #[test]
    fn a_record_that_was_opened_behind_the_common_position_has_seen_nothing_before_it() {
        let (record, mut rebirth) = (RecordId([1; 16]), Rebirth::new(OLD, Seq(10), NEW));
        assert_eq!(rebirth.context(record, Seq(11), &seen(0, 0)), seen(0, 0));
        let context = rebirth.context(record, Seq(12), &seen(11, 0));
        assert_eq!(context, seen(0, 2));
        assert!(!context.covers(Dot { journal: OLD, seq: Seq(1) }));
    }

    #[test]
    fn the_new_id_follows_from_where_and_how_they_diverge_and_from_nothing_else() {
        let at = |seq| Position { seq: Seq(seq), head: Head([7; 32]) };
        let id = reborn(OLD, at(10), Head([1; 32]));
        assert_eq!(id, reborn(OLD, at(10), Head([1; 32])));
        for other in [
            reborn(NEW, at(10), Head([1; 32])),
            reborn(OLD, at(11), Head([1; 32])),
            reborn(OLD, at(10), Head([2; 32])),
            OLD,
        ] {
            assert_ne!(id, other);
        }
    }

    #[test]
    fn an_old_number_is_found_behind_the_genesis() {
        assert_eq!(again(Seq(10), Seq(10)), None);
        assert_eq!(again(Seq(10), Seq(11)), Some(Seq(2)));
        assert_eq!(again(Seq(10), Seq(14)), Some(Seq(5)));
    }
}
