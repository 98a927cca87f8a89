//! Bytes that a disk changed under the database: never believed.

use sqlx::Row;

use super::Hq;
use crate::store::StoreError;

/// An HQ with two records of one office; their ids, and the second one's bytes.
async fn hq() -> (Hq, [Vec<u8>; 2], Vec<u8>) {
    let hq = Hq::new().await;
    let (office, mut pen) = hq.join("nasr").await;
    pen.enroll("nasr-1");
    pen.enroll("nasr-2");
    pen.send(&hq, &office).await.unwrap();
    let ids = ["nasr-1", "nasr-2"].map(|form| pen.record(form).0.to_vec());
    let row = sqlx::query("SELECT state FROM record WHERE id = ?").bind(ids[1].clone());
    let state = row.fetch_one(hq.store.readers()).await.unwrap().try_get(0).unwrap();
    (hq, ids, state)
}

/// What reading the record says, once its row holds this state.
async fn read(hq: &Hq, id: &[u8], state: &[u8]) -> Result<bool, StoreError> {
    let put = sqlx::query("UPDATE record SET state = ? WHERE id = ?").bind(state).bind(id);
    put.execute(hq.store.writer()).await.unwrap();
    let id = wasl_protocol::id::RecordId(id.try_into().unwrap());
    Ok(hq.store.record(id).await?.is_some())
}

#[tokio::test]
async fn no_flipped_bit_in_a_records_state_is_believed() {
    let (hq, [_, id], state) = hq().await;
    assert!(read(&hq, &id, &state).await.unwrap());
    for bit in (0..state.len() * 8).step_by(7) {
        let mut bad = state.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let said = read(&hq, &id, &bad).await;
        assert!(matches!(said, Err(StoreError::Damaged(_))), "bit {bit}: {said:?}");
    }
}

#[tokio::test]
async fn a_state_under_another_records_id_is_not_believed() {
    let (hq, [other, _], state) = hq().await;
    assert!(matches!(read(&hq, &other, &state).await, Err(StoreError::Damaged(_))));
}

#[tokio::test]
async fn a_state_from_before_there_were_checksums_is_read() {
    let (hq, [_, id], state) = hq().await;
    let before = [&[1], &state[17..]].concat();
    assert!(read(&hq, &id, &before).await.unwrap());
}

#[tokio::test]
async fn a_form_number_that_changed_is_not_listed_as_another_one() {
    let (hq, [_, id], _) = hq().await;
    assert_eq!(hq.store.records(None, None, 9).await.unwrap().len(), 2);
    let put = sqlx::query("UPDATE record SET form_number = 'nasr-3' WHERE id = ?").bind(id);
    put.execute(hq.store.writer()).await.unwrap();
    let listed = hq.store.records(None, None, 9).await;
    assert!(matches!(listed, Err(StoreError::Damaged(_))), "{listed:?}");
}

#[tokio::test]
async fn an_entry_whose_head_changed_is_not_read() {
    let (hq, [_, id], _) = hq().await;
    let put = "UPDATE entry SET head = zeroblob(32) WHERE seq = 3";
    sqlx::query(put).execute(hq.store.writer()).await.unwrap();
    let id = wasl_protocol::id::RecordId(id.try_into().unwrap());
    let history = hq.store.history(id).await;
    assert!(matches!(history, Err(StoreError::Damaged(_))), "{history:?}");
}
