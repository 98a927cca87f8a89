//! Clients that enroll without pause, and note what they were answered, and when.

use crate::disk::Moment;
use crate::forms;
use crate::http::Http;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long a client waits that was not answered, before it tries again.
const TRIES_AGAIN: Duration = Duration::from_millis(5);

/// The longest pause between two enrollments of one client.
const PAUSE_MS: u64 = 12;

/// How often somebody looks how much HQ has.
const LOOKS: Duration = Duration::from_millis(7);

/// An enrollment that the daemon said is durable.
#[derive(Clone, Debug)]
pub(super) struct Answered {
    /// The moment after the answer.
    pub(super) at: Moment,
    /// The record.
    pub(super) id: String,
}

/// What the daemon said.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) answered: Vec<Answered>,
    /// How many entries HQ was said to have, after each look.
    pub(super) stored: Vec<(Moment, u64)>,
}

/// What moment it is.
pub(super) type Now = Arc<dyn Fn() -> Moment + Send + Sync>;

/// Clients at work.
pub(super) struct Clients {
    stop: Arc<AtomicBool>,
    heard: Arc<Mutex<Heard>>,
    hands: Vec<JoinHandle<()>>,
}

/// What every client needs.
#[derive(Clone)]
struct Desk {
    socket: PathBuf,
    office: String,
    next: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    heard: Arc<Mutex<Heard>>,
    now: Now,
}

impl Clients {
    /// `clients` of them at the daemon of `office` whose data dir is `dir`. They outlast its lives.
    pub(super) fn start(clients: u64, dir: &Path, office: &str, now: Now) -> Self {
        let desk = Desk {
            socket: dir.join("wasl.sock"),
            office: office.to_owned(),
            next: Arc::default(),
            stop: Arc::default(),
            heard: Arc::default(),
            now,
        };
        let mut hands: Vec<_> = (0..clients)
            .map(|seed| {
                let desk = desk.clone();
                thread::spawn(move || desk.enroll(seed))
            })
            .collect();
        let looks = desk.clone();
        hands.push(thread::spawn(move || looks.look()));
        Self { stop: desk.stop, heard: desk.heard, hands }
    }

    /// Records answered so far.
    pub(super) fn answered(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.answered.iter().map(|answered| answered.id.clone()).collect()
    }

    /// Ends their work; what they heard.
    pub(super) fn end(self) -> Heard {
        self.stop.store(true, Ordering::Relaxed);
        for hand in self.hands {
            drop(hand.join());
        }
        std::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Desk {
    fn works(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    fn enroll(&self, seed: u64) {
        let mut dice = fastrand::Rng::with_seed(seed);
        while self.works() {
            let form = forms::form(&self.office, self.next.fetch_add(1, Ordering::Relaxed));
            self.until_answered(&form.to_string());
            thread::sleep(Duration::from_millis(dice.u64(0..=PAUSE_MS)));
        }
    }

    /// Posts one form until it is answered, in whatever life of the daemon.
    fn until_answered(&self, form: &str) {
        let mut http = None;
        while self.works() {
            if let Some(id) = self.post(&mut http, form) {
                let at = (self.now)();
                let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
                heard.answered.push(Answered { at, id });
                return;
            }
            http = None;
            thread::sleep(TRIES_AGAIN);
        }
    }

    fn post(&self, http: &mut Option<Http>, form: &str) -> Option<String> {
        let http = match http {
            Some(http) => http,
            None => http.insert(Http::connect(&self.socket).ok()?),
        };
        let (status, body) = http.send("POST", "/v1/records", form.to_owned().into()).ok()?;
        let body: Value = serde_json::from_slice(&body).ok()?;
        status.is_success().then(|| body["id"].as_str().map(str::to_owned))?
    }

    /// Looks again and again how much HQ is said to have.
    fn look(&self) {
        while self.works() {
            let status = Http::connect(&self.socket).and_then(|mut http| http.get("/v1/status"));
            if let Some(stored) =
                status.ok().and_then(|status| status["sync"]["stored_seq"].as_u64())
            {
                let at = (self.now)();
                let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
                heard.stored.push((at, stored));
            }
            thread::sleep(LOOKS);
        }
    }
}
