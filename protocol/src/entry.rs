//! What a frame says: the plaintext of each kind of entry.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use bincode::{Decode, Encode};

use crate::codec::{self, DecodeError};
use crate::frame::{Frame, Kind, link_genesis};
use crate::id::{Dot, EpochId, FormNumber, GroupName, JournalId, OfficeId, Position, RecordId};
use crate::json::Json;
use crate::keys::{DataKey, KeyError, Random, UnwrapKey, VerifyKey, WrapKey, Wrapped};
use crate::limits;
use crate::private::Private;
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

    /// The Genesis of the log that goes on from this one, which is sealed at `after`: of the same
    /// writer, and of the same time.
    pub fn reborn(
        &self,
        (key, log): (&DataKey, JournalId),
        readers: &[(WrapKey, Random)],
        after: (JournalId, Position),
    ) -> Result<Self, KeyError> {
        let wrap = |(to, random): &(WrapKey, Random)| key.wrap(*to, &info(log), *random);
        let keys = readers.iter().map(wrap).collect::<Result<_, _>>()?;
        Ok(Self { keys, after: Some(after), ..self.clone() })
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

    /// Checks an edit: canonical JSON, its own record, and, of an office, its own groups. What HQ
    /// may write depends on the record: see [`crate::record::may_put`].
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
            if !by.is_hq() && !crate::record::may_write(by, group) {
                let (by, group) = (by.clone(), group.clone());
                return Err(Inadmissible::NotTheOwner { by, group });
            }
            json.check().map_err(|_| Inadmissible::Undecodable)?;
        }
        Ok(())
    }
}

/// What staff decided about an entry that was held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It counts, whoever wrote it; `as_is`: even though what it saw is not there.
    Release {
        /// Without waiting for what it saw.
        as_is: bool,
    },
    /// It does not count.
    Refuse {
        /// Why: the office is told.
        reason: Private<String>,
    },
}

/// An entry of HQ's: a held entry is released or refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The entry that was held.
    pub dot: Dot,
    /// When, by HQ's clock.
    pub at: UnixMs,
    /// By whom, where that is known.
    pub operator: Option<Private<String>>,
    /// What was decided.
    pub verdict: Verdict,
}

impl Decision {
    /// Its plaintext.
    pub fn encode(&self) -> Vec<u8> {
        let (tag, reason) = match &self.verdict {
            Verdict::Release { as_is: false } => (1u8, None),
            Verdict::Release { as_is: true } => (2, None),
            Verdict::Refuse { reason } => (3, Some(reason.clone())),
        };
        codec::encode(&(self.dot, self.at, self.operator.clone(), tag, reason))
    }

    /// The decision in a plaintext.
    pub fn decode(plain: &[u8]) -> Result<Self, DecodeError> {
        let (dot, at, operator, tag, reason): (_, _, _, u8, Option<Private<String>>) =
            codec::decode(plain)?;
        let verdict = match (tag, reason) {
            (1, None) => Verdict::Release { as_is: false },
            (2, None) => Verdict::Release { as_is: true },
            (3, Some(reason)) => Verdict::Refuse { reason },
            _ => return Err(DecodeError::Malformed),
        };
        Ok(Self { dot, at, operator, verdict })
    }
}

/// How far an office has taken HQ's feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Cursor {
    /// In which life of HQ's database.
    pub epoch: EpochId,
    /// Everything up to here has been taken.
    pub feed: FeedNo,
}
