//! Messages by which HQ finds out whether an office has what HQ has of its scope.

use alloc::vec::Vec;
use bincode::{Decode, Encode};

use crate::id::RecordId;
#[cfg(doc)]
use crate::limits;

/// HQ to office: tell what you have of your scope, so that it can be compared. Answered with
/// [`Buckets`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Audit {
    /// Counts the audits of this session, from 1.
    pub number: u64,
}

/// Office to HQ: the sum of the digests of all records in each of [`limits::BUCKETS`] buckets.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Buckets {
    /// As in [`Audit`].
    pub number: u64,
    /// The sums, by bucket.
    pub sums: Vec<u64>,
}

/// HQ to office: in these buckets HQ has something else. The office lists what it has in them; if
/// there are none, the audit is over.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Differing {
    /// As in [`Audit`].
    pub number: u64,
    /// Their numbers, growing.
    pub buckets: Vec<u16>,
}

/// Office to HQ: records in the buckets that differ, each with its digest.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Listing {
    /// As in [`Audit`].
    pub number: u64,
    /// The records.
    pub records: Vec<(RecordId, u64)>,
    /// Are there no more?
    pub last: bool,
}
