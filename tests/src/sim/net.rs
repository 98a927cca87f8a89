//! Links that lose, delay, reorder and cut. A connection has a control stream both ways, one of
//! entries up and one of states down; each stream keeps its order, and nothing else does.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use wasl_agent::link::{Failure, driver as office_driver};
use wasl_protocol::wire::{Assembler, Bye, ByeCode, Message};
use wasl_server_stub::gateway::driver as hq_driver;

use super::hq::HqEnd;
use super::session::OfficeEnd;
use super::world::{Happens, World};

/// After so long without a word the connection is over for whoever waits, in milliseconds.
pub(super) const IDLE_MS: u64 = 30_000;

/// How long an office waits for HQ's answer to a dial, in milliseconds.
const DIAL_MS: u64 = 10_000;

/// The largest piece in which a message travels, in bytes.
const PIECE_BYTES: usize = 1_200;

/// A message of a kind that neither side knows: what a newer version may say.
const UNKNOWN: [u8; 7] = [3, 0, 0, 0, 200, 1, 2];

/// Which way something goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    Up,
    Down,
}

/// Which stream of that way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lane {
    Control,
    Bulk,
}

/// One stream, one way.
#[derive(Debug, Default)]
pub(super) struct Flow {
    pieces: VecDeque<Vec<u8>>,
    assembler: Assembler,
}

/// One connection. An end that is gone is none.
#[derive(Debug)]
pub(super) struct Conn {
    pub(super) office: usize,
    flows: [[Flow; 2]; 2],
    pub(super) up: Option<OfficeEnd>,
    pub(super) down: Option<HqEnd>,
    /// What the other end said when it closed.
    byes: [Option<Bye>; 2],
    /// Nothing more arrives.
    cut: bool,
}

impl Conn {
    pub(super) fn new(office: usize, up: Option<OfficeEnd>, down: Option<HqEnd>) -> Self {
        Self { office, flows: Default::default(), up, down, byes: [None, None], cut: false }
    }

    /// Does it stand at both ends?
    pub(super) fn is_whole(&self) -> bool {
        self.up.is_some() && self.down.is_some() && !self.cut
    }

    /// How many pieces are under way.
    pub(super) fn waiting(&self, way: Way, lane: Lane) -> usize {
        self.flows[way as usize][lane as usize].pieces.len()
    }
}

impl World<'_> {
    /// Puts a message on its stream.
    pub(super) fn send(&mut self, conn: u32, way: Way, message: &Message) {
        let bulk = matches!(message, Message::Entries(_) | Message::States(_));
        let lane = if bulk { Lane::Bulk } else { Lane::Control };
        let mut bytes = message.encode();
        if self.dice.u64(..1000) < self.dials.newer_pm {
            self.count("message of an unknown kind");
            bytes.extend(UNKNOWN);
        }
        let mut rest = &bytes[..];
        let mut delays = Vec::new();
        let mut pieces = Vec::new();
        while !rest.is_empty() {
            let most = rest.len().min(PIECE_BYTES);
            // Most messages travel whole; some are cut anywhere.
            let take = if self.dice.u8(..4) == 0 { self.dice.usize(1..=most) } else { most };
            pieces.push(rest[..take].to_vec());
            rest = &rest[take..];
            delays.push(self.travel_ms());
        }
        let Some(to) = self.conns.get_mut(&conn).filter(|conn| !conn.cut) else { return };
        to.flows[way as usize][lane as usize].pieces.extend(pieces);
        for delay in delays {
            self.at(delay, Happens::Arrives { conn, way, lane });
        }
    }

    /// How long one piece travels.
    fn travel_ms(&mut self) -> u64 {
        let mut delay = self.dials.delay_ms + self.dice.u64(..=self.dials.jitter_ms);
        while !self.calm && self.dice.u64(..1000) < self.dials.loss_pm {
            self.count("piece lost and sent again");
            delay += self.dials.again_ms;
        }
        delay
    }

    /// For how long nothing goes that way on the office's link.
    pub(super) fn blocked_ms(&self, office: usize, way: Way) -> u64 {
        self.offices[office].blocked_until[way as usize].saturating_sub(self.time.now_ms())
    }

    /// The next piece of a stream arrives, unless the link is cut that way: then later.
    pub(super) fn arrives(&mut self, conn: u32, way: Way, lane: Lane) {
        let Some(office) = self.conns.get(&conn).map(|c| c.office) else { return };
        let blocked = self.blocked_ms(office, way);
        if blocked > 0 {
            return self.at(blocked + self.dials.delay_ms, Happens::Arrives { conn, way, lane });
        }
        let Some(to) = self.conns.get_mut(&conn) else { return };
        let flow = &mut to.flows[way as usize][lane as usize];
        if let Some(piece) = flow.pieces.pop_front() {
            flow.assembler.feed(&piece);
        }
        self.pump(conn, way);
        // Whoever waited for room on the stream has some now.
        self.pump(conn, if way == Way::Up { Way::Down } else { Way::Up });
    }

    /// Has one end take in what has arrived and do what it wants.
    pub(super) fn pump(&mut self, conn: u32, way: Way) {
        match way {
            Way::Up => self.pump_hq(conn),
            Way::Down => self.pump_office(conn),
        }
    }

    /// The next message that has arrived that way, if there is one: it breaks the protocol if it
    /// is none.
    pub(super) fn next_message(&mut self, conn: u32, way: Way) -> Result<Option<Message>, ()> {
        let Some(conn) = self.conns.get_mut(&conn) else { return Ok(None) };
        for lane in [Lane::Control, Lane::Bulk] {
            let flow = &mut conn.flows[way as usize][lane as usize];
            match flow.assembler.next_message() {
                Ok(None) => {}
                Ok(Some(message)) => return Ok(Some(message)),
                Err(_) => return Err(()),
            }
        }
        Ok(None)
    }

    /// The next message of the stream of entries or states that has arrived, ahead of its turn.
    pub(super) fn next_of_bulk(&mut self, conn: u32, way: Way) -> Option<Message> {
        let flow = &mut self.conns.get_mut(&conn)?.flows[way as usize][Lane::Bulk as usize];
        flow.assembler.next_message().ok().flatten()
    }

    /// An end closes: the other one learns it, unless its link is cut.
    pub(super) fn close(&mut self, conn: u32, from: Way, bye: Bye) {
        let Some(open) = self.conns.get_mut(&conn) else { return };
        open.byes[from as usize] = Some(bye);
        let office = open.office;
        let blocked = self.blocked_ms(office, from);
        let delay = if blocked >= IDLE_MS { IDLE_MS } else { blocked + self.dials.delay_ms };
        self.at(delay, Happens::Gone { conn, way: from });
    }

    /// Cuts a connection at whatever byte it is: of what is under way something may still arrive,
    /// and each end learns it in its own time.
    pub(super) fn cut(&mut self, conn: u32) {
        let Some(open) = self.conns.get_mut(&conn) else { return };
        open.cut = true;
        let mut arrived = 0;
        for way in [Way::Up, Way::Down] {
            for flow in &mut open.flows[way as usize] {
                if let Some(mut piece) = std::mem::take(&mut flow.pieces).into_iter().next() {
                    piece.truncate(self.dice.usize(..=piece.len()));
                    arrived += piece.len();
                    flow.assembler.feed(&piece);
                }
            }
        }
        self.log(format_args!("connection {conn} is cut; {arrived} bytes of a piece still come"));
        self.pump(conn, Way::Up);
        self.pump(conn, Way::Down);
        for way in [Way::Up, Way::Down] {
            let later = if self.dice.bool() { self.dice.u64(..1_000) } else { IDLE_MS };
            self.at(later, Happens::Gone { conn, way });
        }
    }

    /// The end that listens that way learns that the connection is over.
    pub(super) fn gone(&mut self, conn: u32, way: Way) {
        let Some(open) = self.conns.get_mut(&conn) else { return };
        let bye = open.byes[way as usize];
        match way {
            Way::Up => self.hq_ends(conn, Bye::now(ByeCode::Done), false),
            Way::Down => {
                let why = bye.map_or(Failure::Timeout, Failure::Closed);
                self.office_ends(conn, &why, false);
            }
        }
        self.forget_if_over(conn);
    }

    pub(super) fn forget_if_over(&mut self, conn: u32) {
        if self.conns.get(&conn).is_some_and(|c| c.up.is_none() && c.down.is_none()) {
            self.conns.remove(&conn);
        }
    }

    /// A machine slept until now.
    pub(super) fn wake(&mut self, conn: u32, way: Way) {
        match way {
            Way::Up => self.hq_tick(conn),
            Way::Down => self.office_tick(conn),
        }
    }

    /// An office looks for HQ.
    pub(super) fn dial(&mut self, office: usize) {
        let of = &self.offices[office];
        if of.conn.is_some() {
            return;
        }
        let life = of.life;
        let blocked = self.blocked_ms(office, Way::Up).max(self.blocked_ms(office, Way::Down));
        let round_trip = 2 * self.travel_ms();
        if blocked + round_trip < DIAL_MS && self.hq.store.is_some() {
            return self.at(blocked + round_trip, Happens::Connect { office, life });
        }
        self.count("dial without an answer");
        self.dial_later(office, &Failure::Timeout, DIAL_MS);
    }

    /// The office waits as its pace says, and dials again.
    pub(super) fn dial_later(&mut self, office: usize, why: &Failure, more_ms: u64) {
        let wait = self.offices[office].pace.failed(why.at_least());
        let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let life = self.offices[office].life;
        self.log(format_args!(
            "office {office} has no session ({}); again in {wait} ms",
            why.code()
        ));
        self.at(wait + more_ms, Happens::Dial { office, life });
    }

    /// The office's handshake has come through: HQ lets it in, or says why not.
    pub(super) fn connect(&mut self, office: usize) {
        if self.offices[office].conn.is_some() {
            return;
        }
        match self.hq_admits(office) {
            Err(bye) => self.dial_later(office, &Failure::Closed(bye), 0),
            Ok(end) => {
                let conn = self.next_conn;
                self.next_conn += 1;
                if let Some(older) = self.live_at_hq(office) {
                    self.count("connection replaced by a newer one");
                    self.hq_ends(older, Bye::now(ByeCode::Replaced), true);
                    self.forget_if_over(older);
                }
                let ghost = !self.calm && self.dice.u8(..20) == 0;
                if ghost {
                    // The office's first handshake was answered late: it has given that one up.
                    self.count("connection seen twice");
                    self.conns.insert(conn, Conn::new(office, None, Some(end)));
                    self.pump_hq(conn);
                    self.at(IDLE_MS, Happens::Gone { conn, way: Way::Up });
                    return self.dial_later(office, &Failure::Timeout, 0);
                }
                let up = self.office_opens(office);
                self.log(format_args!("office {office} connects: {conn}"));
                self.conns.insert(conn, Conn::new(office, Some(up), Some(end)));
                self.offices[office].conn = Some(conn);
                self.pump_office(conn);
                self.pump_hq(conn);
            }
        }
    }

    /// The connection that HQ has with this office.
    pub(super) fn live_at_hq(&self, office: usize) -> Option<u32> {
        let mut all = self.conns.iter();
        all.find(|(_, conn)| conn.office == office && conn.down.is_some()).map(|(id, _)| *id)
    }
}

/// How much waits on the office's streams.
pub(super) fn office_waiting(conn: &Conn) -> office_driver::Waiting {
    office_driver::Waiting {
        control: conn.waiting(Way::Up, Lane::Control),
        entries: conn.waiting(Way::Up, Lane::Bulk),
    }
}

/// How much waits on HQ's streams.
pub(super) fn hq_waiting(conn: &Conn) -> hq_driver::Waiting {
    hq_driver::Waiting {
        control: conn.waiting(Way::Down, Lane::Control),
        states: conn.waiting(Way::Down, Lane::Bulk),
    }
}

/// The bounds of an office's pace: the first wait and the longest one.
pub(super) const PACE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// What an HQ session is opened for.
pub(super) type Whose = Arc<wasl_server_stub::store::Office>;
