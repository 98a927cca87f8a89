//! The record that a caller names, by its whole id or by the beginning of it.

use wasl_protocol::id::RecordId;
use wasl_protocol::named::{MOST_NAMED, Meant, Named};

use super::records::bad_request;
use super::{Intake, Problem};
use crate::engine::Refused;

/// How many records are looked through in one turn of the engine: enrolling goes on in between.
const LOOKED_THROUGH: u64 = 1000;

impl Intake {
    /// The record. A whole id is not searched for; a beginning is, through all records.
    pub(super) async fn find(&self, text: &str) -> Result<RecordId, Problem> {
        let named: Named = text.parse().map_err(|e| bad_request(&format!("id: {e}")))?;
        if let Some(record) = named.whole() {
            return Ok(record);
        }
        let (mut fitting, mut next) = (Vec::new(), Some(0));
        while let Some(skip) = next.filter(|_| fitting.len() < MOST_NAMED) {
            let (listed, more) = self.door.handle.list(skip, LOOKED_THROUGH).await?;
            fitting.extend(listed.into_iter().map(|l| l.record).filter(|id| named.fits(*id)));
            next = more;
        }
        match named.meant(fitting) {
            Meant::One(record) => Ok(record),
            Meant::Nothing => Err(Refused::Unknown.into()),
            Meant::Several(records) => Err(Problem::ambiguous(&named, &records)),
        }
    }
}
