//! Tokens, keys, revocation.

use wasl_protocol::join::JoinRefusal;
use wasl_protocol::wire::Report;

use super::*;
use crate::store::Added;

/// The request of the machine number `machine`.
fn request(token: &Minted, machine: u8) -> (JoinRequest, TransportKey) {
    let (transport, sign) = (TransportKey([machine; 32]), SignKey::from_secret(&[machine; 32]));
    let wrap = UnwrapKey::from_secret(&[machine; 32]).wrap_key();
    (JoinRequest::new(&token.token, transport, &sign, wrap, "0.1.0"), transport)
}

pub(super) async fn join(hq: &Hq, token: &Minted, machine: u8) -> Result<Office, JoinRefusal> {
    let (request, transport) = request(token, machine);
    let now = hq.store.world().clock.unix();
    hq.store.join(&request, transport, now).await.unwrap()
}

#[tokio::test]
async fn a_token_lets_one_machine_in_however_often_it_asks() {
    let hq = Hq::new().await;
    let token = hq.add("nasr").await;
    let office = join(&hq, &token, 1).await.unwrap();
    assert_eq!(join(&hq, &token, 1).await.unwrap(), office);
    assert_eq!(join(&hq, &token, 2).await, Err(JoinRefusal::Used));
    hq.pass(10 * TOKEN_LIFE_MS);
    assert_eq!(join(&hq, &token, 1).await.unwrap(), office, "a lost answer may come late");
    let known = hq.store.office_by_key(TransportKey([1; 32])).await.unwrap();
    assert_eq!(known, Some(office));
    assert_eq!(hq.store.office_by_key(TransportKey([2; 32])).await.unwrap(), None);
}

#[tokio::test]
async fn a_token_dies_of_age_and_a_new_one_replaces_it() {
    let hq = Hq::new().await;
    let token = hq.add("nasr").await;
    hq.pass(TOKEN_LIFE_MS);
    assert_eq!(join(&hq, &token, 1).await, Err(JoinRefusal::Expired));
    let new = mint(
        token.token.office.clone(),
        TransportKey([0; 32]),
        "hq:1".to_owned(),
        hq.store.world(),
    );
    let office = &token.token.office;
    let done = hq.store.new_token(office, new.hash, new.expires_at).await.unwrap();
    assert_eq!(done, Added::Yes);
    assert_eq!(join(&hq, &token, 1).await, Err(JoinRefusal::Unknown));
    join(&hq, &new, 1).await.unwrap();
    let done = hq.store.new_token(office, new.hash, new.expires_at).await.unwrap();
    assert_eq!(done, Added::Joined);
}

#[tokio::test]
async fn a_token_is_good_for_its_office_only_and_a_key_for_one_office() {
    let hq = Hq::new().await;
    let (nasr, mut fajr) = (hq.add("nasr").await, hq.add("fajr").await);
    join(&hq, &nasr, 1).await.unwrap();
    assert_eq!(join(&hq, &fajr, 1).await, Err(JoinRefusal::Used), "the key is another office's");
    fajr.token.secret = nasr.token.secret;
    assert_eq!(join(&hq, &fajr, 2).await, Err(JoinRefusal::Unknown));
    fajr.token.office = "batha".parse().unwrap();
    assert_eq!(join(&hq, &fajr, 2).await, Err(JoinRefusal::Unknown));
}

#[tokio::test]
async fn a_request_that_its_transport_key_did_not_make_is_refused() {
    let hq = Hq::new().await;
    let token = hq.add("nasr").await;
    let (request, _) = request(&token, 1);
    let now = hq.store.world().clock.unix();
    let other = hq.store.join(&request, TransportKey([2; 32]), now).await.unwrap();
    assert_eq!(other, Err(JoinRefusal::Malformed));
}

#[tokio::test]
async fn a_revoked_office_is_revoked_for_good() {
    let hq = Hq::new().await;
    let token = hq.add("nasr").await;
    let office = join(&hq, &token, 1).await.unwrap();
    assert!(!office.revoked);
    assert!(hq.store.revoke(&office.id).await.unwrap());
    assert!(!hq.store.revoke(&"batha".parse().unwrap()).await.unwrap());
    assert!(hq.store.office_by_key(TransportKey([1; 32])).await.unwrap().unwrap().revoked);
    assert_eq!(join(&hq, &token, 1).await, Err(JoinRefusal::Revoked));
    let done = hq.store.new_token(&office.id, token.hash, token.expires_at).await.unwrap();
    assert_eq!(done, Added::Revoked);
}

#[tokio::test]
async fn nothing_of_an_office_is_appended_once_it_is_revoked() {
    let hq = Hq::new().await;
    let (office, mut pen) = hq.join("nasr").await;
    pen.send(&hq, &office).await.unwrap();
    pen.enroll("n-1");
    hq.store.revoke(&office.id).await.unwrap();
    assert!(matches!(pen.send(&hq, &office).await, Err(AppendError::Fault(_))));
    assert_eq!((hq.entries().await, hq.count("record").await), (1, 0));
}

#[tokio::test]
async fn a_report_from_a_clock_ten_years_off_is_taken_as_it_is() {
    const TEN_YEARS_MS: i64 = 10 * 365 * 24 * 60 * 60 * 1000;
    let hq = Hq::new().await;
    let (office, pen) = hq.join("nasr").await;
    let clock = UnixMs(TEN_YEARS_MS);
    let report = Report { number: 1, clock, head: pen.at, backlog: 3, records: 7 };
    hq.store.reported(&office.id, &report, UnixMs(1000)).await.unwrap();
    let facts = hq.store.office_facts(&office.id).await.unwrap().unwrap();
    assert_eq!(facts.clock_offset_ms, Some(TEN_YEARS_MS - 1000));
    assert_eq!((facts.last_seen, facts.reported_seq), (Some(UnixMs(1000)), Some(pen.at.seq)));
}
