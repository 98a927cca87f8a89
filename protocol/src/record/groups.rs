//! Who may write what.

use crate::id::{GroupName, OfficeId};

/// Who may write a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Headquarters only.
    Hq,
    /// Offices only. HQ may still choose among siblings.
    Office,
    /// Both.
    Both,
}

/// Who may write `group`. Groups that this version does not know belong to both.
pub fn owner(group: &GroupName) -> Owner {
    match group.as_str() {
        "national_number" | "hq_status" | "adjudication" | "appointment" => Owner::Hq,
        "visit" | "capture" | "face" | "right_index" | "left_index" => Owner::Office,
        _ => Owner::Both,
    }
}

/// May `by` write a new value of `group`?
pub fn may_write(by: &OfficeId, group: &GroupName) -> bool {
    match owner(group) {
        Owner::Hq => by.is_hq(),
        Owner::Office => !by.is_hq(),
        Owner::Both => true,
    }
}
