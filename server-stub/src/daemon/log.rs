//! What is logged, and to whom: the journal of the service manager with its fields, else stderr, as
//! lines for people or as JSON.

use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

/// How much is logged: `info`, `debug`, .. by target. The word `json` among them makes stderr one JSON
/// object a line.
const LOG: &str = "WASL_LOG";

/// What is logged when that does not say.
const LEVEL: &str = "info";

/// The word for JSON.
const JSON: &str = "json";

/// The device and inode of the stream that the service manager has connected to its journal.
const JOURNAL_STREAM: &str = "JOURNAL_STREAM";

/// What our fields begin with in the journal: `WASL_CODE=..`.
const FIELD_PREFIX: &str = "WASL";

/// Logs from now on. A second one in the same process, as in a test, leaves the first in place.
pub(crate) fn start() {
    let (filter, json) = wanted(&std::env::var(LOG).unwrap_or_default());
    let _ = tracing_subscriber::registry().with(filter).with(sink(json)).try_init();
}

/// How much, and whether as JSON.
fn wanted(log: &str) -> (EnvFilter, bool) {
    let words = || log.split(',').map(str::trim).filter(|word| !word.is_empty());
    let levels: Vec<&str> = words().filter(|word| *word != JSON).collect();
    let levels = if levels.is_empty() { LEVEL.to_owned() } else { levels.join(",") };
    let filter = EnvFilter::try_new(levels).unwrap_or_else(|_| EnvFilter::new(LEVEL));
    (filter, words().any(|word| word == JSON))
}

/// Where lines go, and in which form.
fn sink<S>(json: bool) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    if json {
        return fmt::layer().json().flatten_event(true).with_writer(io::stderr).boxed();
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt as _;

    #[test]
    fn json_is_a_word_among_the_levels() {
        for (log, levels, json) in [
            ("", "info", false),
            ("debug", "debug", false),
            ("json", "info", true),
            ("warn, json", "warn", true),
        ] {
            let (filter, as_json) = wanted(log);
            assert_eq!((filter.to_string().as_str(), as_json), (levels, json), "{log}");
        }
    }

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
