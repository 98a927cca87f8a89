//! Hostile bytes for `bundle`: see `tests/src/hostile`.
#![no_main]

#[path = "../../src/hostile/mod.rs"]
mod hostile;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (hostile::target("bundle").run)(bytes));
