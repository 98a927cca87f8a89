//! Editions at HQ: pushed, refused, rolled out, taken by offices, stopped.

use std::collections::BTreeSet;

use wasl_protocol::edition::{
    AgentVersion, Edition, EditionHash, FleetId, OfficeSettings, Phase, Probation, Scope, Serial,
    SignedEdition, Step,
};
use wasl_protocol::private::Private;

use super::*;
use crate::rollout::{OfficeRollout, Plan, RolloutFacts};
use crate::store::{AbortError, ForOffice, PushError};

const SOAK_S: u32 = 20;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// The key of which every HQ here has the public half: see [`Sevens`].
fn key() -> SignKey {
    SignKey::from_secret(&[7; 32])
}

fn edition(serial: u64) -> Edition {
    Edition {
        fleet: FleetId::of(&key().verify_key()),
        serial: Serial(serial),
        scope: Scope { all: true, ..Scope::default() },
        issued_at: UnixMs(0),
        not_after: UnixMs(DAY_MS),
        min_agent: AgentVersion(0, 1, 0),
        settings: OfficeSettings::default().to_json(),
        probation: Probation { soak_s: SOAK_S, ..Probation::default() },
        previous: None,
        revert_of: None,
        author: Private("author".to_owned()),
        reason: "test".to_owned(),
    }
}

fn signed(edition: &Edition) -> SignedEdition {
    SignedEdition::sign(edition, &key())
}

fn at_once() -> Plan {
    Plan { now: true, ..Plan::default() }
}

/// HQ, and offices that do as they are told.
struct Fleet {
    hq: Hq,
    offices: Vec<(Office, Pen)>,
    connected: BTreeSet<OfficeId>,
}

impl Fleet {
    /// These offices, joined and connected.
    async fn of(ids: &[&str]) -> Self {
        let hq = Hq::new().await;
        let mut offices = Vec::new();
        for id in ids {
            offices.push(hq.join(id).await);
        }
        let connected = offices.iter().map(|(office, _)| office.id.clone()).collect();
        let fleet = Self { hq, offices, connected };
        fleet.tick(0).await;
        fleet
    }

    fn id(&self, n: usize) -> &OfficeId {
        &self.offices[n].0.id
    }

    async fn tick(&self, elapsed_ms: u64) {
        self.hq.pass(elapsed_ms.cast_signed());
        self.hq.store.tick(self.connected.clone(), elapsed_ms).await.unwrap();
    }

    async fn wait_s(&self, seconds: u32) {
        for _ in 0..seconds {
            self.tick(1000).await;
        }
    }

    async fn push(&self, serial: u64, plan: Plan) -> RolloutFacts {
        self.hq.store.push(signed(&edition(serial)), plan, None).await.unwrap()
    }

    /// An office writes steps and sends them.
    async fn step(&mut self, n: usize, serial: u64, phases: impl IntoIterator<Item = Phase>) {
        let at = self.hq.store.world().clock.unix();
        let (office, pen) = &mut self.offices[n];
        for phase in phases {
            let serial = Serial(serial);
            let step = Step { serial, hash: EditionHash([1; 32]), at, phase };
            pen.write(Kind::CONFIG, &step.encode(), &VersionVector::default());
        }
        assert_eq!(pen.send(&self.hq, office).await.unwrap().held, 0);
    }

    async fn try_out(&mut self, n: usize, serial: u64) {
        let linked = true;
        self.step(n, serial, [Phase::Fetched, Phase::Applying, Phase::Probation { linked }]).await;
    }

    async fn commit(&mut self, n: usize, serial: u64) {
        self.try_out(n, serial).await;
        self.step(n, serial, [Phase::Committed]).await;
    }

    async fn roll_back(&mut self, n: usize, serial: u64, to: u64) {
        let (code, message) = ("listener".to_owned(), "it fell silent".to_owned());
        self.try_out(n, serial).await;
        self.step(n, serial, [Phase::RolledBack { to: Serial(to), code, message }]).await;
    }

    async fn rollout(&self, serial: u64) -> RolloutFacts {
        self.hq.store.rollout(Some(Serial(serial))).await.unwrap().unwrap()
    }

    async fn row(&self, serial: u64, n: usize) -> OfficeRollout {
        let rollout = self.rollout(serial).await;
        rollout.offices.into_iter().find(|row| row.office == *self.id(n)).unwrap()
    }

    async fn told(&self, n: usize) -> ForOffice {
        self.hq.store.config_for(self.id(n)).await.unwrap()
    }

    /// Which edition an office would be sent.
    async fn offer(&self, n: usize) -> Option<u64> {
        let (serial, bytes) = self.told(n).await.offer?;
        let sent = SignedEdition::decode(&bytes).unwrap();
        assert_eq!(sent.edition().unwrap().unwrap().serial, serial);
        Some(serial.0)
    }
}

#[tokio::test]
async fn an_edition_goes_from_the_canary_to_all_and_what_hq_knows_comes_from_their_journals() {
    let mut fleet = Fleet::of(&["a", "b", "c", "d", "e", "f"]).await;
    let facts = fleet.push(3, Plan { canary: Some("c".parse().unwrap()), ..Plan::default() }).await;
    assert_eq!((facts.stage.as_str(), facts.now), ("CANARY", false));
    assert_eq!((fleet.offer(2).await, fleet.offer(0).await), (Some(3), None));
    fleet.try_out(2, 3).await;
    let row = fleet.row(3, 2).await;
    assert_eq!((row.stage, row.running, row.floor), ("PROBATION", Serial(3), Serial(0)));
    assert_eq!(fleet.offer(2).await, None, "it has it");
    fleet.step(2, 3, [Phase::Committed]).await;
    assert_eq!(fleet.rollout(3).await.stage, "SOAK");
    fleet.wait_s(SOAK_S).await;
    assert_eq!(fleet.rollout(3).await.stage, "WAVE 1");
    for n in [0, 1, 3] {
        assert_eq!(fleet.offer(n).await, Some(3));
        fleet.commit(n, 3).await;
    }
    assert_eq!(fleet.offer(4).await, None);
    fleet.wait_s(SOAK_S).await;
    for n in [4, 5] {
        fleet.commit(n, 3).await;
    }
    fleet.wait_s(SOAK_S).await;
    let facts = fleet.rollout(3).await;
    assert_eq!(facts.stage, "COMPLETE");
    let rows = facts.offices.iter();
    assert!(rows.clone().all(|row| row.stage == "COMMITTED" && row.floor == Serial(3)));
    assert!(rows.clone().all(|row| row.desired == Some(Serial(3)) && row.connected));
}

#[tokio::test]
async fn a_canary_that_goes_back_stops_it_and_hq_has_the_four_facts() {
    let mut fleet = Fleet::of(&["a", "b"]).await;
    fleet.push(1, at_once()).await;
    fleet.commit(0, 1).await;
    fleet.commit(1, 1).await;
    assert_eq!(fleet.rollout(1).await.stage, "COMPLETE");
    fleet.push(2, Plan::default()).await;
    fleet.roll_back(0, 2, 1).await;
    let facts = fleet.rollout(2).await;
    assert_eq!(facts.stage, "ABORTED");
    assert_eq!(facts.stopped.as_deref(), Some("it failed at 1 of the offices: a (listener)"));
    let row = fleet.row(2, 0).await;
    let attempt = row.last_attempt.unwrap();
    assert_eq!((row.stage, row.running, row.floor), ("ROLLED_BACK", Serial(1), Serial(1)));
    assert_eq!(row.desired, Some(Serial(1)));
    assert_eq!((attempt.serial, attempt.phase), (Serial(2), "rolled_back"));
    assert_eq!(attempt.code.as_deref(), Some("listener"));
    assert_eq!(attempt.message.as_deref(), Some("it fell silent"));
    let other = fleet.row(2, 1).await;
    assert_eq!((other.stage, other.running), ("NOT_TARGETED", Serial(1)));
    assert_eq!((fleet.offer(0).await, fleet.offer(1).await), (None, None));
}

#[tokio::test]
async fn a_returning_office_gets_only_the_newest() {
    let mut fleet = Fleet::of(&["a", "b"]).await;
    let away = fleet.id(1).clone();
    fleet.connected.remove(&away);
    fleet.tick(0).await;
    for serial in [1, 2] {
        fleet.push(serial, at_once()).await;
        fleet.commit(0, serial).await;
    }
    assert_eq!(fleet.row(2, 1).await.stage, "PENDING_OFFLINE");
    assert_eq!(fleet.rollout(1).await.stage, "SUPERSEDED");
    assert_eq!(fleet.offer(1).await, Some(2));
    fleet.push(3, Plan::default()).await;
    assert_eq!(fleet.offer(1).await, None, "the newest has not come to it yet");
    fleet.hq.store.abort(Serial(3), None).await.unwrap();
    assert_eq!(fleet.offer(1).await, Some(2));
}

#[tokio::test]
async fn an_office_that_joins_later_is_sent_what_went_to_all() {
    let mut fleet = Fleet::of(&[]).await;
    fleet.push(1, at_once()).await;
    let late = fleet.hq.join("late").await;
    fleet.offices.push(late);
    assert_eq!(fleet.offer(0).await, Some(1));
    fleet.commit(0, 1).await;
    assert_eq!(fleet.rollout(1).await.stage, "COMPLETE");
}

#[tokio::test]
async fn a_stopped_rollout_calls_back_who_is_still_trying_and_nobody_else() {
    let mut fleet = Fleet::of(&["a", "b", "c"]).await;
    fleet.push(4, at_once()).await;
    fleet.try_out(0, 4).await;
    fleet.commit(1, 4).await;
    let mut news = fleet.hq.store.config_news();
    let operator = Some(Private("staff".to_owned()));
    let facts = fleet.hq.store.abort(Serial(4), operator).await.unwrap();
    assert_eq!(facts.stage, "ABORTED");
    let told: BTreeSet<_> = std::iter::from_fn(|| news.try_recv().ok()).collect();
    assert_eq!(told.len(), 3);
    assert_eq!(fleet.told(0).await, ForOffice { offer: None, abort: Some(Serial(4)) });
    assert_eq!(fleet.told(1).await, ForOffice::default());
    assert_eq!(fleet.told(2).await, ForOffice::default());
    let again = fleet.hq.store.abort(Serial(4), None).await.unwrap_err();
    assert!(matches!(again, AbortError::Over(Serial(4))), "{again}");
    let unknown = fleet.hq.store.abort(Serial(5), None).await.unwrap_err();
    assert!(matches!(unknown, AbortError::Unknown(Serial(5))), "{unknown}");
}

#[tokio::test]
async fn an_office_whose_step_comes_after_the_stop_is_told_then() {
    let mut fleet = Fleet::of(&["a", "b"]).await;
    fleet.push(4, at_once()).await;
    fleet.hq.store.abort(Serial(4), None).await.unwrap();
    let mut news = fleet.hq.store.config_news();
    fleet.try_out(0, 4).await;
    assert_eq!(news.try_recv().ok().as_ref(), Some(fleet.id(0)));
    assert_eq!(fleet.told(0).await.abort, Some(Serial(4)));
}

#[tokio::test]
async fn an_edition_that_follows_the_newest_one_is_taken_and_one_that_follows_an_older_is_not() {
    let fleet = Fleet::of(&["a"]).await;
    let following = |serial, previous: &Edition| Edition {
        previous: Some(signed(previous).hash()),
        ..edition(serial)
    };
    let first = edition(5);
    fleet.push(5, at_once()).await;
    let second = following(6, &first);
    fleet.hq.store.push(signed(&second), at_once(), None).await.unwrap();
    let beside = following(7, &first);
    let refused = fleet.hq.store.push(signed(&beside), at_once(), None).await.unwrap_err();
    assert!(matches!(refused, PushError::Follows(Serial(6))), "{refused}");
    fleet.hq.store.push(signed(&following(7, &second)), at_once(), None).await.unwrap();
}

#[tokio::test]
async fn each_push_that_is_refused_has_its_code_and_changes_nothing() {
    let fleet = Fleet::of(&["a", "b"]).await;
    fleet.push(5, at_once()).await;
    fleet.hq.pass(1);
    let change = |f: &dyn Fn(&mut Edition)| {
        let mut edition = edition(9);
        f(&mut edition);
        signed(&edition)
    };
    let json = |text: &str| Json::of(&wasl_protocol::json::parse(text.as_bytes()).unwrap());
    let id = |id: &str| -> OfficeId { id.parse().unwrap() };
    let only = |office: &str| Plan { only: [id(office)].into(), ..Plan::default() };
    let forged = SignedEdition::sign(&edition(9), &SignKey::from_secret(&[8; 32]));
    let not_b = |e: &mut Edition| e.scope.except = [id("b")].into();
    let cases = [
        ("signature", forged, at_once()),
        ("fleet", change(&|e| e.fleet = FleetId([9; 16])), at_once()),
        ("old_serial", signed(&edition(5)), at_once()),
        ("previous", change(&|e| e.previous = Some(signed(&edition(4)).hash())), at_once()),
        ("expired", change(&|e| e.not_after = UnixMs(0)), at_once()),
        ("schema", change(&|e| e.settings = json(r#"{"link":{"no":1}}"#)), at_once()),
        ("settings", change(&|e| e.settings = json(r#"{"link":{"heartbeat_s":0}}"#)), at_once()),
        ("unknown_office", change(&|e| e.scope.except = [id("z")].into()), at_once()),
        ("unknown_office", signed(&edition(9)), only("z")),
        ("scope", change(&|e| e.scope = Scope::default()), at_once()),
        ("scope", change(&not_b), only("b")),
    ];
    for (code, signed, plan) in cases {
        let error = fleet.hq.store.push(signed, plan, None).await.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert_eq!(fleet.hq.count("edition").await, 1);
        assert_eq!(fleet.rollout(5).await.stage, "WAVE 1");
    }
    let plan = Plan { only: [id("a")].into(), canary: Some(id("b")), now: false };
    let error = fleet.hq.store.push(signed(&edition(9)), plan, None).await.unwrap_err();
    assert!(matches!(error, PushError::NotFor(office) if office == id("b")));
}

#[tokio::test]
async fn a_restart_of_hq_loses_no_stage_and_at_most_ten_seconds_of_soak() {
    let mut fleet = Fleet::of(&["a", "b", "c", "d", "e"]).await;
    fleet.push(1, Plan::default()).await;
    fleet.commit(0, 1).await;
    fleet.wait_s(SOAK_S - 1).await;
    let path = fleet.hq.dir.path().join(DATABASE);
    let world = fleet.hq.store.world().clone();
    fleet.hq.store.close().await;
    fleet.hq.store = Store::open(&path, &fleet.hq.keys, world).await.unwrap();
    let before = fleet.rollout(1).await;
    assert_eq!(before.offices[0].stage, "COMMITTED");
    fleet.wait_s(1).await;
    assert_eq!(fleet.rollout(1).await.stage, "SOAK", "what was not stored is soaked again");
    fleet.wait_s(10).await;
    assert_eq!(fleet.rollout(1).await.stage, "WAVE 1");
}

#[tokio::test]
async fn a_step_that_cannot_be_read_is_held_and_the_others_count() {
    let mut fleet = Fleet::of(&["a"]).await;
    fleet.push(1, at_once()).await;
    fleet.try_out(0, 1).await;
    let (office, pen) = &mut fleet.offices[0];
    pen.write(Kind::CONFIG, b"nonsense", &VersionVector::default());
    assert_eq!(pen.send(&fleet.hq, office).await.unwrap().held, 1);
    let totals = fleet.hq.store.held_totals().await.unwrap();
    assert_eq!(totals.into_iter().collect::<Vec<_>>(), [("undecodable".to_owned(), 1)]);
    assert_eq!(fleet.row(1, 0).await.stage, "PROBATION");
    let verified = fleet.hq.store.verify_journals(fleet.id(0)).await.unwrap();
    assert!(verified.iter().all(|journal| journal.flaw.is_none()));
}

#[tokio::test]
async fn the_history_has_all_editions_with_who_signed_and_who_pushed() {
    let fleet = Fleet::of(&["a"]).await;
    fleet.push(1, Plan::default()).await;
    let operator = Some(Private("staff".to_owned()));
    let second = signed(&edition(2));
    fleet.hq.store.push(second.clone(), at_once(), operator.clone()).await.unwrap();
    let editions = fleet.hq.store.editions().await.unwrap();
    let told: Vec<_> = editions.iter().map(|e| (e.serial.0, e.stage.as_str())).collect();
    assert_eq!(told, [(2, "WAVE 1"), (1, "SUPERSEDED")]);
    assert_eq!((&editions[0].operator, editions[0].plan.now), (&operator, true));
    assert_eq!(editions[0].hash, second.hash());
    assert_eq!(editions[0].signed_by.len(), 1);
    let (signed, read) = fleet.hq.store.edition(Serial(2)).await.unwrap().unwrap();
    assert_eq!((signed, read), (second, edition(2)));
    assert!(fleet.hq.store.edition(Serial(3)).await.unwrap().is_none());
}

#[tokio::test]
async fn a_revoked_office_is_not_waited_for() {
    let mut fleet = Fleet::of(&["a", "b"]).await;
    fleet.push(1, at_once()).await;
    fleet.hq.store.revoke(&fleet.id(1).clone()).await.unwrap();
    fleet.commit(0, 1).await;
    let facts = fleet.rollout(1).await;
    assert_eq!((facts.stage.as_str(), facts.offices.len()), ("COMPLETE", 1));
}
