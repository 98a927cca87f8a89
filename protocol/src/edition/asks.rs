//! What an office's machine is told, and what it wants done.

use alloc::string::String;
use alloc::vec::Vec;

use super::{AgentVersion, Gate, Probation, Rejection, Serial, Step, Trust};
use crate::id::OfficeId;
use crate::private::Private;
use crate::units::{MonoMs, UnixMs};

/// What happens at an office.
#[derive(Clone, Debug)]
pub enum Input {
    /// A signed edition came, from HQ or in a file that the `operator` imports.
    Offered {
        /// Its bytes.
        bytes: Vec<u8>,
        /// Did a person bring it? Then one that was rolled back is tried again, hold or not.
        by_hand: bool,
    },
    /// The answer to [`Output::Journal`]: the step is durable.
    Journalled,
    /// The answer to [`Output::Probe`]: the endpoint that does not answer, if one does not.
    Probed(Option<String>),
    /// The answer to [`Output::Stage`]: is it in its slot, fsynced?
    Staged(bool),
    /// The answer to [`Output::Apply`]: what is in force now, or why that could not be.
    Applied(Result<Running, String>),
    /// How a gate stands.
    Gate(Gate, bool),
    /// Is a session with HQ live?
    Session(bool),
    /// The answer to [`Output::ProbeOld`]: did HQ answer where it was before?
    OldAnswers(bool),
    /// HQ stops a rollout.
    Abort(Serial),
    /// The operator wants the last good edition back.
    RollBack(String),
    /// The operator takes no edition until then.
    Hold(UnixMs, Private<String>),
    /// The operator takes editions again.
    Unhold,
    /// Time has passed.
    Tick,
}

/// What an office wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Append this to the journal; then say [`Input::Journalled`].
    Journal(Step),
    /// Is HQ at each of these endpoints? Then say [`Input::Probed`].
    Probe(Vec<String>),
    /// Put this into its slot, fsynced; then say [`Input::Staged`].
    Stage(Serial, Vec<u8>),
    /// Put this edition (0: what is built in) in force; then say [`Input::Applied`].
    Apply(Serial),
    /// Look whether HQ answers where it was before; then say [`Input::OldAnswers`].
    ProbeOld,
    /// Only these editions' slots are needed any more.
    Keep(Vec<Serial>),
    /// What came of an offer that is not, or no longer, under way.
    Answer(Serial, Result<(), Rejection>),
    /// Nothing to do before this moment.
    Sleep(MonoMs),
}

/// The time, as an office knows it.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// By the clock that only runs forward.
    pub mono: MonoMs,
    /// By the wall clock: for people.
    pub at: UnixMs,
    /// By a clock that can be trusted, where there is one: HQ's.
    pub trusted: Option<UnixMs>,
}

/// What the machine has to know of the edition that is in force.
#[derive(Clone, Debug, Default)]
pub struct Running {
    /// Where it has the office look for HQ.
    pub endpoints: Vec<String>,
    /// What it has to stand, if it is on trial.
    pub probation: Probation,
}

/// Which office this is, and whom it trusts.
#[derive(Clone, Debug)]
pub struct Who {
    /// Who may sign its config.
    pub trust: Trust,
    /// Its id.
    pub office: OfficeId,
    /// Its agent's version.
    pub agent: AgentVersion,
}
