//! What a session asks of the store. Entries, cursors and reports go one after another, in the
//! order in which they came; the feed is read beside them.
//!
//! Knows nothing of streams.

use std::sync::Arc;

use wasl_protocol::entry::{Cursor, SignedState};
use wasl_protocol::id::JournalId;
use wasl_protocol::limits::ENTRIES_CREDIT_BYTES;
use wasl_protocol::session::hq::Input;
use wasl_protocol::units::FeedNo;
use wasl_protocol::wire::{Ack, Bye, ByeCode, Entries, Hello, Report, Standing, States, Welcome};

use super::{GatewayConfig, limits};
use crate::store::{AppendError, Office, StoreError};

/// One thing to do, in order.
#[derive(Debug)]
pub(super) enum Work {
    Lookup(Hello),
    Append(Entries),
    Cursor(Cursor),
    Report(Report),
}

/// Does one thing; what it tells the machine, if anything.
pub(super) async fn do_work(
    config: GatewayConfig,
    office: Arc<Office>,
    work: Work,
) -> Option<Input> {
    let store = &config.store;
    let done = match work {
        Work::Lookup(hello) => welcome(&config, &office, &hello).await.map(Some),
        Work::Append(entries) => return Some(append(&config, &office, entries).await),
        Work::Cursor(cursor) => store.cursor_moved(&office.id, cursor).await.map(|()| None),
        Work::Report(report) => {
            let now = config.world.clock.unix();
            store.reported(&office.id, &report, now).await.map(|()| None)
        }
    };
    done.unwrap_or_else(|error| Some(Input::Close(cannot_store(&office, &error))))
}

async fn welcome(
    config: &GatewayConfig,
    office: &Office,
    hello: &Hello,
) -> Result<Input, StoreError> {
    let journals = config.store.standings(&office.id, &hello.journals).await?;
    let epoch = config.store.epoch();
    let clock = config.world.clock.unix();
    let credit_bytes = ENTRIES_CREDIT_BYTES;
    Ok(Input::Known { welcome: Welcome { epoch, journals, clock, credit_bytes } })
}

async fn append(config: &GatewayConfig, office: &Office, entries: Entries) -> Input {
    let journal = entries.journal;
    match config.store.append(office, entries).await {
        Ok(got) => {
            let (epoch, key) = (config.store.epoch(), config.keys.sign_key());
            Input::Appended(Ack::new(epoch, journal, got.stored, got.stable, got.held, key))
        }
        Err(AppendError::Fault(why)) => {
            tracing::warn!(office = %office.id, why, "entries were refused");
            Input::Close(Bye::now(ByeCode::Fault))
        }
        Err(AppendError::Store(error)) => Input::Close(cannot_store(office, &error)),
        Err(fork @ AppendError::Fork { .. }) => {
            tracing::error!(office = %office.id, %journal, %fork, "the journals differ");
            Input::Close(Bye::now(ByeCode::Fork))
        }
    }
}

/// The receipt for what HQ has of a journal already: the one for its end may have been lost with
/// the last connection.
pub(super) fn receipt(config: &GatewayConfig, standing: &Standing, held: u64) -> Ack {
    let (epoch, key) = (config.store.epoch(), config.keys.sign_key());
    Ack::new(epoch, standing.journal, standing.top, standing.stable, held, key)
}

/// A stretch of the feed, signed.
#[derive(Debug)]
pub(super) struct Stretch {
    pub(super) states: States,
    pub(super) bytes: u64,
    pub(super) drained: bool,
}

/// Reads and signs what follows `after` in the office's feed.
pub(super) async fn read_feed(
    config: GatewayConfig,
    office: Arc<Office>,
    journals: Vec<JournalId>,
    after: FeedNo,
    max_bytes: usize,
) -> Result<Stretch, Bye> {
    let store = &config.store;
    let run = store.feed(&office.id, &journals, after, max_bytes).await;
    let run = run.map_err(|e| cannot_store(&office, &e))?;
    let head = store.feed_head(&office.id).await.map_err(|e| cannot_store(&office, &e))?;
    let upto = Cursor { epoch: store.epoch(), feed: run.upto };
    let keys = config.keys.clone();
    let signed = tokio::task::spawn_blocking(move || -> Vec<SignedState> {
        run.states.iter().map(|state| SignedState::sign(state, keys.sign_key())).collect()
    });
    let states = signed.await.map_err(|error| {
        tracing::error!(%error, "states could not be signed");
        Bye { code: ByeCode::Busy, retry_after_ms: limits::BUSY_MS }
    })?;
    let bytes = states.iter().map(|state| state.size_bytes() as u64).sum();
    Ok(Stretch { bytes, drained: run.upto >= head, states: States { states, upto } })
}

fn cannot_store(office: &Office, error: &StoreError) -> Bye {
    tracing::error!(office = %office.id, %error, "the store failed");
    Bye { code: ByeCode::CannotStore, retry_after_ms: limits::BUSY_MS }
}
