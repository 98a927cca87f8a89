//! What a session asks of the store. Entries, cursors and reports go one after another, in the
//! order in which they came; the feed is read beside them.
//!
//! Knows nothing of streams.

use std::sync::Arc;

use wasl_protocol::entry::Cursor;
use wasl_protocol::id::{JournalId, OfficeId, Position, RecordId};
use wasl_protocol::limits::ENTRIES_CREDIT_BYTES;
use wasl_protocol::news::SignedNews;
use wasl_protocol::session::hq::Input;
use wasl_protocol::units::FeedNo;
use wasl_protocol::wire::{
    Ack, Bye, ByeCode, Entries, Fetch, Fetched, Hello, Report, Returned, Standing, States, Welcome,
};

use super::{GatewayConfig, limits};
use crate::store::{AppendError, ForOffice, Office, StoreError, When};

/// One thing to do, in order.
#[derive(Debug)]
pub enum Work {
    /// Find out where HQ stands in the journals of this greeting.
    Lookup(Hello),
    /// Verify, append and apply these.
    Append(Entries),
    /// The office has the feed up to here on disk.
    Cursor(Cursor),
    /// The office's heartbeat.
    Report(Report),
    /// The office wants frames of its own journal back.
    Fetch(Fetch),
    /// Take in what HQ signed in an earlier life and lost.
    Adopt(Returned),
    /// Say of these journals of the office's what HQ has of them.
    Receipts(Vec<JournalId>),
    /// Compare the sums of what the office has with those of what HQ has in its scope.
    CompareSums(Vec<u64>),
    /// Send again what is not the same in these buckets, of which the office has these records.
    SendAgain {
        /// The buckets.
        buckets: Vec<u16>,
        /// The records, each with its digest.
        listed: Vec<(RecordId, u64)>,
    },
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Done {
    /// What it tells the machine, if anything.
    pub input: Option<Input>,
    /// What to send right behind Welcome: receipts for what HQ has already. Those for the ends of
    /// the journals may have been lost with the last connection.
    pub receipts: Vec<Ack>,
    /// Is the office's scope to be compared, and before its feed?
    pub audit: Option<bool>,
}

impl From<Input> for Done {
    fn from(input: Input) -> Self {
        Self { input: Some(input), ..Self::default() }
    }
}

/// Does one thing.
pub async fn do_work(config: GatewayConfig, office: Arc<Office>, work: Work) -> Done {
    let store = &config.store;
    let done = match work {
        Work::Lookup(hello) => welcome(&config, &office, &hello).await,
        Work::Append(entries) => return append(&config, &office, entries).await.into(),
        Work::Cursor(cursor) => {
            store.cursor_moved(&office.id, cursor).await.map(|()| Done::default())
        }
        Work::Adopt(returned) => return adopt(&config, &office, returned).await.into(),
        Work::Receipts(journals) => {
            let receipts = receipts(&config, &office, &journals).await;
            receipts.map(|receipts| Done { receipts, ..Done::default() })
        }
        Work::Fetch(Fetch { journal, after }) => {
            let frames = store.frames(&office.id, journal, after).await;
            frames.map(|frames| Input::Fetched(Fetched { journal, after, frames }).into())
        }
        Work::CompareSums(sums) => {
            let now = config.world.clock.unix();
            let compared = store.compare_sums(&office.id, &sums, now).await;
            compared.map(|(buckets, upto)| Input::Differing { buckets, upto }.into())
        }
        Work::SendAgain { buckets, listed } => {
            let now = config.world.clock.unix();
            let again = store.send_again(&office.id, &buckets, &listed, now).await;
            again.map(|again| {
                tracing::warn!(office = %office.id, entries = again, "an audit sends states again");
                Input::Compared.into()
            })
        }
        Work::Report(report) => {
            let now = config.world.clock.unix();
            store.reported(&office.id, &report, now).await.map(|()| Done::default())
        }
    };
    done.unwrap_or_else(|error| Input::Close(cannot_store(&office, &error)).into())
}

async fn welcome(
    config: &GatewayConfig,
    office: &Office,
    hello: &Hello,
) -> Result<Done, StoreError> {
    let store = &config.store;
    let epoch = store.epoch();
    if store.was_put_back(&office.id, hello.cursor, hello.acked.as_deref()).await? {
        store.begin_anew(epoch).await?;
        return Ok(Input::Close(Bye::now(ByeCode::Busy)).into());
    }
    let journals = store.standings(&office.id, &hello.journals).await?;
    let receipts = signed(config, &office.id, &journals).await?;
    let clock = config.world.clock.unix();
    let credit_bytes = ENTRIES_CREDIT_BYTES;
    let welcome = Welcome { epoch, journals, clock, credit_bytes };
    let audit = store.audit_due(&office.id, hello.cursor, clock).await?;
    let audit = audit.map(|when| when == When::BeforeTheFeed);
    Ok(Done { input: Some(Input::Known { welcome }), receipts, audit })
}

/// What HQ has of these journals of the office's.
async fn receipts(
    config: &GatewayConfig,
    office: &Office,
    journals: &[JournalId],
) -> Result<Vec<Ack>, StoreError> {
    let start = |journal: &JournalId| (*journal, Position::start(*journal));
    let journals: Vec<_> = journals.iter().map(start).collect();
    let standings = config.store.standings(&office.id, &journals).await?;
    signed(config, &office.id, &standings).await
}

/// A receipt for each of these journals of which HQ has anything.
async fn signed(
    config: &GatewayConfig,
    office: &OfficeId,
    standings: &[Standing],
) -> Result<Vec<Ack>, StoreError> {
    let held = config.store.held_of(office).await?;
    let (epoch, key) = (config.store.epoch(), config.keys.sign_key());
    let receipt = |s: &Standing| Ack::new(epoch, s.journal, s.top, s.stable, held, key);
    Ok(standings.iter().filter(|s| s.top.seq.0 > 0).map(receipt).collect())
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

async fn adopt(config: &GatewayConfig, office: &Office, returned: Returned) -> Input {
    let Returned { states, last } = returned;
    match config.store.adopt(&office.id, states).await {
        Ok(_) => Input::Adopted { last },
        Err(AppendError::Store(error)) => Input::Close(cannot_store(office, &error)),
        Err(refused) => {
            tracing::warn!(office = %office.id, %refused, "what was given back is refused");
            Input::Close(Bye::now(ByeCode::Fault))
        }
    }
}

/// A stretch of the feed, signed.
#[derive(Debug)]
pub struct Stretch {
    /// The states, and up to where the feed was read.
    pub states: States,
    /// How many bytes they are.
    pub bytes: u64,
    /// Is there nothing behind them?
    pub drained: bool,
}

/// Reads and signs what follows `after` in the office's feed.
///
/// # Errors
/// What to end the session with: the store failed.
pub async fn read_feed(
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
    let signed = tokio::task::spawn_blocking(move || -> Vec<SignedNews> {
        run.news.iter().map(|news| SignedNews::sign(news, keys.sign_key())).collect()
    });
    let states = signed.await.map_err(|error| {
        tracing::error!(%error, "news could not be signed");
        Bye { code: ByeCode::Busy, retry_after_ms: limits::BUSY_MS }
    })?;
    let bytes = states.iter().map(|state| state.size_bytes() as u64).sum();
    Ok(Stretch { bytes, drained: run.upto >= head, states: States { states, upto } })
}

/// Looks what there is to say to the office of its config by now.
///
/// # Errors
/// What to end the session with: the store failed.
pub async fn look_for_config(config: GatewayConfig, office: Arc<Office>) -> Result<ForOffice, Bye> {
    config.store.config_for(&office.id).await.map_err(|e| cannot_store(&office, &e))
}

fn cannot_store(office: &Office, error: &StoreError) -> Bye {
    tracing::error!(office = %office.id, %error, "the store failed");
    Bye { code: ByeCode::CannotStore, retry_after_ms: limits::BUSY_MS }
}
