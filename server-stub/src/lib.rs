//! `wasl-hq`: the reference central server and its command line.
//!
//! The modules stand in reading order. Offices are met only in `gateway`; people only in `console`
//! and `cli`; both work on `store`, which alone knows SQL.

pub mod seam; // the world: clock, entropy, files
pub mod registry; // HQ's own keys, and what it knows of each office
pub mod rollout; // how one edition comes to all offices: pure
pub mod habit; // when HQ usually hears an office: pure
pub mod store; // one SQL schema: journals, records, feed
pub mod gateway; // QUIC: admit, join, pump
pub mod status; // what ops see
pub mod metrics; // what a monitoring system sees
pub mod page; // the same for a browser, in Arabic and in English
pub mod bundle; // half a session as a file
pub mod console; // HTTP on hq.sock for people's commands
pub mod settings; // the settings file
pub mod daemon; // the only place that spawns
pub mod cli; // one file a command

pub use cli::main;
