//! What is wrong: each warning from the facts that show it. What it means and what to do stands in
//! `codes`.

use jiff::Timestamp;
use wasl_protocol::units::{Seq, UnixMs};

use super::build::{Known, Told, mirror_lacks, news_lost};
use super::codes::{self, Code};
use super::config::{config_held, config_rolled_back, config_safe, config_stale};
use super::document::{Severity, Verified, Warning, timestamp};
use super::table::{ago, bytes, minute};
use crate::engine::{Facts, Refused};
use crate::facts::{LinkFacts, LinkPhase};

pub(super) const S_PER_DAY: u64 = 86_400;

/// A daemon that has run for less does not tell what only time can tell, in milliseconds: the link
/// is still coming up, the clock may still be set.
pub const WARMUP_MS: u64 = 60_000;

/// All that is wrong: the worst first, each followed by what it explains.
pub(super) fn warnings(known: &Known, told: &Told<'_>) -> Vec<Warning> {
    let Told { facts, link, .. } = *told;
    let all = [
        closed(facts),
        damaged(told.verified),
        holes(facts),
        inbox_damaged(facts),
        lost_news(told),
        fork(facts),
        refused(link),
        paused(link),
        disk(told),
        unacked(told),
        link_down(known, told),
        clock(told),
        config_safe(told),
        config_stale(told),
        config_rolled_back(told),
        config_held(told),
        http_closed(told),
        mirror(told),
        held(facts),
        refused_entries(facts),
        newer(facts),
        conflicts(facts),
    ];
    let starting = told.clocks.up_ms < WARMUP_MS;
    let told = all.into_iter().flatten().filter(|found| !(starting && found.code.by_time));
    in_order(told.collect())
}

/// A code that shows, and how.
pub(super) struct Found {
    code: &'static Code,
    severity: Severity,
    text: String,
    since: Option<Timestamp>,
}

impl Found {
    pub(super) fn new(code: &'static Code, severity: Severity, text: String) -> Self {
        Self { code, severity, text, since: None }
    }

    pub(super) fn since(self, at: UnixMs) -> Self {
        Self { since: Some(timestamp(at)), ..self }
    }

    fn warning(self, depends_on: Vec<String>) -> Warning {
        let Self { code, severity, text, since } = self;
        let [code, title, action] = [code.code, code.title, code.action].map(str::to_owned);
        Warning { code, severity, since, title, text, action, depends_on }
    }
}

/// What nothing else explains, the worst first, each followed by what it explains. It counts as bad
/// as the worst of these.
fn in_order(found: Vec<Found>) -> Vec<Warning> {
    let there: Vec<&str> = found.iter().map(|f| f.code.code).collect();
    let causes = |f: &Found| -> Vec<&'static str> {
        f.code.depends_on.iter().copied().filter(|cause| there.contains(cause)).collect()
    };
    let (roots, explained): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|f| causes(f).is_empty());
    let mut groups: Vec<Vec<Found>> = roots.into_iter().map(|root| vec![root]).collect();
    for f in explained {
        let mut groups = groups.iter_mut();
        let group = groups.find(|group| causes(&f).contains(&group[0].code.code));
        group.expect("what explains a cause explains what it causes: a test of the codes").push(f);
    }
    let worst = |group: &Vec<Found>| group.iter().map(|f| f.severity).max();
    groups.sort_by_key(|group| std::cmp::Reverse(worst(group)));
    let told = groups.into_iter().flatten().map(|f| (causes(&f), f));
    told.map(|(causes, f)| f.warning(causes.into_iter().map(str::to_owned).collect())).collect()
}

fn closed(facts: &Facts) -> Option<Found> {
    let (code, text) = match facts.closed.as_ref()? {
        Refused::DiskFull => (
            &codes::DISK_FULL,
            format!("{} are free; intake reopens by itself", bytes(facts.free_bytes)),
        ),
        Refused::Poisoned => (
            &codes::JOURNAL_FAILED,
            "a write failed, so nothing after it is believed; what was answered is safe".to_owned(),
        ),
        _ => (&codes::INTAKE_CLOSED, "the daemon is stopping".to_owned()),
    };
    Some(Found::new(code, Severity::Crit, text))
}

fn damaged(verified: Option<&Verified>) -> Option<Found> {
    let Verified { at, result } = verified.filter(|v| v.result != Verified::OK)?;
    let found = Found::new(&codes::VERIFY_FAILED, Severity::Crit, result.clone());
    Some(Found { since: Some(*at), ..found })
}

fn holes(facts: &Facts) -> Option<Found> {
    let (first, last) = (facts.holes.first()?, facts.holes.last()?);
    let (from, until) = (first.0.seq.next(), last.1.seq);
    let stored = facts.stored.map_or(Seq(0), |at| at.seq);
    let source = if stored >= until {
        "HQ has them all, and they come back over the link".to_owned()
    } else {
        let beyond = stored.max(first.0.seq).next();
        format!("HQ has none from {beyond} on: those are in the mirror, or lost")
    };
    let text = format!("some of entries {from} to {until} cannot be read; {source}");
    Some(Found::new(&codes::JOURNAL_HOLE, Severity::Crit, text))
}

fn inbox_damaged(facts: &Facts) -> Option<Found> {
    let text = "news of HQ's cannot be read here; enrolling and syncing go on".to_owned();
    facts.inbox_damaged.then(|| Found::new(&codes::INBOX_DAMAGED, Severity::Warn, text))
}

fn lost_news(told: &Told<'_>) -> Option<Found> {
    let text = "what HQ said last may be lacking in records until the link is up".to_owned();
    news_lost(told).then(|| Found::new(&codes::NEWS_LOST, Severity::Warn, text))
}

fn fork(facts: &Facts) -> Option<Found> {
    let common = facts.fork?;
    let text =
        format!("both agree up to entry {common} only: this data dir was restored or copied");
    Some(Found::new(&codes::FORK, Severity::Crit, text))
}

fn refused(link: &LinkFacts) -> Option<Found> {
    if link.state != LinkPhase::Refused {
        return None;
    }
    let text = link.last_error.as_ref().map_or("HQ gave no reason".to_owned(), |e| e.text.clone());
    let found = Found::new(&codes::REFUSED, Severity::Crit, text);
    Some(Found { since: link.since.map(timestamp), ..found })
}

fn paused(link: &LinkFacts) -> Option<Found> {
    if link.state != LinkPhase::Paused {
        return None;
    }
    let until = link.next_attempt_at.map(timestamp);
    let until = until.map_or(String::new(), |until| format!(" until {}", minute(until)));
    let text = format!("nothing is sent{until}; enrolling goes on");
    let found = Found::new(&codes::PAUSED, Severity::Warn, text);
    Some(Found { since: link.since.map(timestamp), ..found })
}

fn disk(told: &Told<'_>) -> Option<Found> {
    let (left_s, limits) = (told.clocks.fill_eta_s?, &told.in_force.settings.status);
    let severity = severity(
        left_s,
        |s| s < limits.disk_warn_days.saturating_mul(S_PER_DAY),
        |s| s < limits.disk_crit_days.saturating_mul(S_PER_DAY),
    )?;
    let text = format!("{} are free: full in {}", bytes(told.facts.free_bytes), ago(left_s));
    Some(Found::new(&codes::DISK_RUNWAY, severity, text))
}

fn unacked(told: &Told<'_>) -> Option<Found> {
    let (oldest, limits) = (told.facts.oldest_unacked_at?, &told.in_force.settings.status);
    let waited_s = worked_s(told, oldest);
    let severity =
        severity(waited_s, |s| s > limits.unacked_warn_s, |s| s > limits.unacked_crit_s)?;
    let text = format!(
        "{} entries wait, the oldest for {} of working time; they are safe on this disk only",
        told.facts.backlog,
        ago(waited_s)
    );
    Some(Found::new(&codes::UNACKED, severity, text).since(oldest))
}

fn link_down(known: &Known, told: &Told<'_>) -> Option<Found> {
    let link = told.link;
    if matches!(link.state, LinkPhase::Up | LinkPhase::Refused | LinkPhase::Paused) {
        return None;
    }
    let started_at = UnixMs(known.agent.started_at.as_millisecond());
    let down_since = link.last_up_at.unwrap_or(started_at);
    let down_s = worked_s(told, down_since);
    if down_s <= told.in_force.settings.status.unacked_warn_s {
        return None;
    }
    let why = link.last_error.as_ref().map_or(String::new(), |e| format!(": {}", e.text));
    let text = format!("down for {} of working time{why}", ago(down_s));
    Some(Found::new(&codes::LINK_DOWN, Severity::Warn, text).since(down_since))
}

fn clock(told: &Told<'_>) -> Option<Found> {
    let (offset_ms, limits) = (told.link.clock_offset_ms?, &told.in_force.settings.status);
    let off_s = offset_ms.unsigned_abs() / 1000;
    let severity = severity(
        offset_ms.unsigned_abs(),
        |ms| ms > limits.clock_warn_s.saturating_mul(1000),
        |ms| ms > limits.clock_crit_s.saturating_mul(1000),
    )?;
    let way = if offset_ms > 0 { "ahead of" } else { "behind" };
    let text = format!("{} {way} HQ's; enrolling and syncing go on", ago(off_s));
    Some(Found::new(&codes::CLOCK_OFF, severity, text))
}

fn http_closed(told: &Told<'_>) -> Option<Found> {
    let at = told.http.wanted.filter(|at| told.http.served != Some(*at))?;
    let why = told.http.why.as_deref().unwrap_or("not tried yet");
    let text = format!("{at}: {why}; enrolling over the socket goes on, and it is tried again");
    Some(Found::new(&codes::HTTP_CLOSED, Severity::Warn, text))
}

/// How long a mirror may be behind before that is told, in milliseconds: a burst is copied sooner.
const MIRROR_BEHIND_MS: i64 = 60_000;

fn mirror(told: &Told<'_>) -> Option<Found> {
    let mirror = told.mirror?;
    let lacks = mirror_lacks(told, mirror);
    let found = |why: &str| {
        let text = format!("{why}; it lacks {lacks} entries, and enrolling goes on");
        Found::new(&codes::MIRROR, Severity::Warn, text)
    };
    if let Some((why, since)) = &mirror.trouble {
        return Some(found(why).since(*since));
    }
    let started_at = told.clocks.now.0 - i64::try_from(told.clocks.up_ms).unwrap_or(i64::MAX);
    let level_at = mirror.level_at.unwrap_or(UnixMs(started_at));
    let late = lacks > 0 && told.clocks.now.0 - level_at.0 > MIRROR_BEHIND_MS;
    late.then(|| found("its disk is slow or does not answer").since(level_at))
}

fn held(facts: &Facts) -> Option<Found> {
    let text = format!("{} stored at HQ and not applied", facts.held);
    (facts.held > 0).then(|| Found::new(&codes::HELD, Severity::Warn, text))
}

fn refused_entries(facts: &Facts) -> Option<Found> {
    let text = format!("{} that do not count, by a decision of HQ's staff", facts.refused);
    (facts.refused > 0).then(|| Found::new(&codes::REFUSED_ENTRIES, Severity::Warn, text))
}

fn newer(facts: &Facts) -> Option<Found> {
    let text = format!("{} kept as HQ sent them, not to be changed here", facts.read_only);
    (facts.read_only > 0).then(|| Found::new(&codes::NEWER, Severity::Warn, text))
}

fn conflicts(facts: &Facts) -> Option<Found> {
    let text = format!("{} wait for a decision; every value is kept", facts.conflicts);
    (facts.conflicts > 0).then(|| Found::new(&codes::CONFLICTS, Severity::Info, text))
}

pub(super) fn severity(
    value: u64,
    warn: impl Fn(u64) -> bool,
    crit: impl Fn(u64) -> bool,
) -> Option<Severity> {
    match (warn(value), crit(value)) {
        (_, true) => Some(Severity::Crit),
        (true, false) => Some(Severity::Warn),
        (false, false) => None,
    }
}

/// The working time since `from`, in seconds. Without working hours every hour counts.
pub(super) fn worked_s(told: &Told<'_>, from: UnixMs) -> u64 {
    let to = told.clocks.now;
    let ms = match &told.in_force.settings.working_hours {
        Some(hours) => hours.between_ms(from, to),
        None => to.0.saturating_sub(from.0).max(0).unsigned_abs(),
    };
    ms / 1000
}
