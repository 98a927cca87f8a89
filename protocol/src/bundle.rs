//! A bundle: half a session as a file, for an office without a link.
//!
//! Upward it holds Hello and entries, open-loop, for HQ; the reply holds HQ's Welcome, receipts and
//! news, for the office. A USB stick is lost, copied and carried twice: what is in the file is
//! sealed to whom it is for, its head is signed by whom it is from, and each message in it carries
//! its own proofs as in a session.
//!
//! ```text
//! magic (11) | version (1) | length of the head (2) | head | signature over the head (64)
//! length of a piece (4) | piece: a part of the messages, sealed
//! ...                     the last piece says that it is the last
//! ```
//!
//! A piece is bound to its head, to its number and to whether it is the last (the STREAM
//! construction, Hoang et al., 2015): pieces cannot be swapped, left out or cut off unseen. What
//! came before a cut counts. Numbers are little-endian.

use alloc::vec::Vec;
use bincode::{Decode, Encode};

use crate::codec::{self, DecodeError};
use crate::entry::Cursor;
use crate::id::{BundleId, OfficeId};
use crate::keys::{
    DataKey, KeyError, Random, SignKey, Signature, UnwrapKey, VerifyKey, WrapKey, Wrapped,
};
use crate::limits;
use crate::wire::{Assembler, Message};

const MAGIC: &[u8; 11] = b"wasl bundle";
const VERSION: u8 = 1;
const PREFIX_BYTES: usize = MAGIC.len() + 1 + 2;
const SIGNATURE_BYTES: usize = 64;
const DOMAIN: &str = "wasl bundle/1";
const WRAP_INFO: &[u8] = b"wasl bundle key/1";

/// What a bundle is, in the clear.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Head {
    /// From or for which office.
    pub office: OfficeId,
    /// Drawn when it was made.
    pub id: BundleId,
    /// What HQ answers with it; none: it is an office's.
    pub answers: Option<Answered>,
    key: Wrapped,
}

/// What a reply answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Answered {
    /// The office's bundle.
    pub bundle: BundleId,
    /// The cursor that the news in the reply goes on from; none: from the start of the feed.
    pub cursor: Option<Cursor>,
}

/// A bundle that is not read to its end. What came before it in the file may have been believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// Something else, or not even its head is whole.
    #[error("not a bundle")]
    NotABundle,
    /// A newer version made it.
    #[error("a newer version of Wasl made it (format {0})")]
    Newer(u8),
    /// Its head was not signed by whom it names.
    #[error("who it says made it did not sign it: it was changed, or made by another machine")]
    Forged,
    /// It is sealed to somebody else.
    #[error("it is sealed to another reader")]
    ForAnother,
    /// A piece does not open at its place.
    #[error("piece {0} does not open: it was changed or damaged on the way")]
    Damaged(u64),
    /// It ends before its last piece.
    #[error("it is cut short behind piece {0}: it was not copied whole")]
    CutShort(u64),
    /// Something stands behind its last piece.
    #[error("something stands behind its end")]
    Trailing,
    /// A message in it is none.
    #[error("a message in it cannot be read: {0}")]
    Message(#[from] DecodeError),
}

/// Writes a bundle.
#[derive(Debug)]
pub struct Writer {
    pieces: Pieces,
    waiting: Vec<u8>,
}

impl Writer {
    /// Begins a bundle of or for `office`, sealed to `to`, with what stands before its pieces in
    /// `out`.
    ///
    /// # Errors
    /// `to` is no key.
    ///
    /// # Panics
    /// Never: a head is shorter than 64 KiB.
    pub fn begin(
        (office, answers): (OfficeId, Option<Answered>),
        to: WrapKey,
        sign_key: &SignKey,
        [id, key, wrap]: [Random; 3],
        out: &mut Vec<u8>,
    ) -> Result<(Self, BundleId), KeyError> {
        let id = BundleId::of(&id);
        let key = DataKey::new(key);
        let wrapped = key.wrap(to, WRAP_INFO, wrap)?;
        let head = codec::encode(&Head { office, id, answers, key: wrapped });
        out.extend_from_slice(MAGIC);
        out.push(VERSION);
        let length = u16::try_from(head.len()).expect("bounded by HEAD_BYTES");
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&head);
        out.extend_from_slice(&sign_key.sign(DOMAIN, &head).0);
        Ok((Self { pieces: Pieces::new(key, &head), waiting: Vec::new() }, id))
    }

    /// Adds a message; the pieces that it fills are appended to `out`.
    pub fn put(&mut self, message: &Message, out: &mut Vec<u8>) {
        self.waiting.extend_from_slice(&message.encode());
        let mut from = 0;
        // The last piece is the one that `finish` makes, so never an empty rest behind a full one.
        while self.waiting.len() - from > limits::PIECE_BYTES {
            let to = from + limits::PIECE_BYTES;
            self.pieces.seal(&self.waiting[from..to], false, out);
            from = to;
        }
        self.waiting.drain(..from);
    }

    /// Ends the bundle.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        self.pieces.seal(&self.waiting, true, out);
    }
}

/// Reads a bundle as it comes.
#[derive(Debug, Default)]
pub struct Reader {
    bytes: Vec<u8>,
    taken: usize,
    opened: Option<Pieces>,
    messages: Assembler,
}

/// A head that is whole, and not believed yet.
#[derive(Debug)]
pub struct Signed {
    head: Head,
    bytes: Vec<u8>,
    signature: Signature,
}

impl Signed {
    /// Whose it says that it is.
    pub fn office(&self) -> &OfficeId {
        &self.head.office
    }

    /// Did the holder of this key sign it?
    pub fn is_by(&self, author: &VerifyKey) -> bool {
        author.verify(DOMAIN, &self.bytes, &self.signature).is_ok()
    }

    /// Is it a reply of HQ's?
    pub fn is_reply(&self) -> bool {
        self.head.answers.is_some()
    }
}

impl Reader {
    /// Takes in what follows in the file.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The head, once all of it has been fed. To be called until there is one, and then no more.
    ///
    /// # Errors
    /// It is no bundle, or one of a newer version.
    pub fn head(&mut self) -> Result<Option<Signed>, BundleError> {
        let magic = self.bytes.len().min(MAGIC.len());
        if self.bytes[..magic] != MAGIC[..magic] {
            return Err(BundleError::NotABundle);
        }
        if let Some(version) = self.bytes.get(MAGIC.len())
            && *version != VERSION
        {
            return Err(BundleError::Newer(*version));
        }
        let Some(length) = self.bytes.get(PREFIX_BYTES - 2..PREFIX_BYTES) else { return Ok(None) };
        let length = usize::from(u16::from_le_bytes([length[0], length[1]]));
        if length > limits::HEAD_BYTES {
            return Err(BundleError::NotABundle);
        }
        let rest = &self.bytes[PREFIX_BYTES..];
        let Some((bytes, rest)) = rest.split_at_checked(length) else { return Ok(None) };
        let Some(signature) = rest.first_chunk::<SIGNATURE_BYTES>() else { return Ok(None) };
        let head = codec::decode(bytes).map_err(|_| BundleError::NotABundle)?;
        self.taken = PREFIX_BYTES + length + SIGNATURE_BYTES;
        Ok(Some(Signed { head, bytes: bytes.to_vec(), signature: Signature(*signature) }))
    }

    /// Believes a head that `author` signed, if it is sealed to us.
    ///
    /// # Errors
    /// Somebody else signed it, or somebody else is to read it.
    pub fn open(
        &mut self,
        signed: Signed,
        author: &VerifyKey,
        with: &UnwrapKey,
    ) -> Result<Head, BundleError> {
        if !signed.is_by(author) {
            return Err(BundleError::Forged);
        }
        let Signed { head, bytes, .. } = signed;
        let key = DataKey::unwrap(&head.key, with, WRAP_INFO);
        let key = key.map_err(|_| BundleError::ForAnother)?;
        self.opened = Some(Pieces::new(key, &bytes));
        Ok(head)
    }

    /// The next message, as far as the file has been fed; none before the bundle is opened.
    ///
    /// # Errors
    /// What stands there is not what was written there.
    pub fn next_message(&mut self) -> Result<Option<Message>, BundleError> {
        loop {
            if let Some(message) = self.messages.next_message()? {
                return Ok(Some(message));
            }
            let Some(pieces) = &mut self.opened else { return Ok(None) };
            let rest = &self.bytes[self.taken..];
            if pieces.ended {
                return if rest.is_empty() { Ok(None) } else { Err(BundleError::Trailing) };
            }
            let Some((length, rest)) = rest.split_first_chunk::<4>() else { return Ok(None) };
            let length = u32::from_le_bytes(*length) as usize;
            if length > limits::SEALED_PIECE_BYTES {
                return Err(BundleError::Damaged(pieces.number));
            }
            let Some(piece) = rest.get(..length) else { return Ok(None) };
            let plain = pieces.open(piece)?;
            self.taken += 4 + length;
            self.messages.feed(&plain);
        }
    }

    /// Was that all of it? To be asked behind the end of the file.
    ///
    /// # Errors
    /// The file is cut short.
    pub fn end(&self) -> Result<(), BundleError> {
        match &self.opened {
            None => Err(BundleError::NotABundle),
            Some(pieces) if !pieces.ended => Err(BundleError::CutShort(pieces.number)),
            Some(_) => Ok(()),
        }
    }
}

/// The sealed pieces of one bundle, from its first.
#[derive(Debug)]
struct Pieces {
    key: DataKey,
    head: [u8; 32],
    /// That of the next one.
    number: u64,
    ended: bool,
}

impl Pieces {
    fn new(key: DataKey, head: &[u8]) -> Self {
        Self { key, head: *blake3::hash(head).as_bytes(), number: 0, ended: false }
    }

    fn seal(&mut self, plain: &[u8], last: bool, out: &mut Vec<u8>) {
        // No nonce twice: the number is in it.
        let random = self.key.derive("wasl bundle piece/1", &self.number.to_le_bytes());
        let sealed = self.key.seal(&self.place(last), plain, random);
        let length = u32::try_from(sealed.len()).expect("bounded by SEALED_PIECE_BYTES");
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&sealed);
        self.number += 1;
    }

    fn open(&mut self, sealed: &[u8]) -> Result<Vec<u8>, BundleError> {
        let mut plain = self.key.open(&self.place(false), sealed);
        if plain.is_err() {
            plain = self.key.open(&self.place(true), sealed);
            self.ended = plain.is_ok();
        }
        let plain = plain.map_err(|_| BundleError::Damaged(self.number))?;
        self.number += 1;
        Ok(plain)
    }

    fn place(&self, last: bool) -> [u8; 41] {
        let mut place = [0; 41];
        place[..32].copy_from_slice(&self.head);
        place[32..40].copy_from_slice(&self.number.to_le_bytes());
        place[40] = u8::from(last);
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{EpochId, JournalId, Position};
    use crate::units::FeedNo;
    use crate::wire::{Fetched, Level};
    use std::vec;

    fn author() -> SignKey {
        SignKey::from_secret(&[1; 32])
    }

    fn reader() -> UnwrapKey {
        UnwrapKey::from_secret(&[2; 32])
    }

    /// Two messages in three pieces, and a small one.
    fn messages() -> Vec<Message> {
        let long = |byte| {
            let (journal, after) = (JournalId(1), Position::start(JournalId(1)));
            let frames = vec![byte; limits::PIECE_BYTES * 5 / 4];
            Message::Fetched(Fetched { journal, after, frames })
        };
        vec![long(1), long(2), Message::Level(Level { report: 3 })]
    }

    fn bundle(messages: &[Message]) -> Vec<u8> {
        let mut out = vec![];
        let cursor = Some(Cursor { epoch: EpochId(1), feed: FeedNo(2) });
        let answers = Some(Answered { bundle: BundleId::of(&[9; 32]), cursor });
        let (office, draws) = ("nasr".parse().unwrap(), [[3; 32], [4; 32], [5; 32]]);
        let to = reader().wrap_key();
        let begun = Writer::begin((office, answers), to, &author(), draws, &mut out);
        let mut writer = begun.unwrap().0;
        for message in messages {
            writer.put(message, &mut out);
        }
        writer.finish(&mut out);
        out
    }

    /// What is read of a file that comes in chunks, and how that ends.
    fn read(file: &[u8], chunk: usize) -> (Vec<Message>, Result<(), BundleError>) {
        let mut messages = vec![];
        let ended = try_read(file, chunk, &mut messages);
        (messages, ended)
    }

    fn try_read(file: &[u8], chunk: usize, read: &mut Vec<Message>) -> Result<(), BundleError> {
        let (mut reader, mut opened) = (Reader::default(), false);
        for bytes in file.chunks(chunk) {
            reader.feed(bytes);
            if !opened && let Some(signed) = reader.head()? {
                reader.open(signed, &author().verify_key(), &self::reader())?;
                opened = true;
            }
            while let Some(message) = reader.next_message()? {
                read.push(message);
            }
        }
        reader.end()
    }

    /// Where the pieces begin.
    fn pieces(file: &[u8]) -> Vec<usize> {
        let length = usize::from(u16::from_le_bytes([file[12], file[13]]));
        let mut starts = vec![PREFIX_BYTES + length + SIGNATURE_BYTES];
        while let Some(length) = file[starts[starts.len() - 1]..].first_chunk::<4>() {
            starts.push(starts[starts.len() - 1] + 4 + u32::from_le_bytes(*length) as usize);
        }
        starts
    }

    #[test]
    fn messages_come_back_however_the_file_comes() {
        let file = bundle(&messages());
        assert_eq!(pieces(&file).len(), 4, "three pieces and the end");
        for chunk in [7, 4096, file.len()] {
            assert_eq!(read(&file, chunk), (messages(), Ok(())), "{chunk}");
        }
        assert_eq!(read(&bundle(&[]), 9), (vec![], Ok(())));
    }

    #[test]
    fn no_changed_byte_is_believed() {
        let file = bundle(&messages());
        let step = 1 + file.len() / 997;
        for at in (0..pieces(&file)[0]).chain((pieces(&file)[0]..file.len()).step_by(step)) {
            let mut bad = file.clone();
            bad[at] ^= 1;
            let (read, ended) = read(&bad, file.len());
            assert!(ended.is_err(), "byte {at}");
            assert!(messages().starts_with(&read), "byte {at}");
        }
    }

    #[test]
    fn pieces_are_not_swapped_left_out_or_cut_off_unseen() {
        let file = bundle(&messages());
        let starts = pieces(&file);
        let piece = |n: usize| &file[starts[n]..starts[n + 1]];
        let of = |order: &[usize]| {
            let pieces: Vec<u8> = order.iter().flat_map(|n| piece(*n).to_vec()).collect();
            [&file[..starts[0]], &pieces[..]].concat()
        };
        let ended = |order: &[usize]| read(&of(order), 4096).1;
        assert_eq!(ended(&[0, 1, 2]), Ok(()));
        assert_eq!(ended(&[1, 0, 2]), Err(BundleError::Damaged(0)));
        assert_eq!(ended(&[0, 2]), Err(BundleError::Damaged(1)));
        assert_eq!(ended(&[0, 1, 1]), Err(BundleError::Damaged(2)));
        assert_eq!(ended(&[0, 1]), Err(BundleError::CutShort(2)));
        assert_eq!(ended(&[0, 1, 2, 2]), Err(BundleError::Trailing));
        let cut = &file[..file.len() - 1];
        assert_eq!(read(cut, 4096), (messages()[..1].to_vec(), Err(BundleError::CutShort(2))));
    }

    #[test]
    fn another_author_and_another_reader_are_told_apart_and_so_is_another_file() {
        let file = bundle(&messages());
        let open = |author: &SignKey, with: &UnwrapKey| {
            let mut reader = Reader::default();
            reader.feed(&file);
            let signed = reader.head().unwrap().unwrap();
            assert!(signed.office().as_str() == "nasr" && signed.is_reply());
            reader.open(signed, &author.verify_key(), with).map(|_| ())
        };
        assert_eq!(open(&author(), &reader()), Ok(()));
        let (mallory, stranger) =
            (SignKey::from_secret(&[8; 32]), UnwrapKey::from_secret(&[8; 32]));
        assert_eq!(open(&mallory, &reader()), Err(BundleError::Forged));
        assert_eq!(open(&author(), &stranger), Err(BundleError::ForAnother));
        assert_eq!(read(b"PK\x03\x04", 4).1, Err(BundleError::NotABundle));
        assert_eq!(read(&[&MAGIC[..], &[2]].concat(), 4).1, Err(BundleError::Newer(2)));
        assert_eq!(read(&file[..20], 4).1, Err(BundleError::NotABundle));
    }
}
