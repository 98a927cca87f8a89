//! Copies, and a database that was put back to one.

use std::path::{Path, PathBuf};

use sqlx::{Connection as _, SqliteConnection};
use wasl_protocol::entry::Cursor;
use wasl_protocol::id::{EpochId, Head};
use wasl_protocol::join::JoinRefusal;
use wasl_protocol::keys::SignKey;
use wasl_protocol::news::SignedNews;
use wasl_protocol::record::Correction;
use wasl_protocol::units::FeedNo;
use wasl_protocol::wire::Ack;

use super::desk::Desk;
use super::joining::join;
use super::*;
use crate::store::{CopyFacts, check_copy};

impl Pen {
    /// The same disk, as a backup has it.
    fn copy(&self) -> Self {
        Self {
            office: self.office.clone(),
            sign: self.sign.clone(),
            key: self.key.clone(),
            packer: Packer::new(),
            frames: self.frames.clone(),
            ..*self
        }
    }
}

impl Hq {
    fn database(&self) -> PathBuf {
        self.dir.path().join(DATABASE)
    }

    /// Copies the database aside.
    async fn copied(&self) -> (PathBuf, CopyFacts) {
        let to = self.dir.path().join("copy.db");
        let facts = self.store.copy(&to).await.unwrap();
        (to, facts)
    }

    /// Puts a copy into the place of the database, and opens it.
    async fn put_back(&mut self, copy: &Path) {
        self.store.close().await;
        for ending in ["-wal", "-shm"] {
            let mut name = self.database().into_os_string();
            name.push(ending);
            let _ = std::fs::remove_file(name); // a closed database may have none
        }
        std::fs::copy(copy, self.database()).unwrap();
        let world = self.store.world().clone();
        self.store = Store::open(&self.database(), &self.keys, world).await.unwrap();
    }

    /// What the office would be sent from the start, as it is signed.
    async fn signed(&self, office: &OfficeId) -> Vec<SignedNews> {
        let run = self.store.feed(office, &[], FeedNo(0), 1 << 20).await.unwrap();
        run.news.iter().map(|news| SignedNews::sign(news, self.keys.sign_key())).collect()
    }

    async fn corrects(&self, desk: &Desk, text: &str) {
        let read = self.store.record(desk.record()).await.unwrap().unwrap().seen;
        let groups = edit(desk.record(), "contact", text).groups;
        let correction = Correction { groups, operator: None };
        self.store.edit(desk.record(), &read, correction).await.unwrap();
    }

    async fn contact(&self, desk: &Desk) -> Vec<String> {
        let state = self.store.record(desk.record()).await.unwrap().unwrap();
        super::desk::texts(&state, "contact")
    }
}

#[tokio::test]
async fn every_journal_is_stable_up_to_its_end_in_a_copy_that_was_declared_off_site() {
    let hq = Hq::new().await;
    let mut desk = Desk::open(&hq, "nasr", "n-1").await;
    let mut told = hq.store.standing_news();
    let (_, facts) = hq.copied().await;
    assert_eq!((facts.records, facts.epoch), (1, hq.store.epoch()));
    let stable = async || {
        let at = (desk.pen.journal, desk.pen.at);
        hq.store.standings(&desk.office.id, &[at]).await.unwrap()[0].stable
    };
    hq.store.backed_up("/next-door", false, &facts.ends).await.unwrap();
    assert_eq!(stable().await, None);
    hq.store.backed_up("/elsewhere", true, &facts.ends).await.unwrap();
    let end = desk.pen.at;
    assert_eq!(stable().await, Some(end));
    assert!(told.try_recv().is_ok(), "sessions are told");
    let lies = facts
        .ends
        .iter()
        .map(|(journal, end)| (*journal, Position { head: Head([9; 32]), seq: end.seq.next() }));
    hq.store.backed_up("/elsewhere", true, &lies.collect::<Vec<_>>()).await.unwrap();
    assert_eq!(stable().await, Some(end), "what HQ has not is not stable");
    desk.set("person", "later");
    desk.send(&hq).await;
    let appended = hq.store.append(&desk.office, desk.pen.message()).await;
    assert_eq!(appended.unwrap().stable, Some(end), "each receipt says it");
}

#[tokio::test]
async fn a_copy_in_which_a_frame_was_changed_is_not_whole() {
    let hq = Hq::new().await;
    let _desk = Desk::open(&hq, "nasr", "n-1").await;
    let (copy, facts) = hq.copied().await;
    assert_eq!(check_copy(&copy).await.unwrap(), facts);
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&copy);
    let mut conn = SqliteConnection::connect_with(&options).await.unwrap();
    let spoil = sqlx::query("UPDATE entry SET frame = zeroblob(length(frame)) WHERE seq = 2");
    spoil.execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
    let said = check_copy(&copy).await.unwrap_err().to_string();
    assert!(said.contains("not whole") && said.contains("entry 2"), "{said}");
}

#[tokio::test]
async fn an_older_database_begins_another_life_and_knows_who_joined_and_who_is_revoked() {
    let mut hq = Hq::new().await;
    let desk = Desk::open(&hq, "nasr", "n-1").await;
    let (copy, _) = hq.copied().await;
    let (before, own) = (hq.store.epoch(), hq.store.journal());
    hq.put_back(&copy).await;
    assert_eq!(hq.store.epoch(), before, "nothing was lost: it is the same life");
    hq.corrects(&desk, "lost").await;
    let (late, _) = hq.join("fajr").await;
    assert!(hq.store.revoke(&desk.office.id).await.unwrap());
    hq.put_back(&copy).await;
    assert!(hq.store.epoch() != before && hq.store.journal() != own);
    let found = |office: &Office| {
        let id = office.id.clone();
        let store = &hq.store;
        async move { store.office_facts(&id).await.unwrap().unwrap() }
    };
    assert!(found(&desk.office).await.revoked_at.is_some());
    assert_eq!(found(&late).await.joined_at.map(|at| at.0), Some(0));
    let again = hq.store.epoch();
    hq.put_back(&copy).await;
    assert!(hq.store.epoch() != again && hq.store.epoch() != before, "as often as it happens");
}

#[tokio::test]
async fn what_hq_signed_and_lost_is_given_back_once_and_nothing_that_it_did_not_sign() {
    let mut hq = Hq::new().await;
    let desk = Desk::open(&hq, "nasr", "n-1").await;
    let (other, _) = hq.join("fajr").await;
    let (copy, _) = hq.copied().await;
    hq.corrects(&desk, "kept by the office").await;
    let state = hq.store.record(desk.record()).await.unwrap();
    let signed = hq.signed(&desk.office.id).await;
    hq.put_back(&copy).await;
    assert!(hq.contact(&desk).await.is_empty());
    let mut forged = signed.clone();
    let news = forged[0].trusted().unwrap();
    forged[0] = SignedNews::sign(&news, &SignKey::from_secret(&[8; 32]));
    for (whose, states) in [(&desk.office, forged), (&other, signed.clone())] {
        let refused = hq.store.adopt(&whose.id, states).await;
        assert!(matches!(refused, Err(AppendError::Fault(_))), "{refused:?}");
    }
    let entries = hq.count("entry").await;
    assert_eq!(hq.store.adopt(&desk.office.id, signed.clone()).await.unwrap(), 1);
    assert_eq!(hq.store.record(desk.record()).await.unwrap(), state);
    assert_eq!(hq.count("entry").await, entries + 1, "journalled");
    assert_eq!(hq.store.adopt(&desk.office.id, signed).await.unwrap(), 0);
    assert_eq!(hq.count("entry").await, entries + 1);
    let (_, acts) = hq.store.history(desk.record()).await.unwrap().unwrap();
    let back = acts.last().expect("it is in the history too");
    assert!(back.by.is_hq() && back.groups.contains_key(&"contact".parse().unwrap()), "{back:?}");
    hq.corrects(&desk, "and it goes on").await;
    assert_eq!(hq.contact(&desk).await, ["and it goes on"]);
    let whole = hq.store.verify_journals(&OfficeId::hq()).await.unwrap();
    assert!(whole.len() == 2 && whole.iter().all(|journal| journal.flaw.is_none()));
}

#[tokio::test]
async fn only_what_hq_signed_in_this_life_or_a_cursor_of_its_future_shows_that_it_was_put_back() {
    let hq = Hq::new().await;
    let desk = Desk::open(&hq, "nasr", "n-1").await;
    let (id, epoch) = (&desk.office.id, hq.store.epoch());
    let (journal, at) = (desk.pen.journal, desk.pen.at);
    let more = Position { seq: at.seq.next(), head: Head([1; 32]) };
    let ack = |epoch, stored, key: &SignKey| Ack::new(epoch, journal, stored, None, 0, key);
    let key = hq.keys.sign_key().clone();
    for (acked, shows) in [
        (ack(epoch, at, &key), false),
        (ack(epoch, more, &key), true),
        (ack(EpochId(1), more, &key), false),
        (ack(epoch, more, &SignKey::from_secret(&[8; 32])), false),
    ] {
        assert_eq!(
            hq.store.was_put_back(id, None, Some(&acked)).await.unwrap(),
            shows,
            "{acked:?}"
        );
    }
    let head = hq.store.feed_head(id).await.unwrap();
    for (feed, shows) in [(head, false), (FeedNo(head.0 + 1), true)] {
        let cursor = Some(Cursor { epoch, feed });
        assert_eq!(hq.store.was_put_back(id, cursor, None).await.unwrap(), shows);
    }
    let mut told = hq.store.standing_news();
    hq.store.begin_anew(epoch).await.unwrap();
    let next = hq.store.epoch();
    assert!(next != epoch && told.try_recv().is_ok());
    hq.store.begin_anew(epoch).await.unwrap();
    assert_eq!(hq.store.epoch(), next, "two offices show the same thing");
    for _ in 0..crate::store::append::BIRTHS_A_DAY {
        hq.store.begin_anew(hq.store.epoch()).await.unwrap();
    }
    let liar = Some(Cursor { epoch: hq.store.epoch(), feed: FeedNo(u64::MAX >> 1) });
    assert!(!hq.store.was_put_back(id, liar, None).await.unwrap(), "not for ever");
}

#[tokio::test]
async fn a_replaced_machine_is_let_in_no_more_even_after_the_database_was_put_back() {
    let mut hq = Hq::new().await;
    let token = hq.add("nasr").await;
    let old = join(&hq, &token, 1).await.unwrap();
    let (before, _) = hq.copied().await;
    let id = token.token.office.clone();
    let mut pen = Pen::new(&id, SignKey::from_secret(&[1; 32]), hq.unwrap.wrap_key(), 1);
    let world = hq.store.world();
    let new = mint(id.clone(), TransportKey([0; 32]), "hq:1".to_owned(), world);
    assert!(hq.store.replace(&id, new.hash, new.expires_at).await.unwrap());
    assert!(!hq.store.replace(&"x".parse().unwrap(), new.hash, new.expires_at).await.unwrap());
    let sent = pen.send(&hq, &old).await;
    assert!(matches!(sent, Err(AppendError::Fault(_))), "a session that was on its way: {sent:?}");
    let gone = async |hq: &Hq| {
        assert_eq!(hq.store.office_by_key(TransportKey([1; 32])).await.unwrap(), None);
        assert_eq!(join(hq, &token, 1).await, Err(JoinRefusal::Unknown));
        assert!(hq.store.office_by_key(TransportKey([2; 32])).await.unwrap().is_none());
    };
    gone(&hq).await;
    hq.put_back(&before).await;
    gone(&hq).await;
    assert_eq!(
        join(&hq, &new, 2).await,
        Err(JoinRefusal::Unknown),
        "its token went with the state"
    );
    let new = mint(id.clone(), TransportKey([0; 32]), "hq:1".to_owned(), hq.store.world());
    hq.store.new_token(&id, new.hash, new.expires_at).await.unwrap();
    let office = join(&hq, &new, 2).await.unwrap();
    assert_ne!(office.sign_key, old.sign_key);
    hq.put_back(&before).await;
    assert_eq!(hq.store.office_by_key(TransportKey([1; 32])).await.unwrap(), None);
    assert_eq!(hq.store.office_by_key(TransportKey([2; 32])).await.unwrap(), Some(office));
}

#[tokio::test]
async fn what_stood_under_a_number_that_was_given_out_twice_all_stands() {
    let mut hq = Hq::new().await;
    let mut desk = Desk::open(&hq, "nasr", "n-1").await;
    let (other, _) = hq.join("fajr").await;
    hq.store.grant(desk.record(), &other.id, false, None).await.unwrap();
    let (copy, _) = hq.copied().await;
    let (image, state) = (desk.pen.copy(), desk.state.clone());
    let dot = desk.set("contact", "before");
    desk.send(&hq).await;
    let signed = hq.signed(&other.id).await;
    // Both are put back, and the number is given out again.
    hq.put_back(&copy).await;
    (desk.pen, desk.state) = (image, state);
    assert_eq!(desk.set("contact", "after"), dot);
    desk.send(&hq).await;
    assert_eq!(hq.contact(&desk).await, ["after"]);
    assert_eq!(hq.store.adopt(&other.id, signed).await.unwrap(), 1);
    let mut stands = hq.contact(&desk).await;
    stands.sort();
    assert_eq!(stands, ["after", "before"]);
    let state = hq.store.record(desk.record()).await.unwrap().unwrap();
    let dots = state.groups.values().flat_map(|values| values.keys());
    assert_eq!(dots.filter(|at| **at == dot).count(), 0, "nobody can take one for the other");
    // Its author, who knows the number as its own, has the same then.
    desk.take(&hq).await;
    assert_eq!(desk.state, state);
}
