//! Is HQ there? A handshake with its pinned key, and nothing more.

use std::sync::Arc;
use std::time::Duration;

use wasl_protocol::join::ALPN_JOIN;
use wasl_protocol::wire::{Bye, ByeCode};

use super::dial::dial;
use super::identity::Credentials;
use crate::config::Reach;

/// Looks whether HQ answers at an endpoint. It knocks at the strangers' door: at the other one it
/// would replace the session that is live.
pub fn reach(credentials: &Credentials) -> Reach {
    let credentials = credentials.clone();
    Arc::new(move |endpoint| {
        let credentials = credentials.clone();
        Box::pin(async move {
            match dial(&credentials, ALPN_JOIN, &endpoint, PATIENCE).await {
                Ok(line) => {
                    line.hang_up(Bye::now(ByeCode::Done)).await;
                    true
                }
                Err(why) => {
                    tracing::info!(endpoint, code = why.code(), "HQ does not answer there");
                    false
                }
            }
        })
    })
}

/// How long HQ may take to answer: several round trips by satellite.
const PATIENCE: Duration = Duration::from_secs(10);
