//! From `host:port` to a connection: names, sockets, the transport's settings.
//!
//! Knows nothing of what is said over the connection. Each attempt has its own socket: one that was
//! bound before the modem came back is of no use.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use quinn::congestion::CubicConfig;
use quinn::{ClientConfig, Connection, ConnectionError, Endpoint, TransportConfig, VarInt};
use tokio::net::lookup_host;
use tokio::time::timeout;
use wasl_protocol::wire::{Assembler, Bye, ByeCode, Message};

use super::identity::{Credentials, IdentityError};

/// Why there is no connection, or no longer one.
///
/// Whose fault: see each. What now: try again later, except that [`Self::is_refusal`] hardly
/// changes by itself.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
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
    /// Nobody answered.
    #[error("no answer in time")]
    Timeout,
    /// Somebody answers there whose key is not the pinned one.
    #[error("whoever answers there does not hold HQ's key")]
    WrongKey,
    /// HQ speaks no version that we speak.
    #[error("HQ does not speak this version of the protocol")]
    Version,
    /// HQ closed the connection and said why.
    #[error("{}", said(*.0))]
    Closed(Bye),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(String),
}

impl DialError {
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
            Self::Broken(_) => "broken",
        }
    }

    /// Does HQ not let this office in?
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Closed(bye)
            if matches!(bye.code, ByeCode::UnknownKey | ByeCode::Revoked))
    }
}

impl From<ConnectionError> for DialError {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::TimedOut => Self::Timeout,
            ConnectionError::VersionMismatch => Self::Version,
            ConnectionError::TransportError(e) if u64::from(e.code) == ALERT_ACCESS_DENIED => {
                Self::WrongKey
            }
            ConnectionError::ConnectionClosed(e) if u64::from(e.error_code) == ALERT_NO_ALPN => {
                Self::Version
            }
            ConnectionError::ApplicationClosed(close) => {
                let code = u8::try_from(close.error_code.into_inner()).unwrap_or(u8::MAX);
                Self::Closed(
                    bye_in(&close.reason).unwrap_or(Bye::now(ByeCode::from_byte(code))),
                )
            }
            other => Self::Broken(other.to_string()),
        }
    }
}

/// A constant word for each reason to end a session.
pub(super) fn code_of(code: ByeCode) -> &'static str {
    match code {
        ByeCode::Done => "done",
        ByeCode::Fault => "fault",
        ByeCode::UnknownKey => "unknown-key",
        ByeCode::Revoked => "revoked",
        ByeCode::Busy => "busy",
        ByeCode::Timeout => "timeout",
        ByeCode::Fork => "fork",
        ByeCode::Replaced => "replaced",
        ByeCode::CannotStore => "cannot-store",
    }
}

/// One sentence for each reason for which HQ ends a session.
fn said(bye: Bye) -> &'static str {
    match bye.code {
        ByeCode::Done => "HQ is stopping",
        ByeCode::Fault => "HQ says that this side broke the protocol",
        ByeCode::UnknownKey => "HQ does not know this office's key",
        ByeCode::Revoked => "HQ has revoked this office's key",
        ByeCode::Busy => "HQ is busy",
        ByeCode::Timeout => "HQ heard nothing for too long",
        ByeCode::Fork => "HQ holds other entries than this office: a disk was restored or cloned",
        ByeCode::Replaced => "this office connected to HQ again from elsewhere",
        ByeCode::CannotStore => "HQ cannot store now",
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

/// Ends a connection; the reason carries the whole Bye, so that nothing needs to be flushed.
pub(super) fn close(connection: &Connection, bye: Bye) {
    connection.close(VarInt::from(bye.code as u8), &Message::Bye(bye).encode());
}

/// A connection, and the socket under it.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) connection: Connection,
    endpoint: Endpoint,
}

impl Line {
    /// Closes it, and waits a moment for the word to leave this machine.
    pub(super) async fn hang_up(self, bye: Bye) {
        close(&self.connection, bye);
        let _ = timeout(LAST_WORD, self.endpoint.wait_idle()).await;
    }
}

/// Connects to the first of the addresses of `host` (`host:port`) that answers within `patience`.
pub(super) async fn dial(
    credentials: &Credentials,
    alpn: &[u8],
    host: &str,
    patience: Duration,
) -> Result<Line, DialError> {
    let mut config = ClientConfig::new(Arc::new(credentials.client_config(alpn)?));
    config.transport_config(Arc::new(transport()));
    let name = |why: String| DialError::Name { host: host.to_owned(), why };
    let found = timeout(patience, lookup_host(host)).await.map_err(|_| name(SLOW.to_owned()))?;
    let mut failed = name("it has no address".to_owned());
    for address in found.map_err(|e| name(e.to_string()))? {
        match connect(config.clone(), address, patience).await {
            Ok(line) => return Ok(line),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

async fn connect(
    config: ClientConfig,
    address: SocketAddr,
    patience: Duration,
) -> Result<Line, DialError> {
    let route = |why: String| DialError::Route(address, why);
    let any = if address.is_ipv4() {
        SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))
    } else {
        SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))
    };
    let endpoint = Endpoint::client(any).map_err(|e| route(e.to_string()))?;
    let connecting = endpoint
        .connect_with(config, address, SERVER_NAME)
        .map_err(|e| route(e.to_string()))?;
    let connection = timeout(patience, connecting).await.map_err(|_| DialError::Timeout)??;
    Ok(Line { connection, endpoint })
}

fn transport() -> TransportConfig {
    let mut cubic = CubicConfig::default();
    cubic.initial_window(INITIAL_WINDOW_BYTES);
    let mut transport = TransportConfig::default();
    transport
        .max_idle_timeout(Some(VarInt::from_u32(IDLE_MS).into()))
        .keep_alive_interval(Some(KEEP_ALIVE))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW_BYTES))
        .receive_window(VarInt::from_u32(2 * STREAM_WINDOW_BYTES))
        .send_window(u64::from(2 * STREAM_WINDOW_BYTES))
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .max_concurrent_uni_streams(VarInt::from_u32(STREAMS_DOWN))
        .datagram_receive_buffer_size(None)
        // A probe that finds 1,452 bytes saves 1 % of what follows and costs 11 KB each connection.
        .mtu_discovery_config(None)
        .congestion_controller_factory(Arc::new(cubic));
    transport
}

/// After so long without a word of the other side's QUIC, the connection is dead, in milliseconds.
const IDLE_MS: u32 = 90_000;

/// So often a word goes out, so that no NAT on the way forgets us (RFC 4787 asks them for 2 min,
/// many give 30 s).
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// What one stream may have under way, in bytes: 600 ms of round trip at 25 Mbit/s.
const STREAM_WINDOW_BYTES: u32 = 2 * 1024 * 1024;

/// What may leave before the first acknowledgement, in bytes: Hello and the first records of a
/// morning, not more than a modem's buffer.
const INITIAL_WINDOW_BYTES: u64 = 32 * 1024;

/// How many streams HQ may open: the states.
const STREAMS_DOWN: u32 = 1;

/// How long a stopping process waits for its last word to leave.
const LAST_WORD: Duration = Duration::from_millis(500);

/// TLS wants a name; keys are pinned, so it means nothing and is not sent.
const SERVER_NAME: &str = "wasl-hq";

const SLOW: &str = "the resolver did not answer in time";

/// QUIC's code for a TLS alert is 0x100 plus the alert (RFC 9001, section 4.8). Ours, when the pin
/// does not match: `access_denied`.
const ALERT_ACCESS_DENIED: u64 = 0x100 + 49;

/// HQ's, when it speaks none of our versions: `no_application_protocol`.
const ALERT_NO_ALPN: u64 = 0x100 + 120;
