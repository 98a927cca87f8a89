//! `wasl check`: the monitoring plugin. It exits with 0 to 3, whatever happens.

use std::ffi::OsStr;
use std::panic::catch_unwind;
use std::process::ExitCode;

use super::hear::hear;
use super::{Place, block_on, print};
use crate::status::check::{State, Verdict};

/// Says in one line how the office is; the exit code says it too.
pub(super) fn check(place: &Place) -> ExitCode {
    let dir = place.data_dir.clone();
    let heard = catch_unwind(move || match block_on(hear(&dir)) {
        Ok(heard) => heard.verdict(),
        Err(failure) => {
            let help = failure.help.map_or(String::new(), |help| format!(" ({help})"));
            Verdict::unknown(&format!("{}{help}", failure.message))
        }
    });
    tell(&heard.unwrap_or_else(|_| Verdict::unknown("check itself failed: report it")))
}

/// Was it `check` that could not be understood?
pub(super) fn is_meant(args: &[impl AsRef<OsStr>]) -> bool {
    let mut words = args.iter().skip(1).map(AsRef::as_ref);
    while let Some(word) = words.next() {
        if word == "--data-dir" || word == "--key-file" {
            words.next();
        } else if !word.as_encoded_bytes().starts_with(b"-") {
            return word == "check";
        }
    }
    false
}

/// A command line of `check` that makes no sense.
pub(super) fn misused() -> ExitCode {
    tell(&Verdict::unknown("the command line makes no sense: see `wasl check --help`"))
}

/// The line is lost where nobody reads; the exit code is not.
fn tell(verdict: &Verdict) -> ExitCode {
    let state: State = verdict.state;
    let _ = print(&format!("{verdict}\n"));
    ExitCode::from(state as u8)
}

#[cfg(test)]
mod tests {
    use super::is_meant;

    #[test]
    fn check_is_known_wherever_options_stand() {
        for line in
            ["wasl check -w", "wasl --data-dir /a check x", "wasl --json --data-dir=/a check"]
        {
            assert!(is_meant(&line.split(' ').collect::<Vec<_>>()), "{line}");
        }
        for line in ["wasl", "wasl config check", "wasl --data-dir check status", "wasl -x"] {
            assert!(!is_meant(&line.split(' ').collect::<Vec<_>>()), "{line}");
        }
    }
}
