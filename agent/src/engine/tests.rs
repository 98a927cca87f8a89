//! What the engine promises, turn by turn and start by start, on real files.

mod place; // an office in a temporary folder, and a disk that fails on demand
mod starts; // kill, reopen, rebuild
mod turns; // enroll, states, receipts, failures
