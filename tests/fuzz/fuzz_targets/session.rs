//! Hostile bytes for `session`: see `tests/src/hostile`.
#![no_main]

#[path = "../../src/hostile/mod.rs"]
mod hostile;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (hostile::target("session").run)(bytes));
