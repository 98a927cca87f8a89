//! The messages of a session, and their bytes.
//!
//! On a stream each message is `length (4, little-endian, of all that follows it), tag (1), body`.
//! A tag that is not known is skipped: the length says how far.

mod audit; // whether an office has what HQ has

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use bincode::{Decode, Encode};

use crate::codec::{self, DecodeError};
use crate::edition::Serial;
use crate::entry::Cursor;
use crate::frame::{Frame, FrameError};
use crate::id::{EpochId, JournalId, Position};
use crate::keys::{KeyError, SignKey, Signature, VerifyKey};
use crate::limits;
use crate::news::SignedNews;
use crate::units::UnixMs;

pub use audit::{Audit, Buckets, Differing, Listing};

/// Office to HQ, first: everything HQ needs to go on where both left off. Fits 0-RTT.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Hello {
    /// All journals of the office, oldest first, and where each ends.
    pub journals: Vec<(JournalId, Position)>,
    /// How far the office has taken HQ's feed; none before the first state.
    pub cursor: Option<Cursor>,
    /// The newest receipt of HQ's: an HQ that lacks what it says was put back to an earlier state.
    pub acked: Option<Box<Ack>>,
    /// The serial of the config edition in force; 0 for none.
    pub edition: u64,
    /// The office's clock.
    pub clock: UnixMs,
    /// How many entries HQ has not acknowledged, as far as the office knows.
    pub backlog: u64,
    /// The agent's version, for people.
    pub version: String,
}

/// Where HQ stands in one journal of the office.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Standing {
    /// Which journal.
    pub journal: JournalId,
    /// How far HQ has it; its start if HQ has none of it.
    pub top: Position,
    /// What HQ has at the office's position (or at its own, if that comes first), and at 1, 2, 4, ...
    /// entries before that: enough to find the last common position.
    pub ladder: Vec<Position>,
    /// Up to where it is in a copy declared off-site.
    pub stable: Option<Position>,
}

/// HQ to office: where HQ stands.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Welcome {
    /// Which life of HQ's database this is.
    pub epoch: EpochId,
    /// HQ's standing in each journal that Hello named, in the same order.
    pub journals: Vec<Standing>,
    /// HQ's clock.
    pub clock: UnixMs,
    /// How many bytes of entries may be under way.
    pub credit_bytes: u64,
}

/// Office to HQ: frames after a position, and the office's signature over where they lead.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Entries {
    /// Of which journal.
    pub journal: JournalId,
    /// The position that the first frame continues.
    pub after: Position,
    /// The frames, one behind the other, as they lie on disk.
    pub frames: Vec<u8>,
    /// The position after the last frame.
    pub last: Position,
    signature: Signature,
}

const ENTRIES_DOMAIN: &str = "wasl entries/1";

impl Entries {
    /// The message that carries `frames`, which lead from `after` to `last`.
    pub fn new(
        journal: JournalId,
        after: Position,
        frames: Vec<u8>,
        last: Position,
        key: &SignKey,
    ) -> Self {
        let signature = key.sign(ENTRIES_DOMAIN, &codec::encode(&(journal, last)));
        Self { journal, after, frames, last, signature }
    }

    /// Checks that the office signed where these frames lead.
    pub fn verify(&self, office: &VerifyKey) -> Result<(), KeyError> {
        office.verify(ENTRIES_DOMAIN, &codec::encode(&(self.journal, self.last)), &self.signature)
    }

    /// The frames, each with the position after it, if they lead from `after` to `last`.
    pub fn walk(&self) -> Result<Vec<(Frame<'_>, Position)>, FrameError> {
        let mut at = self.after;
        let mut rest = &self.frames[..];
        let mut walked = Vec::new();
        while !rest.is_empty() {
            let frame = Frame::parse(rest)?;
            at = frame.follow(&at)?;
            rest = &rest[frame.bytes().len()..];
            walked.push((frame, at));
        }
        if at == self.last { Ok(walked) } else { Err(FrameError::Tag) }
    }
}

/// HQ to office: what HQ has fsynced. Signed: it is the office's receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Ack {
    /// In which life of HQ's database.
    pub epoch: EpochId,
    /// Of which journal.
    pub journal: JournalId,
    /// Up to where HQ has fsynced it.
    pub stored: Position,
    /// Up to where it is in a copy declared off-site.
    pub stable: Option<Position>,
    /// How many of the office's entries HQ holds back.
    pub held: u64,
    signature: Signature,
}

const ACK_DOMAIN: &str = "wasl ack/1";

impl Ack {
    /// The receipt for one journal.
    #[expect(clippy::too_many_arguments, reason = "what is signed, and the key")]
    pub fn new(
        epoch: EpochId,
        journal: JournalId,
        stored: Position,
        stable: Option<Position>,
        held: u64,
        key: &SignKey,
    ) -> Self {
        let message = codec::encode(&(epoch, journal, stored, stable));
        let signature = key.sign(ACK_DOMAIN, &message);
        Self { epoch, journal, stored, stable, held, signature }
    }

    /// Checks that HQ signed it.
    pub fn verify(&self, hq: &VerifyKey) -> Result<(), KeyError> {
        let message = codec::encode(&(self.epoch, self.journal, self.stored, self.stable));
        hq.verify(ACK_DOMAIN, &message, &self.signature)
    }
}

/// HQ to office: news, mostly record states, and how far the feed has come with them.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct States {
    /// The news, in the order of the feed. May be empty: what lay between came from the office.
    pub states: Vec<SignedNews>,
    /// The cursor after them.
    pub upto: Cursor,
}

/// Office to HQ: the states up to here are on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct StatesAck {
    /// The cursor.
    pub upto: Cursor,
}

/// Office to HQ: a heartbeat, and the question whether both are level. HQ answers with [`Level`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Report {
    /// Counts the reports of this session, from 1. Hello counts as 0.
    pub number: u64,
    /// The office's clock.
    pub clock: UnixMs,
    /// Where its journal ends.
    pub head: Position,
    /// How many entries HQ has not acknowledged.
    pub backlog: u64,
    /// How many records the office has.
    pub records: u64,
}

/// HQ to office: all that HQ had for the office when this report came is on the office's disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Level {
    /// The report that this answers; 0 for Hello.
    pub report: u64,
}

/// Office to HQ: frames of the office's own journal behind this position are wanted back, to fill a
/// hole in it. HQ answers with [`Fetched`]; one at a time is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Fetch {
    /// Which journal: one that Hello named.
    pub journal: JournalId,
    /// The position that the first frame continues.
    pub after: Position,
}

/// HQ to office: frames as the office sent them once. The chain says whether they are.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Fetched {
    /// As in [`Fetch`].
    pub journal: JournalId,
    /// As in [`Fetch`].
    pub after: Position,
    /// The frames, one behind the other; none if HQ has nothing behind that position.
    pub frames: Vec<u8>,
}

/// Office to HQ: states that HQ signed in an earlier life of its database, byte for byte, for an HQ
/// that was put back to an earlier state. Until the last of them has come HQ sends none.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Returned {
    /// The states, in the order in which they came.
    pub states: Vec<SignedNews>,
    /// Are there no more?
    pub last: bool,
}

/// HQ to office: a signed edition of the config, as its author's machine made it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Offer {
    /// See [`crate::edition::SignedEdition`].
    pub bytes: Vec<u8>,
}

/// HQ to office: the rollout of an edition is stopped. Who is still trying it goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Abort {
    /// Of which edition.
    pub serial: Serial,
    signature: Signature,
}

const ABORT_DOMAIN: &str = "wasl abort/1";

impl Abort {
    /// Signs it.
    pub fn new(serial: Serial, key: &SignKey) -> Self {
        Self { serial, signature: key.sign(ABORT_DOMAIN, &codec::encode(&serial)) }
    }

    /// Checks that HQ signed it.
    pub fn verify(&self, hq: &VerifyKey) -> Result<(), KeyError> {
        hq.verify(ABORT_DOMAIN, &codec::encode(&self.serial), &self.signature)
    }
}

/// Why a session ends; also the application error code of the QUIC connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ByeCode {
    /// All is done, or this side stops.
    Done = 0,
    /// The other side broke the protocol.
    Fault = 1,
    /// HQ does not know this key.
    UnknownKey = 2,
    /// The office's key has been revoked.
    Revoked = 3,
    /// Too busy; come back after the stated time.
    Busy = 4,
    /// The other side was silent for too long.
    Timeout = 5,
    /// The journals differ where they should agree: one side was restored or cloned.
    Fork = 6,
    /// The same office connected again; the newer connection stays.
    Replaced = 7,
    /// This side cannot store what it was sent.
    CannotStore = 8,
}

impl ByeCode {
    /// The code that a byte names; an unknown one is a fault.
    pub fn from_byte(byte: u8) -> Self {
        match byte {
            0 => Self::Done,
            2 => Self::UnknownKey,
            3 => Self::Revoked,
            4 => Self::Busy,
            5 => Self::Timeout,
            6 => Self::Fork,
            7 => Self::Replaced,
            8 => Self::CannotStore,
            _ => Self::Fault,
        }
    }
}

/// Either side: the session ends here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bye {
    /// Why.
    pub code: ByeCode,
    /// Do not come back before this many milliseconds; 0 if it does not matter.
    pub retry_after_ms: u64,
}

impl Bye {
    /// Ends the session with no word on when to come back.
    pub fn now(code: ByeCode) -> Self {
        Self { code, retry_after_ms: 0 }
    }
}

/// One message of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Tag 1.
    Hello(Hello),
    /// Tag 2.
    Welcome(Welcome),
    /// Tag 3.
    Entries(Entries),
    /// Tag 4.
    Ack(Ack),
    /// Tag 5.
    States(States),
    /// Tag 6.
    StatesAck(StatesAck),
    /// Tag 7.
    Report(Report),
    /// Tag 8.
    Bye(Bye),
    /// Tag 9.
    Level(Level),
    /// Tag 10.
    Edition(Offer),
    /// Tag 11.
    Abort(Abort),
    /// Tag 12.
    Fetch(Fetch),
    /// Tag 13.
    Fetched(Fetched),
    /// Tag 14.
    Returned(Returned),
    /// Tag 15.
    Audit(Audit),
    /// Tag 16.
    Buckets(Buckets),
    /// Tag 17.
    Differing(Differing),
    /// Tag 18.
    Listing(Listing),
}

/// Which stream a message travels on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stream {
    /// Bidirectional, opened by the office.
    Control,
    /// Unidirectional, office to HQ.
    Entries,
    /// Unidirectional, HQ to office.
    States,
}

impl Message {
    /// Which stream it travels on.
    pub fn stream(&self) -> Stream {
        match self {
            Self::Entries(_) => Stream::Entries,
            Self::States(_) => Stream::States,
            _ => Stream::Control,
        }
    }

    /// Its bytes on a stream, length prefix included.
    ///
    /// # Panics
    /// If it is longer than 4 GiB, which no sender within [`limits`] makes.
    pub fn encode(&self) -> Vec<u8> {
        let (tag, body) = match self {
            Self::Hello(m) => (1, codec::encode(m)),
            Self::Welcome(m) => (2, codec::encode(m)),
            Self::Entries(m) => (3, codec::encode(m)),
            Self::Ack(m) => (4, codec::encode(m)),
            Self::States(m) => (5, codec::encode(m)),
            Self::StatesAck(m) => (6, codec::encode(m)),
            Self::Report(m) => (7, codec::encode(m)),
            Self::Bye(m) => (8, codec::encode(&(m.code as u8, m.retry_after_ms))),
            Self::Level(m) => (9, codec::encode(m)),
            Self::Edition(m) => (10, codec::encode(m)),
            Self::Abort(m) => (11, codec::encode(m)),
            Self::Fetch(m) => (12, codec::encode(m)),
            Self::Fetched(m) => (13, codec::encode(m)),
            Self::Returned(m) => (14, codec::encode(m)),
            Self::Audit(m) => (15, codec::encode(m)),
            Self::Buckets(m) => (16, codec::encode(m)),
            Self::Differing(m) => (17, codec::encode(m)),
            Self::Listing(m) => (18, codec::encode(m)),
        };
        let length = u32::try_from(body.len() + 1).expect("bounded by MESSAGE_BYTES");
        [&length.to_le_bytes(), &[tag][..], &body].concat()
    }

    fn decode(tag: u8, body: &[u8]) -> Result<Option<Self>, DecodeError> {
        Ok(Some(match tag {
            1 => Self::Hello(codec::decode(body)?),
            2 => Self::Welcome(codec::decode(body)?),
            3 => Self::Entries(codec::decode(body)?),
            4 => Self::Ack(codec::decode(body)?),
            5 => Self::States(codec::decode(body)?),
            6 => Self::StatesAck(codec::decode(body)?),
            7 => Self::Report(codec::decode(body)?),
            8 => {
                let (code, retry_after_ms) = codec::decode(body)?;
                Self::Bye(Bye { code: ByeCode::from_byte(code), retry_after_ms })
            }
            9 => Self::Level(codec::decode(body)?),
            10 => Self::Edition(codec::decode(body)?),
            11 => Self::Abort(codec::decode(body)?),
            12 => Self::Fetch(codec::decode(body)?),
            13 => Self::Fetched(codec::decode(body)?),
            14 => Self::Returned(codec::decode(body)?),
            15 => Self::Audit(codec::decode(body)?),
            16 => Self::Buckets(codec::decode(body)?),
            17 => Self::Differing(codec::decode(body)?),
            18 => Self::Listing(codec::decode(body)?),
            _ => return Ok(None),
        }))
    }
}

/// Puts the messages of one stream together from the pieces in which they arrive.
#[derive(Debug, Default)]
pub struct Assembler {
    bytes: Vec<u8>,
    taken: usize,
}

impl Assembler {
    /// Takes in what has arrived.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole message, if one has arrived. Unknown tags are skipped.
    pub fn next_message(&mut self) -> Result<Option<Message>, DecodeError> {
        loop {
            let Some((length, rest)) = self.bytes[self.taken..].split_first_chunk::<4>() else {
                return Ok(None);
            };
            let length = u32::from_le_bytes(*length) as usize;
            if !(1..=limits::MESSAGE_BYTES).contains(&length) {
                return Err(DecodeError::Malformed);
            }
            let Some(message) = rest.get(..length) else { return Ok(None) };
            let decoded = Message::decode(message[0], &message[1..])?;
            self.taken += 4 + length;
            if decoded.is_some() {
                return Ok(decoded);
            }
        }
    }

    /// Has part of a message arrived, and not the rest?
    pub fn mid_message(&self) -> bool {
        self.taken < self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Sealed;
    use crate::keys::DataKey;
    use crate::pack::Packer;
    use crate::record::VersionVector;
    use crate::units::Seq;
    use proptest::prelude::*;
    use std::vec;

    fn bye() -> Message {
        Message::Bye(Bye { code: ByeCode::Busy, retry_after_ms: 5000 })
    }

    #[test]
    fn a_message_arrives_in_any_pieces_and_unknown_ones_are_skipped() {
        let unknown = [3, 0, 0, 0, 200, 1, 2];
        let bytes = [&unknown[..], &bye().encode(), &unknown, &bye().encode()].concat();
        for piece in 1..bytes.len() {
            let mut a = Assembler::default();
            let mut got = vec![];
            for part in bytes.chunks(piece) {
                a.feed(part);
                while let Some(m) = a.next_message().unwrap() {
                    got.push(m);
                }
            }
            assert_eq!(got, [bye(), bye()]);
            assert!(!a.mid_message());
        }
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_before_it_is_awaited() {
        let mut a = Assembler::default();
        a.feed(&u32::MAX.to_le_bytes());
        assert!(a.next_message().is_err());
    }

    #[test]
    fn entries_that_do_not_lead_where_the_office_signed_are_refused() {
        let journal = JournalId(7);
        let key = SignKey::from_secret(&[1; 32]);
        let start = Position::start(journal);
        let (data_key, mut packer) = (DataKey::new([2; 32]), Packer::new());
        let mut frames = vec![];
        let mut at = start;
        for _ in 0..3 {
            let kind = crate::frame::Kind::EDIT;
            let s = Sealed::new(journal, kind, b"x", &data_key, &mut packer, [3; 32]);
            at = s.link(&at, &VersionVector::default(), &mut frames);
        }
        let good = Entries::new(journal, start, frames, at, &key);
        good.verify(&key.verify_key()).unwrap();
        assert_eq!(good.walk().unwrap().len(), 3);
        let mut elsewhere = good.clone();
        elsewhere.last.seq = Seq(4);
        assert!(elsewhere.verify(&key.verify_key()).is_err());
        assert!(elsewhere.walk().is_err());
        let mut damaged = good;
        damaged.frames[90] ^= 1;
        assert!(damaged.walk().is_err());
    }

    proptest! {
        #[test]
        fn hostile_bytes_are_refused_not_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut a = Assembler::default();
            a.feed(&bytes);
            while let Ok(Some(_)) = a.next_message() {}
        }
    }
}
