//! Every constant word that headquarters tells of what is wrong: what it means, why it comes, and
//! what to do. `wasl-hq explain` prints it, and a warning takes its title and its action from here.
//!
//! It knows nothing of facts: which of them shows what is decided in `warnings`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document::Severity::{self, Crit, Info, Warn};

/// One constant word and what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// The word.
    pub code: &'static str,
    /// How bad it may be.
    pub severity: &'static [Severity],
    /// What is so, in few words.
    pub title: &'static str,
    /// What it means, and what goes on all the same.
    pub means: &'static str,
    /// Why it comes.
    pub why: &'static str,
    /// What to do.
    pub action: &'static str,
    /// The codes that explain it where they are told too.
    pub depends_on: &'static [&'static str],
    /// Can only time tell? Then it is withheld in the daemon's first minute.
    pub by_time: bool,
}

/// `explain --json`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CodeList {
    /// [`Self::SCHEMA`].
    pub schema: String,
    /// The codes.
    pub items: Vec<CodeItem>,
}

/// One code in words.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CodeItem {
    /// The word.
    pub code: String,
    /// How bad it may be.
    pub severity: Vec<Severity>,
    /// What is so, in few words.
    pub title: String,
    /// What it means, and what goes on all the same.
    pub means: String,
    /// Why it comes.
    pub why: String,
    /// What to do.
    pub action: String,
    /// The codes that explain it where they are told too.
    pub depends_on: Vec<String>,
}

impl CodeList {
    /// The name of this document.
    pub const SCHEMA: &str = "wasl-hq.codes/1";
}

impl Code {
    /// All of them, in the order in which they are told where nothing else decides.
    pub fn all() -> &'static [&'static Self] {
        ALL
    }

    /// The code that is this word.
    pub fn named(word: &str) -> Option<&'static Self> {
        ALL.iter().copied().find(|code| code.code == word)
    }

    /// The same in words.
    pub fn item(&self) -> CodeItem {
        CodeItem {
            code: self.code.to_owned(),
            severity: self.severity.to_vec(),
            title: self.title.to_owned(),
            means: self.means.to_owned(),
            why: self.why.to_owned(),
            action: self.action.to_owned(),
            depends_on: self.depends_on.iter().map(|code| (*code).to_owned()).collect(),
        }
    }
}

/// HQ does not run.
pub static STOPPED: Code = Code {
    code: "stopped",
    severity: &[Crit],
    title: "headquarters is not running",
    means: "no office can reach it; offices go on enrolling, and send everything later",
    why: "somebody stopped it, it was killed, or it does not start",
    action: "`systemctl status wasl-hq` says why; `systemctl start wasl-hq`",
    depends_on: &[],
    by_time: false,
};

/// The disk of the database.
pub static DISK_LOW: Code = Code {
    code: "disk-low",
    severity: &[Warn, Crit],
    title: "the database's disk is almost full",
    means: "when it is full nothing is stored and no office gets a receipt; offices keep all",
    why: "the database grows, or other files do",
    action: "free some space, or move the data dir to a larger disk",
    depends_on: &[],
    by_time: false,
};

/// What an office may not write.
pub static HELD_UNAUTHORISED: Code = Code {
    code: "held-unauthorised",
    severity: &[Crit],
    title: "an office wrote what only headquarters may write",
    means: "it is kept and does not count; what its author wrote later of the same record waits",
    why: "a program other than ours wrote into an office's journal, or that machine is not ours",
    action: "ask the office who wrote it; `wasl-hq held list`, then `held refuse`; \
             `wasl-hq office revoke ID` ends its access",
    depends_on: &[],
    by_time: false,
};

/// One office, two machines.
pub static DUPLICATE_IDENTITY: Code = Code {
    code: "duplicate-identity",
    severity: &[Crit],
    title: "two machines write as one office",
    means: "nothing is lost: each goes on in a journal of its own; they cut off each other's link",
    why: "an office's disk was restored or cloned onto a second machine, and the first one runs too",
    action: "ask the office which machine is in use, and switch the other one off for good",
    depends_on: &[],
    by_time: false,
};

/// No copy of the database elsewhere.
pub static BACKUP_OLD: Code = Code {
    code: "backup-old",
    severity: &[Warn],
    title: "the database has no recent copy off-site",
    means: "should this machine burn, offices send all they have again; what only headquarters \
            wrote and no office has heard of since that copy is gone",
    why: "nobody has run the backup, or its copy was not declared off-site",
    action: "`wasl-hq backup TO_DIR --offsite`, best from a timer, and take TO_DIR elsewhere",
    depends_on: &[],
    by_time: false,
};

/// Most offices at once.
pub static OFFICES_SILENT: Code = Code {
    code: "offices-silent",
    severity: &[Warn, Crit],
    title: "most offices are silent at once",
    means: "so many do not fail together: it is what they have in common, or a holiday",
    why: "headquarters' own line or firewall, the provider, or a day on which nobody works",
    action: "see whether UDP reaches this machine (`wasl-hq status` names the port); then the \
             provider; then the calendar",
    depends_on: &[],
    by_time: true,
};

/// An office that missed a usual day.
pub static OFFICE_LOST: Code = Code {
    code: "office-lost",
    severity: &[Crit],
    title: "offices are lost",
    means: "a whole usual day has passed without a word; what they enroll lies on their disk only",
    why: "the link, the power, the machine or the whole office is gone",
    action: "call the office: is the machine on? then `wasl doctor` there; \
             `wasl-hq office show ID` tells when it is usually heard",
    depends_on: &["offices-silent"],
    by_time: true,
};

/// An office that missed more of its hours than it does.
pub static OFFICE_LATE: Code = Code {
    code: "office-late",
    severity: &[Warn],
    title: "offices are late",
    means: "they have missed more of their usual hours than they do; they go on enrolling",
    why: "the link or the power at the office is down longer than usual",
    action: "call the office, or wait: it becomes LOST after one usual day; \
             `wasl-hq office show ID` tells when it is usually heard",
    depends_on: &["offices-silent"],
    by_time: true,
};

/// Offices that never came.
pub static OFFICE_NEVER: Code = Code {
    code: "office-never",
    severity: &[Info],
    title: "offices have never come",
    means: "they were added and have not joined",
    why: "nobody has set them up yet, or their token ran out",
    action: "`wasl join TOKEN` at the office; `wasl-hq office token ID` prints a new token",
    depends_on: &[],
    by_time: false,
};

/// HQ's own clock.
pub static HQ_CLOCK: Code = Code {
    code: "hq-clock",
    severity: &[Warn],
    title: "the clock of headquarters seems to be off",
    means: "most offices differ from it in the same direction; nothing is decided by a clock",
    why: "time synchronisation is off at headquarters, or its clock was set by hand",
    action: "`timedatectl` at headquarters; set the clock, or switch on time synchronisation",
    depends_on: &[],
    by_time: false,
};

/// Offices' clocks.
pub static OFFICE_CLOCK: Code = Code {
    code: "office-clock",
    severity: &[Info, Warn],
    title: "clocks of offices are off",
    means: "times that these offices write are wrong; enrolling and syncing go on",
    why: "a dead clock battery, or no time synchronisation at the office",
    action: "set the clock there, or switch on time synchronisation",
    depends_on: &["hq-clock"],
    by_time: false,
};

/// Held entries.
pub static HELD: Code = Code {
    code: "held",
    severity: &[Warn],
    title: "entries are held",
    means: "they are stored and do not count yet; other records go on",
    why: "they saw what HQ has not, cannot be read by this version, or name what they may not",
    action: "`wasl-hq held list` says what each waits for",
    depends_on: &["held-unauthorised"],
    by_time: false,
};

/// Records in conflict.
pub static CONFLICTS: Code = Code {
    code: "conflicts",
    severity: &[Info, Warn],
    title: "records are in conflict",
    means: "two have written the same group without having seen each other; both values are kept",
    why: "corrections at several ends of a cut link",
    action: "`wasl-hq conflict list` shows their values side by side",
    depends_on: &[],
    by_time: false,
};

/// A rollout that stopped.
pub static ROLLOUT_STOPPED: Code = Code {
    code: "rollout-stopped",
    severity: &[Warn],
    title: "a rollout does not go on",
    means: "offices that have the edition keep it; the others stay with what they have",
    why: "an office went back from it, nobody it waits for is connected, or it was stopped",
    action: "`wasl-hq config status` shows every office",
    depends_on: &["config-not-kept", "offices-silent"],
    by_time: false,
};

/// Offices that went back.
pub static CONFIG_NOT_KEPT: Code = Code {
    code: "config-not-kept",
    severity: &[Warn, Crit],
    title: "offices did not keep the edition that they were sent",
    means: "they went back to their last good one; CRIT: one of them has none left",
    why: "it broke something there that its probation watches, or it was refused",
    action: "`wasl-hq config status` says why; mend it, and push it with a higher serial",
    depends_on: &[],
    by_time: false,
};

/// A rollout.
pub static ROLLOUT: Code = Code {
    code: "rollout",
    severity: &[Info],
    title: "an edition is being rolled out",
    means: "it goes from stage to stage by itself",
    why: "somebody pushed it",
    action: "`wasl-hq config status` shows every office",
    depends_on: &[],
    by_time: false,
};

static ALL: &[&Code] = &[
    &STOPPED,
    &DISK_LOW,
    &HELD_UNAUTHORISED,
    &DUPLICATE_IDENTITY,
    &OFFICES_SILENT,
    &OFFICE_LOST,
    &CONFIG_NOT_KEPT,
    &OFFICE_LATE,
    &ROLLOUT_STOPPED,
    &HELD,
    &CONFLICTS,
    &BACKUP_OLD,
    &HQ_CLOCK,
    &OFFICE_CLOCK,
    &OFFICE_NEVER,
    &ROLLOUT,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_explained_once_and_says_everything_and_its_causes_are_told_before_it() {
        for (n, code) in ALL.iter().enumerate() {
            assert!(!ALL[..n].iter().any(|c| c.code == code.code), "{} twice", code.code);
            for text in [code.title, code.means, code.why, code.action] {
                assert!(!text.is_empty() && !text.ends_with('.'), "{}: {text:?}", code.code);
            }
            assert!(!code.severity.is_empty(), "{}", code.code);
            for cause in code.depends_on {
                assert!(ALL[..n].iter().any(|c| c.code == *cause), "{}: {cause}", code.code);
            }
        }
    }
}
