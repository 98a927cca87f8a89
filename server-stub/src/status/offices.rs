//! Every office as HQ sees it: what the store has of it, its session, and its habit.

use wasl_protocol::id::{JournalId, Position};
use wasl_protocol::units::{Seq, UnixMs};

use crate::gateway::SessionFacts;
use crate::habit::{Contact, Freshness, Habit, judge};
use crate::store::{Heard, OfficeFacts, Store, StoreError};

use super::document::{HabitStatus, JournalStatus, OfficeState, OfficeStatus};
use super::timestamp;

/// Every office at `now`, with the sessions that are `live`; none: HQ does not run.
pub async fn offices(
    store: &Store,
    live: Option<&[SessionFacts]>,
    now: UnixMs,
) -> Result<Vec<OfficeStatus>, StoreError> {
    let heard = store.heard().await?;
    let facts = store.offices().await?;
    Ok(facts.into_iter().map(|f| office(f, live, &heard, now)).collect())
}

fn office(
    facts: OfficeFacts,
    live: Option<&[SessionFacts]>,
    heard: &Heard,
    now: UnixMs,
) -> OfficeStatus {
    let session = live.unwrap_or_default().iter().find(|s| s.office == facts.id);
    let state = match (facts.joined_at, facts.revoked_at) {
        (_, Some(_)) => OfficeState::Revoked,
        (Some(_), None) => OfficeState::Joined,
        (None, None) => OfficeState::Added,
    };
    let journal = |(journal, at): &(JournalId, Position)| JournalStatus {
        journal: *journal,
        seq: at.seq,
        head: at.head,
    };
    let journals: Vec<_> = facts.journals.iter().map(journal).collect();
    let stored_seq = journals.last().map_or(Seq(0), |j| j.seq);
    // To join is to say something.
    let last_seen = session.map(|s| s.last_seen).max(facts.last_seen).max(facts.joined_at);
    let habit = last_seen.filter(|_| state == OfficeState::Joined);
    let habit = habit.map(|last| {
        let log = heard.offices.get(&facts.id).cloned().unwrap_or_default();
        judge(&heard.ran, &log, Contact { connected: session.is_some(), last }, now)
    });
    let freshness = match (state, &habit) {
        (OfficeState::Revoked, _) => None,
        (_, None) => Some(Freshness::Never),
        // Nothing is fresh that nobody watches.
        (_, Some(habit)) if live.is_none() => Some(habit.freshness.max(Freshness::Quiet)),
        (_, Some(habit)) => Some(habit.freshness),
    };
    OfficeStatus {
        state,
        connected: session.is_some(),
        connected_since: session.map(|s| timestamp(s.since)),
        address: session.map(|s| s.address.to_string()),
        rtt_ms: session.map(|s| u64::try_from(s.rtt.as_millis()).unwrap_or(u64::MAX)),
        freshness,
        habit: habit.map(Into::into),
        last_seen: last_seen.map(timestamp),
        added_at: timestamp(facts.added_at),
        token_expires_at: (state == OfficeState::Added).then(|| timestamp(facts.token_expires_at)),
        joined_at: facts.joined_at.map(timestamp),
        revoked_at: facts.revoked_at.map(timestamp),
        agent_version: facts.agent_version,
        clock_offset_ms: facts.clock_offset_ms,
        stored_seq,
        journals,
        two_machines_at: facts.two_machines_at.map(timestamp),
        audited_at: facts.audited_at.filter(|at| at.0 > 0).map(timestamp),
        audit_again: facts.audit_again,
        backlog: facts.reported_seq.map(|reported| reported - stored_seq),
        held: facts.held,
        records: facts.records,
        conflicts: facts.conflicts,
        id: facts.id,
        name_ar: facts.name_ar,
        name_en: facts.name_en,
    }
}

impl From<Habit> for HabitStatus {
    fn from(habit: Habit) -> Self {
        // To a tenth of an hour.
        let hours = |thousandths: u32| f64::from((thousandths + 50) / 100) / 10.0;
        Self {
            missed_hours: hours(habit.missed_m),
            late_after_hours: hours(habit.late_m),
            lost_after_hours: hours(habit.lost_m),
            usual: habit.usual,
            learnt: habit.learnt,
        }
    }
}
