//! Why there is no session with HQ: the codes of `link.last_error`.

use super::{Code, Kind};

const fn code(
    code: &'static str,
    title: &'static str,
    means: &'static str,
    [why, action]: [&'static str; 2],
) -> Code {
    let (severity, depends_on): (&[_], &[_]) = (&[], &[]);
    let kind = Kind::Link;
    Code { code, kind, severity, title, means, why, action, depends_on, by_time: false }
}

pub(super) static ALL: &[Code] = &[
    code(
        "name",
        "the name of HQ does not resolve",
        "no address is known for the name that this office dials",
        [
            "no name server answers, or the name is mistyped in an edition",
            "`wasl doctor`; check `resolvectl status` and the endpoints in `wasl config show`",
        ],
    ),
    code(
        "route",
        "there is no way out",
        "the system has no route to HQ's address, or no socket",
        [
            "the network cable or the antenna is off, or no address was given out",
            "check the cable and `ip route`, then `wasl sync`",
        ],
    ),
    code(
        "timeout",
        "HQ does not answer",
        "packets leave and nothing comes back",
        [
            "the link is down beyond this machine, a firewall drops UDP, or HQ is down",
            "check the modem or the antenna; `wasl doctor` tries UDP to HQ",
        ],
    ),
    code(
        "wrong-key",
        "whoever answers is not HQ",
        "the answer came from a machine that does not hold the key this office has pinned",
        [
            "a wrong address, a proxy in between, or HQ was set up anew with other keys",
            "do not join again: call headquarters and compare the key in `wasl-hq status`",
        ],
    ),
    code(
        "version",
        "HQ speaks no version that this office speaks",
        "both are well and cannot understand each other",
        [
            "one side was updated far beyond the other",
            "update the agent, or ask headquarters which version it runs",
        ],
    ),
    code(
        "identity",
        "this office's own keys do not work",
        "the transport key or the TLS library refused to start",
        [
            "the data dir or its key file is not the one that joined",
            "`wasl doctor` looks at keys and permissions; restart the daemon afterwards",
        ],
    ),
    code(
        "hq-fault",
        "HQ broke the protocol",
        "this side ended the session, since what HQ said cannot be right",
        [
            "a defect in HQ, or a version that was never released",
            "tell headquarters; it is tried again by itself",
        ],
    ),
    code(
        "fault",
        "HQ says that this office broke the protocol",
        "HQ ended the session, since what this office said cannot be right",
        ["a defect in the agent", "update the agent; send `wasl diagnose FILE` to headquarters"],
    ),
    code(
        "fork",
        "HQ holds other entries than this office",
        "both sides have a history of this journal, and they differ",
        [
            "a disk was restored from a backup, or copied to a second machine",
            "leave both copies as they are and call headquarters",
        ],
    ),
    code(
        "broken",
        "the connection broke",
        "the network ended it in a way that says nothing more",
        ["the link was cut or HQ was restarted", "nothing: it is tried again by itself"],
    ),
    code(
        "engine",
        "what HQ sent could not be kept",
        "this office's own disk did not take it, so HQ was not told that it did",
        ["the disk is full, or failed", "see the warnings of `wasl status`; check the disk"],
    ),
    code(
        "done",
        "HQ ended the session",
        "HQ is stopping or restarting",
        ["an upgrade or a reboot at HQ", "nothing: it is tried again by itself"],
    ),
    code(
        "unknown-key",
        "HQ does not know this office's key",
        "HQ does not let this office in",
        [
            "the office joined another HQ, or HQ was restored to a time before it joined",
            "call headquarters: `wasl-hq office show ID`",
        ],
    ),
    code(
        "revoked",
        "HQ has revoked this office",
        "HQ does not let this office in; enrolling goes on",
        [
            "staff revoked it, or replaced it by another machine",
            "call headquarters: `wasl-hq office show ID`",
        ],
    ),
    code(
        "busy",
        "HQ is busy",
        "HQ sent this office away for a while",
        ["many offices came at once", "nothing: it is tried again by itself"],
    ),
    code(
        "silence",
        "HQ heard nothing for too long",
        "HQ ended the session, since nothing of this office came through",
        [
            "the link lets packets through in one direction only, or loses most",
            "check the modem or the antenna",
        ],
    ),
    code(
        "replaced",
        "another installation uses this office's key",
        "HQ keeps the newer of two connections that show the same key",
        [
            "the data dir was copied and both copies run, or the network changed under a connection",
            "if it repeats, stop one of the two machines and call headquarters",
        ],
    ),
    code(
        "hq-cannot-store",
        "HQ cannot store now",
        "HQ's disk or database does not take entries; they wait here, safe on disk",
        ["HQ's disk is full, or failed", "tell headquarters: `wasl-hq status`"],
    ),
];
