//! From a packet to a known office. Nothing is written, and no stream accepted, before the key is
//! known.

use quinn::Connection;
use quinn::crypto::rustls::HandshakeData;
use tokio::time::timeout;
use tracing::Instrument as _;
use wasl_protocol::join::{ALPN_JOIN, TransportKey};
use wasl_protocol::wire::{Bye, ByeCode};

use super::GatewayConfig;
use super::crowd::Arrival;
use super::sessions::{Seat, SessionFacts, close};
use super::{identity, join, limits, pump};
use crate::store::Office;

/// Sees one connection from its first packet to its end.
pub(super) async fn admit(config: GatewayConfig, arrival: Arrival) {
    let Arrival { incoming, place } = arrival;
    let address = incoming.remote_address();
    let handshake = async { incoming.accept()?.await };
    let connection = match timeout(limits::HANDSHAKE, handshake).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => return tracing::debug!(%address, %error, "a handshake failed"),
        Err(_) => return tracing::debug!(%address, "a handshake took too long"),
    };
    let Some(key) = identity::peer_key(&connection) else {
        return close(&connection, Bye::now(ByeCode::Fault));
    };
    if alpn(&connection).as_deref() == Some(ALPN_JOIN) {
        return join::serve(&config, &connection, key).await;
    }
    match recognise(&config, &connection, key).await {
        Ok((office, seat)) => {
            drop(place);
            let span = tracing::debug_span!("gateway.session", office = %office.id);
            pump::serve(&config, &connection, office, &seat).instrument(span).await;
        }
        Err(bye) => {
            tracing::info!(%address, code = ?bye.code, "a connection was turned away");
            close(&connection, bye);
        }
    }
}

/// Whose key it is, with a place in the table of sessions.
async fn recognise(
    config: &GatewayConfig,
    connection: &Connection,
    key: TransportKey,
) -> Result<(Office, Seat), Bye> {
    let now = config.world.clock.unix();
    let office = known(config, key).await?;
    let busy = Bye { code: ByeCode::Busy, retry_after_ms: limits::BUSY_MS };
    let facts = SessionFacts {
        office: office.id.clone(),
        address: connection.remote_address(),
        since: now,
        last_seen: now,
        rtt: connection.rtt(),
    };
    let seat = config.sessions.sit(facts).ok_or(busy)?;
    // Asked again, now that a revocation would find the session in the table.
    let office = known(config, key).await?;
    Ok((office, seat))
}

async fn known(config: &GatewayConfig, key: TransportKey) -> Result<Office, Bye> {
    match config.store.office_by_key(key).await {
        Ok(Some(office)) if office.revoked => Err(Bye::now(ByeCode::Revoked)),
        Ok(Some(office)) => Ok(office),
        Ok(None) => Err(Bye::now(ByeCode::UnknownKey)),
        Err(error) => {
            tracing::error!(%error, "an office could not be looked up");
            Err(Bye { code: ByeCode::Busy, retry_after_ms: limits::BUSY_MS })
        }
    }
}

fn alpn(connection: &Connection) -> Option<Vec<u8>> {
    connection.handshake_data()?.downcast::<HandshakeData>().ok()?.protocol
}
