//! Rollouts and editions, as people read them.

use crate::cli::table::{ago, cut, facts, moment, or_dash, table};
use crate::console::{
    AttemptReport, EditionItem, EditionList, OfficeRolloutReport, RolloutDocument,
};

/// How many characters of a reason stand in a list.
const REASON_CHARS: usize = 48;

/// A rollout: how far it is, and every office with its four facts.
pub(super) fn rollout(r: &RolloutDocument) -> String {
    let Some(serial) = r.serial else {
        return "No edition has been pushed: every office runs what is built in.".to_owned();
    };
    let mut rows = vec![("edition", serial.to_string()), ("rollout", r.stage.clone())];
    if r.now {
        rows.push(("stages", "skipped: it was pushed with --now".to_owned()));
    }
    rows.push(("since", ago(r.since, r.as_of)));
    if let Some(why) = &r.stopped {
        rows.push(("stopped", why.clone()));
    }
    if r.offices.is_empty() {
        return format!("{}\n\nNo offices yet.", facts(rows));
    }
    let row = |o: &OfficeRolloutReport| {
        [
            o.office.to_string(),
            o.stage.clone(),
            if o.connected { "yes" } else { "no" }.to_owned(),
            o.running.to_string(),
            or_dash(o.desired),
            o.floor.to_string(),
            or_dash(o.last_attempt.as_ref().map(attempt)),
        ]
    };
    let headings = ["office", "stage", "linked", "running", "desired", "floor", "last attempt"];
    let mut out =
        format!("{}\n\n{}", facts(rows), table(headings, r.offices.iter().map(row).collect()));
    for line in r.offices.iter().filter_map(why) {
        out.push_str("\n\n");
        out.push_str(&line);
    }
    out
}

fn attempt(a: &AttemptReport) -> String {
    let code = a.code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
    format!("{} {}{code}", a.serial, a.phase)
}

/// Why the last edition that an office tried did not stay there.
fn why(o: &OfficeRolloutReport) -> Option<String> {
    let tried = o.last_attempt.as_ref()?;
    let message = tried.message.as_ref()?;
    let at = moment(tried.at);
    Some(format!("{}: edition {} {}, {at}: {message}", o.office, tried.serial, tried.phase))
}

/// All editions that were pushed.
pub(super) fn history(list: &EditionList) -> String {
    if list.items.is_empty() {
        return "No edition has been pushed.".to_owned();
    }
    let row = |e: &EditionItem| {
        [
            e.serial.to_string(),
            e.stage.clone(),
            ago(Some(e.pushed_at), list.as_of),
            how(e),
            e.signed_by.join(", "),
            cut(&e.author, REASON_CHARS),
            cut(&e.reason, REASON_CHARS),
        ]
    };
    let headings = ["edition", "rollout", "pushed", "how", "signed by", "author", "reason"];
    table(headings, list.items.iter().map(row).collect())
}

fn how(e: &EditionItem) -> String {
    let mut how = match (&e.canary, e.now) {
        (_, true) => "at once".to_owned(),
        (Some(canary), _) => format!("canary {canary}"),
        (None, _) => "in stages".to_owned(),
    };
    if !e.only.is_empty() {
        let only: Vec<_> = e.only.iter().map(ToString::to_string).collect();
        how = format!("{how}, only {}", only.join(", "));
    }
    match e.revert_of {
        Some(serial) => format!("{how}, takes back {serial}"),
        None => how,
    }
}
