//! The running HQ: opens what it needs, starts gateway and console, and stops them cleanly. The
//! only place that spawns.

mod log; // what is logged

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use sd_notify::NotifyState;
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::bundle::Bundles;
use crate::console::{Console, Live};
use crate::gateway::{Gateway, GatewayConfig, GatewayError, Sessions};
use crate::habit::Hour;
use crate::metrics;
use crate::registry::{HqKeys, RegistryError};
use crate::seam::World;
use crate::settings::{Settings, SettingsError};
use crate::status::Running;
use crate::store::{DATABASE, Store, StoreError};

pub(crate) use log::start as start_log;

/// The name of the console's socket in the data dir.
pub const SOCKET: &str = "hq.sock";

/// The name of the file that one running HQ locks.
const LOCK: &str = "hq.lock";

/// The longest path of a Unix socket on Linux, in bytes, its final zero not counted.
const SOCKET_PATH_BYTES: usize = 107;

/// How long people's commands that are under way have when HQ stops.
const LAST_COMMANDS: Duration = Duration::from_secs(3);

/// How often a rollout looks whether it can go on.
const ROLLOUT_TICK: Duration = Duration::from_secs(1);

/// How often it is looked which offices are heard.
const HABIT_TICK: Duration = Duration::from_secs(5);

/// Why HQ does not run.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The data dir's path does not leave room for the socket's.
    #[error("{}: {} bytes, and a socket's path has at most {SOCKET_PATH_BYTES}", .0.display(), .0.as_os_str().len())]
    SocketPath(PathBuf),
    /// Another HQ runs here.
    #[error("{}: another wasl-hq runs on this data dir", .0.display())]
    Running(PathBuf),
    /// The keys.
    #[error(transparent)]
    Keys(#[from] RegistryError),
    /// The settings.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The UDP port.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// The disk, or the system.
    #[error("{}: {source}", .path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The path of the console's socket, if it is not too long for one.
pub fn socket_path(dir: &Path) -> Result<PathBuf, DaemonError> {
    let path = dir.join(SOCKET);
    if path.as_os_str().len() > SOCKET_PATH_BYTES {
        return Err(DaemonError::SocketPath(path));
    }
    Ok(path)
}

/// Runs HQ on a data dir until it is told to stop by SIGTERM or SIGINT; what is only looked at is
/// shown at `http` too. When it accepts, one line of JSON with its addresses goes to `ready`.
pub async fn run(
    dir: &Path,
    http: Option<SocketAddr>,
    (world, mut ready): (World, impl Write),
) -> Result<(), DaemonError> {
    let path = socket_path(dir)?;
    let settings = Settings::load(dir)?;
    let keys = HqKeys::load(dir)?;
    let _lock = lock(dir)?;
    let mut stopped = Stopped::listen().map_err(at(dir))?;
    let store = Store::reopen(&dir.join(DATABASE), &keys, world.clone()).await?;
    let gateway = Gateway::bind(settings.listen, &keys, &world)?;
    let quic = gateway.address();
    let socket = bind(&path).map_err(at(&path))?;
    let shown = listen(http).await?;
    let http = shown.as_ref().and_then(|shown| shown.local_addr().ok());
    let sessions = Sessions::default();
    let running = Running {
        started_at: world.clock.unix(),
        endpoint: settings.public.unwrap_or_else(|| quic.to_string()),
        sessions: sessions.clone(),
        limits: settings.status,
    };
    let exposed =
        metrics::Sources { store: store.clone(), world: world.clone(), running: running.clone() };
    let config = GatewayConfig {
        world: world.clone(),
        store: store.clone(),
        keys: keys.clone(),
        sessions: sessions.clone(),
    };
    let bundles = Bundles { config: config.clone() };
    let live = Some(Live { running, hq: keys.transport_key(), bundles });
    let console = Console { store: store.clone(), world: world.clone(), live };
    let (stop, stopping) = watch::channel(false);
    let rollouts = tokio::spawn(watch_rollouts(config.clone(), stopping.clone()));
    let exposing = tokio::spawn(keep(exposed, settings.metrics.textfile, stopping.clone()));
    let habits = tokio::spawn(watch_habits(config.clone(), stopping.clone()));
    let gateway = tokio::spawn(gateway.serve(config, stopping.clone()));
    let showing = shown.map(|shown| tokio::spawn(console.clone().show(shown, stopping.clone())));
    let console = tokio::spawn(console.serve(socket, stopping));
    let addresses =
        serde_json::json!({"ready": true, "quic": quic.to_string(), "socket": path, "http": http});
    writeln!(ready, "{addresses}").and_then(|()| ready.flush()).map_err(at(dir))?;
    notify(NotifyState::Ready);
    tracing::info!(%quic, epoch = %store.epoch(), "HQ accepts");
    stopped.wait().await;
    notify(NotifyState::Stopping);
    tracing::info!("HQ stops");
    stop.send_replace(true);
    let (rollouts, habits, exposing) = (rollouts.await, habits.await, exposing.await);
    if gateway.await.is_err()
        || rollouts.is_err()
        || habits.is_err()
        || exposing.is_err()
        || matches!(timeout(LAST_COMMANDS, console).await, Ok(Err(_)))
    {
        tracing::error!("a part of HQ had ended before");
    }
    if let Some(showing) = showing {
        let _ = timeout(LAST_COMMANDS, showing).await;
    }
    store.close().await;
    fs::remove_file(&path).map_err(at(&path))
}

/// Keeps the metrics in a file, where one is wanted.
async fn keep(exposed: metrics::Sources, path: Option<PathBuf>, stop: watch::Receiver<bool>) {
    if let Some(path) = path {
        exposed.keep(&path, stop).await;
    }
}

/// Opens HTTP for what is only looked at.
async fn listen(http: Option<SocketAddr>) -> Result<Option<TcpListener>, DaemonError> {
    let Some(http) = http else { return Ok(None) };
    let opened = TcpListener::bind(http).await;
    Ok(Some(opened.map_err(|source| DaemonError::Io { path: http.to_string().into(), source })?))
}

/// Tells the store once a second who is connected, so that a rollout goes on.
async fn watch_rollouts(config: GatewayConfig, mut stop: watch::Receiver<bool>) {
    let GatewayConfig { world, store, sessions, .. } = config;
    let mut ticks = interval(ROLLOUT_TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before = world.clock.mono();
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            _ = ticks.tick() => {}
        }
        let now = world.clock.mono();
        let connected = sessions.list().into_iter().map(|session| session.office).collect();
        if let Err(error) = store.tick(connected, now.since_ms(before)).await {
            tracing::error!(%error, "a rollout could not be driven");
        }
        before = now;
        // Fed by the store's answers: one that hangs ends this life.
        notify(NotifyState::Watchdog);
    }
}

/// Notes which offices are heard in which hour: what their habits come from.
async fn watch_habits(config: GatewayConfig, mut stop: watch::Receiver<bool>) {
    let GatewayConfig { world, store, sessions, .. } = config;
    let mut ticks = interval(HABIT_TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut noted_in, mut noted, mut stopping) = (None, BTreeSet::new(), false);
    while !stopping {
        // However short a life: that HQ ran in this hour is noted before it ends.
        stopping = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => true,
            _ = ticks.tick() => false,
        };
        let hour = Hour::of(world.clock.unix());
        let heard: BTreeSet<_> = sessions.list().into_iter().map(|s| s.office).collect();
        if noted_in == Some(hour) && heard.is_subset(&noted) {
            continue;
        }
        if let Err(error) = store.note_heard(hour, &heard).await {
            tracing::error!(%error, "it could not be noted which offices were heard");
            continue;
        }
        if noted_in.replace(hour) != Some(hour) {
            noted.clear();
        }
        noted.extend(heard);
    }
}

/// What ends the daemon.
struct Stopped {
    term: tokio::signal::unix::Signal,
    int: tokio::signal::unix::Signal,
}

impl Stopped {
    fn listen() -> io::Result<Self> {
        Ok(Self { term: signal(SignalKind::terminate())?, int: signal(SignalKind::interrupt())? })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }
}

/// Keeps any other HQ from running in `dir` until it is dropped.
pub(crate) fn lock(dir: &Path) -> Result<File, DaemonError> {
    let path = dir.join(LOCK);
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = file.map_err(at(&path))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(DaemonError::Running(dir.to_owned())),
        Err(e) => Err(at(&path)(e.into())),
    }
}

/// Binds the socket; one that a killed HQ left behind goes. We hold the lock: nobody listens there.
fn bind(path: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let socket = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(socket)
}

fn notify(state: NotifyState<'_>) {
    // Without a service manager there is nobody to tell.
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::debug!(%error, "the service manager was not told");
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> DaemonError + use<> {
    let path = path.to_owned();
    move |source| DaemonError::Io { path, source }
}
