//! Bugs that are planted, to see that each is caught: always in what the world does for the
//! product, never in the product.

/// A bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bug {
    /// An office's syncs do nothing: it answers before anything is durable.
    AckBeforeSync,
    /// As above, and nobody looks at what is missing after a power cut: numbers are used again.
    DotReuse,
    /// Nobody wakes a session whose feed has grown.
    LostWakeUp,
    /// A cursor counts whatever life of HQ's database it is of.
    CursorWithoutEpoch,
    /// After a start the journal is folded first and the inbox after it.
    FoldOrder,
    /// HQ takes nothing more of an office of which it holds an entry.
    PoisonBlocksQueue,
    /// HQ acknowledges entries and commits them later.
    AckBeforeCommit,
    /// An office believes a receipt that HQ did not sign.
    ReceiptNotVerified,
    /// An office says that it has HQ's news before they are durable.
    NewsAckedBeforeStored,
    /// A journal that is born again has its edits' contexts as they were.
    OriginalContexts,
    /// A journal that is born again has an id that nobody can draw a second time.
    RandomRebirthId,
    /// An office tells HQ only of its newest journal.
    OnlyTheNewestJournalOffered,
    /// An office folds HQ's states before it knows that both have the same journal.
    StatesFoldedBeforeAgreeing,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::AckBeforeSync,
        Self::DotReuse,
        Self::LostWakeUp,
        Self::CursorWithoutEpoch,
        Self::FoldOrder,
        Self::PoisonBlocksQueue,
        Self::AckBeforeCommit,
        Self::ReceiptNotVerified,
        Self::NewsAckedBeforeStored,
        Self::OriginalContexts,
        Self::RandomRebirthId,
        Self::OnlyTheNewestJournalOffered,
        Self::StatesFoldedBeforeAgreeing,
    ];

    /// Does it show only where disks are put back?
    pub fn needs_restores(self) -> bool {
        matches!(
            self,
            Self::OriginalContexts
                | Self::RandomRebirthId
                | Self::OnlyTheNewestJournalOffered
                | Self::StatesFoldedBeforeAgreeing
        )
    }

    /// The invariant that it breaks.
    pub fn breaks(self) -> &'static str {
        match self {
            Self::AckBeforeSync => "I1",
            Self::DotReuse => "I2",
            Self::AckBeforeCommit | Self::ReceiptNotVerified | Self::NewsAckedBeforeStored => "I3",
            Self::LostWakeUp
            | Self::CursorWithoutEpoch
            | Self::OnlyTheNewestJournalOffered
            | Self::StatesFoldedBeforeAgreeing => "I4",
            Self::OriginalContexts | Self::RandomRebirthId => "I5",
            Self::PoisonBlocksQueue => "I10",
            Self::FoldOrder => "I11",
        }
    }
}
