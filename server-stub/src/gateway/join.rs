//! The one conversation of a machine that HQ does not know: a request on one stream, an answer.

use quinn::Connection;
use tokio::time::timeout;
use wasl_protocol::codec;
use wasl_protocol::edition::Trust;
use wasl_protocol::join::{
    JoinAnswer, JoinRefusal, JoinRequest, Joined, TransportKey, encode_answer,
};
use wasl_protocol::wire::{Bye, ByeCode};

use super::sessions::close;
use super::{GatewayConfig, limits};

/// Hears the request of whoever holds `transport`, answers it and sees the connection to its end.
pub(super) async fn serve(
    config: &GatewayConfig,
    connection: &Connection,
    transport: TransportKey,
) {
    let address = connection.remote_address();
    match timeout(limits::JOIN, talk(config, connection, transport)).await {
        Ok(Some(Ok(joined))) => tracing::info!(%address, office = %joined.office, "joined"),
        Ok(Some(Err(refusal))) => tracing::warn!(%address, %refusal, "a join was refused"),
        Ok(None) => tracing::debug!(%address, "a join broke off"),
        Err(_) => close(connection, Bye::now(ByeCode::Timeout)),
    }
    close(connection, Bye::now(ByeCode::Done));
}

/// None: the other side went away, before or after the answer.
async fn talk(
    config: &GatewayConfig,
    connection: &Connection,
    transport: TransportKey,
) -> Option<JoinAnswer> {
    let (mut send, mut receive) = connection.accept_bi().await.ok()?;
    let answer = match receive.read_to_end(limits::JOIN_BYTES).await {
        Ok(bytes) => answer(config, &bytes, transport).await,
        Err(quinn::ReadToEndError::TooLong) => Err(JoinRefusal::Malformed),
        Err(quinn::ReadToEndError::Read(_)) => return None,
    };
    send.write_all(&encode_answer(&answer)).await.ok()?;
    send.finish().ok()?;
    // The office closes once it has the answer; closing first might overtake it.
    connection.closed().await;
    Some(answer)
}

async fn answer(config: &GatewayConfig, bytes: &[u8], transport: TransportKey) -> JoinAnswer {
    let request: JoinRequest = codec::decode(bytes).map_err(|_| JoinRefusal::Malformed)?;
    let_in(config, &request, transport).await
}

/// Lets a machine in that holds `transport`, or says why not.
///
/// # Errors
/// Its token is not good, or the database failed.
pub async fn let_in(
    config: &GatewayConfig,
    request: &JoinRequest,
    transport: TransportKey,
) -> JoinAnswer {
    request.verify(transport).map_err(|_| JoinRefusal::Malformed)?;
    let clock = config.world.clock.unix();
    let office = config.store.join(request, transport, clock).await.map_err(|error| {
        tracing::error!(%error, "a join could not be stored");
        JoinRefusal::Busy
    })??;
    Ok(Joined {
        office: office.id,
        name_ar: office.name_ar,
        name_en: office.name_en,
        epoch: config.store.epoch(),
        hq_sign_key: config.keys.sign_key().verify_key(),
        hq_wrap_key: config.keys.unwrap_key().wrap_key(),
        trust: Trust::in_one(config.keys.config_key()),
        clock,
    })
}
