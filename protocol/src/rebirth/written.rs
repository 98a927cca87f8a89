//! The bytes of a journal that is born again.
//!
//! Nothing in them is drawn: keys, nonces and the time of birth follow from the old journal and from
//! where it diverges. Two machines that repair the same backup write the same bytes; where one has
//! more that diverges than the other, the shorter journal is the beginning of the longer.

use alloc::vec::Vec;
use core::fmt;

use super::{Rebirth, again, reborn};
use crate::codec::DecodeError;
use crate::entry::{Edit, Genesis};
use crate::frame::{Frame, Kind, OpenError, Sealed};
use crate::id::{Head, JournalId, Position};
use crate::keys::{DataKey, KeyError};
use crate::pack::Unpacker;
use crate::record::VersionVector;
use crate::units::Seq;

/// Why a journal is not born again. Nothing was written; a person has to look at it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RebirthError {
    /// The two have not even the first entry in common.
    #[error("not even the first entry is HQ's")]
    Nothing,
    /// A reader's key in the old Genesis is none.
    #[error("a key in the journal's first entry: {0}")]
    Reader(KeyError),
    /// An entry does not open.
    #[error("entry {0} does not open: {1}")]
    Sealed(Seq, OpenError),
    /// An edit does not decode.
    #[error("entry {0} does not decode: {1}")]
    Edit(Seq, DecodeError),
    /// The entry is not the one that follows.
    #[error("entry {0} does not follow the one before it")]
    Gap(Seq),
}

/// The journal that was, as far as both have it.
#[derive(Clone, Copy, Debug)]
pub struct Old<'a> {
    /// Its id.
    pub id: JournalId,
    /// Its data key.
    pub key: &'a DataKey,
    /// Its first entry.
    pub genesis: &'a Genesis,
    /// The last position that both have.
    pub common: Position,
}

/// A journal that is being written again.
pub struct Born {
    id: JournalId,
    key: DataKey,
    end: Position,
    old: (JournalId, DataKey),
    common: Seq,
    /// Where the old journal stood before the next entry.
    was: Position,
    rebirth: Rebirth,
    unpacker: Unpacker,
}

impl fmt::Debug for Born {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Born({}:{})", self.id, self.end.seq)
    }
}

impl Born {
    /// Begins with the Genesis, whose frame is appended to `out`. It names where `old` is sealed,
    /// and has its author, readers and time of birth. `first` is the head of the first entry that
    /// diverges; if there is none, `fresh` becomes the id.
    ///
    /// # Errors
    /// If nothing is common, or a reader of the old journal has no key.
    pub fn begin(
        old: Old<'_>,
        first: Option<Head>,
        fresh: JournalId,
        out: &mut Vec<u8>,
    ) -> Result<Self, RebirthError> {
        let Old { id: old_id, key: old_key, genesis, common } = old;
        if common.seq == Seq(0) {
            return Err(RebirthError::Nothing);
        }
        let id = first.map_or(fresh, |first| reborn(old_id, common, first));
        let key = DataKey::new(old_key.derive("wasl rebirth key/1", &id.0.to_le_bytes()));
        let reader = |to: crate::keys::WrapKey| (to, key.derive("wasl rebirth wrap/1", &to.0));
        let readers: Vec<_> = genesis.keys.iter().map(|wrapped| reader(wrapped.to)).collect();
        let genesis = genesis.reborn((&key, id), &readers, (old_id, common));
        let end = genesis.map_err(RebirthError::Reader)?.link(id, out);
        Ok(Self {
            id,
            key,
            end,
            old: (old_id, old_key.clone()),
            common: common.seq,
            was: common,
            rebirth: Rebirth::new(old_id, common.seq, id),
            unpacker: Unpacker::new(),
        })
    }

    /// The new journal's id.
    pub fn id(&self) -> JournalId {
        self.id
    }

    /// Where the new journal stands.
    pub fn end(&self) -> Position {
        self.end
    }

    /// The new journal's data key.
    pub fn key(&self) -> &DataKey {
        &self.key
    }

    /// Writes the next entry of the old journal again: its frame is appended to `out`. What it says
    /// stays as it is, packed as it was; an edit's context is translated.
    ///
    /// # Errors
    /// If it is not the next one, or does not open. Nothing is appended then.
    pub fn again(
        &mut self,
        frame: &Frame<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Position, RebirthError> {
        let seq = self.was.seq.next();
        let after = frame.follow(&self.was).map_err(|_| RebirthError::Gap(seq))?;
        let context = if frame.kind == Kind::EDIT {
            let plain = frame.open(self.old.0, &self.old.1, &mut self.unpacker);
            let plain = plain.map_err(|e| RebirthError::Sealed(seq, e))?;
            let edit = Edit::decode(&plain).map_err(|e| RebirthError::Edit(seq, e))?;
            self.rebirth.context(edit.record, seq, &frame.context)
        } else {
            VersionVector::default()
        };
        let random = self.key.derive("wasl rebirth seal/1", &after.head.0);
        let (from, to) = ((self.old.0, &self.old.1), (self.id, &self.key));
        let sealed = Sealed::again(frame, from, to, random);
        let sealed = sealed.map_err(|e| RebirthError::Sealed(seq, e.into()))?;
        self.end = sealed.link(&self.end, &context, out);
        self.was = after;
        debug_assert_eq!(again(self.common, seq), Some(self.end.seq));
        Ok(self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Log;
    use crate::id::{Dot, RecordId};
    use crate::keys::{SignKey, UnwrapKey};
    use crate::pack::Packer;
    use crate::units::UnixMs;
    use alloc::collections::BTreeMap;
    use std::vec;

    const OLD: JournalId = JournalId(7);
    const FRESH: JournalId = JournalId(99);

    fn readers() -> [UnwrapKey; 2] {
        [UnwrapKey::from_secret(&[2; 32]), UnwrapKey::from_secret(&[3; 32])]
    }

    fn edit(record: u8) -> Edit {
        let record = RecordId([record; 16]);
        Edit { record, at: UnixMs(5), operator: None, opening: None, groups: BTreeMap::new() }
    }

    /// A journal: its Genesis, and edits of these records, each of which has seen the one before.
    struct Journal {
        key: DataKey,
        genesis: Genesis,
        frames: Vec<Vec<u8>>,
        ends: Vec<Position>,
    }

    impl Journal {
        fn of(records: &[u8]) -> Self {
            let (key, mut bytes) = (DataKey::new([1; 32]), vec![]);
            let keys = readers().map(|reader| (reader.wrap_key(), [4; 32]));
            let (office, sign) = ("nasr".parse().unwrap(), SignKey::from_secret(&[5; 32]));
            let sign_key = sign.verify_key();
            let genesis =
                Genesis::new(Log::Journal, office, UnixMs(1), sign_key, (&key, OLD), &keys);
            let genesis = genesis.unwrap();
            let end = genesis.link(OLD, &mut bytes);
            let mut journal = Self { key, genesis, frames: vec![bytes], ends: vec![end] };
            let mut seen: BTreeMap<u8, VersionVector> = BTreeMap::new();
            for record in records {
                let context = seen.entry(*record).or_default();
                let end = journal.append(Kind::EDIT, &edit(*record).encode(), context);
                context.add(Dot { journal: OLD, seq: end.seq });
            }
            journal
        }

        fn append(&mut self, kind: Kind, plain: &[u8], context: &VersionVector) -> Position {
            let sealed = Sealed::new(OLD, kind, plain, &self.key, &mut Packer::new(), [6; 32]);
            let mut bytes = vec![];
            let end = sealed.link(self.ends.last().unwrap(), context, &mut bytes);
            self.frames.push(bytes);
            self.ends.push(end);
            end
        }

        fn begin(&self, common: usize, out: &mut Vec<u8>) -> Born {
            let (id, key, genesis) = (OLD, &self.key, &self.genesis);
            let old = Old { id, key, genesis, common: self.ends[common - 1] };
            let first = self.ends.get(common).map(|end| end.head);
            Born::begin(old, first, FRESH, out).unwrap()
        }

        /// Born again behind so many entries.
        fn reborn(&self, common: usize) -> (JournalId, Vec<u8>) {
            let mut out = vec![];
            let mut born = self.begin(common, &mut out);
            for frame in &self.frames[common..] {
                born.again(&Frame::parse(frame).unwrap(), &mut out).unwrap();
            }
            (born.id(), out)
        }
    }

    fn frames(mut bytes: &[u8]) -> Vec<Frame<'_>> {
        let mut frames = vec![];
        while !bytes.is_empty() {
            let frame = Frame::parse(bytes).unwrap();
            bytes = &bytes[frame.bytes().len()..];
            frames.push(frame);
        }
        frames
    }

    #[test]
    fn each_reader_of_the_old_journal_reads_the_same_edits_in_the_new_one() {
        let journal = Journal::of(&[1, 2, 1, 2, 1]);
        let (id, bytes) = journal.reborn(3);
        let frames = frames(&bytes);
        let genesis = Genesis::read(&frames[0]).unwrap();
        assert_eq!(genesis.after, Some((OLD, journal.ends[2])));
        assert_eq!((&genesis.office, genesis.born_at), (&journal.genesis.office, UnixMs(1)));
        let mut at = Position::start(id);
        for frame in &frames {
            at = frame.follow(&at).unwrap();
        }
        for reader in readers() {
            let key = genesis.data_key(id, &reader).unwrap();
            let open = |frame: &Frame<'_>| frame.open(id, &key, &mut Unpacker::new()).unwrap();
            let edits: Vec<_> =
                frames[1..].iter().map(|f| Edit::decode(&open(f)).unwrap()).collect();
            assert_eq!(edits, [edit(1), edit(2), edit(1)]);
        }
        let seen = |frame: &Frame<'_>| (frame.context.up_to(OLD), frame.context.up_to(id));
        let seen: Vec<_> = frames[1..].iter().map(seen).collect();
        assert_eq!(seen, [(Seq(2), Seq(0)), (Seq(3), Seq(0)), (Seq(2), Seq(2))]);
    }

    #[test]
    fn two_repairs_write_the_same_bytes_and_the_shorter_is_the_beginning_of_the_longer() {
        let (short, long) = (Journal::of(&[1, 2, 3]), Journal::of(&[1, 2, 3, 1, 3]));
        let (id, bytes) = short.reborn(2);
        assert_eq!((id, bytes.clone()), short.reborn(2));
        let (same, longer) = long.reborn(2);
        assert_eq!(same, id);
        assert!(longer.len() > bytes.len() && longer.starts_with(&bytes));
        assert_ne!(long.reborn(3).0, id);
    }

    #[test]
    fn where_nothing_diverges_the_id_is_the_fresh_one() {
        let journal = Journal::of(&[1, 2]);
        let (id, bytes) = journal.reborn(3);
        assert_eq!((id, frames(&bytes).len()), (FRESH, 1));
    }

    #[test]
    fn an_entry_of_any_kind_is_written_again_as_it_was() {
        let mut journal = Journal::of(&[1]);
        journal.append(Kind::CONFIG, b"a step", &VersionVector::default());
        journal.append(Kind(200), b"of the future", &VersionVector::default());
        let (id, bytes) = journal.reborn(2);
        let frames = frames(&bytes);
        let key = Genesis::read(&frames[0]).unwrap().data_key(id, &readers()[0]).unwrap();
        let open = |frame: &Frame<'_>| frame.open(id, &key, &mut Unpacker::new()).unwrap();
        assert_eq!((frames[1].kind, open(&frames[1])), (Kind::CONFIG, b"a step".to_vec()));
        assert_eq!((frames[2].kind, open(&frames[2])), (Kind(200), b"of the future".to_vec()));
    }

    #[test]
    fn what_does_not_open_or_follow_is_refused_and_nothing_is_written_of_it() {
        let mut journal = Journal::of(&[1, 2]);
        journal.append(Kind::EDIT, b"no edit", &VersionVector::default());
        let mut out = vec![];
        let mut born = journal.begin(2, &mut out);
        let length = out.len();
        let last = Frame::parse(&journal.frames[3]).unwrap();
        assert_eq!(born.again(&last, &mut out), Err(RebirthError::Gap(Seq(3))));
        assert_eq!(out.len(), length);
        let next = Frame::parse(&journal.frames[2]).unwrap();
        assert_eq!(born.again(&next, &mut out).map(|end| end.seq), Ok(Seq(2)));
        let refused = born.again(&last, &mut out);
        assert!(matches!(refused, Err(RebirthError::Edit(Seq(4), _))), "{refused:?}");
        let (id, key, genesis) = (OLD, &journal.key, &journal.genesis);
        let old = Old { id, key, genesis, common: Position::start(OLD) };
        let nothing = Born::begin(old, None, FRESH, &mut out);
        assert_eq!(nothing.err(), Some(RebirthError::Nothing));
    }
}
