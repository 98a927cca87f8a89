//! Config steps: journalled, folded live and in replay, told.

use std::sync::atomic::Ordering;

use tokio::sync::oneshot;
use wasl_protocol::edition::{ConfigState, EditionHash, Phase, Serial, Step};
use wasl_protocol::id::{Dot, Position};
use wasl_protocol::private::Private;
use wasl_protocol::units::{Seq, UnixMs};

use super::place::{Place, doubts, enroll_all, listed};
use crate::engine::{Archive, Engine, Input, Refused};
use crate::view::Doubt;

fn steps() -> Vec<Step> {
    let phases = [
        (3, Phase::Fetched),
        (3, Phase::Verified),
        (3, Phase::Staged),
        (3, Phase::Applying),
        (3, Phase::Probation { linked: true }),
        (3, Phase::Committed),
        (0, Phase::Held { until: UnixMs(99), why: Private("exam day".to_owned()) }),
        (4, Phase::Fetched),
    ];
    let step = |(serial, phase)| {
        let hash = EditionHash([u8::try_from(serial).unwrap(); 32]);
        Step { serial: Serial(serial), hash, at: UnixMs(7), phase }
    };
    phases.map(step).to_vec()
}

/// A step whose reason takes room, and cannot be packed well.
fn long(n: u64) -> Step {
    let mut noise = vec![0; 200_000];
    blake3::Hasher::new().update(&n.to_le_bytes()).finalize_xof().fill(&mut noise);
    let (code, message) = ("settings".to_owned(), data_encoding::HEXLOWER.encode(&noise));
    let (serial, hash, at) = (Serial(n), EditionHash([9; 32]), UnixMs(7));
    Step { serial, hash, at, phase: Phase::Rejected { code, message } }
}

fn say(engine: &mut Engine, step: &Step) -> Result<Position, Refused> {
    let (answer, waits) = oneshot::channel();
    engine.turn(vec![Input::ConfigStep { step: Box::new(step.clone()), answer }]).unwrap();
    waits.blocking_recv().unwrap()
}

fn told(engine: &Engine) -> ConfigState {
    engine.tell.borrow().config.clone()
}

#[test]
fn each_step_counts_once_it_is_durable_and_is_the_same_after_a_kill_a_rebuild_and_when_stopped() {
    let place = Place::new();
    let mut expected = ConfigState::default();
    let mut engine = place.open();
    for (step, form) in steps().iter().zip(1..) {
        enroll_all(&mut engine, [form]);
        say(&mut engine, step).unwrap();
        expected.fold(step);
        assert_eq!(told(&engine), expected);
        drop(engine); // killed
        engine = place.open();
        assert_eq!(told(&engine), expected, "after {}", step.phase.as_str());
    }
    drop(engine);
    place.faults.rebooted.store(true, Ordering::SeqCst);
    let (mut engine, notices) = place.try_open().unwrap();
    assert!(matches!(doubts(&notices)[..], [Doubt::Reboot]), "{notices:?}");
    assert_eq!((told(&engine), listed(&mut engine).len()), (expected.clone(), 8));
    drop(engine);
    let archive = Archive::open(&place.world, &place.identity).unwrap();
    assert_eq!(*archive.config(), expected);
}

#[test]
fn a_view_that_was_closed_cleanly_knows_where_the_steps_led() {
    let place = Place::new();
    let mut engine = place.open();
    say(&mut engine, &steps()[0]).unwrap();
    let before = told(&engine);
    engine.keep_up().unwrap();
    engine.store.rows.close().unwrap();
    let (engine, notices) = place.try_open().unwrap();
    assert_eq!((doubts(&notices), told(&engine)), (vec![], before));
}

#[test]
fn a_full_disk_takes_no_step_and_nothing_has_changed() {
    let place = Place::new();
    let mut engine = place.open();
    place.faults.free_bytes.store(1, Ordering::SeqCst);
    let refused = (0..100).find_map(|n| say(&mut engine, &long(n)).err());
    assert_eq!(refused, Some(Refused::DiskFull));
    let before = told(&engine);
    assert_eq!(say(&mut engine, &steps()[1]), Err(Refused::DiskFull));
    assert_eq!(told(&engine), before);
}

#[test]
fn a_step_without_a_receipt_says_since_when() {
    let place = Place::new();
    let mut engine = place.open();
    assert_eq!(say(&mut engine, &steps()[0]).unwrap().seq, Seq(2));
    let (journal, seq) = (engine.store.logs.journal.id(), Seq(2));
    let at = engine.store.logs.written_at(Dot { journal, seq }).unwrap();
    assert_eq!(at, Some(UnixMs(7)));
}
