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
        });
    }

    /// The session is alive.
    pub(super) fn alive(&self, rtt: Duration) {
        let now = self.world.clock.unix();
        self.facts.send_if_modified(|f| {
            let up = f.state == LinkPhase::Up;
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
        self.change(state, |f, now| {
            let (code, text) = (failure.code().to_owned(), failure.to_string());
            f.last_error = Some(LinkError { code, text });
            f.next_attempt_at = Some(UnixMs(now.0.saturating_add_unsigned(millis(wait))));
            f.attempts = attempts;
        });
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

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
