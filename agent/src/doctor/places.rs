//! The daemon, its unit, and the files and folders through which others reach it.

use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::Path;

use super::system::ask;
use super::{Answer, Finding, Patient};
use crate::intake::socket_path;
use crate::settings::{CONF_D, Local, SettingsError};
use crate::status::{STALE_AFTER_MS, newest};

/// The unit of the package, and the data dir that it serves.
const UNIT: (&str, &str) = ("wasl.service", "/var/lib/wasl");

/// Where systemd says that it runs this machine (`sd_booted(3)`).
const BOOTED: &str = "/run/systemd/system";

const MS_PER_S: i64 = 1000;

/// Does the daemon answer?
pub(super) fn daemon(patient: &Patient<'_>) -> Finding {
    const CODE: &str = "daemon";
    match &patient.daemon {
        Answer::Running(status) => {
            let agent = &status.agent;
            let what = format!("runs: version {}, process {}", agent.version, agent.pid);
            Finding::ok(CODE, what)
        }
        Answer::Stopped => {
            let fix = "start it: `systemctl start wasl`, or `wasl run`";
            Finding::warn(CODE, "is stopped: nothing is taken and nothing sent", fix)
        }
        Answer::Silent => Finding::fail(
            CODE,
            "listens at its socket and does not answer",
            "see `journalctl -u wasl`, then `systemctl restart wasl`: what was answered is stored",
        ),
        Answer::Closed(why) => {
            let fix = "run the doctor as root, or as the user that runs the daemon";
            Finding::fail(CODE, format!("cannot be asked: {why}"), fix)
        }
    }
}

/// How the service manager sees it.
pub(super) async fn unit(dir: &Path) -> Finding {
    const CODE: &str = "unit";
    if !Path::new(BOOTED).exists() {
        return Finding::skipped(CODE, "systemd does not run this machine");
    }
    if dir != Path::new(UNIT.1) {
        return Finding::skipped(CODE, format!("{} serves {}, not this data dir", UNIT.0, UNIT.1));
    }
    let shown = "--property=LoadState,ActiveState,SubState,UnitFileState,NRestarts,Result";
    let Some(text) = ask("systemctl", &["show", UNIT.0, shown]).await else {
        return Finding::skipped(CODE, "systemctl does not answer");
    };
    unit_says(&text)
}

fn unit_says(text: &str) -> Finding {
    const CODE: &str = "unit";
    let of = |name: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once('='));
        lines.find(|(key, _)| *key == name).map_or("", |(_, value)| value)
    };
    let (active, sub, restarts) = (of("ActiveState"), of("SubState"), of("NRestarts"));
    let what = format!("{} is {active} ({sub}), restarted {restarts} times", UNIT.0);
    let log = "see why: `journalctl -u wasl --since -1h`";
    match (of("LoadState"), active) {
        ("not-found", _) => Finding::skipped(CODE, format!("there is no {}", UNIT.0)),
        (_, "failed") => Finding::fail(CODE, format!("{what}: {}", of("Result")), log),
        (_, "active") if of("UnitFileState") == "disabled" => {
            let fix = format!("have it start with the machine: systemctl enable {}", UNIT.0);
            Finding::warn(CODE, format!("{what}, and not enabled"), fix)
        }
        (_, "active" | "activating") if restarts != "0" => Finding::warn(CODE, what, log),
        (_, "active") => Finding::ok(CODE, what),
        _ => Finding::warn(CODE, what, format!("start it: systemctl start {}", UNIT.0)),
    }
}

/// Socket, settings, runtime folder, status.json.
pub(super) fn places(patient: &Patient<'_>) -> Vec<Finding> {
    vec![socket(patient), settings(patient.dir), status_file(patient)]
}

fn socket(patient: &Patient<'_>) -> Finding {
    const CODE: &str = "socket";
    let path = match socket_path(patient.dir) {
        Ok(path) => path,
        Err(why) => return Finding::fail(CODE, why.to_string(), why.help()),
    };
    let shown = path.display();
    let found = match std::fs::metadata(&path) {
        Ok(found) => found,
        Err(why) if why.kind() == io::ErrorKind::NotFound => {
            return Finding::skipped(CODE, format!("{shown} is not there while nothing listens"));
        }
        Err(why) => {
            let fix = "run the doctor as root, or as the user that runs the daemon";
            return Finding::fail(CODE, format!("{shown}: {why}"), fix);
        }
    };
    let mode = found.permissions().mode() & 0o777;
    if !found.file_type().is_socket() {
        let fix = format!("stop the daemon, remove {shown}, and start it again");
        return Finding::fail(CODE, format!("{shown} is no socket"), fix);
    }
    if mode & 0o007 != 0 {
        let what = format!("{shown} is open to every user (mode {mode:04o}): all may read records");
        return Finding::fail(CODE, what, format!("chmod 600 {shown}"));
    }
    Finding::ok(CODE, format!("{shown}, mode {mode:04o}"))
}

fn settings(dir: &Path) -> Finding {
    const CODE: &str = "settings";
    if !dir.exists() {
        return Finding::skipped(CODE, "there is no data dir");
    }
    match Local::load(dir) {
        Ok(_) => Finding::ok(CODE, format!("{} and its {CONF_D} can be used", dir.display())),
        Err(SettingsError::Unreadable { path, why })
            if why.kind() == io::ErrorKind::PermissionDenied =>
        {
            let fix = "let the daemon's user read it";
            Finding::fail(CODE, format!("{}: {why}", path.display()), fix)
        }
        // Only the first line: the rest quotes what somebody typed.
        Err(why) => {
            let what = why.to_string();
            let first = what.lines().next().unwrap_or_default().to_owned();
            Finding::fail(CODE, first, "mend that line; `wasl run` shows it whole")
        }
    }
}

fn status_file(patient: &Patient<'_>) -> Finding {
    const CODE: &str = "status-file";
    let running = matches!(patient.daemon, Answer::Running(_) | Answer::Silent);
    match newest(patient.dir, patient.world.clock.unix()) {
        Ok((_, age_ms)) => {
            let what = format!("status.json is {} s old", age_ms / MS_PER_S);
            match (age_ms > STALE_AFTER_MS, running) {
                (true, true) => {
                    let fix = "restart the daemon: it runs and does not write its status";
                    Finding::fail(CODE, what, fix)
                }
                (true, false) => {
                    Finding::ok(CODE, format!("{what}: from before the daemon stopped"))
                }
                (false, _) => Finding::ok(CODE, what),
            }
        }
        Err(why) if running => {
            let fix = "wait ten seconds after a start; else see `journalctl -u wasl`";
            Finding::warn(CODE, why.to_string(), fix)
        }
        Err(why) => Finding::skipped(CODE, why.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn a_unit_is_judged_by_what_systemd_says_of_it() {
        let says = |active: &str, enabled: &str, restarts: u32| {
            let text = format!(
                "LoadState=loaded\nActiveState={active}\nSubState=x\nUnitFileState={enabled}\n\
                 NRestarts={restarts}\nResult=exit-code\n"
            );
            unit_says(&text).level
        };
        assert_eq!(says("active", "enabled", 0), Level::Ok);
        assert_eq!(says("active", "enabled", 3), Level::Warn);
        assert_eq!(says("active", "disabled", 0), Level::Warn);
        assert_eq!(says("inactive", "enabled", 0), Level::Warn);
        assert_eq!(says("failed", "enabled", 5), Level::Fail);
        assert_eq!(unit_says("LoadState=not-found\n").level, Level::Skipped);
    }
}
