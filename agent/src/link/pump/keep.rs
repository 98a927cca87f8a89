//! What HQ sent: checked, then kept. Nothing that HQ did not sign reaches the engine.

use wasl_protocol::entry::{Cursor, StateError};
use wasl_protocol::id::OfficeId;
use wasl_protocol::keys::VerifyKey;
use wasl_protocol::wire::{Ack, States};

use crate::engine::Handle;
use crate::link::failure::Failure;

/// Checks that HQ signed each of these states, for us; then has them journalled and folded.
pub(super) async fn keep(
    handle: Handle,
    states: States,
    office: OfficeId,
    hq: VerifyKey,
) -> Result<Cursor, Failure> {
    let checked = tokio::task::spawn_blocking(move || -> Result<States, Failure> {
        states.states.iter().try_for_each(|state| match state.verify(&hq) {
            Ok(state) if state.office != office => {
                Err(Failure::Fault("a record state that is for another office".to_owned()))
            }
            // What HQ signed and this version cannot read is kept for the next one.
            Ok(_) | Err(StateError::Decode(_)) => Ok(()),
            Err(StateError::Key(_)) => Err(bad_signature("a record state")),
        })?;
        Ok(states)
    });
    let States { states, upto } = checked.await.map_err(|e| Failure::Broken(e.to_string()))??;
    handle.store_states(states, upto).await?;
    Ok(upto)
}

/// Checks that HQ signed a receipt.
pub(super) fn check(ack: &Ack, hq: &VerifyKey) -> Result<(), Failure> {
    ack.verify(hq).map_err(|_| bad_signature("a receipt"))
}

fn bad_signature(of: &str) -> Failure {
    Failure::Fault(format!("the signature of {of} does not hold"))
}
