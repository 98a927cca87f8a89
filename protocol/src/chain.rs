//! What links frames into a log: each head is a hash over all that came before.
//!
//! `head = BLAKE3(previous head, seq, BLAKE3(rest of the frame))`: anyone can check a log without
//! opening a body, and two logs with the same head are the same log.

use crate::id::{Head, JournalId, Position};
use crate::units::Seq;

impl Position {
    /// Before the first entry of `journal`.
    pub fn start(journal: JournalId) -> Self {
        let mut h = blake3::Hasher::new();
        h.update(b"wasl journal/1\0").update(&journal.0.to_le_bytes());
        Self { seq: Seq(0), head: Head(*h.finalize().as_bytes()) }
    }

    /// After one more entry, whose frame from the kind byte on is `rest`.
    #[must_use]
    pub fn after(&self, rest: &[u8]) -> Self {
        let seq = self.seq.next();
        let mut h = blake3::Hasher::new();
        h.update(&self.head.0).update(&seq.0.to_le_bytes());
        h.update(blake3::hash(rest).as_bytes());
        Self { seq, head: Head(*h.finalize().as_bytes()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_depends_on_journal_order_and_content() {
        let start = Position::start(JournalId(7));
        let (ab, ba) = (start.after(b"a").after(b"b"), start.after(b"b").after(b"a"));
        assert_eq!(ab.seq, Seq(2));
        assert_ne!(ab.head, ba.head);
        assert_ne!(start.after(b"a"), Position::start(JournalId(8)).after(b"a"));
    }
}
