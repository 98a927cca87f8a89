//! What HQ tells an office of its records and entries, signed.

use alloc::string::String;
use alloc::vec::Vec;
use bincode::{Decode, Encode};

use crate::codec::{self, DecodeError};
use crate::id::{Dot, EpochId, OfficeId, RecordId};
use crate::keys::{KeyError, SignKey, Signature, VerifyKey};
use crate::private::Private;
use crate::record::{RecordState, Value};
use crate::units::{FeedNo, UnixMs};

/// One piece of news, addressed to one office.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// HQ's epoch.
    pub epoch: EpochId,
    /// Whom it is for.
    pub office: OfficeId,
    /// Its number in that office's feed.
    pub feed: FeedNo,
    /// Of which record, where that is known.
    pub record: Option<RecordId>,
    /// What it says.
    pub says: Says,
}

/// What a piece of news says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Says {
    /// The record's whole state.
    State(RecordState<Value>),
    /// The record is no longer in the office's scope.
    Withdrawn,
    /// What became of an entry of the office's that was held.
    Fate(Fate),
    /// Something that this version cannot read: it is kept for the next one. Until then the record
    /// is not written here.
    Newer(Vec<u8>),
}

/// What became of an entry that HQ did not apply at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fate {
    /// The entry.
    pub dot: Dot,
    /// Since when, by HQ's clock.
    pub at: UnixMs,
    /// What.
    pub what: What,
}

/// See [`Fate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It is kept and not applied.
    Held(Held),
    /// It was held, and has been applied.
    Released,
    /// It was held, and does not count.
    Refused {
        /// Why, in the words of HQ's staff.
        reason: Private<String>,
    },
}

/// Why an entry is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// Its body, or a group in it, does not decode.
    Undecodable,
    /// Its kind is not known to this version.
    UnknownKind,
    /// Its author may not write a group in it.
    Unauthorised,
    /// Its record is not in its author's scope.
    OutOfScope,
    /// It edits a record that nobody opened.
    Unopened,
    /// It saw an edit that HQ does not have.
    WaitsFor(Dot),
}

impl Held {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Undecodable => "undecodable",
            Self::UnknownKind => "unknown_kind",
            Self::Unauthorised => "unauthorised",
            Self::OutOfScope => "out_of_scope",
            Self::Unopened => "unopened",
            Self::WaitsFor(_) => "waits",
        }
    }

    /// The reason that a word stands for; `waits_for` belongs to `waits`.
    pub fn from_words(word: &str, waits_for: Option<Dot>) -> Option<Self> {
        match (word, waits_for) {
            ("undecodable", _) => Some(Self::Undecodable),
            ("unknown_kind", _) => Some(Self::UnknownKind),
            ("unauthorised", _) => Some(Self::Unauthorised),
            ("out_of_scope", _) => Some(Self::OutOfScope),
            ("unopened", _) => Some(Self::Unopened),
            ("waits", Some(dot)) => Some(Self::WaitsFor(dot)),
            _ => None,
        }
    }

    /// The same in a sentence.
    pub fn sentence(self) -> String {
        match self {
            Self::Undecodable => "its bytes cannot be read".into(),
            Self::UnknownKind => "it is of a kind that this version does not know".into(),
            Self::Unauthorised => "its author may not write a group in it".into(),
            Self::OutOfScope => "its record is not in its author's scope".into(),
            Self::Unopened => "it edits a record that nobody opened".into(),
            Self::WaitsFor(dot) => alloc::format!("it waits for {dot}"),
        }
    }
}

/// The first byte of a body that this version writes: its format and what it says.
const STATE: u8 = 1;
const WITHDRAWN: u8 = 2;
const FATE: u8 = 3;

type FateBytes = (Dot, UnixMs, u8, String, Option<Dot>);

impl Says {
    fn encode(&self) -> Vec<u8> {
        let tagged = |tag: u8, body: Vec<u8>| [&[tag][..], &body].concat();
        match self {
            Self::State(state) => tagged(STATE, codec::encode(state)),
            Self::Withdrawn => tagged(WITHDRAWN, Vec::new()),
            Self::Fate(Fate { dot, at, what }) => {
                let (tag, text, waits_for) = match what {
                    What::Held(Held::WaitsFor(dot)) => (1, "waits".into(), Some(*dot)),
                    What::Held(held) => (1, held.as_str().into(), None),
                    What::Released => (2, String::new(), None),
                    What::Refused { reason } => (3, reason.0.clone(), None),
                };
                let bytes: FateBytes = (*dot, *at, tag, text, waits_for);
                tagged(FATE, codec::encode(&bytes))
            }
            Self::Newer(bytes) => bytes.clone(),
        }
    }

    fn decode(bytes: Vec<u8>) -> Self {
        let read = match bytes.split_first() {
            Some((&STATE, body)) => codec::decode(body).ok().map(Self::State),
            Some((&WITHDRAWN, [])) => Some(Self::Withdrawn),
            Some((&FATE, body)) => codec::decode(body).ok().and_then(fate).map(Self::Fate),
            _ => None,
        };
        read.unwrap_or(Self::Newer(bytes))
    }
}

fn fate((dot, at, tag, text, waits_for): FateBytes) -> Option<Fate> {
    let what = match tag {
        1 => What::Held(Held::from_words(&text, waits_for)?),
        2 => What::Released,
        3 => What::Refused { reason: Private(text) },
        _ => return None,
    };
    Some(Fate { dot, at, what })
}

/// News and HQ's signature over its bytes; the bytes are kept and given back as they are.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SignedNews {
    payload: Vec<u8>,
    signature: Signature,
}

const NEWS_DOMAIN: &str = "wasl news/1";

type Envelope = (EpochId, OfficeId, FeedNo, Option<RecordId>, Vec<u8>);

impl SignedNews {
    /// Signs news.
    pub fn sign(news: &News, key: &SignKey) -> Self {
        let (office, says) = (news.office.clone(), news.says.encode());
        let envelope: Envelope = (news.epoch, office, news.feed, news.record, says);
        let payload = codec::encode(&envelope);
        let signature = key.sign(NEWS_DOMAIN, &payload);
        Self { payload, signature }
    }

    /// The news, if `hq` signed it.
    pub fn verify(&self, hq: &VerifyKey) -> Result<News, NewsError> {
        hq.verify(NEWS_DOMAIN, &self.payload, &self.signature)?;
        Ok(self.trusted()?)
    }

    /// The news, unchecked: for bytes that were verified before they were stored.
    pub fn trusted(&self) -> Result<News, DecodeError> {
        let (epoch, office, feed, record, says): Envelope = codec::decode(&self.payload)?;
        let says = match Says::decode(says) {
            // A state is filed under its own record, whatever the envelope says.
            Says::State(state) if record != Some(state.origin.id()) => {
                return Err(DecodeError::Malformed);
            }
            says => says,
        };
        Ok(News { epoch, office, feed, record, says })
    }

    /// How many bytes it takes on the wire, nearly.
    pub fn size_bytes(&self) -> usize {
        self.payload.len() + 72
    }
}

/// News that is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NewsError {
    /// HQ did not sign it.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// HQ signed it, and it is no news: HQ is broken.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}
