//! How well HQ can be reached: a handshake at the strangers' door, timed, and the largest datagram
//! that passes. For the doctor; the office's own session goes on beside it.

use std::net::SocketAddr;
use std::time::Duration;

use quinn::{Connection, MtuDiscoveryConfig};
use tokio::time::{sleep, timeout};
use wasl_protocol::join::ALPN_JOIN;
use wasl_protocol::wire::{Bye, ByeCode};

use super::dial::{dial_with, transport};
use super::failure::Failure;
use super::identity::Credentials;

/// What a handshake with HQ showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probed {
    /// Who answered.
    pub address: SocketAddr,
    /// The round trip.
    pub rtt: Duration,
    /// The largest UDP payload that was acknowledged, in bytes: at least what QUIC needs, at most
    /// [`LARGEST_BYTES`].
    pub payload_bytes: u16,
}

/// The largest UDP payload that is tried: what an Ethernet frame carries of QUIC over IPv6.
pub const LARGEST_BYTES: u16 = 1452;

/// The least that QUIC needs, in bytes of UDP payload (RFC 9000, section 14).
pub const LEAST_BYTES: u16 = 1200;

/// Shakes hands with HQ at `endpoint` within `patience`, and looks how much passes.
///
/// # Errors
/// If there is no handshake.
pub async fn probe(
    credentials: &Credentials,
    endpoint: &str,
    patience: Duration,
) -> Result<Probed, Failure> {
    let mut sizes = MtuDiscoveryConfig::default();
    sizes.upper_bound(LARGEST_BYTES);
    let mut transport = transport();
    transport.mtu_discovery_config(Some(sizes));
    let line = dial_with(credentials, ALPN_JOIN, endpoint, patience, transport).await?;
    let connection = &line.connection;
    let _ = timeout(SIZES_PATIENCE, largest(connection)).await; // what passed until then counts
    let probed = Probed {
        address: connection.remote_address(),
        rtt: connection.rtt(),
        payload_bytes: payload_bytes(connection),
    };
    line.hang_up(Bye::now(ByeCode::Done)).await;
    Ok(probed)
}

/// Returns once the largest payload has passed, or the connection is gone.
async fn largest(connection: &Connection) {
    while payload_bytes(connection) < LARGEST_BYTES && connection.close_reason().is_none() {
        sleep(LOOK_EVERY).await;
    }
}

fn payload_bytes(connection: &Connection) -> u16 {
    connection.stats().path.current_mtu
}

/// How long sizes are tried: some round trips by satellite, and what is lost is tried three times.
const SIZES_PATIENCE: Duration = Duration::from_secs(4);

/// How often it is looked how far the sizes have come.
const LOOK_EVERY: Duration = Duration::from_millis(20);
