//! `DIR/conf.d/*.toml`: where one machine is stricter than headquarters asks for. A fixed list of
//! settings; a value that would loosen one does nothing.

use std::io;
use std::path::Path;

use toml::de::{DeTable, DeValue};
use wasl_protocol::edition::{LogLevel, OfficeSettings};

use super::{SettingsError, malformed};

/// The folder in the data dir.
pub const CONF_D: &str = "conf.d";

/// How a setting is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Truth,
    Level,
}

/// Which values are the stricter ones.
#[derive(Clone, Copy)]
enum Tighter {
    Lower,
    Higher,
    /// The lower, where 0 sets no limit at all.
    LowerNot0,
    Any,
}

/// A setting that a machine may tighten. Truth is 1, a level its place in [`LEVELS`].
struct Key {
    name: &'static str,
    kind: Kind,
    tighter: Tighter,
    get: fn(&OfficeSettings) -> u64,
    set: fn(&mut OfficeSettings, u64),
}

macro_rules! number {
    ($section:ident.$field:ident, $tighter:ident) => {
        Key {
            name: concat!(stringify!($section), ".", stringify!($field)),
            kind: Kind::Number,
            tighter: Tighter::$tighter,
            get: |settings| settings.$section.$field,
            set: |settings, value| settings.$section.$field = value,
        }
    };
}

static KEYS: [Key; 15] = [
    number!(link.heartbeat_s, Lower),
    number!(link.backoff_max_s, Lower),
    number!(link.connect_timeout_s, Lower),
    number!(bandwidth.records_kbit_s, LowerNot0),
    number!(bandwidth.blobs_kbit_s, LowerNot0),
    Key {
        name: "bandwidth.blobs_after_hours",
        kind: Kind::Truth,
        tighter: Tighter::Higher,
        get: |settings| u64::from(settings.bandwidth.blobs_after_hours),
        set: |settings, value| settings.bandwidth.blobs_after_hours = value != 0,
    },
    number!(status.unacked_warn_s, Lower),
    number!(status.unacked_crit_s, Lower),
    // The more days ahead, the earlier the warning.
    number!(status.disk_warn_days, Higher),
    number!(status.disk_crit_days, Higher),
    number!(status.clock_warn_s, Lower),
    number!(status.clock_crit_s, Lower),
    number!(intake.max_waiting, Lower),
    number!(intake.record_kib, Lower),
    Key {
        name: "log.level",
        kind: Kind::Level,
        tighter: Tighter::Any,
        get: |settings| settings.log.level as u64,
        set: |settings, value| {
            let level = usize::try_from(value).ok().and_then(|at| LEVELS.get(at));
            settings.log.level = level.map_or(settings.log.level, |(_, level)| *level);
        },
    },
];

/// The levels, in their order.
const LEVELS: [(&str, LogLevel); 5] = [
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
    ("trace", LogLevel::Trace),
];

/// What the files of `conf.d` say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tighten {
    wanted: Vec<(&'static str, u64)>,
}

impl Tighten {
    /// What the files in this folder say, if it is there. Of two that set the same, the stricter
    /// counts.
    pub(super) fn load(folder: &Path) -> Result<Self, SettingsError> {
        let unreadable = |why| SettingsError::Unreadable { path: folder.to_owned(), why };
        let mut paths = match std::fs::read_dir(folder) {
            Ok(entries) => entries
                .map(|entry| entry.map(|entry| entry.path()))
                .collect::<Result<Vec<_>, _>>()
                .map_err(unreadable)?,
            Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(why) => return Err(unreadable(why)),
        };
        paths.retain(|path| path.extension().is_some_and(|end| end == "toml"));
        paths.sort();
        let mut tighten = Self::default();
        for path in paths {
            match std::fs::read_to_string(&path) {
                Ok(text) => tighten.take_in(&path, &text)?,
                Err(why) => return Err(SettingsError::Unreadable { path, why }),
            }
        }
        Ok(tighten)
    }

    fn take_in(&mut self, path: &Path, text: &str) -> Result<(), SettingsError> {
        let refused = |at: usize, why: &str| {
            let line = text.get(..at).unwrap_or_default().matches('\n').count() + 1;
            let message = format!("line {line}: {why}");
            SettingsError::Malformed { path: path.to_owned(), message }
        };
        let sections = DeTable::parse(text).map_err(|e| malformed(path, &e))?;
        for (section, fields) in sections.get_ref() {
            let Some(fields) = fields.get_ref().as_table() else {
                return Err(refused(section.span().start, &unknown(section.get_ref())));
            };
            for (field, value) in fields {
                let name = format!("{}.{}", section.get_ref(), field.get_ref());
                let read = wanted(&name, value.get_ref());
                let read = read.map_err(|why| refused(field.span().start, &why))?;
                self.wanted.push(read);
            }
        }
        Ok(())
    }

    /// Makes these settings stricter; says which keys have got their value from here.
    pub fn apply(&self, settings: &mut OfficeSettings) -> Vec<&'static str> {
        let mut won = Vec::new();
        for (key, wanted) in self.each() {
            if key.is_tighter(wanted, (key.get)(settings)) {
                (key.set)(settings, wanted);
                won.push(key.name);
            }
        }
        won.extend(fit(settings));
        won.sort_unstable();
        won.dedup();
        won
    }

    /// The keys that would loosen these settings, and so do nothing.
    pub fn loosened(&self, settings: &OfficeSettings) -> Vec<&'static str> {
        let loose = |(key, wanted): &(&Key, u64)| {
            let present = (key.get)(settings);
            *wanted != present && !key.is_tighter(*wanted, present)
        };
        self.each().filter(loose).map(|(key, _)| key.name).collect()
    }

    fn each(&self) -> impl Iterator<Item = (&'static Key, u64)> {
        self.wanted.iter().filter_map(|(name, wanted)| Some((key(name)?, *wanted)))
    }
}

impl Key {
    fn is_tighter(&self, wanted: u64, present: u64) -> bool {
        match self.tighter {
            Tighter::Lower => wanted < present,
            Tighter::Higher => wanted > present,
            Tighter::LowerNot0 => wanted != 0 && (present == 0 || wanted < present),
            Tighter::Any => wanted != present,
        }
    }
}

fn key(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

fn unknown(name: &str) -> String {
    let known: Vec<_> = KEYS.iter().map(|key| key.name).collect();
    format!("`{name}` is not set here: a machine may tighten {}", known.join(", "))
}

/// The key, and the value in its units.
fn wanted(name: &str, value: &DeValue<'_>) -> Result<(&'static str, u64), String> {
    let key = key(name).ok_or_else(|| unknown(name))?;
    let (read, want) = match key.kind {
        Kind::Number => {
            let number = value.as_integer();
            let number = number
                .and_then(|n| u64::from_str_radix(&n.as_str().replace('_', ""), n.radix()).ok());
            (number, "a whole number, 0 or more")
        }
        Kind::Truth => (value.as_bool().map(u64::from), "true or false"),
        Kind::Level => {
            let level = value.as_str().and_then(|text| LEVELS.iter().position(|l| l.0 == text));
            (level.map(|at| at as u64), "error, warn, info, debug or trace")
        }
    };
    let read = read.ok_or_else(|| format!("{name}: it must be {want}"))?;
    let mut settings = OfficeSettings::default();
    (key.set)(&mut settings, read);
    fit(&mut settings);
    settings.check().map_err(|e| e.to_string())?;
    Ok((key.name, read))
}

/// A warning never comes after what is critical, and no first wait is longer than the longest: a
/// limit beside one that was tightened follows it. Says which did.
fn fit(settings: &mut OfficeSettings) -> Vec<&'static str> {
    let (link, status) = (&mut settings.link, &mut settings.status);
    let longest_ms = link.backoff_max_s.max(1).saturating_mul(1000);
    let most = [
        ("link.backoff_min_ms", &mut link.backoff_min_ms, longest_ms),
        ("status.unacked_warn_s", &mut status.unacked_warn_s, status.unacked_crit_s),
        ("status.clock_warn_s", &mut status.clock_warn_s, status.clock_crit_s),
    ];
    let mut followed = Vec::new();
    for (name, value, most) in most {
        if *value > most {
            *value = most;
            followed.push(name);
        }
    }
    if status.disk_warn_days < status.disk_crit_days {
        status.disk_warn_days = status.disk_crit_days;
        followed.push("status.disk_warn_days");
    }
    followed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tighten(text: &str) -> Result<Tighten, String> {
        let mut tighten = Tighten::default();
        let read = tighten.take_in(Path::new("conf.d/10.toml"), text);
        read.map(|()| tighten).map_err(|e| e.to_string())
    }

    fn applied(text: &str) -> (OfficeSettings, Vec<&'static str>) {
        let mut settings = OfficeSettings::default();
        let won = tighten(text).unwrap().apply(&mut settings);
        settings.check().unwrap();
        (settings, won)
    }

    #[test]
    fn a_stricter_value_wins_and_one_that_loosens_does_nothing_and_is_listed() {
        let text = "[link]\nheartbeat_s = 5\nbackoff_max_s = 600\n[status]\ndisk_warn_days = 20\n";
        let (settings, won) = applied(text);
        assert_eq!(won, ["link.heartbeat_s", "status.disk_warn_days"]);
        assert_eq!((settings.link.heartbeat_s, settings.link.backoff_max_s), (5, 60));
        assert_eq!(settings.status.disk_warn_days, 20);
        let loose = tighten(text).unwrap().loosened(&OfficeSettings::default());
        assert_eq!(loose, ["link.backoff_max_s"]);
    }

    #[test]
    fn every_key_of_the_list_can_be_tightened() {
        for key in &KEYS {
            let value = match key.kind {
                Kind::Number => match key.tighter {
                    Tighter::Higher => "100",
                    _ => "4",
                },
                Kind::Truth => "true",
                Kind::Level => "\"error\"",
            };
            let (section, field) = key.name.split_once('.').unwrap();
            let (settings, won) = applied(&format!("[{section}]\n{field} = {value}\n"));
            assert!(won.contains(&key.name), "{}", key.name);
            assert_ne!(settings, OfficeSettings::default(), "{}", key.name);
        }
    }

    #[test]
    fn no_cap_is_the_loosest_cap() {
        assert_eq!(applied("[bandwidth]\nrecords_kbit_s = 64\n").0.bandwidth.records_kbit_s, 64);
        let mut capped = OfficeSettings::default();
        capped.bandwidth.records_kbit_s = 64;
        let none = tighten("[bandwidth]\nrecords_kbit_s = 0\n").unwrap();
        assert_eq!(none.loosened(&capped), ["bandwidth.records_kbit_s"]);
        assert!(none.apply(&mut capped).is_empty());
        assert_eq!(capped.bandwidth.records_kbit_s, 64);
    }

    #[test]
    fn the_limit_beside_a_tightened_one_follows_it() {
        let (settings, won) = applied("[status]\nunacked_crit_s = 3600\ndisk_crit_days = 30\n");
        assert_eq!(settings.status.unacked_warn_s, 3600);
        assert_eq!(settings.status.disk_warn_days, 30);
        let moved = ["status.disk_crit_days", "status.disk_warn_days"];
        assert_eq!(won[..2], moved);
        assert_eq!(won[2..], ["status.unacked_crit_s", "status.unacked_warn_s"]);
        let mut slow = OfficeSettings::default();
        slow.link.backoff_min_ms = 30_000;
        tighten("[link]\nbackoff_max_s = 1\n").unwrap().apply(&mut slow);
        assert_eq!((slow.link.backoff_max_s, slow.link.backoff_min_ms), (1, 1000));
    }

    #[test]
    fn what_is_not_in_the_list_is_refused_with_file_line_and_what_is_allowed() {
        for (text, line, name) in [
            ("[link]\nheartbeat_s = 5\nheartbeats = 6\n", 3, "link.heartbeats"),
            ("\n[fields]\nmandatory = []\n", 3, "fields.mandatory"),
            ("fsync = false\n", 1, "fsync"),
        ] {
            let e = tighten(text).unwrap_err();
            let start = format!("conf.d/10.toml: line {line}: `{name}` is not set here: ");
            assert!(e.starts_with(&start), "{e}");
            assert!(e.contains("link.heartbeat_s") && e.contains("log.level"), "{e}");
        }
        assert!(tighten("[link\n").unwrap_err().contains("line 1"));
    }

    #[test]
    fn a_value_out_of_range_or_of_another_type_is_refused_with_its_line() {
        for (text, why) in [
            ("[link]\nheartbeat_s = 0\n", "line 2: link.heartbeat_s: 0 is not allowed: it must be"),
            ("[link]\nbackoff_max_s = 0\n", "line 2: link.backoff_max_s: 0 is not allowed"),
            ("[link]\nheartbeat_s = -1\n", "line 2: link.heartbeat_s: it must be a whole number"),
            ("[link]\nheartbeat_s = 1.5\n", "line 2: link.heartbeat_s: it must be a whole number"),
            ("[log]\nlevel = \"loud\"\n", "line 2: log.level: it must be error, warn, info"),
            ("[bandwidth]\nblobs_after_hours = 1\n", "blobs_after_hours: it must be true or false"),
        ] {
            let e = tighten(text).unwrap_err();
            assert!(e.contains(why), "{e}");
        }
    }

    #[test]
    fn all_toml_files_count_whatever_their_order_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("a.toml", "[link]\nheartbeat_s = 7\n"),
            ("b.toml", "[link]\nheartbeat_s = 9\n[log]\nlevel = \"debug\"\n"),
            ("README", "no settings"),
        ] {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        let mut settings = OfficeSettings::default();
        let won = Tighten::load(dir.path()).unwrap().apply(&mut settings);
        assert_eq!(won, ["link.heartbeat_s", "log.level"]);
        assert_eq!((settings.link.heartbeat_s, settings.log.level), (7, LogLevel::Debug));
    }
}
