//! The clock: is it disciplined, and how far is it off headquarters'?

use super::system::ask;
use super::{Finding, Patient};

const MS_PER_S: u64 = 1000;

const HOW: &str = "have chrony or systemd-timesyncd set the clock, or set it by hand; enrolling \
    goes on meanwhile";

/// Whether something keeps the clock right, by the kernel's word (`timedatectl` reads adjtimex).
pub(super) async fn kernel() -> Finding {
    const CODE: &str = "kernel-clock";
    match ask("timedatectl", &["show", "--property=NTPSynchronized", "--value"]).await.as_deref() {
        Some("yes") => Finding::ok(CODE, "the kernel's clock is synchronised"),
        Some("no") => Finding::warn(CODE, "nothing keeps the kernel's clock right", HOW),
        _ => Finding::skipped(CODE, "there is no timedatectl to ask"),
    }
}

/// How far it was off when headquarters last said its time.
pub(super) fn headquarters(patient: &Patient<'_>) -> Finding {
    const CODE: &str = "hq-clock";
    let left = crate::status::newest(patient.dir, patient.world.clock.unix());
    let status = match (patient.status(), left) {
        (Some(status), _) => status.clone(),
        (None, Ok((status, _))) => status,
        (None, Err(_)) => return Finding::skipped(CODE, "the daemon has left no status"),
    };
    let Some(ms) = status.clock.offset_ms else {
        return Finding::skipped(CODE, "not compared with headquarters' since the daemon started");
    };
    let (off, as_of) = (ms.unsigned_abs(), status.as_of);
    let seconds = (off / MS_PER_S, off % MS_PER_S / 100);
    let way = if ms < 0 { "behind" } else { "ahead of" };
    let what = format!("{}.{} s {way} headquarters', as of {as_of}", seconds.0, seconds.1);
    let limits = wasl_protocol::edition::StatusSettings::default();
    if off > limits.clock_crit_s * MS_PER_S {
        Finding::fail(CODE, what, HOW)
    } else if off > limits.clock_warn_s * MS_PER_S {
        Finding::warn(CODE, what, HOW)
    } else {
        Finding::ok(CODE, what)
    }
}
