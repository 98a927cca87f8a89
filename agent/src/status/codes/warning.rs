//! What `status` warns of, in the order in which it is told where nothing else decides.

use super::super::document::Severity::{Crit, Info, Warn};
use super::{Code, Kind};

macro_rules! warnings {
    ($($(#[$doc:meta])* $name:ident = $code:literal, [$($severity:ident),+] {
        title: $title:literal,
        means: $means:literal,
        why: $why:literal,
        action: $action:literal,
        depends_on: [$($cause:literal),*],
        by_time: $by_time:literal $(,)?
    })+) => {
        $($(#[$doc])* pub static $name: Code = Code {
            code: $code,
            kind: Kind::Warning,
            severity: &[$($severity),+],
            title: $title,
            means: $means,
            why: $why,
            action: $action,
            depends_on: &[$($cause),*],
            by_time: $by_time,
        };)+
        pub(super) static ALL: &[&Code] = &[$(&$name),+];
    };
}

warnings! {
    /// A write or a sync failed.
    JOURNAL_FAILED = "journal-failed", [Crit] {
        title: "the journal's disk failed: no enrollment is taken",
        means: "a write or a sync failed, so nothing after it is believed; what was answered is safe",
        why: "a bad disk, a loose cable, a file system that went read-only",
        action: "check the disk (`dmesg`, `smartctl -a`), then restart the daemon",
        depends_on: [],
        by_time: false,
    }
    /// The disk is full.
    DISK_FULL = "disk-full", [Crit] {
        title: "the disk is full: no enrollment is taken",
        means: "nothing is lost and reading goes on; intake reopens by itself once there is space",
        why: "other files have filled the journal's disk or used up its inodes, or it is too small",
        action: "free some space on the journal's disk",
        depends_on: [],
        by_time: false,
    }
    /// The daemon takes nothing.
    INTAKE_CLOSED = "intake-closed", [Crit] {
        title: "no enrollment is taken",
        means: "the engine has stopped or takes no more; what was answered is on disk",
        why: "the daemon is on its way out",
        action: "start the daemon again",
        depends_on: [],
        by_time: false,
    }
    /// A verification found damage.
    VERIFY_FAILED = "verify-failed", [Crit] {
        title: "the journal is damaged",
        means: "the last `wasl journal verify` found bytes that do not fit the chain of hashes",
        why: "a failing disk, or somebody wrote into the data dir",
        action: "leave the data dir as it is, copy it aside, and call headquarters",
        depends_on: [],
        by_time: false,
    }
    /// A hole in the journal.
    JOURNAL_HOLE = "journal-hole", [Crit] {
        title: "entries of the journal cannot be read",
        means: "bytes in the middle are damaged; enrolling goes on, and what HQ or the mirror has comes back by itself",
        why: "a failing disk, or somebody wrote into the data dir",
        action: "bring up the link, or plug in the mirror; then check the disk (`smartctl -a`) and replace it",
        depends_on: [],
        by_time: false,
    }
    /// The inbox is damaged.
    INBOX_DAMAGED = "inbox-damaged", [Warn] {
        title: "the inbox is damaged",
        means: "news that HQ sent cannot be read here; nothing of this office's own is touched",
        why: "a failing disk, or somebody wrote into the data dir",
        action: "restart the daemon: it begins a new inbox, and HQ sends its news again",
        depends_on: [],
        by_time: false,
    }
    /// News was lost with the inbox, or with its end.
    NEWS_LOST = "news-lost", [Warn] {
        title: "news of HQ's was lost and is not here again yet",
        means: "the inbox or its end was damaged; nothing of this office's own is touched",
        why: "a power cut while news was written, a failing disk, or somebody wrote there",
        action: "nothing, while the link comes up: HQ sends it again; else see to the link",
        depends_on: [],
        by_time: true,
    }
    /// HQ has another history.
    FORK = "fork", [Crit] {
        title: "HQ has another history of this journal",
        means: "this journal and HQ's copy of it differ; enrolling goes on, sending has stopped",
        why: "the data dir was restored from a backup, or copied to a second machine that runs too",
        action: "leave both copies as they are and call headquarters",
        depends_on: [],
        by_time: false,
    }
    /// HQ does not let this office in.
    REFUSED = "refused", [Crit] {
        title: "HQ refuses this office",
        means: "HQ does not accept this office's key; enrolling goes on, nothing is sent",
        why: "the office was revoked or replaced at HQ, or HQ was restored to a time before it joined",
        action: "call headquarters: `wasl-hq office show ID`",
        depends_on: [],
        by_time: false,
    }
    /// The last good config is gone.
    CONFIG_SAFE = "config-safe", [Crit] {
        title: "the config was lost",
        means: "an edition stood here and cannot be put in force: what is built in runs instead",
        why: "its file in the data dir is gone or damaged",
        action: "check the disk, then ask headquarters for a new edition",
        depends_on: ["journal-failed", "disk-full"],
        by_time: false,
    }
    /// The link is held back.
    PAUSED = "paused", [Warn] {
        title: "the link is paused",
        means: "an operator holds the link back; enrolling goes on, and it ends by itself",
        why: "somebody ran `wasl pause`",
        action: "see why: `wasl pause --show`; end it: `wasl resume`",
        depends_on: [],
        by_time: false,
    }
    /// No link for hours.
    LINK_DOWN = "link-down", [Warn] {
        title: "the link to HQ is down",
        means: "there has been no session with HQ for hours of working time; enrolling goes on",
        why: "no power at the modem or antenna, no credit, a cut cable, or HQ is down",
        action: "check the modem or the antenna, then `wasl sync`",
        depends_on: ["fork"],
        by_time: true,
    }
    /// Entries wait for hours.
    UNACKED = "unacked", [Warn, Crit] {
        title: "HQ has not had everything for long",
        means: "entries wait for HQ's receipt for hours of working time: they are on this disk only",
        why: "the link is down or too slow, or HQ does not store",
        action: "bring the link up, then `wasl sync`",
        depends_on: ["link-down", "refused", "paused", "fork"],
        by_time: true,
    }
    /// The disk fills.
    DISK_RUNWAY = "disk-runway", [Warn, Crit] {
        title: "the disk will soon be full",
        means: "at the pace of the last days the disk is full in days",
        why: "the journal grows, or other files do",
        action: "free some space on the journal's disk, or move the data dir to a larger one",
        depends_on: ["disk-full"],
        by_time: true,
    }
    /// The clock is off.
    CLOCK_OFF = "clock-off", [Warn, Crit] {
        title: "the clock is off",
        means: "this machine's clock and HQ's differ; enrolling and syncing go on, times are wrong",
        why: "a dead clock battery, no time synchronisation, or HQ's own clock is off",
        action: "set the clock, or switch on time synchronisation (`timedatectl`)",
        depends_on: [],
        by_time: true,
    }
    /// HQ says nothing new.
    CONFIG_STALE = "config-stale", [Warn, Crit] {
        title: "headquarters has said nothing new for long",
        means: "the link was up for days, and HQ sent no edition, no receipt and no news",
        why: "nobody works at HQ, or HQ answers and does not work",
        action: "call headquarters: `wasl-hq status`",
        depends_on: [],
        by_time: true,
    }
    /// An edition did not stand.
    CONFIG_ROLLED_BACK = "config-rolled-back", [Warn] {
        title: "a new config was rolled back",
        means: "an edition failed its trial here; the one before it is in force",
        why: "see its own code: `wasl config show`, then `wasl explain CODE`",
        action: "nothing here: headquarters sees it, and sends a newer edition",
        depends_on: [],
        by_time: false,
    }
    /// No edition is taken.
    CONFIG_HELD = "config-held", [Warn] {
        title: "the config is held",
        means: "an operator takes no edition from headquarters until a time",
        why: "somebody ran `wasl config hold`",
        action: "see why: `wasl config show`; end it: `wasl config unhold`",
        depends_on: [],
        by_time: false,
    }
    /// HTTP is not where it should be.
    HTTP_CLOSED = "http-closed", [Warn] {
        title: "HTTP is not served",
        means: "the address that the edition names cannot be opened; the unix socket goes on",
        why: "another program has that address",
        action: "see what has that address (`ss -ltnp`), or have headquarters name another",
        depends_on: [],
        by_time: true,
    }
    /// The second copy is not kept.
    MIRROR = "mirror", [Warn] {
        title: "the mirror does not keep up",
        means: "what was answered lately is on one disk here; enrolling and syncing go on",
        why: "the other disk is not plugged in, not mounted, full, slow or failing",
        action: "see to the other disk; it catches up by itself within seconds: `wasl doctor`",
        depends_on: [],
        by_time: false,
    }
    /// HQ holds entries.
    HELD = "held", [Warn] {
        title: "HQ holds entries back",
        means: "HQ has stored them and not applied them; nothing is lost",
        why: "they wait for another edit, or wrote what only headquarters may write",
        action: "see why and what to do: `wasl held list`",
        depends_on: [],
        by_time: false,
    }
    /// HQ refused entries.
    REFUSED_ENTRIES = "refused-entries", [Warn] {
        title: "HQ has refused entries",
        means: "they do not count, by a decision of HQ's staff; they stay in the journal",
        why: "staff refused what was held, with a reason",
        action: "see the reasons: `wasl held list`",
        depends_on: [],
        by_time: false,
    }
    /// A newer version writes.
    NEWER = "newer", [Warn] {
        title: "a newer version writes what this one cannot read",
        means: "some records are kept as HQ sent them and cannot be changed here",
        why: "headquarters or another office runs a newer version",
        action: "update the agent",
        depends_on: [],
        by_time: false,
    }
    /// Records wait for a decision.
    CONFLICTS = "conflicts", [Info] {
        title: "records are in conflict",
        means: "two places wrote the same group; every value is kept until somebody chooses",
        why: "the same record was edited at two ends of a link that was down",
        action: "`wasl conflict list` shows their values side by side",
        depends_on: [],
        by_time: false,
    }
}
