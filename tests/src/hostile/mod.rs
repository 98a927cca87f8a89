//! Hostile bytes: for each door through which bytes of strangers come in, one function that pushes
//! them through it and says what must hold whatever they are (I10). The fuzzers in `tests/fuzz` call
//! them with what they make up, the tests with every input that is kept in `tests/corpora`.
//!
//! What must hold: no panic, limits kept, and what is accepted is one value with one meaning. It
//! knows nothing of sockets, of real files or of who sends.

mod bytes; // frames, messages, editions, tokens, bundles, enrollments
mod disk; // files in memory
mod journal; // the bytes of a segment
mod session; // both machines, out of order
mod state; // records, news, and what entries say

#[cfg(test)]
mod replay; // every kept input, and what follows from it by small changes
#[cfg(test)]
mod seeds; // the first inputs

/// A door: its name, which is also its corpus's folder, and what must hold behind it.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The folder below `tests/corpora`.
    pub name: &'static str,
    /// Pushes the bytes through it. Panics if something that must hold does not.
    pub run: fn(&[u8]),
}

/// All doors.
pub const TARGETS: [Target; 9] = [
    Target { name: "frame", run: bytes::frame },
    Target { name: "message", run: bytes::message },
    Target { name: "state", run: state::state },
    Target { name: "edition", run: bytes::edition },
    Target { name: "token", run: bytes::token },
    Target { name: "bundle", run: bytes::bundle },
    Target { name: "enrollment", run: bytes::enrollment },
    Target { name: "journal", run: journal::journal },
    Target { name: "session", run: session::session },
];

/// The target with this name.
///
/// # Panics
/// If there is none.
pub fn target(name: &str) -> Target {
    *TARGETS.iter().find(|target| target.name == name).expect("the name of a target")
}

/// A value of ours, written, is read again as itself, and takes no more bytes than it came in.
/// (Bytes may differ: a number may be written longer than it needs to be. Only raw bytes are ever
/// hashed or signed.)
macro_rules! comes_back {
    ($value:expr, $kind:ty, $taken_bytes:expr) => {{
        let bytes = wasl_protocol::codec::encode($value);
        assert!(bytes.len() <= $taken_bytes, "written, it is longer than what was read");
        let again: $kind = wasl_protocol::codec::decode(&bytes).expect("what we write is read");
        assert!(again == *$value, "written and read again, it is another value");
    }};
}
use comes_back;

/// Input read as choices: hostile bytes steer, and when they are used up every choice is 0.
struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::from(self.byte()) % all.len()]
    }

    /// So many bytes as the next two say, or what is left.
    fn chunk(&mut self) -> &'a [u8] {
        let length = usize::from(u16::from_le_bytes([self.byte(), self.byte()]));
        let (chunk, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        chunk
    }

    fn are_left(&self) -> bool {
        !self.0.is_empty()
    }
}
