//! What came of a bundle, for people.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wasl_protocol::edition::Serial;
use wasl_protocol::id::{BundleId, Dot, FormNumber, JournalId, OfficeId, RecordId};
use wasl_protocol::units::Seq;

/// `bundle import --json`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct BundleReport {
    /// `wasl-hq.bundle-import/1`.
    pub schema: String,
    /// Whose bundle it was.
    pub office: OfficeId,
    /// Its id.
    pub bundle: BundleId,
    /// How many entries came with it.
    pub entries: u64,
    /// How many of them HQ had not.
    pub new: u64,
    /// What it brought of each journal.
    pub journals: Vec<JournalTaken>,
    /// Where its entries differ from HQ's: its disk was restored or cloned.
    pub reborn: Vec<Reborn>,
    /// What it goes on from and HQ has not.
    pub lacking: Vec<Lacking>,
    /// How many states that HQ had signed and lost came back with it.
    pub adopted: u64,
    /// How many pieces of news are in the reply.
    pub news: u64,
    /// Is there more than a reply holds? It comes with the next one.
    pub more: bool,
    /// The edition of the config in the reply.
    pub edition: Option<Serial>,
    /// What was taken of a machine that may no longer come, entry by entry.
    pub admitted: Vec<ListedEntry>,
}

impl BundleReport {
    /// The name of this document.
    pub const SCHEMA: &str = "wasl-hq.bundle-import/1";
}

/// What a bundle brought of one journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JournalTaken {
    /// Which.
    pub journal: JournalId,
    /// Up to where HQ had it.
    pub before: Seq,
    /// Up to where HQ has it now.
    pub stored: Seq,
}

/// Entries that were written again, since HQ has others under their numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reborn {
    /// The journal in which they were.
    pub journal: JournalId,
    /// The last entry that both have.
    pub common: Seq,
    /// The journal in which they are now, at the office too once it has the reply.
    pub goes_on_as: JournalId,
}

/// Entries without which others could not be taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Lacking {
    /// Of which journal.
    pub journal: JournalId,
    /// Behind this one.
    pub after: Seq,
    /// Up to this one.
    pub upto: Seq,
}

/// An entry, for whoever admitted it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ListedEntry {
    /// Its place.
    pub dot: Dot,
    /// The record that it wrote to.
    pub record: Option<RecordId>,
    /// The number on the form, if it opened the record.
    pub form_number: Option<FormNumber>,
    /// When it was written, by the office's clock.
    pub written_at: Option<Timestamp>,
    /// Is it held?
    pub held: bool,
}
