//! What is logged, on stderr: the level follows the config in force.

use std::io::{self, IsTerminal as _};
use std::sync::Arc;

use tokio::sync::watch;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Registry, fmt, reload};
use wasl_protocol::edition::LogLevel;

use crate::config::InForce;

/// Sets the level of the log.
pub(super) struct Level(reload::Handle<LevelFilter, Registry>);

/// Logs from now on, as much as is built in. None: this process logs already, and goes on as it does.
pub(super) fn start() -> Option<Level> {
    let ansi = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let (filter, level) = reload::Layer::new(filter(LogLevel::default()));
    let lines = fmt::layer().with_writer(io::stderr).with_ansi(ansi);
    let started = tracing_subscriber::registry().with(filter).with(lines).try_init();
    started.is_ok().then_some(Level(level))
}

impl Level {
    /// Logs as much as is in force, for as long as somebody says what that is.
    pub(super) async fn follow(self, mut in_force: watch::Receiver<Arc<InForce>>) {
        loop {
            let level = in_force.borrow_and_update().settings.log.level;
            if self.0.reload(filter(level)).is_err() || in_force.changed().await.is_err() {
                return;
            }
        }
    }
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}
