//! What goes wrong between this office and HQ: whose fault it is, and when to try again.

use std::net::SocketAddr;
use std::time::Duration;

use quinn::ConnectionError;
use wasl_protocol::units::Seq;
use wasl_protocol::wire::{Assembler, Bye, ByeCode, Message};

use super::identity::IdentityError;
use crate::engine::{Facts, Refused};

/// Why there is no session, or no longer one. Enrolling goes on; the link tries again.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Our own keys or TLS library.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The name does not resolve.
    #[error("the name {host} does not resolve: {why}")]
    Name {
        /// `host:port` as configured.
        host: String,
        /// What the resolver says.
        why: String,
    },
    /// No socket, or no route.
    #[error("no way out to {0}: {1}")]
    Route(SocketAddr, String),
    /// Nobody answered, or no longer.
    #[error("HQ does not answer")]
    Timeout,
    /// Somebody answers there whose key is not the pinned one.
    #[error("whoever answers there does not hold HQ's key")]
    WrongKey,
    /// HQ speaks no version that we speak.
    #[error("HQ does not speak this version of the protocol")]
    Version,
    /// HQ ended it and said why.
    #[error("{}", said(*.0))]
    Closed(Bye),
    /// HQ broke the protocol: this side ended it.
    #[error("HQ broke the protocol: {0}")]
    Fault(String),
    /// The journals differ where they should agree: this side ended it.
    #[error("HQ holds other entries than this office: a disk was restored or cloned")]
    Fork,
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// Our own engine does not store.
    #[error("what HQ sent could not be kept: {0}")]
    Engine(#[from] Refused),
}

impl Failure {
    /// Up to where the journals are known to be the same, if HQ found that they differ: the newest
    /// receipt. The engine has to be told before the next session, which looks where they part.
    pub fn hqs_fork(&self, facts: &Facts) -> Option<Seq> {
        matches!(self, Self::Closed(Bye { code: ByeCode::Fork, .. }))
            .then(|| facts.stored.map_or(Seq(0), |at| at.seq))
    }

    /// A constant word for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Identity(_) => "identity",
            Self::Name { .. } => "name",
            Self::Route(..) => "route",
            Self::Timeout => "timeout",
            Self::WrongKey => "wrong-key",
            Self::Version => "version",
            Self::Closed(bye) => code_of(bye.code),
            Self::Fault(_) => "hq-fault",
            Self::Fork => "fork",
            Self::Broken(_) => "broken",
            Self::Engine(_) => "engine",
        }
    }

    /// Does HQ not let this office in? Only people there can change that.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Closed(bye)
            if matches!(bye.code, ByeCode::UnknownKey | ByeCode::Revoked))
    }

    /// Not to try again before this has passed.
    pub fn at_least(&self) -> Duration {
        match self {
            Self::Closed(bye) => {
                let asked = Duration::from_millis(bye.retry_after_ms).min(LONGEST);
                // After a fork, the next session looks where the two histories part.
                let soon = matches!(
                    bye.code,
                    ByeCode::Done | ByeCode::Busy | ByeCode::Timeout | ByeCode::Fork
                );
                let slowly = !soon && bye.retry_after_ms == 0;
                if slowly { SLOWLY } else { asked }
            }
            Self::WrongKey | Self::Version | Self::Fault(_) | Self::Fork => SLOWLY,
            _ => Duration::ZERO,
        }
    }
}

impl From<ConnectionError> for Failure {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::TimedOut => Self::Timeout,
            ConnectionError::VersionMismatch => Self::Version,
            ConnectionError::Reset => Self::Broken("HQ started anew".to_owned()),
            ConnectionError::TransportError(e) if u64::from(e.code) == ALERT_ACCESS_DENIED => {
                Self::WrongKey
            }
            ConnectionError::ConnectionClosed(e) if u64::from(e.error_code) == ALERT_NO_ALPN => {
                Self::Version
            }
            ConnectionError::ConnectionClosed(e) if u64::from(e.error_code) == REFUSED => {
                Self::Closed(Bye::now(ByeCode::Busy))
            }
            ConnectionError::ApplicationClosed(close) => {
                let code = u8::try_from(close.error_code.into_inner()).unwrap_or(u8::MAX);
                let bye = bye_in(&close.reason);
                Self::Closed(bye.unwrap_or(Bye::now(ByeCode::from_byte(code))))
            }
            other => Self::Broken(other.to_string()),
        }
    }
}

/// The Bye that a close carries as its reason, if it does.
fn bye_in(reason: &[u8]) -> Option<Bye> {
    let mut assembler = Assembler::default();
    assembler.feed(reason);
    match assembler.next_message() {
        Ok(Some(Message::Bye(bye))) => Some(bye),
        _ => None,
    }
}

fn code_of(code: ByeCode) -> &'static str {
    match code {
        ByeCode::Done => "done",
        ByeCode::Fault => "fault",
        ByeCode::UnknownKey => "unknown-key",
        ByeCode::Revoked => "revoked",
        ByeCode::Busy => "busy",
        ByeCode::Timeout => "silence",
        ByeCode::Fork => "fork",
        ByeCode::Replaced => "replaced",
        ByeCode::CannotStore => "hq-cannot-store",
    }
}

/// One sentence for each reason for which HQ ends a session.
fn said(bye: Bye) -> &'static str {
    match bye.code {
        ByeCode::Done => "HQ is stopping",
        ByeCode::Fault => "HQ says that this office broke the protocol",
        ByeCode::UnknownKey => "HQ does not know this office's key",
        ByeCode::Revoked => "HQ has revoked this office",
        ByeCode::Busy => "HQ is busy",
        ByeCode::Timeout => "HQ heard nothing of this office for too long",
        ByeCode::Fork => "HQ holds other entries than this office: a disk was restored or cloned",
        ByeCode::Replaced => "another installation connected to HQ with this office's key",
        ByeCode::CannotStore => "HQ cannot store now",
    }
}

/// How long to wait at least where trying again soon would not help.
const SLOWLY: Duration = Duration::from_mins(1);

/// The longest wait that HQ may ask for.
const LONGEST: Duration = Duration::from_hours(1);

/// QUIC's `CONNECTION_REFUSED` (RFC 9000, section 20.1): too many stand in HQ's door.
const REFUSED: u64 = 2;

/// QUIC's code for a TLS alert is 0x100 plus the alert (RFC 9001, section 4.8). Ours, when the pin
/// does not match: `access_denied`.
const ALERT_ACCESS_DENIED: u64 = 0x100 + 49;

/// HQ's, when it speaks none of our versions: `no_application_protocol`.
const ALERT_NO_ALPN: u64 = 0x100 + 120;

#[cfg(test)]
mod tests {
    use super::*;

    fn closed(code: ByeCode, retry_after_ms: u64) -> Failure {
        Failure::Closed(Bye { code, retry_after_ms })
    }

    #[test]
    fn a_refused_office_tries_again_slowly_and_says_so() {
        for code in [ByeCode::Revoked, ByeCode::UnknownKey] {
            assert!(closed(code, 0).is_refusal());
            assert!(closed(code, 0).at_least() >= Duration::from_mins(1));
        }
        assert!(!closed(ByeCode::Busy, 0).is_refusal());
        assert!(!Failure::Timeout.is_refusal());
    }

    #[test]
    fn what_hq_asks_for_is_honoured_up_to_an_hour() {
        assert_eq!(closed(ByeCode::Busy, 5_000).at_least(), Duration::from_secs(5));
        assert_eq!(closed(ByeCode::CannotStore, 7_000).at_least(), Duration::from_secs(7));
        assert_eq!(closed(ByeCode::Busy, u64::MAX).at_least(), Duration::from_hours(1));
        assert_eq!(closed(ByeCode::Done, 0).at_least(), Duration::ZERO);
    }

    #[test]
    fn a_close_carries_its_whole_bye() {
        let bye = Bye { code: ByeCode::Busy, retry_after_ms: 1_234 };
        assert_eq!(bye_in(&Message::Bye(bye).encode()), Some(bye));
        assert_eq!(bye_in(b"some text"), None);
        assert_eq!(bye_in(b""), None);
    }
}
