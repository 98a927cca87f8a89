//! What the machine wants done. Knows nothing of when it wants it.

use std::time::Duration;

use wasl_protocol::id::Position;
use wasl_protocol::session::office::{Input, Output};
use wasl_protocol::units::MonoMs;
use wasl_protocol::wire::{Bye, ByeCode, Hello, Message, Report, Welcome};

use super::budget::Budget;
use super::keep::{check_abort, keep};
use super::{ENTRIES_WAITING, Pump, Read};
use crate::engine::Facts;
use crate::link::LinkConfig;
use crate::link::failure::Failure;

impl Pump<'_> {
    /// Does all that the machine wants done; returns until when it wants to sleep.
    pub(super) async fn drain(&mut self) -> Result<MonoMs, Failure> {
        loop {
            match self.machine.poll() {
                Output::Sleep(until) => {
                    self.start_waiting();
                    return Ok(until);
                }
                Output::Send(message) => self.control.push(&message),
                Output::SendReport(number) => self.report(number),
                Output::SendEntries { journal, after, max_bytes } => {
                    self.wanted = Some((journal, after, max_bytes));
                }
                Output::Agree(standing) => {
                    let journal = standing.journal;
                    let common = self.config.handle.agree(standing).await?;
                    self.tell(Input::Agreed { journal, common });
                }
                Output::Acked(ack) => {
                    self.lived = true;
                    self.config.handle.acked(ack, self.config.world.clock.unix()).await?;
                }
                Output::Welcomed(welcome) => self.welcomed(&welcome).await,
                Output::Config(message) => self.config(message).await?,
                Output::Store(states) => self.to_store.push_back(states),
                Output::Forked { journal, common } => {
                    tracing::error!(%journal, %common, "HQ's journal and ours differ");
                    self.config.handle.forked(common).await?;
                }
                Output::Level { report } => self.level(report),
                Output::End { bye, by_peer } => return Err(ended(bye, by_peer)),
            }
        }
    }

    async fn welcomed(&mut self, welcome: &Welcome) {
        tracing::info!(epoch = %welcome.epoch, "HQ has welcomed us");
        self.config.config.clock(welcome.clock).await;
        self.config.config.session(true).await;
        self.board.up(self.connection.rtt(), welcome.clock);
    }

    /// Hands on what HQ says of the config. An edition carries its own signatures.
    async fn config(&mut self, message: Message) -> Result<(), Failure> {
        match message {
            Message::Edition(offer) => self.config.config.offer(offer.bytes).await,
            Message::Abort(abort) => {
                check_abort(&abort, &self.config.hq_sign_key)?;
                self.config.config.aborted(abort.serial).await;
            }
            _ => {} // the machine hands on nothing else
        }
        Ok(())
    }

    fn report(&mut self, number: u64) {
        let facts = self.facts.borrow().clone();
        let Some((_, head)) = facts.journals.last() else { return };
        self.note_asked(number);
        let clock = self.config.world.clock.unix();
        let (head, backlog, records) = (*head, facts.backlog, facts.records);
        self.control.push(&Message::Report(Report { number, clock, head, backlog, records }));
    }

    fn level(&mut self, report: u64) {
        self.lived = true;
        while self.asked.front().is_some_and(|(number, _)| *number <= report) {
            if let Some((_, kicks)) = self.asked.pop_front() {
                self.board.level(kicks);
            }
        }
    }

    /// Starts what has room now: one read of the journal, one write of the inbox.
    fn start_waiting(&mut self) {
        if self.reading.is_none()
            && self.entries.waiting() < ENTRIES_WAITING
            && let Some((journal, after, max_bytes)) = self.wanted.take()
        {
            let handle = self.config.handle.clone();
            let pause = self.budget.wait_ms(self.config.world.clock.mono());
            let cap_kbit_s = self.in_force.borrow().settings.bandwidth.records_kbit_s;
            let max_bytes = Budget::at_once(max_bytes, cap_kbit_s);
            self.reading = Some(Box::pin(async move {
                tokio::time::sleep(Duration::from_millis(pause)).await;
                let run = handle.read(journal, after, max_bytes).await?;
                Ok(Read { journal, after, run })
            }));
        }
        if self.storing.is_none()
            && let Some(states) = self.to_store.pop_front()
        {
            let LinkConfig { handle, office, hq_sign_key, .. } = self.config;
            let kept = keep(handle.clone(), states, office.clone(), *hq_sign_key);
            self.storing = Some(Box::pin(kept));
        }
    }
}

/// What to open a session with.
pub(super) fn greeting(facts: &Facts, config: &LinkConfig) -> Input {
    let newest = facts.journals.last().map(|(journal, _)| *journal);
    let stored = facts.journals.iter().map(|(journal, head)| {
        // Only of the newest journal is it known; the older ones are complete but for an accident,
        // which Welcome shows.
        let known = facts.stored.unwrap_or(Position::start(*journal));
        if Some(*journal) == newest { known } else { *head }
    });
    Input::Opened {
        stored: stored.collect(),
        hello: Hello {
            journals: facts.journals.clone(),
            cursor: facts.cursor,
            hq_seen: None,
            edition: config.config.in_force().borrow().serial.0,
            clock: config.world.clock.unix(),
            backlog: facts.backlog,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
    }
}

fn ended(bye: Bye, by_peer: bool) -> Failure {
    match bye.code {
        _ if by_peer => Failure::Closed(bye),
        ByeCode::Timeout => Failure::Timeout,
        ByeCode::Fork => Failure::Fork,
        _ => Failure::Fault("a message out of turn".to_owned()),
    }
}
