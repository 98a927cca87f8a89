//! What people do: at offices they enroll, enroll again and correct; at HQ they edit, grant, decide
//! and push editions.

use tokio::sync::oneshot;
use wasl_agent::engine::{Enrolled, Input, Refused};
use wasl_agent::intake::Door;
use wasl_protocol::entry::Verdict;
use wasl_protocol::id::{Dot, OfficeId, Position, RecordId};
use wasl_protocol::private::Private;
use wasl_protocol::record::{Correction, RecordState, Value, grants};
use wasl_server_stub::rollout::Plan;

use super::office::Wanted;
use super::oracle::Opened;
use super::world::World;

/// The groups that an office corrects.
const OFFICES: [&str; 4] = ["contact", "address", "civil_registry", "visit"];

/// The groups that HQ writes.
const HQS: [&str; 4] = ["contact", "address", "national_number", "hq_status"];

/// The groups that an enrollment opens.
const ENROLLED: [&str; 3] = ["person", "contact", "visit"];

impl World<'_> {
    /// Somebody does something.
    pub(super) fn act(&mut self) {
        match self.dice.u8(..20) {
            0..=6 => self.enroll(),
            7 => self.enroll_again(false),
            8 => self.enroll_again(true),
            9..=12 => self.correct(),
            13 | 14 => {
                self.hq_edits(None);
            }
            15..=17 => self.hq_grants(),
            18 => {
                self.hq_decides();
            }
            _ => self.hq_pushes(),
        }
    }

    fn some_office(&mut self) -> Option<usize> {
        let nth = self.dice.usize(..self.offices.len());
        self.offices[nth].engine.is_some().then_some(nth)
    }

    fn enroll(&mut self) {
        if let Some(nth) = self.some_office() {
            self.enroll_at(nth);
        }
    }

    pub(super) fn enroll_at(&mut self, nth: usize) {
        let form = format!("{nth}-{}", self.oracle.opened.len() + 1);
        let id = self.offices[nth].id.clone();
        let record = RecordId::of(&id, &form.parse().expect("a form number"));
        let uid = self.oracle.makes(Some(nth), record, &ENROLLED, None);
        let text = enrollment(&form, uid);
        let opened = Opened { record, office: nth, form, text: text.clone(), uid };
        self.oracle.opened.push(opened);
        self.post(nth, uid, &text);
    }

    /// A workstation that was not answered posts again; or somebody takes the form number for
    /// another person.
    fn enroll_again(&mut self, other: bool) {
        if self.oracle.opened.is_empty() {
            return;
        }
        let which = self.dice.usize(..self.oracle.opened.len());
        let Opened { record, office, form, text, uid } = self.oracle.opened[which].clone();
        if self.offices[office].engine.is_none() {
            return;
        }
        if other {
            self.count("form number taken again");
            let beside_hole = self.offices[office].woe.forgot();
            let uid = if beside_hole {
                self.oracle.makes(Some(office), record, &ENROLLED, None)
            } else {
                CLASH
            };
            return self.post(office, uid, &enrollment(&form, uid));
        }
        self.count("enrollment posted again");
        self.post(office, uid, &text);
    }

    fn post(&mut self, nth: usize, uid: u64, text: &str) {
        let Some(door) = &self.offices[nth].door else { return };
        let draft = Door::draft(text.as_bytes()).expect("what the simulator posts is well formed");
        let prepared = Box::new(door.prepare(draft));
        let (answer, waits) = oneshot::channel();
        self.ask(nth, Input::Enroll { prepared, answer }, Wanted::Enrolled(uid, waits));
    }

    /// A workstation has its answer.
    pub(super) fn enrolled(&mut self, nth: usize, uid: u64, answer: Result<Enrolled, Refused>) {
        let was = self.oracle.made.get(&uid).and_then(|made| made.answered);
        // What lies in a hole, or was on a lost disk, is not known to be there: its number may be
        // given again, and then both stay.
        let beside_hole = self.offices[nth].woe.forgot();
        match answer {
            Ok(enrolled) if uid == CLASH && beside_hole => {
                self.oracle.refused_in.insert(enrolled.record);
            }
            Ok(enrolled) if uid == CLASH => {
                // Right only if what had the number before was never stored.
                let before = self.oracle.opened.iter().find(|o| o.record == enrolled.record);
                let before = before.map(|opened| opened.uid);
                let answered = before.is_some_and(|uid| self.oracle.made[&uid].answered.is_some());
                if answered {
                    self.violated("I1", format!("office {nth} gave a form number twice"));
                }
                self.oracle.refused_in.insert(enrolled.record);
                self.oracle.opened.retain(|opened| opened.record != enrolled.record);
            }
            Ok(enrolled) => {
                let Some((journal, at)) = enrolled.entry else {
                    // Its entry lies in a hole or was on a lost disk, and HQ has said what the record is.
                    if !beside_hole {
                        let what = format!("office {nth} has {uid} without an entry");
                        self.violated("I1", what);
                    }
                    return;
                };
                let now = (Dot { journal, seq: at.seq }, at);
                let again = was.filter(|was| *was != now);
                if again.is_some() && beside_hole {
                    self.count("enrollment journalled twice, beside a hole");
                    self.oracle.doubled.insert(uid);
                } else if let Some(was) = again {
                    self.violated(
                        "I1",
                        format!("{uid} was answered at {}, and now at {}", was.1.seq, at.seq),
                    );
                }
                self.count("enrollment answered");
                self.answered(nth, uid, now);
            }
            Err(Refused::Clash(_)) if uid == CLASH || was.is_none() || beside_hole => {}
            Err(Refused::Damaged) if self.offices[nth].woe.has_rotted() => {
                self.count("enrollment not taken: its number lies in a hole");
            }
            Err(Refused::DiskFull | Refused::Poisoned) if self.offices[nth].ill => {
                self.count("enrollment refused: not stored");
            }
            Err(Refused::Stopped) if self.offices[nth].woe.put_back => {
                self.count("enrollment refused: the journal is to be born again");
            }
            Err(why) => self.violated("I13", format!("office {nth} refuses an enrollment: {why}")),
        }
    }

    /// An edit was answered: from now on it may never be missing.
    fn answered(&mut self, nth: usize, uid: u64, (dot, at): (Dot, Position)) {
        let journal = dot.journal;
        self.log(format_args!("office {nth} answers edit {uid}: {}", at.seq));
        if self.oracle.learn(journal, at).is_some() && !self.offices[nth].woe.has_rotted() {
            self.violated(
                "I2",
                format!("office {nth} answers {}, and HQ has another entry there", at.seq),
            );
        }
        self.oracle.dots.insert(dot, uid);
        if let Some(made) = self.oracle.made.get_mut(&uid) {
            (made.answered, made.here) = (Some((dot, at)), true);
        }
    }

    /// Some record that this office sees.
    fn some_record(&mut self, nth: usize) -> Option<RecordState<Value>> {
        let (answer, mut waits) = oneshot::channel();
        let engine = self.offices[nth].engine.as_mut()?;
        engine.turn(vec![Input::List { skip: 0, limit: 1_000, answer }]).ok()?;
        let (listed, _) = waits.try_recv().ok()?;
        let which = self.dice.usize(..listed.len().max(1));
        self.office_reads(nth, listed.get(which)?.record)
    }

    /// What an office shows of a record.
    pub(super) fn office_reads(
        &mut self,
        nth: usize,
        record: RecordId,
    ) -> Option<RecordState<Value>> {
        let (answer, mut waits) = oneshot::channel();
        let engine = self.offices[nth].engine.as_mut()?;
        engine.turn(vec![Input::Record { record, answer }]).ok()?;
        waits.try_recv().ok().flatten().map(|found| found.state)
    }

    fn correct(&mut self) {
        if let Some(nth) = self.some_office() {
            self.correct_at(nth);
        }
    }

    pub(super) fn correct_at(&mut self, nth: usize) {
        if let Some(state) = self.some_record(nth) {
            self.correct_as_read(nth, state);
        }
    }

    fn correct_as_read(&mut self, nth: usize, state: RecordState<Value>) {
        let groups = self.some_groups(&OFFICES);
        let record = state.origin.id();
        let uid = self.oracle.makes(Some(nth), record, &groups, Some(&state));
        let Some(door) = &self.offices[nth].door else { return };
        let correction = door.correction(correction(&groups, uid).as_bytes());
        let correction = correction.expect("an office may write these groups");
        let change = Box::new(door.prepare_change(record, state.seen, correction));
        let (answer, waits) = oneshot::channel();
        self.ask(nth, Input::Change { change, answer }, Wanted::Changed(uid, waits));
    }

    pub(super) fn changed(&mut self, nth: usize, uid: u64, answer: Result<Position, Refused>) {
        match answer {
            Ok(at) => {
                self.count("correction answered");
                let journal = self.offices[nth].facts.borrow().journals.last().map(|(id, _)| *id);
                let Some(journal) = journal else { return };
                self.answered(nth, uid, (Dot { journal, seq: at.seq }, at));
            }
            Err(Refused::Stale(_)) => self.count("correction refused: written meanwhile"),
            Err(Refused::ReadOnly) => self.count("correction refused: a newer version wrote it"),
            Err(Refused::Unknown) => self.count("correction refused: out of scope by now"),
            Err(Refused::Damaged) if self.offices[nth].woe.has_rotted() => {
                self.count("correction refused: what was written may lie in a hole");
            }
            Err(Refused::Damaged) if self.offices[nth].facts.borrow().news_lost => {
                self.count("correction refused: what was written waits for lost news");
            }
            Err(Refused::DiskFull | Refused::Poisoned) if self.offices[nth].ill => {}
            Err(Refused::Stopped) if self.offices[nth].woe.put_back => {
                self.count("correction refused: the journal is to be born again");
            }
            Err(why) => self.violated("I13", format!("office {nth} refuses a correction: {why}")),
        }
    }

    fn some_groups(&mut self, of: &[&'static str]) -> Vec<&'static str> {
        let first = self.dice.usize(..of.len());
        let second = self.dice.usize(..of.len());
        let mut groups = vec![of[first]];
        if second != first && self.dice.bool() {
            groups.push(of[second]);
        }
        groups
    }

    /// A record that HQ has, as it shows it.
    pub(super) fn hq_reads(&self, record: RecordId) -> Option<RecordState<Value>> {
        let store = self.store()?;
        self.runtime.block_on(store.record(record)).ok().flatten()
    }

    fn some_record_of_hqs(&mut self) -> Option<RecordState<Value>> {
        if self.oracle.opened.is_empty() {
            return None;
        }
        // Some records are in everybody's hands.
        let most = if self.dice.bool() { 3 } else { self.oracle.opened.len() };
        let which = self.dice.usize(..self.oracle.opened.len().min(most));
        self.hq_reads(self.oracle.opened[which].record)
    }

    /// HQ edits a record, or some record; says whether it could.
    pub(super) fn hq_edits(&mut self, record: Option<RecordId>) -> bool {
        let state = match record {
            Some(record) => self.hq_reads(record),
            None => self.some_record_of_hqs(),
        };
        let (Some(state), Some(store)) = (state, self.staff()) else { return false };
        let groups = self.some_groups(&HQS);
        let record = state.origin.id();
        let uid = self.oracle.makes(None, record, &groups, Some(&state));
        let text = correction(&groups, uid);
        let made = Correction::parse(text.as_bytes(), &OfficeId::hq());
        let made = made.expect("HQ may write these groups");
        let edited = self.runtime.block_on(store.edit(record, &state.seen, made));
        let done = edited.is_ok();
        if let (true, Some(made)) = (done, self.oracle.made.get_mut(&uid)) {
            made.seen = true;
        }
        self.count("edit of HQ's");
        self.log(format_args!("HQ makes edit {uid}"));
        self.spread_news();
        done
    }

    /// HQ puts a record into another office's scope, or takes it out.
    fn hq_grants(&mut self) {
        let (Some(state), Some(store)) = (self.some_record_of_hqs(), self.staff()) else { return };
        let granted = grants(&state);
        let (office, ends) = match granted.first() {
            Some(office) if self.dice.bool() => (office.clone(), true),
            _ => (self.offices[self.dice.usize(..self.offices.len())].id.clone(), false),
        };
        let nth = self.offices.iter().position(|o| o.id == office);
        if let (true, Some(nth)) = (ends, nth)
            && self.dice.bool()
            && let Some(read) = self.office_reads(nth, state.origin.id())
        {
            // The other office is at it when its grant ends: what it writes will be held.
            self.correct_as_read(nth, read);
        }
        let done = store.grant(state.origin.id(), &office, ends, None);
        let done = self.runtime.block_on(done).is_ok();
        self.count(if ends { "grant ended" } else { "grant" });
        self.log(format_args!("HQ grants a record: {done}, ends: {ends}"));
        self.spread_news();
    }

    /// Staff decide about the first entry that HQ holds; says whether there was one.
    pub(super) fn hq_decides(&mut self) -> bool {
        let Some(store) = self.staff() else { return false };
        let Ok(held) = self.runtime.block_on(store.held(None, 1)) else { return false };
        let Some(held) = held.first() else { return false };
        let refuse = self.dice.bool();
        let reason = Private("a simulated reason".to_owned());
        let mut verdict = if refuse {
            Verdict::Refuse { reason: reason.clone() }
        } else {
            Verdict::Release { as_is: false }
        };
        if self.runtime.block_on(store.decide(held.dot, verdict, None)).is_err() {
            verdict = Verdict::Refuse { reason };
            let refused = self.runtime.block_on(store.decide(held.dot, verdict, None));
            if let Err(why) = refused {
                self.violated("I10", format!("a held entry cannot be refused: {why}"));
                return false;
            }
        } else if !refuse {
            self.count("held entry released");
            self.spread_news();
            return true;
        }
        self.count("held entry refused");
        self.oracle.refused_in.extend(held.record);
        if let Some(uid) = self.oracle.dots.get(&held.dot)
            && let Some(made) = self.oracle.made.get_mut(uid)
        {
            made.refused = true;
        }
        self.spread_news();
        true
    }

    /// The next edition is pushed to all offices at once.
    fn hq_pushes(&mut self) {
        let Some(store) = self.staff() else { return };
        let serial = self.hq.editions.len() as u64 + 1;
        let signed = self.next_edition(serial, self.hq.editions.last());
        let plan = Plan { now: true, ..Plan::default() };
        let pushed = self.runtime.block_on(store.push(signed.clone(), plan, None));
        self.log(format_args!("HQ pushes edition {serial}: {}", pushed.is_ok()));
        if pushed.is_ok() {
            self.count("edition pushed");
            self.hq.editions.push(signed);
        }
        self.spread_news();
    }
}

/// The number of an edit that must never be answered.
const CLASH: u64 = 0;

fn enrollment(form: &str, uid: u64) -> String {
    format!(
        r#"{{"form_number":"{form}","person":{{"uid":"{uid}","given_name":"a","father_name":"b","grandfather_name":"c","sex":"F","birth_date":"1980-01-01"}},"contact":{{"uid":"{uid}"}},"visit":{{"uid":"{uid}"}}}}"#
    )
}

fn correction(groups: &[&str], uid: u64) -> String {
    let groups: Vec<String> =
        groups.iter().map(|group| format!(r#""{group}":{{"uid":"{uid}"}}"#)).collect();
    format!(r#"{{"groups":{{{}}}}}"#, groups.join(","))
}
