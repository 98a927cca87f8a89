//! What this office has of its scope, read a page at a time: nobody who enrolls waits for it.

use std::collections::BTreeSet;

use wasl_protocol::limits;
use wasl_protocol::record::{add, bucket};
use wasl_protocol::wire::{Audit, Buckets, Differing};

use crate::engine::{Handle, Refused};
use crate::link::driver::Event;

/// How many records are read at a time.
const PAGE: u64 = 256;

/// The sums of all records' digests.
pub(super) async fn summed(handle: Handle, audit: Audit) -> Result<Event, Refused> {
    let (mut sums, mut at) = (vec![0; limits::BUCKETS], Some(0));
    while let Some(skip) = at {
        let (digests, next) = handle.digests(skip, PAGE).await?;
        add(&mut sums, digests);
        at = next;
    }
    Ok(Event::Summed(Buckets { number: audit.number, sums }))
}

/// The records in these buckets, each with its digest.
pub(super) async fn listed(handle: Handle, differing: Differing) -> Result<Event, Refused> {
    let Differing { number, buckets } = differing;
    let buckets: BTreeSet<u16> = buckets.into_iter().collect();
    let (mut records, mut at) = (Vec::new(), Some(0));
    while let Some(skip) = at {
        let (digests, next) = handle.digests(skip, PAGE).await?;
        records.extend(digests.into_iter().filter(|(id, _)| buckets.contains(&bucket(*id))));
        at = next;
    }
    Ok(Event::Listed { number, records })
}
