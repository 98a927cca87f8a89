//! One file of a log: a checked header, then frames, then zeros up to its full size.
//!
//! ```text
//! magic          8  "wasl-seg"
//! format         1
//! log            1  1 journal, 2 inbox
//! (zeros)        6
//! log id         8  little-endian, as all numbers here
//! ordinal        8  1 for the first segment
//! before: seq    8  how many entries lie in the segments before this one
//! before: head  32  the head after them
//! checksum      24  the start of BLAKE3 over all of the above
//! ```
//!
//! The file is written full of zeros and fsynced before the first frame goes into it: appending
//! then changes no metadata, and a sync is one write to the device.

use std::io;
use std::path::{Path, PathBuf};

use wasl_protocol::entry;
use wasl_protocol::id::{Head, JournalId, Position};
use wasl_protocol::limits;
use wasl_protocol::units::Seq;

use crate::seam::{Disk, DiskFile};

/// The size of a segment file.
pub const SEGMENT_BYTES: usize = 4 * 1024 * 1024;

/// The size of a segment's header.
pub(super) const HEADER_BYTES: usize = 96;

const _: () = assert!(HEADER_BYTES + limits::FRAME_BYTES <= SEGMENT_BYTES, "a frame fits");

const MAGIC: &[u8; 8] = b"wasl-seg";
const FORMAT: u8 = 1;
const CHECKED_BYTES: usize = 72;

/// What a segment says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) log: entry::Log,
    pub(super) id: JournalId,
    pub(super) ordinal: u64,
    /// Where the log stands before the first frame in this file.
    pub(super) before: Position,
}

impl Header {
    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        (bytes[8], bytes[9]) = (FORMAT, self.log as u8);
        bytes[16..24].copy_from_slice(&self.id.0.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.ordinal.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.before.seq.0.to_le_bytes());
        bytes[40..72].copy_from_slice(&self.before.head.0);
        let sum = checksum(&bytes);
        bytes[CHECKED_BYTES..].copy_from_slice(&sum);
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.first_chunk::<HEADER_BYTES>()?;
        let intact = bytes[CHECKED_BYTES..] == checksum(bytes);
        if !intact || bytes[..8] != *MAGIC || bytes[8] != FORMAT {
            return None;
        }
        let log = match bytes[9] {
            1 => entry::Log::Journal,
            2 => entry::Log::Inbox,
            _ => return None,
        };
        let number = |at: usize| Some(u64::from_le_bytes(*bytes[at..].first_chunk()?));
        let head = Head(*bytes[40..].first_chunk()?);
        Some(Self {
            log,
            id: JournalId(number(16)?),
            ordinal: number(24)?,
            before: Position { seq: Seq(number(32)?), head },
        })
    }
}

fn checksum(header: &[u8; HEADER_BYTES]) -> [u8; HEADER_BYTES - CHECKED_BYTES] {
    let hash = blake3::hash(&header[..CHECKED_BYTES]);
    *hash.as_bytes().first_chunk().expect("a hash is longer than the checksum")
}

/// The file of the segment `ordinal`.
pub(super) fn path(dir: &Path, ordinal: u64) -> PathBuf {
    dir.join(format!("{ordinal:08}.seg"))
}

/// The ordinal in a segment's file name.
pub(super) fn ordinal(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".seg")?;
    digits.bytes().all(|c| c.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// Makes a segment that starts with `frames`, all of it durable. If that fails, nothing is left.
pub(super) fn create(
    disk: &dyn Disk,
    dir: &Path,
    header: &Header,
    frames: &[u8],
) -> io::Result<Box<dyn DiskFile>> {
    let path = path(dir, header.ordinal);
    let file = disk.create(&path)?;
    let mut bytes = Vec::with_capacity(SEGMENT_BYTES);
    bytes.extend_from_slice(&header.encode());
    bytes.extend_from_slice(frames);
    bytes.resize(SEGMENT_BYTES, 0);
    let made = file.write_at(&bytes, 0).and_then(|()| file.sync_data());
    match made.and_then(|()| disk.sync_dir(dir)) {
        Ok(()) => Ok(file),
        Err(e) => {
            drop(file);
            let _ = disk.remove(&path); // an empty segment left over is redone at the next start
            Err(e)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        let before = Position { seq: Seq(41), head: Head([9; 32]) };
        Header { log: entry::Log::Inbox, id: JournalId(7), ordinal: 3, before }
    }

    #[test]
    fn a_header_comes_back_and_every_flipped_bit_in_it_is_found() {
        let bytes = header().encode();
        assert_eq!(Header::decode(&bytes), Some(header()));
        for bit in 0..HEADER_BYTES * 8 {
            let mut bad = bytes;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::decode(&bad), None, "bit {bit}");
        }
        assert_eq!(Header::decode(&bytes[..HEADER_BYTES - 1]), None);
    }

    #[test]
    fn a_header_is_frozen() {
        let golden = include_str!("../../../tests/golden/v1/segment-header.hex").replace('\n', "");
        assert_eq!(data_encoding::HEXLOWER.encode(&header().encode()), golden);
    }

    #[test]
    fn only_our_own_names_are_segments() {
        assert_eq!(ordinal("00000012.seg"), Some(12));
        for other in ["12.seg.torn-1", "lost+found", "+1.seg", "a.seg", ".seg"] {
            assert_eq!(ordinal(other), None, "{other}");
        }
    }
}
