//! Compression with the trained dictionary, and padding: what a body's plaintext goes through
//! before it is sealed.
//!
//! Padding is ISO/IEC 7816-4 (a byte 0x80, then zeros) to a multiple of [`limits::PAD_BYTES`], so
//! that the length of a sealed body says little about the text in it.

use alloc::vec::Vec;
use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::{CParameter, DParameter, FrameFormat};

use crate::limits;

/// How a body is packed; the codec byte of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Codec {
    /// The bytes themselves.
    Plain = 0,
    /// Zstandard (RFC 8878) without magic number, with dictionary 1.
    ZstdDict1 = 1,
}

impl Codec {
    /// The codec that a frame's codec byte names.
    pub fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Plain),
            1 => Some(Self::ZstdDict1),
            _ => None,
        }
    }
}

/// A body that does not unpack. Whose fault: whoever packed it; the frame is kept and held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body does not unpack: {0}")]
pub struct UnpackError(&'static str);

/// Trained on synthetic enrollments (`docs/journal.md` says how).
const DICTIONARY_1: &[u8] = include_bytes!("dictionary-1.zdict");

const LEVEL: i32 = 3;

/// Packs bodies. Costly to make, cheap to use: one for each thread.
pub struct Packer(Compressor<'static>);

impl Packer {
    /// A packer with the newest dictionary.
    ///
    /// # Panics
    /// If memory for the compressor cannot be had.
    pub fn new() -> Self {
        let mut c = Compressor::with_dictionary(LEVEL, DICTIONARY_1).expect("a valid dictionary");
        for p in [
            CParameter::Format(FrameFormat::Magicless),
            CParameter::DictIdFlag(false),
            CParameter::ChecksumFlag(false),
        ] {
            c.set_parameter(p).expect("a valid parameter");
        }
        Self(c)
    }

    /// The packed form of `plain`: whichever codec makes it shorter, padded.
    pub fn pack(&mut self, plain: &[u8]) -> (Codec, Vec<u8>) {
        match self.0.compress(plain) {
            Ok(short) if short.len() < plain.len() => (Codec::ZstdDict1, pad(short)),
            _ => (Codec::Plain, pad(plain.to_vec())),
        }
    }
}

impl Default for Packer {
    fn default() -> Self {
        Self::new()
    }
}

/// Unpacks bodies. Costly to make, cheap to use: one for each thread.
pub struct Unpacker(Decompressor<'static>);

impl Unpacker {
    /// An unpacker that knows every dictionary that ever shipped.
    ///
    /// # Panics
    /// If memory for the decompressor cannot be had.
    pub fn new() -> Self {
        let mut d = Decompressor::with_dictionary(DICTIONARY_1).expect("a valid dictionary");
        d.set_parameter(DParameter::Format(FrameFormat::Magicless)).expect("a valid parameter");
        Self(d)
    }

    /// The plaintext of a packed body: at most [`limits::PLAIN_BYTES`].
    pub fn unpack(&mut self, codec: Codec, mut packed: Vec<u8>) -> Result<Vec<u8>, UnpackError> {
        unpad(&mut packed)?;
        match codec {
            Codec::Plain => Ok(packed),
            Codec::ZstdDict1 => {
                let size = content_size(&packed).ok_or(UnpackError("no size stated"))?;
                self.0.decompress(&packed, size).map_err(|_| UnpackError("not Zstandard"))
            }
        }
    }
}

impl Default for Unpacker {
    fn default() -> Self {
        Self::new()
    }
}

/// The size that a magicless Zstandard frame states (RFC 8878, section 3.1.1.1), within the limit.
fn content_size(frame: &[u8]) -> Option<usize> {
    let (&descriptor, rest) = frame.split_first()?;
    let single_segment = descriptor & 0x20 != 0;
    let dictionary_id_bytes = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let rest = rest.get(usize::from(!single_segment) + dictionary_id_bytes..)?;
    let le = |n: usize| {
        let bytes = rest.get(..n)?;
        Some(bytes.iter().rev().fold(0u64, |v, b| v << 8 | u64::from(*b)))
    };
    let size = match (descriptor >> 6, single_segment) {
        (0, true) => le(1)?,
        (1, _) => le(2)? + 256,
        (2, _) => le(4)?,
        (3, _) => le(8)?,
        _ => return None,
    };
    usize::try_from(size).ok().filter(|n| *n <= limits::PLAIN_BYTES)
}

fn pad(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.push(0x80);
    bytes.resize(bytes.len().next_multiple_of(limits::PAD_BYTES), 0);
    bytes
}

fn unpad(bytes: &mut Vec<u8>) -> Result<(), UnpackError> {
    let end = bytes.iter().rposition(|b| *b != 0).filter(|i| bytes[*i] == 0x80);
    bytes.truncate(end.ok_or(UnpackError("no padding"))?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_packed_comes_back(plain in proptest::collection::vec(0u8..4, 0..3000)) {
            let (codec, packed) = Packer::new().pack(&plain);
            prop_assert_eq!(packed.len() % limits::PAD_BYTES, 0);
            prop_assert_eq!(Unpacker::new().unpack(codec, packed).unwrap(), plain);
        }

        #[test]
        fn hostile_bytes_are_refused_not_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Unpacker::new().unpack(Codec::ZstdDict1, bytes.clone());
            let _ = Unpacker::new().unpack(Codec::Plain, bytes);
        }
    }

    #[test]
    fn a_bomb_is_refused_by_its_stated_size() {
        let bomb = alloc::vec![0u8; limits::PLAIN_BYTES + 1];
        let (codec, packed) = Packer::new().pack(&bomb);
        assert_eq!(Unpacker::new().unpack(codec, packed), Err(UnpackError("no size stated")));
    }
}
