//! The daemon: the only place that spawns. It starts the engine, the config and the edges round them,
//! and stops them in order: first intake, then the link, then config, then the engine.

mod gates; // what is watched while an edition is on trial
mod log; // what is logged

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use wasl_protocol::edition::{AgentVersion, Who};

use crate::config::{self, Config};
use crate::engine::{self, EngineConfig, EngineError, Handle, Notice, Refused, Running};
use crate::facts::LinkFacts;
use crate::intake::{Counts, Door, Intake, IntakeError, Listeners, StatusSource, socket_path};
use crate::keystore::{Identity, KeyFile, KeySource, KeystoreError, Office};
use crate::link::{self, Credentials, IdentityError, LinkConfig};
use crate::seam::{DirLock, LockError, World, give_back};
use crate::settings::Local;
use crate::status::{self, AgentStatus, IdentityStatus, Known, OfficeStatus, Reporter, Sources};
use gates::Gates;

/// Parsing and sealing keep two cores busy before the disk is; more threads only cost memory.
const WORKERS: usize = 2;

/// Threads for what blocks, such as looking up a name.
const BLOCKING_THREADS: usize = 4;

const BYTES_PER_MIB: u64 = 1024 * 1024;

/// Folding fewer entries takes no time worth telling of.
const TOLD_FROM_ENTRIES: u64 = 1000;

/// How often memory that nobody uses is given back.
const GIVES_BACK_EVERY: Duration = Duration::from_secs(20);

/// How long each edge may take to stop.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// What to run.
#[derive(Debug)]
pub struct Options {
    /// The data dir.
    pub dir: PathBuf,
    /// The key file, if one was named.
    pub key_file: Option<PathBuf>,
    /// What is set on this machine.
    pub local: Local,
}

/// Why the daemon does not run, or not on.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The keys.
    #[error(transparent)]
    Keystore(#[from] KeystoreError),
    /// The data dir is in use.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The sockets.
    #[error(transparent)]
    Intake(#[from] IntakeError),
    /// The keys, as TLS wants them.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The runtime, or the signals.
    #[error("the runtime does not start: {0}")]
    Runtime(#[from] io::Error),
    /// The engine ended by itself and cannot say why.
    #[error("the engine ended: what was answered is on disk, and nothing else is believed")]
    EngineGone,
}

/// Runs until SIGTERM or SIGINT, or until the journal's disk fails.
pub fn run(options: Options) -> Result<(), DaemonError> {
    socket_path(&options.dir)?;
    let level = log::start();
    let world = World::real();
    let key = KeyFile::locate(&options.dir, options.key_file.as_deref())?;
    let identity = Identity::load(&world, &options.dir, &key)?;
    let office = Office::load(&world, &identity)?;
    let _lock = DirLock::take(&options.dir)?;
    let config = EngineConfig {
        hq: office.hq.verify_key,
        view_cache_bytes: options.local.machine.view.cache_mib * BYTES_PER_MIB,
    };
    let Running { handle, thread } = engine::start(&world, &identity, config, &mut tell)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .max_blocking_threads(BLOCKING_THREADS)
        .enable_all()
        .build()?;
    let parts = Parts { options, world, key, identity, office, handle };
    let served = runtime.block_on(parts.serve(level));
    runtime.shutdown_background();
    // An engine that failed says best why; one that panicked cannot say what it stored.
    thread.join().map_err(|_| DaemonError::EngineGone)??;
    served
}

/// Says on stderr what the start found and what it does about it, however quiet the log is.
fn tell(notice: Notice) {
    match notice {
        Notice::Torn(torn) => eprintln!(
            "a crash left {} unfinished bytes after entry {}: cut, and kept in {}",
            torn.bytes,
            torn.after.seq,
            torn.kept.display()
        ),
        Notice::ViewRebuild { doubt, aside } => {
            let aside = aside
                .map_or(String::new(), |to| format!("; the old one is kept in {}", to.display()));
            eprintln!("the view is folded again from the logs: {doubt}{aside}");
        }
        Notice::Folded { done, total } if total >= TOLD_FROM_ENTRIES => {
            eprintln!("folded {done} of {total} entries");
        }
        Notice::Folded { .. } => {}
    }
}

struct Parts {
    options: Options,
    world: World,
    key: KeyFile,
    identity: Identity,
    office: Office,
    handle: Handle,
}

impl Parts {
    async fn serve(self, level: Option<log::Level>) -> Result<(), DaemonError> {
        let (terminate, interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let credentials =
            Credentials::new(&self.identity.transport_secret(), self.office.hq.transport)?;
        let (stop_config, config_stops) = watch::channel(false);
        // Before anything is taken in: what is in force decides how.
        let (config, configuring) =
            Config::start(self.config_start(&credentials), config_stops).await;
        if let Some(level) = level {
            tokio::spawn(level.follow(config.in_force()));
        }
        let http = self.options.local.machine.intake_http;
        let listeners = Listeners::open(&self.options.dir, http).await?;
        let ready = self.ready_line(&listeners);

        let (stop_intake, intake_stops) = watch::channel(false);
        let (stop_rest, rest_stops) = watch::channel(false);
        let (kicks, kicked) = watch::channel(0);
        let (publish, link_state) = watch::channel(LinkFacts::default());
        let known = self.known(&credentials);
        let sources = Sources {
            facts: self.handle.facts(),
            link: link_state,
            config: config.facts(),
            in_force: config.in_force(),
            http: listeners.facts(),
        };
        let (dir, world) = (self.options.dir.clone(), self.world.clone());
        let reporter = Arc::new(Reporter::new(known, dir, sources, world));
        let intake = Intake {
            door: self.door(),
            kicks,
            status: status_source(&reporter),
            stop: intake_stops.clone(),
            in_force: config.in_force(),
            config: config.clone(),
            counts: Arc::default(),
        };
        let gates = self.gates(&config, &listeners, &intake.counts);

        let serving =
            tokio::spawn(listeners.serve(intake.router(), config.in_force(), intake_stops));
        let watching = tokio::spawn(gates.watch(rest_stops.clone()));
        let link = self.link_config(credentials, config);
        let linking = tokio::spawn(link::run(link, publish, kicked, rest_stops.clone()));
        let runtime_dir = std::env::var_os("RUNTIME_DIRECTORY").map(PathBuf::from);
        let place = status::place(&self.options.dir, runtime_dir.as_deref());
        let trimming = tokio::spawn(keep_small());
        let writing = tokio::spawn(async move { reporter.keep(&place, rest_stops).await });

        let _ = writeln!(io::stdout(), "{ready}");
        notify(NotifyState::Ready);
        let ended = self.until_told(terminate, interrupt).await;
        notify(NotifyState::Stopping);
        tracing::info!("stopping");
        trimming.abort();
        let _ = stop_intake.send(true);
        finish("intake", serving).await;
        let _ = stop_rest.send(true);
        finish("link", linking).await;
        finish("status", writing).await;
        finish("gates", watching).await;
        let _ = stop_config.send(true);
        finish("config", configuring).await;
        self.handle.stop().await;
        ended
    }

    fn ready_line(&self, listeners: &Listeners) -> serde_json::Value {
        json!({
            "ready": true,
            "office": self.office.id,
            "socket": listeners.socket(),
            "http": listeners.http(),
            "pid": std::process::id(),
        })
    }

    fn known(&self, credentials: &Credentials) -> Known {
        let key = credentials.transport_key().0;
        let key_store = match self.key.source() {
            KeySource::Given | KeySource::Beside => "file",
            KeySource::Credential => "credential",
        };
        Known {
            office: OfficeStatus {
                id: self.office.id.clone(),
                name_ar: self.office.name_ar.clone(),
                name_en: self.office.name_en.clone(),
            },
            agent: AgentStatus {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                pid: std::process::id(),
                started_at: status::timestamp(self.world.clock.unix()),
            },
            identity: IdentityStatus {
                key: data_encoding::HEXLOWER.encode(&key[..KEY_SHOWN_BYTES]),
                key_store: key_store.to_owned(),
            },
        }
    }

    fn door(&self) -> Door {
        Door {
            office: self.office.id.clone(),
            handle: self.handle.clone(),
            world: self.world.clone(),
        }
    }

    fn gates(&self, config: &Config, listeners: &Listeners, counts: &Arc<Counts>) -> Gates {
        Gates {
            config: config.clone(),
            engine: self.handle.facts(),
            counts: counts.clone(),
            socket: listeners.socket().to_owned(),
            own_http: listeners.http(),
            http: listeners.facts(),
        }
    }

    fn config_start(&self, credentials: &Credentials) -> config::Start {
        let agent = env!("CARGO_PKG_VERSION").parse();
        let who = Who {
            trust: self.office.trust.clone(),
            office: self.office.id.clone(),
            agent: agent.unwrap_or(AgentVersion(0, 0, 0)),
        };
        config::Start {
            world: self.world.clone(),
            dir: self.options.dir.clone(),
            engine: self.handle.clone(),
            who,
            joined: self.office.hq.endpoints.clone(),
            tighten: self.options.local.tighten.clone(),
            reach: link::reach(credentials),
        }
    }

    fn link_config(&self, credentials: Credentials, config: Config) -> LinkConfig {
        LinkConfig {
            world: self.world.clone(),
            handle: self.handle.clone(),
            config,
            office: self.office.id.clone(),
            credentials,
            sign_key: self.identity.sign_key(),
            hq_sign_key: self.office.hq.verify_key,
            joined: self.office.hq.endpoints.clone(),
        }
    }

    /// Until a signal comes (well) or the engine ends (not well).
    async fn until_told(
        &self,
        mut terminate: Signal,
        mut interrupt: Signal,
    ) -> Result<(), DaemonError> {
        let mut facts = self.handle.facts();
        tokio::select! {
            _ = terminate.recv() => Ok(()),
            _ = interrupt.recv() => Ok(()),
            _ = facts.wait_for(|f| f.closed == Some(Refused::Poisoned)) => {
                Err(DaemonError::EngineGone)
            }
        }
    }
}

/// How much of a key is shown: enough to compare by eye.
const KEY_SHOWN_BYTES: usize = 8;

fn status_source(reporter: &Arc<Reporter>) -> StatusSource {
    let reporter = reporter.clone();
    Arc::new(move || {
        let text = serde_json::to_vec(&reporter.status());
        text.expect("a status is JSON").into()
    })
}

/// Gives memory back from time to time, for as long as the daemon runs.
async fn keep_small() {
    loop {
        tokio::time::sleep(GIVES_BACK_EVERY).await;
        give_back();
    }
}

/// Waits for an edge to stop; one that does not is left behind.
async fn finish(edge: &'static str, mut task: JoinHandle<()>) {
    if tokio::time::timeout(STOP_PATIENCE, &mut task).await.is_err() {
        tracing::warn!(edge, "an edge does not stop in time");
        task.abort();
    }
}

fn notify(state: NotifyState<'_>) {
    if let Err(why) = sd_notify::notify(&[state]) {
        tracing::warn!(%why, "the service manager cannot be told");
    }
}
