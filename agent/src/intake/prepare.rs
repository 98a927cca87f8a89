//! What the edge does for each enrollment before the engine sees it: parse, pack, seal.

use std::cell::RefCell;

use wasl_protocol::entry::Edit;
use wasl_protocol::frame::{Kind, Sealed};
use wasl_protocol::id::{OfficeId, RecordId};
use wasl_protocol::pack::Packer;
use wasl_protocol::record::{Correction, Draft, DraftError, VersionVector};

use crate::engine::{Arrival, Change, Handle, Prepared};
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
    /// The enrollment in `text`, one object of JSON.
    ///
    /// # Errors
    /// If it is none.
    pub fn draft(text: &[u8]) -> Result<Draft, Unfit> {
        match Draft::parse(text) {
            Err(DraftError::Unknown(field)) if field == "biometrics" => Err(Unfit::Biometrics),
            parsed => Ok(parsed?),
        }
    }

    /// The enrollment, packed and sealed for the engine.
    ///
    /// # Panics
    /// Never: a draft opens its record.
    pub fn prepare(&self, draft: Draft) -> Prepared {
        let form_number = draft.form_number.clone();
        let groups = draft.groups.keys().cloned().collect();
        let edit = draft.into_edit(&self.office, self.world.clock.unix());
        let opening = edit.opening.as_ref().expect("a draft opens its record");
        let arrival = Arrival::of(&edit).expect("a draft opens its record");
        let (record, posted) = (edit.record, opening.posted);
        Prepared { record, form_number, posted, groups, arrival, sealed: self.seal(&edit) }
    }

    /// The correction in `text`.
    ///
    /// # Errors
    /// If it is none that this office may make.
    pub fn correction(&self, text: &[u8]) -> Result<Correction, Unfit> {
        Ok(Correction::parse(text, &self.office)?)
    }

    /// The correction, by somebody who had read the record as `read` says, packed and sealed for
    /// the engine.
    pub fn prepare_change(
        &self,
        record: RecordId,
        read: VersionVector,
        Correction { groups, operator }: Correction,
    ) -> Change {
        let named = groups.keys().cloned().collect();
        let at = self.world.clock.unix();
        let edit = Edit { record, at, operator, opening: None, groups };
        Change { record, read, groups: named, sealed: self.seal(&edit) }
    }

    fn seal(&self, edit: &Edit) -> Sealed {
        let (journal, key) = (self.handle.journal(), self.handle.data_key());
        let random = self.world.entropy.random();
        PACKER.with_borrow_mut(|packer| {
            Sealed::new(journal, Kind::EDIT, &edit.encode(), key, packer, random)
        })
    }
}
