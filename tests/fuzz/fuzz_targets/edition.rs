//! Hostile bytes for `edition`: see `tests/src/hostile`.
#![no_main]

#[path = "../../src/hostile/mod.rs"]
mod hostile;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (hostile::target("edition").run)(bytes));
