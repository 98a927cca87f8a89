//! What is answered at the end of a turn, and reads that wait for it.

use tokio::sync::oneshot;
use wasl_protocol::id::Position;

use super::handle::{Enrolled, Refused};
use super::input::Input;

type Waiting<T> = oneshot::Sender<Result<T, Refused>>;

/// The answers of one turn, held back until its sync.
#[derive(Debug, Default)]
pub(super) struct Answers {
    enrolled: Vec<(Waiting<Enrolled>, Result<Enrolled, Refused>)>,
    changed: Vec<(Waiting<Position>, Result<Position, Refused>)>,
    stored: Vec<oneshot::Sender<()>>,
}

impl Answers {
    pub(super) fn enrolled(&mut self, to: Waiting<Enrolled>, answer: Result<Enrolled, Refused>) {
        self.enrolled.push((to, answer));
    }

    pub(super) fn changed(&mut self, to: Waiting<Position>, answer: Result<Position, Refused>) {
        self.changed.push((to, answer));
    }

    pub(super) fn stored(&mut self, to: oneshot::Sender<()>) {
        self.stored.push(to);
    }

    /// Everything is on disk. A caller that has gone away does not need its answer.
    pub(super) fn send(&mut self) {
        for (to, answer) in self.enrolled.drain(..) {
            let _ = to.send(answer);
        }
        for (to, answer) in self.changed.drain(..) {
            let _ = to.send(answer);
        }
        for to in self.stored.drain(..) {
            let _ = to.send(());
        }
    }

    /// Nobody knows what is on disk. (News that is not acknowledged comes again.)
    pub(super) fn refuse(&mut self) {
        for (to, _) in self.enrolled.drain(..) {
            let _ = to.send(Err(Refused::Poisoned));
        }
        for (to, _) in self.changed.drain(..) {
            let _ = to.send(Err(Refused::Poisoned));
        }
        self.stored.clear();
    }
}

/// Answers one input of an engine that does nothing any more.
pub(super) fn refuse(input: Input, why: &Refused) {
    match input {
        Input::Enroll { answer, .. } => {
            let _ = answer.send(Err(why.clone()));
        }
        Input::Change { answer, .. } | Input::ConfigStep { answer, .. } => {
            let _ = answer.send(Err(why.clone()));
        }
        Input::Stop { answer } => {
            let _ = answer.send(());
        }
        _ => {} // the asker sees its answer dropped: the engine has stopped
    }
}
