//! What is true in Wasl, with no world in it.
//!
//! Ids, frames, records, messages and the session of both sides: values in, values out. This crate
//! knows nothing of clocks, entropy, disks, sockets or threads; whoever calls it brings those in as
//! arguments. A gate in `tests/tidy` proves that tokio, quinn, sled, rand and getrandom cannot be
//! reached from here.
//!
//! The modules stand in reading order.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod chain; // what links frames into a log
pub mod codec; // bytes in and out: bincode with a limit, all bytes consumed
pub mod edition; // signed config, and an office's way through it
pub mod entry; // what a frame says: genesis, edit, decision, cursor
pub mod frame; // one entry's bytes, on disk, on the wire and at HQ
pub mod id; // offices, journals, records, dots, positions
pub mod join; // the token and the one message of a stranger
pub mod json; // canonical JSON, and the text that is refused
pub mod keys; // signing, wrapping and data keys
pub mod limits; // every bound, in one place, checked against each other while compiling
pub mod named; // a record by the beginning of its id
pub mod news; // what HQ tells an office, signed
pub mod pack; // compression with the trained dictionary, and padding
pub mod private; // the wrapper round personal data that never prints
pub mod rebirth; // a restored or cloned journal, born again
pub mod receipt; // what a citizen takes home
pub mod record; // record states: edit, apply, merge, conflict
pub mod session; // both machines, sans I/O
pub mod units; // milliseconds and sequence numbers that cannot be mixed up
pub mod wire; // the messages of a session
pub mod bundle; // half a session as a file

#[cfg(test)]
mod golden; // the bytes that shipped
