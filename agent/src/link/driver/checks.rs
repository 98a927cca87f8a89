//! What HQ sent: checked before it is believed. Nothing that HQ did not sign reaches the engine.

use wasl_protocol::id::OfficeId;
use wasl_protocol::keys::VerifyKey;
use wasl_protocol::news::NewsError;
use wasl_protocol::wire::{Abort, Ack, States};

use crate::link::failure::Failure;

/// Checks that HQ signed each piece of this news, for this office. Takes a while where there is
/// much of it: not to be called where a session waits.
///
/// # Errors
/// [`Failure::Fault`]: HQ, or who pretends to be it, broke the protocol.
pub fn check_news(states: &States, office: &OfficeId, hq: &VerifyKey) -> Result<(), Failure> {
    states.states.iter().try_for_each(|news| match news.verify(hq) {
        Ok(news) if news.office != *office => {
            Err(Failure::Fault("news that is for another office".to_owned()))
        }
        // What HQ signed counts as taken, even where this version cannot read it.
        Ok(_) | Err(NewsError::Decode(_)) => Ok(()),
        Err(NewsError::Key(_)) => Err(bad_signature("news")),
    })
}

/// Checks that HQ signed a receipt.
///
/// # Errors
/// [`Failure::Fault`]: HQ, or who pretends to be it, broke the protocol.
pub fn check_ack(ack: &Ack, hq: &VerifyKey) -> Result<(), Failure> {
    ack.verify(hq).map_err(|_| bad_signature("a receipt"))
}

/// Checks that HQ signed the end of a rollout.
///
/// # Errors
/// [`Failure::Fault`]: HQ, or who pretends to be it, broke the protocol.
pub fn check_abort(abort: &Abort, hq: &VerifyKey) -> Result<(), Failure> {
    abort.verify(hq).map_err(|_| bad_signature("an abort"))
}

fn bad_signature(of: &str) -> Failure {
    Failure::Fault(format!("the signature of {of} does not hold"))
}
