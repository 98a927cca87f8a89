//! The office's end of a session: the real driver, and what it wants done.

use tokio::sync::oneshot;
use wasl_agent::engine::{Facts, Input, Run, Signed};
use wasl_agent::link::Failure;
use wasl_agent::link::driver::{
    Driver, Effect, Event, Next, Rates, Terms, check_news, farewell, greeting, report,
};
use wasl_protocol::entry::Cursor;
use wasl_protocol::id::{JournalId, Position, RecordId};
use wasl_protocol::keys::SignKey;
use wasl_protocol::record::{bucket, sums};
use wasl_protocol::session::office::Input as Greeting;
use wasl_protocol::units::{MonoMs, Seq};
use wasl_protocol::wire::{Ack, Audit, Buckets, Differing, Fetched, Message, States};

use super::bugs::Bug;
use super::net::{Way, office_waiting};
use super::office::{EARLIER, Wanted};
use super::world::{Happens, World};

/// How often an office lets HQ hear of it, in milliseconds.
const HEARTBEAT_MS: u64 = 60_000;

/// How many messages of states may wait for an engine: what the driver promises, and one more.
const STATES_WAITING: usize = 9;

/// What HQ wants to know of the scope.
#[derive(Debug)]
pub(super) enum Asked {
    Sums(Audit),
    List(Differing),
}

/// The office's end of a connection.
#[derive(Debug)]
pub(super) struct OfficeEnd {
    driver: Driver,
    /// The engine looks for the common position, or fills a hole: nothing else is done before.
    busy: bool,
    reading: Option<(JournalId, Position, usize)>,
    pub(super) level: bool,
    wakes_at: u64,
}

impl World<'_> {
    /// The office's end of a new connection.
    pub(super) fn office_opens(&mut self, nth: usize) -> OfficeEnd {
        let office = &self.offices[nth];
        let serial = office.config.as_ref().map_or(0, |config| config.state().running().0);
        let mut facts = Facts::clone(&office.facts.borrow());
        if self.has(Bug::OnlyTheNewestJournalOffered) {
            facts.journals.drain(..facts.journals.len().saturating_sub(1));
        }
        let mut opened = greeting(&facts, serial, office.clock.unix());
        if let (Greeting::Opened { hello, .. }, true) =
            (&mut opened, self.has(Bug::CursorWithoutEpoch))
            && let (Some(cursor), Some(epoch)) = (&mut hello.cursor, self.hq.epoch())
            && *cursor == EARLIER
        {
            cursor.epoch = epoch;
        }
        let terms = Terms {
            office: office.id.clone(),
            sign_key: office.sign_key.clone(),
            hq_sign_key: self.hq_key,
            rates: Rates { heartbeat_ms: HEARTBEAT_MS, records_kbit_s: 0 },
        };
        let mut driver = Driver::open(office.clock.mono(), terms, opened, 0);
        driver.lacks(office.clock.mono(), office.facts.borrow().lacks);
        OfficeEnd { driver, busy: false, reading: None, level: false, wakes_at: 0 }
    }

    fn end(&mut self, conn: u32) -> Option<(usize, &mut OfficeEnd)> {
        let conn = self.conns.get_mut(&conn)?;
        Some((conn.office, conn.up.as_mut()?))
    }

    fn tell_office(&mut self, conn: u32, event: Event) {
        let Some((nth, _)) = self.end(conn) else { return };
        let now = self.offices[nth].clock.mono();
        let Some((_, end)) = self.end(conn) else { return };
        if let Err(why) = end.driver.take(now, event) {
            return self.office_ends(conn, &why, true);
        }
        self.pump_office(conn);
    }

    /// The office's driver takes in what has arrived, and does what it wants.
    pub(super) fn pump_office(&mut self, conn: u32) {
        loop {
            let Some(open) = self.conns.get(&conn) else { return };
            let waiting = office_waiting(open);
            let Some((nth, end)) = self.end(conn) else { return };
            if end.busy {
                return self.hear_early(conn, nth);
            }
            let (waits, room) = (end.driver.states_waiting(), end.driver.has_room(waiting));
            if waits > STATES_WAITING {
                self.violated("I7", format!("{waits} messages of states wait at office {nth}"));
            }
            let now = self.offices[nth].clock.mono();
            let Some((_, end)) = self.end(conn) else { return };
            match end.driver.poll(now, waiting) {
                Next::Do(effect) => self.office_does(conn, nth, effect),
                Next::End(why) => return self.office_ends(conn, &why, true),
                Next::Sleep(until) => {
                    if !room || !self.office_hears(conn, now) {
                        return self.office_sleeps(conn, nth, until);
                    }
                }
            }
        }
    }

    /// A planted bug: states are folded while the positions are being agreed.
    fn hear_early(&mut self, conn: u32, nth: usize) {
        while self.has(Bug::StatesFoldedBeforeAgreeing)
            && let Some(Message::States(states)) = self.next_of_bulk(conn, Way::Down)
        {
            self.store_news(conn, nth, states);
        }
    }

    /// Takes in one message; false if none has arrived.
    fn office_hears(&mut self, conn: u32, now: MonoMs) -> bool {
        match self.next_message(conn, Way::Down) {
            Ok(None) => false,
            Ok(Some(message)) => {
                let Some((nth, end)) = self.end(conn) else { return false };
                let heard = end.driver.take(now, Event::Message(message.clone()));
                if let (Message::Ack(ack), true) = (message, self.has(Bug::ReceiptNotVerified))
                    && heard.is_err()
                {
                    self.acked(nth, ack);
                    return true;
                }
                if let Err(why) = heard {
                    self.office_ends(conn, &why, true);
                }
                true
            }
            Err(()) => {
                let why = Failure::Fault("bytes that are no message".to_owned());
                self.office_ends(conn, &why, true);
                true
            }
        }
    }

    fn office_sleeps(&mut self, conn: u32, nth: usize, until: MonoMs) {
        if until == MonoMs::NEVER {
            return self.violated("I6", format!("office {nth} sleeps for ever in a session"));
        }
        let clock = self.offices[nth].clock.mono();
        let at = self.time.now_ms() + until.since_ms(clock) + 1;
        let Some((_, end)) = self.end(conn) else { return };
        if end.wakes_at != at {
            end.wakes_at = at;
            let delay = at - self.time.now_ms();
            self.at(delay, Happens::Wake { conn, way: Way::Down });
        }
    }

    pub(super) fn office_tick(&mut self, conn: u32) {
        let now = self.time.now_ms();
        if self.end(conn).is_some_and(|(_, end)| end.wakes_at == now) {
            self.tell_office(conn, Event::Tick);
        }
    }

    fn office_does(&mut self, conn: u32, nth: usize, effect: Effect) {
        match effect {
            Effect::Put(message) => self.send(conn, Way::Up, &message),
            Effect::Report(number) => {
                let office = &self.offices[nth];
                let message = report(number, &office.facts.borrow(), office.clock.unix());
                if let Some(message) = message {
                    self.send(conn, Way::Up, &message);
                }
            }
            Effect::Read { journal, after, max_bytes, pause_ms } => {
                if let Some((_, end)) = self.end(conn) {
                    end.reading = Some((journal, after, max_bytes));
                }
                self.at(pause_ms, Happens::Read { conn });
            }
            Effect::Agree(standing) => {
                if let Some((_, end)) = self.end(conn) {
                    end.busy = true;
                }
                let (journal, (answer, waits)) = (standing.journal, oneshot::channel());
                let input = Input::Agree { standing, answer };
                self.ask(nth, input, Wanted::Agreed(conn, journal, waits));
            }
            Effect::GiveBack { epoch, after } => {
                if let Some((_, end)) = self.end(conn) {
                    end.busy = true;
                }
                let (answer, waits) = oneshot::channel();
                let input = Input::Signed { besides: epoch, after, answer };
                self.ask(nth, input, Wanted::Signed(conn, waits));
            }
            Effect::Store(states) => self.store_news(conn, nth, states),
            Effect::Acked(ack) => self.acked(nth, ack),
            Effect::Welcomed(_) => {
                self.log(format_args!("office {nth} is welcomed"));
                self.config_session(nth, true);
            }
            Effect::Config(message) => self.config_hears(nth, message),
            Effect::Mend(Fetched { journal, after, frames }) => {
                if let Some((_, end)) = self.end(conn) {
                    end.busy = true;
                }
                let (answer, waits) = oneshot::channel();
                let input = Input::Mend { journal, after, frames, answer };
                self.ask(nth, input, Wanted::Mended(conn, waits));
            }
            Effect::Compare(fetched) => {
                if let Some((_, end)) = self.end(conn) {
                    end.busy = true;
                }
                let (answer, waits) = oneshot::channel();
                self.ask(nth, Input::Compare { fetched, answer }, Wanted::Compared(conn, waits));
            }
            Effect::Sum(audit) => self.digests_for(conn, nth, Asked::Sums(audit)),
            Effect::List(differing) => self.digests_for(conn, nth, Asked::List(differing)),
            Effect::Diverged { common } => {
                if !self.offices[nth].woe.put_back {
                    self.saw_fork(nth);
                }
                self.ask(nth, Input::Diverged { common }, Wanted::Nothing);
            }
            Effect::Forked { common, .. } => self.forked(nth, common),
            Effect::Level { .. } => {
                if let Some((_, end)) = self.end(conn) {
                    end.level = true;
                }
            }
        }
    }

    fn digests_for(&mut self, conn: u32, nth: usize, asked: Asked) {
        let (answer, waits) = oneshot::channel();
        let input = Input::Digests { skip: 0, limit: u64::MAX, answer };
        self.ask(nth, input, Wanted::Digests(conn, asked, waits));
    }

    /// The engine has read what the office has of its scope.
    pub(super) fn digested(&mut self, conn: u32, asked: Asked, digests: Vec<(RecordId, u64)>) {
        self.count("scope compared");
        let event = match asked {
            Asked::Sums(Audit { number }) => Event::Summed(Buckets { number, sums: sums(digests) }),
            Asked::List(Differing { number, buckets }) => {
                let listed = digests.into_iter().filter(|(id, _)| buckets.contains(&bucket(*id)));
                Event::Listed { number, records: listed.collect() }
            }
        };
        self.tell_office(conn, event);
    }

    fn acked(&mut self, nth: usize, ack: Ack) {
        let at = self.offices[nth].clock.unix();
        self.ask(nth, Input::Acked { ack, at }, Wanted::Nothing);
    }

    fn forked(&mut self, nth: usize, common: Seq) {
        self.ask(nth, Input::Forked { common }, Wanted::Nothing);
        self.saw_fork(nth);
    }

    fn store_news(&mut self, conn: u32, nth: usize, states: States) {
        let office = &self.offices[nth];
        if let Err(why) = check_news(&states, &office.id, &self.hq_key) {
            return self.office_ends(conn, &why, true);
        }
        let States { states: news, upto } = states;
        if self.has(Bug::FoldOrder) {
            self.offices[nth].given.push((news.clone(), upto));
        }
        let (answer, waits) = oneshot::channel();
        self.ask(nth, Input::News { news, upto, answer }, Wanted::Stored(conn, upto, waits));
        if self.has(Bug::NewsAckedBeforeStored) {
            self.news_stored(nth, conn, upto, true);
        }
    }

    /// The engine has the news on disk, or does not take them.
    pub(super) fn news_stored(&mut self, nth: usize, conn: u32, upto: Cursor, taken: bool) {
        if !taken {
            let fork = self.offices[nth].facts.borrow().fork;
            self.log(format_args!("office {nth} does not take news; its fork: {fork:?}"));
            let why = Failure::Engine(wasl_agent::engine::Refused::Stopped);
            return self.office_ends(conn, &why, true);
        }
        self.offices[nth].told = Some(upto);
        self.tell_office(conn, Event::Stored(upto));
    }

    /// The link has paid for what was sent before: the journal is read.
    pub(super) fn read_for(&mut self, conn: u32) {
        let Some((nth, end)) = self.end(conn) else { return };
        let Some((journal, after, max_bytes)) = end.reading.take() else { return };
        let (answer, waits) = oneshot::channel();
        let input = Input::Read { journal, after, max_bytes, answer };
        self.ask(nth, input, Wanted::Read(conn, (journal, after), waits));
    }

    pub(super) fn read_done(
        &mut self,
        conn: u32,
        journal: JournalId,
        after: Position,
        run: Option<Run>,
    ) {
        self.tell_office(conn, Event::Read { journal, after, run });
    }

    pub(super) fn agreed(&mut self, conn: u32, journal: JournalId, common: Option<Position>) {
        if let Some((_, end)) = self.end(conn) {
            end.busy = false;
            self.tell_office(conn, Event::Agreed { journal, common });
        }
    }

    /// The engine has compared HQ's frames with its own.
    pub(super) fn compared(&mut self, conn: u32, compared: Option<(Position, bool)>) {
        if let Some((_, end)) = self.end(conn) {
            end.busy = false;
            self.tell_office(conn, Event::Compared(compared));
        }
    }

    /// The engine has read what HQ signed in earlier lives.
    pub(super) fn signed(&mut self, conn: u32, signed: Signed) {
        if let Some((_, end)) = self.end(conn) {
            end.busy = false;
            self.tell_office(conn, Event::Signed(signed));
        }
    }

    /// The engine took frames for a hole, or found that they were not what was there.
    pub(super) fn mended(&mut self, conn: u32, taken: bool) {
        let Some((nth, end)) = self.end(conn) else { return };
        end.busy = false;
        if !taken {
            let why = "frames that are not of our own journal".to_owned();
            return self.office_ends(conn, &Failure::Fault(why), true);
        }
        let lacks = self.offices[nth].facts.borrow().lacks;
        self.office_lacks(conn, lacks);
        self.pump_office(conn);
    }

    /// What its engine needs of HQ to fill a hole.
    pub(super) fn office_lacks(&mut self, conn: u32, lacks: Option<(JournalId, Position)>) {
        let Some((nth, _)) = self.end(conn) else { return };
        let now = self.offices[nth].clock.mono();
        if let Some((_, end)) = self.end(conn) {
            end.driver.lacks(now, lacks);
        }
    }

    pub(super) fn office_grew(&mut self, conn: u32, journals: Vec<(JournalId, Position)>) {
        self.tell_office(conn, Event::Grew(journals));
    }

    /// The office's end is over; it looks for HQ again after a while.
    pub(super) fn office_ends(&mut self, conn: u32, why: &Failure, says: bool) {
        let Some(open) = self.conns.get_mut(&conn) else { return };
        let Some(end) = open.up.take() else { return };
        let nth = open.office;
        if says {
            self.close(conn, Way::Up, farewell(why));
        }
        let office = &mut self.offices[nth];
        office.conn = None;
        if end.driver.lived() {
            office.pace.reset();
        }
        let fork = why.hqs_fork(&office.facts.borrow());
        if why.code() == "fork" && !office.woe.put_back {
            self.saw_fork(nth);
        }
        if let Some(common) = fork {
            self.ask(nth, Input::Forked { common }, Wanted::Nothing);
        }
        self.config_session(nth, false);
        self.dial_later(nth, why, 0);
        self.forget_if_over(conn);
    }

    /// The office's process is gone, and its end with it: HQ hears nothing of that.
    pub(super) fn office_vanishes(&mut self, conn: u32) {
        if let Some(open) = self.conns.get_mut(&conn) {
            open.up = None;
        }
        self.at(super::net::IDLE_MS, Happens::Gone { conn, way: Way::Up });
    }

    /// An attacker on the way puts a receipt into the stream that HQ did not sign.
    pub(super) fn forge_receipt(&mut self, nth: usize) -> bool {
        let Some(conn) = self.offices[nth].conn else { return false };
        let facts = self.offices[nth].facts.borrow().clone();
        let (Some((journal, head)), Some(epoch)) = (facts.journals.last(), self.hq.epoch()) else {
            return false;
        };
        if self.conns.get(&conn).is_none_or(|c| c.up.is_none()) {
            return false;
        }
        let forger = SignKey::from_secret(&[66; 32]);
        let ack = Ack::new(epoch, *journal, *head, None, 0, &forger);
        self.send(conn, Way::Down, &Message::Ack(ack));
        true
    }
}
