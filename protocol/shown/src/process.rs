//! What this process uses of the machine, as the kernel tells it.

use std::fs;

/// So many of the kernel's ticks make a second, on every machine that Debian runs on.
const TICKS_PER_S: f64 = 100.0;

const BYTES_PER_KIB: u64 = 1024;

/// Where, behind the command's name, the ticks in user and in kernel mode stand (proc(5)).
const USER_TICKS: usize = 11;

/// What a process uses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usage {
    /// Processor time since its start, in seconds.
    pub cpu_s: f64,
    /// Memory that it holds, in bytes.
    pub resident_bytes: u64,
    /// How many files and sockets it has open.
    pub open_files: u64,
}

/// What this process uses; none where the kernel does not say.
pub fn process_usage() -> Option<Usage> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let status = fs::read_to_string("/proc/self/status").ok()?;
    Some(Usage {
        cpu_s: cpu_s(&stat)?,
        resident_bytes: resident_bytes(&status)?,
        open_files: fs::read_dir("/proc/self/fd").ok()?.count() as u64,
    })
}

fn cpu_s(stat: &str) -> Option<f64> {
    // The command's name may hold blanks and parentheses.
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut ticks = behind_name.split_ascii_whitespace().skip(USER_TICKS);
    let (user, kernel) = (ticks.next()?.parse::<f64>().ok()?, ticks.next()?.parse::<f64>().ok()?);
    Some((user + kernel) / TICKS_PER_S)
}

fn resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(BYTES_PER_KIB)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_blanks_and_parentheses_shifts_no_figure() {
        let stat = "7 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0";
        assert_eq!(cpu_s(stat), Some(2.0));
        assert_eq!(resident_bytes("Name:\tx\nVmRSS:\t    2048 kB\n"), Some(2 * 1024 * 1024));
    }

    #[test]
    fn this_process_uses_something() {
        let usage = process_usage().unwrap();
        assert!(usage.resident_bytes > 0 && usage.open_files > 0, "{usage:?}");
    }
}
