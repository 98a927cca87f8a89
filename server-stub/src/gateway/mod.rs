//! QUIC: who is let in, who joins, and the session of each office. Knows the store by its methods;
//! knows nothing of SQL nor of people's commands.

mod limits; // every bound of this door
mod identity; // keys for names
mod reset; // how an office learns that HQ was killed
mod crowd; // how many strangers stand in it
mod admit; // from a packet to a known office
mod join; // the one conversation of a stranger
mod sessions; // which offices are connected
mod stream; // messages onto and off streams
pub mod work; // what a session asks of the store, in order
pub mod driver; // one session, sans I/O
mod pump; // drives it over QUIC

#[cfg(test)]
mod tests; // the gateway and a store, met by hand-made peers

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

use quinn::{Endpoint, TokioRuntime};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use wasl_protocol::wire::{Bye, ByeCode, Message};

pub use join::let_in;
pub use sessions::{SessionFacts, Sessions};

use crate::registry::HqKeys;
use crate::seam::World;
use crate::store::Store;
use admit::admit;
use crowd::Crowd;

/// What the gateway works with. Cheap to clone.
#[derive(Clone)]
pub struct GatewayConfig {
    /// Clock and entropy.
    pub world: World,
    /// Where entries go and states come from.
    pub store: Store,
    /// HQ's own keys.
    pub keys: HqKeys,
    /// Who is connected.
    pub sessions: Sessions,
}

/// Why the gateway cannot open.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The certificate could not be made.
    #[error("no certificate could be made from HQ's transport key: {0}")]
    Certificate(#[from] rcgen::Error),
    /// TLS does not take the certificate.
    #[error("HQ's transport key cannot be used for TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// No cipher that QUIC can start with.
    #[error("the TLS library has no cipher suite for QUIC: {0}")]
    Quic(#[from] quinn::crypto::rustls::NoInitialCipherSuite),
    /// The UDP address cannot be had.
    #[error("cannot listen on {address} (UDP): {why}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        why: std::io::Error,
    },
}

/// The open door, before anyone is let in.
#[derive(Debug)]
pub struct Gateway {
    endpoint: Endpoint,
    address: SocketAddr,
}

impl Gateway {
    /// Binds the UDP address; port 0 takes any. Must be called within a tokio runtime.
    pub fn bind(listen: SocketAddr, keys: &HqKeys, world: &World) -> Result<Self, GatewayError> {
        let refused = |why| GatewayError::Listen { address: listen, why };
        let secret = keys.transport_secret();
        let server = limits::server_config(identity::server_config(&secret)?);
        let config = reset::endpoint_config(&secret, world);
        let socket = UdpSocket::bind(listen).map_err(refused)?;
        let endpoint = Endpoint::new(config, Some(server), socket, Arc::new(TokioRuntime));
        let endpoint = endpoint.map_err(refused)?;
        let address = endpoint.local_addr().map_err(refused)?;
        Ok(Self { endpoint, address })
    }

    /// The address that was bound.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets offices in until `stop` is true; then tells each that HQ stops, and waits a moment for
    /// what is under way.
    pub async fn serve(self, config: GatewayConfig, mut stop: watch::Receiver<bool>) {
        let crowd = Crowd::default();
        let mut guests = JoinSet::new();
        loop {
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                incoming = self.endpoint.accept() => {
                    let Some(incoming) = incoming else { break };
                    if let Some(arrival) = crowd.arrive(incoming) {
                        guests.spawn(admit(config.clone(), arrival));
                    }
                }
                Some(left) = guests.join_next(), if !guests.is_empty() => {
                    if let Err(error) = left {
                        tracing::error!(%error, "a session ended in a way it never should");
                    }
                }
            }
        }
        let done = Bye::now(ByeCode::Done);
        self.endpoint.close((done.code as u8).into(), &Message::Bye(done).encode());
        let finish = async {
            while guests.join_next().await.is_some() {}
            self.endpoint.wait_idle().await;
        };
        if timeout(limits::LAST_WORDS, finish).await.is_err() {
            tracing::warn!("sessions were cut off while HQ stopped");
        }
    }
}
