//! What happens to the office's side of a session, and what it wants done.

use alloc::vec::Vec;

use crate::entry::Cursor;
use crate::id::{EpochId, JournalId, Position, RecordId};
#[cfg(doc)]
use crate::limits;
use crate::units::{MonoMs, Seq};
use crate::wire::{
    Ack, Audit, Buckets, Bye, Differing, Fetched, Hello, Message, Standing, States, Welcome,
};

/// What happens to the office's side.
#[derive(Clone, Debug)]
pub enum Input {
    /// The connection is up. `stored` is, for each journal of `hello`, up to where HQ has it as far
    /// as the office knows (its start if it does not).
    Opened {
        /// What to greet with.
        hello: Hello,
        /// Where to go on, until Welcome says better.
        stored: Vec<Position>,
    },
    /// A message came; an Ack or a state in it has been verified.
    Received(Message),
    /// The answer to [`Output::Agree`]: the last common position, if there is one.
    Agreed {
        /// Which journal.
        journal: JournalId,
        /// The last position that both have.
        common: Option<Position>,
    },
    /// The answer to [`Output::Compare`].
    Compared {
        /// The last position that is the same.
        common: Position,
        /// Does what follows there differ, or does our journal end there?
        parted: bool,
    },
    /// The answer to [`Output::SendEntries`]: sent up to here; `bytes` is 0 if there was nothing.
    EntriesSent {
        /// Which journal.
        journal: JournalId,
        /// The position after the last frame sent.
        last: Position,
        /// How many bytes of frames.
        bytes: u64,
    },
    /// The answer to [`Output::Store`]: the states up to here are on disk.
    StatesStored(Cursor),
    /// The answer to [`Output::GiveBack`]: given back up to here; none: that was all.
    GivenBack(Option<Seq>),
    /// Frames of a journal of ours are lacking behind this position; none: nothing is.
    Lacks(Option<(JournalId, Position)>),
    /// Our journal ends here now.
    Grew {
        /// Which journal.
        journal: JournalId,
        /// Its end.
        head: Position,
    },
    /// The answer to [`Output::Sum`].
    Summed(Buckets),
    /// The answer to [`Output::List`]: the records in those buckets, each with its digest.
    Listed {
        /// That of the audit.
        number: u64,
        /// The records.
        records: Vec<(RecordId, u64)>,
    },
    /// Somebody wants to know now whether both sides are level.
    Ask,
    /// Time has passed.
    Tick,
}

/// What the office's side wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send this message.
    Send(Message),
    /// Send a [`Report`](crate::wire::Report) with this number.
    SendReport(u64),
    /// Send frames after this position as one [`Entries`](crate::wire::Entries), at most this many
    /// bytes but at least one frame; then say [`Input::EntriesSent`].
    SendEntries {
        /// Which journal.
        journal: JournalId,
        /// The position the first frame continues.
        after: Position,
        /// At most so many bytes of frames.
        max_bytes: usize,
    },
    /// Find the last position of HQ's that our journal has; then say [`Input::Agreed`].
    Agree(Standing),
    /// HQ was put back to an earlier state: send it, as one [`Returned`](crate::wire::Returned), the
    /// states behind this number of the inbox that HQ signed in other lives than `epoch`, some
    /// [`limits::STATES_BYTES`]; then say [`Input::GivenBack`].
    GiveBack {
        /// HQ's life now.
        epoch: EpochId,
        /// Behind which entry of the inbox.
        after: Seq,
    },
    /// HQ has this on disk.
    Acked(Ack),
    /// HQ's clock, when it greeted.
    Welcomed(Welcome),
    /// Journal these states and fold them; then say [`Input::StatesStored`].
    Store(States),
    /// Compare these frames of HQ's with our own journal; then say [`Input::Compared`].
    Compare(Fetched),
    /// HQ has other entries than we have after this position, and the same up to there: a restored
    /// or cloned disk. The newest journal is to be born again.
    Diverged {
        /// Which journal.
        journal: JournalId,
        /// The last position that both have.
        common: Position,
    },
    /// HQ has other entries than we have, or more, and where they part is not known: after this
    /// number at the latest.
    Forked {
        /// Which journal.
        journal: JournalId,
        /// The last common number.
        common: Seq,
    },
    /// Sum the digests of all records; then say [`Input::Summed`].
    Sum(Audit),
    /// List the records in these buckets; then say [`Input::Listed`].
    List(Differing),
    /// HQ gives back frames of our own journal that are lacking here.
    Mend(Fetched),
    /// All that HQ had for us at this report is on our disk.
    Level {
        /// The report.
        report: u64,
    },
    /// HQ has an edition for us, or stops a rollout: [`Message::Edition`], [`Message::Abort`].
    Config(Message),
    /// The session is over: close the connection with this. The last output but `Sleep`.
    End {
        /// Why.
        bye: Bye,
        /// Did the other side say so?
        by_peer: bool,
    },
    /// Nothing to do before this moment.
    Sleep(MonoMs),
}
