//! One thread, in turns: gather, append, one fsync, answer, fold.

mod handle; // what the edges hold
mod input; // what they ask

pub use handle::{Enrolled, Facts, Found, Handle, Listed, Prepared, Refused, Run};
pub use input::Input;
