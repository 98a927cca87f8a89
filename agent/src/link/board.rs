//! Tells the other edges how the link is. Knows nothing of QUIC.

use std::time::Duration;

use tokio::sync::watch;
use wasl_protocol::units::UnixMs;

use super::failure::Failure;
use crate::facts::{LinkError, LinkFacts, LinkPhase};
use crate::seam::World;

/// The link's facts, and the clock that dates them.
pub(super) struct Board {
    facts: watch::Sender<LinkFacts>,
    world: World,
}

/// What one connection has carried, in bytes of UDP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Traffic {
    pub(super) sent_bytes: u64,
    pub(super) received_bytes: u64,
}

impl Traffic {
    /// What came on top of `before`, of the same connection.
    pub(super) fn since(self, before: Self) -> Self {
        Self {
            sent_bytes: self.sent_bytes.saturating_sub(before.sent_bytes),
            received_bytes: self.received_bytes.saturating_sub(before.received_bytes),
        }
    }
}

impl Board {
    pub(super) fn new(facts: watch::Sender<LinkFacts>, world: World) -> Self {
        Self { facts, world }
    }

    /// An attempt at this endpoint begins.
    pub(super) fn connecting(&self, endpoint: &str) {
        self.change(LinkPhase::Connecting, |f, _| {
            f.endpoint = Some(endpoint.to_owned());
            f.next_attempt_at = None;
        });
    }

    /// HQ has welcomed us; its clock says so.
    pub(super) fn up(&self, rtt: Duration, hq: UnixMs) {
        self.change(LinkPhase::Up, |f, now| {
            f.rtt_ms = Some(millis(rtt));
            f.clock_offset_ms = Some(now.0.saturating_sub(hq.0));
            f.last_up_at = Some(now);
            f.last_error = None;
            f.attempts = 0;
            *f.attempts_by_outcome.entry(UP).or_default() += 1;
        });
    }

    /// The session is alive, and has carried so much more.
    pub(super) fn alive(&self, rtt: Duration, more: Traffic) {
        let now = self.world.clock.unix();
        self.facts.send_if_modified(|f| {
            let up = f.state == LinkPhase::Up;
            f.sent_bytes += more.sent_bytes;
            f.received_bytes += more.received_bytes;
            if up {
                f.rtt_ms = Some(millis(rtt));
                f.last_up_at = Some(now);
            }
            up
        });
    }

    /// HQ says that both sides are level, and that it knew so after this many kicks.
    pub(super) fn level(&self, kicks: u64) {
        let now = self.world.clock.unix();
        self.facts.send_modify(|f| {
            f.level_at = Some(now);
            f.level_kicks = f.level_kicks.max(kicks);
        });
    }

    /// An attempt or a session failed; the next attempt is this long away.
    pub(super) fn failed(&self, failure: &Failure, attempts: u32, wait: Duration) {
        let state = if failure.is_refusal() { LinkPhase::Refused } else { LinkPhase::Backoff };
        let was_up = self.facts.borrow().state == LinkPhase::Up;
        self.change(state, |f, now| {
            let counts = if was_up { &mut f.ends_by_reason } else { &mut f.attempts_by_outcome };
            *counts.entry(failure.code()).or_default() += 1;
            let (code, text) = (failure.code().to_owned(), failure.to_string());
            f.last_error = Some(LinkError { code, text });
            f.next_attempt_at = Some(UnixMs(now.0.saturating_add_unsigned(millis(wait))));
            f.attempts = attempts;
        });
    }

    /// An operator holds the link back until then, by our clock.
    pub(super) fn paused(&self, until: UnixMs) {
        self.change(LinkPhase::Paused, |f, _| f.next_attempt_at = Some(until));
    }

    /// The link has stopped.
    pub(super) fn down(&self) {
        self.change(LinkPhase::Down, |_, _| {});
    }

    fn change(&self, state: LinkPhase, more: impl FnOnce(&mut LinkFacts, UnixMs)) {
        let now = self.world.clock.unix();
        self.facts.send_modify(|f| {
            if f.state == LinkPhase::Up {
                f.last_up_at = Some(now);
            }
            if f.state != state || f.since.is_none() {
                f.since = Some(now);
            }
            f.state = state;
            if state != LinkPhase::Up {
                f.rtt_ms = None;
            }
            more(f, now);
        });
    }
}

/// The outcome of an attempt that became a session.
const UP: &str = "up";

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
