//! What the edge does for each enrollment before the engine sees it: parse, pack, seal.

use std::cell::RefCell;

use wasl_protocol::frame::{Kind, Sealed};
use wasl_protocol::id::OfficeId;
use wasl_protocol::pack::Packer;
use wasl_protocol::record::{Draft, DraftError};

use crate::engine::{Handle, Prepared};
use crate::seam::World;

thread_local! {
    /// Costly to make, so there is one for each thread that prepares.
    static PACKER: RefCell<Packer> = RefCell::new(Packer::new());
}

/// A posted record that is refused before it reaches the engine. The message names the field,
/// never the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It does not hold what an enrollment holds.
    #[error(transparent)]
    Draft(#[from] DraftError),
    /// It names biometrics, which would be dropped.
    #[error("biometrics: not supported by this version yet; nothing of this line was stored")]
    Biometrics,
}

/// Where enrollments come in: whose they are, what they are sealed for, and with what.
#[derive(Clone, Debug)]
pub struct Door {
    /// The office whose enrollments these are.
    pub office: OfficeId,
    /// The engine.
    pub handle: Handle,
    /// Clock and entropy.
    pub world: World,
}

impl Door {
    /// The enrollment in `text` (one object of JSON), parsed, packed and sealed for the engine.
    ///
    /// # Panics
    /// Never: a draft opens its record.
    pub fn prepare(&self, text: &[u8]) -> Result<Prepared, Unfit> {
        let draft = match Draft::parse(text) {
            Err(DraftError::Unknown(field)) if field == "biometrics" => Err(Unfit::Biometrics)?,
            parsed => parsed?,
        };
        let form_number = draft.form_number.clone();
        let groups = draft.groups.keys().cloned().collect();
        let edit = draft.into_edit(&self.office, self.world.clock.unix());
        let opening = edit.opening.as_ref().expect("a draft opens its record");
        let (record, posted) = (edit.record, opening.posted);
        let (journal, key) = (self.handle.journal(), self.handle.data_key());
        let random = self.world.entropy.random();
        let sealed = PACKER.with_borrow_mut(|packer| {
            Sealed::new(journal, Kind::EDIT, &edit.encode(), key, packer, random)
        });
        Ok(Prepared { record, form_number, posted, groups, sealed })
    }
}
