//! The daemon: the only place that spawns. It starts the engine, the config and the edges round them,
//! and stops them in order: first intake, then the link, then config, then the engine.

mod exposed; // what a monitoring system is shown
mod gates; // what is watched while an edition is on trial
mod log; // what is logged
mod shown; // what a browser is shown
mod service; // what the service manager hands over, and is told

use std::io::{self, Write as _};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use wasl_protocol::edition::{AgentVersion, Who};
use wasl_protocol::entry::Log as Purpose;

use crate::bundle::Bundles;
use crate::config::{self, Config};
use crate::engine::{self, EngineConfig, EngineError, Handle, Notice, Refused, Running};
use crate::facts::{LinkFacts, LinkState};
use crate::format::{self, FormatError};
use crate::intake::{
    Counts, Door, Intake, IntakeError, Listeners, Receipts, StatusSource, socket_path,
};
use crate::keystore::{Identity, KeyFile, KeystoreError, Office};
use crate::link::{self, Credentials, IdentityError, LinkConfig};
use crate::mirror::Restored;
use crate::pause::Pauses;
use crate::receipt::Counter;
use crate::seam::{DirLock, LockError, World, give_back};
use crate::settings::Local;
use crate::status::{self, AgentStatus, IdentityStatus, Known, OfficeStatus, Reporter, Sources};
use exposed::Exposed;
use gates::Gates;
pub use service::GivenError;
use service::notify;
use shown::page_source;

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
    /// The data dir is a newer version's.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The sockets.
    #[error(transparent)]
    Intake(#[from] IntakeError),
    /// The keys, as TLS wants them.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// What the service manager hands over.
    #[error(transparent)]
    Given(#[from] GivenError),
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
    let socket = service::socket(&socket_path(&options.dir)?)?;
    let level = log::start();
    let world = World::real();
    format::check(&world, &options.dir)?;
    let key = KeyFile::locate(&options.dir, options.key_file.as_deref())?;
    let identity = Identity::load(&world, &options.dir, &key)?;
    let office = Office::load(&world, &identity)?;
    let _lock = DirLock::take(&options.dir)?;
    format::enter(&world, &options.dir)?;
    let config = EngineConfig {
        hq: office.hq.verify_key,
        view_cache_bytes: options.local.machine.view.cache_mib * BYTES_PER_MIB,
    };
    let Running { handle, thread } = {
        let mirror = options.local.machine.mirror.as_deref();
        engine::start_mirrored(&world, &identity, config, mirror, &mut tell)?
    };
    engine::scrub(&world, &options.dir, &handle, options.local.machine.mirror.clone())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .max_blocking_threads(BLOCKING_THREADS)
        .enable_all()
        .build()?;
    let parts = Parts { options, world, key, identity, office, handle };
    let served = runtime.block_on(parts.serve(level, socket));
    runtime.shutdown_background();
    // An engine that failed says best why; one that panicked cannot say what it stored.
    thread.join().map_err(|_| DaemonError::EngineGone)??;
    served
}

fn name(log: Purpose) -> &'static str {
    if log == Purpose::Journal { "journal" } else { "inbox" }
}

/// Says on stderr what the start found and what it does about it, however quiet the log is.
fn tell(notice: Notice) {
    match notice {
        Notice::Torn(torn) => eprintln!(
            "a crash left {} unfinished bytes after entry {} of the {}: cut, and kept in {}",
            torn.bytes,
            torn.after.seq,
            name(torn.log),
            torn.kept.display()
        ),
        Notice::InboxRenewed { aside: Some(aside) } => eprintln!(
            "the inbox was damaged: HQ sends its news anew; the old one is kept in {}",
            aside.display()
        ),
        Notice::InboxRenewed { aside: None } => {
            eprintln!("there was no inbox: HQ sends its news anew");
        }
        Notice::Holes => {
            eprintln!("entries of the journal cannot be read: `wasl status` says more");
        }
        Notice::Restored(Restored { log, first, last }) => {
            eprintln!("entries {first} to {last} of the {} came back from the mirror", name(log));
        }
        Notice::Reborn { journal, common } => eprintln!(
            "this disk was restored or cloned: behind entry {common}, which headquarters has too, \
             its journal goes on as {journal}; nothing is lost"
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
    async fn serve(
        self,
        level: Option<log::Level>,
        socket: Option<UnixListener>,
    ) -> Result<(), DaemonError> {
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
        let listeners = Listeners::open(&self.options.dir, socket, http).await?;
        let ready = self.ready_line(&listeners);

        let (stop_intake, intake_stops) = watch::channel(false);
        let (stop_rest, rest_stops) = watch::channel(false);
        let (kicks, kicked) = watch::channel(0);
        let (publish, link_state) = watch::channel(LinkFacts::default());
        let known = self.known(&credentials);
        let sources = Sources {
            facts: self.handle.facts(),
            link: link_state.clone(),
            config: config.facts(),
            in_force: config.in_force(),
            http: listeners.facts(),
            mirror: self.handle.mirror(),
        };
        let (dir, world) = (self.options.dir.clone(), self.world.clone());
        let reporter = Arc::new(Reporter::new(known, dir, sources, world));
        let counts = Arc::<Counts>::default();
        let exposed = Exposed::new(&reporter, &self.handle, &link_state, &counts);
        let pauses = Pauses::open(&self.world, &self.options.dir);
        let intake = Intake {
            pauses: pauses.clone(),
            door: self.door(),
            kicks,
            status: status_source(&reporter),
            page: page_source(&reporter, config.in_force()),
            stop: intake_stops.clone(),
            in_force: config.in_force(),
            config: config.clone(),
            metrics: exposed.source(),
            counts,
            receipts: self.receipts(link_state),
            bundles: self.bundles(&config),
        };
        let gates = self.gates(&config, &listeners, &intake.counts);

        let serving =
            tokio::spawn(listeners.serve(intake.router(), config.in_force(), intake_stops));
        let watching = tokio::spawn(gates.watch(rest_stops.clone()));
        let link = self.link_config(credentials, config, pauses);
        let linking = tokio::spawn(link::run(link, publish, kicked, rest_stops.clone()));
        let textfile = self.options.local.machine.metrics_textfile.clone();
        let exposing = tokio::spawn(exposed.keep(textfile, rest_stops.clone()));
        let writing = tokio::spawn(keep_status(reporter, self.status_place(), rest_stops.clone()));

        let rest =
            [("link", linking), ("status", writing), ("gates", watching), ("metrics", exposing)];
        let edges = Edges {
            intake: (stop_intake, serving),
            rest: (stop_rest, rest),
            config: (stop_config, configuring),
        };
        self.tell_ready(&ready, rest_stops);
        let ended = self.until_told(terminate, interrupt).await;
        notify(NotifyState::Stopping);
        tracing::info!("stopping");
        edges.stop().await;
        self.handle.stop().await;
        ended
    }

    /// Where `status.json` goes.
    fn status_place(&self) -> PathBuf {
        let runtime_dir = std::env::var_os("RUNTIME_DIRECTORY").map(PathBuf::from);
        status::place(&self.options.dir, runtime_dir.as_deref())
    }

    /// Tells whoever started us, and from then on, if it watches, that the engine turns.
    fn tell_ready(&self, line: &serde_json::Value, stop: watch::Receiver<bool>) {
        if let Some(period) = service::watchdog() {
            let fed = || notify(NotifyState::Watchdog);
            tokio::spawn(service::feed(period, self.handle.clone(), stop, fed));
        }
        let _ = writeln!(io::stdout(), "{line}");
        notify(NotifyState::Ready);
        tokio::spawn(keep_small());
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
                key_store: self.key.source().word().to_owned(),
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

    fn receipts(&self, link: LinkState) -> Receipts {
        let (name_ar, name_en) = (self.office.name_ar.clone(), self.office.name_en.clone());
        Receipts { counter: Counter { office: self.office.id.clone(), name_ar, name_en }, link }
    }

    fn bundles(&self, config: &Config) -> Bundles {
        Bundles {
            world: self.world.clone(),
            handle: self.handle.clone(),
            config: config.clone(),
            office: self.office.id.clone(),
            sign_key: self.identity.sign_key(),
            unwrap_key: self.identity.unwrap_key(),
            hq_sign_key: self.office.hq.verify_key,
            hq_wrap_key: self.office.hq.wrap_key,
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

    fn link_config(&self, credentials: Credentials, config: Config, pauses: Pauses) -> LinkConfig {
        LinkConfig {
            world: self.world.clone(),
            handle: self.handle.clone(),
            config,
            pauses,
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

/// What runs round the engine, in the order in which it stops.
struct Edges {
    intake: (watch::Sender<bool>, JoinHandle<()>),
    rest: (watch::Sender<bool>, [(&'static str, JoinHandle<()>); 4]),
    config: (watch::Sender<bool>, JoinHandle<()>),
}

impl Edges {
    async fn stop(self) {
        let _ = self.intake.0.send(true);
        finish("intake", self.intake.1).await;
        let _ = self.rest.0.send(true);
        for (edge, task) in self.rest.1 {
            finish(edge, task).await;
        }
        let _ = self.config.0.send(true);
        finish("config", self.config.1).await;
    }
}

async fn keep_status(reporter: Arc<Reporter>, place: PathBuf, stop: watch::Receiver<bool>) {
    reporter.keep(&place, stop).await;
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
