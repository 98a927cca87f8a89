//! What HQ signed in an earlier life and lost: offices give it back, byte for byte.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::SqliteConnection;
use wasl_protocol::entry::Edit;
use wasl_protocol::id::{Dot, GroupName, OfficeId, Tag};
use wasl_protocol::json::Json;
use wasl_protocol::keys::VerifyKey;
use wasl_protocol::news::{Says, SignedNews};
use wasl_protocol::record::{RecordState, Value, VersionVector};

use super::append::AppendError;
use super::journals;
use super::open::{Store, StoreError};

impl Store {
    /// Takes in what `office` was once sent, and HQ lacks: journalled as it was signed, and merged.
    /// Answers how many states held anything new. Idempotent; durable when it returns.
    ///
    /// # Errors
    /// [`AppendError::Fault`] if HQ did not sign one of them for this office.
    pub async fn adopt(
        &self,
        office: &OfficeId,
        returned: Vec<SignedNews>,
    ) -> Result<u64, AppendError> {
        let (key, whose) = (self.keys().sign_key().verify_key(), office.clone());
        let checked = tokio::task::spawn_blocking(move || check(returned, &key, &whose));
        let states = checked.await.map_err(|_| StoreError::Stopping)??;
        let mut ids: Vec<_> = states.iter().map(|(_, state)| state.origin.id()).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut tx = self.write().await?;
        let twice = given_out_twice(&mut tx, &states).await?;
        let mut fold = self.fold_over(&mut tx, &ids).await?;
        let mut pen = self.pen(&mut tx).await?;
        let (mut adopted, mut again) = (0, BTreeSet::new());
        for (signed, state) in &states {
            let mut both = both_under(&twice, fold.state(state.origin.id()), state);
            both.retain(|under, _| again.insert(*under));
            if fold.adopt(state, pen.journal()) || !both.is_empty() {
                pen.adopted(signed);
                adopted += 1;
            }
            for ((dot, _), groups) in both {
                let (record, at) = (state.origin.id(), self.world().clock.unix());
                let edit = Edit { record, at, operator: None, opening: None, groups };
                let mut context = VersionVector::default();
                context.add(dot);
                fold.take(pen.edit(edit, context));
            }
        }
        if adopted == 0 {
            return Ok(0);
        }
        self.commit_own(tx, pen, fold).await?;
        tracing::warn!(%office, entries = adopted, "states that HQ had lost were given back");
        Ok(adopted)
    }
}

/// What was written under each of these dots, here and in what is given back. HQ writes all of it
/// again, each under a number of its own: then nothing stands under the dot, wherever it is known.
fn both_under(
    twice: &BTreeSet<Dot>,
    ours: Option<&RecordState<Value>>,
    theirs: &RecordState<Value>,
) -> BTreeMap<(Dot, Tag), BTreeMap<GroupName, Json>> {
    let mut both: BTreeMap<(Dot, Tag), BTreeMap<GroupName, Json>> = BTreeMap::new();
    for (group, values) in ours.into_iter().chain([theirs]).flat_map(|state| &state.groups) {
        for (dot, value) in values.iter().filter(|(dot, _)| twice.contains(*dot)) {
            let groups = both.entry((*dot, value.tag)).or_default();
            groups.insert(group.clone(), value.json.clone());
        }
    }
    both
}

/// The dots in these states that stand for other entries here: HQ and the disk of an office were both
/// put back, and that office has given them out again.
async fn given_out_twice(
    conn: &mut SqliteConnection,
    states: &[(SignedNews, RecordState<Value>)],
) -> Result<BTreeSet<Dot>, StoreError> {
    let values = states.iter().flat_map(|(_, state)| state.groups.values().flatten());
    let tags: BTreeMap<Dot, Tag> = values.map(|(dot, value)| (*dot, value.tag)).collect();
    let mut twice = BTreeSet::new();
    for (dot, tag) in tags {
        let ours = journals::at(conn, dot.journal, dot.seq).await?;
        if ours.is_some_and(|at| at.head.tag() != tag) {
            tracing::error!(%dot, "a number of a journal was given out twice");
            twice.insert(dot);
        }
    }
    Ok(twice)
}

/// The states among them, each with the bytes that HQ signed.
fn check(
    returned: Vec<SignedNews>,
    hq: &VerifyKey,
    office: &OfficeId,
) -> Result<Vec<(SignedNews, RecordState<Value>)>, AppendError> {
    let mut states = Vec::with_capacity(returned.len());
    for signed in returned {
        let news = signed.verify(hq).map_err(|e| AppendError::Fault(e.to_string()))?;
        if news.office != *office {
            return Err(AppendError::Fault("news that was for another office".to_owned()));
        }
        if let Says::State(state) = news.says {
            states.push((signed, state));
        }
    }
    Ok(states)
}
