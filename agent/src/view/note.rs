//! What the logs say beside states, and its bytes: each note is named by the inbox entry that
//! brought it; those that are of the journal by [`Note::OF_JOURNAL`] and [`Note::of_hour`].

use std::collections::BTreeMap;

use wasl_protocol::codec;
use wasl_protocol::edition::ConfigState;
use wasl_protocol::id::{Dot, RecordId};
use wasl_protocol::news::{Fate, Held, What};
use wasl_protocol::private::Private;
use wasl_protocol::units::{Seq, UnixMs};

use super::ViewError;

/// One thing to remember beside the rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// Something that this version cannot read, of this record where that is known.
    Newer(Option<RecordId>),
    /// An entry that HQ holds or refused, and of which record it is, where that is known.
    Fate(Fate, Option<RecordId>),
    /// Where the config steps of our journal leave the office.
    Config(ConfigState),
    /// How many records were opened in an hour, counted from 1970-01-01T00:00Z, by workstation.
    Hour(i64, BTreeMap<String, u64>),
}

/// A note's form before it is sealed: the record, and of a fate its dot, its time, a word and what
/// belongs to it; of the config its bytes; of an hour its counts.
type Packed = (Option<RecordId>, Option<PackedFate>, Option<Vec<u8>>, Option<PackedHour>);
type PackedHour = (i64, BTreeMap<String, u64>);
type PackedFate = (Dot, UnixMs, String, Option<Dot>, String);

const RELEASED: &str = "released";
const REFUSED: &str = "refused";

impl Note {
    /// The name of the note that follows from the journal: no entry of an inbox has this number.
    pub const OF_JOURNAL: Seq = Seq(0);

    /// The name of the note of an hour: no log has so many entries.
    pub fn of_hour(hour: i64) -> Seq {
        const FIRST_HOUR: u64 = 1 << 63;
        Seq(FIRST_HOUR.saturating_add_signed(hour))
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let packed: Packed = match self {
            Self::Newer(record) => (*record, None, None, None),
            Self::Config(state) => (None, None, Some(state.encode()), None),
            Self::Hour(hour, counts) => (None, None, None, Some((*hour, counts.clone()))),
            Self::Fate(Fate { dot, at, what }, record) => {
                let (word, waits_for, reason) = match what {
                    What::Held(Held::WaitsFor(dot)) => ("waits", Some(*dot), ""),
                    What::Held(held) => (held.as_str(), None, ""),
                    What::Released => (RELEASED, None, ""),
                    What::Refused { reason } => (REFUSED, None, reason.as_str()),
                };
                let fate = (*dot, *at, word.to_owned(), waits_for, reason.to_owned());
                (*record, Some(fate), None, None)
            }
        };
        codec::encode(&packed)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, ViewError> {
        let (record, fate, config, hour): Packed =
            codec::decode(bytes).map_err(|_| ViewError::Row)?;
        if let Some((hour, counts)) = hour {
            return Ok(Self::Hour(hour, counts));
        }
        if let Some(config) = config {
            return Ok(Self::Config(ConfigState::decode(&config).map_err(|_| ViewError::Row)?));
        }
        let Some((dot, at, word, waits_for, reason)) = fate else { return Ok(Self::Newer(record)) };
        let what = match word.as_str() {
            RELEASED => What::Released,
            REFUSED => What::Refused { reason: Private(reason) },
            word => What::Held(Held::from_words(word, waits_for).ok_or(ViewError::Row)?),
        };
        Ok(Self::Fate(Fate { dot, at, what }, record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasl_protocol::edition::{EditionHash, Phase, Serial, Step};
    use wasl_protocol::id::JournalId;

    #[test]
    fn every_note_comes_back_and_bytes_cut_short_are_refused() {
        let dot = Dot { journal: JournalId(1), seq: Seq(7) };
        let reason = Private("الصورة غير واضحة".to_owned());
        let whats = [
            What::Held(Held::Undecodable),
            What::Held(Held::WaitsFor(dot)),
            What::Released,
            What::Refused { reason },
        ];
        let fates = whats.map(|what| Note::Fate(Fate { dot, at: UnixMs(5), what }, None));
        let record = Some(RecordId([3; 16]));
        let (serial, hash) = (Serial(7), EditionHash([1; 32]));
        let mut config = ConfigState::default();
        config.fold(&Step { serial, hash, at: UnixMs(5), phase: Phase::Committed });
        let hour = Note::Hour(-7, [("ws-5".to_owned(), 3)].into());
        let others = [Note::Newer(record), Note::Newer(None), Note::Config(config), hour];
        for note in fates.into_iter().chain(others) {
            let bytes = note.encode();
            assert_eq!(Note::decode(&bytes).unwrap(), note);
            assert!(Note::decode(&bytes[..bytes.len() - 1]).is_err());
        }
    }
}
