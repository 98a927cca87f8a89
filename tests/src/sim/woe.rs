//! What has befallen an office, as far as the checks ask.

/// Why an office takes part no more.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Woe {
    pub(super) rot: Rot,
    /// It said that something is wrong with its logs.
    pub(super) alarmed: bool,
    pub(super) revoked: bool,
    /// Its disk was put back: it may differ from HQ, until it is level.
    pub(super) put_back: bool,
}

/// Have bytes of its journal rotted? It has to say so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Rot {
    #[default]
    None,
    /// They have, and it has not said so yet.
    Unsaid,
    /// It said that there is a hole, and goes on: HQ may have what was there.
    Holed,
    /// HQ had it.
    Filled,
}

impl Woe {
    /// Is something lacking in its journal, said or not?
    pub(super) fn rotten(self) -> bool {
        matches!(self.rot, Rot::Unsaid | Rot::Holed)
    }

    /// Was there ever a hole? What people were answered then may stand twice.
    pub(super) fn has_rotted(self) -> bool {
        self.rot != Rot::None
    }

    /// May it not know all that was answered? Then a form number may be given twice.
    pub(super) fn forgot(self) -> bool {
        self.has_rotted() || self.put_back
    }
}
