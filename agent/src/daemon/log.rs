//! What is logged, and to whom: the journal of the service manager with its fields, else stderr, as
//! lines for people or as JSON. The level follows the config in force.

use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd;
use std::sync::Arc;

use tokio::sync::watch;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Registry, fmt, reload};
use wasl_protocol::edition::LogLevel;

use crate::config::InForce;

/// Sets the level of the log.
pub(super) struct Level(reload::Handle<LevelFilter, Registry>);

/// Set to `json`, stderr gets one JSON object a line.
const FORM: &str = "WASL_LOG";

/// The device and inode of the stream that the service manager has connected to its journal.
const JOURNAL_STREAM: &str = "JOURNAL_STREAM";

/// What our fields begin with in the journal: `WASL_CODE=..`.
const FIELD_PREFIX: &str = "WASL";

/// Logs from now on, as much as is built in. None: this process logs already, and goes on as it does.
pub(super) fn start() -> Option<Level> {
    let (filter, level) = reload::Layer::new(filter(LogLevel::default()));
    let started = tracing_subscriber::registry().with(filter).with(sink()).try_init();
    started.is_ok().then_some(Level(level))
}

/// Where lines go, and in which form.
fn sink<S>() -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    if std::env::var(FORM).is_ok_and(|form| form == "json") {
        let lines = fmt::layer().json().flatten_event(true).with_writer(io::stderr);
        return lines.boxed();
    }
    let journal = is_journal(std::env::var(JOURNAL_STREAM).ok().as_deref(), io::stderr());
    if journal && let Ok(journal) = tracing_journald::layer() {
        return journal.with_field_prefix(Some(FIELD_PREFIX.to_owned())).boxed();
    }
    let ansi = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    fmt::layer().with_writer(io::stderr).with_ansi(ansi).boxed()
}

/// Is `stream` the one that the service manager names, `device:inode`? Else somebody has sent it
/// elsewhere since.
fn is_journal(named: Option<&str>, stream: impl AsFd) -> bool {
    let parts = named.and_then(|named| named.split_once(':'));
    let parts = parts.and_then(|(device, inode)| {
        Some((device.parse::<u64>().ok()?, inode.parse::<u64>().ok()?))
    });
    let found = rustix::fs::fstat(stream.as_fd()).ok();
    matches!((parts, found), (Some(named), Some(found)) if named == (found.st_dev, found.st_ino))
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt as _;

    #[test]
    fn only_the_stream_that_the_service_manager_names_is_its_journal() {
        let file = tempfile::tempfile().unwrap();
        let found = file.metadata().unwrap();
        let named = format!("{}:{}", found.dev(), found.ino());
        assert!(is_journal(Some(&named), &file));
        let another = format!("{}:{}", found.dev(), found.ino() + 1);
        for named in [None, Some(""), Some("1"), Some("a:b"), Some(another.as_str())] {
            assert!(!is_journal(named, &file), "{named:?}");
        }
    }
}
