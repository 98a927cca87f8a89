//! What the mirror's thread and the engine tell each other. Bounded: at most one turn of each log
//! waits; what finds no place is read back from the disk later.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use wasl_protocol::id::Position;

use crate::journal::Stretch;

#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// Up to where the logs here are durable.
    durable: [Position; 2],
    offered: [Option<Stretch>; 2],
    /// Up to where the mirror is, while it keeps up; none while it does not.
    held: Option<[Position; 2]>,
    /// Has it been told how the mirror is?
    told: bool,
    stop: bool,
    ended: bool,
}

/// What there is to do.
pub(super) struct Work {
    pub(super) durable: [Position; 2],
    pub(super) offered: [Option<Stretch>; 2],
}

impl Shared {
    pub(super) fn new(durable: [Position; 2]) -> Self {
        let state = State {
            durable,
            offered: [None, None],
            held: None,
            told: false,
            stop: false,
            ended: false,
        };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn offer(&self, log: usize, stretch: Stretch) {
        let mut state = self.state();
        state.durable[log] = stretch.last;
        if state.held.is_some() && state.offered[log].is_none() {
            state.offered[log] = Some(stretch);
        }
        self.changed.notify_all();
    }

    /// Waits until a mirror that keeps up holds everything; false if that takes longer.
    pub(super) fn wait(&self, patience: Duration) -> bool {
        let state = self.state();
        let behind = |state: &mut State| {
            state.held.is_some_and(|held| held != state.durable) && !state.ended
        };
        let waited = self.changed.wait_timeout_while(state, patience, behind);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Waits until it is told for the first time how the mirror is.
    pub(super) fn wait_told(&self, patience: Duration) {
        let untold = |state: &mut State| !state.told && !state.ended;
        let _ = self.changed.wait_timeout_while(self.state(), patience, untold);
    }

    /// Asks the thread to end, and waits for that.
    pub(super) fn stop(&self, patience: Duration) {
        let mut state = self.state();
        state.stop = true;
        self.changed.notify_all();
        // A disk that hangs holds its thread; the process ends without it.
        let _ = self.changed.wait_timeout_while(state, patience, |state| !state.ended);
    }

    /// What there is to do, at the latest after `rest`; none: end.
    pub(super) fn work(&self, rest: Duration) -> Option<Work> {
        let idle =
            |state: &mut State| !state.stop && state.held.is_none_or(|held| held == state.durable);
        let waited = self.changed.wait_timeout_while(self.state(), rest, idle);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        let offered = state.offered.each_mut().map(Option::take);
        let all_held = state.held.is_none_or(|held| held == state.durable);
        if state.stop && all_held {
            return None;
        }
        Some(Work { durable: state.durable, offered })
    }

    /// Tells how far the mirror is; none: it does not keep up.
    pub(super) fn hold(&self, held: Option<[Position; 2]>) {
        let mut state = self.state();
        state.held = held;
        state.told = true;
        if held.is_none() {
            state.offered = [None, None];
        }
        self.changed.notify_all();
    }

    pub(super) fn end(&self) {
        self.state().ended = true;
        self.changed.notify_all();
    }
}
