//! Both machines of a session, sans I/O.
//!
//! Each side is driven in the same way: `handle(now, input)`, then `poll()` until it answers
//! [`Sleep`](office::Output::Sleep). A machine holds positions and credit, never a record: it says
//! "send what follows this position, up to this many bytes", and the driver does it. Keys stay with
//! the driver too: it verifies what arrives before the machine sees it, and signs what leaves.
//!
//! ```text
//! office                         HQ
//! Hello        ───────────────►  looks up where it stands
//! Entries      ───────────────►  waits
//!              ◄───────────────  Welcome: positions and heads
//! agrees them  ◄───────────────  States, Level{0}
//! Entries      ───────────────►  appends, one fsync
//!              ◄───────────────  Ack
//! Report{n}    ───────────────►
//!              ◄───────────────  Level{n}: nothing is left to send
//! ```
//!
//! In every state but the last a timeout is pending (I6).

pub mod hq; // headquarters' side
pub mod office; // the office's side

#[cfg(test)]
mod pair; // both on a pretend wire
#[cfg(test)]
mod sealed; // an office with more than one journal
#[cfg(test)]
mod returned; // an HQ that was put back
#[cfg(test)]
mod audits; // what both have, compared

/// How long the other side may take to greet, in milliseconds.
pub const GREETING_MS: u64 = 30_000;

/// How long what was sent may stay without any progress of its acknowledgement, in milliseconds.
pub const PROGRESS_MS: u64 = 60_000;

/// How long HQ waits for any word of an office, in milliseconds: over two of the longest heartbeats.
pub const SILENCE_MS: u64 = 660_000;

/// The longest time between two heartbeats, in milliseconds.
pub const HEARTBEAT_MAX_MS: u64 = 300_000;

const _: () = assert!(SILENCE_MS > 2 * HEARTBEAT_MAX_MS, "a lost heartbeat is forgiven");
