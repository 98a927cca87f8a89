//! Headquarters: the real store on a database in memory, and the real driver of each session.
//!
//! What is asked of the store is awaited at once, after a delay that is drawn: the store decides
//! nothing by its own timing. A crash finds what a session had asked for either not begun or
//! committed and not answered.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use fastrand::Rng;
use tokio::runtime::Runtime;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;
use wasl_protocol::edition::SignedEdition;
use wasl_protocol::id::{EpochId, JournalId, OfficeId, Position};
use wasl_protocol::news::{News, Says, SignedNews};
use wasl_protocol::session::hq::Input;
use wasl_protocol::units::{FeedNo, MonoMs};
use wasl_protocol::wire::{Ack, Bye, ByeCode, Message};
use wasl_server_stub::gateway::driver::{Driver, Effect, Event, Next};
use wasl_server_stub::gateway::work::{Done, Stretch, Work, do_work, look_for_config, read_feed};
use wasl_server_stub::gateway::{GatewayConfig, Sessions};
use wasl_server_stub::seam;
use wasl_server_stub::store::{StandingNews, Store};

use super::bugs::Bug;
use super::district::District;
use super::machine::{Dice, SimClock, Time};
use super::net::{Way, Whose, hq_waiting};
use super::rollbacks::{ENDINGS, Image};
use super::world::{Happens, World};

/// How many requests to the store may wait: what the driver promises, and what one message adds.
const WORK_WAITING: usize = 40;

/// Headquarters.
pub(super) struct Hq {
    pub(super) database: PathBuf,
    pub(super) clock: SimClock,
    config: seam::World,
    /// None: HQ is down.
    pub(super) store: Option<Store>,
    news: Option<[Receiver<OfficeId>; 2]>,
    standing: Option<Receiver<StandingNews>>,
    /// Work that a planted bug has acknowledged and not done yet.
    owed: Vec<(Whose, Work)>,
    pub(super) editions: Vec<SignedEdition>,
    /// What its database may be put back to.
    pub(super) image: Option<Image>,
    /// The life of a database that was put back with the file beside it: as long as it is in that
    /// life, it may not know, and staff wait.
    pub(super) unaware: Option<EpochId>,
}

/// HQ's end of a connection.
#[derive(Debug)]
pub(super) struct HqEnd {
    driver: Driver,
    whose: Whose,
    work: Option<Work>,
    feed: Option<(Vec<JournalId>, FeedNo, usize)>,
    look: bool,
    wakes_at: u64,
}

/// What [`Happens::Work`] is about.
const WORK: u8 = 0;
const FEED: u8 = 1;
const LOOK: u8 = 2;

/// How many databases there have been: each world has its own.
static WORLDS: AtomicU64 = AtomicU64::new(0);

/// How long HQ takes to start again, in milliseconds.
const START_MS: u64 = 3_000;

impl Hq {
    pub(super) fn new(district: &District, runtime: &Runtime, time: &Time, dice: &mut Rng) -> Self {
        let name = format!("world-{}.db", WORLDS.fetch_add(1, Ordering::Relaxed));
        let database = district.place.join(name);
        std::fs::copy(&district.database, &database).expect("a database can be copied");
        let clock = SimClock::new(time, 0);
        let entropy = Arc::new(Dice::new(dice.u64(..)));
        let config = seam::World { clock: Arc::new(clock.clone()), entropy };
        let mut hq = Self {
            database,
            clock,
            config,
            store: None,
            news: None,
            standing: None,
            owed: Vec::new(),
            editions: Vec::new(),
            image: None,
            unaware: None,
        };
        hq.open(district, runtime);
        hq
    }

    fn open(&mut self, district: &District, runtime: &Runtime) {
        let opened = Store::open(&self.database, &district.keys, self.config.clone());
        let store = runtime.block_on(opened).expect("HQ's database opens");
        self.news = Some([store.feed_grew(), store.config_news()]);
        self.standing = Some(store.standing_news());
        self.store = Some(store);
    }

    /// Ends HQ for good, and takes its database away.
    pub(super) fn close(&mut self, runtime: &Runtime) {
        if let Some(store) = self.store.take() {
            runtime.block_on(store.close());
        }
        for ending in ENDINGS {
            let _ = std::fs::remove_file(self.file(ending)); // most may not be there
        }
    }

    /// A file of its database, by how its name ends.
    pub(super) fn file(&self, ending: &str) -> PathBuf {
        let mut path = self.database.clone().into_os_string();
        path.push(ending);
        path.into()
    }

    /// The life of its database.
    pub(super) fn epoch(&self) -> Option<EpochId> {
        self.store.as_ref().map(Store::epoch)
    }
}

impl World<'_> {
    fn gateway(&self) -> Option<GatewayConfig> {
        Some(GatewayConfig {
            world: self.hq.config.clone(),
            store: self.hq.store.clone()?,
            keys: self.district.keys.clone(),
            sessions: Sessions::default(),
        })
    }

    /// What every office has is compared with what HQ has, at its next session.
    fn want_audits(&mut self) {
        let Some(store) = self.store() else { return };
        for office in &self.offices {
            self.runtime.block_on(store.want_audit(&office.id)).expect("the database writes");
        }
    }

    /// The store, and the runtime to ask it with.
    pub(super) fn store(&self) -> Option<Store> {
        self.hq.store.clone()
    }

    /// HQ looks whose key it is, as the gateway does.
    pub(super) fn hq_admits(&mut self, nth: usize) -> Result<HqEnd, Bye> {
        let Some(store) = self.store() else { return Err(Bye::now(ByeCode::Busy)) };
        let known = self.runtime.block_on(store.office_by_key(self.district.members[nth].key));
        match known {
            Ok(Some(office)) if office.revoked => Err(Bye::now(ByeCode::Revoked)),
            Ok(Some(office)) => {
                let key = self.district.keys.sign_key().clone();
                let now = self.hq.clock.mono();
                let driver = Driver::open(now, office.id.clone(), store.epoch(), key);
                let whose = Arc::new(office);
                Ok(HqEnd { driver, whose, work: None, feed: None, look: false, wakes_at: 0 })
            }
            Ok(None) => Err(Bye::now(ByeCode::UnknownKey)),
            Err(_) => Err(Bye::now(ByeCode::Busy)),
        }
    }

    fn hq_end(&mut self, conn: u32) -> Option<&mut HqEnd> {
        self.conns.get_mut(&conn)?.down.as_mut()
    }

    fn tell_hq(&mut self, conn: u32, event: Event) {
        let now = self.hq.clock.mono();
        if let Some(end) = self.hq_end(conn) {
            end.driver.take(now, event);
            self.pump_hq(conn);
        }
    }

    /// HQ's driver takes in what has arrived, and does what it wants.
    pub(super) fn pump_hq(&mut self, conn: u32) {
        loop {
            let Some(open) = self.conns.get(&conn) else { return };
            let waiting = hq_waiting(open);
            let now = self.hq.clock.mono();
            let Some(end) = self.hq_end(conn) else { return };
            let (waits, room) = (end.driver.work_waiting(), end.driver.has_room(waiting));
            match end.driver.poll(waiting) {
                Next::Do(effect) => self.hq_does(conn, effect),
                Next::End(bye) => return self.hq_ends(conn, bye, true),
                Next::Sleep(until) => {
                    if waits > WORK_WAITING {
                        self.violated("I7", format!("{waits} requests of one session wait at HQ"));
                    }
                    if !room || !self.hq_hears(conn, now) {
                        return self.hq_sleeps(conn, until);
                    }
                }
            }
        }
    }

    /// Takes in one message; false if none has arrived.
    fn hq_hears(&mut self, conn: u32, now: MonoMs) -> bool {
        match self.next_message(conn, Way::Up) {
            Ok(None) => false,
            Ok(Some(message)) => {
                if let Some(end) = self.hq_end(conn) {
                    end.driver.take(now, Event::Message(message));
                }
                true
            }
            Err(()) => {
                self.hq_ends(conn, Bye::now(ByeCode::Fault), true);
                true
            }
        }
    }

    fn hq_sleeps(&mut self, conn: u32, until: MonoMs) {
        if until == MonoMs::NEVER {
            return self.violated("I6", "HQ sleeps for ever in a session".to_owned());
        }
        let delay = until.since_ms(self.hq.clock.mono()) + 1;
        let at = self.time.now_ms() + delay;
        let Some(end) = self.hq_end(conn) else { return };
        if end.wakes_at != at {
            end.wakes_at = at;
            self.at(delay, Happens::Wake { conn, way: Way::Up });
        }
    }

    pub(super) fn hq_tick(&mut self, conn: u32) {
        let now = self.time.now_ms();
        if self.hq_end(conn).is_some_and(|end| end.wakes_at == now) {
            self.tell_hq(conn, Event::Tick);
        }
    }

    fn hq_does(&mut self, conn: u32, effect: Effect) {
        let what = match effect {
            Effect::Put(message) => {
                if let Message::Ack(ack) = &message {
                    self.hq_acked(ack);
                }
                return self.send(conn, Way::Down, &message);
            }
            Effect::Work(work) => {
                if let Some(end) = self.hq_end(conn) {
                    end.work = Some(work);
                }
                WORK
            }
            Effect::ReadFeed { journals, after, max_bytes } => {
                if let Some(end) = self.hq_end(conn) {
                    end.feed = Some((journals, after, max_bytes));
                }
                FEED
            }
            Effect::LookForConfig => {
                if let Some(end) = self.hq_end(conn) {
                    end.look = true;
                }
                LOOK
            }
        };
        let delay = self.dice.u64(..=self.dials.commit_ms);
        self.at(delay, Happens::Work { conn, what });
    }

    /// The store does something for a session, and the session is told.
    pub(super) fn hq_work(&mut self, conn: u32, what: u8) {
        let Some(gateway) = self.gateway() else { return };
        let Some(end) = self.hq_end(conn) else { return };
        let whose = Arc::clone(&end.whose);
        let event = match what {
            WORK => {
                let Some(work) = end.work.take() else { return };
                let Some(done) = self.work(gateway, whose, work) else { return };
                Event::Done(done)
            }
            FEED => {
                let Some((journals, after, most)) = end.feed.take() else { return };
                let read = read_feed(gateway, whose.clone(), journals, after, most);
                let read = self.runtime.block_on(read);
                Event::Read(read.map(|stretch| self.maybe_newer(&whose.id, stretch)))
            }
            _ => {
                if !std::mem::take(&mut end.look) {
                    return;
                }
                Event::Config(self.runtime.block_on(look_for_config(gateway, whose)))
            }
        };
        self.tell_hq(conn, event);
        self.spread_news();
    }

    /// One piece of work; none if a planted bug swallows it.
    fn work(&mut self, gateway: GatewayConfig, whose: Whose, work: Work) -> Option<Done> {
        if let Work::Append(entries) = &work {
            if self.has(Bug::PoisonBlocksQueue) {
                let held = self.runtime.block_on(gateway.store.held_of(&whose.id)).unwrap_or(0);
                if held > 0 {
                    return None;
                }
            }
            if self.has(Bug::AckBeforeCommit) {
                let last = entries.last;
                let (epoch, key) = (gateway.store.epoch(), self.district.keys.sign_key());
                let ack = Ack::new(epoch, entries.journal, last, None, 0, key);
                self.hq.owed.push((whose, work));
                return Some(Done::from(Input::Appended(ack)));
            }
        }
        for (whose, owed) in std::mem::take(&mut self.hq.owed) {
            self.runtime.block_on(do_work(gateway.clone(), whose, owed));
        }
        Some(self.runtime.block_on(do_work(gateway, whose, work)))
    }

    /// An HQ of a newer version may say of a record what this one cannot read.
    fn maybe_newer(&mut self, office: &OfficeId, mut stretch: Stretch) -> Stretch {
        if self.calm || self.dice.u64(..1000) >= self.dials.newer_pm {
            return stretch;
        }
        let Some(news) = stretch.states.states.pop() else { return stretch };
        if let Ok(news) = news.verify(&self.hq_key)
            && let Some(record) = news.record
        {
            self.count("news that only a newer version reads");
            let (epoch, feed) = (news.epoch, news.feed);
            let says = Says::Newer(vec![250, 1, 2, 3]);
            let newer = News { epoch, office: office.clone(), feed, record: Some(record), says };
            self.oracle.unread.insert(record);
            let signed = SignedNews::sign(&newer, self.district.keys.sign_key());
            stretch.states.states.push(signed);
            return stretch;
        }
        stretch.states.states.push(news);
        stretch
    }

    /// Sessions whose office has news are woken.
    pub(super) fn spread_news(&mut self) {
        self.note_life();
        let Some([feeds, configs]) = &mut self.hq.news else { return };
        let (feeds, configs) = (drain(feeds), drain(configs));
        for news in self.hq.standing.as_mut().map(drain).unwrap_or_default() {
            let conns: Vec<u32> = self.conns.keys().copied().collect();
            for conn in conns {
                self.tell_hq(conn, Event::Standing(news));
            }
        }
        for (offices, config) in [(feeds, false), (configs, true)] {
            for office in offices {
                let nth = self.offices.iter().position(|o| o.id == office);
                let Some(conn) = nth.and_then(|nth| self.live_at_hq(nth)) else { continue };
                if config {
                    self.tell_hq(conn, Event::ConfigNews);
                } else if !self.has(Bug::LostWakeUp) {
                    self.tell_hq(conn, Event::FeedGrew);
                }
            }
        }
    }

    /// HQ's end of a connection is over.
    pub(super) fn hq_ends(&mut self, conn: u32, bye: Bye, says: bool) {
        let Some(open) = self.conns.get_mut(&conn) else { return };
        if open.down.take().is_some() && says {
            self.close(conn, Way::Down, bye);
        }
    }

    /// HQ's process is killed: of what sessions asked for some is committed, none is answered.
    pub(super) fn hq_crash(&mut self) {
        let Some(gateway) = self.gateway() else { return };
        self.count("kill of HQ");
        let conns: Vec<u32> = self.conns.keys().copied().collect();
        let mut committed = 0;
        for conn in conns {
            let Some(end) = self.conns.get_mut(&conn).and_then(|conn| conn.down.take()) else {
                continue;
            };
            if let (Some(work), true) = (end.work, self.dice.bool()) {
                committed += 1;
                self.runtime.block_on(do_work(gateway.clone(), end.whose, work));
            }
            let delay = self.dice.u64(1_000..super::net::IDLE_MS);
            self.at(delay, Happens::Gone { conn, way: Way::Down });
        }
        drop(gateway);
        self.hq.owed.clear();
        (self.hq.news, self.hq.standing) = (None, None);
        if let Some(store) = self.hq.store.take() {
            self.runtime.block_on(store.close());
        }
        self.log(format_args!("HQ is killed; {committed} requests were committed, not answered"));
        let down = START_MS + self.dice.u64(..20_000);
        self.at(down, Happens::HqStart);
    }

    pub(super) fn hq_start(&mut self) {
        if self.hq.store.is_none() {
            self.hq.open(self.district, &self.runtime);
            self.want_audits();
            self.log(format_args!("HQ starts"));
            self.note_life();
            self.check_hq_start();
            self.survey();
        }
    }

    /// HQ's database may live another life by now.
    fn note_life(&mut self) {
        if let Some(epoch) = self.hq.epoch()
            && !self.oracle.lives.contains(&epoch)
        {
            self.oracle.lives.push(epoch);
        }
    }

    /// Where HQ stands in the newest journal of an office.
    pub(super) fn hq_stands(&self, nth: usize) -> Option<(JournalId, Position)> {
        let store = self.hq.store.as_ref()?;
        let facts = self.runtime.block_on(store.office_facts(&self.offices[nth].id));
        facts.ok()??.journals.last().copied()
    }

    /// What HQ has at the end, in one line of the trace.
    pub(super) fn hq_totals(&self) -> String {
        let totals = self.hq.store.as_ref().map(|store| self.runtime.block_on(store.totals()));
        match totals {
            Some(Ok(t)) => {
                format!("{} records, {} in conflict, {} held", t.records, t.conflicts, t.held)
            }
            _ => "HQ is down".to_owned(),
        }
    }
}

/// What a store has said since the last look; if too much was said, that is no news of anybody.
fn drain<T: Clone>(said: &mut Receiver<T>) -> Vec<T> {
    let mut news = Vec::new();
    loop {
        match said.try_recv() {
            Ok(one) => news.push(one),
            Err(TryRecvError::Lagged(_)) => {}
            Err(TryRecvError::Empty | TryRecvError::Closed) => return news,
        }
    }
}
