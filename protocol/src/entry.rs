//! What a frame says: the plaintext of each kind of entry.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use bincode::{Decode, Encode};

use crate::codec::{self, DecodeError};
use crate::frame::{Frame, Kind, link_genesis};
use crate::id::{EpochId, FormNumber, GroupName, JournalId, OfficeId, Position, RecordId};
use crate::json::Json;
use crate::keys::{
    DataKey, KeyError, Random, SignKey, Signature, UnwrapKey, VerifyKey, WrapKey, Wrapped,
};
use crate::limits;
use crate::private::Private;
use crate::record::{RecordState, Value};
use crate::units::{FeedNo, UnixMs};

/// What a log is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Log {
    /// What a replica did: the truth.
    Journal = 1,
    /// What HQ sent to an office.
    Inbox = 2,
}

/// The first entry of each log. In the clear: it says who can read the rest.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Genesis {
    /// The layout of the frames that follow: [`crate::frame::FORMAT`].
    pub format: u8,
    log: u8,
    /// Who writes this log.
    pub office: OfficeId,
    /// When, by the writer's clock.
    pub born_at: UnixMs,
    /// The key that signs the heads of this log.
    pub sign_key: VerifyKey,
    /// The data key, wrapped for each reader.
    pub keys: Vec<Wrapped>,
    /// The log that this one goes on from, where that was sealed.
    pub after: Option<(JournalId, Position)>,
}

impl Genesis {
    /// The Genesis of a new log of `office`, whose data key `readers` can unwrap.
    #[expect(clippy::too_many_arguments, reason = "each is one fact that a log begins with")]
    pub fn new(
        log: Log,
        office: OfficeId,
        born_at: UnixMs,
        sign_key: VerifyKey,
        key: (&DataKey, JournalId),
        readers: &[(WrapKey, Random)],
    ) -> Result<Self, KeyError> {
        let (data_key, journal) = key;
        let wrap = |(to, random): &(WrapKey, Random)| data_key.wrap(*to, &info(journal), *random);
        let keys = readers.iter().map(wrap).collect::<Result<_, _>>()?;
        Ok(Self {
            format: crate::frame::FORMAT,
            log: log as u8,
            office,
            born_at,
            sign_key,
            keys,
            after: None,
        })
    }

    /// What the log is for.
    pub fn log(&self) -> Option<Log> {
        match self.log {
            1 => Some(Log::Journal),
            2 => Some(Log::Inbox),
            _ => None,
        }
    }

    /// Its frame, appended to `out`; where the log stands then.
    pub fn link(&self, journal: JournalId, out: &mut Vec<u8>) -> Position {
        link_genesis(journal, &codec::encode(self), out)
    }

    /// The Genesis that a frame holds.
    pub fn read(frame: &Frame<'_>) -> Result<Self, DecodeError> {
        if frame.kind != Kind::GENESIS {
            return Err(DecodeError::Malformed);
        }
        codec::decode(frame.body)
    }

    /// The data key of `journal`, if it was wrapped for `reader`.
    pub fn data_key(&self, journal: JournalId, reader: &UnwrapKey) -> Result<DataKey, KeyError> {
        let to = reader.wrap_key();
        let wrapped = self.keys.iter().find(|w| w.to == to).ok_or(KeyError::Seal)?;
        DataKey::unwrap(wrapped, reader, &info(journal))
    }
}

fn info(journal: JournalId) -> Vec<u8> {
    [b"wasl data key/1\0", &journal.0.to_le_bytes()[..]].concat()
}

/// The digest of the content that first opened a record, for telling a retry from a clash.
pub type PostDigest = [u8; 16];

/// The birth of a record: said by the edit that opens it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Opening {
    /// The number on the citizen's form.
    pub form_number: FormNumber,
    /// The digest of what was posted.
    pub posted: PostDigest,
}

/// One edit of one record: groups replaced whole. Its context is in the frame, in the clear.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Edit {
    /// The record.
    pub record: RecordId,
    /// When, by the writer's clock.
    pub at: UnixMs,
    /// Who sat at the workstation, where that is known.
    pub operator: Option<Private<String>>,
    /// Set in the edit that opens the record.
    pub opening: Option<Opening>,
    /// The groups it writes.
    pub groups: BTreeMap<GroupName, Json>,
}

/// An edit of a peer that may not be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Inadmissible {
    /// The bytes, or a group in them, do not decode.
    #[error("undecodable")]
    Undecodable,
    /// The record's id is not that of the office and form number it claims.
    #[error("the record id does not belong to this office and form number")]
    ForeignRecord,
    /// The author may not write this group.
    #[error("{by} may not write the group {group}")]
    NotTheOwner {
        /// The author.
        by: OfficeId,
        /// The group.
        group: GroupName,
    },
}

impl Edit {
    /// Its plaintext.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// The edit in a plaintext; its groups may still hold anything: see [`Self::admit`].
    pub fn decode(plain: &[u8]) -> Result<Self, DecodeError> {
        codec::decode(plain)
    }

    /// Checks an edit that a peer wrote: canonical JSON, its own record, its own groups.
    pub fn admit(&self, by: &OfficeId) -> Result<(), Inadmissible> {
        if self.groups.is_empty() || self.groups.len() > limits::GROUPS {
            return Err(Inadmissible::Undecodable);
        }
        if let Some(opening) = &self.opening
            && RecordId::of(by, &opening.form_number) != self.record
        {
            return Err(Inadmissible::ForeignRecord);
        }
        for (group, json) in &self.groups {
            if !crate::record::may_write(by, group) {
                let (by, group) = (by.clone(), group.clone());
                return Err(Inadmissible::NotTheOwner { by, group });
            }
            json.check().map_err(|_| Inadmissible::Undecodable)?;
        }
        Ok(())
    }
}

/// One record's whole state, addressed to one office, as HQ signs it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct StateFor {
    /// HQ's epoch.
    pub epoch: EpochId,
    /// Whom it is for.
    pub office: OfficeId,
    /// Its number in that office's feed.
    pub feed: FeedNo,
    /// Which record.
    pub record: RecordId,
    /// The state.
    pub state: RecordState<Value>,
}

/// A state and HQ's signature over its bytes; the bytes are kept and given back as they are.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SignedState {
    payload: Vec<u8>,
    signature: Signature,
}

const STATE_DOMAIN: &str = "wasl state/1";

impl SignedState {
    /// Signs a state.
    pub fn sign(state: &StateFor, key: &SignKey) -> Self {
        let payload = codec::encode(state);
        let signature = key.sign(STATE_DOMAIN, &payload);
        Self { payload, signature }
    }

    /// The state, if `hq` signed it.
    pub fn verify(&self, hq: &VerifyKey) -> Result<StateFor, StateError> {
        hq.verify(STATE_DOMAIN, &self.payload, &self.signature)?;
        Ok(codec::decode(&self.payload)?)
    }

    /// The state, unchecked: for bytes that were verified before they were stored.
    pub fn trusted(&self) -> Result<StateFor, DecodeError> {
        codec::decode(&self.payload)
    }

    /// How many bytes it takes on the wire, nearly.
    pub fn size_bytes(&self) -> usize {
        self.payload.len() + 72
    }
}

/// A state that is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// HQ did not sign it.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// HQ signed it, and this version cannot read it: it is kept.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

/// How far an office has taken HQ's feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Cursor {
    /// In which life of HQ's database.
    pub epoch: EpochId,
    /// Everything up to here has been taken.
    pub feed: FeedNo,
}
