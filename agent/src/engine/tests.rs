//! What the engine promises, turn by turn and start by start, on real files.

mod config; // steps of editions
mod place; // an office in a temporary folder, and a disk that fails on demand
mod holes; // damage in the middle of a log
mod mixed; // any mix of it, folded again
mod reborn; // a journal that parts from HQ's
mod news; // grants that end, fates, histories
mod starts; // kill, reopen, rebuild
mod turns; // enroll, news, receipts, failures
