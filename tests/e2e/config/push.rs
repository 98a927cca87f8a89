//! One round trip to the offices that are linked, later to the one that is not.

use super::author::{Author, word};
use super::{at, committed, explained, import, in_force, push, rollout, running, until_at};
use crate::district::{District, enroll, synced, until};
use serde_json::{Value, json};
use std::thread;

#[test]
fn now_reaches_who_is_linked_without_a_restart_and_who_was_cut_off_with_the_newest_only() {
    let district = District::new();
    let author = Author::of(&district.hq);
    let linked: Vec<_> = ["nasr", "shatra", "rifai"].map(|id| district.office(id)).into();
    let cut = district.office("chibayish");
    linked.iter().chain([&cut]).for_each(synced);
    cut.link.cut();
    until(&cut, "told of the cut", |status| status["link"]["state"] != "up");
    let facts = |status: &Value| [status["agent"]["pid"].clone(), status["link"]["since"].clone()];
    let before: Vec<_> = linked.iter().map(|o| facts(&o.at.status().unwrap())).collect();
    let entries = cut.at.status().unwrap()["sync"]["head_seq"].as_u64().unwrap();
    for serial in [1, 2] {
        let capacity = 100 + serial;
        let edition = author.edition(serial, &json!({"day": {"capacity": capacity}}));
        let n = usize::try_from(serial).unwrap() * 1_000;
        thread::scope(|scope| {
            // Workstations notice nothing.
            let busy = scope.spawn(|| drop(enroll(&linked[0], n..n + 500)));
            push(&district, &edition, &["--now"]);
            busy.join().unwrap();
        });
        for office in &linked {
            in_force(office, serial);
            assert_eq!(explained(office, "day.capacity")["value"], capacity);
            until_at(&district, serial, office, "COMMITTED");
        }
    }
    let after: Vec<_> = linked.iter().map(|o| facts(&o.at.status().unwrap())).collect();
    assert_eq!(before, after, "a process or a link is another");
    assert_eq!(until_at(&district, 2, &cut, "PENDING_OFFLINE")["running"], 0);
    let told = rollout(&district.hq, 2);
    assert_eq!(told["now"], true, "skipping the stages is recorded");
    assert_eq!(rollout(&district.hq, 1)["stage"], "SUPERSEDED");

    cut.link.restore();
    committed(&cut, 2);
    until_at(&district, 2, &cut, "COMMITTED");
    let status = cut.at.status().unwrap();
    let steps = status["sync"]["head_seq"].as_u64().unwrap() - entries;
    assert_eq!(steps, 6, "one edition's way, from fetched to committed");
    district.agree(&linked[0]);
    district.agree(&cut);
}

#[test]
fn an_office_that_joins_after_the_push_gets_it_and_a_restart_of_hq_forgets_nothing() {
    let mut district = District::new();
    let edition = Author::of(&district.hq).edition(3, &json!({"day": {"capacity": 50}}));
    push(&district, &edition, &["--now"]);
    assert!(district.hq.at.stop());
    district.hq.at.run().unwrap();
    let mut office = district.office("nasr");
    committed(&office, 3);
    assert!(office.at.stop());
    office.at.run().unwrap();
    assert_eq!(running(&office), 3, "what was committed outlives the process");
    assert_eq!(explained(&office, "day.capacity")["value"], 50);
    until_at(&district, 3, &office, "COMMITTED");
}

#[test]
fn waiting_for_an_edition_that_does_not_come_ends_with_try_again() {
    let district = District::new();
    let office = district.office("nasr");
    let waited = office.at.output(&["wait", "--config", "1", "--timeout", "1"], b"").unwrap();
    assert_eq!(waited.status.code(), Some(75));
    office.at.call(&["wait", "--config", "0", "--timeout", "1"]).unwrap();
}

#[test]
fn only_the_offices_in_scope_and_in_the_plan_get_it() {
    let district = District::new();
    let author = Author::of(&district.hq);
    let [in_both, not_planned, not_in_scope] =
        ["nasr", "shatra", "rifai"].map(|id| district.office(id));
    let mut edition = author.edition(1, &json!({"day": {"capacity": 40}}));
    edition.scope.except = ["rifai".parse().unwrap()].into();
    push(&district, &edition, &["--now", "--only", "nasr"]);
    committed(&in_both, 1);
    let told = rollout(&district.hq, 1);
    for office in [&not_planned, &not_in_scope] {
        assert_eq!(at(&told, &office.id)["stage"], "NOT_TARGETED");
        let status = until(office, "linked", |status| status["link"]["state"] == "up");
        assert_eq!(status["config"]["running"], 0);
    }
}

#[test]
fn what_hq_exports_reaches_an_office_without_a_link_on_a_usb_stick() {
    let district = District::new();
    let mut office = district.joined("nasr");
    office.link.cut();
    office.at.run().unwrap();
    let edition = Author::of(&district.hq).edition(1, &json!({"day": {"capacity": 70}}));
    push(&district, &edition, &["--now"]);
    let stick = district.root().join("stick.edition");
    district.hq.at.call(&["config", "export", word(&stick)]).unwrap();
    import(&office, &stick);
    committed(&office, 1);
    assert_eq!(explained(&office, "day.capacity")["value"], 70);
    office.link.restore();
    until_at(&district, 1, &office, "COMMITTED");
    district.agree(&office);
}
