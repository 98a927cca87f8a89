//! Every bound of this door, in one place, and the transport's settings.

use std::sync::Arc;
use std::time::Duration;

use quinn::congestion::CubicConfig;
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{ServerConfig, TransportConfig, VarInt};

/// How many strangers may stand in the door at once: handshakes, joins, keys being looked up.
pub(super) const STRANGERS: usize = 256;

/// From so many strangers on, an address must first prove that it receives what we send (QUIC's
/// `Retry`, one round trip).
pub(super) const RETRY_FROM: usize = 32;

/// How many strangers one address may send: all offices behind one NAT come back in a few turns.
pub(super) const STRANGERS_PER_ADDRESS: usize = 32;

/// How long a handshake may take.
pub(super) const HANDSHAKE: Duration = Duration::from_secs(20);

/// How long a join may take once the handshake is over.
pub(super) const JOIN: Duration = Duration::from_secs(15);

/// The longest request to join, in bytes.
pub(super) const JOIN_BYTES: usize = 4 * 1024;

/// How many sessions one HQ serves at once.
pub(super) const SESSIONS: usize = 1024;

/// How long an office waits at least after it was turned away because HQ is busy, or cannot store,
/// in milliseconds.
pub(super) const BUSY_MS: u64 = 5_000;

/// How long a stopping HQ waits for what is under way.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(2);

/// How many requests to the store one session may have waiting before no more are taken in.
pub(super) const WORK_WAITING: usize = 32;

/// How many messages may wait for room in QUIC before no more are taken in or made.
pub(super) const SENDS_WAITING: usize = 64;

/// How many messages of states may wait for room in QUIC before no more are read.
pub(super) const STATES_WAITING: usize = 2;

/// How many records an office may list in an audit: more than any has.
pub(super) const LISTED: usize = 4 * 1024 * 1024;

/// How many numbers of the feed may be skipped before the office is told of the empty stretch.
pub(super) const SKIPPED: u64 = 1_000;

/// The most bytes taken off a stream at a time.
pub(super) const PIECE_BYTES: usize = 64 * 1024;

/// After so long without a word of the other side's QUIC, the connection is dead, in milliseconds.
/// The offices keep it alive.
const IDLE_MS: u32 = 30_000;

/// What one stream may have under way, in bytes: 600 ms of round trip at 25 Mbit/s.
const STREAM_WINDOW_BYTES: u32 = 2 * 1024 * 1024;

/// What all streams of an office together may have under way, in bytes.
pub(super) const OFFICE_WINDOW_BYTES: u32 = 2 * STREAM_WINDOW_BYTES;

/// The same for a stranger: Hello and the first entries, or a request to join.
const STRANGER_WINDOW_BYTES: u32 = 64 * 1024;

/// What may leave before the first acknowledgement, in bytes: the first states of a morning, not
/// more than a modem's buffer.
const INITIAL_WINDOW_BYTES: u64 = 32 * 1024;

/// How many streams an office may open: control; entries.
const STREAMS_UP: u32 = 1;

/// How many bytes of a connection that is not accepted yet are kept, and of all of them.
const BUFFERED_BYTES: u64 = 16 * 1024;
const BUFFERED_TOTAL_BYTES: u64 = 4 * 1024 * 1024;

/// The endpoint's settings round its TLS.
pub(super) fn server_config(tls: QuicServerConfig) -> ServerConfig {
    let mut config = ServerConfig::with_crypto(Arc::new(tls));
    config
        .transport_config(Arc::new(transport()))
        .max_incoming(STRANGERS)
        .incoming_buffer_size(BUFFERED_BYTES)
        .incoming_buffer_size_total(BUFFERED_TOTAL_BYTES);
    config
}

fn transport() -> TransportConfig {
    let mut cubic = CubicConfig::default();
    cubic.initial_window(INITIAL_WINDOW_BYTES);
    let mut transport = TransportConfig::default();
    transport
        .max_idle_timeout(Some(VarInt::from_u32(IDLE_MS).into()))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW_BYTES))
        .receive_window(VarInt::from_u32(STRANGER_WINDOW_BYTES))
        .send_window(u64::from(2 * STREAM_WINDOW_BYTES))
        .max_concurrent_bidi_streams(VarInt::from_u32(STREAMS_UP))
        .max_concurrent_uni_streams(VarInt::from_u32(STREAMS_UP))
        .datagram_receive_buffer_size(None)
        // A probe that finds 1,452 bytes saves 1 % of what follows and costs 11 KB each connection.
        .mtu_discovery_config(None)
        .congestion_controller_factory(Arc::new(cubic));
    transport
}

const _: () = assert!(JOIN_BYTES < STRANGER_WINDOW_BYTES as usize, "a request to join fits");
const _: () = assert!(
    STRANGERS * (STRANGER_WINDOW_BYTES as usize) <= 32 * 1024 * 1024,
    "strangers cannot fill the memory"
);
const _: () = assert!(RETRY_FROM < STRANGERS, "addresses are asked to prove themselves in time");
const _: () = assert!(STRANGERS_PER_ADDRESS <= STRANGERS / 4, "one address cannot fill the door");
