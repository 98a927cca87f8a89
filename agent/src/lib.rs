//! `wasl`: the office daemon and its command line. A star round one engine.
//!
//! The modules stand in reading order; the edges (intake, link, status) know the engine's handle
//! and never one another.

pub mod seam; // the world: clock, entropy, disk
pub mod format; // which form the data dir has
pub mod keystore; // the office's three private keys, and the key that opens them
pub mod journal; // the append-only logs: journal and inbox
pub mod facts; // what link and mirror tell of themselves
pub mod mirror; // a second copy of them, on another disk
pub mod view; // the fold of both, in sled
pub mod engine; // one thread, in turns
pub mod pause; // the link held back for a time
pub mod settings; // what is set on this machine
pub mod config; // the config in force, and the way from one edition to the next
pub mod link; // QUIC to HQ: dial, join, pump, pace
pub mod bundle; // half a session as a file
pub mod receipt; // what a citizen takes home
pub mod intake; // HTTP for workstations and for our own command line
pub mod status; // what ops see
pub mod metrics; // what a monitoring system sees
pub mod page; // the same for a browser, in Arabic and in English
pub mod doctor; // what is wrong with this machine, and what to do
pub mod diagnosis; // an archive for whoever helps from afar
pub mod daemon; // the only place that spawns
pub mod cli; // one file a command

pub use cli::main;
