//! Why an edition is not in force: the codes of `config.last_attempt`, and of `wasl config import`.

use super::{Code, Kind};

const fn code(
    code: &'static str,
    title: &'static str,
    means: &'static str,
    [why, action]: [&'static str; 2],
) -> Code {
    let (severity, depends_on): (&[_], &[_]) = (&[], &[]);
    let kind = Kind::Config;
    Code { code, kind, severity, title, means, why, action, depends_on, by_time: false }
}

const ITS_AUTHOR: &str = "ask its author: `wasl-hq config check FILE`";
const NOTHING_HERE: &str = "nothing here: headquarters sees it, and sends a newer edition";

pub(super) static ALL: &[Code] = &[
    code(
        "signature",
        "not signed by those who may",
        "the edition is refused and nothing has changed",
        ["it was signed with another key, or not at all", "have it signed with the fleet's key"],
    ),
    code(
        "fleet",
        "signed for another fleet",
        "the edition is refused and nothing has changed",
        ["a file of another headquarters", "bring the file of this fleet"],
    ),
    code(
        "scope",
        "not for this office",
        "the edition is refused and nothing has changed",
        ["its scope names other offices", "ask its author whether it is for this office"],
    ),
    code(
        "old_serial",
        "not newer than what was in force",
        "the edition is refused and nothing has changed",
        ["an old file, or a serial that was used before", "ask for it under a higher serial"],
    ),
    code(
        "old_agent",
        "for a newer agent",
        "the edition is refused and nothing has changed",
        ["it says which version it needs at least", "update the agent"],
    ),
    code(
        "schema",
        "with settings that this agent does not know",
        "the edition is refused and nothing has changed",
        ["it was written for a newer version, or a setting is mistyped", ITS_AUTHOR],
    ),
    code(
        "expired",
        "past its deadline",
        "the edition is refused and nothing has changed",
        ["it came too late, by HQ's clock", "ask its author to sign it with a later deadline"],
    ),
    code(
        "malformed",
        "its bytes cannot be read",
        "the edition is refused and nothing has changed",
        ["it was cut short, or is no signed edition", "bring the file again"],
    ),
    code(
        "settings",
        "a setting is not allowed",
        "the edition is refused and nothing has changed",
        ["a value outside what is allowed; the message names it", ITS_AUTHOR],
    ),
    code(
        "endpoint",
        "HQ does not answer at its new address",
        "the edition would move HQ, and nobody answers there as HQ: nothing has changed",
        ["HQ does not serve there yet", "ask headquarters to serve there first"],
    ),
    code(
        "storage",
        "it could not be stored",
        "the edition is not in force; it is tried again",
        ["the disk is full, or fails", "free some space on the journal's disk"],
    ),
    code(
        "ready",
        "enrollments were not taken under it",
        "the edition went back: under it the daemon said that it takes nothing",
        ["its settings close intake", NOTHING_HERE],
    ),
    code(
        "fsync",
        "the disk failed under it",
        "the edition went back: the journal's disk failed during its trial",
        ["a failing disk; seldom the edition itself", "check the disk"],
    ),
    code(
        "intake",
        "its field rules refused everybody",
        "the edition went back: under it enrollments were refused and none was taken",
        ["a pattern or a mandatory field that no form meets", NOTHING_HERE],
    ),
    code(
        "listener",
        "a socket did not listen under it",
        "the edition went back: an address that it names could not be served",
        ["another program has that address", NOTHING_HERE],
    ),
    code(
        "no_session",
        "no session came about under it",
        "the edition went back: HQ answered where it was before, and not under the edition",
        ["a wrong endpoint, or an address that only some networks reach", NOTHING_HERE],
    ),
    code(
        "starts",
        "the daemon did not stay up under it",
        "the edition went back: the daemon was started again and again during its trial",
        ["crashes, power cuts, or an operator's restarts", NOTHING_HERE],
    ),
    code(
        "apply",
        "it could not be put in force",
        "the edition went back: a setting was refused when it was to take effect",
        ["its file is damaged, or a setting clashes with this machine", NOTHING_HERE],
    ),
    code(
        "lost",
        "its file was lost",
        "the edition's file in the data dir cannot be read any more",
        ["a failing disk, or somebody wrote into the data dir", "check the disk"],
    ),
    code(
        "aborted",
        "headquarters stopped its rollout",
        "the edition went back here and at every office that tried it",
        ["staff ran `wasl-hq config abort`, or another office went back", NOTHING_HERE],
    ),
    code(
        "operator",
        "an operator took it back",
        "the edition went back by a decision at this office",
        ["somebody ran `wasl config rollback`", NOTHING_HERE],
    ),
    code(
        "superseded",
        "a newer one came meanwhile",
        "the edition that was brought is older than one that came since",
        ["HQ sent one while a file was imported", "see what is in force: `wasl config show`"],
    ),
    code(
        "waits",
        "not in force yet",
        "something goes before it: another edition on its way, or a full disk",
        ["an edition is on trial", "look again in some minutes: `wasl config show`"],
    ),
    code(
        "stopped",
        "the daemon is stopping",
        "nothing has changed",
        ["the daemon is on its way out", "start the daemon, then try again"],
    ),
    code(
        "no-trial",
        "no edition is on trial",
        "only an edition on trial can be taken back here: nothing has changed",
        [
            "the edition has stood its trial",
            "an edition that stood is replaced by one with a higher serial: ask headquarters",
        ],
    ),
];
