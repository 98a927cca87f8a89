//! A file's bytes, and the writes that no sync has covered.

use std::collections::BTreeMap;
use std::sync::Arc;

/// The size of a page, in bytes: what a torn write is torn at is a byte, not a page.
pub(super) const PAGE: usize = 4096;

pub(super) type Page = Arc<[u8; PAGE]>;

/// A file's bytes; pages that are not there are zeros.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    pub(super) len: u64,
    pub(super) pages: BTreeMap<u64, Page>,
}

/// A write that no sync has covered.
#[derive(Clone, Debug)]
pub(super) struct Unsynced {
    pub(super) offset: u64,
    /// The bytes up to the last that is not zero.
    pub(super) bytes: Vec<u8>,
    /// How long it is with the zeros behind them.
    pub(super) len: u64,
}

impl Content {
    pub(super) fn read(&self, buf: &mut [u8], offset: u64) -> usize {
        let len = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let len = len.min(buf.len());
        let buf = &mut buf[..len];
        buf.fill(0);
        let end = offset + len as u64;
        let first = offset / PAGE as u64;
        for (number, page) in self.pages.range(first..) {
            let start = number * PAGE as u64;
            if start >= end {
                break;
            }
            let (from, to) = (start.max(offset), (start + PAGE as u64).min(end));
            let (from_page, to_page) = (place(from - start), place(to - start));
            buf[place(from - offset)..place(to - offset)]
                .copy_from_slice(&page[from_page..to_page]);
        }
        len
    }

    fn write(&mut self, bytes: &[u8], offset: u64) {
        let mut at = offset;
        let mut rest = bytes;
        while !rest.is_empty() {
            let (number, within) = (at / PAGE as u64, place(at % PAGE as u64));
            let take = rest.len().min(PAGE - within);
            let (piece, more) = rest.split_at(take);
            if self.pages.contains_key(&number) || piece != &[0; PAGE][..take] {
                let page = self.pages.entry(number).or_insert_with(|| Arc::new([0; PAGE]));
                Arc::make_mut(page)[within..within + take].copy_from_slice(piece);
            }
            at += take as u64;
            rest = more;
        }
        self.len = self.len.max(at);
    }

    fn zeros(&mut self, from: u64, to: u64) {
        let pages: Vec<u64> =
            self.pages.range(from / PAGE as u64..=to / PAGE as u64).map(|(n, _)| *n).collect();
        for number in pages {
            let start = number * PAGE as u64;
            let page = self.pages.get_mut(&number).expect("it is in the range");
            let (a, b) = (from.max(start), to.min(start + PAGE as u64));
            if a < b {
                Arc::make_mut(page)[place(a - start)..place(b - start)].fill(0);
            }
        }
        self.len = self.len.max(to);
    }

    pub(super) fn apply(&mut self, write: &Unsynced, torn_at: Option<u64>) {
        let keep = torn_at.unwrap_or(write.len).min(write.len);
        let some = write.bytes.len().min(place(keep));
        self.write(&write.bytes[..some], write.offset);
        self.zeros(write.offset + some as u64, write.offset + keep);
    }
}

/// The last byte that is not zero, plus one; whole pages of zeros are passed over fast.
pub(super) fn used(bytes: &[u8]) -> usize {
    let mut end = bytes.len();
    while bytes[..end].last_chunk() == Some(&[0; PAGE]) {
        end -= PAGE;
    }
    bytes[..end].iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

fn place(n: u64) -> usize {
    usize::try_from(n).expect("places in a file fit a usize")
}
