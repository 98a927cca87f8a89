//! An edition that is no good stops at the office where it is tried, and goes back by itself.

use super::author::{Author, LATE, SOON, word};
use super::{at, committed, import, in_force, push, rollout, running, until_at, until_rollout};
use crate::district::{District, enroll, synced, try_enroll, until};
use crate::forms;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use wasl_protocol::edition::{AgentVersion, Edition, Probation, Serial};
use wasl_tests::fleet::Office;

/// A district where serial 1 is in force, with a canary and two other offices.
struct Fleet {
    district: District,
    author: Author,
    canary: Office,
    others: Vec<Office>,
}

impl Fleet {
    fn new() -> Self {
        let district = District::new();
        let author = Author::of(&district.hq);
        let [canary, a, b] = ["nasr", "shatra", "rifai"].map(|id| district.office(id));
        let others = vec![a, b];
        let first = author.edition(1, &json!({"day": {"capacity": 90}}));
        push(&district, &first, &["--now"]);
        for office in others.iter().chain([&canary]) {
            committed(office, 1);
            synced(office);
        }
        Self { district, author, canary, others }
    }

    fn try_at_canary(&self, edition: &Edition) {
        push(&self.district, edition, &["--canary", "nasr"]);
    }

    /// The rollout of serial 2 has stopped, nobody else was touched, and HQ says what happened.
    fn stopped(&self, phase: &str, code: &str) {
        let hq = &self.district.hq;
        let told = until_rollout(hq, 2, "stopped", |told| told["stage"] == "ABORTED");
        assert!(told["stopped"].is_string(), "{told:#}");
        let told = until_rollout(hq, 2, "told by the canary", |told| {
            at(told, "nasr")["stage"] == phase.to_uppercase()
        });
        let row = at(&told, "nasr");
        let attempt = &row["last_attempt"];
        let what = [&attempt["serial"], &attempt["phase"], &attempt["code"]];
        assert_eq!(what, [&json!(2), &json!(phase), &json!(code)]);
        assert!(!attempt["message"].as_str().unwrap().is_empty());
        assert_eq!([&row["running"], &row["floor"]], [1, 1]);
        for office in &self.others {
            let row = at(&told, &office.id);
            let facts = [&row["running"], &row["last_attempt"]["serial"], &row["floor"]];
            assert_eq!(facts, [1, 1, 1], "{} was touched: {row:#}", office.id);
            assert_eq!(running(office), 1);
        }
        // It enrolls as before, and says what happened.
        let status = self.canary.at.status().unwrap();
        assert_eq!(status["config"]["running"], 1);
        assert_eq!(status["config"]["last_attempt"]["code"], code);
        assert_eq!(status["intake_open"], true);
        enroll(&self.canary, 900..905);
        self.district.agree(&self.canary);
    }
}

#[test]
fn an_endpoint_where_nobody_answers_is_refused_before_it_is_tried() {
    let fleet = Fleet::new();
    let nowhere = json!({"link": {"endpoints": ["127.0.0.1:9"]}});
    fleet.try_at_canary(&fleet.author.edition(2, &nowhere));
    fleet.stopped("rejected", "endpoint");
}

#[test]
fn an_endpoint_that_could_not_be_tried_first_goes_back_once_the_old_one_answers() {
    let fleet = Fleet::new();
    let office = &fleet.canary;
    let mut moved = fleet.author.edition(2, &json!({"link": {"endpoints": ["127.0.0.1:9"]}}));
    moved.probation = Probation { confirm_s: 600, ..SOON };
    office.link.cut();
    until(office, "told of the cut", |status| status["link"]["state"] != "up");
    let file = fleet.author.file(&moved);
    let importing = office.at.command(&["config", "import", word(&file)]).output().unwrap();
    assert!(importing.status.success(), "{}", String::from_utf8_lossy(&importing.stderr));
    in_force(office, 2);
    // With both ways down it waits: nothing says that the edition is to blame.
    std::thread::sleep(std::time::Duration::from_secs(16));
    assert_eq!(running(office), 2);
    office.link.restore();
    until(office, "back where it was", |status| status["config"]["running"] == 1);
    let status = until(office, "linked again", |status| status["link"]["state"] == "up");
    assert_eq!(status["config"]["last_attempt"]["phase"], "rolled_back");
    assert_eq!(status["config"]["last_attempt"]["code"], "no_session");
    enroll(office, 0..5);
    fleet.district.agree(office);
}

#[test]
fn an_hq_that_moves_is_found_at_its_new_endpoint_and_the_link_changes_over() {
    let fleet = Fleet::new();
    let address = fleet.district.hq.address().to_string();
    fleet.try_at_canary(&fleet.author.edition(2, &json!({"link": {"endpoints": [address]}})));
    committed(&fleet.canary, 2);
    until(&fleet.canary, "linked to the new endpoint", |status| {
        status["link"]["state"] == "up" && status["link"]["endpoint"] == address
    });
    // The old way is not needed any more.
    fleet.canary.link.cut();
    enroll(&fleet.canary, 0..5);
    fleet.district.agree(&fleet.canary);
}

#[test]
fn field_rules_that_refuse_everybody_go_back_by_themselves() {
    let fleet = Fleet::new();
    let pattern = json!({"fields": {"patterns": {"contact.phone": "never"}}});
    let mut edition = fleet.author.edition(2, &pattern);
    edition.probation = LATE;
    fleet.try_at_canary(&edition);
    in_force(&fleet.canary, 2);
    let refused = try_enroll(&fleet.canary, forms::lines("nasr", 0..8));
    assert_eq!(refused.answers, Vec::<Value>::new());
    assert!(refused.said.contains("contact.phone"), "{}", refused.said);
    fleet.stopped("rolled_back", "intake");
    enroll(&fleet.canary, 0..8);
}

#[test]
fn a_listener_that_cannot_be_opened_goes_back_and_one_that_can_stays() {
    let fleet = Fleet::new();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let at = taken.local_addr().unwrap();
    let mut edition = fleet.author.edition(2, &json!({"intake": {"http": at.to_string()}}));
    edition.probation = LATE;
    fleet.try_at_canary(&edition);
    in_force(&fleet.canary, 2);
    enroll(&fleet.canary, 0..5);
    fleet.stopped("rolled_back", "listener");

    drop(taken);
    edition.serial = Serial(3);
    edition.probation = SOON;
    fleet.try_at_canary(&edition);
    committed(&fleet.canary, 3);
    let mut stream = TcpStream::connect(at).unwrap();
    stream
        .write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn an_edition_for_a_newer_agent_stops_at_the_canary() {
    let fleet = Fleet::new();
    let mut edition = fleet.author.edition(2, &json!({}));
    edition.min_agent = AgentVersion(9, 0, 0);
    fleet.try_at_canary(&edition);
    fleet.stopped("rejected", "old_agent");
}

#[test]
fn hq_stops_a_rollout_and_the_canary_goes_back() {
    let fleet = Fleet::new();
    let mut edition = fleet.author.edition(2, &json!({"day": {"capacity": 10}}));
    edition.probation = LATE;
    fleet.try_at_canary(&edition);
    in_force(&fleet.canary, 2);
    until_at(&fleet.district, 2, &fleet.canary, "PROBATION");
    fleet.district.hq.at.call(&["config", "abort", "2"]).unwrap();
    fleet.stopped("rolled_back", "aborted");
}

#[test]
fn what_was_rolled_back_is_not_tried_again_by_itself_but_by_hand() {
    let mut fleet = Fleet::new();
    let mut edition = fleet.author.edition(2, &json!({"day": {"capacity": 10}}));
    edition.probation = LATE;
    fleet.try_at_canary(&edition);
    in_force(&fleet.canary, 2);
    fleet.canary.at.call(&["config", "rollback", "--why", "slow"]).unwrap();
    fleet.stopped("rolled_back", "operator");
    assert!(fleet.canary.at.stop());
    fleet.canary.at.run().unwrap();
    synced(&fleet.canary);
    assert_eq!(running(&fleet.canary), 1);
    assert_eq!(rollout(&fleet.district.hq, 2)["stage"], "ABORTED");
    // By hand it is, until headquarters, which has stopped it, hears of that.
    assert!(fleet.district.hq.at.stop());
    import(&fleet.canary, &fleet.author.file(&edition));
    in_force(&fleet.canary, 2);
    fleet.district.hq.at.run().unwrap();
    until(&fleet.canary, "stopped again", |status| {
        status["config"]["last_attempt"]["code"] == "aborted"
    });
    until_rollout(&fleet.district.hq, 2, "told of it", |told| {
        at(told, "nasr")["last_attempt"]["code"] == "aborted"
    });
    fleet.stopped("rolled_back", "aborted");
}
