//! One entry's bytes: the same on disk, on the wire and at HQ.
//!
//! ```text
//! length   4  little-endian, of all that follows it
//! tag     16  the first 16 bytes of the new head
//! kind     1
//! codec    1
//! context     edits only: the version vector that the edit saw, in the clear
//! body        genesis: in the clear; else nonce (24), ciphertext, authenticator (16)
//! ```
//!
//! The seal is bound to format, journal, kind and codec; the head binds everything from the kind
//! byte on. Journal, number and previous head are not in the frame: they follow from its place.

use alloc::vec::Vec;

use crate::codec;
use crate::id::{JournalId, Position, Tag};
use crate::keys::{DataKey, KeyError, Random};
use crate::limits;
use crate::pack::{Codec, Packer, UnpackError, Unpacker};
use crate::record::VersionVector;

/// The version of this layout; part of what a seal is bound to.
pub const FORMAT: u8 = 1;

/// The bytes of a frame before its kind byte.
pub const PREFIX_BYTES: usize = LENGTH_BYTES + TAG_BYTES;

const LENGTH_BYTES: usize = 4;
const TAG_BYTES: usize = 16;

/// The shortest frame: a kind, a codec and a body of one byte.
const SHORTEST_BYTES: usize = PREFIX_BYTES + 3;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind(pub u8);

impl Kind {
    /// The birth of a log: who writes it, and its wrapped data key. In the clear.
    pub const GENESIS: Self = Self(1);
    /// An edit of one record.
    pub const EDIT: Self = Self(2);
    /// In an inbox: one piece of news that HQ signed.
    pub const NEWS: Self = Self(3);
    /// In an inbox: how far HQ's feed has been taken.
    pub const CURSOR: Self = Self(4);
    /// In a journal of HQ's: what staff decided about an entry that was held.
    pub const DECISION: Self = Self(5);
    /// In an office's journal: a step of a config edition's way through the office.
    pub const CONFIG: Self = Self(6);
    /// A state that HQ signed in an earlier life and lost, given back by an office.
    pub const ADOPTED: Self = Self(7);
}

/// Bytes that are not a frame, or not the frame that belongs here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The bytes end before the frame does.
    #[error("cut short")]
    Short,
    /// No frame can have this length.
    #[error("a length of {0} bytes, which no frame has")]
    Length(usize),
    /// The context is malformed.
    #[error("a malformed context")]
    Context,
    /// The tag is not that of the entry that belongs here.
    #[error("its tag does not continue the chain: damaged, or not the entry that belongs here")]
    Tag,
}

/// A body that does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The seal.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A codec byte of the future.
    #[error("codec {0} is not known to this version")]
    Codec(u8),
    /// The packing.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
}

/// One whole frame in borrowed bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The first 16 bytes of the head after this entry, as the frame claims.
    pub tag: Tag,
    /// What the entry is.
    pub kind: Kind,
    /// The codec byte.
    pub codec: u8,
    /// What the edit saw; empty for other kinds.
    pub context: VersionVector,
    /// The body: sealed, but for Genesis.
    pub body: &'a [u8],
    bytes: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The frame at the start of `bytes`; what follows it does not matter.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FrameError> {
        let len = Self::length(bytes)?;
        let bytes = bytes.get(..len).ok_or(FrameError::Short)?;
        let mut tag = [0; TAG_BYTES];
        tag.copy_from_slice(&bytes[LENGTH_BYTES..PREFIX_BYTES]);
        let (kind, codec) = (Kind(bytes[PREFIX_BYTES]), bytes[PREFIX_BYTES + 1]);
        let rest = &bytes[PREFIX_BYTES + 2..];
        let (context, used) = if kind == Kind::EDIT {
            codec::decode_prefix(rest).map_err(|_| FrameError::Context)?
        } else {
            (VersionVector::default(), 0)
        };
        Ok(Self { tag: Tag(tag), kind, codec, context, body: &rest[used..], bytes })
    }

    /// How long the frame at the start of `bytes` says it is, prefix included.
    pub fn length(bytes: &[u8]) -> Result<usize, FrameError> {
        let length = bytes.first_chunk::<LENGTH_BYTES>().ok_or(FrameError::Short)?;
        let len = LENGTH_BYTES.saturating_add(u32::from_le_bytes(*length) as usize);
        if (SHORTEST_BYTES..=limits::FRAME_BYTES).contains(&len) {
            Ok(len)
        } else {
            Err(FrameError::Length(len))
        }
    }

    /// All its bytes.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Where the log stands after this frame, if it continues `before`.
    pub fn follow(&self, before: &Position) -> Result<Position, FrameError> {
        let after = before.after(&self.bytes[PREFIX_BYTES..]);
        // Behind the last number there is none: only a liar names it.
        let continues = after.seq > before.seq && after.head.tag() == self.tag;
        if continues { Ok(after) } else { Err(FrameError::Tag) }
    }

    /// The plaintext of a sealed body.
    pub fn open(
        &self,
        journal: JournalId,
        key: &DataKey,
        unpacker: &mut Unpacker,
    ) -> Result<Vec<u8>, OpenError> {
        let codec = Codec::from_byte(self.codec).ok_or(OpenError::Codec(self.codec))?;
        let packed = key.open(&associated_data(journal, self.kind, self.codec), self.body)?;
        Ok(unpacker.unpack(codec, packed)?)
    }
}

/// A sealed body that waits for its place in a log. Edges make it; the writer only links it.
#[derive(Clone, Debug)]
pub struct Sealed {
    kind: Kind,
    codec: u8,
    body: Vec<u8>,
}

impl Sealed {
    /// Packs and seals `plain` for `journal`.
    #[expect(clippy::too_many_arguments, reason = "the associated data, the body and its seal")]
    pub fn new(
        journal: JournalId,
        kind: Kind,
        plain: &[u8],
        key: &DataKey,
        packer: &mut Packer,
        random: Random,
    ) -> Self {
        let (how, body) = packer.pack(plain);
        let ad = associated_data(journal, kind, how as u8);
        Self { kind, codec: how as u8, body: key.seal(&ad, &body, random) }
    }

    /// The body of a frame of the journal `from`, packed as it was, under the seal of the journal
    /// `to`.
    ///
    /// # Errors
    /// If it does not open.
    pub fn again(
        frame: &Frame<'_>,
        from: (JournalId, &DataKey),
        to: (JournalId, &DataKey),
        random: Random,
    ) -> Result<Self, KeyError> {
        let Frame { kind, codec, .. } = *frame;
        let packed = from.1.open(&associated_data(from.0, kind, codec), frame.body)?;
        let body = to.1.seal(&associated_data(to.0, kind, codec), &packed, random);
        Ok(Self { kind, codec, body })
    }

    /// The frame of this body after `before`, appended to `out`; where the log stands then.
    /// `context` is what an edit saw; it is not written for other kinds.
    pub fn link(&self, before: &Position, context: &VersionVector, out: &mut Vec<u8>) -> Position {
        link(before, self.kind, self.codec, context, &self.body, out)
    }

    /// The most bytes that the frame can take, but for its context.
    pub fn frame_bytes(&self) -> usize {
        PREFIX_BYTES + 2 + self.body.len()
    }
}

/// The frame of a Genesis, appended to `out`; where the log stands then.
pub fn link_genesis(journal: JournalId, body: &[u8], out: &mut Vec<u8>) -> Position {
    let none = VersionVector::default();
    link(&Position::start(journal), Kind::GENESIS, Codec::Plain as u8, &none, body, out)
}

#[expect(clippy::too_many_arguments, reason = "the layout of a frame, field by field")]
fn link(
    before: &Position,
    kind: Kind,
    codec: u8,
    context: &VersionVector,
    body: &[u8],
    out: &mut Vec<u8>,
) -> Position {
    let start = out.len();
    out.extend_from_slice(&[0; PREFIX_BYTES]);
    out.extend_from_slice(&[kind.0, codec]);
    if kind == Kind::EDIT {
        out.extend_from_slice(&codec::encode(context));
    }
    out.extend_from_slice(body);
    let after = before.after(&out[start + PREFIX_BYTES..]);
    let length = u32::try_from(out.len() - start - LENGTH_BYTES).expect("bounded by FRAME_BYTES");
    out[start..start + LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
    out[start + LENGTH_BYTES..start + PREFIX_BYTES].copy_from_slice(&after.head.tag().0);
    after
}

fn associated_data(journal: JournalId, kind: Kind, codec: u8) -> [u8; 11] {
    let mut ad = [FORMAT, 0, 0, 0, 0, 0, 0, 0, 0, kind.0, codec];
    ad[1..9].copy_from_slice(&journal.0.to_le_bytes());
    ad
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Dot;
    use crate::units::Seq;
    use proptest::prelude::*;

    const J: JournalId = JournalId(7);

    fn key() -> DataKey {
        DataKey::new([1; 32])
    }

    fn edit(plain: &[u8]) -> (Vec<u8>, Position) {
        let mut out = Vec::new();
        let sealed = Sealed::new(J, Kind::EDIT, plain, &key(), &mut Packer::new(), [9; 32]);
        let context = VersionVector::of([Dot { journal: J, seq: Seq(3) }]);
        let after = sealed.link(&Position::start(J), &context, &mut out);
        (out, after)
    }

    #[test]
    fn a_frame_comes_back_and_continues_its_chain_only() {
        let (bytes, after) = edit("تجربة".as_bytes());
        let frame = Frame::parse(&bytes).unwrap();
        assert_eq!(frame.follow(&Position::start(J)), Ok(after));
        assert_eq!(frame.follow(&after), Err(FrameError::Tag));
        assert!(frame.context.covers(Dot { journal: J, seq: Seq(3) }));
        let plain = frame.open(J, &key(), &mut Unpacker::new()).unwrap();
        assert_eq!(plain, "تجربة".as_bytes());
        let elsewhere = frame.open(JournalId(8), &key(), &mut Unpacker::new());
        assert_eq!(elsewhere, Err(OpenError::Key(KeyError::Seal)));
    }

    #[test]
    fn nothing_continues_a_log_behind_its_last_number() {
        let (bytes, after) = edit(b"enrollment");
        let frame = Frame::parse(&bytes).unwrap();
        let last = Position { seq: Seq(u64::MAX), head: after.head };
        assert_eq!(frame.follow(&last), Err(FrameError::Tag));
        let mut forged = Vec::new();
        link(&last, Kind::EDIT, 0, &VersionVector::default(), b"body", &mut forged);
        assert_eq!(Frame::parse(&forged).unwrap().follow(&last), Err(FrameError::Tag));
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let (bytes, _) = edit(b"enrollment");
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let followed = Frame::parse(&bad).and_then(|f| f.follow(&Position::start(J)));
            assert!(followed.is_err(), "bit {bit}");
        }
    }

    #[test]
    fn zeros_are_not_a_frame() {
        assert_eq!(Frame::parse(&[0; 64]), Err(FrameError::Length(4)));
        assert_eq!(Frame::parse(&[]), Err(FrameError::Short));
    }

    proptest! {
        #[test]
        fn hostile_bytes_are_refused_not_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(f) = Frame::parse(&bytes) {
                let _ = f.open(J, &key(), &mut Unpacker::new());
            }
        }
    }
}
