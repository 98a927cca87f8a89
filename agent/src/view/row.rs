//! A row and its bytes.

use std::collections::{BTreeMap, BTreeSet};

use wasl_protocol::codec;
use wasl_protocol::entry::PostDigest;
use wasl_protocol::id::{Dot, GroupName, RecordId, Tag};
use wasl_protocol::keys::{DataKey, Random};
use wasl_protocol::record::{Origin, RecordState, VersionVector};
use wasl_protocol::units::Seq;

use super::ViewError;

/// What stands for a value in a row: where its bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The tag of the entry that wrote it.
    pub tag: Tag,
    /// The inbox entry that brought it; none for what our own journal wrote.
    pub inbox: Option<Seq>,
}

/// One record in the view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its place in the order of arrival, from 0.
    pub ordinal: u64,
    /// The entry of ours that opened it, if one did.
    pub opened: Option<Dot>,
    /// Does some group hold values that differ?
    pub conflict: bool,
    /// Has HQ withdrawn it from this office? Its entries stay in the logs, and nobody sees it.
    pub hidden: bool,
    /// The inbox entries whose states brought something new, oldest first: where its history is.
    pub told: Vec<Seq>,
    /// Its state, with places for values.
    pub state: RecordState<Place>,
}

/// A row's form before it is sealed: each dot once, and the groups refer to it by its index.
type Packed = (
    (Option<Dot>, bool, bool, Vec<Seq>),
    Origin,
    BTreeSet<PostDigest>,
    VersionVector,
    Vec<(Dot, Tag, Option<Seq>)>,
    Vec<(GroupName, Vec<u32>)>,
);

impl Row {
    /// Which record it is.
    pub fn record(&self) -> RecordId {
        self.state.origin.id()
    }

    /// Is it a conflict that somebody here can see?
    pub fn shows_conflict(&self) -> bool {
        self.conflict && !self.hidden
    }

    /// Its sealed bytes: bound to its ordinal.
    pub(super) fn seal(&self, key: &DataKey) -> Vec<u8> {
        let mut dots = Vec::new();
        let mut index = |dot: Dot, place: &Place| {
            let entry = (dot, place.tag, place.inbox);
            let found = dots.iter().position(|known| *known == entry).unwrap_or_else(|| {
                dots.push(entry);
                dots.len() - 1
            });
            u32::try_from(found).expect("a record has fewer values than that")
        };
        let groups = self.state.groups.iter().map(|(group, values)| {
            let indexes = values.iter().map(|(dot, place)| index(*dot, place)).collect();
            (group.clone(), indexes)
        });
        let groups: Vec<(GroupName, Vec<u32>)> = groups.collect();
        let state = &self.state;
        let facts = (self.opened, self.conflict, self.hidden, &self.told);
        let plain =
            codec::encode(&(facts, &state.origin, &state.posted, &state.seen, &dots, &groups));
        key.seal(&associated_data(self.ordinal), &plain, randomness(self.ordinal))
    }

    /// The row in these bytes.
    pub(super) fn open(ordinal: u64, sealed: &[u8], key: &DataKey) -> Result<Self, ViewError> {
        let plain = key.open(&associated_data(ordinal), sealed).map_err(|_| ViewError::Row)?;
        let packed: Packed = codec::decode(&plain).map_err(|_| ViewError::Row)?;
        let ((opened, conflict, hidden, told), origin, posted, seen, dots, packed_groups) = packed;
        let mut groups = BTreeMap::new();
        for (group, indexes) in packed_groups {
            let mut values = BTreeMap::new();
            for index in indexes {
                let (dot, tag, inbox) = *dots.get(index as usize).ok_or(ViewError::Row)?;
                values.insert(dot, Place { tag, inbox });
            }
            groups.insert(group, values);
        }
        let state = RecordState { origin, posted, seen, groups };
        Ok(Self { ordinal, opened, conflict, hidden, told, state })
    }
}

fn associated_data(ordinal: u64) -> [u8; 17] {
    let mut ad = *b"wasl row\0\0\0\0\0\0\0\0\0";
    ad[9..].copy_from_slice(&ordinal.to_be_bytes());
    ad
}

/// The nonce is a keyed hash of this and the plaintext: with the ordinal in it, no two rows share
/// one, and the same row sealed again is the same bytes.
fn randomness(ordinal: u64) -> Random {
    let mut random = [0; 32];
    random[..8].copy_from_slice(&ordinal.to_be_bytes());
    random
}
