//! Editions for tests, and a config to take them.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use wasl_protocol::edition::{
    AgentVersion, Edition, FleetId, OfficeSettings, Probation, Scope, Serial, SignedEdition, Trust,
    Who,
};
use wasl_protocol::keys::SignKey;
use wasl_protocol::private::Private;
use wasl_protocol::units::UnixMs;

use super::{Config, Reach, Start};
use crate::engine::Handle;
use crate::seam::World;
use crate::settings::Local;

/// What signs config here.
pub(crate) fn key() -> SignKey {
    SignKey::from_secret(&[6; 32])
}

/// An edition that stands as soon as it is in force.
pub(crate) fn edition(serial: u64, change: impl FnOnce(&mut OfficeSettings)) -> Edition {
    let mut settings = OfficeSettings::default();
    change(&mut settings);
    Edition {
        fleet: FleetId::of(&key().verify_key()),
        serial: Serial(serial),
        scope: Scope { all: true, ..Scope::default() },
        issued_at: UnixMs(0),
        not_after: UnixMs(10_000_000),
        min_agent: AgentVersion(0, 1, 0),
        settings: settings.to_json(),
        probation: Probation { soak_s: 1, confirm_s: 0, session_s: 600, gate_s: 60 },
        previous: None,
        revert_of: None,
        author: Private("Zaynab".to_owned()),
        reason: "a test".to_owned(),
    }
}

pub(crate) fn signed(edition: &Edition) -> Vec<u8> {
    SignedEdition::sign(edition, &key()).encode()
}

/// The same, but it stays on trial for long.
pub(crate) fn tried(mut edition: Edition) -> Vec<u8> {
    edition.probation.confirm_s = 3600;
    signed(&edition)
}

/// HQ answers wherever `answers` says so.
pub(crate) fn reach(answers: impl Fn(&str) -> bool + Send + Sync + 'static) -> Reach {
    let answers = Arc::new(answers);
    Arc::new(move |endpoint| {
        let answers = answers.clone();
        Box::pin(async move { answers(&endpoint) })
    })
}

/// The config of the office "nasr", with its journal in `engine`. It runs until the sender is gone.
pub(crate) async fn start(
    world: &World,
    dir: &Path,
    engine: &Handle,
    reach: Reach,
) -> (Config, JoinHandle<()>, watch::Sender<bool>) {
    let who = Who {
        trust: Trust::in_one(key().verify_key()),
        office: "nasr".parse().unwrap(),
        agent: AgentVersion(0, 1, 0),
    };
    let start = Start {
        world: world.clone(),
        dir: dir.to_owned(),
        engine: engine.clone(),
        who,
        joined: vec!["joined.example:1".to_owned()],
        tighten: Local::load(dir).unwrap().tighten,
        reach,
    };
    let (stop, stops) = watch::channel(false);
    let (config, task) = Config::start(start, stops).await;
    (config, task, stop)
}
