//! What breaks: links, disks, clocks, processes, trust; and the calm after it.

use wasl_agent::engine;
use wasl_protocol::wire::ByeCode;

use super::bugs::Bug;
use super::disk::Trap;
use super::net::{IDLE_MS, Way};
use super::woe::Rot;
use super::world::{Happens, World};

/// Ten years, in milliseconds.
const TEN_YEARS_MS: i64 = 3_653 * 24 * 3_600 * 1_000;

/// How often it is looked whether both sides are level, in milliseconds.
const LOOK_MS: u64 = 5_000;

/// How many writes and syncs ahead a trap is set at most: a start takes some tens of them.
const TRAP_STEPS: u64 = 40;

impl World<'_> {
    /// Something breaks.
    pub(super) fn strike(&mut self) {
        let nth = self.dice.usize(..self.offices.len());
        match self.dice.u8(..24) {
            0..=2 => self.trap(nth, Trap::Kill, "trap: kill at a write or sync"),
            3..=6 => self.trap(nth, Trap::Cut, "trap: power cut at a write or sync"),
            7 | 8 => self.trap(nth, Trap::FailSync, "trap: failed fsync"),
            9 => self.power_cut(nth),
            10 | 11 => self.cut_link(nth),
            12..=14 => self.cut_one_way(nth),
            15 | 16 => self.hq_crash(),
            17 => self.outage(),
            18 | 19 => self.clock_jumps(nth),
            20 => self.fill_disk(nth),
            21 => self.rot(nth),
            22 => self.revoke(nth),
            _ => {
                if self.forge_receipt(nth) {
                    self.count("forged receipt");
                }
            }
        }
    }

    fn trap(&mut self, nth: usize, trap: Trap, what: &'static str) {
        self.count(what);
        if self.has(Bug::AckBeforeSync) || self.has(Bug::DotReuse) {
            self.offices[nth].disk.lie();
        }
        let after = self.dice.u64(..TRAP_STEPS) / 4;
        self.offices[nth].ill |= trap == Trap::FailSync;
        self.offices[nth].disk.set_trap(after, trap);
    }

    fn power_cut(&mut self, nth: usize) {
        if self.offices[nth].engine.is_some() {
            if self.has(Bug::AckBeforeSync) || self.has(Bug::DotReuse) {
                self.offices[nth].disk.lie();
            }
            self.offices[nth].disk.switch_off(true);
            self.crashed(nth);
        }
    }

    fn cut_link(&mut self, nth: usize) {
        if let Some(conn) = self.offices[nth].conn {
            self.count("connection cut at any byte");
            self.cut(conn);
        }
    }

    fn cut_one_way(&mut self, nth: usize) {
        let way = if self.dice.bool() { Way::Up } else { Way::Down };
        self.count(if way == Way::Up { "cut of the way up" } else { "cut of the way down" });
        let for_ms = self.dice.u64(500..60_000);
        self.cut_off(nth, way, for_ms);
    }

    fn outage(&mut self) {
        self.count("outage of a district");
        let for_ms = self.dice.u64(1_000..60_000);
        for nth in 0..self.offices.len() {
            if self.dice.bool() {
                self.cut_off(nth, Way::Up, for_ms);
                self.cut_off(nth, Way::Down, for_ms);
            }
        }
    }

    pub(super) fn cut_off(&mut self, nth: usize, way: Way, for_ms: u64) {
        self.log(format_args!("nothing goes {way:?} at office {nth} for {for_ms} ms"));
        self.block(nth, way, for_ms);
        if for_ms >= IDLE_MS {
            let conns = self.conns.iter().filter(|(_, conn)| conn.office == nth);
            let conns: Vec<u32> = conns.map(|(id, _)| *id).collect();
            for conn in conns {
                self.at(IDLE_MS, Happens::Gone { conn, way: Way::Up });
                self.at(IDLE_MS, Happens::Gone { conn, way: Way::Down });
            }
        }
    }

    fn clock_jumps(&mut self, nth: usize) {
        let by = match self.dice.u8(..4) {
            0 => TEN_YEARS_MS,
            1 => -TEN_YEARS_MS,
            _ => self.dice.i64(-86_400_000..86_400_000),
        };
        let at_hq = self.dice.u8(..8) == 0;
        self.count(if at_hq { "HQ's clock jumps" } else { "an office's clock jumps" });
        self.log(format_args!("a clock jumps by {by} ms"));
        if at_hq { self.hq.clock.jump(by) } else { self.offices[nth].clock.jump(by) }
    }

    /// No room for anything new: what is preallocated can still be written.
    fn fill_disk(&mut self, nth: usize) {
        self.count("disk full");
        self.log(format_args!("office {nth} has no room on its disk"));
        self.offices[nth].ill = true;
        self.offices[nth].disk.set_free(Some(0));
    }

    /// A bit of a log flips; the office is killed. When it starts it has to say so of its journal,
    /// and have the inbox sent again.
    fn rot(&mut self, nth: usize) {
        if self.offices[nth].engine.is_none() || self.offices[nth].woe.put_back {
            return;
        }
        let dir = self.district.members[nth].identity.dir();
        let inbox = self.dice.u8(..3) == 0;
        let logs = if inbox { engine::inboxes(dir) } else { engine::journals(dir) };
        let office = &mut self.offices[nth];
        if !office.disk.rot(&logs, ".seg", &mut self.dice) {
            return;
        }
        if inbox {
            office.told = None;
        } else {
            office.woe.rot = Rot::Unsaid;
        }
        office.disk.switch_off(false);
        self.count(if inbox { "bit rot in an inbox" } else { "bit rot in a journal" });
        self.log(format_args!("a bit flips in {}", logs.display()));
        self.crashed(nth);
        self.survey();
    }

    fn revoke(&mut self, nth: usize) {
        let Some(store) = self.store() else { return };
        let id = self.offices[nth].id.clone();
        if self.runtime.block_on(store.revoke(&id)).is_ok() {
            self.count("office revoked");
            self.log(format_args!("office {nth} is revoked"));
            self.offices[nth].woe.revoked = true;
            self.survey();
            if let Some(conn) = self.live_at_hq(nth) {
                self.hq_ends(conn, wasl_protocol::wire::Bye::now(ByeCode::Revoked), true);
            }
        }
    }

    /// From here on nothing breaks: everything is repaired, and has to come level by itself.
    pub(super) fn calm_down(&mut self) {
        self.calm = true;
        self.log(format_args!("calm"));
        self.hq_start();
        for nth in 0..self.offices.len() {
            let office = &mut self.offices[nth];
            office.blocked_until = [0, 0];
            office.disk.set_free(None);
            office.disk.disarm();
            office.ill = false;
            if office.engine.is_none() {
                self.at(0, Happens::Start { office: nth });
            } else {
                // Who has a step of an edition unwritten, since its disk was full, starts again.
                let (life, waits) = (self.offices[nth].life, self.offices[nth].waits.config);
                if waits {
                    self.offices[nth].disk.switch_off(false);
                    self.crashed(nth);
                } else {
                    self.at(0, Happens::Dial { office: nth, life });
                }
            }
        }
        self.at(LOOK_MS, Happens::Look);
    }

    /// How long until it is looked again.
    pub(super) fn look_again(&mut self) {
        self.at(LOOK_MS, Happens::Look);
    }
}
