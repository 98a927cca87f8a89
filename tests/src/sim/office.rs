//! One office: the real engine on its simulated disk, turn after turn, and who waits for answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use fastrand::Rng;
use tokio::sync::oneshot;
use tokio::sync::watch;
use wasl_agent::engine::{
    self, Digests, Engine, Enrolled, Facts, Input, Notice, Refused, Run, Signed,
};
use wasl_agent::intake::Door;
use wasl_agent::journal;
use wasl_agent::link::Pace;
use wasl_agent::seam;
use wasl_protocol::edition::{OfficeConfig, Serial};
use wasl_protocol::entry::{Cursor, Log};
use wasl_protocol::id::{EpochId, JournalId, OfficeId, Position};
use wasl_protocol::keys::SignKey;
use wasl_protocol::news::SignedNews;
use wasl_protocol::units::FeedNo;

use super::bugs::Bug;
use super::dials::Dials;
use super::disk::SimDisk;
use super::district::District;
use super::machine::{Dice, SimClock, Time};
use super::net::{PACE, Way};
use super::restores::Image;
use super::session::Asked;
use super::woe::{Rot, Woe};
use super::world::{Happens, World};

/// One office.
pub(super) struct Office {
    pub(super) id: OfficeId,
    pub(super) sign_key: SignKey,
    pub(super) disk: SimDisk,
    pub(super) clock: SimClock,
    pub(super) world: seam::World,
    pub(super) engine: Option<Engine>,
    pub(super) door: Option<Door>,
    pub(super) facts: watch::Receiver<Arc<Facts>>,
    /// Which run of the process this is.
    pub(super) life: u32,
    /// What waits for the next turn.
    inputs: Vec<(Input, Wanted)>,
    pub(super) pace: Pace,
    pub(super) conn: Option<u32>,
    /// Until when nothing goes up, or down.
    pub(super) blocked_until: [u64; 2],
    pub(super) config: Option<OfficeConfig>,
    pub(super) waits: Waits,
    /// When the config looks at the time.
    pub(super) config_at: u64,
    /// Its editions' slots, which lie beside the logs and are fsynced.
    pub(super) slots: BTreeMap<Serial, Vec<u8>>,
    pub(super) woe: Woe,
    /// Its disk is full, or failed: what is refused then is refused rightly.
    pub(super) ill: bool,
    /// The newest cursor that it has told HQ to be durable.
    pub(super) told: Option<Cursor>,
    /// What it was given of HQ's, in order: for a planted bug.
    pub(super) given: Vec<(Vec<SignedNews>, Cursor)>,
    /// What its disk may be put back to.
    pub(super) image: Option<Image>,
}

/// What is due at an office.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Waits {
    turn: bool,
    /// A step of an edition is being journalled: the config's way waits.
    pub(super) config: bool,
}

/// Who waits for what of a turn.
#[derive(Debug)]
pub(super) enum Wanted {
    Enrolled(u64, oneshot::Receiver<Result<Enrolled, Refused>>),
    Changed(u64, oneshot::Receiver<Result<Position, Refused>>),
    Read(u32, (JournalId, Position), oneshot::Receiver<Option<Run>>),
    Agreed(u32, JournalId, oneshot::Receiver<Option<Position>>),
    Stored(u32, Cursor, oneshot::Receiver<()>),
    Mended(u32, oneshot::Receiver<bool>),
    Compared(u32, oneshot::Receiver<Option<(Position, bool)>>),
    Signed(u32, oneshot::Receiver<Signed>),
    Digests(u32, Asked, oneshot::Receiver<Digests>),
    Step(oneshot::Receiver<Result<Position, Refused>>),
    Nothing,
}

/// How long a process takes to start again, in milliseconds.
const START_MS: u64 = 2_000;

/// The feed of an earlier life of HQ's database, of which some offices still have a cursor.
pub(super) const EARLIER: Cursor = Cursor { epoch: EpochId(1), feed: FeedNo(1_000_000) };

impl Office {
    pub(super) fn new(
        district: &District,
        nth: usize,
        time: &Time,
        dice: &mut Rng,
        dials: &Dials,
    ) -> Self {
        let member = &district.members[nth];
        let clock = SimClock::new(time, dice.i64(-dials.drift_ppm.abs()..=dials.drift_ppm.abs()));
        let entropy = Arc::new(Dice::new(dice.u64(..)));
        let disk = member.disk.copy();
        let world = seam::World {
            clock: Arc::new(clock.clone()),
            entropy: entropy.clone(),
            disk: Arc::new(disk.clone()),
        };
        Self {
            id: member.office.id.clone(),
            sign_key: member.identity.sign_key(),
            disk,
            clock,
            world,
            engine: None,
            door: None,
            facts: watch::channel(Arc::default()).1,
            life: 0,
            inputs: Vec::new(),
            pace: Pace::new(PACE, entropy),
            conn: None,
            blocked_until: [0, 0],
            config: None,
            waits: Waits::default(),
            config_at: 0,
            slots: BTreeMap::new(),
            woe: Woe::default(),
            ill: false,
            told: None,
            given: Vec::new(),
            image: None,
        }
    }

    /// Does it still take part? Then everything is asked of it.
    pub(super) fn counts(&self) -> bool {
        !self.woe.rotten() && !self.woe.revoked && !self.woe.alarmed
    }
}

impl World<'_> {
    /// The office's process starts: its logs are opened, mended and folded.
    pub(super) fn start(&mut self, nth: usize) {
        let office = &mut self.offices[nth];
        if office.engine.is_some() || office.woe.alarmed {
            return;
        }
        office.life += 1;
        let identity = &self.district.members[nth].identity;
        if self.plan.bug == Some(Bug::FoldOrder) && office.life > 1 {
            let inbox = engine::inboxes(identity.dir());
            office.disk.graft(&self.district.members[nth].disk, &inbox);
        }
        let (mut torn, mut born) = (0, None);
        let mut opened =
            engine::open_in_memory(&office.world, identity, &self.hq_key, &mut |said| match said {
                Notice::Torn(_) => torn += 1,
                Notice::Reborn { journal, .. } => born = Some(journal),
                _ => {}
            });
        if let Some(journal) = born {
            self.born_again(nth);
            if self.has(Bug::OriginalContexts) || self.has(Bug::RandomRebirthId) {
                opened = self.born_wrong(nth, journal);
            }
        }
        match opened {
            Ok(engine) => self.started(nth, engine, torn),
            Err(_) if self.offices[nth].disk.is_dead() => {
                self.count("crash while starting");
                self.crashed(nth);
            }
            Err(e) => {
                let said = e.to_string();
                self.refused_to_start(nth, &said);
            }
        }
    }

    fn refused_to_start(&mut self, nth: usize, said: &str) {
        let office = &mut self.offices[nth];
        if office.ill {
            // A disk that fails at the start too: the service manager tries again.
            return self.at(START_MS, Happens::Start { office: nth });
        }
        office.woe.alarmed = true;
        let rotten = office.woe.rotten();
        let reason = said.rsplit(": ").next().unwrap_or_default().to_owned();
        self.log(format_args!("office {nth} does not start: {reason}"));
        if rotten {
            self.count("rotten log, said at the start");
        } else {
            self.violated("I1", format!("office {nth} does not start: {reason}"));
        }
    }

    fn started(&mut self, nth: usize, engine: Engine, torn: usize) {
        let (handle, _queue) = engine.door();
        let office = &mut self.offices[nth];
        office.facts = handle.facts();
        let (office_id, world) = (office.id.clone(), office.world.clone());
        office.door = Some(Door { office: office_id, handle, world });
        office.engine = Some(engine);
        office.inputs.clear();
        (office.waits.turn, office.waits.config) = (false, false);
        let head = office.facts.borrow().journals.last().map_or(0, |(_, head)| head.seq.0);
        let (life, rotten) = (office.life, office.woe.rotten());
        self.log(format_args!("office {nth} starts: {head} entries, {torn} torn ends"));
        if rotten {
            self.scrub(nth);
        }
        if torn > 0 {
            self.count("torn end mended");
            // A damaged last entry is cut like a torn one; it is told, which is what is asked.
            self.offices[nth].woe.alarmed = rotten;
        }
        if self.has(Bug::FoldOrder) {
            self.fold_backwards(nth);
        }
        if self.has(Bug::CursorWithoutEpoch) && life == 1 && nth.is_multiple_of(2) {
            self.earlier_life(nth);
        }
        self.check_start(nth);
        self.config_starts(nth);
        let delay = self.dice.u64(..500);
        self.at(delay, Happens::Dial { office: nth, life });
    }

    /// The daemon's look through the whole journal, which is done after each start.
    fn scrub(&mut self, nth: usize) {
        let dir = engine::journals(self.district.members[nth].identity.dir());
        let office = &self.offices[nth];
        let ends = office.facts.borrow().journals.clone();
        let Some((id, end)) = ends.last() else { return };
        let found = journal::holes(&office.disk, &dir, (Log::Journal, *id), *end, &|| ());
        if let Ok(holes) = found {
            let (answer, _) = oneshot::channel();
            let input = Input::Holes { log: Log::Journal, holes, answer };
            self.ask(nth, input, Wanted::Nothing);
        }
    }

    /// The office has taken the feed of an earlier life of HQ's database.
    fn earlier_life(&mut self, nth: usize) {
        let (answer, _) = oneshot::channel();
        let input = Input::News { news: Vec::new(), upto: EARLIER, answer };
        if let Some(engine) = &mut self.offices[nth].engine {
            let _ = engine.turn(vec![input]); // a trap may have closed: then it has crashed
        }
    }

    /// A planted bug: the journal has been folded first; now comes what HQ said.
    fn fold_backwards(&mut self, nth: usize) {
        let office = &mut self.offices[nth];
        let given = office.given.clone();
        let Some(engine) = &mut office.engine else { return };
        for (news, upto) in given {
            let (answer, _) = oneshot::channel();
            let _ = engine.turn(vec![Input::News { news, upto, answer }]); // a trap: a crash
        }
    }

    /// Puts an input in line; the next turn is not far.
    pub(super) fn ask(&mut self, nth: usize, input: Input, wanted: Wanted) {
        let office = &mut self.offices[nth];
        if office.engine.is_none() {
            return;
        }
        office.inputs.push((input, wanted));
        if office.inputs.len() > MOST_INPUTS {
            self.violated("I7", format!("more than {MOST_INPUTS} inputs wait for an engine"));
        }
        if !self.offices[nth].waits.turn {
            self.offices[nth].waits.turn = true;
            let life = self.offices[nth].life;
            let delay = self.dice.u64(..=self.dials.sync_ms);
            self.at(delay, Happens::Turn { office: nth, life });
        }
    }

    /// One turn of the engine, and the answers to whoever waits for them.
    pub(super) fn turn(&mut self, nth: usize) {
        let office = &mut self.offices[nth];
        office.waits.turn = false;
        let (inputs, wanted): (Vec<_>, Vec<_>) =
            std::mem::take(&mut office.inputs).into_iter().unzip();
        let Some(engine) = &mut office.engine else { return };
        let early = self.plan.bug == Some(Bug::NewsAckedBeforeStored);
        let done = engine.turn(inputs);
        engine.reopen();
        if office.disk.is_dead() {
            return self.crashed(nth);
        }
        if let Err(why) = &done
            && self.ended_parted(nth, why)
        {
            for wanted in wanted {
                self.answer(nth, wanted, early);
            }
            // All of its scope is sent to it again.
            self.offices[nth].told = None;
            return self.stopped(nth);
        }
        if done.is_err() {
            self.count("process ended: its disk failed");
            let ill = &mut self.offices[nth];
            ill.disk.switch_off(false);
            self.log(format_args!("office {nth} ends: a write or sync failed"));
            for wanted in wanted {
                self.refused_by_disk(nth, wanted);
            }
            return self.stopped(nth);
        }
        if let Some(engine) = &mut self.offices[nth].engine
            && self.dice.u8(..4) == 0
        {
            let _ = engine.keep_up(); // a view in memory does not fail
        }
        if self.offices[nth].disk.is_dead() {
            return self.crashed(nth);
        }
        for wanted in wanted {
            self.answer(nth, wanted, early);
        }
        self.grew(nth);
    }

    fn answer(&mut self, nth: usize, wanted: Wanted, early: bool) {
        match wanted {
            Wanted::Enrolled(uid, mut answer) => {
                if let Ok(answer) = answer.try_recv() {
                    self.enrolled(nth, uid, answer);
                }
            }
            Wanted::Changed(uid, mut answer) => {
                if let Ok(answer) = answer.try_recv() {
                    self.changed(nth, uid, answer);
                }
            }
            Wanted::Read(conn, (journal, after), mut answer) => {
                if let Ok(run) = answer.try_recv() {
                    self.read_done(conn, journal, after, run);
                }
            }
            Wanted::Agreed(conn, journal, mut answer) => {
                if let Ok(common) = answer.try_recv() {
                    self.agreed(conn, journal, common);
                }
            }
            Wanted::Signed(conn, mut answer) => {
                if let Ok(signed) = answer.try_recv() {
                    self.signed(conn, signed);
                }
            }
            Wanted::Stored(..) if early => {}
            Wanted::Stored(conn, upto, mut answer) => {
                let taken = answer.try_recv().is_ok();
                self.news_stored(nth, conn, upto, taken);
            }
            Wanted::Mended(conn, mut answer) => {
                if let Ok(taken) = answer.try_recv() {
                    self.mended(conn, taken);
                }
            }
            Wanted::Compared(conn, mut answer) => {
                if let Ok(compared) = answer.try_recv() {
                    self.compared(conn, compared);
                }
            }
            Wanted::Digests(conn, asked, mut answer) => {
                if let Ok((digests, _)) = answer.try_recv() {
                    self.digested(conn, asked, digests);
                }
            }
            Wanted::Step(mut answer) => {
                if let Ok(answer) = answer.try_recv() {
                    self.step_written(nth, answer.is_ok());
                }
            }
            Wanted::Nothing => {}
        }
    }

    /// Answers after a failed write say "not stored", and nothing else.
    fn refused_by_disk(&mut self, nth: usize, wanted: Wanted) {
        let answered = match wanted {
            Wanted::Enrolled(_, mut answer) => matches!(answer.try_recv(), Ok(Ok(_))),
            Wanted::Changed(_, mut answer) => matches!(answer.try_recv(), Ok(Ok(_))),
            _ => false,
        };
        if answered {
            self.violated("I3", format!("office {nth} answered though its disk failed"));
        }
    }

    /// The power is gone, or the process: whoever waits is answered by nobody.
    pub(super) fn crashed(&mut self, nth: usize) {
        let cut = self.offices[nth].disk.was_cut();
        self.count(if cut { "power cut of an office" } else { "kill of an office" });
        self.log(format_args!(
            "office {nth} {}",
            if cut { "loses its power" } else { "is killed" }
        ));
        self.stopped(nth);
    }

    /// The process is gone; the service manager or somebody's hand starts it again.
    fn stopped(&mut self, nth: usize) {
        let (was_cut, dice) = (self.offices[nth].disk.was_cut(), &mut self.dice);
        let office = &mut self.offices[nth];
        office.engine = None;
        office.door = None;
        office.inputs.clear();
        if was_cut {
            let [kept, torn, lost] = office.disk.reboot(dice);
            for (n, what) in [
                (kept, "unsynced write kept"),
                (torn, "unsynced write torn"),
                (lost, "unsynced write lost"),
            ] {
                *self.counted.entry(what).or_default() += n;
            }
        } else {
            office.disk.restart();
        }
        if let Some(conn) = self.offices[nth].conn.take() {
            self.office_vanishes(conn);
        }
        self.at(START_MS, Happens::Start { office: nth });
    }

    /// The session is told where the journal ends now.
    fn grew(&mut self, nth: usize) {
        let office = &mut self.offices[nth];
        if !office.facts.has_changed().unwrap_or(false) {
            return;
        }
        let facts = Arc::clone(&office.facts.borrow_and_update());
        if office.woe.rot == Rot::Unsaid && !facts.holes.is_empty() {
            office.woe.rot = Rot::Holed;
            self.count("rotten log, said by a hole");
            self.log(format_args!("office {nth} says that its journal has a hole"));
        } else if office.woe.rot == Rot::Holed && facts.holes.is_empty() {
            office.woe.rot = Rot::Filled;
            self.count("hole filled from HQ");
            self.log(format_args!("office {nth} has no hole any more"));
        }
        let office = &self.offices[nth];
        if let Some(conn) = office.conn {
            self.office_lacks(conn, facts.lacks);
            self.office_grew(conn, facts.journals.clone());
        }
        self.check_facts(nth, &facts);
    }

    /// An office's link is cut one way or both, for so long.
    pub(super) fn block(&mut self, nth: usize, way: Way, for_ms: u64) {
        let until = self.time.now_ms() + for_ms;
        let blocked = &mut self.offices[nth].blocked_until[way as usize];
        *blocked = until.max(*blocked);
    }
}

/// How many inputs one office's engine can have waiting: what people ask in these worlds, and a
/// few of the session's.
const MOST_INPUTS: usize = 128;
