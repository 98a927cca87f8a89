//! A machine that is gone, and another one in its place.

use crate::backup::{DATABASE, copy_database, put_back};
use crate::district::{District, enroll, listed, synced, until};
use crate::hands::{same, set};
use wasl_tests::fleet::through;

#[test]
fn a_machine_that_is_gone_is_replaced_by_a_new_one_that_gets_all_that_headquarters_has() {
    let mut district = District::new();
    let mut gone = district.office("nasr");
    let mut all = enroll(&gone, 0..6).ids();
    let one = all.first().unwrap().clone();
    synced(&gone);
    set(&district.hq.at, &one, "contact.phone=+9647800000001", "hq-1");
    assert!(district.hq.at.stop());
    let before = district.root().join("hq.before");
    copy_database(district.hq.at.dir(), &before, &DATABASE);
    district.hq.at.run().unwrap();

    let token = district.hq.at.call(&["office", "replace", "nasr"]).unwrap();
    until(&gone, "turned away", |status| status["link"]["state"] == "refused");
    let link = district.link();
    let mut new = district.stranger("nasr-new");
    new.at.call(&["join", &through(token.trim().parse().unwrap(), &link)]).unwrap();
    (new.id, new.link) = (gone.id.clone(), link);
    new.at.run().unwrap();
    synced(&new);
    assert_eq!(listed(&new.at, &[]), all);

    // It goes on with what the machine before it had begun, and takes nothing twice.
    set(&new.at, &one, "contact.phone=+9647800000002", "op-2");
    assert_eq!(enroll(&new, 0..6).ids(), all, "the same forms are the same records");
    all.extend(enroll(&new, 6..9).ids());
    synced(&new);
    same(&[&new.at, &district.hq.at], &one);
    assert_eq!(listed(&district.hq.at, &["--office", "nasr"]), all);

    // What the old machine writes now comes to nobody, also once the database was put back.
    enroll(&gone, 20..22);
    put_back(&mut district, &before, &["hq.db", "hq.db-wal", "hq.db-shm"]);
    new.at.call(&["sync", "--timeout", "60"]).unwrap();
    let _refused = gone.at.call(&["sync", "--timeout", "5"]);
    assert_eq!(gone.at.status().unwrap()["link"]["state"], "refused");
    assert_eq!(listed(&district.hq.at, &["--office", "nasr"]), all);
    same(&[&new.at, &district.hq.at], &one);
    assert!(gone.at.stop());
}
