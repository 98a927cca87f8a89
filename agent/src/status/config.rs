//! What is wrong with the config, and what to do.

use wasl_protocol::edition::{Phase, Serial};

use super::build::Told;
use super::document::{Severity, Warning, timestamp};
use super::table::ago;
use super::warnings::{S_PER_DAY, severity, warning};

/// What is built in runs although editions have stood here: even the last good one was lost.
pub(super) fn config_safe(told: &Told<'_>) -> Option<Warning> {
    if !is_lost(told) {
        return None;
    }
    let attempt = told.config.state.attempt.as_ref();
    let why = attempt.and_then(|attempt| attempt.phase.why());
    let why = why.map_or(String::new(), |(_, message)| format!(" ({message})"));
    let floor = told.config.state.floor;
    let text = format!(
        "edition {floor} stood here and cannot be put in force{why}: what is built in runs, and \
        enrolling goes on"
    );
    let (title, action) =
        ("the config was lost", "check the disk, then ask headquarters for a new edition");
    Some(warning("config-safe", Severity::Crit, title, text, action))
}

fn is_lost(told: &Told<'_>) -> bool {
    told.in_force.serial == Serial::BUILT_IN && told.config.state.floor > Serial::BUILT_IN
}

/// The last edition that was tried did not stand.
pub(super) fn config_rolled_back(told: &Told<'_>) -> Option<Warning> {
    let attempt = told.config.state.attempt.as_ref()?;
    let Phase::RolledBack { to, code, message } = &attempt.phase else { return None };
    if is_lost(told) {
        return None;
    }
    let to = if *to == Serial::BUILT_IN { "what is built in".into() } else { format!("{to}") };
    let text = format!("edition {} went back to {to}: {message} ({code})", attempt.serial);
    let action = "nothing here: headquarters sees it, and sends a newer edition";
    let title = "a new config was rolled back";
    let mut w = warning("config-rolled-back", Severity::Warn, title, text, action);
    w.since = Some(timestamp(attempt.since));
    Some(w)
}

/// There is a link, and HQ says nothing new.
pub(super) fn config_stale(told: &Told<'_>) -> Option<Warning> {
    let (silent_s, limits) = (told.config.silent_up_s, &told.in_force.settings.config);
    let severity = severity(
        silent_s,
        |s| s > limits.stale_warn_days.saturating_mul(S_PER_DAY),
        |s| s > limits.stale_crit_days.saturating_mul(S_PER_DAY),
    )?;
    let text = format!("nothing new in {} during which the link was up", ago(silent_s));
    let (title, action) =
        ("headquarters has said nothing new for long", "call headquarters: `wasl-hq status`");
    let mut w = warning("config-stale", severity, title, text, action);
    w.since = told.config.news_at.map(timestamp);
    Some(w)
}

/// The operator takes no edition.
pub(super) fn config_held(told: &Told<'_>) -> Option<Warning> {
    let hold = told.config.state.hold.as_ref().filter(|hold| told.clocks.now < hold.until)?;
    let until = timestamp(hold.until);
    let text = format!("no edition from headquarters is taken before {until}");
    let action = "see why: `wasl config show`; end it: `wasl config unhold`";
    Some(warning("config-held", Severity::Warn, "the config is held", text, action))
}
