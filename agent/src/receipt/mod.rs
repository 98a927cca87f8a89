//! The receipt over the counter: one page that a citizen takes home, Arabic first, then English.
//!
//! It names the entry that opened the record, as the operator was answered: the office can prove
//! later what was journalled, and headquarters can say whether it has it. No name and nothing else
//! of a person is on it: the form number is the citizen's handle, and a lost receipt tells nobody
//! whose it was. It knows nothing of HTTP, of the command line, nor of how the entry was found.

mod document; // what it says, for programs
mod page; // the same for people
mod square; // the QR code

pub use document::{ClockSaid, Counter, ReceiptReport};
pub use page::{PageError, page, policy};

#[cfg(test)]
mod tests;
