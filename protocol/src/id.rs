//! The names of things: offices, journals, records, dots, positions.

use alloc::borrow::{Cow, ToOwned};
use alloc::string::{String, ToString};
use bincode::{Decode, Encode};
use core::fmt;
use core::str::FromStr;
use data_encoding::HEXLOWER;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::limits;
use crate::units::Seq;

/// An id in text that does not have the form it should have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not {what}: {want}")]
pub struct Malformed {
    what: &'static str,
    want: &'static str,
}

const fn malformed(what: &'static str, want: &'static str) -> Malformed {
    Malformed { what, want }
}

/// One site: a slug such as `suq-al-shuyukh`. HQ's own id is [`OfficeId::HQ`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Encode)]
pub struct OfficeId(String);

impl OfficeId {
    /// The name under which headquarters itself signs its edits; no office may carry it.
    pub const HQ: &'static str = "hq";

    /// Headquarters as an author.
    pub fn hq() -> Self {
        Self(Self::HQ.to_owned())
    }

    /// Is this headquarters?
    pub fn is_hq(&self) -> bool {
        self.0 == Self::HQ
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for OfficeId {
    type Err = Malformed;

    fn from_str(s: &str) -> Result<Self, Malformed> {
        let inner = |c: &u8| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == b'-';
        let edge = |c: Option<&u8>| c.is_some_and(u8::is_ascii_alphanumeric);
        let b = s.as_bytes();
        if b.len() <= limits::OFFICE_ID_BYTES
            && b.iter().all(inner)
            && edge(b.first())
            && edge(b.last())
        {
            Ok(Self(s.to_owned()))
        } else {
            Err(malformed("an office id", "1 to 32 of a-z, 0-9 and inner hyphens"))
        }
    }
}

/// One life of one log: a random (or derived) 64-bit id, fsynced at birth. 16 hex digits as text.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct JournalId(pub u64);

impl FromStr for JournalId {
    type Err = Malformed;

    fn from_str(s: &str) -> Result<Self, Malformed> {
        let b = HEXLOWER.decode(s.as_bytes()).ok().and_then(|b| <[u8; 8]>::try_from(b).ok());
        let bytes = b.ok_or(malformed("a journal id", "16 lower-case hex digits"))?;
        Ok(Self(u64::from_be_bytes(bytes)))
    }
}

impl fmt::Display for JournalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// One life of HQ's database.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct EpochId(pub u64);

impl FromStr for EpochId {
    type Err = Malformed;

    fn from_str(s: &str) -> Result<Self, Malformed> {
        JournalId::from_str(s)
            .map(|id| Self(id.0))
            .map_err(|_| malformed("an epoch id", "16 lower-case hex digits"))
    }
}

impl fmt::Display for EpochId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The number printed on a citizen's form; unique within its office, never reused.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Encode)]
pub struct FormNumber(String);

impl FormNumber {
    /// The number as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FormNumber {
    type Err = Malformed;

    fn from_str(s: &str) -> Result<Self, Malformed> {
        if (1..=limits::FORM_NUMBER_BYTES).contains(&s.len())
            && s.bytes().all(|c| c.is_ascii_graphic())
        {
            Ok(Self(s.to_owned()))
        } else {
            Err(malformed("a form number", "1 to 64 visible ASCII characters, no spaces"))
        }
    }
}

/// One enrollment: the first 128 bits of BLAKE3("wasl record", office, form number), so that a
/// retry after a restore meets the same record. 32 hex digits as text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct RecordId(pub [u8; 16]);

impl RecordId {
    /// The id of the record that `office` opens under `form_number`.
    pub fn of(office: &OfficeId, form_number: &FormNumber) -> Self {
        let mut h = blake3::Hasher::new();
        h.update(b"wasl record\0");
        h.update(office.0.as_bytes());
        h.update(b"\0");
        h.update(form_number.0.as_bytes());
        let mut id = [0; 16];
        id.copy_from_slice(&h.finalize().as_bytes()[..16]);
        Self(id)
    }
}

impl FromStr for RecordId {
    type Err = Malformed;

    fn from_str(s: &str) -> Result<Self, Malformed> {
        let b = HEXLOWER.decode(s.as_bytes()).ok().and_then(|b| <[u8; 16]>::try_from(b).ok());
        b.map(Self).ok_or(malformed("a record id", "32 lower-case hex digits"))
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

/// One bundle, wherever its copies are. 32 hex digits as text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct BundleId(pub [u8; 16]);

impl BundleId {
    /// The id that was drawn.
    pub fn of(random: &[u8; 32]) -> Self {
        let mut id = [0; 16];
        id.copy_from_slice(&random[..16]);
        Self(id)
    }
}

impl FromStr for BundleId {
    type Err = Malformed;

    fn from_str(s: &str) -> Result<Self, Malformed> {
        let id = RecordId::from_str(s).map(|id| Self(id.0));
        id.map_err(|_| malformed("a bundle's id", "32 lower-case hex digits"))
    }
}

impl fmt::Display for BundleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

/// The unit of merge in a record: `person`, `address`, ... No dots, so that `GROUP.FIELD` is clear.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Encode)]
pub struct GroupName(String);

impl GroupName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for GroupName {
    type Err = Malformed;

    fn from_str(s: &str) -> Result<Self, Malformed> {
        let b = s.as_bytes();
        if (1..=limits::GROUP_NAME_BYTES).contains(&b.len())
            && b[0].is_ascii_lowercase()
            && b.iter().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == b'_')
        {
            Ok(Self(s.to_owned()))
        } else {
            Err(malformed("a group name", "1 to 32 of a-z, 0-9 and _, a letter first"))
        }
    }
}

/// Names one edit for ever: the entry `seq` of `journal`. `<journal>:<seq>` as text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Dot {
    /// The journal that holds the edit's entry.
    pub journal: JournalId,
    /// The entry's number in it.
    pub seq: Seq,
}

impl FromStr for Dot {
    type Err = Malformed;

    fn from_str(s: &str) -> Result<Self, Malformed> {
        let bad = malformed("a dot", "JOURNAL:NUMBER, such as 00c1a5b2d3e4f506:42");
        let (journal, seq) = s.split_once(':').ok_or(bad.clone())?;
        let journal = journal.parse().map_err(|_| bad.clone())?;
        Ok(Self { journal, seq: Seq(seq.parse().map_err(|_| bad)?) })
    }
}

impl fmt::Display for Dot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.journal, self.seq)
    }
}

/// The hash after an entry: BLAKE3 over everything the log says up to and with it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Head(pub [u8; 32]);

impl Head {
    /// The part of the head that each frame carries, and each value remembers.
    pub fn tag(&self) -> Tag {
        let mut tag = [0; 16];
        tag.copy_from_slice(&self.0[..16]);
        Tag(tag)
    }
}

impl FromStr for Head {
    type Err = Malformed;

    fn from_str(s: &str) -> Result<Self, Malformed> {
        let b = HEXLOWER.decode(s.as_bytes()).ok().and_then(|b| <[u8; 32]>::try_from(b).ok());
        b.map(Self).ok_or(malformed("a head", "64 lower-case hex digits"))
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

/// The first 16 bytes of a head: checksum and chain link of a frame in one.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Tag(pub [u8; 16]);

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

/// A place in a log: how many entries, and the head after them. Never a bare number.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize,
)]
pub struct Position {
    /// How many entries lie up to here.
    pub seq: Seq,
    /// The head after them.
    pub head: Head,
}

/// Text form, checked on the way in; `Debug` prints the text.
macro_rules! as_text {
    ($($id:ty),*) => {$(
        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { fmt::Display::fmt(self, f) }
        }
        impl Serialize for $id {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl JsonSchema for $id {
            fn schema_name() -> Cow<'static, str> { String::schema_name() }
            fn inline_schema() -> bool { true }
            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                String::json_schema(generator)
            }
        }
        impl<'de> Deserialize<'de> for $id {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(|e: Malformed| de::Error::custom(e.to_string()))
            }
        }
    )*};
}
as_text!(OfficeId, JournalId, EpochId, FormNumber, RecordId, BundleId, GroupName, Dot, Head);

/// Text ids are checked again when they come from bytes: peers are hostile.
macro_rules! text_from_bytes {
    ($($id:ty),*) => {$(
        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
        impl<C> Decode<C> for $id {
            fn decode<D: bincode::de::Decoder<Context = C>>(
                d: &mut D,
            ) -> Result<Self, bincode::error::DecodeError> {
                let text: String = Decode::decode(d)?;
                text.parse().map_err(|e: Malformed| {
                    bincode::error::DecodeError::OtherString(e.to_string())
                })
            }
        }
        impl<'de, C> bincode::BorrowDecode<'de, C> for $id {
            fn borrow_decode<D: bincode::de::BorrowDecoder<'de, Context = C>>(
                d: &mut D,
            ) -> Result<Self, bincode::error::DecodeError> {
                Decode::decode(d)
            }
        }
    )*};
}
text_from_bytes!(OfficeId, FormNumber, GroupName);

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;

    #[test]
    fn ids_survive_their_text_form() {
        let dot: Dot = "00c1a5b2d3e4f506:42".parse().unwrap();
        assert_eq!(dot.to_string(), "00c1a5b2d3e4f506:42");
        let office: OfficeId = "suq-al-shuyukh".parse().unwrap();
        let id = RecordId::of(&office, &"suq-al-shuyukh-20160112-0001".parse().unwrap());
        assert_eq!(id.to_string().parse::<RecordId>().unwrap(), id);
    }

    #[test]
    fn ids_that_would_confuse_a_path_or_a_terminal_are_refused() {
        for bad in ["", "-a", "a-", "A", "a b", "../x", &"a".repeat(33), "سوق"] {
            assert!(bad.parse::<OfficeId>().is_err(), "{bad:?}");
        }
        for bad in ["", "a b", "a\u{1b}[2J", &"9".repeat(65)] {
            assert!(bad.parse::<FormNumber>().is_err(), "{bad:?}");
        }
        for bad in ["", "a.b", "_a", "A"] {
            assert!(bad.parse::<GroupName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_same_form_number_at_two_offices_is_two_records() {
        let form: FormNumber = "1".parse().unwrap();
        let id = |o: &str| RecordId::of(&o.parse().unwrap(), &form);
        assert_ne!(id("nasr"), id("fajr"));
        assert_eq!(format!("{}", id("nasr")).len(), 32);
    }
}
