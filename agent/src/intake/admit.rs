//! What the edition in force lets in: how long a record may be, what its fields must hold, and
//! whose the conflicts of a group are.

use wasl_protocol::id::{GroupName, RecordId};
use wasl_protocol::limits;
use wasl_protocol::record::{Correction, Token, siblings};

use super::prepare::Door;
use super::{Intake, Problem};
use crate::config::InForce;
use crate::engine::{Change, Prepared};

const BYTES_PER_KIB: u64 = 1024;

impl Intake {
    /// The longest record that may be posted, in bytes.
    pub(super) fn most_bytes(&self) -> usize {
        most_bytes(&self.in_force.borrow())
    }

    /// How many posted records may wait for the disk.
    pub(super) fn most_waiting(&self) -> u64 {
        self.in_force.borrow().settings.intake.max_waiting
    }

    /// The enrollment in `text`, ready for the engine, if it may come in.
    pub(super) async fn admit(&self, text: &[u8]) -> Result<Prepared, Problem> {
        let in_force = self.in_force.borrow().clone();
        let most = most_bytes(&in_force);
        if text.len() > most {
            return Err(Problem::too_long(most));
        }
        let draft = Door::draft(text)?;
        if let Err(refused) = in_force.rules.check(&draft.groups, true) {
            // What was taken under other rules stays taken: its retry is answered as one.
            let record = RecordId::of(&self.door.office, &draft.form_number);
            if self.door.handle.record(record).await?.is_none() {
                self.counts.refuse_by_rule();
                return Err(refused.into());
            }
        }
        Ok(self.door.prepare(draft))
    }

    /// The correction in `text`, ready for the engine, if it may come in.
    pub(super) async fn admit_change(
        &self,
        record: RecordId,
        token: Token,
        text: &[u8],
    ) -> Result<Change, Problem> {
        let in_force = self.in_force.borrow().clone();
        let correction = self.door.correction(text)?;
        if let Err(refused) = in_force.rules.check(&correction.groups, false) {
            self.counts.refuse_by_rule();
            return Err(refused.into());
        }
        self.leave_to_hq(&in_force, record, &correction).await?;
        Ok(self.door.prepare_change(record, token.0, correction))
    }

    /// Refuses to end a conflict that offices leave to HQ. One that comes about meanwhile is not
    /// covered by the token, and the engine refuses it.
    async fn leave_to_hq(
        &self,
        in_force: &InForce,
        record: RecordId,
        correction: &Correction,
    ) -> Result<(), Problem> {
        let left = &in_force.settings.conflicts.hq_only;
        let named: Vec<_> = correction.groups.keys().filter(|g| left.contains(*g)).collect();
        if named.is_empty() {
            return Ok(());
        }
        let Some(found) = self.door.handle.record(record).await? else { return Ok(()) };
        let groups = &found.state.groups;
        let is_disputed = |g: &&&GroupName| groups.get(**g).is_some_and(|v| siblings(v).len() > 1);
        let disputed = named.iter().find(is_disputed);
        disputed.map_or(Ok(()), |group| Err(Problem::left_to_hq(group)))
    }
}

fn most_bytes(in_force: &InForce) -> usize {
    let kib = in_force.settings.intake.record_kib;
    let bytes = usize::try_from(kib.saturating_mul(BYTES_PER_KIB)).unwrap_or(usize::MAX);
    bytes.min(limits::POSTED_BYTES)
}
