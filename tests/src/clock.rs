//! Real time, for what is measured and waited for. Outcomes never depend on it.

use std::time::{Duration, Instant, SystemTime};

/// Now.
#[expect(clippy::disallowed_methods, reason = "the harness measures real programs")]
pub fn now() -> Instant {
    Instant::now()
}

/// Asks until the answer is there; `None` after `patience`.
pub fn until<T>(patience: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    const PAUSE: Duration = Duration::from_millis(25);
    let end = now() + patience;
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if now() >= end {
            return None;
        }
        std::thread::sleep(PAUSE);
    }
}

/// What the machine's clock says, for the times of files.
#[expect(clippy::disallowed_methods, reason = "files have times that programs look at")]
pub fn wall() -> SystemTime {
    SystemTime::now()
}
