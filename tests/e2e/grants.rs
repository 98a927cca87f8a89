//! A record in the hands of a second office: as long as HQ says so.

use crate::district::{District, listed};
use crate::hands::{
    get, held_dot, items, one_record, patch_as_read, refusal, same, set, told, wait,
};
use serde_json::json;
use wasl_tests::fleet::Office;

/// A record of the first office that HQ granted to the second, the same at all three ends.
fn granted(district: &District, first: &Office, second: &Office) -> String {
    let id = one_record(district, first);
    assert!(get(&second.at, &id).is_none(), "not before it is granted");
    told(&district.hq.at, &["record", "grant", &id, &second.id, "--by", "clerk-2"]);
    same(&[&first.at, &second.at, &district.hq.at], &id);
    id
}

/// Ends the grant and waits until the second office no longer has the record.
fn withdrawn(district: &District, second: &Office, id: &str) {
    told(&district.hq.at, &["record", "grant", id, &second.id, "--end"]);
    wait("withdrawn", || get(&second.at, id).is_none().then_some(()));
}

#[test]
fn a_granted_office_sees_and_edits_the_record_until_the_grant_ends() {
    let district = District::new();
    let (first, second) = (district.office("nasr"), district.office("rifai"));
    let id = granted(&district, &first, &second);
    let ends = [&first.at, &second.at, &district.hq.at];
    assert_eq!(listed(&second.at, &[]), [id.clone()].into());
    let token = set(&second.at, &id, "address.house=12", "op-21")["token"].clone();
    wait("the second office's edit is everywhere", || {
        let there =
            |at| get(at, &id).is_some_and(|r| r["groups"]["address"]["value"]["house"] == 12);
        (there(&first.at) && there(&district.hq.at)).then_some(())
    });
    assert_eq!(same(&ends, &id)["conflict"], false);
    withdrawn(&district, &second, &id);
    assert!(listed(&second.at, &[]).is_empty());
    assert_eq!(second.at.status().unwrap()["records"]["total"], 0);
    refusal(&second.at, &["record", "get", &id]);
    refusal(&second.at, &["record", "set", &id, "address.house=13"]);
    let groups = json!({"address": {"house": 14}});
    assert_eq!(patch_as_read(&second.at, &id, token.as_str().unwrap(), &groups), 404);
    let kept = same(&[&first.at, &district.hq.at], &id);
    assert_eq!(kept["groups"]["address"]["value"]["house"], 12, "what it wrote stays");
    district.agree(&first);
}

#[test]
fn what_was_withdrawn_stays_hidden_after_a_restart_and_comes_back_with_a_new_grant() {
    let district = District::new();
    let (first, mut second) = (district.office("nasr"), district.office("rifai"));
    let id = granted(&district, &first, &second);
    withdrawn(&district, &second, &id);
    set(&first.at, &id, "contact.phone=+9647811111111", "op-07");
    assert!(second.at.stop());
    refusal(&second.at, &["record", "get", &id]);
    second.at.run().unwrap();
    assert!(get(&second.at, &id).is_none());
    told(&district.hq.at, &["record", "grant", &id, "rifai"]);
    wait("granted again", || get(&second.at, &id));
    let all = same(&[&first.at, &second.at, &district.hq.at], &id);
    assert_eq!(all["groups"]["contact"]["value"]["phone"], "+9647811111111");
    set(&second.at, &id, "address.house=3", "op-21");
    wait("edited again", || {
        let house = get(&first.at, &id)?["groups"]["address"]["value"]["house"].clone();
        (house == 3).then_some(())
    });
    same(&[&first.at, &second.at, &district.hq.at], &id);
}

#[test]
fn an_edit_made_before_the_office_heard_of_the_end_is_held_and_staff_may_release_it() {
    let district = District::new();
    let (first, second) = (district.office("nasr"), district.office("rifai"));
    let id = granted(&district, &first, &second);
    let hq = &district.hq.at;
    second.link.cut();
    told(hq, &["record", "grant", &id, "rifai", "--end"]);
    set(&second.at, &id, "address.house=12", "op-21");
    second.link.restore();
    let dot = held_dot(hq, "out_of_scope");
    assert_eq!(held_dot(&second.at, "out_of_scope"), dot, "the office is told");
    assert!(get(&second.at, &id).is_none(), "the record is withdrawn");
    let apart = same(&[&first.at, hq], &id);
    assert_ne!(apart["groups"]["address"]["value"]["house"], 12);
    told(hq, &["held", "release", &dot, "--by", "judge-1"]);
    wait("the released edit is at the first office", || {
        let house = get(&first.at, &id)?["groups"]["address"]["value"]["house"].clone();
        (house == 12).then_some(())
    });
    same(&[&first.at, hq], &id);
    assert!(items(hq, &["held", "list"]).is_empty());
    wait("the office hears of it", || {
        let held = second.at.status().ok()?["sync"]["held"].clone();
        (held == 0).then_some(())
    });
    district.agree(&first);
    district.no_personal_data_in_logs();
}
