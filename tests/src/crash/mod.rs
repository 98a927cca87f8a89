//! Power cuts and kills of the real programs on real files, and what must hold after each.
//!
//! It knows the programs as operators do: by their commands, their sockets and their files.

mod campaign; // many of them, counted
mod check; // what must hold afterwards
mod kill; // `kill -9` under load
mod load; // clients that enroll, and note what they were answered
mod power; // a day on a disk that tells, cut off at any moment

use crate::fleet::FleetError;
use crate::http::HttpError;
use std::io;

pub use campaign::{Campaign, Outcome, Victim, run};

/// A crash test that did not end well.
#[derive(Debug, thiserror::Error)]
pub enum CrashError {
    /// A program did not do what it was asked.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// A daemon did not answer.
    #[error("{0}")]
    Http(#[from] HttpError),
    /// A file.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Something that must hold does not.
    #[error("{claim}: {seen}")]
    Broken {
        /// Which invariant, or what was promised.
        claim: &'static str,
        /// What was seen instead.
        seen: String,
    },
    /// This machine cannot do it.
    #[error("{0}")]
    Impossible(String),
}

/// Something promised must hold.
fn must(holds: bool, claim: &'static str, seen: impl FnOnce() -> String) -> Result<(), CrashError> {
    if holds { Ok(()) } else { Err(CrashError::Broken { claim, seen: seen() }) }
}
