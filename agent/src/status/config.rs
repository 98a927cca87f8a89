//! What is wrong with the config, and what to do.

use wasl_protocol::edition::{Phase, Serial};

use super::build::Told;
use super::codes;
use super::document::{Severity, timestamp};
use super::table::{ago, minute};
use super::warnings::{Found, S_PER_DAY, severity};

/// What is built in runs although editions have stood here: even the last good one was lost.
pub(super) fn config_safe(told: &Told<'_>) -> Option<Found> {
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
    Some(Found::new(&codes::CONFIG_SAFE, Severity::Crit, text))
}

fn is_lost(told: &Told<'_>) -> bool {
    told.in_force.serial == Serial::BUILT_IN && told.config.state.floor > Serial::BUILT_IN
}

/// The last edition that was tried did not stand.
pub(super) fn config_rolled_back(told: &Told<'_>) -> Option<Found> {
    let attempt = told.config.state.attempt.as_ref()?;
    let Phase::RolledBack { to, code, message } = &attempt.phase else { return None };
    if is_lost(told) {
        return None;
    }
    let to = if *to == Serial::BUILT_IN { "what is built in".into() } else { format!("{to}") };
    let text = format!("edition {} went back to {to}: {message} ({code})", attempt.serial);
    Some(Found::new(&codes::CONFIG_ROLLED_BACK, Severity::Warn, text).since(attempt.since))
}

/// There is a link, and HQ says nothing new.
pub(super) fn config_stale(told: &Told<'_>) -> Option<Found> {
    let (silent_s, limits) = (told.config.silent_up_s, &told.in_force.settings.config);
    let severity = severity(
        silent_s,
        |s| s > limits.stale_warn_days.saturating_mul(S_PER_DAY),
        |s| s > limits.stale_crit_days.saturating_mul(S_PER_DAY),
    )?;
    let text = format!("nothing new in {} during which the link was up", ago(silent_s));
    let found = Found::new(&codes::CONFIG_STALE, severity, text);
    Some(match told.config.news_at {
        Some(at) => found.since(at),
        None => found,
    })
}

/// The operator takes no edition.
pub(super) fn config_held(told: &Told<'_>) -> Option<Found> {
    let hold = told.config.state.hold.as_ref().filter(|hold| told.clocks.now < hold.until)?;
    let until = minute(timestamp(hold.until));
    let text = format!("no edition from headquarters is taken before {until}");
    Some(Found::new(&codes::CONFIG_HELD, Severity::Warn, text))
}
