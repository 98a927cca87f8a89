//! When a connection over which nothing comes back is given up: long before QUIC's own idle timeout,
//! which has to be patient with a connection over which nothing is asked.
//!
//! Knows the connection by two counters only. QUIC answers whatever elicits an acknowledgement
//! within a round trip, and asks again when no answer comes (RFC 9002, section 6.2): datagrams that
//! keep going out while none comes in say that the way is cut, or that the other end is stuck. A
//! slow disk at HQ does not: its QUIC answers. What is stuck is known of quinn-proto 0.11: padded
//! acknowledgements, lost while it validates a new path of the office's, take up its congestion
//! window for good, since nothing is expected to acknowledge them.

use std::time::Duration;

use wasl_protocol::units::MonoMs;

/// Watches one connection, by being told its counters.
#[derive(Debug, Default)]
pub(super) struct Silence {
    received: u64,
    /// How many had been sent when the last one came.
    sent: u64,
    /// Since when more than acknowledgements have gone out with nothing coming back.
    asking_since: Option<MonoMs>,
}

impl Silence {
    /// Takes in how many datagrams have been sent and received by now; says whether the other end
    /// has been silent for longer than a round trip of `rtt` explains.
    pub(super) fn judge(&mut self, now: MonoMs, sent: u64, received: u64, rtt: Duration) -> bool {
        if received != self.received {
            *self = Self { received, sent, asking_since: None };
        }
        if sent.saturating_sub(self.sent) <= ACKS_ONLY {
            return false;
        }
        let since = *self.asking_since.get_or_insert(now);
        let patience = LEAST.max(rtt.saturating_mul(ROUND_TRIPS));
        u128::from(now.since_ms(since)) >= patience.as_millis()
    }
}

/// How often it is looked at while an answer is owed.
pub(super) const LOOK_MS: u64 = 1_000;

/// So many datagrams after the last one that came may be acknowledgements, which nobody answers.
const ACKS_ONLY: u64 = 2;

/// The least patience, and how many round trips of it: about four of QUIC's probe timeouts.
const LEAST: Duration = Duration::from_secs(4);
const ROUND_TRIPS: u32 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Duration = Duration::from_millis(600);

    /// A connection that is looked at once a second; where it was given up.
    fn given_up(seen: impl IntoIterator<Item = (u64, u64)>) -> Option<usize> {
        let mut silence = Silence::default();
        let looks = seen.into_iter().enumerate();
        looks.into_iter().find_map(|(second, (sent, received))| {
            let now = MonoMs(second as u64 * LOOK_MS);
            silence.judge(now, sent, received, RTT).then_some(second)
        })
    }

    #[test]
    fn probes_that_nobody_answers_end_it_after_eight_round_trips() {
        let probes = [(9, 9), (10, 9), (12, 9), (14, 9), (14, 9), (16, 9), (16, 9), (16, 9)];
        assert_eq!(given_up(probes), Some(7));
    }

    #[test]
    fn a_slow_answer_over_a_link_that_carries_is_waited_for() {
        // What was sent has been acknowledged: HQ's disk takes its time.
        assert_eq!(given_up((0..60).map(|_| (40, 31))), None);
        // The last thing that went out was an acknowledgement.
        assert_eq!(given_up((0..60).map(|n| (40 + n.min(2), 31))), None);
    }

    #[test]
    fn a_trickle_of_answers_keeps_it() {
        assert_eq!(given_up((0..60).map(|n| (10 * n, n / 4))), None);
    }

    #[test]
    fn a_burst_after_a_long_rest_is_given_its_time() {
        let rest = (0..30).map(|_| (5, 5));
        let burst = [(25, 5), (25, 5), (25, 17)];
        assert_eq!(given_up(rest.chain(burst)), None);
    }
}
