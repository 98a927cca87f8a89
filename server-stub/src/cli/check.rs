//! `check`: the monitoring plugin. It exits with 0 to 3, whatever happens.

use std::ffi::OsStr;
use std::panic::catch_unwind;
use std::path::Path;
use std::process::ExitCode;

use crate::seam::World;
use crate::status::{Status, Verdict};

use super::ask::{Asker, print};
use super::failure::Failure;
use super::run::short;
use super::table::harmless;

/// Says in one line how HQ and its offices are; the exit code says it too.
pub(super) fn check(dir: &Path) -> ExitCode {
    let dir = dir.to_owned();
    let heard = catch_unwind(move || {
        let asker = Asker::new(dir, World::real(), false);
        let mut verdict = None;
        let done = short(async {
            verdict = Some(heard(&asker, asker.status().await).await);
            Ok(())
        });
        verdict
            .unwrap_or_else(|| Verdict::unknown(&done.err().map(|e| e.line()).unwrap_or_default()))
    });
    tell(&heard.unwrap_or_else(|_| Verdict::unknown("check itself failed: report it")))
}

async fn heard(asker: &Asker, status: Result<Status, Failure>) -> Verdict {
    match status {
        Ok(status) => Verdict::of(&status),
        // A HQ that is not there is down, whatever else is wrong here.
        Err(failure) if asker.is_down().await => Verdict::down(&failure.line()),
        Err(failure) => Verdict::unknown(&failure.line()),
    }
}

/// Was it `check` that could not be understood?
pub(super) fn is_meant(args: &[impl AsRef<OsStr>]) -> bool {
    let mut words = args.iter().skip(1).map(AsRef::as_ref);
    while let Some(word) = words.next() {
        if word == "--data-dir" {
            words.next();
        } else if !word.as_encoded_bytes().starts_with(b"-") {
            return word == "check";
        }
    }
    false
}

/// A command line of `check` that makes no sense.
pub(super) fn misused() -> ExitCode {
    tell(&Verdict::unknown("the command line makes no sense: see `wasl-hq check --help`"))
}

/// The line is lost where nobody reads; the exit code is not.
fn tell(verdict: &Verdict) -> ExitCode {
    let _ = print(&harmless(&verdict.to_string()));
    ExitCode::from(verdict.state as u8)
}

#[cfg(test)]
mod tests {
    use super::is_meant;

    #[test]
    fn check_is_known_wherever_options_stand() {
        for line in ["hq check -w", "hq --data-dir /a check x", "hq --json --data-dir=/a check"] {
            assert!(is_meant(&line.split(' ').collect::<Vec<_>>()), "{line}");
        }
        for line in ["hq", "hq config check", "hq --data-dir check status", "hq -x"] {
            assert!(!is_meant(&line.split(' ').collect::<Vec<_>>()), "{line}");
        }
    }
}
