//! The program and the system under it. Not the machine's name: people name machines after people.

use serde_json::{Map, Value, json};

/// Where the system says what it is (os-release(5)), and what of it goes in.
const OS_RELEASE: &str = "/etc/os-release";
const OS_FACTS: [&str; 3] = ["ID", "VERSION_ID", "PRETTY_NAME"];

pub(super) fn machine() -> Value {
    let uname = rustix::system::uname();
    let text = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
    let mut os = Map::new();
    let release = std::fs::read_to_string(OS_RELEASE).unwrap_or_default();
    for (name, value) in release.lines().filter_map(|line| line.split_once('=')) {
        if OS_FACTS.contains(&name) {
            os.insert(name.to_lowercase(), value.trim_matches('"').into());
        }
    }
    json!({
        "schema": "wasl.machine/1",
        "wasl": env!("CARGO_PKG_VERSION"),
        "built_for": format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
        "kernel": {"release": text(uname.release()), "version": text(uname.version())},
        "os": os,
        "processors": std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
    })
}
