//! Editions: signed config documents, what an office makes of one, and how it goes back.
//!
//! Pure: whoever calls this brings the clock, the disk and the link.

mod asks; // what the office's machine is told, and what it wants done
mod check; // may this office take it?
mod document; // the document and its signatures
mod fields; // what an enrollment must hold
mod hours; // how much working time lies between two moments
mod office; // an office's way through an edition
mod settings; // everything that headquarters decides
mod trial; // an edition in force, and watched
mod step; // what happened, as journal entries, and where that leaves the office
#[cfg(test)]
mod way; // a pretend office

pub use asks::{Input, Now, Output, Running, Who};
pub use check::{Checks, Rejection, check};
pub use document::{
    AgentVersion, Edition, EditionHash, FleetId, KeyId, Probation, Scope, Serial, SignedEdition,
    Trust,
};
pub use fields::{FieldRefused, FieldRules};
pub use hours::{Day, TimeOfDay, WorkingHours};
pub use office::OfficeConfig;
pub use settings::{
    BandwidthSettings, BlobSettings, ConfigSettings, ConflictSettings, DaySettings, FieldSettings,
    IntakeSettings, Language, LinkSettings, LogLevel, LogSettings, OfficeSettings, PageSettings,
    SettingsError, StatusSettings,
};
pub use step::{Attempt, ConfigState, Hold, Phase, Step};
pub use trial::Gate;
