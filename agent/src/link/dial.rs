//! From `host:port` to a connection: names, sockets, the transport's settings.
//!
//! Knows nothing of what is said over the connection. Each attempt has its own socket: one that was
//! bound before the modem came back is of no use.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use quinn::congestion::CubicConfig;
use quinn::{ClientConfig, Connection, Endpoint, TransportConfig, VarInt};
use tokio::net::lookup_host;
use tokio::time::timeout;
use wasl_protocol::wire::{Bye, Message};

use super::failure::Failure;
use super::identity::Credentials;

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
    /// Closes it, and waits a moment for the word to leave this machine. If it is closed already,
    /// nothing needs to be said.
    pub(super) async fn hang_up(self, bye: Bye) {
        if self.connection.close_reason().is_some() {
            return;
        }
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
) -> Result<Line, Failure> {
    dial_with(credentials, alpn, host, patience, transport()).await
}

/// The same over a transport with other settings.
pub(super) async fn dial_with(
    credentials: &Credentials,
    alpn: &[u8],
    host: &str,
    patience: Duration,
    transport: TransportConfig,
) -> Result<Line, Failure> {
    let mut config = ClientConfig::new(Arc::new(credentials.client_config(alpn)?));
    config.transport_config(Arc::new(transport));
    let name = |why: String| Failure::Name { host: host.to_owned(), why };
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
) -> Result<Line, Failure> {
    let route = |why: String| Failure::Route(address, why);
    let any = if address.is_ipv4() {
        SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))
    } else {
        SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))
    };
    let endpoint = Endpoint::client(any).map_err(|e| route(e.to_string()))?;
    let connecting =
        endpoint.connect_with(config, address, SERVER_NAME).map_err(|e| route(e.to_string()))?;
    let connection = timeout(patience, connecting).await.map_err(|_| Failure::Timeout)??;
    Ok(Line { connection, endpoint })
}

/// The transport's settings.
pub(super) fn transport() -> TransportConfig {
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

/// After so long without a word of the other side's QUIC, the connection is dead, in milliseconds:
/// not long after the answer to a [`KEEP_ALIVE`] is overdue. While an answer is owed, silence ends it
/// much sooner.
const IDLE_MS: u32 = 30_000;

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
