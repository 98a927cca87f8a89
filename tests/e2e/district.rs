//! HQ, offices and links of one test, and the questions that every test asks.

use crate::forms;
use crate::leaks;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::Duration;
use tempfile::TempDir;
use wasl_protocol::join::JoinToken;
use wasl_tests::clock;
use wasl_tests::fleet::{Hq, Installation, Office};
use wasl_tests::http::Http;
use wasl_tests::process::Binary;
use wasl_tests::sample;
use wasl_tests::wire::{Link, Wires};

/// How long anything may take that takes less than a second where nothing else runs.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// An impatient link: tests are in more of a hurry than offices.
const SETTINGS: &str = "[link]\nbackoff_max_s = 1\nconnect_timeout_s = 3\n";

/// Dropped in this order: HQ, links, files.
pub struct District {
    pub hq: Hq,
    wires: Wires,
    dir: TempDir,
    binary: Binary,
}

impl District {
    /// A district whose HQ runs.
    pub fn new() -> Self {
        Self::new_in(TempDir::with_prefix("wasl-").unwrap())
    }

    /// The same in this folder.
    pub fn new_in(dir: TempDir) -> Self {
        let binary = Binary::at(env!("CARGO_BIN_EXE_wasl-demo"));
        let mut hq = Hq::init(&binary, dir.path(), "hq").unwrap();
        hq.at.overhear();
        hq.at.run().unwrap();
        Self { hq, wires: Wires::new().unwrap(), dir, binary }
    }

    /// The district that lies in this folder already, its HQ moved to a free port; nothing runs.
    pub fn found(dir: TempDir) -> Self {
        let binary = Binary::at(env!("CARGO_BIN_EXE_wasl-demo"));
        let mut hq = Hq::moved(&binary, dir.path(), "hq").unwrap();
        hq.at.overhear();
        Self { hq, wires: Wires::new().unwrap(), dir, binary }
    }

    /// An office that lies in the district's folder already, and does not run.
    pub fn found_office(&self, id: &str) -> Office {
        let mut office = Office::moved(&self.binary, self.root(), id, self.link()).unwrap();
        office.at.overhear();
        office
    }

    /// Another headquarters, that runs too.
    pub fn another_hq(&self) -> Hq {
        let mut hq = Hq::init(&self.binary, self.dir.path(), "hq2").unwrap();
        hq.at.overhear();
        hq.at.run().unwrap();
        hq
    }

    /// Where everything of this district lies.
    pub fn root(&self) -> &Path {
        self.dir.path()
    }

    /// A token for one of the fourteen offices.
    pub fn token(&self, id: &str) -> JoinToken {
        let office = sample::offices().into_iter().find(|office| office.id == id);
        self.hq.add(&office.expect("one of the fourteen")).unwrap()
    }

    /// A link to HQ.
    pub fn link(&self) -> Link {
        self.wires.link(self.hq.address(), 1).unwrap()
    }

    /// An installation called `name` that is no office yet.
    pub fn stranger(&self, name: &str) -> Office {
        let mut stranger = Office::stranger(&self.binary, self.root(), name, self.link());
        stranger.at.overhear();
        stranger
    }

    /// An office that has joined and does not run.
    pub fn joined(&self, id: &str) -> Office {
        let (token, link) = (self.token(id), self.link());
        let mut office = Office::join(&self.binary, self.root(), token, link).unwrap();
        office.at.overhear();
        let conf_d = office.at.dir().join("conf.d");
        fs::create_dir_all(&conf_d).unwrap();
        fs::write(conf_d.join("tests.toml"), SETTINGS).unwrap();
        office
    }

    /// An office that runs.
    pub fn office(&self, id: &str) -> Office {
        let mut office = self.joined(id);
        office.at.run().unwrap();
        office
    }

    /// HQ and the office have the same records in the same states, and the same journal.
    /// Answers the ids.
    pub fn agree(&self, office: &Office) -> BTreeSet<String> {
        synced(office);
        let here = listed(&office.at, &[]);
        let there = listed(&self.hq.at, &["--office", &office.id]);
        assert!(here == there, "HQ and {} list other records", office.id);
        let (mut at_office, mut at_hq) = (office.at.http().unwrap(), self.hq.at.http().unwrap());
        for id in &here {
            let (a, b) = (record(&mut at_office, id), record(&mut at_hq, id));
            assert_eq!(a["version_vector"], b["version_vector"], "{id}");
            assert_eq!(a["groups"], b["groups"], "{id}");
            assert!(!a["groups"].as_object().unwrap().is_empty());
        }
        self.same_journal(office);
        here
    }

    /// All chains verify, they are the same ones, and the newest ends at the same position. One that
    /// another goes on from may have more behind its end, here or there.
    fn same_journal(&self, office: &Office) {
        let verified = office.at.call(&["journal", "verify", "--json"]).unwrap();
        self.hq.at.call(&["journal", "verify", &office.id]).unwrap();
        let verified: Value = serde_json::from_str(&verified).unwrap();
        let here: Vec<_> = verified["items"].as_array().unwrap().iter().collect();
        let here: Vec<_> = here.iter().filter(|log| log["log"] == "journal").collect();
        let hq = self.hq.at.get(&format!("/v1/offices/{}", office.id)).unwrap();
        let there = hq["journals"].as_array().unwrap();
        assert_eq!(here.len(), there.len());
        let ours: BTreeSet<_> = here.iter().map(|log| log["journal"].as_str()).collect();
        let theirs: BTreeSet<_> = there.iter().map(|log| log["journal"].as_str()).collect();
        assert_eq!(ours, theirs);
        let newest = &office.at.status().unwrap()["sync"]["journal"];
        let here = here.iter().find(|log| log["journal"] == *newest).expect("it is there");
        let there = there.iter().find(|log| log["journal"] == *newest).expect("HQ has it");
        assert_eq!([&here["entries"], &here["head"]], [&there["seq"], &there["head"]]);
    }

    /// Nothing personal can be read in whatever this district has said of itself. Every district
    /// is asked at its end; a test asks when it has planted something.
    pub fn no_personal_data_in_logs(&self) {
        drop(self.hq.at.listen());
        let found = leaks::scan(self.root());
        assert!(found.leaks.is_empty(), "personal data (I12):\n{}", found.leaks.join("\n"));
        assert!(found.logs >= 1, "no log was read");
    }
}

impl Drop for District {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.no_personal_data_in_logs();
        }
    }
}

/// Waits until the office says that it is synced.
pub fn synced(office: &Office) {
    let timeout = PATIENCE.as_secs().to_string();
    if let Err(why) = office.at.call(&["wait", "--synced", "--timeout", &timeout]) {
        let status = office.at.status().unwrap_or_default();
        let log = fs::read_to_string(office.at.log()).unwrap_or_default();
        panic!("{why}\n{status:#}\n{log}");
    }
}

/// Waits until the office's status says so.
pub fn until(office: &Office, what: &str, so: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    let asked = clock::until(PATIENCE, || {
        last = office.at.status().ok()?;
        so(&last).then(|| last.clone())
    });
    asked.unwrap_or_else(|| panic!("{}: not {what}: {last:#}", office.id))
}

/// One record, as a daemon has it.
pub fn record(http: &mut Http, id: &str) -> Value {
    http.get(&format!("/v1/records/{id}")).unwrap()
}

/// The ids of the records that an installation lists; `which` narrows them.
pub fn listed(at: &Installation, which: &[&str]) -> BTreeSet<String> {
    let words = [&["record", "list", "--json"], which].concat();
    ids(&at.call(&words).unwrap())
}

/// The ids in a list.
pub fn ids(list: &str) -> BTreeSet<String> {
    let list: Value = serde_json::from_str(list).unwrap();
    let items = list["items"].as_array().expect("a list has items");
    let ids: BTreeSet<_> = items.iter().map(|i| i["id"].as_str().unwrap().to_string()).collect();
    assert_eq!(ids.len(), items.len(), "a record is listed once");
    ids
}

/// What `wasl enroll` said.
pub struct Enrolled {
    pub code: Option<i32>,
    /// The answers, in order.
    pub answers: Vec<Value>,
    /// What it said on stderr.
    pub said: String,
}

impl Enrolled {
    pub fn of(out: &Output) -> Self {
        let text = String::from_utf8(out.stdout.clone()).unwrap();
        // A client that was cut off may leave the beginning of a line.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let answers = whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        Self { code: out.status.code(), answers, said }
    }

    pub fn ids(&self) -> BTreeSet<String> {
        self.answers.iter().map(|a| a["id"].as_str().unwrap().to_string()).collect()
    }

    pub fn numbers(&self) -> Vec<&str> {
        self.answers.iter().map(|a| a["form_number"].as_str().unwrap()).collect()
    }
}

/// Enrolls some lines, whatever becomes of them.
pub fn try_enroll(office: &Office, lines: impl AsRef<[u8]>) -> Enrolled {
    Enrolled::of(&office.at.output(&["enroll", "-"], lines.as_ref()).unwrap())
}

/// Enrolls forms `range` of the office, all of which are taken.
pub fn enroll(office: &Office, range: std::ops::Range<usize>) -> Enrolled {
    let enrolled = try_enroll(office, forms::lines(&office.id, range.clone()));
    assert_eq!(enrolled.code, Some(0), "{}", enrolled.said);
    let wanted: Vec<_> = range.map(|n| forms::number(&office.id, n)).collect();
    assert_eq!(enrolled.numbers(), wanted, "answered in order");
    enrolled
}
