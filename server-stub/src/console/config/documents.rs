//! What is told of editions and rollouts, and what staff say.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use wasl_protocol::edition::{Probation, Scope, Serial};
use wasl_protocol::id::OfficeId;
use wasl_protocol::private::Private;

/// A signed edition to be rolled out.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEdition {
    /// The bytes of its file, in base64.
    pub edition: String,
    /// Only these offices; none: all in its scope.
    #[serde(default)]
    pub only: BTreeSet<OfficeId>,
    /// The office that goes first.
    #[serde(default)]
    pub canary: Option<OfficeId>,
    /// All at once, without stages?
    #[serde(default)]
    pub now: bool,
    /// Who says so, where that is known.
    #[serde(default)]
    pub operator: Option<Private<String>>,
}

/// A rollout is stopped.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAbort {
    /// Who says so, where that is known.
    #[serde(default)]
    pub operator: Option<Private<String>>,
}

/// `config history --json`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct EditionList {
    /// [`Self::SCHEMA`].
    pub schema: String,
    /// When this was true, by HQ's clock.
    pub as_of: Timestamp,
    /// Every edition that was pushed, the newest first.
    pub items: Vec<EditionItem>,
}

impl EditionList {
    /// The name of this document.
    pub const SCHEMA: &str = "wasl-hq.editions/1";
}

/// One edition that was pushed.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct EditionItem {
    /// Its number.
    pub serial: Serial,
    /// The hash of what was signed, in hex.
    pub hash: String,
    /// How far its rollout came: a constant word.
    pub stage: String,
    /// Why that does not go on, if it does not.
    pub stopped: Option<String>,
    /// When it was pushed.
    pub pushed_at: Timestamp,
    /// Who pushed it, where that is known.
    pub operator: Option<Private<String>>,
    /// Were the stages skipped?
    pub now: bool,
    /// The office that was to go first.
    pub canary: Option<OfficeId>,
    /// Only these offices; none: all in its scope.
    pub only: BTreeSet<OfficeId>,
    /// When it was signed, by its author's clock.
    pub issued_at: Timestamp,
    /// After this it is not adopted any more.
    pub not_after: Timestamp,
    /// The ids of the keys that signed it.
    pub signed_by: Vec<String>,
    /// The edition that it takes back.
    pub revert_of: Option<Serial>,
    /// Who wrote it.
    pub author: Private<String>,
    /// Why.
    pub reason: String,
}

/// One edition, with all it says.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct EditionDocument {
    /// [`Self::SCHEMA`].
    pub schema: String,
    /// What there is to say of any.
    #[serde(flatten)]
    pub item: EditionItem,
    /// For which offices it is.
    pub scope: ScopeText,
    /// The oldest agent that understands it.
    pub min_agent: String,
    /// What it has to stand.
    pub probation: ProbationText,
    /// Its settings, as they were written.
    pub settings: Value,
    /// The bytes of its file, in base64.
    pub edition: String,
}

impl EditionDocument {
    /// The name of this document.
    pub const SCHEMA: &str = "wasl-hq.edition/1";
}

/// For which offices an edition is, as text: in documents, and in what authors write.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "see `wasl_protocol::edition::Scope`")]
pub struct ScopeText {
    pub all: bool,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, BTreeSet<OfficeId>>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub offices: BTreeSet<OfficeId>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub except: BTreeSet<OfficeId>,
}

impl From<Scope> for ScopeText {
    fn from(Scope { all, groups, offices, except }: Scope) -> Self {
        Self { all, groups, offices, except }
    }
}

impl From<ScopeText> for Scope {
    fn from(ScopeText { all, groups, offices, except }: ScopeText) -> Self {
        Self { all, groups, offices, except }
    }
}

/// What an edition has to stand, as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "see `wasl_protocol::edition::Probation`")]
pub struct ProbationText {
    pub soak_s: u32,
    pub confirm_s: u32,
    pub session_s: u32,
    pub gate_s: u32,
}

impl Default for ProbationText {
    fn default() -> Self {
        Probation::default().into()
    }
}

impl From<Probation> for ProbationText {
    fn from(Probation { soak_s, confirm_s, session_s, gate_s }: Probation) -> Self {
        Self { soak_s, confirm_s, session_s, gate_s }
    }
}

impl From<ProbationText> for Probation {
    fn from(ProbationText { soak_s, confirm_s, session_s, gate_s }: ProbationText) -> Self {
        Self { soak_s, confirm_s, session_s, gate_s }
    }
}

/// `config status --json`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RolloutDocument {
    /// [`Self::SCHEMA`].
    pub schema: String,
    /// When this was true, by HQ's clock.
    pub as_of: Timestamp,
    /// Of which edition. None: none was ever pushed.
    pub serial: Option<Serial>,
    /// How far it has come: a constant word.
    pub stage: String,
    /// Since when.
    pub since: Option<Timestamp>,
    /// Why it stopped, if it did.
    pub stopped: Option<String>,
    /// Were the stages skipped?
    pub now: bool,
    /// Every office.
    pub offices: Vec<OfficeRolloutReport>,
}

impl RolloutDocument {
    /// The name of this document.
    pub const SCHEMA: &str = "wasl-hq.rollout/1";
}

/// One office in a rollout: four facts that differ.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct OfficeRolloutReport {
    /// Which.
    pub office: OfficeId,
    /// How far this edition has come there: a constant word.
    pub stage: String,
    /// Is a session of it live?
    pub connected: bool,
    /// What is in force there.
    pub running: Serial,
    /// What HQ wants it to run.
    pub desired: Option<Serial>,
    /// The last edition that it tried.
    pub last_attempt: Option<AttemptReport>,
    /// The highest that it ever kept: it takes none up to there.
    pub floor: Serial,
}

/// The last edition that an office tried.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AttemptReport {
    /// Which.
    pub serial: Serial,
    /// How far it came: a constant word.
    pub phase: String,
    /// The constant word for why it ended badly, if it did.
    pub code: Option<String>,
    /// The same for people.
    pub message: Option<String>,
    /// When, by the office's clock.
    pub at: Timestamp,
}
